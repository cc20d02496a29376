//! `ca.software`: receives the file of a program.

use super::manifest::{manifest, output};
use super::{Action, Effect, Inputs, Intent, IntentOnDisk, Kind, Manifest, Observed, Outputs, ReadCx, WriteAction, WriteCx, portal, received};
use crate::backend::profile::Operation;
use crate::backend::{BackendError, Progress, Verb};
use crate::dsl::Type;
use crate::text::Phrase;

/// The action.
pub(super) struct CaSoftware;

impl Action for CaSoftware {
    fn manifest(&self) -> Manifest {
        Manifest {
            effect: Effect::Write,
            remote: true,
            repeatable: true,
            inputs: vec![portal::role_input(), portal::client_input()],
            outputs: vec![output("file", Type::File, "受け取ったプログラムのファイル。", "the received file of the program.").shown_once()],
            codes: portal::FILE_CODES.to_vec(),
            observe: Some(portal::FILE_OBSERVE),
            verbs: vec![Verb::Read, Verb::Write],
            operation: Some(Operation::Software),
            ..manifest(
                "ca.software",
                Phrase { ja: "プログラムを受け取る", en: "Receive a program" },
                Phrase {
                    ja: "端末に入れるプログラムのファイルを受け取ります。実行はしません。何回でも受け取れます。",
                    en: "Receives the file of a program. It is not run. May be repeated.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Write(self)
    }
}

impl WriteAction for CaSoftware {
    fn observe(&self, _cx: &ReadCx<'_>, _inputs: &Inputs, _intent: Option<&Intent>) -> Result<Observed, BackendError> {
        Ok(received::look())
    }

    fn perform(&self, cx: &WriteCx<'_>, inputs: &Inputs, _intent: &IntentOnDisk) -> Result<Progress<Outputs>, BackendError> {
        received::software(cx, inputs)
    }

    fn preflight(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
        portal::preflight(cx, inputs, Operation::Software)
    }
}

//! `ca.obtain`: receives a first certificate with the IDs of a notice, and checks the file before it ends.

use super::manifest::manifest;
use super::{Action, Effect, Inputs, Intent, IntentOnDisk, Kind, Manifest, Observed, Outputs, ReadCx, WriteAction, WriteCx, portal, received};
use crate::backend::profile::Operation;
use crate::backend::{BackendError, Progress, Verb};
use crate::text::Phrase;

/// The action.
pub(super) struct CaObtain;

impl Action for CaObtain {
    fn manifest(&self) -> Manifest {
        Manifest {
            effect: Effect::Write,
            remote: true,
            repeatable: true,
            inputs: vec![portal::role_input()],
            outputs: vec![portal::file_output()],
            codes: portal::FILE_CODES.to_vec(),
            observe: Some(portal::FILE_OBSERVE),
            verbs: vec![Verb::Read, Verb::Write],
            operation: Some(Operation::Obtain),
            ..manifest(
                "ca.obtain",
                Phrase { ja: "通知書の番号で証明書を受け取る", en: "Receive a certificate with the IDs of a notice" },
                Phrase {
                    ja: "通知書の番号を入れて証明書ファイルを受け取り、決めたパスワードで開けることを確かめてから終わります。",
                    en: "Receives the certificate file with the IDs of the notice and ends only after it opened with the chosen password.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Write(self)
    }
}

impl WriteAction for CaObtain {
    fn observe(&self, _cx: &ReadCx<'_>, _inputs: &Inputs, _intent: Option<&Intent>) -> Result<Observed, BackendError> {
        Ok(received::look())
    }

    fn perform(&self, cx: &WriteCx<'_>, inputs: &Inputs, _intent: &IntentOnDisk) -> Result<Progress<Outputs>, BackendError> {
        received::receive(cx, inputs, Operation::Obtain)
    }

    fn preflight(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
        portal::preflight(cx, inputs, Operation::Obtain)
    }
}

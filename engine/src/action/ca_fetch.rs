//! `ca.fetch`: receives an issued certificate file and checks it before it ends.

use super::manifest::manifest;
use super::{Action, Effect, Inputs, Intent, IntentOnDisk, Kind, Manifest, Observed, Outputs, ReadCx, WriteAction, WriteCx, portal, received};
use crate::backend::profile::Operation;
use crate::backend::{BackendError, Progress, Verb};
use crate::text::Phrase;

/// The action.
pub(super) struct CaFetch;

impl Action for CaFetch {
    fn manifest(&self) -> Manifest {
        Manifest {
            effect: Effect::Write,
            remote: true,
            repeatable: true,
            inputs: vec![portal::role_input(), portal::client_input()],
            outputs: vec![portal::file_output()],
            codes: portal::FILE_CODES.to_vec(),
            observe: Some(portal::FILE_OBSERVE),
            verbs: vec![Verb::Read, Verb::Write],
            operation: Some(Operation::Fetch),
            ..manifest(
                "ca.fetch",
                Phrase { ja: "発行済みの証明書を受け取る", en: "Receive an issued certificate" },
                Phrase {
                    ja: "証明書ファイルを受け取り、決めたパスワードで開けることを確かめてから終わります。何回でも受け取れます。",
                    en: "Receives the certificate file and ends only after it opened with the chosen password. May be repeated.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Write(self)
    }
}

impl WriteAction for CaFetch {
    fn observe(&self, _cx: &ReadCx<'_>, _inputs: &Inputs, _intent: Option<&Intent>) -> Result<Observed, BackendError> {
        Ok(received::look())
    }

    fn perform(&self, cx: &WriteCx<'_>, inputs: &Inputs, _intent: &IntentOnDisk) -> Result<Progress<Outputs>, BackendError> {
        received::receive(cx, inputs, Operation::Fetch)
    }

    fn preflight(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
        portal::preflight(cx, inputs, Operation::Fetch)
    }
}

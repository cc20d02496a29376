//! `ca.root`: receives the root certificate, which nobody trusts yet.

use super::manifest::{manifest, output};
use super::{Action, Effect, Inputs, Intent, IntentOnDisk, Kind, Manifest, Observed, Outputs, ReadCx, WriteAction, WriteCx, portal, received};
use crate::backend::profile::Operation;
use crate::backend::{BackendError, Progress, Verb};
use crate::dsl::Type;
use crate::text::Phrase;

/// The action.
pub(super) struct CaRoot;

impl Action for CaRoot {
    fn manifest(&self) -> Manifest {
        Manifest {
            effect: Effect::Write,
            remote: true,
            repeatable: true,
            inputs: vec![portal::role_input(), portal::client_input()],
            outputs: vec![
                output(
                    "file",
                    Type::File,
                    "受け取ったルート証明書のファイル。まだ信用しない。",
                    "the received file with the root certificate; not trusted yet.",
                )
                .shown_once(),
                output(
                    "cert",
                    Type::Cert,
                    "その中のルート証明書。拇印を人に見せて確かめるため。",
                    "the root certificate in it, for a person to compare its thumbprint.",
                )
                .shown_once(),
            ],
            codes: portal::FILE_CODES.to_vec(),
            observe: Some(portal::FILE_OBSERVE),
            verbs: vec![Verb::Read, Verb::Write],
            operation: Some(Operation::Root),
            ..manifest(
                "ca.root",
                Phrase { ja: "ルート証明書を受け取る", en: "Receive the root certificate" },
                Phrase {
                    ja: "ルート証明書を受け取ります。まだ信用しません。cert.trust が、ほかで確かめた拇印か人の確認と照らして入れます。",
                    en: "Receives the root certificate. It is not trusted yet: `cert.trust` compares it with a thumbprint from elsewhere or a person's proof.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Write(self)
    }
}

impl WriteAction for CaRoot {
    fn observe(&self, _cx: &ReadCx<'_>, _inputs: &Inputs, _intent: Option<&Intent>) -> Result<Observed, BackendError> {
        Ok(received::look())
    }

    fn perform(&self, cx: &WriteCx<'_>, inputs: &Inputs, _intent: &IntentOnDisk) -> Result<Progress<Outputs>, BackendError> {
        received::root(cx, inputs)
    }

    fn preflight(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
        portal::preflight(cx, inputs, Operation::Root)
    }
}

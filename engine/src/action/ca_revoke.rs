//! `ca.revoke`: requests a revocation, exactly once. Nothing shows afterwards whether it arrived: a person tells.

use super::manifest::manifest;
use super::{Action, Effect, Inputs, Intent, IntentOnDisk, Kind, Manifest, Observed, Outputs, ReadCx, WriteAction, WriteCx, portal, requested};
use crate::backend::profile::Operation;
use crate::backend::{BackendError, Progress, Verb};
use crate::text::Phrase;

/// The action.
pub(super) struct CaRevoke;

impl Action for CaRevoke {
    fn manifest(&self) -> Manifest {
        Manifest {
            effect: Effect::Irreversible,
            remote: true,
            claims: Some("client_cert"),
            inputs: vec![portal::role_input(), portal::client_input()],
            codes: portal::write_codes(&[]),
            observe: Some(Phrase {
                ja: "見る画面がない。届いたかどうかは人が答える", en: "no page shows it; a person says whether it arrived"
            }),
            verbs: vec![Verb::Read, Verb::Write],
            operation: Some(Operation::Revoke),
            ..manifest(
                "ca.revoke",
                Phrase { ja: "失効を申請する", en: "Request a revocation" },
                Phrase {
                    ja: "証明書の失効を申請します。取り消せません。届いたか分からないときは送り直さず、人に尋ねます。",
                    en: "Requests the revocation of a certificate. It cannot be undone. When it is not known whether it arrived, a person is asked; it is never sent again.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Write(self)
    }
}

impl WriteAction for CaRevoke {
    fn observe(&self, cx: &ReadCx<'_>, _inputs: &Inputs, intent: Option<&Intent>) -> Result<Observed, BackendError> {
        Ok(requested::without_list(cx, intent))
    }

    fn perform(&self, cx: &WriteCx<'_>, inputs: &Inputs, _intent: &IntentOnDisk) -> Result<Progress<Outputs>, BackendError> {
        portal::commit(cx, inputs, Operation::Revoke)
    }

    fn preflight(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
        portal::preflight(cx, inputs, Operation::Revoke)
    }
}

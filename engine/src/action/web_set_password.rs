//! `web.set_password`: sets the site's password, once. Whether it was set shows only at the next sign-in, which spends a try: a person tells.

use super::manifest::{manifest, output};
use super::{Action, Effect, Inputs, Intent, IntentOnDisk, Kind, Manifest, Observed, Outputs, ReadCx, WriteAction, WriteCx, portal, requested};
use crate::backend::profile::Operation;
use crate::backend::{BackendError, Progress, Verb};
use crate::dsl::Type;
use crate::text::Phrase;

/// The action.
pub(super) struct WebSetPassword;

impl Action for WebSetPassword {
    fn manifest(&self) -> Manifest {
        Manifest {
            effect: Effect::Write,
            remote: true,
            inputs: vec![portal::role_input(), portal::client_input()],
            outputs: vec![
                output(
                    "proof",
                    Type::Proof.optional(),
                    "この証明書が受け付けられたという証明。プロファイルに signed_in があるときだけ。",
                    "proof that the certificate was accepted; only where the profile has a `signed_in` marker.",
                )
                .shown_once(),
            ],
            codes: portal::write_codes(&[]),
            observe: Some(Phrase {
                ja: "見る画面がない。設定できたかどうかは人が答える", en: "no page shows it; a person says whether it was set"
            }),
            verbs: vec![Verb::Read, Verb::Write],
            operation: Some(Operation::SetPassword),
            ..manifest(
                "web.set_password",
                Phrase { ja: "サイトのパスワードを設定する", en: "Set a site's password" },
                Phrase {
                    ja: "サイトに入るためのパスワードを決めます。新しい値は、送る前に保管庫に入れます。",
                    en: "Chooses the password of a site. The new value is in the vault before it is sent.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Write(self)
    }
}

impl WriteAction for WebSetPassword {
    fn observe(&self, cx: &ReadCx<'_>, _inputs: &Inputs, intent: Option<&Intent>) -> Result<Observed, BackendError> {
        Ok(requested::without_list(cx, intent))
    }

    fn perform(&self, cx: &WriteCx<'_>, inputs: &Inputs, _intent: &IntentOnDisk) -> Result<Progress<Outputs>, BackendError> {
        let ca = portal::ca(&cx.read, inputs)?;
        let spec = portal::spec(ca.profile(), Operation::SetPassword)?;
        let gives = match portal::send(cx, inputs, Operation::SetPassword)? {
            Progress::Done(gives) => gives,
            Progress::Pending { retry_after, cookie } => return Ok(Progress::Pending { retry_after, cookie }),
        };
        let mut outputs = portal::outputs(spec, &gives, "PORTAL.RESULT_UNKNOWN")?;
        outputs.extend(portal::proof(&cx.read, inputs, Operation::SetPassword, &gives)?.map(|proof| ("proof".to_owned(), proof)));
        Ok(Progress::Done(outputs))
    }

    fn preflight(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
        portal::preflight(cx, inputs, Operation::SetPassword)
    }
}

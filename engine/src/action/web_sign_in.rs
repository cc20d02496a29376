//! `web.sign_in`: signs in to a site with an account. Each call spends one of a limited number of tries (`runs.md` 5).

use serde_json::json;

use super::manifest::{manifest, output};
use super::{Action, CountedOn, Effect, Inputs, Intent, IntentOnDisk, Kind, Manifest, Observed, Outputs, ReadCx, WriteAction, WriteCx, portal};
use crate::backend::profile::Operation;
use crate::backend::{BackendError, Progress, Verb};
use crate::dsl::{Type, Value};
use crate::text::Phrase;

/// The action.
pub(super) struct WebSignIn;

impl Action for WebSignIn {
    fn manifest(&self) -> Manifest {
        Manifest {
            effect: Effect::Write,
            remote: true,
            spends_attempt: true,
            inputs: vec![portal::role_input(), portal::client_input()],
            outputs: vec![
                output("web", Type::WebSession, "ログインした画面。", "the session that is signed in.").shown_once(),
                output(
                    "proof",
                    Type::Proof.optional(),
                    "この証明書が受け付けられたという証明。プロファイルに signed_in があるときだけ。",
                    "proof that the certificate was accepted; only where the profile has a `signed_in` marker.",
                )
                .shown_once(),
            ],
            codes: portal::write_codes(&["ATTEMPTS.BUSY", "ATTEMPTS.PER_USER", "LOGIN.LOCKED", "LOGIN.REFUSED", "LOGIN.STOPPED"]),
            observe: Some(Phrase { ja: "回数の記録", en: "the recorded count" }),
            verbs: vec![Verb::Read, Verb::Write],
            operation: Some(Operation::SignIn),
            ..manifest(
                "web.sign_in",
                Phrase { ja: "サイトにログインする", en: "Sign in to a site" },
                Phrase {
                    ja: "ユーザーIDとパスワードでサイトにログインします。1回試すごとに回数を数え、ロックされる前に止めます。",
                    en: "Signs in to a site with an account. Every try is counted before it is made, and tries end before the account is locked.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Write(self)
    }
}

impl WriteAction for WebSignIn {
    /// A session ends with the process that opened it: signing in again is a new, counted try. A site that does not answer costs
    /// none: where the profile has a probe that this step can use, it is looked at first.
    fn observe(&self, cx: &ReadCx<'_>, inputs: &Inputs, _intent: Option<&Intent>) -> Result<Observed, BackendError> {
        portal::preflight(cx, inputs, Operation::SignIn)?;
        Ok(Observed::NotDone { conclusive: true, baseline: json!({}) })
    }

    fn perform(&self, cx: &WriteCx<'_>, inputs: &Inputs, _intent: &IntentOnDisk) -> Result<Progress<Outputs>, BackendError> {
        let ca = portal::ca(&cx.read, inputs)?;
        let spec = portal::spec(ca.profile(), Operation::SignIn)?;
        let gives = match portal::send(cx, inputs, Operation::SignIn)? {
            Progress::Done(gives) => gives,
            Progress::Pending { retry_after, cookie } => return Ok(Progress::Pending { retry_after, cookie }),
        };
        let mut outputs = portal::outputs(spec, &gives, "PORTAL.RESULT_UNKNOWN")?;
        outputs.extend(portal::proof(&cx.read, inputs, Operation::SignIn, &gives)?.map(|proof| ("proof".to_owned(), proof)));
        let name = cx.read.call.key.as_str();
        cx.read.sessions.hand_on(name, ca, portal::client(inputs, spec)?);
        outputs.insert("web".to_owned(), Value::Live(name.to_owned()));
        Ok(Progress::Done(outputs))
    }

    fn preflight(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
        portal::preflight(cx, inputs, Operation::SignIn)
    }

    fn counted_on(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<Option<CountedOn>, BackendError> {
        portal::counted_on(cx, inputs, Operation::SignIn)
    }

    fn check_value(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
        portal::check_value(cx, inputs, Operation::SignIn)
    }
}

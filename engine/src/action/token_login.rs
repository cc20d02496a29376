//! `token.login`: opens a token with its PIN. Each call spends one of a limited number of tries (`runs.md` 5).

use serde_json::json;

use super::manifest::{input, manifest, output};
use super::{Action, CountedOn, Effect, Inputs, Intent, IntentOnDisk, Kind, Manifest, Observed, Outputs, ReadCx, WriteAction, WriteCx};
use crate::backend::{BackendError, PresentToken, Progress, Verb};
use crate::dsl::{TokenInfo, Type, Value};
use crate::text::{Phrase, Text};

/// The action.
pub(super) struct TokenLogin;

impl Action for TokenLogin {
    fn manifest(&self) -> Manifest {
        Manifest {
            effect: Effect::Write,
            spends_attempt: true,
            inputs: vec![
                input("token", Type::Token, "挿さっているUSBキー。", "the inserted token."),
                input("pin", Type::Secret(Box::new(Type::String)), "ユーザPIN。", "the user PIN."),
            ],
            outputs: vec![output("session", Type::TokenSession, "開いたUSBキー。", "the opened token.").shown_once()],
            codes: vec![
                "ATTEMPTS.BUSY",
                "ATTEMPTS.PER_USER",
                "PIN.FINAL_TRY",
                "PIN.INCORRECT",
                "PIN.LOCKED",
                "PIN.STOPPED",
                "SECRET.MISSING",
                "SECRET.UNFIT",
                "TOKEN.ABSENT",
                "TOKEN.FAILED",
                "TOKEN.NO_MODULE",
            ],
            observe: Some(Phrase {
                ja: "回数の記録と、キー自身の旗(COUNT_LOW / FINAL_TRY / LOCKED)",
                en: "the recorded count and the token's own flags (COUNT_LOW, FINAL_TRY, LOCKED)",
            }),
            verbs: vec![Verb::Sign],
            ..manifest(
                "token.login",
                Phrase { ja: "PINでUSBキーを開く", en: "Open a token with its PIN" },
                Phrase {
                    ja: "PINでUSBキーを開きます。1回試すごとに回数を数え、使えなくなる前に止めます。",
                    en: "Opens a token with its PIN. Every try is counted before it is made, and tries end before the token is locked.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Write(self)
    }
}

impl WriteAction for TokenLogin {
    /// What an earlier process opened is gone with it: opening again is a new, counted try.
    fn observe(&self, cx: &ReadCx<'_>, inputs: &Inputs, _intent: Option<&Intent>) -> Result<Observed, BackendError> {
        present(cx, inputs)?;
        Ok(Observed::NotDone { conclusive: true, baseline: json!({}) })
    }

    fn perform(&self, cx: &WriteCx<'_>, inputs: &Inputs, _intent: &IntentOnDisk) -> Result<Progress<Outputs>, BackendError> {
        let token = token(inputs)?;
        let pin = cx.read.secret(inputs, "pin")?;
        let session = cx.writes.token_holder(&token.holder)?.login(&cx.read.call, &token.serial, &pin).map_err(|error| as_flagged(&cx.read, inputs, error))?;
        let name = cx.read.call.key.as_str();
        cx.read.sessions.keep_token(name, &token.holder, session);
        Ok(Progress::Done(Outputs::from([("session".to_owned(), Value::Live(name.to_owned()))])))
    }

    fn preflight(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
        present(cx, inputs)?;
        let pin = inputs.0.get("pin").ok_or_else(|| Inputs::unknown("pin"))?;
        if cx.secrets.unattended(pin)?.is_some() { self.check_value(cx, inputs) } else { Ok(()) }
    }

    fn counted_on(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<Option<CountedOn>, BackendError> {
        let found = present(cx, inputs)?;
        Ok(Some(CountedOn { device: format!("token:{}", found.info.serial), flags: found.flags, stopped: "PIN.STOPPED" }))
    }

    fn check_value(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
        let shape = present(cx, inputs)?.pin;
        let length = cx.secret(inputs, "pin")?.expose().len();
        if (shape.min..=shape.max).contains(&length) {
            return Ok(());
        }
        let cause = Text::new(
            format!("このUSBキーの PIN は {}〜{} 文字です。", shape.min, shape.max),
            format!("a PIN of this token has {} to {} characters.", shape.min, shape.max),
        );
        Err(BackendError::new("SECRET.UNFIT", cause))
    }
}

fn token(inputs: &Inputs) -> Result<&TokenInfo, BackendError> {
    inputs.token("token").ok_or_else(|| Inputs::unknown("token"))
}

/// The token as it is now.
fn present(cx: &ReadCx<'_>, inputs: &Inputs) -> Result<PresentToken, BackendError> {
    let token = token(inputs)?;
    let found = cx.backends.token_holder(&token.holder)?.tokens(&cx.call)?.into_iter().find(|found| found.info.serial == token.serial);
    found.ok_or_else(|| {
        let cause = Text::new(
            format!("USBキー {}({})が挿さっていません。", token.serial, token.label),
            format!("token {} ({}) is not inserted.", token.serial, token.label),
        );
        BackendError::new("TOKEN.ABSENT", cause)
    })
}

/// What the device's flags make of a failed try: they say more than the answer of a driver that reports a wrong PIN as a general
/// error.
fn as_flagged(cx: &ReadCx<'_>, inputs: &Inputs, error: BackendError) -> BackendError {
    let Ok(after) = present(cx, inputs) else { return error };
    let code = match error.code.as_str() {
        "PIN.INCORRECT" | "PIN.LOCKED" | "TOKEN.FAILED" if after.flags.locked => "PIN.LOCKED",
        "PIN.INCORRECT" | "TOKEN.FAILED" if after.flags.final_try => "PIN.FINAL_TRY",
        _ => return error,
    };
    BackendError { data: error.data, ..BackendError::new(code, error.cause) }
}

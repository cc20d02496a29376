//! `notify.send`: tells somebody something.

use super::manifest::{input, manifest, output};
use super::{Action, Effect, Inputs, Intent, IntentOnDisk, Kind, Manifest, Observed, Outputs, ReadCx, WriteAction, WriteCx};
use crate::backend::{BackendError, Notice, Progress};
use crate::dsl::{Type, Value};
use crate::text::Phrase;

/// The action.
pub(super) struct NotifySend;

impl Action for NotifySend {
    fn manifest(&self) -> Manifest {
        Manifest {
            effect: Effect::Write,
            repeatable: true,
            inputs: vec![
                input("to", Type::String, "知らせる相手(役割)。", "whom to tell (a role)."),
                input("subject", Type::Text, "件名。", "subject line."),
                input("body", Type::Text, "本文。", "text."),
            ],
            outputs: vec![output("sent_at", Type::DateTime, "送った日時。", "when it was sent.").shown_once()],
            codes: vec!["NOTIFY.UNREACHABLE"],
            observe: Some(Phrase {
                ja: "送ったかどうかは調べられない。止まったときは、もう一度送ることがある",
                en: "nothing can be looked at; after an interruption the notice may be sent once more",
            }),
            ..manifest("notify.send", Phrase { ja: "知らせる", en: "Send a notice" }, Phrase { ja: "担当者に知らせます。", en: "Tells a person." })
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Write(self)
    }
}

impl WriteAction for NotifySend {
    fn observe(&self, _cx: &ReadCx<'_>, _inputs: &Inputs, _intent: Option<&Intent>) -> Result<Observed, BackendError> {
        Ok(Observed::NotDone { conclusive: true, baseline: serde_json::Value::Null })
    }

    fn perform(&self, cx: &WriteCx<'_>, inputs: &Inputs, _intent: &IntentOnDisk) -> Result<Progress<Outputs>, BackendError> {
        let words = |name: &str| inputs.text(name).map(|text| text.ja.clone()).ok_or_else(|| Inputs::unknown(name));
        let to = inputs.str("to").ok_or_else(|| Inputs::unknown("to"))?.to_owned();
        cx.writes.notifier().send(&cx.read.call, &Notice { to, subject: words("subject")?, body: words("body")? })?;
        Ok(Progress::Done(Outputs::from([("sent_at".to_owned(), Value::DateTime(cx.read.wall))])))
    }

    fn preflight(&self, _cx: &ReadCx<'_>, _inputs: &Inputs) -> Result<(), BackendError> {
        Ok(())
    }
}

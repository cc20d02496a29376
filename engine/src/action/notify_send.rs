//! `notify.send`: tells somebody something.

use super::manifest::{input, manifest, output};
use super::{Action, Effect, Kind, Manifest};
use crate::dsl::Type;
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
        Kind::Read(&super::later::Later)
    }
}

//! `token.wait`: sees which token is inserted. Reads only.

use super::manifest::{input, manifest, output};
use super::{Action, Inputs, Kind, Manifest, Outputs, ReadAction, ReadCx};
use crate::backend::{BackendError, Verb};
use crate::dsl::{RoleKind, TokenInfo, Type, Value};
use crate::text::{Phrase, Text};

/// The action.
pub(super) struct TokenWait;

impl Action for TokenWait {
    fn manifest(&self) -> Manifest {
        Manifest {
            inputs: vec![
                input("in", Type::Role(RoleKind::Token), "USBキーの役割。", "the token's role."),
                input("ask", Type::Text.optional(), "挿さっていないときに人に伝える言葉。", "what a person is told when it is not inserted."),
                input("besides", Type::Token.optional(), "このUSBキーではないもの(古いキーなど)。", "not this token (the old one)."),
            ],
            outputs: vec![output("token", Type::Token, "挿さっているUSBキー。", "the inserted token.").pinned()],
            codes: vec!["TOKEN.ABSENT", "TOKEN.FAILED", "TOKEN.MULTIPLE", "TOKEN.NO_MODULE", "TOKEN.WRONG"],
            hand_off: vec!["TOKEN.ABSENT", "TOKEN.MULTIPLE", "TOKEN.WRONG"],
            verbs: vec![Verb::List],
            ..manifest(
                "token.wait",
                Phrase { ja: "USBキーを挿してもらう", en: "Have a token inserted" },
                Phrase {
                    ja: "使うUSBキーが1つだけ挿さっていることを確かめます。PINは要りません。",
                    en: "Sees that the token to use, and no other, is inserted. Needs no PIN.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Read(self)
    }
}

impl ReadAction for TokenWait {
    fn read(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<Outputs, BackendError> {
        let tokens = cx.backends.token(inputs.role("in").ok_or_else(|| Inputs::unknown("in"))?)?.tokens(&cx.call)?;
        let found: Vec<TokenInfo> = tokens.into_iter().map(|token| token.info).collect();
        let other = inputs.token("besides").map(|token| token.serial.as_str());
        let wanted: Vec<&TokenInfo> = found.iter().filter(|token| Some(token.serial.as_str()) != other).collect();
        match (wanted.as_slice(), found.is_empty()) {
            ([one], _) if found.len() == 1 => Ok(Outputs::from([("token".to_owned(), Value::Token((*one).clone()))])),
            ([], false) => Err(told("TOKEN.WRONG", &listed(&found), inputs)),
            ([], true) => Err(told("TOKEN.ABSENT", &Text::new("挿さっているUSBキーがありません。", "no token is inserted."), inputs)),
            _ => Err(told("TOKEN.MULTIPLE", &listed(&found), inputs)),
        }
    }
}

/// The error, with what a person is told to do.
fn told(code: &str, cause: &Text, inputs: &Inputs) -> BackendError {
    let error = BackendError::new(code, cause.clone());
    match inputs.text("ask") {
        Some(ask) => error.cure(ask.clone()),
        None => error,
    }
}

fn listed(tokens: &[TokenInfo]) -> Text {
    let names: Vec<String> = tokens.iter().map(|token| format!("{} ({})", token.serial, token.label)).collect();
    Text::new(format!("挿さっているUSBキー: {}", names.join("、")), format!("inserted: {}", names.join(", ")))
}

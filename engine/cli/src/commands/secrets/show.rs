//! `kirikae secrets show ID`

use std::io::IsTerminal;

use jiff::Timestamp;
use kirikae_engine::backend::Vault;
use kirikae_engine::run::EventBody;
use kirikae_engine::text::{Lang, Text};

use super::Desk;
use crate::exit;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::{render, state};

/// Shows a value on a terminal, after it is written down that it was shown.
pub(super) fn run(globals: &Globals, desk: &Desk, id: &str) -> Result<u8, Failure> {
    if !std::io::stdout().is_terminal() {
        return Err(Failure::usage(
            "SECRET.NO_TERMINAL",
            Text::new("秘密の値は端末の画面にだけ出します。", "a secret is shown on a terminal only."),
            Text::new("端末で実行してください(出力をファイルや別のプログラムに渡さない)。", "run it at a terminal, without redirecting its output."),
        ));
    }
    let entry = desk.entry(id)?;
    let value = desk.vault.get(&entry.reference)?;
    let Some(text) = value.as_ref().and_then(|value| value.expose_text()) else {
        return Err(Failure::usage(
            "SECRET.NOT_TEXT",
            Text::new(
                format!("{id} はファイル({})で、画面に出せる文字ではありません。", entry.name),
                format!("{id} is a file ({}), no text to show.", entry.name),
            ),
            Text::new("取り出すときは、復旧用の鍵と age を使います(docs/secrets.ja.md)。", "take it out with a recovery key and age (docs/secrets.md)."),
        ));
    };
    let reference = entry.reference.as_str().to_owned();
    desk.journal()?.append_state(Timestamp::now(), EventBody::SecretShown { reference, account: state::account() })?;
    render::out(text);
    render::err(if globals.lang() == Lang::Ja { "(表示したことを記録しました)" } else { "(that it was shown is written down)" });
    Ok(exit::DONE)
}

//! What people and machines read. The only place that writes to the terminal.

pub mod actions;
pub mod certs;
pub mod coverage;
pub mod diagnostic;
pub mod drift;
pub mod encoding;
pub mod graph;
pub mod plan;
mod plan_errors;
pub mod question;
pub mod restore;
pub mod run;
pub mod sarif;
pub mod selftest;
#[cfg(feature = "playbook-tests")]
pub mod test;

use std::io::{IsTerminal, Write};
use std::path::Path;

use kirikae_engine::text::{Lang, Text};
use unicode_width::UnicodeWidthStr;

use crate::failure::Failure;

/// Writes a text and a line end to standard output. A reader that went away ends nothing.
pub fn out(text: &str) {
    write(std::io::stdout().lock(), text);
}

/// The same to standard error.
pub fn err(text: &str) {
    write(std::io::stderr().lock(), text);
}

fn write(mut to: impl Write + IsTerminal, text: &str) {
    let line = format!("{}\n", text.trim_end_matches('\n'));
    let _ = to.write_all(&encoding::bytes(&line, to.is_terminal()));
}

/// Writes a result file as a whole.
pub fn save(path: &Path, text: &str) -> Result<(), Failure> {
    let fresh = path.with_extension("new");
    let write = || {
        std::fs::write(&fresh, text)?;
        std::fs::rename(&fresh, path)
    };
    write().map_err(|error: std::io::Error| {
        Failure::usage(
            "FILE.NOT_WRITABLE",
            Text::new(format!("{} に書けません: {error}", path.display()), format!("cannot write {}: {error}", path.display())),
            Text::new("書き込める場所を指定してください。", "name a place that can be written."),
        )
    })
}

/// Pads to a display width; wide characters count two.
pub fn pad(text: &str, width: usize) -> String {
    let fill = width.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(fill))
}

/// A text with what stands for private inputs (`vault:plans/…/inputs/NAME`) as people read it.
pub fn veil(text: &str, lang: Lang) -> String {
    const STANDS: &str = "vault:plans/";
    let word = if lang == Lang::Ja { "(見せません)" } else { "(hidden)" };
    let mut parts = text.split(STANDS);
    let mut veiled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        veiled.push_str(word);
        veiled.push_str(part.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "/_-".contains(c)));
    }
    veiled
}

//! `kirikae secrets cover` and `kirikae secrets recover`

use std::path::PathBuf;

use kirikae_engine::secret::Secret;
use kirikae_engine::text::{Lang, Text};

use super::Desk;
use crate::exit;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::render;

/// Arguments of `secrets recover`.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The recovery key: a file of age-keygen
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
}

/// Encrypts entries anew that others than the site's recovery recipients can open, or not all of them.
pub(super) fn run(globals: &Globals, desk: &Desk) -> Result<u8, Failure> {
    let wrong: Vec<_> = desk.vault.coverage()?.into_iter().filter(|covered| !covered.is_right()).collect();
    let mut done = 0;
    for covered in &wrong {
        done += usize::from(desk.vault.cover(&covered.reference)?);
    }
    let recipients = desk.open.site.recipients.len();
    render::out(&match globals.lang() {
        Lang::Ja => format!("{done}件を暗号化し直しました。保管庫のすべてを、この端末と復旧用の鍵{recipients}個で開けます。"),
        Lang::En => format!("{done} encrypted anew. This terminal and {recipients} recovery key(s) can open everything in the vault."),
    });
    if done > 0 {
        render::out(match globals.lang() {
            Lang::Ja => "控えのフォルダにある .age ファイルは、書いたときの鍵のままです。",
            Lang::En => "Backups (.age files in folders) stay as they were written, for the keys of that day.",
        });
    }
    Ok(exit::DONE)
}

/// Opens what a recovery key can open, for this terminal's own identity, which is made if there is none.
pub(super) fn recover(globals: &Globals, desk: &Desk, args: &Args) -> Result<u8, Failure> {
    let path = args.identity.display();
    let key = std::fs::read(&args.identity).map(Secret::bytes).map_err(|error| {
        Failure::usage(
            "VAULT.BAD_IDENTITY",
            Text::new(format!("{path} を読めません: {error}"), format!("cannot read {path}: {error}")),
            Text::new("age-keygen で作った、復旧用の鍵のファイルを指定してください。", "name the file of a recovery key that age-keygen made."),
        )
    })?;
    let recovered = desk.vault.recover(&key)?;
    let (opened, closed) = (recovered.opened.len(), recovered.closed.len());
    render::out(&match globals.lang() {
        Lang::Ja => format!("{opened}件を、この端末で開けるようにしました。"),
        Lang::En => format!("{opened} can be opened by this terminal now."),
    });
    for reference in &recovered.closed {
        render::out(&match globals.lang() {
            Lang::Ja => format!("  開けないまま: {}(この鍵を宛先にしていません)", reference.id()),
            Lang::En => format!("  still closed: {} (not encrypted to this key)", reference.id()),
        });
    }
    Ok(if closed > 0 { exit::FAILED } else { exit::DONE })
}

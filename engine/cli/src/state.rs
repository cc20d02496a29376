//! The state folder: where it is, and opening it.

use std::path::{Path, PathBuf};

use kirikae_engine::journal::{Journal, check_place};
use kirikae_engine::text::{Lang, Text};

use crate::failure::Failure;
use crate::globals::Globals;

/// The state folder of this call: named, else machine-wide where it can be written, else per user (with a warning).
pub fn folder(globals: &Globals) -> Result<PathBuf, Failure> {
    if let Some(named) = &globals.state {
        return std::path::absolute(named)
            .map_err(|error| Failure::usage("STATE.READONLY", Text::plain(error.to_string()), Text::new("--state を確かめてください。", "check --state.")));
    }
    let machine = machine_wide();
    if check_place(&machine).is_ok() && writable(&machine) {
        return Ok(machine);
    }
    let Some(user) = per_user() else {
        return Err(Failure::usage(
            "STATE.NOWHERE",
            Text::new("状態フォルダの場所が決まりません。", "no place for the state folder."),
            Text::new("--state でフォルダを指定してください。", "name a folder with --state."),
        ));
    };
    let warning = match globals.lang() {
        Lang::Ja => format!("注意: {} に書けないため、この利用者だけの {} を使います。", machine.display(), user.display()),
        Lang::En => format!("note: {} is not writable; using {} of this user only.", machine.display(), user.display()),
    };
    crate::render::err(&warning);
    Ok(user)
}

/// Opens the journal of a state folder, making both if needed.
pub fn open(folder: &Path) -> Result<Journal, Failure> {
    check_place(folder)?;
    Ok(Journal::open(folder)?)
}

/// The OS account, for the record: the system's own answer. The environment is what the caller makes of it.
pub fn account() -> String {
    whoami::username().unwrap_or_else(|_| "unknown".to_owned())
}

/// Whether a state folder is one OS account's: inside its home folder, or where this account's own state lies. What another account
/// does with the same device is then not counted there.
pub fn is_per_user(folder: &Path) -> bool {
    let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let own = [home(), per_user()].into_iter().flatten().map(|own| std::fs::canonicalize(&own).unwrap_or(own));
    let mut own = own.filter(|own| own.parent().is_some());
    own.any(|own| folder.starts_with(own))
}

fn machine_wide() -> PathBuf {
    if cfg!(windows) {
        PathBuf::from(std::env::var_os("ProgramData").unwrap_or_else(|| "C:\\ProgramData".into())).join("kirikae")
    } else {
        PathBuf::from("/var/lib/kirikae")
    }
}

fn per_user() -> Option<PathBuf> {
    if cfg!(windows) {
        return std::env::var_os("LOCALAPPDATA").map(|base| PathBuf::from(base).join("kirikae"));
    }
    std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).or_else(|| Some(home()?.join(".local/state"))).map(|base| base.join("kirikae"))
}

fn home() -> Option<PathBuf> {
    std::env::var_os(if cfg!(windows) { "USERPROFILE" } else { "HOME" }).map(PathBuf::from)
}

fn writable(folder: &Path) -> bool {
    let probe = folder.join(".write-test");
    let written = std::fs::write(&probe, b"").is_ok();
    let _ = std::fs::remove_file(probe);
    written
}

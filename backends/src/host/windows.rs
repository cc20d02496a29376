//! Programs of Windows: the list that 「アプリ」 shows, and MSI installers.
//!
//! May use: the registry, `msiexec.exe` of the system folder. Must not: start a shell, run a file that was received.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kirikae_engine::backend::{BackendError, Installed};
use kirikae_engine::secret::Secret;
use kirikae_engine::text::Text;
use windows_registry::{CURRENT_USER, Key, LOCAL_MACHINE};

/// Where programs of 64 and of 32 bits are listed.
const LISTS: [&str; 2] = [r"SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall", r"SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall"];

/// What Windows says of itself.
const SYSTEM: &str = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion";

/// The first build of Windows 10 and of Windows 11.
const BUILDS: [(u32, &str); 2] = [(22_000, "windows11"), (10_240, "windows10")];

/// Exit codes of the Windows installer: done, done but for a restart (`ERROR_SUCCESS_REBOOT_REQUIRED`).
const DONE: [i32; 2] = [0, 3010];

/// `ERROR_ACCESS_DENIED`, `ERROR_INSTALL_PACKAGE_REJECTED` (by policy), "you must be an administrator to remove this application".
const NO_RIGHTS: [i32; 3] = [5, 1625, 1730];

/// Which Windows.
pub(super) fn os() -> String {
    let build: u32 = LOCAL_MACHINE.open(SYSTEM).and_then(|key| key.get_string("CurrentBuildNumber")).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    BUILDS.iter().find(|(first, _)| build >= *first).map_or("windows", |(_, word)| word).to_owned()
}

/// The installed programs, sorted. What cannot be read is left out, as Windows does.
///
/// # Errors
/// None.
pub(super) fn programs() -> Result<Vec<Installed>, BackendError> {
    let mut found: Vec<Installed> = [LOCAL_MACHINE, CURRENT_USER].into_iter().flat_map(|root| LISTS.iter().flat_map(move |path| listed(root, path))).collect();
    found.sort();
    found.dedup();
    Ok(found)
}

fn listed(root: &'static Key, path: &str) -> Vec<Installed> {
    let Ok(list) = root.open(path) else { return vec![] };
    let Ok(keys) = list.keys() else { return vec![] };
    keys.filter_map(|name| {
        let entry = list.open(&name).ok()?;
        // What the list leaves out, it is right to leave out.
        let hidden = entry.get_u32("SystemComponent").is_ok_and(|hidden| hidden == 1);
        let shown = entry.get_string("DisplayName").ok().filter(|shown| !hidden && !shown.trim().is_empty())?;
        Some(Installed { name: shown, version: entry.get_string("DisplayVersion").unwrap_or_default(), key: name })
    })
    .collect()
}

/// Whether this user may change the list of the machine.
///
/// # Errors
/// `HOST.NOT_ADMIN`.
pub(super) fn probe_install() -> Result<(), BackendError> {
    LOCAL_MACHINE.options().read().write().open(LISTS[0]).map(drop).map_err(|_| not_admin())
}

/// Installs an MSI file. It lies in `scratch` for as long as the installer needs it.
///
/// # Errors
/// `HOST.NOT_ADMIN`, `SOFTWARE.FAILED`.
pub(super) fn install(scratch: &Path, installer: &Secret) -> Result<(), BackendError> {
    let file = scratch.join(format!("kirikae-{}.msi", std::process::id()));
    fs::write(&file, installer.expose()).map_err(|error| failed(&error.to_string()))?;
    let done = msiexec("/i", file.as_os_str());
    // Of no use to anybody else, and no secret.
    let _ = fs::remove_file(&file);
    done
}

/// Removes a program that was installed from an MSI file.
///
/// # Errors
/// `BACKEND.UNSUPPORTED` for a program of another kind; `HOST.NOT_ADMIN`, `SOFTWARE.FAILED`.
pub(super) fn remove(program: &Installed) -> Result<(), BackendError> {
    let is_product = program.key.len() == 38 && program.key.starts_with('{') && program.key.ends_with('}');
    if !is_product {
        let name = &program.name;
        return Err(BackendError::new(
            "BACKEND.UNSUPPORTED",
            Text::new(
                format!("{name} は MSI で入れたプログラムではないため、消せません。"),
                format!("{name} was not installed from an MSI file and cannot be removed."),
            ),
        )
        .cure(Text::new("「アプリ」の画面で人が消してください(human.perform)。", "let a person remove it in the list of apps (`human.perform`).")));
    }
    msiexec("/x", program.key.as_ref())
}

fn msiexec(verb: &str, what: &std::ffi::OsStr) -> Result<(), BackendError> {
    let system = LOCAL_MACHINE.open(SYSTEM).and_then(|key| key.get_string("SystemRoot")).map_err(|error| failed(&error.message()))?;
    let program = PathBuf::from(system).join("System32").join("msiexec.exe");
    let mut command = Command::new(program);
    command.arg(verb).arg(what).args(["/qn", "/norestart"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let code = command.status().map_err(|error: io::Error| failed(&error.to_string()))?.code().unwrap_or(-1);
    match code {
        code if DONE.contains(&code) => Ok(()),
        code if NO_RIGHTS.contains(&code) => Err(not_admin()),
        code => Err(failed(&format!("msiexec: {code}")).with("exit", code.to_string())),
    }
}

fn not_admin() -> BackendError {
    let cause = Text::new("この利用者には、プログラムを入れたり消したりする権限がありません。", "this user may not install or remove programs.");
    BackendError::new("HOST.NOT_ADMIN", cause)
}

fn failed(reason: &str) -> BackendError {
    let cause = Text::new(format!("Windows のインストーラーが終わりませんでした({reason})。"), format!("the Windows installer did not finish ({reason})."));
    BackendError::new("SOFTWARE.FAILED", cause)
}

//! Where modules lie: by path, by the name of a product, by the name of its file.
//!
//! May use: the file system, to see what is there. Must not: load anything, search where others may write.

use std::path::{Path, PathBuf};

use kirikae_engine::backend::BackendError;
use kirikae_engine::text::{Phrase, Text};

use super::super::error;

/// A module that people have, and where its installer or package puts it.
struct Known {
    name: &'static str,
    title: Phrase,
    /// File names, the preferred one first.
    files: &'static [&'static str],
    /// Folders of its own, beside the usual ones.
    folders: &'static [&'static str],
}

/// Sources: the makers' installers and sample programs for Windows, Debian's packages `softhsm2` and `opensc-pkcs11`, their usual
/// prefixes elsewhere.
const KNOWN: &[Known] = &[
    Known {
        name: "epass2003",
        title: Phrase { ja: "ePass2003(USBキー)", en: "ePass2003 USB key" },
        files: &["eps2003csp11v2.dll", "eps2003csp11.dll", "libeps2003csp11.so", "libeps2003csp11.dylib"],
        folders: &["/opt/epass2003", "/opt/ePass2003-Castle-20141128/i386/redist", "/opt/ePass2003-Castle-20141128/x86_64/redist"],
    },
    Known { name: "hpki-sign", title: Phrase { ja: "HPKIカード(署名)", en: "HPKI card, signing" }, files: &["HpkiSigP11_MPKCS11H.dll"], folders: &[] },
    Known {
        name: "hpki-auth", title: Phrase { ja: "HPKIカード(認証)", en: "HPKI card, authentication" }, files: &["HpkiAuthP11_MPKCS11H.dll"], folders: &[]
    },
    Known {
        name: "opensc",
        title: Phrase { ja: "OpenSC(ICカード一般)", en: "OpenSC, cards in general" },
        files: &["opensc-pkcs11.so", "opensc-pkcs11.dll"],
        folders: &[r"C:\Program Files\OpenSC Project\OpenSC\pkcs11", "/Library/OpenSC/lib"],
    },
    Known {
        name: "softhsm2",
        title: Phrase { ja: "SoftHSM2(試験用)", en: "SoftHSM2, for tests" },
        files: &["libsofthsm2.so", "softhsm2-x64.dll"],
        folders: &["/usr/lib/softhsm", "/usr/lib64/softhsm", "/usr/local/lib/softhsm", "/opt/homebrew/lib/softhsm", r"C:\SoftHSM2\lib"],
    },
];

/// Folders where modules are installed by an administrator.
fn usual_folders() -> Vec<PathBuf> {
    let triplet = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    let folders = [r"C:\Windows\System32", &triplet, "/usr/lib64", "/usr/lib", "/usr/local/lib"];
    folders.iter().flat_map(|folder| ["", "pkcs11", "softhsm"].map(|below| Path::new(folder).join(below))).collect()
}

/// A known module that is installed here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundModule {
    /// Its name in site files.
    pub name: &'static str,
    /// What it is, for people.
    pub title: Phrase,
    /// Where it is.
    pub path: PathBuf,
}

/// The known modules that are installed here, in the order of the table.
pub fn found_modules() -> Vec<FoundModule> {
    KNOWN.iter().filter_map(|known| Some(FoundModule { name: known.name, title: known.title, path: installed(known.files, known.folders)? })).collect()
}

/// The known names.
pub(super) fn names() -> Vec<&'static str> {
    KNOWN.iter().map(|known| known.name).collect()
}

/// Whether a setting names a place, and not a product or a bare file name.
pub(super) fn is_path(module: &str) -> bool {
    module.contains(['/', '\\'])
}

/// The file of a module: a path as it stands, a known name or a bare file name where such are installed.
///
/// # Errors
/// `TOKEN.NO_MODULE`.
pub(super) fn find(module: &str) -> Result<PathBuf, BackendError> {
    let found = if is_path(module) {
        Some(PathBuf::from(module)).filter(|path| path.is_file())
    } else if let Some(known) =
        KNOWN.iter().find(|known| known.name.eq_ignore_ascii_case(module) || known.files.iter().any(|file| file.eq_ignore_ascii_case(module)))
    {
        let only: Vec<&str> = known.files.iter().copied().filter(|file| known.name.eq_ignore_ascii_case(module) || file.eq_ignore_ascii_case(module)).collect();
        installed(&only, known.folders)
    } else {
        installed(&[module], &[])
    };
    found.ok_or_else(|| {
        let cause = Text::new(
            format!("USBキーのドライバー(PKCS#11 モジュール){module} が、この端末にありません。"),
            format!("the token's driver (PKCS#11 module) {module} is not on this machine."),
        );
        let here: Vec<&str> = found_modules().iter().map(|found| found.name).collect();
        BackendError::new("TOKEN.NO_MODULE", cause).cure(error::known_modules(&names())).with("installed", here.join(", "))
    })
}

fn installed(files: &[&str], folders: &[&str]) -> Option<PathBuf> {
    let places: Vec<PathBuf> = folders.iter().map(PathBuf::from).chain(usual_folders()).collect();
    files.iter().find_map(|file| places.iter().map(|folder| folder.join(file)).find(|path| path.is_file()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_is_not_there_is_named_with_what_could_be_written() {
        for module in ["epass2004", "none.dll", "/nowhere/libnone.so", r"C:\nowhere\none.dll"] {
            let error = find(module).unwrap_err();
            assert_eq!(error.code, "TOKEN.NO_MODULE");
            assert!(error.cause.ja.contains(module) && error.cure.ja.contains("epass2003"), "{error:?}");
        }
    }

    #[test]
    fn a_path_is_taken_as_it_stands() {
        let folder = tempfile::tempdir().unwrap();
        let module = folder.path().join("driver.so");
        std::fs::write(&module, "").unwrap();
        assert_eq!(find(module.to_str().unwrap()).unwrap(), module);
        assert!(is_path("./driver.so") && is_path(r"..\driver.dll") && !is_path("eps2003csp11v2.dll"));
    }
}

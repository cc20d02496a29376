//! Where browsers keep their databases below the home folder.
//!
//! May use: `profiles.ini`. Must not: choose between two, read the environment.

use std::fs;
use std::path::{Path, PathBuf};

use super::browser::SHARED;

/// Folders of `profiles.ini`: new and old place of Firefox, Snap, Flatpak.
const FIREFOX: [&str; 4] =
    [".config/mozilla/firefox", ".mozilla/firefox", "snap/firefox/common/.mozilla/firefox", ".var/app/org.mozilla.firefox/.mozilla/firefox"];

/// Databases of Chromium in Snap.
const SNAP: &str = "snap/chromium/current/.pki/nssdb";

/// The databases that `word` of a site file may mean: those of `firefox` or `chrome` (`chromium`) below `home`, or the named folder.
pub(super) fn candidates(word: &str, home: Option<&Path>) -> Vec<PathBuf> {
    let home = home.unwrap_or(Path::new(""));
    let mut found = match word {
        "firefox" => FIREFOX.iter().flat_map(|folder| firefox(&home.join(folder))).collect(),
        "chrome" => SHARED.map(|place| home.join(place)).to_vec(),
        "chromium" => SHARED.iter().copied().chain([SNAP]).map(|place| home.join(place)).collect(),
        path => return vec![path.strip_prefix("~/").map_or_else(|| path.into(), |below| home.join(below))],
    };
    found.retain(|folder| folder.join(super::database::FILES[0]).is_file());
    found.sort();
    found.dedup();
    found
}

/// The profiles that Firefox starts with: those of its installations, else the one marked as default, else the only one.
fn firefox(folder: &Path) -> Vec<PathBuf> {
    let Ok(text) = fs::read_to_string(folder.join("profiles.ini")) else { return Vec::new() };
    let sections = sections(&text);
    let of = |kind: &str| sections.iter().filter(|section| section.name.starts_with(kind)).collect::<Vec<_>>();
    let installed: Vec<&str> = of("Install").iter().filter_map(|section| section.get("Default")).collect();
    let profiles = of("Profile");
    let marked: Vec<&str> = profiles.iter().filter(|section| section.get("Default") == Some("1")).filter_map(|section| section.get("Path")).collect();
    let all: Vec<&str> = profiles.iter().filter_map(|section| section.get("Path")).collect();
    let chosen = [installed, marked, all].into_iter().find(|paths| !paths.is_empty()).unwrap_or_default();
    // A path is relative to the folder of the file, or absolute.
    chosen.into_iter().map(|path| folder.join(path)).collect()
}

struct Section<'a> {
    name: &'a str,
    entries: Vec<(&'a str, &'a str)>,
}

impl<'a> Section<'a> {
    fn get(&self, key: &str) -> Option<&'a str> {
        self.entries.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
    }
}

/// `[Name]` and `Key=Value` lines, as Firefox writes them.
fn sections(text: &str) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            sections.push(Section { name, entries: Vec::new() });
        } else if let (Some(section), Some(entry)) = (sections.last_mut(), line.split_once('=')) {
            section.entries.push(entry);
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// As Firefox ESR 153 writes it.
    const INI: &str = "[Profile1]\nName=default\nIsRelative=1\nPath=gzenqx13.default\nDefault=1\n\n[Profile0]\nName=default-esr\nIsRelative=1\n\
                       Path=711t5afl.default-esr\n\n[General]\nStartWithLastProfile=1\nVersion=2\n";

    fn home(files: &[(&str, &str)]) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        for (file, content) in files {
            let file = home.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        home
    }

    fn found(word: &str, home: &tempfile::TempDir) -> Vec<String> {
        candidates(word, Some(home.path())).iter().map(|path| path.strip_prefix(home.path()).unwrap().to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_profile_of_the_installation_comes_before_the_marked_one() {
        let databases = [(".config/mozilla/firefox/711t5afl.default-esr/cert9.db", ""), (".config/mozilla/firefox/gzenqx13.default/cert9.db", "")];
        let ini = ".config/mozilla/firefox/profiles.ini";
        let installed = format!("{INI}\n[Install3B6073811A6ABF12]\nDefault=711t5afl.default-esr\nLocked=1\n");
        let of = |text: &str| found("firefox", &home(&[databases[0], databases[1], (ini, text)]));
        assert_eq!(of(&installed), [".config/mozilla/firefox/711t5afl.default-esr"]);
        assert_eq!(of(INI), [".config/mozilla/firefox/gzenqx13.default"]);
        assert_eq!(of(&INI.replace("Default=1\n", "").replace("gzenqx13", "never-started")), [".config/mozilla/firefox/711t5afl.default-esr"]);
    }

    #[test]
    fn two_firefoxes_are_two_candidates() {
        let places = FIREFOX.map(|folder| (format!("{folder}/profiles.ini"), format!("{folder}/a/cert9.db")));
        let mut files = Vec::new();
        for (ini, database) in &places[1..3] {
            files.extend([(ini.as_str(), "[Profile0]\nPath=a\n"), (database.as_str(), "")]);
        }
        assert_eq!(found("firefox", &home(&files)), [".mozilla/firefox/a", "snap/firefox/common/.mozilla/firefox/a"]);
    }

    #[test]
    fn chrome_has_one_database_for_the_user() {
        let home = home(&[(".pki/nssdb/cert9.db", ""), (".mozilla/firefox/profiles.ini", "[General]\n")]);
        assert_eq!((found("chrome", &home), found("chromium", &home)), (vec![".pki/nssdb".to_owned()], vec![".pki/nssdb".to_owned()]));
        assert!(found("firefox", &home).is_empty());
        assert_eq!(candidates("~/certs", Some(home.path())), [home.path().join("certs")]);
        assert_eq!(candidates("/srv/nssdb", Some(home.path())), [PathBuf::from("/srv/nssdb")]);
    }
}

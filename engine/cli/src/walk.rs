//! The documents below a folder.
//!
//! May use: the file system, reading only. Must not: follow links, so that nothing outside the folder is ever named.

use std::path::{Path, PathBuf};

use kirikae_engine::text::Text;

use crate::failure::Failure;

/// Folders inside each other, at most.
const MAX_DEPTH: usize = 16;
/// Documents of one folder, at most.
const MAX_FILES: usize = 10_000;

/// Every `*.yaml` below a folder, sorted; hidden files and folders and links are left out.
pub fn documents(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = vec![];
    let mut open = vec![(folder.to_owned(), 0)];
    while let Some((at, depth)) = open.pop() {
        for entry in std::fs::read_dir(&at).map_err(|error| unreadable(&at, &error))? {
            let entry = entry.map_err(|error| unreadable(&at, &error))?;
            let kind = entry.file_type().map_err(|error| unreadable(&at, &error))?;
            let path = entry.path();
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            if kind.is_dir() && depth < MAX_DEPTH {
                open.push((path, depth + 1));
            } else if kind.is_file() && path.extension().is_some_and(|ending| ending == "yaml") {
                found.push(path);
            }
            if found.len() > MAX_FILES {
                return Err(Failure::usage(
                    "FILE.TOO_MANY",
                    Text::new(
                        format!("{} の下に YAML ファイルが {MAX_FILES} 個より多くあります。", folder.display()),
                        format!("there are more than {MAX_FILES} YAML files below {}.", folder.display()),
                    ),
                    Text::new("手順書のフォルダを指定してください。", "name the folder of the playbooks."),
                ));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(
        "FILE.NOT_READABLE",
        Text::new(format!("{} を読めません: {error}", path.display()), format!("cannot read {}: {error}", path.display())),
        Text::new("フォルダを読む許可を確かめてください。", "check that you may read the folder."),
    )
}

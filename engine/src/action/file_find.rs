//! `file.find`: finds a file in a folder and takes it in. Reads only.

use super::manifest::{input, input_or, manifest, output};
use super::{Action, Inputs, Kind, Manifest, Outputs, ReadAction, ReadCx};
use crate::backend::{BackendError, FileEntry, Verb};
use crate::dsl::{RoleKind, Type, Value, glob_matches};
use crate::secret::Secret;
use crate::text::{Phrase, Text};

/// Files over 16 MiB are no certificate files.
pub(crate) const LARGEST: u64 = 16 << 20;

/// What a wrapped backup's name ends with.
pub(crate) const WRAPPED: &str = ".age";

/// The action.
pub(super) struct FileFind;

impl Action for FileFind {
    fn manifest(&self) -> Manifest {
        Manifest {
            inputs: vec![
                input("in", Type::Role(RoleKind::Folder), "探すフォルダ。", "the folder to search."),
                input(
                    "name",
                    Type::Glob,
                    "ファイル名。* と ? が使えます。控えの .age は付けずに書きます。",
                    "file name with `*` and `?`; the `.age` of a wrapped backup is left out.",
                ),
                input_or(
                    "pick",
                    Type::Enum(vec!["only".to_owned(), "newest".to_owned()]),
                    "only",
                    "複数あるときの選び方。only は1つだけのはずのとき。",
                    "which of several; `only` means that there must be exactly one.",
                ),
            ],
            outputs: vec![
                output("file", Type::File, "見つかったファイル。", "the file found."),
                output("count", Type::Int, "当てはまった数。", "how many matched."),
                output("modified", Type::DateTime, "更新日時。", "when it was last changed."),
            ],
            codes: vec!["FILE.AMBIGUOUS", "FILE.NOT_FOUND", "FILE.TOO_BIG", "FOLDER.ABSENT", "VAULT.UNREADABLE"],
            verbs: vec![Verb::List, Verb::Read],
            ..manifest(
                "file.find",
                Phrase { ja: "ファイルを探す", en: "Find a file" },
                Phrase {
                    ja: "フォルダの中のファイルを名前で探します。元のファイルは変えません。",
                    en: "Searches a folder for a file by its name. The file itself is not changed.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Read(self)
    }
}

impl ReadAction for FileFind {
    fn read(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<Outputs, BackendError> {
        let folder = cx.backends.folder(inputs.role("in").ok_or_else(|| Inputs::unknown("in"))?)?;
        let pattern = inputs.str("name").ok_or_else(|| Inputs::unknown("name"))?;
        let mut found: Vec<FileEntry> = folder.list(&cx.call)?.into_iter().filter(|file| glob_matches(pattern, bare_name(&file.name))).collect();
        found.sort_by(|a, b| (b.modified, &a.name).cmp(&(a.modified, &b.name)));
        let newest = inputs.str("pick") == Some("newest");
        let entry = match found.as_slice() {
            [] => return Err(not_found(folder.id(), pattern)),
            [one] => one,
            [one, two, ..] if newest && one.modified > two.modified => one,
            several => return Err(ambiguous(folder.id(), several)),
        };
        let raw = folder.read(&cx.call, &entry.name, LARGEST)?;
        let content = if entry.name.ends_with(WRAPPED) { cx.backends.vault().unwrap(&raw)? } else { Secret::bytes(raw) };
        // Any file may hold a key: it is kept where keys are kept.
        let file = cx.blobs.keep(bare_name(&entry.name), &content, true)?;
        Ok(Outputs::from([
            ("file".to_owned(), Value::File(file)),
            ("count".to_owned(), Value::Int(i64::try_from(found.len()).unwrap_or(i64::MAX))),
            ("modified".to_owned(), Value::DateTime(entry.modified)),
        ]))
    }
}

/// The name without the ending of a wrapped backup.
pub(super) fn bare_name(name: &str) -> &str {
    name.strip_suffix(WRAPPED).unwrap_or(name)
}

fn not_found(folder: &str, pattern: &str) -> BackendError {
    BackendError::new(
        "FILE.NOT_FOUND",
        Text::new(format!("{folder} に「{pattern}」に当てはまるファイルがありません。"), format!("{folder} has no file that matches `{pattern}`.")),
    )
}

fn ambiguous(folder: &str, found: &[FileEntry]) -> BackendError {
    let names: Vec<&str> = found.iter().map(|file| file.name.as_str()).collect();
    let names = names.join("、");
    BackendError::new(
        "FILE.AMBIGUOUS",
        Text::new(
            format!("{folder} に当てはまるファイルが{}個あります: {names}", found.len()),
            format!("{folder} has {} files that match: {names}", found.len()),
        ),
    )
    .with("candidates", names)
}

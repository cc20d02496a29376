//! `file.find`: finds a file in a folder and takes it in. Reads only.

use super::manifest::{input, input_or, manifest, output};
use super::{Action, Kind, Manifest};
use crate::backend::Verb;
use crate::dsl::{RoleKind, Type};
use crate::text::Phrase;

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
        Kind::Read(&super::later::Later)
    }
}

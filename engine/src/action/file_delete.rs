//! `file.delete`: deletes a file from a folder after its backup was read back once more (`runs.md` 4).

use sha2::{Digest, Sha256};

use super::file_find::{LARGEST, bare_name};
use super::manifest::{input, manifest, output};
use super::{Action, Effect, Inputs, Intent, IntentOnDisk, Kind, Manifest, Observed, Outputs, ReadCx, WriteAction, WriteCx, proved};
use crate::backend::{BackendError, FolderRead, Progress, Verb};
use crate::dsl::{BackupRef, FileRef, RoleKind, Type, Value};
use crate::secret::Secret;
use crate::text::{Phrase, Text};

/// The action.
pub(super) struct FileDelete;

impl Action for FileDelete {
    fn manifest(&self) -> Manifest {
        Manifest {
            effect: Effect::Irreversible,
            inputs: vec![
                input("file", Type::File, "消すファイル(file.find などで見つけたもの)。", "the file to delete, as `file.find` found it."),
                input("in", Type::Role(RoleKind::Folder), "そのファイルがあるフォルダ。", "the folder that it is in."),
                input(
                    "backed_up",
                    Type::BackupRef,
                    "読み戻して確かめた控え(file.save の backed_up)。同じ内容でなければ消しません。",
                    "verified backup, of `file.save`; nothing is deleted unless it has the same content.",
                ),
            ],
            outputs: vec![output("deleted_at", Type::DateTime, "消した日時。", "when it was deleted.").shown_once()],
            codes: vec!["FILE.BAD_NAME", "FOLDER.ABSENT", "FOLDER.READONLY", "PROOF.MISMATCH", "VAULT.UNREADABLE"],
            observe: Some(Phrase {
                ja: "その名前と内容のファイルがフォルダに無いか", en: "whether the folder no longer has a file of that name and content"
            }),
            verbs: vec![Verb::List, Verb::Read, Verb::Write],
            ..manifest(
                "file.delete",
                Phrase { ja: "ファイルを消す", en: "Delete a file" },
                Phrase {
                    ja: "控えを消す直前にもう一度読み、内容が同じときだけ、フォルダのファイルを消します。控えそのものは消しません。",
                    en: "Reads the backup once more just before, and deletes the file only if the content is the same. Never deletes the backup itself.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Write(self)
    }
}

impl WriteAction for FileDelete {
    fn observe(&self, cx: &ReadCx<'_>, inputs: &Inputs, _intent: Option<&Intent>) -> Result<Observed, BackendError> {
        let folder = cx.backends.folder(role(inputs)?)?;
        let file = file(inputs)?;
        if !names_there(cx, folder, file)?.is_empty() {
            return Ok(Observed::NotDone { conclusive: true, baseline: serde_json::Value::Null });
        }
        Ok(Observed::Done {
            outputs: Outputs::new(),
            evidence: Text::new(format!("{} に {} はもうありません。", folder.id(), file.name), format!("{} no longer has {}.", folder.id(), file.name)),
        })
    }

    fn perform(&self, cx: &WriteCx<'_>, inputs: &Inputs, _intent: &IntentOnDisk) -> Result<Progress<Outputs>, BackendError> {
        let folder = cx.writes.folder(role(inputs)?)?;
        let file = file(inputs)?;
        for name in names_there(&cx.read, folder, file)? {
            is_backed_up(&cx.read, inputs, file, &place(folder, &name))?;
            folder.remove(&cx.read.call, &name)?;
        }
        if !names_there(&cx.read, folder, file)?.is_empty() {
            return Err(BackendError::new(
                "FOLDER.READONLY",
                Text::new(format!("消したはずの {} がまだあります。", file.name), format!("{} is still there after deleting it.", file.name)),
            ));
        }
        Ok(Progress::Done(Outputs::from([("deleted_at".to_owned(), Value::DateTime(cx.read.wall))])))
    }

    fn preflight(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
        let folder = cx.backends.folder(role(inputs)?)?;
        folder.probe_writable(&cx.call)?;
        let file = file(inputs)?;
        names_there(cx, folder, file)?.iter().try_for_each(|name| is_backed_up(cx, inputs, file, &place(folder, name)))
    }
}

/// The backup is there now, is another file than this one, and has its content.
fn is_backed_up(cx: &ReadCx<'_>, inputs: &Inputs, file: &FileRef, target: &str) -> Result<(), BackendError> {
    let backup = inputs.backup("backed_up").ok_or_else(|| Inputs::unknown("backed_up"))?;
    if backup.place == target {
        return Err(proved::mismatch(format!("消そうとしている {target} が控えそのものです。"), format!("{target} is the backup itself.")));
    }
    let content = read_backup(cx, backup)?;
    if digest(content.expose()) == file.sha256 {
        return Ok(());
    }
    Err(proved::mismatch(
        format!("控え {} の内容が {} と違います。", backup.place, file.name),
        format!("the backup {} has other content than {}.", backup.place, file.name),
    ))
}

fn read_backup(cx: &ReadCx<'_>, backup: &BackupRef) -> Result<Secret, BackendError> {
    let gone = || proved::mismatch(format!("控え {} が今は読めません。", backup.place), format!("the backup {} cannot be read now.", backup.place));
    let (folder, name) = backup.place.rsplit_once('/').ok_or_else(gone)?;
    let folder = cx.backends.folder_at(folder)?;
    let raw = folder.read(&cx.call, name, LARGEST).map_err(|_| gone())?;
    if digest(&raw) != backup.sha256 {
        return Err(proved::mismatch(
            format!("控え {} は、確かめたときから変わっています。", backup.place),
            format!("the backup {} has changed since it was verified.", backup.place),
        ));
    }
    content_of(cx, folder, raw).map_err(|_| gone())
}

/// The names under which the folder has this very file. Of a wrapped one the content counts, not the wrapping.
fn names_there(cx: &ReadCx<'_>, folder: &dyn FolderRead, file: &FileRef) -> Result<Vec<String>, BackendError> {
    let mut names = vec![];
    for entry in folder.list(&cx.call)?.into_iter().filter(|entry| bare_name(&entry.name) == file.name && entry.size <= LARGEST) {
        let raw = match folder.read(&cx.call, &entry.name, LARGEST) {
            Ok(raw) => raw,
            // It has gone between the two looks.
            Err(error) if error.code == "FILE.NOT_FOUND" => continue,
            Err(error) => return Err(error),
        };
        let wrapped = entry.name != file.name;
        let content = if wrapped { cx.backends.vault().unwrap(&raw).ok() } else { Some(Secret::bytes(raw)) };
        if content.is_some_and(|content| digest(content.expose()) == file.sha256) {
            names.push(entry.name);
        }
    }
    Ok(names)
}

fn content_of(cx: &ReadCx<'_>, folder: &dyn FolderRead, raw: Vec<u8>) -> Result<Secret, BackendError> {
    if folder.plain() { Ok(Secret::bytes(raw)) } else { cx.backends.vault().unwrap(&raw) }
}

fn digest(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

fn role(inputs: &Inputs) -> Result<&str, BackendError> {
    inputs.role("in").ok_or_else(|| Inputs::unknown("in"))
}

fn file(inputs: &Inputs) -> Result<&FileRef, BackendError> {
    inputs.file("file").ok_or_else(|| Inputs::unknown("file"))
}

fn place(folder: &dyn FolderRead, name: &str) -> String {
    format!("{}/{name}", folder.id())
}

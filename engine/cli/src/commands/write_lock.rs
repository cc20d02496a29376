//! `kirikae check --write-lock PATH..`: writes `kirikae.lock` beside the library's `sources.yaml`.

use std::path::{Path, PathBuf};

use kirikae_engine::action::registry;
use kirikae_engine::check::{Library, Lock, check};
use kirikae_engine::dsl::decode_lock;
use kirikae_engine::text::{Lang, Source, Text};

use crate::exit;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::library::{Shelf, read_source};
use crate::render;

/// A library without its lock: what is locked anew is compared with nothing.
struct Unlocked<'a>(&'a Shelf);

impl Library for Unlocked<'_> {
    fn playbook(&self, id: &str) -> Option<Source> {
        self.0.playbook(id)
    }

    fn portal(&self, id: &str) -> Option<Source> {
        self.0.portal(id)
    }

    fn sources(&self) -> Option<Source> {
        self.0.sources()
    }

    fn further_sources(&self) -> Option<Source> {
        self.0.further_sources()
    }
}

/// Locks what the playbooks refer to. Entries of documents that they do not refer to stay while the library has them.
pub fn run(globals: &Globals, paths: &[PathBuf]) -> Result<u8, Failure> {
    let shelf = Shelf::find(globals.library.as_deref(), paths.first().map(PathBuf::as_path));
    let Some(file) = shelf.lock_file() else {
        return Err(Failure::usage(
            "LOCK.NO_LIBRARY",
            Text::new("sources.yaml のあるフォルダが見つからないので、kirikae.lock を置けません。", "no folder with sources.yaml to put kirikae.lock into."),
            Text::new("--library で手順書の置き場所を指定してください。", "name the folder with --library."),
        ));
    };
    let mut lock = kept(&shelf);
    for path in paths {
        if Shelf::find(globals.library.as_deref(), Some(path)).lock_file().as_ref() != Some(&file) {
            return Err(other_library(path, &file));
        }
        let outcome = check(&read_source(path)?, &Unlocked(&shelf), registry());
        match outcome.result {
            Ok(checked) => lock.update(Lock::of(&checked)),
            Err(findings) => return Err(Failure::Findings(Box::new(outcome.sources), findings)),
        }
    }
    render::save(&file, &lock.to_text())?;
    let documents = lock.playbooks.len() + lock.portals.len() + [&lock.catalogue, &lock.built_in_catalogue].into_iter().flatten().count();
    render::out(&match globals.lang() {
        Lang::Ja => format!("{} に{documents}件を固定しました。", file.display()),
        Lang::En => format!("locked {documents} document(s) in {}.", file.display()),
    });
    Ok(exit::DONE)
}

/// What the present lock says of documents that still exist.
fn kept(shelf: &Shelf) -> Lock {
    let mut lock = shelf.lock().and_then(|file| decode_lock(&file).ok()).unwrap_or_default();
    lock.playbooks.retain(|id, _| shelf.playbook(id).is_some());
    lock.portals.retain(|id, _| shelf.portal(id).is_some());
    lock
}

fn other_library(path: &Path, file: &Path) -> Failure {
    let (path, file) = (path.display(), file.display());
    Failure::usage(
        "LOCK.NO_LIBRARY",
        Text::new(format!("{path} の置き場所は {file} の置き場所と違います。"), format!("{path} does not belong to the library of {file}.")),
        Text::new("置き場所ごとに kirikae check --write-lock を実行してください。", "run `kirikae check --write-lock` once per library."),
    )
}

//! `kirikae new playbook|portal|site|test NAME`
//!
//! Writes a document to start from, with comments, that passes `check` as it is. Files that are there are never overwritten.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
#[cfg(feature = "playbook-tests")]
use kirikae_engine::action::registry;
use kirikae_engine::check::Library;
#[cfg(feature = "playbook-tests")]
use kirikae_engine::check::check;
use kirikae_engine::dsl::{decode_sources, is_document_id};
#[cfg(feature = "playbook-tests")]
use kirikae_engine::testing::playbook::draft;
use kirikae_engine::text::{Lang, Text};
use serde_json::json;

use crate::exit;
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::library::Shelf;
use crate::render;

/// Arguments of `new`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// What to write
    kind: Kind,
    /// Its id, such as obn/renew-web; the file is NAME.yaml, portals/NAME.yaml, sites/NAME.yaml or NAME.test.yaml
    name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A procedure: steps, each citing its manual
    Playbook,
    /// The pages of a portal, by the words that a person sees
    Portal,
    /// Places, addresses and approval rules of one terminal
    Site,
    /// A test of the playbook of this id, from its inputs and steps
    #[cfg(feature = "playbook-tests")]
    Test,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Playbook => "playbook",
            Self::Portal => "portal",
            Self::Site => "site",
            #[cfg(feature = "playbook-tests")]
            Self::Test => "test",
        }
    }

    /// Where a document of this id is looked for, below the library's folder.
    fn path(self, id: &str) -> String {
        match self {
            Self::Playbook => format!("{id}.yaml"),
            Self::Portal => format!("portals/{id}.yaml"),
            Self::Site => format!("sites/{id}.yaml"),
            #[cfg(feature = "playbook-tests")]
            Self::Test => format!("{id}.test.yaml"),
        }
    }

    /// The text of a new document; `of` gives that of a test, which is made from its playbook.
    fn skeleton(self, lang: Lang, of: impl FnOnce() -> Result<String, Failure>) -> Result<String, Failure> {
        match self.words(lang) {
            "" => of(),
            words => Ok(words.to_owned()),
        }
    }

    fn words(self, lang: Lang) -> &'static str {
        match (self, lang) {
            (Self::Playbook, Lang::Ja) => include_str!("../skeletons/playbook.ja.yaml"),
            (Self::Playbook, Lang::En) => include_str!("../skeletons/playbook.en.yaml"),
            (Self::Portal, Lang::Ja) => include_str!("../skeletons/portal.ja.yaml"),
            (Self::Portal, Lang::En) => include_str!("../skeletons/portal.en.yaml"),
            (Self::Site, Lang::Ja) => include_str!("../skeletons/site.ja.yaml"),
            (Self::Site, Lang::En) => include_str!("../skeletons/site.en.yaml"),
            #[cfg(feature = "playbook-tests")]
            (Self::Test, _) => "",
        }
    }
}

/// Without the feature no kind of document is made from a playbook.
#[cfg(not(feature = "playbook-tests"))]
fn of_playbook(_lang: Lang, _shelf: &Shelf, _id: &str) -> Result<String, Failure> {
    Ok(String::new())
}

/// A test of a playbook of the library, with one case.
#[cfg(feature = "playbook-tests")]
fn of_playbook(lang: Lang, shelf: &Shelf, id: &str) -> Result<String, Failure> {
    let Some(source) = shelf.playbook(id) else {
        return Err(Failure::usage(
            "DSL.NO_PLAYBOOK",
            Text::new(format!("手順書「{id}」が見つかりません。"), format!("there is no playbook `{id}`.")),
            Text::new("名前を確かめるか、--library で置き場所を指定してください。", "check the name, or name the folder with --library."),
        ));
    };
    let outcome = check(&source, shelf, registry());
    let checked = outcome.result.map_err(|findings| Failure::Findings(Box::new(outcome.sources), findings))?;
    let (head, case) = match lang {
        Lang::Ja => ("手順書の試験。模擬の世界で動き、どこにも何も送らない。certs と backends を、試したい場合に合わせて直す。", "いつもの場合"),
        Lang::En => ("A test in a world in memory: nothing is sent anywhere. Change certs and backends to the case that you mean.", "The usual case"),
    };
    let cases = format!("cases:\n  usual:\n    title: {case}\n    expect:\n      result: done\n");
    Ok(format!("# yaml-language-server: $schema=@SCHEMA@\n# {head}\n{}{cases}", draft(&checked)))
}

fn catalogue_skeleton(lang: Lang) -> &'static str {
    match lang {
        Lang::Ja => include_str!("../skeletons/sources.ja.yaml"),
        Lang::En => include_str!("../skeletons/sources.en.yaml"),
    }
}

/// Writes the skeleton and says what to do next.
pub fn run(globals: &Globals, args: &Args) -> Result<u8, Failure> {
    let lang = globals.lang();
    if !is_document_id(&args.name) {
        return Err(bad_name(&args.name));
    }
    let relative = args.kind.path(&args.name);
    let shelf = Shelf::find(globals.library.as_deref(), Some(Path::new(&relative)));
    let folder = shelf.folder().map_or_else(PathBuf::new, Path::to_owned);
    let manual = manual_name(&args.name);
    // Without a catalogue the skeleton gets one with its manual; an author's own catalogue is not touched.
    let makes_catalogue = args.kind == Kind::Playbook && !folder.join("sources.yaml").exists();
    let cites = makes_catalogue || has_section(&shelf, &manual, "1");
    let schemas = schemas(&folder);
    let text = args
        .kind
        .skeleton(lang, || of_playbook(lang, &shelf, &args.name))?
        .replace("@SCHEMA@", &schemas.seen_from(&relative, args.kind.word()))
        .replace("@ID@", &args.name)
        .replace("@CITE@", if cites { "" } else { "# " })
        .replace("@MANUAL@", &manual);
    let path = folder.join(&relative);
    write_new(&path, &text)?;
    let mut written = vec![path];
    if makes_catalogue {
        let catalogue = folder.join("sources.yaml");
        let text = catalogue_skeleton(lang).replace("@SCHEMA@", &schemas.seen_from("sources.yaml", "sources")).replace("@MANUAL@", &manual);
        write_new(&catalogue, &text)?;
        written.push(catalogue);
    }
    let written: Vec<String> = written.iter().map(|path| shown(path)).collect();
    let next = next(args.kind, &written[0], &args.name, (!schemas.exist).then(|| shown(&folder.join(schemas.relative))), !cites && args.kind == Kind::Playbook);
    match globals.format {
        Format::Json => {
            let next: Vec<&str> = next.iter().map(|text| text.get(lang)).collect();
            render::out(&json!({ "written": written, "next": next }).to_string());
        }
        _ => {
            let wrote = if lang == Lang::Ja { "書きました" } else { "wrote" };
            render::out(&written.iter().map(|path| format!("{wrote}: {path}\n")).collect::<String>());
            render::out(if lang == Lang::Ja { "次に" } else { "next" });
            render::out(&next.iter().map(|text| format!("  {}\n", text.get(lang))).collect::<String>());
        }
    }
    Ok(exit::DONE)
}

fn next(kind: Kind, path: &str, id: &str, schemas: Option<String>, uncited: bool) -> Vec<Text> {
    let mut next = vec![];
    if uncited {
        next.push(Text::new(
            "sources.yaml に手順書を加え、sources: と cite: の行の # を外す",
            "add the manual to sources.yaml, then take the # off the lines `sources:` and `cite:`",
        ));
    }
    next.push(Text::new(format!("kirikae check {path}        書いたところを確かめる"), format!("kirikae check {path}        see whether it is right")));
    if let Some(folder) = schemas {
        next.push(Text::new(
            format!("kirikae schema --out {folder}        エディターの補完と説明のためのファイルを作る"),
            format!("kirikae schema --out {folder}        write what editors complete and explain with"),
        ));
    }
    next.push(match kind {
        Kind::Playbook => Text::new(
            format!("kirikae plan {path} --site サイトファイル        何が起きるかを見る(サイトファイルは kirikae new site 名前 で作る)"),
            format!("kirikae plan {path} --site SITE        see what would happen (make a site file with `kirikae new site NAME`)"),
        ),
        Kind::Portal => Text::new(
            format!("playbook の backends に「issuer: {{ kind: ca, profile: {id} }}」と書くと使えます"),
            format!("a playbook uses it with `issuer: {{ kind: ca, profile: {id} }}` under `backends`"),
        ),
        #[cfg(feature = "playbook-tests")]
        Kind::Test => Text::new(
            format!("kirikae test {path}        試す(場合を足して、あるべき結果を書いていく)"),
            format!("kirikae test {path}        try it; then add cases, and what must come of them"),
        ),
        Kind::Site => Text::new(
            format!("kirikae plan 手順書 --site {path}        この端末で何が起きるかを見る"),
            format!("kirikae plan PLAYBOOK --site {path}        see what would happen on this terminal"),
        ),
    });
    next
}

/// `obn/renew-web` is written from `obn_manual`.
fn manual_name(id: &str) -> String {
    format!("{}_manual", id.split('/').next().unwrap_or(id).replace('-', "_"))
}

fn has_section(shelf: &Shelf, manual: &str, section: &str) -> bool {
    let catalogue = shelf.sources().and_then(|source| decode_sources(&source).ok());
    catalogue.is_some_and(|catalogue| catalogue.0.get(manual).is_some_and(|manual| manual.sections.contains_key(section)))
}

/// Where the schemas are, or will be.
struct Schemas {
    /// From the library's folder.
    relative: &'static str,
    exist: bool,
}

impl Schemas {
    /// The schema of a kind of document, as a file below the library's folder names it.
    fn seen_from(&self, file: &str, kind: &str) -> String {
        format!("{}{}/{kind}.json", "../".repeat(file.matches('/').count()), self.relative)
    }
}

fn schemas(folder: &Path) -> Schemas {
    let here = ["schemas", "../schemas"].into_iter().find(|relative| folder.join(relative).join("playbook.json").is_file());
    Schemas { relative: here.unwrap_or("schemas"), exist: here.is_some() }
}

/// A path as people type it: relative to the working folder where it is below it.
fn shown(path: &Path) -> String {
    let below = std::env::current_dir().ok().and_then(|here| Some(path.strip_prefix(here).ok()?.to_owned()));
    below.as_deref().unwrap_or(path).display().to_string()
}

/// Writes a file that is not there yet, with its folders.
fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let write = || {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
    };
    write().map_err(|error| {
        let name = shown(path);
        if error.kind() == ErrorKind::AlreadyExists {
            return Failure::usage(
                "FILE.EXISTS",
                Text::new(format!("{name} はもうあります。上書きはしません。"), format!("{name} is there already; it is not overwritten.")),
                Text::new("別の名前にするか、そのファイルを移してください。", "choose another name, or move that file away."),
            );
        }
        Failure::usage(
            "FILE.NOT_WRITABLE",
            Text::new(format!("{name} に書けません: {error}"), format!("cannot write {name}: {error}")),
            Text::new("書き込める場所で行ってください。", "work in a folder that can be written."),
        )
    })
}

fn bad_name(name: &str) -> Failure {
    Failure::usage(
        "DSL.BAD_ID",
        Text::new(format!("「{name}」は文書の名前に使えません。"), format!("`{name}` cannot be the id of a document.")),
        Text::new(
            "obn/renew-web のように、英小文字・数字・_・- を / でつないで書いてください(.yaml は付けません)。",
            "write lower-case names joined by `/`, such as obn/renew-web, without `.yaml`.",
        ),
    )
}

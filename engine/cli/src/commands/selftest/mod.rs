//! `kirikae selftest`: whether a store of this terminal does what kirikae needs, with a throw-away certificate.

mod course;
mod paper;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use kirikae_backends::vault::age::AgeVault;
use kirikae_backends::{StoreSettings, builtin};
use kirikae_engine::backend::{BackendError, EntryInfo, StoreWrite, Vault};
use kirikae_engine::dsl::Type;
use kirikae_engine::secret::{Secret, SecretRef};
use kirikae_engine::text::Text;
use tempfile::TempDir;

use self::course::{Course, wrong};
use self::paper::{KeyKind, Paper};
use crate::exit;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::render::selftest as shown;
use crate::secrets::generate;

pub use self::course::{Outcome, Record, Step};

/// Arguments of `selftest`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The kind of the store [default: windows, on Windows]
    #[arg(long, value_name = "KIND")]
    store: Option<String>,
    /// The folder of a store of kind `dir`. The test uses a folder of its own in it
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
    /// Another setting as a site file writes it, such as location=local_machine or keys=capi (may be repeated)
    #[arg(long = "with", value_name = "KEY=VALUE", value_parser = crate::job::pair)]
    with: Vec<(String, String)>,
}

/// What is tried: a store with these settings, and a key of this kind.
struct Trial {
    settings: BTreeMap<String, String>,
    key: KeyKind,
}

/// A trial and how it went.
pub struct Told {
    /// The store's identity; the vault's folder for the vault.
    pub place: String,
    /// What was tried there: the settings that matter and the kind of key.
    pub about: String,
    /// Its steps, in order.
    pub records: Vec<Record>,
}

impl Told {
    /// Whether nothing went wrong.
    pub fn passed(&self) -> bool {
        self.records.iter().all(|record| !matches!(record.outcome, Outcome::Failed(_)))
    }
}

/// Tries the store and the vault, says how each step went, and leaves nothing behind. Exit 1 if one failed.
pub fn run(globals: &Globals, args: &Args) -> Result<u8, Failure> {
    let kind = kind(args)?;
    let mut told = vec![];
    for trial in trials(kind, args) {
        let result = try_store(kind, args, &trial)?;
        shown::progress(&result, globals);
        told.push(result);
    }
    let result = try_vault();
    shown::progress(&result, globals);
    told.push(result);
    shown::verdict(&told, globals);
    Ok(if told.iter().all(Told::passed) { exit::DONE } else { exit::FAILED })
}

fn kind(args: &Args) -> Result<&str, Failure> {
    let on_windows = cfg!(windows).then_some("windows");
    args.store.as_deref().or(on_windows).ok_or_else(|| {
        Failure::usage(
            "SELFTEST.NO_STORE",
            Text::new("どの保管先を試すか決まりません。", "it is not clear which store to try."),
            Text::new(
                "--store で種類を指定してください。例: --store dir --path フォルダ",
                "name its kind with --store, for example `--store dir --path FOLDER`.",
            ),
        )
    })
}

/// On Windows both ways of keeping keys, unless one is named; each kind of key that the way takes.
fn trials(kind: &str, args: &Args) -> Vec<Trial> {
    let settings: BTreeMap<String, String> = args.with.iter().cloned().collect();
    let with = |keys: &str| settings.iter().map(|(key, value)| (key.clone(), value.clone())).chain([("keys".to_owned(), keys.to_owned())]).collect();
    let ways: Vec<BTreeMap<String, String>> =
        if kind == "windows" && !settings.contains_key("keys") { vec![with("cng"), with("capi")] } else { vec![settings.clone()] };
    let takes = |settings: &BTreeMap<String, String>| match settings.get("keys").map(String::as_str) {
        Some("capi") => vec![KeyKind::Rsa],
        _ => vec![KeyKind::Rsa, KeyKind::P256],
    };
    ways.into_iter().flat_map(|settings| takes(&settings).into_iter().map(move |key| Trial { settings: settings.clone(), key })).collect()
}

fn try_store(kind: &str, args: &Args, trial: &Trial) -> Result<Told, Failure> {
    let folder = args.path.as_deref().map(own_folder).transpose()?;
    let store = open(kind, folder.as_ref().map(TempDir::path), &trial.settings)?;
    let ways = trial.settings.iter().map(|(key, value)| format!("{key}={value}"));
    let about = ways.chain([trial.key.word().to_owned()]).collect::<Vec<_>>().join(" ");
    let mut course = Course::default();
    if let Some(paper) = course.take(Step::Make, Paper::make(trial.key)) {
        course::go(&mut course, &*store, &paper);
    }
    Ok(Told { place: store.id().to_owned(), about, records: course.records })
}

/// A folder in the folder that was named, gone when the test ends: a store there keeps its own files.
fn own_folder(path: &Path) -> Result<TempDir, Failure> {
    tempfile::Builder::new().prefix("kirikae-selftest-").tempdir_in(path).map_err(|error| {
        Failure::usage(
            "FILE.NOT_WRITABLE",
            Text::new(format!("{} に書けません: {error}", path.display()), format!("cannot write to {}: {error}", path.display())),
            Text::new("書き込めるフォルダを --path で指定してください。", "name a folder that can be written with --path."),
        )
    })
}

fn open(kind: &str, folder: Option<&Path>, settings: &BTreeMap<String, String>) -> Result<Arc<dyn StoreWrite>, BackendError> {
    let password = generate(&Type::Ascii)?;
    let settings = StoreSettings {
        path: folder.map(Path::to_owned),
        own_password: Box::new(move || Ok(password.clone())),
        settings: settings.clone(),
        ..StoreSettings::default()
    };
    (builtin().store(kind)?.open)(settings)
}

/// The vault in a folder of its own: what one process seals, another one of this account opens.
fn try_vault() -> Told {
    let mut course = Course::default();
    let tried = tempfile::tempdir().map_err(|error| wrong(Text::plain(error.to_string()))).and_then(|state| {
        let (reference, value) = (SecretRef::vault("selftest"), generate(&Type::Ascii)?);
        let info = EntryInfo {
            reference: reference.clone(),
            name: "selftest".to_owned(),
            about: "selftest".to_owned(),
            written_at: Timestamp::now(),
            labels: BTreeMap::new(),
        };
        AgeVault::open(state.path(), &[])?.put(&info, &value)?;
        let opened: Option<Secret> = AgeVault::open(state.path(), &[])?.get(&reference)?;
        let same = opened.is_some_and(|opened| opened.expose() == value.expose());
        if same { Ok(()) } else { Err(wrong(Text::new("入れた値と違うものが出てきました。", "what came out is not what went in."))) }
    });
    course.take(Step::Vault, tried);
    let about = if cfg!(windows) { "DPAPI" } else { "age" };
    Told { place: "vault".to_owned(), about: about.to_owned(), records: course.records }
}

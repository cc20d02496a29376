//! Where sub-playbooks, portal profiles and the catalogue of manuals come from: a folder, else the set built in.

use std::path::{Path, PathBuf};

use kirikae_engine::check::Library;
use kirikae_engine::text::{Source, Sources, Text};

use crate::failure::Failure;

/// At most so much of a document is read; one byte more than allowed, so that the excess shows.
const READ_LIMIT: u64 = (1 << 20) + 1;

/// Name of the lock file beside `sources.yaml`.
const LOCK_FILE: &str = "kirikae.lock";

macro_rules! built_in {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../../playbooks/", $path)))),*]
    };
}

/// The set built into the binary, by path below `playbooks/`.
const BUILT_IN: &[(&str, &str)] = built_in!(
    "common/install-p12.yaml",
    "hpki2/bind.yaml",
    "hpki2/change-device.yaml",
    "hpki2/confirm.yaml",
    "hpki2/reissue-qr-pc.yaml",
    "hpki2/reissue-qr-post.yaml",
    "obn/backup-export.yaml",
    "obn/backup-file.yaml",
    "obn/delete-old.yaml",
    "obn/install.yaml",
    "obn/mpki-install.yaml",
    "obn/mpki-upgrade.yaml",
    "obn/obtain.yaml",
    "obn/prepare.yaml",
    "obn/renew-mpki.yaml",
    "obn/renew-web.yaml",
    "obn/revoke.yaml",
    "obn/root-install.yaml",
    "obn/select-client-cert.yaml",
    "obn/verify.yaml",
    "portals/obn.yaml",
    "portals/orcamo_admin.yaml",
    "portals/orcamo_api.yaml",
    "portals/sanka.yaml",
    "portals/webqkan.yaml",
    "sanka/cd-switch.yaml",
    "sanka/check-expiry.yaml",
    "sanka/incidents.yaml",
    "sanka/usb-switch.yaml",
    "sources.yaml",
    "webqkan/admin-renew.yaml",
    "webqkan/client-renew-api.yaml",
    "webqkan/client-renew.yaml",
    "webqkan/expired.yaml",
    "webqkan/import.yaml",
    "webqkan/keep-p12.yaml",
);

/// A library: a folder, and behind it the built-in set.
#[derive(Clone, Debug)]
pub struct Shelf {
    folder: Option<PathBuf>,
}

impl Shelf {
    /// The folder given, else the nearest parent of `playbook` that holds `sources.yaml`, else the built-in set alone.
    pub fn find(given: Option<&Path>, playbook: Option<&Path>) -> Self {
        let above = || {
            let start = std::path::absolute(playbook?).ok()?;
            start.ancestors().skip(1).find(|folder| folder.join("sources.yaml").is_file()).map(Path::to_owned)
        };
        Self { folder: given.map(Path::to_owned).or_else(above) }
    }

    /// Its folder; `None` for the built-in set alone.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// What it is, for people.
    pub fn describe(&self) -> Text {
        match &self.folder {
            Some(folder) => Text::plain(folder.display().to_string()),
            None => Text::new("組み込み", "built in"),
        }
    }

    fn read(&self, path: &str) -> Option<Source> {
        if let Some(folder) = &self.folder {
            let file = folder.join(path);
            if file.is_file() {
                return read_source(&file).ok();
            }
        }
        BUILT_IN.iter().find(|(known, _)| *known == path).map(|(known, text)| Source::new(*known, *text))
    }

    /// Where the lock file is, or would be; `None` for the built-in set alone.
    pub fn lock_file(&self) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(LOCK_FILE))
    }

    /// Every portal profile of the built-in set and the folder, by id.
    pub fn portals(&self) -> Vec<Source> {
        let mut ids: Vec<String> = BUILT_IN.iter().filter_map(|(path, _)| Some(path.strip_prefix("portals/")?.strip_suffix(".yaml")?.to_owned())).collect();
        let files = self.folder.as_ref().and_then(|folder| std::fs::read_dir(folder.join("portals")).ok());
        ids.extend(files.into_iter().flatten().flatten().filter_map(|file| Some(file.file_name().to_str()?.strip_suffix(".yaml")?.to_owned())));
        ids.sort();
        ids.dedup();
        ids.iter().filter_map(|id| self.portal(id)).collect()
    }
}

impl Library for Shelf {
    fn playbook(&self, id: &str) -> Option<Source> {
        self.read(&format!("{id}.yaml"))
    }

    fn portal(&self, id: &str) -> Option<Source> {
        self.read(&format!("portals/{id}.yaml"))
    }

    fn sources(&self) -> Option<Source> {
        self.read("sources.yaml")
    }

    fn lock(&self) -> Option<Source> {
        let file = self.lock_file().filter(|file| file.exists())?;
        // One that cannot be read locks nothing open: without its header it is refused.
        Some(read_source(&file).unwrap_or_else(|_| Source::new(file.display().to_string(), "")))
    }

    fn further_sources(&self) -> Option<Source> {
        let (name, text) = BUILT_IN.iter().find(|(known, _)| *known == "sources.yaml")?;
        self.folder.as_ref().map(|_| Source::new(format!("built-in {name}"), *text))
    }
}

/// Reads a document, at most 1 MiB and one byte.
pub fn read_source(path: &Path) -> Result<Source, Failure> {
    use std::io::Read;
    let name = path.display().to_string();
    let missing = |error: std::io::Error| {
        Failure::usage(
            "FILE.NOT_READABLE",
            Text::new(format!("{name} を読めません: {error}"), format!("cannot read {name}: {error}")),
            Text::new("ファイルの場所と名前を確かめてください。", "check the path and the name."),
        )
    };
    if path.is_dir() {
        return Err(Failure::usage(
            "FILE.IS_FOLDER",
            Text::new(format!("{name} はフォルダです。"), format!("{name} is a folder.")),
            Text::new("その中の YAML ファイルを1つ指定してください。", "name one YAML file in it."),
        ));
    }
    let mut bytes = vec![];
    let file = std::fs::File::open(path).map_err(missing)?;
    let size = file.metadata().map_err(missing)?.len();
    if let Some(finding) = Source::too_big(&name, size) {
        return Err(Failure::Findings(Box::default(), vec![finding]));
    }
    file.take(READ_LIMIT).read_to_end(&mut bytes).map_err(missing)?;
    Source::from_bytes(&name, &bytes).map_err(|finding| {
        let mut sources = Box::<Sources>::default();
        sources.add(Source::for_excerpt(&name, &bytes));
        Failure::Findings(sources, vec![finding])
    })
}

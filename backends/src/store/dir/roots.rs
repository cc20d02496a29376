//! The trusted roots of the store: DER files in its folder `roots`, named by their fingerprints.
//!
//! May use: files in that folder. Must not: decide whether a root may be trusted.

use std::fs;
use std::io;

use kirikae_engine::backend::{BackendError, Call, StoreRoots, StoreTrust, StoredCert};
use kirikae_engine::text::Text;

use super::lock;
use super::{DirStore, error};
use crate::folder::durable;
use crate::x509::{Custody, cert_info};

/// The folder's name.
const FOLDER: &str = "roots";

/// Bytes of a root certificate.
const MAX_SIZE: u64 = 1 << 20;

impl DirStore {
    fn root(&self, der: Vec<u8>) -> Result<StoredCert, String> {
        let custody = Custody { holder: self.id.clone(), ..Custody::default() };
        Ok(StoredCert { info: cert_info(&der, custody).map_err(|reason| reason.to_string())?, der })
    }
}

impl StoreRoots for DirStore {
    fn trusted(&self, _call: &Call) -> Result<Vec<StoredCert>, BackendError> {
        let folder = self.folder.join(FOLDER);
        let unreadable = |reason| error::unreadable(&folder, &reason);
        let files = match fs::read_dir(&folder) {
            // Nothing is trusted yet; that the store itself is there is looked at all the same.
            Err(reason) if reason.kind() == io::ErrorKind::NotFound => return self.files().map(|_| vec![]),
            files => files.map_err(unreadable)?,
        };
        let mut names = vec![];
        for file in files {
            names.extend(file.map_err(unreadable)?.file_name().into_string().ok().filter(|name| name.ends_with(".cer") && !name.starts_with('.')));
        }
        names.sort();
        let read = |name: &String| {
            let der = durable::read(&folder.join(name), MAX_SIZE).map_err(|reason| error::unread(&folder, name, reason))?;
            self.root(der).map_err(|reason| error::damaged(&folder, name, &reason))
        };
        names.iter().map(read).collect()
    }

    fn dialog(&self) -> Option<Text> {
        None
    }
}

impl StoreTrust for DirStore {
    fn trust(&self, call: &Call, root: &[u8]) -> Result<StoredCert, BackendError> {
        let root = self.root(root.to_vec()).map_err(|reason| {
            let what = Text::new(format!("証明書として読めません({reason})。"), format!("not readable as a certificate ({reason})."));
            BackendError::new("CERT.UNREADABLE", what)
        })?;
        self.files()?;
        let _lock = lock::take(&self.folder, call)?;
        let folder = self.folder.join(FOLDER);
        let unwritable = |reason| error::unwritable(&folder, &reason);
        if !folder.is_dir() {
            durable::create_folder(&folder).map_err(unwritable)?;
        }
        durable::replace(&folder, &format!("{}.cer", root.info.sha256), &root.der).map_err(unwritable)?;
        Ok(root)
    }
}

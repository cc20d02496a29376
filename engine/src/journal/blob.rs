//! Content by digest: `STATE/blobs/<sha256>`.

use std::fs;
use std::path::Path;

use crate::backend::BackendError;
use crate::plan::sha256_hex;
use crate::text::Text;

/// Keeps content durably and gives its SHA-256, hex. Content that is there already is kept as it is.
///
/// # Errors
/// `FOLDER.FULL`, `FOLDER.READONLY`.
pub(crate) fn keep_blob(folder: &Path, content: &[u8]) -> Result<String, BackendError> {
    let sha256 = sha256_hex(content);
    let place = folder.join("blobs");
    let path = place.join(&sha256);
    if path.exists() {
        return Ok(sha256);
    }
    let write = || {
        fs::create_dir_all(&place)?;
        super::place::write_durably(&path, content)
    };
    write().map_err(|error| {
        let code = if error.kind() == std::io::ErrorKind::StorageFull { "FOLDER.FULL" } else { "FOLDER.READONLY" };
        BackendError::new(code, Text::new(format!("状態フォルダに書けません: {error}"), format!("cannot write to the state folder: {error}")))
    })?;
    Ok(sha256)
}

/// Content by its SHA-256; what does not fit its name is refused.
///
/// # Errors
/// `FILE.NOT_FOUND`, `FILE.DIFFERENT`.
pub(crate) fn read_blob(folder: &Path, sha256: &str) -> Result<Vec<u8>, BackendError> {
    let plain = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
    let content = plain.then(|| fs::read(folder.join("blobs").join(sha256)).ok()).flatten();
    let missing =
        || BackendError::new("FILE.NOT_FOUND", Text::new(format!("状態フォルダに {sha256} がありません。"), format!("{sha256} is not in the state folder.")));
    let content = content.ok_or_else(missing)?;
    if sha256_hex(&content) == sha256 {
        Ok(content)
    } else {
        Err(BackendError::new(
            "FILE.DIFFERENT",
            Text::new(format!("状態フォルダの {sha256} が壊れています。"), format!("{sha256} in the state folder is damaged.")),
        ))
    }
}

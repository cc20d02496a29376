//! What comes with the cover letter: a disc with a certificate file, and USB keys, the present one and the new one (P3, P9, P17).
//!
//! May use: the file system, the soft token, the CA. Must not: know pages.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use kirikae_backends::token::soft::{NewSoftToken, SoftToken};
use kirikae_engine::backend::ImportRequest;
use kirikae_engine::backend::profile::Profile;
use kirikae_engine::secret::Secret;

use crate::LabError;
use crate::desk::{certify, renewed_validity};
use crate::pki::{Issuer, Validity, pack, random_bytes};
use crate::portal::SiteLines;
use crate::site::{ending_in, subject, write_new};

/// The number that the booklet prints for both the user PIN and the file on the disc.
const PRINTED: &str = "22221111";

/// So many wrong PINs in a row make a key unusable (P3).
const PIN_LIMIT: u32 = 10;

/// What the site file says of them. The key that is inserted lies in `usb`, the others in `usb-others`.
pub(super) fn site_lines(profile: &Profile) -> SiteLines {
    let id = &profile.id;
    let user = subject(profile).into_iter().find(|(kind, _)| kind == "CN").map(|(_, name)| name).unwrap_or_default();
    SiteLines {
        inputs: vec![("user_id", user), ("symptom", "no_login_screen".to_owned())],
        secrets: vec![
            format!("{id}/usb-switch.pin: {{ file: ./printed-number.txt }}"),
            format!("{id}/cd-switch.p12_password: {{ file: ./printed-number.txt }}"),
            format!("{id}/usb-switch.first_password: {{ file: ./account-password.txt }}"),
            format!("{id}/cd-switch.first_password: {{ file: ./account-password.txt }}"),
            format!("{id}/usb-switch.web_password: {{ file: ./web-password.txt }}"),
            format!("{id}/usb-switch.chosen_password: {{ file: ./web-password.txt }}"),
            format!("{id}/cd-switch.web_password: {{ file: ./web-password.txt }}"),
            format!("{id}/cd-switch.chosen_password: {{ file: ./web-password.txt }}"),
        ],
        backends: vec!["key: { token: soft, path: ./usb }".to_owned(), "cd: { folder: ./cd, removable: true }".to_owned()],
    }
}

/// Writes the disc and the keys.
pub(super) fn send(dir: &Path, profile: &Profile, issuer: &Issuer, days_left: i64, now: Timestamp) -> Result<(), LabError> {
    write_new(&dir.join("printed-number.txt"), PRINTED.as_bytes())?;
    write_new(&dir.join("web-password.txt"), hex::encode(random_bytes::<8>()?).as_bytes())?;
    for folder in ["cd", "usb-others"] {
        let path = dir.join(folder);
        fs::create_dir_all(&path).map_err(|error| LabError::file(&path, &error))?;
    }
    write_new(&dir.join("cd").join("Certp.p12"), &file(profile, issuer, renewed_validity(now)?)?)?;
    key(&dir.join("usb"), "4C41420000000001", &file(profile, issuer, ending_in(days_left, now)?)?)?;
    key(&dir.join("usb-others").join("new"), "4C41420000000002", &file(profile, issuer, renewed_validity(now)?)?)
}

/// Takes the inserted key out and inserts the next one. `false`: there is no other.
pub(crate) fn change_key(dir: &Path) -> Result<bool, LabError> {
    let (inserted, others) = (dir.join("usb"), dir.join("usb-others"));
    let failed = |error: std::io::Error| LabError::file(&others, &error);
    if !others.is_dir() {
        return Ok(false);
    }
    let mut keys = fs::read_dir(&others).map_err(failed)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    keys.sort();
    let Some(next) = keys.first() else { return Ok(false) };
    if inserted.is_dir() {
        fs::rename(&inserted, others.join(format!("taken-out-{}", keys.len()))).map_err(failed)?;
    }
    fs::rename(next, &inserted).map_err(failed)?;
    Ok(true)
}

/// A PKCS#12 file under the printed number.
fn file(profile: &Profile, issuer: &Issuer, validity: Validity) -> Result<Vec<u8>, LabError> {
    let paper = certify(issuer, &subject(profile), validity)?;
    pack(&profile.id, &paper.key, &[&paper.certificate, issuer.der()], PRINTED)
}

/// A USB key that holds this credential.
fn key(folder: &Path, serial: &str, file: &[u8]) -> Result<(), LabError> {
    let pin = Secret::text(PRINTED);
    let new = NewSoftToken { serial: serial.to_owned(), label: "SANKA PRACTICE".to_owned(), pin: pin.clone(), limit: PIN_LIMIT };
    let request = ImportRequest { file: Secret::bytes(file.to_vec()), password: pin.clone(), friendly_name: None, options: BTreeMap::new() };
    let token = SoftToken::create(folder, &new).map_err(|error| LabError::store(&error))?;
    token.put(&pin, &request).map(|_| ()).map_err(|error| LabError::store(&error))
}

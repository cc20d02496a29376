//! What a lab puts into its folder: the site file, the store with certificates to renew, an inbox, paper notices.
//!
//! May use: the file system, the folder store, the CA. Must not: overwrite what is there, but the site file when the port changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use kirikae_backends::store::dir::DirStore;
use kirikae_engine::backend::profile::{Operation, Profile};
use kirikae_engine::backend::{Call, ImportOption, ImportRequest, StoreRead, StoreWrite};
use kirikae_engine::dsl::Type;
use kirikae_engine::secret::Secret;
use kirikae_engine::text::Lang;

use crate::LabError;
use crate::desk::{Desk, Mishap, Order, certify, digest, reference_id, renewed_validity};
use crate::pki::{SITE_ROOT, Validity, pack, random_bytes};
use crate::portal::Portal;
use crate::state::{Notice, japan, japan_day};

/// The medical institution of the manuals' examples.
pub(crate) const MEDICAL_CODE: &str = "0110119153";

/// The reference ID of the certificate in the store.
const HELD_REFERENCE: &str = "held-reference-id.txt";

/// The site file's path.
pub(crate) fn path(dir: &Path) -> PathBuf {
    dir.join("site.yaml")
}

/// Fills a folder with what is not there yet.
pub(crate) fn seed(dir: &Path, portals: &[Box<dyn Portal>], desk: &mut Desk, days_left: i64, now: Timestamp) -> Result<(), LabError> {
    let own: BTreeSet<&str> = portals.iter().filter_map(|portal| portal.lists_as()).collect();
    let own_inboxes: Vec<String> = own.iter().map(|program| inbox(Some(program))).collect();
    for folder in ["personal", "backup", "inbox", "downloads"].into_iter().chain(own).chain(own_inboxes.iter().map(String::as_str)) {
        DirStore::create_folder(&dir.join(folder)).map_err(|error| LabError::store(&error))?;
    }
    write_new(&dir.join("lab-ca.pem"), SITE_ROOT.as_bytes())?;
    let inbox_password = kept(&dir.join("install-password.txt"), || Ok(format!("{:04}", u16::from_le_bytes(random_bytes::<2>()?) % 10_000)))?;
    let store_password = kept(&dir.join("personal.pw"), || Ok(hex::encode(random_bytes::<16>()?)))?;
    kept(&dir.join("account-password.txt"), || Ok(hex::encode(random_bytes::<8>()?)))?;
    let (mut stores, mut empty) = (BTreeMap::new(), BTreeMap::new());
    for folder in portals.iter().map(|portal| portal.lists_as().unwrap_or("personal")) {
        empty.insert(folder, is_empty(&dir.join(folder))? && !desk.state.held.seeded);
        stores.insert(folder, store(&dir.join(folder), store_password.clone())?);
    }
    let to_inbox = is_empty(&dir.join("inbox"))? && !desk.state.held.seeded;
    for portal in portals {
        let portal = portal.as_ref();
        let folder = portal.lists_as().unwrap_or("personal");
        if let (Some(store), Some(true), true) = (stores.get(folder), empty.get(folder), portal.seeds()) {
            put_certificate(dir, store, portal, desk, days_left, now)?;
        }
        if to_inbox && let Some(name) = portal.file_in_inbox(&mut desk.state, now) {
            put_into_inbox(&dir.join(inbox(portal.lists_as())), portal, &name, &inbox_password, now)?;
        }
        if !desk.state.held.seeded {
            portal.send_media(dir, days_left, now)?;
        }
        if portal.sends_notices() && !desk.state.held.notices.iter().any(|notice| notice.program == portal.profile().id) {
            put_notice(dir, portal, desk, now)?;
        }
    }
    desk.state.held.seeded = true;
    desk.state.save()
}

/// The folder of received files: the common one, or that of a program.
fn inbox(program: Option<&str>) -> String {
    program.map_or_else(|| "inbox".to_owned(), |program| format!("{program}-inbox"))
}

/// Writes the site file if there is none, or if it leads to another port or lacks a program. Only relative paths are in it.
pub(crate) fn write(dir: &Path, portals: &[Box<dyn Portal>], desk: &Desk, port: u16) -> Result<(), LabError> {
    let base = format!("https://127.0.0.1:{port}");
    let path = path(dir);
    let leads = |portal: &dyn Portal| format!("  {}: {{ base: \"{base}{}\"", portal.profile().id, portal.below());
    let leads_here = |text: String| portals.iter().all(|portal| text.contains(&leads(portal.as_ref())));
    if fs::read_to_string(&path).is_ok_and(leads_here) {
        return Ok(());
    }
    let mut portal_lines = String::new();
    let mut secret_lines = String::new();
    // Playbooks without a portal are practised, too: a personal ID that is no playbook's example.
    let mut inputs = BTreeMap::from([("person_id", "B7654321".to_owned())]);
    for portal in portals {
        let portal = portal.as_ref();
        let id = &portal.profile().id;
        let _ = writeln!(portal_lines, "{}, roots: ./lab-ca.pem, absent_after: 40s }}", leads(portal));
        if let Some(notice) = desk.state.held.notices.iter().find(|notice| notice.program == *id) {
            inputs.insert("request_id", notice.request_id.clone());
            inputs.insert("download_until", download_until(notice.sent_at)?.to_string());
            // The first that is in no list is the one in the store.
            if let Some(held) = desk.state.held.issuances.iter().find(|issuance| issuance.program == *id && !issuance.listed) {
                inputs.insert("revoked_request_id", held.request_id.clone());
                inputs.insert("revoke_reason", "lost_notice".to_owned());
                inputs.insert("applicant_mail", "uketsuke@example.jp".to_owned());
                let _ = writeln!(secret_lines, "  {id}/revoke.reference_id: {{ file: ./{HELD_REFERENCE} }}");
            }
        }
        let lines = portal.site_lines();
        inputs.extend(lines.inputs);
        lines.secrets.iter().for_each(|line| secret_lines.push_str(&format!("  {line}\n")));
    }
    let own: BTreeSet<&str> = portals.iter().filter_map(|portal| portal.lists_as()).collect();
    let mut program_lines: String = own
        .iter()
        .map(|program| {
            let store = format!("personal: {{ store: dir, path: ./{program}, password: {{ file: ./personal.pw }} }}");
            let further = portals.iter().filter(|portal| portal.lists_as() == Some(*program)).flat_map(|portal| portal.site_lines().backends);
            let further: String = further.map(|line| format!(", {line}")).collect();
            format!("  {program}: {{ backends: {{ {store}, inbox: {{ folder: ./{} }}{further} }} }}\n", inbox(Some(program)))
        })
        .collect();
    if !program_lines.is_empty() {
        program_lines.insert_str(0, "programs:\n");
    }
    if !secret_lines.is_empty() {
        secret_lines.insert_str(0, "secrets:\n");
    }
    let mut input_lines: String = inputs.iter().map(|(name, value)| format!("  {name}: \"{value}\"\n")).collect();
    if !input_lines.is_empty() {
        input_lines.insert_str(0, "inputs:\n");
    }
    let text = format!(
        "# 練習用のサイト。ここに書かれた接続先は、この端末の中の練習用ポータルだけです。\n\
         kirikae: site/1\n\
         id: lab\n\
         title: {{ ja: 練習用(実物には届かない), en: Practice (reaches nothing real) }}\n\
         timezone: Asia/Tokyo\n\
         people:\n  担当者: {{ name: 練習者 }}\n  管理者: {{ name: 練習者 }}\n  医師本人: {{ name: 練習者 }}\n  導入事業所: {{ name: 練習者 }}\n\
         portals:\n{portal_lines}\
         backends:\n\
         \x20 personal: {{ store: dir, path: ./personal, password: {{ file: ./personal.pw }} }}\n\
         \x20 backup: {{ folder: ./backup }}\n\
         \x20 inbox: {{ folder: ./inbox }}\n\
         downloads: ./downloads\n\
         {program_lines}\
         {input_lines}\
         {secret_lines}"
    );
    let temporary = path.with_extension("yaml.tmp");
    fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, &path)).map_err(|error| LabError::file(&path, &error))
}

/// The subject of a program's practice certificates, most specific first: the example of its profile's fact `subject`,
/// else that of the online-billing manual (2.2).
pub(crate) fn subject(profile: &Profile) -> Vec<(String, String)> {
    let example = profile.facts.get("subject").and_then(|fact| fact.glob.as_ref()).map(|(_, example)| example.as_str());
    let parts = match example.filter(|example| !example.is_empty()) {
        Some(example) => vec![("CN", example), ("O", "KIRIKAE PRACTICE"), ("C", "JP")],
        None => vec![("CN", MEDICAL_CODE), ("OU", "medical"), ("OU", "hokkaido"), ("O", "ReceiptOnline"), ("C", "JP")],
    };
    parts.into_iter().map(|(kind, value)| (kind.to_owned(), value.to_owned())).collect()
}

/// A validity that ends in the last second of the day `days_left` days from today, Japan time.
pub(crate) fn ending_in(days_left: i64, now: Timestamp) -> Result<Validity, LabError> {
    let last = japan_day(now).checked_add(days_left.days()).map_err(LabError::crypto)?.at(23, 59, 59, 0);
    let not_after = last.to_zoned(japan()).map_err(LabError::crypto)?;
    let not_before = not_after.checked_sub(3.years().months(3)).map_err(LabError::crypto)?.timestamp();
    Ok(Validity { not_before, not_after: not_after.timestamp() })
}

/// A certificate that ends in the last second of the day `days_left` days from today, Japan time.
fn put_certificate(dir: &Path, personal: &DirStore, portal: &dyn Portal, desk: &mut Desk, days_left: i64, now: Timestamp) -> Result<(), LabError> {
    let subject = subject(portal.profile());
    let paper = certify(portal.issuer(), &subject, ending_in(days_left, now)?)?;
    if let Some(program) = portal.lists_as() {
        desk.put_row(program, &subject, &paper)?;
    }
    let password = hex::encode(random_bytes::<16>()?);
    let file = pack(&portal.profile().id, &paper.key, &[&paper.certificate, portal.issuer().der()], &password)?;
    import(personal, file, password)?;
    if portal.sends_notices() {
        let (_, reference_id) = desk.remember(&portal.profile().id, &subject, paper)?;
        write_new(&dir.join(HELD_REFERENCE), reference_id.as_bytes())?;
    }
    Ok(())
}

fn import(personal: &DirStore, file: Vec<u8>, password: String) -> Result<(), LabError> {
    let request = ImportRequest {
        file: Secret::bytes(file),
        password: Secret::text(password),
        friendly_name: None,
        options: BTreeMap::from([(ImportOption::Exportable, true)]),
    };
    personal.import(&Call::unattached(), &request).map(|_| ()).map_err(|error| LabError::store(&error))
}

/// The practice store in this folder, opened with the password that lies beside it.
fn store(folder: &Path, password: String) -> Result<DirStore, LabError> {
    DirStore::open(folder, Box::new(move || Ok(Secret::text(password.clone())))).map_err(|error| LabError::store(&error))
}

/// Renews the certificate of a program as the program on the terminal does: the new one lies in the store, and no file is left.
pub(crate) fn renew_on_terminal(dir: &Path, portal: &dyn Portal, desk: &mut Desk, now: Timestamp) -> Result<(), LabError> {
    let path = dir.join("personal.pw");
    let password = fs::read_to_string(&path).map_err(|error| LabError::file(&path, &error))?;
    let personal = store(&dir.join("personal"), password.trim().to_owned())?;
    let subject = subject(portal.profile());
    let common_name = subject.iter().find(|(kind, _)| kind == "CN").map_or("", |(_, name)| name);
    let held = personal.list(&Call::unattached()).map_err(|error| LabError::store(&error))?;
    let old = held.iter().filter(|cert| cert.info.subject.cn == common_name).max_by_key(|cert| cert.info.not_after);
    let order = Order {
        program: &portal.profile().id,
        operation: Operation::Renew,
        issuer: portal.issuer(),
        subject: subject.clone(),
        public: None,
        replaces: old.map(|cert| cert.info.serial.clone()),
        takes: Duration::ZERO,
        listed: true,
        mishap: Mishap::default(),
    };
    let (issuance, _) = desk.accept(order, &Type::Digits(15), now)?;
    let password = hex::encode(random_bytes::<16>()?);
    let file = desk.hand_out(portal.issuer(), &issuance, Operation::Renew, &password, now)?;
    import(&personal, file, password)
}

/// A certificate file as it lies in the folder of received files, under the password of `install-password.txt`.
fn put_into_inbox(folder: &Path, portal: &dyn Portal, name: &str, password: &str, now: Timestamp) -> Result<(), LabError> {
    let paper = certify(portal.issuer(), &subject(portal.profile()), renewed_validity(now)?)?;
    let file = pack(name.trim_end_matches(".p12"), &paper.key, &[&paper.certificate, portal.issuer().der()], password)?;
    write_new(&folder.join(name), &file)
}

/// A paper notice: the request ID in `notice.yaml`, the reference ID in `reference-id.txt`.
fn put_notice(dir: &Path, portal: &dyn Portal, desk: &mut Desk, now: Timestamp) -> Result<(), LabError> {
    let profile = portal.profile();
    let (request_id, reference_id) = (desk.state.next_request_id(now), reference_id()?);
    let until = download_until(now)?;
    let text = format!(
        "# 電子証明書発行通知書(練習用)。リファレンスIDは reference-id.txt にあります。\nprogram: {0}\ntitle: {1}\nrequest_id: \"{request_id}\"\nsent_on: {2}\ndownload_until: {until}\n",
        profile.id,
        profile.title.get(Lang::Ja),
        japan_day(now),
    );
    write_new(&dir.join("notice.yaml"), text.as_bytes())?;
    write_new(&dir.join("reference-id.txt"), reference_id.as_bytes())?;
    desk.state.held.notices.push(Notice {
        program: profile.id.clone(),
        request_id,
        reference_digest: digest(&reference_id),
        subject: subject(profile),
        sent_at: now,
    });
    Ok(())
}

/// The last day on which a certificate can be received with a notice of this instant.
fn download_until(sent_at: Timestamp) -> Result<jiff::civil::Date, LabError> {
    japan_day(sent_at).checked_add(180.days()).map_err(LabError::crypto)
}

/// The text of a file, made when it is not there.
fn kept(path: &Path, make: impl Fn() -> Result<String, LabError>) -> Result<String, LabError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let text = make()?;
            write_new(path, text.as_bytes())?;
            Ok(text)
        }
        Err(error) => Err(LabError::file(path, &error)),
    }
}

fn is_empty(folder: &Path) -> Result<bool, LabError> {
    let mut entries = fs::read_dir(folder).map_err(|error| LabError::file(folder, &error))?;
    Ok(entries.next().is_none())
}

/// Writes a file for its owner only.
pub(crate) fn write_new(path: &Path, content: &[u8]) -> Result<(), LabError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let write = || options.open(path)?.write_all(content);
    write().map_err(|error| LabError::file(path, &error))
}

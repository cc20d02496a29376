//! `kirikae inspect FILE`: what a PKCS#12 or certificate file holds.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use kirikae_backends::store::p12::{self, Protection};
use kirikae_backends::x509::{self, Custody, Purpose, cert_info, pem_certificates};
use kirikae_engine::backend::{BackendError, StoredCert};
use kirikae_engine::dsl::Type;
use kirikae_engine::secret::Secret;
use kirikae_engine::text::Text;

use crate::exit;
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::person::Terminal;
use crate::render::inspect::{Chain, Seen, as_json, lines};
use crate::secrets::first_line;
use crate::{render, site};

/// Arguments of `inspect`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A PKCS#12 file (.p12, .pfx) or certificates (PEM or DER)
    file: PathBuf,
    /// Where the file's password is: password=PATH, its first line [default: asked, hidden]
    #[arg(long = "secret-file", value_name = "password=PATH", value_parser = password_file)]
    secret_file: Option<PathBuf>,
    /// Check that the certificate leads to one of these roots (PEM or DER) today
    #[arg(long, value_name = "FILE")]
    roots: Option<PathBuf>,
}

fn password_file(text: &str) -> Result<PathBuf, String> {
    match text.split_once('=') {
        Some(("password", path)) if !path.is_empty() => Ok(PathBuf::from(path)),
        _ => Err("password=PATH".to_owned()),
    }
}

/// Says what is in the file. Imports nothing. A refusal ends with its code, exit 1; so does a chain that does not hold.
pub fn run(globals: &Globals, args: &Args) -> Result<u8, Failure> {
    let zone = site::load(globals)?.site.timezone;
    let now = Timestamp::now();
    let mut seen = look(globals, args)?;
    if let Some(roots) = &args.roots {
        seen.chain = Some(chain(&seen, &certificates(&read(roots)?), now));
    }
    if globals.format == Format::Json {
        render::out(&as_json(&args.file, &seen, now, &zone).to_string());
    } else {
        render::out(&lines(&seen, now, &zone, globals.lang()).join("\n"));
    }
    let broken = matches!(seen.chain, Some(Err(_)));
    match seen.refusal {
        // Its words stand in the JSON already.
        Some(refusal) if globals.format != Format::Json => Err(refusal.into()),
        Some(_) => Ok(exit::FAILED),
        None => Ok(if broken { exit::FAILED } else { exit::DONE }),
    }
}

fn look(globals: &Globals, args: &Args) -> Result<Seen, Failure> {
    let bytes = read(&args.file)?;
    let holder = format!("file:{}", args.file.display());
    let custody = || Custody { holder: holder.clone(), ..Custody::default() };
    let bare = certificates(&bytes)
        .into_iter()
        .map(|der| Ok(StoredCert { info: cert_info(&der, custody())?, der }))
        .collect::<Result<Vec<_>, x509::NotACertificate>>();
    if let Ok(certs) = bare {
        return Ok(Seen { certs, protection: None, refusal: None, chain: None });
    }
    let protection = p12::protection(&bytes)?;
    protection.check()?;
    let contents = p12::read(&bytes, &password(globals, args, &protection)?)?;
    let (certs, refusal) = match contents.credential(&holder) {
        Ok(credential) => (std::iter::once(credential.leaf).chain(credential.others).collect(), None),
        Err(refusal) => (contents.certificates(&holder), Some(refusal)),
    };
    Ok(Seen { certs, protection: Some(protection), refusal, chain: None })
}

/// The certificates of a file, if it is PEM; else the whole as one.
fn certificates(bytes: &[u8]) -> Vec<Vec<u8>> {
    pem_certificates(bytes).unwrap_or_else(|| vec![bytes.to_vec()])
}

/// From the first certificate over the others to a root.
fn chain(seen: &Seen, roots: &[Vec<u8>], now: Timestamp) -> Chain {
    let Some((leaf, others)) = seen.certs.split_first() else { return Err(x509::Untrusted::Unreadable) };
    let others: Vec<Vec<u8>> = others.iter().map(|other| other.der.clone()).collect();
    let path = x509::verify_chain(&leaf.der, &others, roots, now, Purpose::Any)?;
    let named = |der: &Vec<u8>| cert_info(der, Custody::default()).map(|info| info.subject_dn).map_err(|_| x509::Untrusted::Unreadable);
    path.iter().map(named).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| {
        Failure::usage(
            "FILE.NOT_READABLE",
            Text::new(format!("{} を読めません: {error}", path.display()), format!("cannot read {}: {error}", path.display())),
            Text::new("名前と読む権限を確かめてください。", "check the name, and that it may be read."),
        )
    })
}

/// From the file that was named, else typed by the person at the terminal; none where nothing is encrypted.
fn password(globals: &Globals, args: &Args, protection: &Protection) -> Result<Secret, Failure> {
    if let Some(path) = &args.secret_file {
        return Ok(first_line(path, "password")?);
    }
    if !protection.needs_password() {
        return Ok(Secret::text(""));
    }
    let title = Text::new("証明書ファイルのパスワード", "Password of the file");
    let typed = globals.interactive().then(|| Terminal { lang: globals.lang() }.hidden(title.get(globals.lang()), &Type::String, false)).flatten();
    typed.ok_or_else(|| {
        let cause = Text::new("証明書ファイルのパスワードがありません。", "the file's password is missing.");
        let cure = Text::new("--secret-file password=ファイル で渡してください。", "give it with --secret-file password=FILE.");
        BackendError::new("SECRET.MISSING", cause).cure(cure).into()
    })
}

//! `kirikae inspect FILE`: what a PKCS#12 or certificate file holds.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use kirikae_backends::store::p12::Pkcs12Files;
use kirikae_backends::x509::{Custody, cert_info, pem_certificates};
use kirikae_engine::backend::{BackendError, P12};
use kirikae_engine::dsl::{CertInfo, Type};
use kirikae_engine::secret::Secret;
use kirikae_engine::text::{Lang, Text};
use serde_json::json;

use crate::exit;
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::person::Terminal;
use crate::render::certs::{as_json, lines};
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
}

fn password_file(text: &str) -> Result<PathBuf, String> {
    match text.split_once('=') {
        Some(("password", path)) if !path.is_empty() => Ok(PathBuf::from(path)),
        _ => Err("password=PATH".to_owned()),
    }
}

/// What a file holds: certificates, the first with the key where there is one.
enum Holds {
    Credential(Vec<CertInfo>),
    Certificates(Vec<CertInfo>),
}

/// Says what is in the file. Imports nothing. A refusal ends with its code, exit 1.
pub fn run(globals: &Globals, args: &Args) -> Result<u8, Failure> {
    let zone = site::load(globals)?.site.timezone;
    let (now, lang) = (Timestamp::now(), globals.lang());
    let holds = look(globals, args)?;
    let (kind, certs) = match &holds {
        Holds::Credential(certs) => ("pkcs12", certs),
        Holds::Certificates(certs) => ("certificates", certs),
    };
    if globals.format == Format::Json {
        let certs: Vec<_> = certs.iter().map(|cert| as_json(cert, now, &zone)).collect();
        render::out(
            &json!({"file": args.file, "kind": kind, "key_matches": matches!(holds, Holds::Credential(_)).then_some(true), "certs": certs}).to_string(),
        );
        return Ok(exit::DONE);
    }
    let told = match (&holds, lang) {
        (Holds::Credential(_), Lang::Ja) => "PKCS#12。秘密鍵が1つあり、最初の証明書と組になっています。",
        (Holds::Credential(_), Lang::En) => "PKCS#12 with one private key; it belongs to the first certificate.",
        (Holds::Certificates(_), Lang::Ja) => "証明書だけのファイルです。秘密鍵は入っていません。",
        (Holds::Certificates(_), Lang::En) => "Certificates only; no private key.",
    };
    render::out(told);
    for cert in certs {
        render::out(&lines(cert, now, &zone, lang).join("\n"));
    }
    Ok(exit::DONE)
}

fn look(globals: &Globals, args: &Args) -> Result<Holds, Failure> {
    let bytes = read(&args.file)?;
    let ders = pem_certificates(&bytes).unwrap_or_else(|| vec![bytes.clone()]);
    let holder = || Custody { holder: format!("file:{}", args.file.display()), ..Custody::default() };
    if let Ok(certs) = ders.iter().map(|der| cert_info(der, holder())).collect::<Result<Vec<_>, _>>() {
        return Ok(Holds::Certificates(certs));
    }
    let opened = Pkcs12Files.open(&Secret::bytes(bytes), &password(globals, args)?)?;
    let others = opened.others.into_iter().map(|other| other.info);
    Ok(Holds::Credential(std::iter::once(opened.leaf.info).chain(others).collect()))
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

/// From the file that was named, else typed by the person at the terminal.
fn password(globals: &Globals, args: &Args) -> Result<Secret, Failure> {
    if let Some(path) = &args.secret_file {
        return Ok(first_line(path, "password")?);
    }
    let title = Text::new("証明書ファイルのパスワード", "Password of the file");
    let typed = globals.interactive().then(|| Terminal { lang: globals.lang() }.hidden(title.get(globals.lang()), &Type::String, false)).flatten();
    typed.ok_or_else(|| {
        let cause = Text::new("証明書ファイルのパスワードがありません。", "the file's password is missing.");
        let cure = Text::new("--secret-file password=ファイル で渡してください。", "give it with --secret-file password=FILE.");
        BackendError::new("SECRET.MISSING", cause).cure(cure).into()
    })
}

//! `file.save`: writes a backup of a file into a folder and reads it back.

use base64::Engine;
use sha2::{Digest, Sha256};

use super::file_find::{LARGEST, WRAPPED};
use super::manifest::{input, manifest, output};
use super::received::is_whole_pkcs12;
use super::{Action, Effect, Inputs, Intent, IntentOnDisk, Kind, Manifest, Observed, Outputs, ReadCx, WriteAction, WriteCx};
use crate::backend::{BackendError, FolderRead, Progress, Verb};
use crate::dsl::{BackupRef, FileRef, RoleKind, Type, Value};
use crate::secret::Secret;
use crate::text::{Phrase, Text};

/// The action.
pub(super) struct FileSave;

impl Action for FileSave {
    fn manifest(&self) -> Manifest {
        Manifest {
            effect: Effect::Write,
            repeatable: true,
            inputs: vec![
                input("file", Type::File, "保存するファイル。", "the file to save."),
                input("in", Type::Role(RoleKind::Folder), "保存するフォルダ。", "the folder to save it in."),
                input(
                    "name",
                    Type::String.optional(),
                    "ファイル名。省くと、証明書があれば「発行先-期限-拇印の先頭8文字.p12」、無ければ元の名前。",
                    "file name; if left out: `CN-expiry-first 8 of the thumbprint.p12` for a certificate, else the file's own name.",
                ),
                input("cert", Type::Cert.optional(), "このファイルに入っているはずの証明書。", "the certificate that the file should hold."),
                input(
                    "password",
                    Type::Secret(Box::new(Type::String)).optional(),
                    "証明書ファイルのパスワード。読み戻して開くのに使います。",
                    "the file's password, to open what was read back.",
                ),
            ],
            outputs: vec![
                output("place", Type::String, "保存した場所。", "where it was saved."),
                output("sha256", Type::Hex, "保存したファイルのSHA-256。", "SHA-256 of the file as it lies there."),
                output(
                    "backed_up",
                    Type::BackupRef.optional(),
                    "確かめた控え。cert と password があり、読み戻したファイルに鍵とその証明書があったときだけ。",
                    "the verified backup: only with `cert` and `password`, after the file was read back and key and certificate matched.",
                ),
            ],
            codes: vec![
                "FILE.DIFFERENT",
                "FOLDER.ABSENT",
                "FOLDER.FULL",
                "FOLDER.READONLY",
                "KEY.MISMATCH",
                "P12.BAD_PASSWORD",
                "P12.UNREADABLE",
                "VAULT.UNREADABLE",
            ],
            observe: Some(Phrase { ja: "同じ名前で同じ内容のファイルがあるか", en: "whether a file of that name and content is there" }),
            verbs: vec![Verb::List, Verb::Read, Verb::Write],
            ..manifest(
                "file.save",
                Phrase { ja: "ファイルの控えを保存する", en: "Save a backup of a file" },
                Phrase {
                    ja: "ファイルをフォルダに保存し、読み戻して比べます。plain: true でないフォルダでは暗号化して「名前.age」とします。上書きはしません。",
                    en: "Saves a file in a folder, reads it back and compares. Encrypted as `NAME.age` unless the folder is `plain: true`. Never overwrites.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Write(self)
    }
}

impl WriteAction for FileSave {
    fn observe(&self, cx: &ReadCx<'_>, inputs: &Inputs, _intent: Option<&Intent>) -> Result<Observed, BackendError> {
        let folder = folder(cx, inputs)?;
        let file = file(inputs)?;
        let name = name_there(cx, inputs, folder)?;
        Ok(match Saved::read(cx, folder, &name)? {
            Some(saved) if saved.is(file) => {
                let evidence = Text::new(format!("{} に同じ内容のファイルがあります。", saved.place), format!("{} has the same content.", saved.place));
                match saved.verify(cx, inputs) {
                    Ok(outputs) => Observed::Done { evidence, outputs },
                    // It is there and no backup of this certificate: saving it again says so, where a look would be in doubt for ever.
                    Err(error) if error.code == "KEY.MISMATCH" || error.code.starts_with("P12.") => {
                        Observed::NotDone { conclusive: true, baseline: serde_json::Value::Null }
                    }
                    Err(error) => return Err(error),
                }
            }
            _ => Observed::NotDone { conclusive: true, baseline: serde_json::Value::Null },
        })
    }

    fn perform(&self, cx: &WriteCx<'_>, inputs: &Inputs, _intent: &IntentOnDisk) -> Result<Progress<Outputs>, BackendError> {
        let folder = cx.writes.folder(inputs.role("in").ok_or_else(|| Inputs::unknown("in"))?)?;
        let file = file(inputs)?;
        let name = name_there(&cx.read, inputs, folder)?;
        match Saved::read(&cx.read, folder, &name)? {
            Some(saved) if saved.is(file) => {}
            Some(saved) => return Err(different(&saved.place)),
            None => {
                let content = cx.read.blobs.read(file)?;
                let wrapped = if folder.plain() { None } else { Some(cx.writes.vault().wrap(&content)?) };
                folder.write(&cx.read.call, &name, wrapped.as_deref().unwrap_or(content.expose()))?;
            }
        }
        match Saved::read(&cx.read, folder, &name)? {
            Some(saved) if saved.is(file) => Ok(Progress::Done(saved.verify(&cx.read, inputs)?)),
            _ => Err(different(&place(folder, &name))),
        }
    }

    fn preflight(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
        folder(cx, inputs)?.probe_writable(&cx.call)
    }
}

/// A file as it was read back.
struct Saved {
    place: String,
    /// SHA-256 of the file as it lies there.
    sha256: String,
    /// `None` when it is wrapped and does not open.
    content: Option<Secret>,
}

impl Saved {
    fn read(cx: &ReadCx<'_>, folder: &dyn FolderRead, name: &str) -> Result<Option<Self>, BackendError> {
        let raw = match folder.read(&cx.call, name, LARGEST) {
            Ok(raw) => raw,
            Err(error) if error.code == "FILE.NOT_FOUND" => return Ok(None),
            Err(error) => return Err(error),
        };
        let sha256 = hex::encode(Sha256::digest(&raw));
        let content = match folder.plain() {
            true => Some(Secret::bytes(raw)),
            false => cx.backends.vault().unwrap(&raw).ok(),
        };
        Ok(Some(Self { place: place(folder, name), sha256, content }))
    }

    fn is(&self, file: &FileRef) -> bool {
        self.content.as_ref().is_some_and(|content| hex::encode(Sha256::digest(content.expose())) == file.sha256)
    }

    /// The outputs; `backed_up` only after key and certificate were found in what was read back.
    fn verify(self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<Outputs, BackendError> {
        let mut outputs = Outputs::from([("place".to_owned(), Value::Str(self.place.clone())), ("sha256".to_owned(), Value::Str(self.sha256.clone()))]);
        let (Some(cert), Some(content)) = (inputs.cert("cert"), &self.content) else { return Ok(outputs) };
        let mismatch = |ja: String, en: String| Err(BackendError::new("KEY.MISMATCH", Text::new(ja, en)));
        if inputs.has("password") {
            let opened = cx.backends.p12().open(content, &cx.secret(inputs, "password")?)?;
            if opened.leaf.info.sha256 != cert.sha256 {
                return mismatch(
                    format!("{} に入っているのは拇印 {} の証明書で、{} ではありません。", self.place, opened.leaf.info.sha1, cert.sha1),
                    format!("{} holds the certificate {}, not {}.", self.place, opened.leaf.info.sha1, cert.sha1),
                );
            }
            let backup = BackupRef { thumbprint: cert.sha1.clone(), place: self.place, sha256: self.sha256, at: cx.wall };
            outputs.insert("backed_up".to_owned(), Value::BackupRef(backup));
        } else if !is_whole_pkcs12(content.expose()) && !holds_certificate(content.expose(), &cert.sha256) {
            return mismatch(
                format!("{} に拇印 {} の証明書がありません。", self.place, cert.sha1),
                format!("{} does not hold the certificate {}.", self.place, cert.sha1),
            );
        }
        Ok(outputs)
    }
}

/// Whether a file without a key is this certificate (DER), or has it among its PEM blocks (RFC 7468).
fn holds_certificate(content: &[u8], sha256: &str) -> bool {
    let is_it = |der: &[u8]| hex::encode(Sha256::digest(der)) == sha256;
    let of_block = |block: &str| {
        let (body, _) = block.split_once("-----END CERTIFICATE-----")?;
        let body: String = body.split_whitespace().collect();
        base64::engine::general_purpose::STANDARD.decode(body).ok()
    };
    let text = String::from_utf8_lossy(content);
    let blocks = text.split("-----BEGIN CERTIFICATE-----").skip(1);
    is_it(content) || blocks.filter_map(of_block).any(|der| is_it(&der))
}

fn folder<'a>(cx: &ReadCx<'a>, inputs: &Inputs) -> Result<&'a dyn FolderRead, BackendError> {
    cx.backends.folder(inputs.role("in").ok_or_else(|| Inputs::unknown("in"))?)
}

fn file(inputs: &Inputs) -> Result<&FileRef, BackendError> {
    inputs.file("file").ok_or_else(|| Inputs::unknown("file"))
}

fn place(folder: &dyn FolderRead, name: &str) -> String {
    format!("{}/{name}", folder.id())
}

/// The name in the folder: the given one, else one that no other certificate has, so that the backups of several years
/// lie side by side.
fn name_there(cx: &ReadCx<'_>, inputs: &Inputs, folder: &dyn FolderRead) -> Result<String, BackendError> {
    let name = match (inputs.str("name"), inputs.cert("cert")) {
        (Some(name), _) => name.to_owned(),
        (None, Some(cert)) => {
            let until = cert.not_after.to_zoned(cx.zone.clone()).strftime("%Y%m%d");
            format!("{}-{until}-{}.p12", cert.subject.cn, cert.sha1.get(..8).unwrap_or(&cert.sha1))
        }
        (None, None) => file(inputs)?.name.clone(),
    };
    let name = plain_name(&name);
    Ok(if folder.plain() { name } else { format!("{name}{WRAPPED}") })
}

/// A name that is a name on every system, and never a path.
fn plain_name(name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_control() || r#"\/:*?"<>|"#.contains(c) { '_' } else { c }).collect();
    let name = name.trim().trim_start_matches('.');
    if name.is_empty() { "file".to_owned() } else { name.to_owned() }
}

fn different(place: &str) -> BackendError {
    BackendError::new(
        "FILE.DIFFERENT",
        Text::new(
            format!("{place} にあるファイルは、内容が違うか、壊れていて開けません。"),
            format!("the file at {place} has other content, or is damaged and does not open."),
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::plain_name;

    #[test]
    fn a_name_is_never_a_path() {
        for (name, plain) in [("202101010000777.p12", "202101010000777.p12"), ("../x", "_x"), ("C:\\a", "C__a"), ("..", "file"), ("控え 1.p12", "控え 1.p12")]
        {
            assert_eq!(plain_name(name), plain);
        }
    }
}

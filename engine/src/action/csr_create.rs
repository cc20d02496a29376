//! `csr.create`: makes a certification request (PKCS#10, RFC 2986), signed with a key that waits for its certificate. Reads only.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::key_create::unsupported;
use super::manifest::{input, input_or, manifest, output};
use super::{Action, Inputs, Kind, Manifest, Outputs, ReadAction, ReadCx};
use crate::backend::BackendError;
use crate::dsl::{Type, Value};
use crate::secret::Secret;
use crate::text::{Phrase, Text};

/// The parts of a subject that can be given, most specific first, with their names in certificates (RFC 4514).
const PARTS: [(&str, &str); 6] = [("cn", "CN"), ("ou", "OU"), ("o", "O"), ("l", "L"), ("st", "ST"), ("c", "C")];

/// Characters of a line of PEM (RFC 7468).
const LINE: usize = 64;

/// The action.
pub(super) struct CsrCreate;

impl Action for CsrCreate {
    fn manifest(&self) -> Manifest {
        Manifest {
            inputs: vec![
                input("key", Type::Key, "申請に使う鍵(key.create が作ったもの)。", "the key that `key.create` made."),
                input("subject", Type::Map(Box::new(Type::String)), "申請者の名前。cn ou o l st c を書けます。", "the subject's name: `cn ou o l st c`."),
                input_or("format", Type::Enum(vec!["pem".to_owned(), "der".to_owned()]), "pem", "ファイルの形。", "shape of the file."),
            ],
            outputs: vec![
                output("file", Type::File, "申請データ(CSR)のファイル。", "the file with the request."),
                output("sha256", Type::Hex, "そのファイルのSHA-256。", "SHA-256 of the file."),
            ],
            codes: vec!["BACKEND.UNSUPPORTED", "INPUT.UNFIT", "KEY.UNUSABLE", "STORE.UNREADABLE"],
            ..manifest(
                "csr.create",
                Phrase { ja: "申請データ(CSR)を作る", en: "Make a certification request" },
                Phrase {
                    ja: "保管先の鍵で署名した申請データを作ります。秘密鍵は入りません。",
                    en: "Makes a request that is signed with the key in its store. It holds no private key.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Read(self)
    }
}

impl ReadAction for CsrCreate {
    fn read(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<Outputs, BackendError> {
        let key = inputs.key("key").ok_or_else(|| Inputs::unknown("key"))?;
        let subject = subject(inputs)?;
        let store = cx.backends.holder(&key.holder)?;
        let der = store.keys().ok_or_else(|| unsupported(store.id()))?.request(&cx.call, &key.id, &subject)?;
        let content = if inputs.str("format") == Some("der") { der } else { pem(&der).into_bytes() };
        let name = subject.iter().find(|(kind, _)| kind == "CN").map_or("request", |(_, cn)| cn.as_str());
        let sha256 = hex::encode(Sha256::digest(&content));
        let file = cx.blobs.keep(&format!("{name}.csr"), &Secret::bytes(content), false)?;
        Ok(Outputs::from([("file".to_owned(), Value::File(file)), ("sha256".to_owned(), Value::Str(sha256))]))
    }
}

fn subject(inputs: &Inputs) -> Result<Vec<(String, String)>, BackendError> {
    let given = inputs.map("subject").ok_or_else(|| Inputs::unknown("subject"))?;
    let unfit = |ja: String, en: String| BackendError::new("INPUT.UNFIT", Text::new(ja, en));
    if let Some(unknown) = given.keys().find(|name| !PARTS.iter().any(|(known, _)| known == name)) {
        return Err(unfit(format!("subject に {unknown} は書けません。"), format!("`{unknown}` cannot stand in `subject`.")));
    }
    let parts = PARTS.iter().filter_map(|(name, kind)| match given.get(*name) {
        Some(Value::Str(value)) if !value.trim().is_empty() => Some(((*kind).to_owned(), value.clone())),
        _ => None,
    });
    let parts: Vec<(String, String)> = parts.collect();
    if parts.is_empty() { Err(unfit("subject が空です。".to_owned(), "`subject` is empty.".to_owned())) } else { Ok(parts) }
}

/// RFC 7468 7.
fn pem(der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<&str> = body.as_bytes().chunks(LINE).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n", lines.join("\n"))
}

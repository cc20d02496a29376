//! `p12.inspect`: opens a PKCS#12 file and says what is in it. Reads only; opening costs no attempts anywhere.

use super::manifest::{input, manifest, output};
use super::{Action, Inputs, Kind, Manifest, Outputs, ReadAction, ReadCx};
use crate::backend::BackendError;
use crate::dsl::{CertInfo, Type, Value};
use crate::text::{Phrase, Text};

/// The action.
pub(super) struct P12Inspect;

impl Action for P12Inspect {
    fn manifest(&self) -> Manifest {
        Manifest {
            inputs: vec![
                input("file", Type::File, "証明書ファイル(PKCS#12)。", "the PKCS#12 file."),
                input("password", Type::Secret(Box::new(Type::String)), "証明書ファイルのパスワード。", "the file's password."),
                input("newer_than", Type::Cert.optional(), "この証明書より期限が後でなければ止める。", "stop unless it expires later than this certificate."),
            ],
            outputs: vec![
                output("cert", Type::Cert, "秘密鍵の付いた証明書。", "the certificate that the key belongs to."),
                output("others", Type::List(Box::new(Type::Cert)), "中間の証明書。", "the intermediate certificates."),
                output("roots", Type::List(Box::new(Type::Cert)), "ルート証明書。", "the root certificates."),
            ],
            codes: vec![
                "CERT.NOT_NEWER",
                "KEY.MISMATCH",
                "P12.BAD_PASSWORD",
                "P12.MANY_KEYS",
                "P12.NO_KEY",
                "P12.TOO_COSTLY",
                "P12.UNREADABLE",
                "P12.UNSUPPORTED",
            ],
            ..manifest(
                "p12.inspect",
                Phrase { ja: "証明書ファイルの中を確かめる", en: "Look into a certificate file" },
                Phrase {
                    ja: "証明書ファイルを開き、鍵と証明書の組を確かめます。どこにも取り込みません。",
                    en: "Opens a certificate file and checks that key and certificate belong together. Imports nothing.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Read(self)
    }
}

impl ReadAction for P12Inspect {
    fn read(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<Outputs, BackendError> {
        let file = inputs.file("file").ok_or_else(|| Inputs::unknown("file"))?;
        let password = cx.secret(inputs, "password")?;
        let opened = cx.backends.p12().open(&cx.blobs.read(file)?, &password)?;
        let cert = opened.leaf.info;
        if let Some(old) = inputs.cert("newer_than").filter(|old| cert.not_after <= old.not_after) {
            return Err(not_newer(&cert, old, cx));
        }
        let (roots, others): (Vec<CertInfo>, Vec<CertInfo>) =
            opened.others.into_iter().map(|other| other.info).partition(|other| other.subject_dn == other.issuer_dn);
        let list = |certs: Vec<CertInfo>| Value::List(certs.into_iter().map(|cert| Value::Cert(Box::new(cert))).collect());
        Ok(Outputs::from([("cert".to_owned(), Value::Cert(Box::new(cert))), ("others".to_owned(), list(others)), ("roots".to_owned(), list(roots))]))
    }
}

fn not_newer(cert: &CertInfo, old: &CertInfo, cx: &ReadCx<'_>) -> BackendError {
    let day = |at: jiff::Timestamp| at.to_zoned(cx.zone.clone()).date();
    let (new, old) = (day(cert.not_after), day(old.not_after));
    BackendError::new(
        "CERT.NOT_NEWER",
        Text::new(
            format!("ファイルの証明書の期限は {new} で、今の証明書の期限 {old} より後ではありません。"),
            format!("the certificate of the file expires on {new}, not after {old} of the present one."),
        ),
    )
}

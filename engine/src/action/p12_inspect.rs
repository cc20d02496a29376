//! `p12.inspect`: opens a PKCS#12 file and says what is in it. Reads only; opening costs no attempts anywhere.

use super::manifest::{input, manifest, output};
use super::{Action, Kind, Manifest};
use crate::dsl::Type;
use crate::text::Phrase;

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
            codes: vec!["CERT.NOT_NEWER", "KEY.MISMATCH", "P12.BAD_PASSWORD", "P12.MANY_KEYS", "P12.NO_KEY", "P12.UNREADABLE"],
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
        Kind::Read(&super::later::Later)
    }
}

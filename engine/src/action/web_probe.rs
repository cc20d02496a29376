//! `web.probe`: sees that a site is there and accepts a certificate. Reads only.

use super::manifest::{manifest, output};
use super::{Action, Kind, Manifest, portal};
use crate::backend::Verb;
use crate::backend::profile::Operation;
use crate::dsl::Type;
use crate::text::Phrase;

/// The action.
pub(super) struct WebProbe;

impl Action for WebProbe {
    fn manifest(&self) -> Manifest {
        Manifest {
            remote: true,
            inputs: vec![portal::role_input(), portal::client_input()],
            outputs: vec![
                output(
                    "proof",
                    Type::Proof.optional(),
                    "この証明書が受け付けられたという証明。プロファイルに signed_in があるときだけ。",
                    "proof that the certificate was accepted; only where the profile has a `signed_in` marker.",
                ),
                output("missing", Type::List(Box::new(Type::String)), "画面に見当たらなかった言葉。", "labels of the profile that were not found."),
            ],
            codes: portal::READ_CODES.to_vec(),
            verbs: vec![Verb::Read],
            operation: Some(Operation::Probe),
            ..manifest(
                "web.probe",
                Phrase { ja: "接続できることを確かめる", en: "Probe a site" },
                Phrase {
                    ja: "サイトに接続し、画面が手順書のとおりか、証明書が受け付けられるかを確かめます。",
                    en: "Connects to the site and sees that its page is as the manual says and that the certificate is accepted.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Read(&super::later::Later)
    }
}

//! `web.probe`: sees that a site is there and accepts a certificate. Reads only.

use super::manifest::{manifest, output};
use super::{Action, Inputs, Kind, Manifest, Outputs, ReadAction, ReadCx, portal};
use crate::backend::profile::Operation;
use crate::backend::{BackendError, Verb};
use crate::dsl::{CertInfo, Type, Value};
use crate::text::{Phrase, Text};

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
        Kind::Read(self)
    }
}

impl ReadAction for WebProbe {
    fn read(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<Outputs, BackendError> {
        let ca = portal::ca(cx, inputs)?;
        let spec = portal::spec(ca.profile(), Operation::Probe)?;
        let gives = portal::look(cx, inputs, Operation::Probe)?;
        let mut outputs = portal::outputs(spec, &gives, "PORTAL.PAGE_UNKNOWN")?;
        let marked = spec.pages.iter().any(|page| page.signed_in.is_some());
        if let (Some(cert), None, true) = (inputs.cert("client_cert"), &gives.signed_in, marked) {
            return Err(rejected(cert));
        }
        outputs.extend(portal::proof(cx, inputs, Operation::Probe, &gives)?.map(|proof| ("proof".to_owned(), proof)));
        let missing = gives.missing.into_iter().map(Value::Str).collect();
        outputs.insert("missing".to_owned(), Value::List(missing));
        Ok(outputs)
    }

    fn preflight(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
        portal::preflight(cx, inputs, Operation::Probe)
    }
}

fn rejected(cert: &CertInfo) -> BackendError {
    BackendError::new(
        "PORTAL.CERT_REJECTED",
        Text::new(
            format!("証明書 {} で入れたことを示す言葉が画面にありません。", cert.sha1),
            format!("the page does not show that {} was accepted.", cert.sha1),
        ),
    )
}

//! What the actions on portals share: their base inputs, what a profile adds to a manifest, values in and out.

use super::manifest::{input, output};
use super::{InputSpec, Manifest, OutputSpec};
use crate::backend::profile::{ObserveBy, Operation, OperationSpec, Profile};
use crate::dsl::{RoleKind, Type};
use crate::text::Phrase;

/// Codes of a portal's reads.
pub(super) const READ_CODES: &[&str] = &[
    "KEY.UNUSABLE",
    "NET.UNREACHABLE",
    "NET.UNTRUSTED",
    "PORTAL.BUSY",
    "PORTAL.CERT_REJECTED",
    "PORTAL.CLOSED",
    "PORTAL.MANY_ROWS",
    "PORTAL.NEEDS_SCRIPT",
    "PORTAL.NO_ROW",
    "PORTAL.PAGE_UNKNOWN",
    "PORTAL.SESSION_EXPIRED",
];

/// Codes of a portal's writes that cannot be repeated.
pub(super) const WRITE_CODES: &[&str] = &[
    "KEY.UNUSABLE",
    "NET.UNREACHABLE",
    "NET.UNTRUSTED",
    "PORTAL.BUSY",
    "PORTAL.CERT_REJECTED",
    "PORTAL.CLOSED",
    "PORTAL.NEEDS_SCRIPT",
    "PORTAL.PAGE_UNKNOWN",
    "PORTAL.REDIRECTED_WRITE",
    "PORTAL.REFUSED",
    "PORTAL.RESULT_UNKNOWN",
    "PORTAL.SESSION_EXPIRED",
    "STEP.UNCERTAIN",
];

/// Codes of receiving a file.
pub(super) const FILE_CODES: &[&str] = &[
    "FOLDER.FULL",
    "KEY.UNUSABLE",
    "NET.UNREACHABLE",
    "NET.UNTRUSTED",
    "PORTAL.BUSY",
    "PORTAL.CERT_REJECTED",
    "PORTAL.CLOSED",
    "PORTAL.FILE_BAD",
    "PORTAL.MANY_ROWS",
    "PORTAL.NEEDS_SCRIPT",
    "PORTAL.NO_ROW",
    "PORTAL.PAGE_UNKNOWN",
    "PORTAL.REFUSED",
    "PORTAL.SESSION_EXPIRED",
    "PORTAL.WRONG_ID",
    "SECRET.MISSING",
    "SECRET.UNFIT",
];

/// How receiving is observed: it is simply repeated.
pub(super) const FILE_OBSERVE: Phrase = Phrase {
    ja: "記録に受け取ったファイルがあるか。無ければ、もう一度受け取る",
    en: "whether the journal has the received file; if not, it is received again",
};

/// The portal's role. May be left out in a playbook that has one role whose profile has the operation.
pub(super) fn role_input() -> InputSpec {
    input("portal", Type::Role(RoleKind::Ca), "サイトの役割。1つしかなければ省けます。", "the portal's role; may be left out when there is one.")
}

/// The client certificate.
pub(super) fn client_input() -> InputSpec {
    input("client_cert", Type::Cert.optional(), "サイトに入るときに使う証明書。", "the certificate that the site is entered with.")
}

/// The received file.
pub(super) fn file_output() -> OutputSpec {
    output("file", Type::File, "受け取った証明書ファイル。", "the received certificate file.").shown_once()
}

impl Manifest {
    /// The manifest of a portal operation with what a profile says of it: `takes` as inputs, `gives` as outputs,
    /// the client certificate required where the operation needs one, `proof` sure where a `signed_in` marker is read.
    /// `None` if the profile does not have the operation, or the action is none.
    pub fn with_profile(&self, profile: &Profile) -> Option<Manifest> {
        let operation = self.operation?;
        let spec = profile.operations.get(&operation)?;
        let mut manifest = self.clone();
        manifest.repeatable = operation.repeatable() && spec.repeatable;
        for known in &mut manifest.inputs {
            if known.name == "client_cert" && spec.client_cert {
                known.ty = Type::Cert;
            }
        }
        for known in &mut manifest.outputs {
            if known.name == "proof" && spec.client_cert && spec.pages.iter().any(|page| page.signed_in.is_some()) {
                known.ty = Type::Proof;
            }
        }
        for (name, ty) in &spec.takes {
            manifest.inputs.retain(|known| known.name != *name);
            manifest.inputs.push(input(name, ty.clone(), "画面に入れる値。", "a value for the page."));
        }
        let columns = observed_columns(profile, spec);
        for (name, ty) in &spec.gives {
            let given = output(name, ty.clone(), "画面に出る値。", "a value shown on the page.");
            let recoverable = operation.is_read() || columns.iter().any(|column| column == name) && !ty.is_secret();
            manifest.outputs.retain(|known| known.name != *name);
            manifest.outputs.push(if recoverable { given } else { given.shown_once() });
        }
        Some(manifest)
    }
}

/// Names of the columns that the look after an operation shows.
fn observed_columns(profile: &Profile, spec: &OperationSpec) -> Vec<String> {
    let look: Option<Operation> = match spec.observe {
        ObserveBy::Look(operation) => Some(operation),
        ObserveBy::Nothing => None,
    };
    let pages = look.and_then(|operation| profile.operations.get(&operation)).map_or(&[][..], |look| &look.pages);
    pages.iter().filter_map(|page| page.rows.as_ref()).flat_map(|rows| rows.columns.iter().map(|(name, _)| name.clone())).collect()
}

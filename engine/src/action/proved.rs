//! Whether a proof stands for a replacement that may make a certificate superfluous (`runs.md` 4).
//!
//! May use: proofs, certificates, the clock of the step. Must not: delete, prove or contact anything.

use super::ReadCx;
use crate::backend::BackendError;
use crate::dsl::{CertInfo, Proof, ProofKind};
use crate::text::Text;

/// A proof about the certificate that goes is none for its replacement.
///
/// # Errors
/// `PROOF.MISMATCH`.
pub(super) fn not_itself(target: &CertInfo, proof: &Proof) -> Result<(), BackendError> {
    if proof.thumbprint == target.sha1 {
        return Err(mismatch("消す証明書そのものを確かめた証明です。".to_owned(), "the proof is about the very certificate to delete.".to_owned()));
    }
    Ok(())
}

/// The proved certificate among those that its holder has now, after every check that can be made by looking.
///
/// # Errors
/// `PROOF.MISMATCH`, `PROOF.STALE`, `CERT.NEWER`.
pub(super) fn replacement<'a>(
    cx: &ReadCx<'_>,
    target: &CertInfo,
    proof: &Proof,
    mut present: impl Iterator<Item = &'a CertInfo>,
) -> Result<&'a CertInfo, BackendError> {
    not_itself(target, proof)?;
    let Some(new) = present.find(|cert| cert.sha1 == proof.thumbprint && cert.sha256 == proof.sha256) else {
        return Err(mismatch(
            format!("確かめた証明書 {} が {} にありません。", proof.thumbprint, proof.holder),
            format!("the proved certificate {} is not in {}.", proof.thumbprint, proof.holder),
        ));
    };
    if proof.kind != ProofKind::Accepted {
        return Err(mismatch(
            "鍵が合うことは確かめましたが、相手に受け付けられたことは確かめていません。".to_owned(),
            "the key was proved to match, but nobody accepted the credential.".to_owned(),
        ));
    }
    fresh(cx, proof)?;
    if new.subject_dn != target.subject_dn {
        return Err(mismatch(
            format!("名前が違います: 消す方「{}」、確かめた方「{}」。", target.subject_dn, new.subject_dn),
            format!("the names differ: `{}` is to be deleted, `{}` was proved.", target.subject_dn, new.subject_dn),
        ));
    }
    if new.not_after <= target.not_after {
        return Err(BackendError::new(
            "CERT.NEWER",
            Text::new(
                format!("消そうとしている方の期限({})が、残す方({})より早くありません。", target.not_after, new.not_after),
                format!("the one to delete ({}) does not expire before the one to keep ({}).", target.not_after, new.not_after),
            ),
        ));
    }
    if !(new.not_before <= cx.wall && cx.wall < new.not_after) {
        return Err(mismatch(
            format!("代わりの証明書は今、期間内ではありません({}〜{})。", new.not_before, new.not_after),
            format!("the replacement is not valid now ({} to {}).", new.not_before, new.not_after),
        ));
    }
    if !new.has_key {
        return Err(mismatch(format!("代わりの証明書 {} に秘密鍵がありません。", new.sha1), format!("the replacement {} has no private key here.", new.sha1)));
    }
    Ok(new)
}

/// A proof that is too old, or from a time that has not come yet, proves nothing now.
pub(super) fn fresh(cx: &ReadCx<'_>, proof: &Proof) -> Result<(), BackendError> {
    let age = cx.wall.duration_since(proof.at);
    let limit = jiff::SignedDuration::try_from(cx.fresh_for).unwrap_or(jiff::SignedDuration::MAX);
    if age <= limit && age >= -jiff::SignedDuration::from_secs(2) {
        return Ok(());
    }
    Err(BackendError::new(
        "PROOF.STALE",
        Text::new(
            format!("{} に確かめました。{}分以内に確かめたものだけを使います。", proof.at, limit.as_mins()),
            format!("it was proved at {}; a proof counts for {} minutes.", proof.at, limit.as_mins()),
        ),
    ))
}

pub(super) fn mismatch(ja: String, en: String) -> BackendError {
    BackendError::new("PROOF.MISMATCH", Text::new(ja, en))
}

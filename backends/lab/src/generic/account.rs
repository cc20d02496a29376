//! Accounts of a practice site: the first password that an account is told is its own; ten wrong ones in a row lock it for good.
//!
//! May use: the profile, the desk. Must not: know HTTP. Passwords are kept as digests only.

use kirikae_engine::backend::profile::{Operation, PageItem, Profile};

use super::page::field_name;
use crate::LabError;
use crate::desk::digest;
use crate::effects::{About, Effect};
use crate::portal::Visit;
use crate::state::Account;

/// Wrong passwords in a row until an account is locked: the number that the manual of the perinatal-care compensation system gives.
const LOCKS_AFTER: u32 = 10;

/// Judges a sign-in. The words of a refusal, if it is refused.
pub(crate) fn judge(visit: &mut Visit<'_>, profile: &Profile, about: &About) -> Result<Option<String>, LabError> {
    let spec = &profile.operations[&Operation::SignIn];
    let typed = |name: &String| visit.incoming.sent.texts.get(&field_name(name)).cloned().unwrap_or_default();
    let secrets: Vec<String> = spec.takes.iter().filter(|(_, ty)| ty.is_secret()).map(|(name, _)| typed(name)).collect();
    if secrets.is_empty() {
        return Ok(None);
    }
    let key = key(profile, about, |name| typed(&name.to_owned()));
    let digest = digest(&secrets.join("\n"));
    let account = visit.desk.state.held.accounts.entry(key).or_insert_with(|| Account { password_digest: digest.clone(), wrong: 0 });
    let locked = account.wrong >= LOCKS_AFTER;
    let right = account.password_digest == digest;
    if !locked {
        account.wrong = if right { 0 } else { account.wrong + 1 };
    }
    let now_locked = account.wrong >= LOCKS_AFTER;
    visit.desk.state.save()?;
    if now_locked && !locked {
        visit.desk.tell(visit.now, &profile.id, Effect::Locked, Some(Operation::SignIn), about)?;
    }
    Ok((now_locked || !right).then(|| refusal(profile, now_locked)))
}

/// Sets the password of the account that this session signed in to: the last secret that the operation takes.
pub(super) fn set_password(visit: &mut Visit<'_>, profile: &Profile, about: &About) -> Result<(), LabError> {
    let takes = &profile.operations[&Operation::SetPassword].takes;
    let Some((name, _)) = takes.iter().rev().find(|(_, ty)| ty.is_secret()) else { return Ok(()) };
    let chosen = visit.session.values.get(name).cloned().unwrap_or_default();
    let key = key(profile, about, |name| visit.session.values.get(name).cloned().unwrap_or_default());
    visit.desk.state.held.accounts.insert(key, Account { password_digest: digest(&chosen), wrong: 0 });
    visit.desk.state.save()
}

/// The name of an account: the user of the sign-in, else the subject of the certificate.
fn key(profile: &Profile, about: &About, value: impl Fn(&str) -> String) -> String {
    let user = profile.operations.get(&Operation::SignIn).and_then(|spec| {
        let plain = || spec.takes.iter().find(|(_, ty)| !ty.is_secret()).map(|(name, _)| name.as_str());
        spec.tries.as_deref().or_else(plain)
    });
    format!("{}/{}", profile.id, user.map_or_else(|| about.subject.clone(), value))
}

/// What the site says: the profile's own words, those of a lock where it has them.
fn refusal(profile: &Profile, locked: bool) -> String {
    let pages = &profile.operations[&Operation::SignIn].pages;
    let on_pages = |page: &PageItem| page.refused.iter().map(|refusal| (refusal.code.clone(), refusal.see.clone())).collect::<Vec<_>>();
    let known: Vec<(String, String)> =
        pages.iter().flat_map(on_pages).chain(profile.errors.iter().map(|known| (known.code.clone(), known.see.clone()))).collect();
    let of = |code: &str| known.iter().find(|(known, _)| known == code).map(|(_, words)| words.clone());
    let locked_words = || locked.then(|| of("LOGIN.LOCKED")).flatten();
    let other = || on_pages_first(pages);
    locked_words().or_else(|| of("LOGIN.REFUSED")).or_else(other).unwrap_or_else(|| "ユーザーIDまたはパスワードが違います。".to_owned())
}

fn on_pages_first(pages: &[PageItem]) -> Option<String> {
    pages.iter().flat_map(|page| &page.refused).next().map(|refusal| refusal.see.clone())
}

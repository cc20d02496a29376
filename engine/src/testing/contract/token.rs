//! What every token backend does, whatever the device.

use std::sync::Arc;

use crate::backend::{Call, Class, IdempotencyKey, PinFlags, PresentToken, TokenWrite};
use crate::secret::Secret;

/// A backend under test, with one token inserted that nobody has tried yet.
pub struct TokenRig {
    /// The backend.
    pub backend: Arc<dyn TokenWrite>,
    /// Serial of the token.
    pub serial: String,
    /// Its PIN.
    pub pin: String,
    /// Another one that it takes and refuses.
    pub wrong_pin: String,
    /// SHA-1 of a certificate on it whose key is there, too.
    pub credential: Option<String>,
    /// So many wrong PINs in a row lock it; `None`: it cannot be tried.
    pub locks_after: Option<u32>,
    /// It reports flags.
    pub flags: bool,
}

/// Runs the whole suite; `fresh` makes a rig for each part.
pub fn holds(fresh: impl Fn() -> TokenRig) {
    is_listed(&fresh());
    opens_with_its_pin_only(&fresh());
    says_when_it_is_not_there(&fresh());
    shows_its_certificates_and_signs_in_a_session(&fresh());
    locks_and_says_so(&fresh());
}

fn call() -> Call {
    Call { key: IdempotencyKey::new("contract", "token"), ..Call::unattached() }
}

impl TokenRig {
    fn token(&self) -> PresentToken {
        let found = self.backend.tokens(&Call::unattached()).expect("a list");
        found.into_iter().find(|token| token.info.serial == self.serial).expect("the token is listed")
    }

    fn refusal(&self, pin: &str) -> String {
        let error = self.backend.login(&call(), &self.serial, &Secret::text(pin)).expect_err("a wrong PIN does not open it");
        assert!(!matches!(error.class, Class::Transient | Class::Ambiguous), "{}: nobody may try again by himself", error.code);
        for text in [&error.cause.ja, &error.cure.ja] {
            assert!(!text.contains(pin), "an error holds a PIN");
        }
        error.code
    }
}

fn is_listed(rig: &TokenRig) {
    let (one, two) = (rig.token(), rig.token());
    assert_eq!(one, two, "the same answer to the same question");
    assert_eq!(one.flags, PinFlags::default());
    assert_eq!(one.info.holder, rig.backend.id(), "a handle leads back to its backend");
    for pin in [&rig.pin, &rig.wrong_pin] {
        assert!((one.pin.min..=one.pin.max).contains(&pin.len()));
    }
    assert!(rig.backend.capabilities().max_parallel >= 1);
}

fn opens_with_its_pin_only(rig: &TokenRig) {
    let code = rig.refusal(&rig.wrong_pin);
    assert!(["PIN.INCORRECT", "TOKEN.FAILED"].contains(&code.as_str()), "{code}");
    assert_eq!(rig.token().flags.count_low, rig.flags, "a look shows that a wrong PIN was entered");
    let session = rig.backend.login(&call(), &rig.serial, &Secret::text(&rig.pin)).expect("the right PIN opens it");
    assert_eq!(session.serial(), rig.serial);
    drop(session);
    assert_eq!(rig.token().flags, PinFlags::default(), "the right PIN ends the device's own count");
    rig.backend.login(&call(), &rig.serial, &Secret::text(&rig.pin)).expect("it opens again after a session ended");
}

fn says_when_it_is_not_there(rig: &TokenRig) {
    let absent = format!("{}0", rig.serial);
    assert_eq!(rig.backend.login(&call(), &absent, &Secret::text(&rig.wrong_pin)).expect_err("no such token").code, "TOKEN.ABSENT");
    assert_eq!(rig.backend.certificates(&call(), &absent).expect_err("no such token").code, "TOKEN.ABSENT");
    assert_eq!(rig.token().flags, PinFlags::default(), "and the one that is there has seen no PIN");
}

fn shows_its_certificates_and_signs_in_a_session(rig: &TokenRig) {
    let listed = rig.backend.certificates(&call(), &rig.serial).expect("certificates need no PIN");
    assert!(listed.iter().all(|cert| cert.info.holder == format!("token:{}", rig.serial)));
    let session = rig.backend.login(&call(), &rig.serial, &Secret::text(&rig.pin)).expect("the right PIN opens it");
    assert_eq!(session.signer(&call(), &"0".repeat(40)).expect_err("no such certificate").code, "CERT.GONE");
    let Some(credential) = &rig.credential else { return };
    assert!(listed.iter().any(|cert| cert.info.sha1 == *credential));
    let signer = session.signer(&call(), credential).expect("its key is there");
    assert_eq!(signer.info().sha1, *credential);
    let scheme = *signer.schemes().first().expect("a scheme");
    assert!(!signer.sign(scheme, b"message").expect("a signature").is_empty());
    drop(session);
    assert!(!signer.sign(scheme, b"message").expect("a signature").is_empty(), "a login lasts as long as one of those who hold it");
}

fn locks_and_says_so(rig: &TokenRig) {
    let Some(limit) = rig.locks_after else { return };
    for nth in 1..=limit {
        assert!(!rig.token().flags.locked, "not before {limit}");
        assert_eq!(rig.token().flags.final_try, rig.flags && nth == limit, "before try {nth} of {limit}");
        rig.refusal(&rig.wrong_pin);
    }
    if rig.flags {
        assert!(rig.token().flags.locked);
    } else {
        assert_eq!(rig.refusal(&rig.pin), "PIN.LOCKED", "the right PIN opens it no more");
    }
}

//! Tokens in memory or in a file that several processes share: they count wrong PINs, lock for good, and remember every try.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fs4::FileExt;
use serde::{Deserialize, Serialize};

use super::store::FakeSigner;
use super::{locked, stored};
use crate::backend::{
    BackendError, Call, Capabilities, IdempotencyKey, PinFlags, PinShape, PresentToken, Signer, StoredCert, TokenRead, TokenSession, TokenWrite, Verb,
};
use crate::dsl::{CertInfo, TokenInfo};
use crate::secret::Secret;
use crate::text::Text;

/// One token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FakeToken {
    /// Serial.
    pub serial: String,
    /// The right PIN.
    pub pin: String,
    /// So many wrong ones in a row lock it for good.
    pub limit: u32,
    /// Wrong ones in a row.
    pub wrong: u32,
    /// It is inserted.
    pub present: bool,
    /// It reports no flags (as SoftHSM2 does for some).
    pub mute: bool,
    /// It reports a wrong PIN as a general error.
    pub vague: bool,
    /// The next login gets no answer: it is pulled out after the PIN was sent.
    pub pulled_at_login: bool,
    /// How long a login takes.
    pub takes_ms: u64,
    /// Certificates on it.
    pub certs: Vec<CertInfo>,
    /// Every PIN that was tried: whether it was right.
    pub tries: Vec<bool>,
    /// A login that began while another one was going on.
    pub overlaps: u32,
}

impl FakeToken {
    /// A token with the PIN `12345678` that locks after ten wrong ones.
    pub fn new(serial: &str) -> Self {
        Self {
            serial: serial.to_owned(),
            pin: "12345678".to_owned(),
            limit: 10,
            wrong: 0,
            present: true,
            mute: false,
            vague: false,
            pulled_at_login: false,
            takes_ms: 0,
            certs: vec![],
            tries: vec![],
            overlaps: 0,
        }
    }

    fn flags(&self) -> PinFlags {
        if self.mute {
            return PinFlags::default();
        }
        PinFlags { count_low: self.wrong > 0, final_try: self.wrong + 1 == self.limit, locked: self.wrong >= self.limit }
    }

    fn info(&self, holder: &str) -> TokenInfo {
        TokenInfo { serial: self.serial.clone(), label: "practice".to_owned(), model: "ePass2003".to_owned(), holder: holder.to_owned() }
    }
}

/// The tokens of one module.
#[derive(Debug, Default)]
pub struct FakeTokens {
    file: Option<PathBuf>,
    tokens: Mutex<Vec<FakeToken>>,
}

/// PINs it takes.
const SHAPE: PinShape = PinShape { min: 4, max: 16 };

impl FakeTokens {
    /// Tokens whose state lies in a file, so that several processes use the same ones.
    pub fn in_file(path: &Path) -> Self {
        Self { file: Some(path.to_owned()), tokens: Mutex::default() }
    }

    /// Inserts a token.
    pub fn insert(&self, token: FakeToken) {
        self.with(|tokens| tokens.push(token));
    }

    /// Changes a token behind everybody's back.
    pub fn change(&self, serial: &str, change: impl FnOnce(&mut FakeToken)) {
        self.with(|tokens| change(tokens.iter_mut().find(|token| token.serial == serial).expect("a token of this serial")));
    }

    /// These are inserted, and no others.
    pub fn only(&self, serials: &[&str]) {
        self.with(|tokens| tokens.iter_mut().for_each(|token| token.present = serials.contains(&token.serial.as_str())));
    }

    /// A token as it is.
    pub fn look(&self, serial: &str) -> FakeToken {
        self.with(|tokens| tokens.iter().find(|token| token.serial == serial).cloned()).expect("a token of this serial")
    }

    /// How many PINs were tried on a token, right ones and wrong ones.
    pub fn tries(&self, serial: &str) -> usize {
        self.look(serial).tries.len()
    }

    fn with<T>(&self, work: impl FnOnce(&mut Vec<FakeToken>) -> T) -> T {
        let mut tokens = locked(&self.tokens);
        let Some(path) = &self.file else { return work(&mut tokens) };
        let _lock = lock(&path.with_extension("lock"));
        let mut shared: Vec<FakeToken> = std::fs::read(path).map(|text| serde_json::from_slice(&text).expect("tokens")).unwrap_or_default();
        let result = work(&mut shared);
        let mut file = shareable(path);
        file.set_len(0).and_then(|()| file.write_all(&serde_json::to_vec(&shared).expect("tokens"))).expect("the tokens' file");
        result
    }

    fn present<T>(&self, serial: &str, work: impl FnOnce(&mut FakeToken) -> Result<T, BackendError>) -> Result<T, BackendError> {
        self.with(|tokens| match tokens.iter_mut().find(|token| token.serial == serial && token.present) {
            Some(token) => work(token),
            None => Err(error("TOKEN.ABSENT")),
        })
    }
}

fn lock(path: &Path) -> File {
    let file = shareable(path);
    FileExt::lock(&file).expect("a lock");
    file
}

/// A file that other accounts may write, too.
fn shareable(path: &Path) -> File {
    let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path).expect("a file");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Only its owner can, and needs to do it once.
        let _ = file.set_permissions(std::fs::Permissions::from_mode(0o666));
    }
    file
}

impl TokenRead for FakeTokens {
    fn id(&self) -> &str {
        "fake:tokens"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { exclusive: true, hardware_keys: true, ..Capabilities::local(&[Verb::List, Verb::Sign]) }
    }

    fn tokens(&self, _call: &Call) -> Result<Vec<PresentToken>, BackendError> {
        let mut found: Vec<PresentToken> = self.with(|tokens| {
            let present = tokens.iter().filter(|token| token.present);
            present.map(|token| PresentToken { info: token.info("fake:tokens"), flags: token.flags(), pin: SHAPE }).collect()
        });
        found.sort_by(|a, b| a.info.serial.cmp(&b.info.serial));
        Ok(found)
    }

    fn certificates(&self, _call: &Call, serial: &str) -> Result<Vec<StoredCert>, BackendError> {
        self.present(serial, |token| Ok(on_token(token)))
    }
}

impl TokenWrite for FakeTokens {
    fn login(&self, call: &Call, serial: &str, pin: &Secret) -> Result<Arc<dyn TokenSession>, BackendError> {
        assert!(call.key != IdempotencyKey::new("", ""), "a PIN was sent outside a run");
        assert!((SHAPE.min..=SHAPE.max).contains(&pin.expose().len()), "a PIN of a length that the device does not take reached it");
        let busy = self.file.as_ref().map(|path| shareable(&path.with_extension("busy")));
        let overlap = busy.as_ref().is_some_and(|file| FileExt::try_lock(file).is_err());
        let takes = self.present(serial, |token| {
            token.overlaps += u32::from(overlap);
            Ok(token.takes_ms)
        })?;
        std::thread::sleep(Duration::from_millis(takes));
        self.present(serial, |token| {
            if token.wrong >= token.limit {
                assert!(token.mute, "a PIN was sent to a token that says that it is locked");
                return Err(error("PIN.LOCKED"));
            }
            let right = pin.expose() == token.pin.as_bytes();
            token.tries.push(right);
            token.wrong = if right { 0 } else { token.wrong + 1 };
            if std::mem::take(&mut token.pulled_at_login) {
                token.present = false;
                return Err(error("TOKEN.FAILED"));
            }
            match right {
                true => Ok(Arc::new(FakeSession { serial: serial.to_owned(), certs: on_token(token) }) as Arc<dyn TokenSession>),
                false if token.vague => Err(error("TOKEN.FAILED")),
                false if token.wrong >= token.limit => Err(error("PIN.LOCKED")),
                false => Err(error("PIN.INCORRECT")),
            }
        })
    }
}

fn on_token(token: &FakeToken) -> Vec<StoredCert> {
    let certs = token.certs.iter().cloned();
    certs.map(|cert| stored(CertInfo { holder: format!("token:{}", token.serial), key_exportable: false, ..cert })).collect()
}

fn error(code: &str) -> BackendError {
    BackendError::new(code, Text::plain(code))
}

#[derive(Debug)]
struct FakeSession {
    serial: String,
    certs: Vec<StoredCert>,
}

impl TokenSession for FakeSession {
    fn serial(&self) -> &str {
        &self.serial
    }

    fn signer(&self, _call: &Call, thumbprint: &str) -> Result<Arc<dyn Signer>, BackendError> {
        let cert = self.certs.iter().find(|cert| cert.info.sha1 == thumbprint).ok_or_else(|| error("CERT.GONE"))?;
        if cert.info.has_key { Ok(Arc::new(FakeSigner::of(cert))) } else { Err(error("KEY.UNUSABLE")) }
    }
}

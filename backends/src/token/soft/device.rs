//! The folder of a soft token: what stands on its plate, the count of wrong PINs, the sealed key of its keys.
//!
//! `token.json` is written last when a token is made and never changed: a token is there when this file is. `tries.json` holds the
//! wrong PINs in a row, raised on disk before a PIN is looked at. `key.age` is the password of the credentials, encrypted under the PIN
//! (age with scrypt, <https://age-encryption.org/v1>). `credentials/` is a folder store under that password.
//! Must not: let two processes try at once, lower the count before the PIN is proved.

use std::io;
use std::path::PathBuf;

use age::scrypt;
use age::secrecy::SecretString;
use kirikae_engine::backend::BackendError;
use kirikae_engine::secret::Secret;
use kirikae_engine::text::Text;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{NewSoftToken, error};
use crate::folder::durable::{self, ReadError};
use crate::store::dir::DirStore;

/// Fewest and most bytes of a PIN.
pub(super) const PIN: (usize, usize) = (4, 16);

/// Longest serial (`CK_TOKEN_INFO.serialNumber`).
const SERIAL: usize = 16;

/// scrypt's work factor, log2 N. The count, not this, is what stops guessing; a copied folder is guessed at this price.
const WORK: u8 = 15;

/// Bytes; these files have a few hundred.
const MAX_SIZE: u64 = 64 << 10;

const PLATE: &str = "token.json";
const TRIES: &str = "tries.json";
const SEALED: &str = "key.age";
const LOCK: &str = ".lock";

/// What stands on the token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Plate {
    /// 1.
    version: u32,
    /// Serial.
    pub(super) serial: String,
    /// Label.
    pub(super) label: String,
    /// So many wrong PINs in a row lock it.
    pub(super) limit: u32,
}

#[derive(Serialize, Deserialize)]
struct Tries {
    wrong: u32,
}

/// The folder.
#[derive(Clone, Debug)]
pub(super) struct Device {
    folder: PathBuf,
}

impl Device {
    /// The one in `folder`.
    pub(super) fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Makes a token here.
    pub(super) fn create(&self, new: &NewSoftToken) -> Result<(), BackendError> {
        let fits = (1..=SERIAL).contains(&new.serial.len()) && new.serial.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !fits || new.limit == 0 {
            let serial = &new.serial;
            return Err(error::settings(
                format!("練習用USBキーの番号 {serial} か回数 {} が使えません(英数字1〜{SERIAL}文字、1回以上)。", new.limit),
                format!("a soft token cannot have serial {serial:?} and limit {} (1 to {SERIAL} letters and digits, at least 1).", new.limit),
            ));
        }
        let pin = pin_text(&new.pin)?;
        durable::create_folder(&self.folder.join("credentials")).map_err(|reason| self.unwritable(&reason))?;
        let _lock = self.lock()?;
        if self.plate()?.is_some() {
            let path = self.folder.display();
            return Err(error::settings(format!("{path} にはもうUSBキーがあります。"), format!("{path} holds a token already.")));
        }
        let mut recipient = scrypt::Recipient::new(pin);
        recipient.set_work_factor(WORK);
        let sealed = age::encrypt(&recipient, fresh_password()?.expose()).map_err(|reason| self.damaged(SEALED, &reason.to_string()))?;
        durable::replace(&self.folder, SEALED, &sealed).map_err(|reason| self.unwritable(&reason))?;
        self.count(0)?;
        let plate = Plate { version: 1, serial: new.serial.clone(), label: new.label.clone(), limit: new.limit };
        self.write(PLATE, &plate)
    }

    /// What stands on the token; `None` if there is none.
    pub(super) fn plate(&self) -> Result<Option<Plate>, BackendError> {
        match self.read(PLATE) {
            Ok(content) => self.decode(PLATE, &content).map(Some),
            Err(ReadError::Absent) => Ok(None),
            Err(reason) => Err(self.unread(PLATE, &reason)),
        }
    }

    /// Wrong PINs in a row.
    pub(super) fn wrong(&self) -> Result<u32, BackendError> {
        let content = self.read(TRIES).map_err(|reason| self.unread(TRIES, &reason))?;
        self.decode::<Tries>(TRIES, &content).map(|tries| tries.wrong)
    }

    /// Counts a try, then makes it. Gives the password of the credentials.
    ///
    /// # Errors
    /// `TOKEN.ABSENT`, `PIN.INCORRECT`, `PIN.LOCKED`, `SECRET.UNFIT`, `TOKEN.FAILED`.
    pub(super) fn open(&self, serial: &str, pin: &Secret) -> Result<Secret, BackendError> {
        let is_this = |plate: &Plate| plate.serial == serial;
        // Before the lock file is made: a folder without a token stays as it is.
        self.plate()?.filter(is_this).ok_or_else(|| error::absent(serial))?;
        let pin = pin_text(pin)?;
        let _lock = self.lock()?;
        let plate = self.plate()?.filter(is_this).ok_or_else(|| error::absent(serial))?;
        let wrong = self.wrong()?;
        if wrong >= plate.limit {
            return Err(error::locked(serial));
        }
        self.count(wrong + 1)?;
        let sealed = self.read(SEALED).map_err(|reason| self.unread(SEALED, &reason))?;
        let mut identity = scrypt::Identity::new(pin);
        identity.set_max_work_factor(WORK);
        match age::decrypt(&identity, &sealed) {
            Ok(password) => {
                self.count(0)?;
                Ok(Secret::bytes(password))
            }
            Err(age::DecryptError::DecryptionFailed | age::DecryptError::KeyDecryptionFailed) => {
                Err(if wrong + 1 >= plate.limit { error::locked(serial) } else { error::incorrect(serial) })
            }
            Err(reason) => Err(self.damaged(SEALED, &reason.to_string())),
        }
    }

    /// The credentials; without their password they can be listed only.
    pub(super) fn credentials(&self, password: Option<Secret>) -> Result<DirStore, BackendError> {
        let known = move || password.clone().ok_or_else(|| error::unusable("PIN が要ります。", "the PIN is needed."));
        DirStore::open(&self.folder.join("credentials"), Box::new(known))
    }

    fn count(&self, wrong: u32) -> Result<(), BackendError> {
        self.write(TRIES, &Tries { wrong })
    }

    /// Waits for others who are at this token; ends with the process that holds it.
    fn lock(&self) -> Result<std::fs::File, BackendError> {
        durable::lock(&self.folder, LOCK).map_err(|reason| self.unwritable(&reason))
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, ReadError> {
        durable::read(&self.folder.join(name), MAX_SIZE)
    }

    fn decode<T: DeserializeOwned>(&self, name: &str, content: &[u8]) -> Result<T, BackendError> {
        serde_json::from_slice(content).map_err(|reason| self.damaged(name, &reason.to_string()))
    }

    fn write(&self, name: &str, content: &impl Serialize) -> Result<(), BackendError> {
        let content = serde_json::to_vec_pretty(content).map_err(|reason| self.damaged(name, &reason.to_string()))?;
        durable::replace(&self.folder, name, &content).map_err(|reason| self.unwritable(&reason))
    }

    fn unwritable(&self, reason: &io::Error) -> BackendError {
        let path = self.folder.display();
        error::failed(format!("USBキーのフォルダ {path} に書き込めません({reason})。"), format!("the token's folder {path} cannot be written to ({reason})."))
    }

    fn unread(&self, name: &str, reason: &ReadError) -> BackendError {
        let reason = match reason {
            ReadError::Absent => "not there".to_owned(),
            ReadError::NotAFile => "not a file".to_owned(),
            ReadError::TooBig(size) => format!("{size} bytes"),
            ReadError::Io(reason) => reason.to_string(),
        };
        self.damaged(name, &reason)
    }

    fn damaged(&self, name: &str, reason: &str) -> BackendError {
        let path = self.folder.display();
        error::failed(format!("USBキーの {path}/{name} が使えません({reason})。"), format!("{path}/{name} of the token cannot be used ({reason})."))
    }
}

fn pin_text(pin: &Secret) -> Result<SecretString, BackendError> {
    let fits = pin.expose_text().filter(|text| (PIN.0..=PIN.1).contains(&text.len()));
    fits.map(|text| SecretString::from(text.to_owned())).ok_or_else(|| {
        let cause = Text::new(format!("PIN は {}〜{} 文字です。", PIN.0, PIN.1), format!("a PIN has {} to {} characters.", PIN.0, PIN.1));
        BackendError::new("SECRET.UNFIT", cause)
    })
}

fn fresh_password() -> Result<Secret, BackendError> {
    let mut random = zeroize::Zeroizing::new([0; 32]);
    getrandom::fill(&mut *random).map_err(|reason| error::failed(format!("乱数が得られません({reason})。"), format!("no random bytes ({reason}).")))?;
    Ok(Secret::text(hex::encode(*random)))
}

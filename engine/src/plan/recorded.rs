//! Under which name failed tries are recorded where what they are counted on holds a private value.
//!
//! The ledger outlives plans and is read by everybody, so a private value is neither in it nor in a digest of it: the vault keeps what is
//! counted on, one entry each, and the ledger has the entry's number.
//! Must not: put a private value into a name or an error.

use jiff::Timestamp;

use super::private::Private;
use crate::backend::{BackendError, EntryInfo, Vault};
use crate::secret::{Secret, SecretRef};

/// The vault's folder of these entries.
const FOLDER: &str = "tries/";

/// What the entries are called in listings.
const NAME: &str = "counted_on";

/// The name in the ledger; `None`: nothing was ever counted on it.
///
/// # Errors
/// `VAULT.UNREADABLE`.
pub(crate) fn recorded_as(vault: &dyn Vault, private: &Private, device: &str) -> Result<Option<String>, BackendError> {
    if private.hide_words(device) == device {
        return Ok(Some(device.to_owned()));
    }
    for entry in vault.below(FOLDER)? {
        if vault.get(&entry)?.is_some_and(|known| known.expose() == device.as_bytes()) {
            return Ok(Some(name_of(device, &entry)));
        }
    }
    Ok(None)
}

/// The same, with an entry made where there is none. Nobody else may be at it: entries are numbered.
///
/// # Errors
/// `VAULT.UNREADABLE`, `FOLDER.*`.
pub(crate) fn record_as(vault: &dyn Vault, private: &Private, device: &str, at: Timestamp) -> Result<String, BackendError> {
    if let Some(known) = recorded_as(vault, private, device)? {
        return Ok(known);
    }
    let numbers = vault.below(FOLDER)?.into_iter().filter_map(|entry| entry.id().strip_prefix(FOLDER)?.parse::<u32>().ok());
    let reference = SecretRef::vault(&format!("{FOLDER}{}", numbers.max().unwrap_or_default() + 1));
    let info =
        EntryInfo { reference: reference.clone(), name: NAME.to_owned(), about: String::new(), written_at: at, labels: std::collections::BTreeMap::new() };
    vault.put(&info, &Secret::text(device.to_owned()))?;
    Ok(name_of(device, &reference))
}

/// `elsewhere:vault:tries/1`.
fn name_of(device: &str, entry: &SecretRef) -> String {
    format!("{}:{}", device.split(':').next().unwrap_or_default(), entry.as_str())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::testing::FakeVault;

    #[test]
    fn each_private_thing_has_one_number_and_its_value_is_in_no_name() {
        let private = Private::of_texts(&["A1234567", "B7654321"]);
        let (vault, at) = (FakeVault::default(), Timestamp::UNIX_EPOCH);
        assert_eq!(record_as(&vault, &private, "token:9F02A7", at).unwrap(), "token:9F02A7", "nothing private: as it is");
        assert_eq!(recorded_as(&vault, &private, "elsewhere:A1234567").unwrap(), None);
        for _ in 0..2 {
            assert_eq!(record_as(&vault, &private, "elsewhere:A1234567", at).unwrap(), "elsewhere:vault:tries/1");
            assert_eq!(record_as(&vault, &private, "elsewhere:B7654321", at).unwrap(), "elsewhere:vault:tries/2");
        }
        assert_eq!(recorded_as(&vault, &private, "elsewhere:B7654321").unwrap().unwrap(), "elsewhere:vault:tries/2");
        assert_eq!(vault.list().unwrap().len(), 2);
    }
}

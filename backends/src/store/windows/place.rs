//! Which store of Windows a site means.

use std::collections::BTreeMap;

use kirikae_engine::backend::BackendError;
use kirikae_engine::text::Text;

/// Whose store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// 現在のユーザー: of the account that kirikae runs as. Another account has another one.
    CurrentUser,
    /// ローカル コンピューター: of the machine. Writing needs an elevated process.
    LocalMachine,
}

/// Which of its stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StoreName {
    /// 個人: certificates with their keys.
    My,
    /// 中間証明機関
    Ca,
    /// 信頼されたルート証明機関
    Root,
}

/// How keys come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keys {
    /// Cryptography Next Generation.
    Cng,
    /// CryptoAPI, for programs that know nothing newer.
    Capi,
}

/// A store of Windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub location: Location,
    pub name: StoreName,
    pub keys: Keys,
}

impl Place {
    /// From the settings of a site file.
    ///
    /// # Errors
    /// `STORE.UNREADABLE` with the known values.
    pub(super) fn of(settings: &BTreeMap<String, String>) -> Result<Self, BackendError> {
        Ok(Self {
            location: one_of(settings, "location", &[("current_user", Location::CurrentUser), ("local_machine", Location::LocalMachine)])?,
            name: one_of(settings, "name", &[("MY", StoreName::My), ("CA", StoreName::Ca), ("ROOT", StoreName::Root)])?,
            keys: one_of(settings, "keys", &[("cng", Keys::Cng), ("capi", Keys::Capi)])?,
        })
    }

    /// The identity of the store, stable over site files.
    pub(super) fn id(&self) -> String {
        format!("windows:{}/{}", self.location.word(), self.name.word())
    }
}

impl Location {
    /// As site files write it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::CurrentUser => "current_user",
            Self::LocalMachine => "local_machine",
        }
    }
}

impl StoreName {
    /// As Windows calls it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::My => "MY",
            Self::Ca => "CA",
            Self::Root => "ROOT",
        }
    }
}

/// The value of a setting, in either case of letters; the first known one if it is not written.
fn one_of<T: Copy>(settings: &BTreeMap<String, String>, key: &str, known: &[(&str, T)]) -> Result<T, BackendError> {
    let written = settings.get(key).map_or(known[0].0, String::as_str);
    known.iter().find(|(word, _)| word.eq_ignore_ascii_case(written)).map(|(_, value)| *value).ok_or_else(|| {
        let words = known.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        let cause = Text::new(
            format!("保管先(windows)の {key} に {written:?} とは書けません。使えるのは {words} です。"),
            format!("`{key}: {written}` is nothing that the store of kind `windows` knows; it knows {words}."),
        );
        let cure = Text::new("サイトファイルの backends を直してください。", "mend it under `backends` of the site file.");
        BackendError::new("STORE.UNREADABLE", cause).cure(cure).with("known", words)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_bare_store_is_the_personal_one_of_this_account() {
        assert_eq!(Place::of(&BTreeMap::new()).unwrap(), Place { location: Location::CurrentUser, name: StoreName::My, keys: Keys::Cng });
        let place = Place::of(&settings(&[("location", "local_machine"), ("name", "root"), ("keys", "capi")])).unwrap();
        assert_eq!((place.id().as_str(), place.keys), ("windows:local_machine/ROOT", Keys::Capi));
    }

    #[test]
    fn an_unknown_value_is_refused_with_the_known_ones() {
        let error = Place::of(&settings(&[("location", "everybody")])).unwrap_err();
        assert_eq!((error.code.as_str(), error.data["known"].as_str()), ("STORE.UNREADABLE", "current_user, local_machine"));
        assert!(error.cause.ja.contains("everybody") && error.cause.ja.contains("location"));
        assert!(Place::of(&settings(&[("name", "個人")])).is_err());
        assert!(Place::of(&settings(&[("keys", "ksp")])).is_err());
    }
}

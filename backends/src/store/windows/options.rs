//! The import wizard's options as the flags of `PFXImportCertStore`.

use std::collections::BTreeMap;

use kirikae_engine::backend::ImportOption;

use super::place::Location;

/// このキーをエクスポート可能にする (`CRYPT_EXPORTABLE`)
const EXPORTABLE: u32 = 0x1;
/// 秘密キーの保護を強力にする (`CRYPT_USER_PROTECTED`)
const USER_PROTECTED: u32 = 0x2;
/// すべての拡張プロパティを含める (`PKCS12_INCLUDE_EXTENDED_PROPERTIES`)
const EXTENDED_PROPERTIES: u32 = 0x10;
/// ローカル コンピューター (`CRYPT_MACHINE_KEYSET`)
const MACHINE_KEYSET: u32 = 0x20;
/// Windows asks nobody (`PKCS12_IMPORT_SILENT`).
const SILENT: u32 = 0x40;
/// The key goes to a provider of CNG, whatever the file says (`PKCS12_ALWAYS_CNG_KSP`).
const ALWAYS_CNG: u32 = 0x200;
/// 現在のユーザー (`CRYPT_USER_KEYSET`)
const USER_KEYSET: u32 = 0x1000;

/// The flags that the wizard would give for these choices; without its place, the file itself may decide where the key goes.
pub(super) fn wizard(location: Location, chosen: &BTreeMap<ImportOption, bool>) -> u32 {
    let place = match location {
        Location::CurrentUser => USER_KEYSET,
        Location::LocalMachine => MACHINE_KEYSET,
    };
    chosen.iter().filter(|(_, yes)| **yes).fold(place, |flags, (option, _)| {
        flags
            | match option {
                ImportOption::Exportable => EXPORTABLE,
                ImportOption::StrongProtection => USER_PROTECTED,
                ImportOption::ExtendedProperties => EXTENDED_PROPERTIES,
            }
    })
}

/// The same for a key that goes to CNG while nobody is there.
pub(super) fn unattended(location: Location, chosen: &BTreeMap<ImportOption, bool>) -> u32 {
    wizard(location, chosen) | ALWAYS_CNG | SILENT
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(exportable: bool, extended: bool) -> BTreeMap<ImportOption, bool> {
        BTreeMap::from([(ImportOption::Exportable, exportable), (ImportOption::StrongProtection, false), (ImportOption::ExtendedProperties, extended)])
    }

    #[test]
    fn the_manuals_choices_give_their_flags() {
        assert_eq!(wizard(Location::CurrentUser, &chosen(true, true)), 0x1011, "obn: exportable, with extended properties");
        assert_eq!(wizard(Location::CurrentUser, &chosen(false, true)), 0x1010, "webqkan and the CD of sanka");
        assert_eq!(wizard(Location::LocalMachine, &BTreeMap::new()), 0x20);
        assert_eq!(unattended(Location::CurrentUser, &chosen(true, true)), 0x1011 | 0x240);
    }

    #[cfg(windows)]
    #[test]
    fn the_flags_are_those_of_windows() {
        use windows_sys::Win32::Security::Cryptography as sys;
        assert_eq!(
            [EXPORTABLE, USER_PROTECTED, EXTENDED_PROPERTIES, MACHINE_KEYSET, SILENT, ALWAYS_CNG, USER_KEYSET],
            [
                sys::CRYPT_EXPORTABLE,
                sys::CRYPT_USER_PROTECTED,
                sys::PKCS12_INCLUDE_EXTENDED_PROPERTIES,
                sys::CRYPT_MACHINE_KEYSET,
                sys::PKCS12_IMPORT_SILENT,
                sys::PKCS12_ALWAYS_CNG_KSP,
                sys::CRYPT_USER_KEYSET,
            ]
        );
    }
}

//! Our own opening step, for files that `p12-keystore` refuses: checks the MAC, decrypts every part, and hands on a fresh file in DER.
//!
//! May use: the parts beside it. Must not: write the fresh file anywhere; its keys are wrapped under an empty password.

use der::asn1::OctetString;
use der::{Any, Decode, Encode};
use pkcs5::pbes2;
use pkcs12::cms::content_info::ContentInfo;
use pkcs12::cms::encrypted_data::EncryptedData;
use pkcs12::pbe_params::EncryptedPrivateKeyInfo;
use pkcs12::pfx::{Pfx, Version};
use pkcs12::safe_bag::{SafeBag, SafeContents};
use x509_cert::spki::AlgorithmIdentifierOwned;
use zeroize::Zeroizing;

use super::algorithm::{DATA, ENCRYPTED_DATA, Method, PBES2};
use super::cipher::{Password, Shut, decrypt, verify_mac};
use super::outer::{Outer, bag_content, der, plain_bags};

/// The same content as a file that opens with an empty password at no cost.
pub(super) fn reopen(outer: &Outer, password: &str) -> Result<Zeroizing<Vec<u8>>, Shut> {
    let given = Password::text(password);
    let none = Password::none();
    let mut passwords = vec![&given];
    // "Empty" and "none" are two passwords; who has none typed nothing either way.
    passwords.extend(password.is_empty().then_some(&none));
    let mut shut = Shut::WrongPassword;
    for password in passwords {
        match reopen_with(outer, password) {
            Ok(fresh) => return Ok(fresh),
            Err(reason) => shut = reason,
        }
    }
    Err(shut)
}

fn reopen_with(outer: &Outer, password: &Password<'_>) -> Result<Zeroizing<Vec<u8>>, Shut> {
    if let Some(mac) = &outer.mac {
        verify_mac(mac, password, &outer.maced)?;
    }
    let mut bags = SafeContents::new();
    for content in &outer.parts {
        for bag in open_bags(content, password)? {
            bags.push(plain_bag(bag, password)?);
        }
    }
    // From here on only our own encoder can fail; a key that is none cannot be told from a wrong password without a MAC.
    fresh_file(&bags).map_err(|_| Shut::WrongPassword)
}

/// The bags of a part, decrypted if it is encrypted.
fn open_bags(content: &ContentInfo, password: &Password<'_>) -> Result<SafeContents, Shut> {
    match content.content_type {
        DATA => plain_bags(content).map_err(|_| Shut::WrongPassword),
        ENCRYPTED_DATA => {
            let encrypted: EncryptedData = content.content.decode_as().map_err(|_| Shut::WrongPassword)?;
            let info = encrypted.enc_content_info;
            let Some(data) = info.encrypted_content else { return Ok(SafeContents::new()) };
            let plain = decrypt(&info.content_enc_alg, data.as_bytes(), password)?;
            der(&plain).and_then(|plain| SafeContents::from_der(&plain)).map_err(|_| Shut::WrongPassword)
        }
        _ => Err(Shut::Unsupported(Method::of_content(content).name)),
    }
}

/// The bag as it is to be written, its key decrypted.
fn plain_bag(bag: SafeBag, password: &Password<'_>) -> Result<SafeBag, Shut> {
    let content = Zeroizing::new(bag_content(&bag).map_err(|_| Shut::WrongPassword)?);
    let (bag_id, bag_value) = match bag.bag_id {
        pkcs12::PKCS_12_KEY_BAG_OID => wrapped(&content)?,
        pkcs12::PKCS_12_PKCS8_KEY_BAG_OID => {
            let key = EncryptedPrivateKeyInfo::from_der(&content).map_err(|_| Shut::WrongPassword)?;
            let plain = decrypt(&key.encryption_algorithm, key.encrypted_data.as_bytes(), password)?;
            // Some tools leave bytes after the key; what is no element at all comes of a wrong password.
            wrapped(&der(&plain).map(Zeroizing::new).map_err(|_| Shut::WrongPassword)?)?
        }
        other => (other, content.to_vec()),
    };
    Ok(SafeBag { bag_id, bag_value, bag_attributes: bag.bag_attributes })
}

/// A key in a shrouded bag under an empty password, at one round: in plain bags `p12-keystore` reads only the first version of PKCS#8.
fn wrapped(key: &[u8]) -> Result<(const_oid::ObjectIdentifier, Vec<u8>), Shut> {
    let wrap = || -> Option<Vec<u8>> {
        let parameters = pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(1, &[0; 8], [0; 16]).ok()?;
        let encrypted_data = OctetString::new(parameters.encrypt("", key).ok()?).ok()?;
        let parameters = Any::from_der(&parameters.to_der().ok()?).ok()?;
        let encryption_algorithm = AlgorithmIdentifierOwned { oid: PBES2, parameters: Some(parameters) };
        EncryptedPrivateKeyInfo { encryption_algorithm, encrypted_data }.to_der().ok()
    };
    Ok((pkcs12::PKCS_12_PKCS8_KEY_BAG_OID, wrap().ok_or(Shut::WrongPassword)?))
}

fn fresh_file(bags: &SafeContents) -> der::Result<Zeroizing<Vec<u8>>> {
    let data =
        |content: Vec<u8>| -> der::Result<ContentInfo> { Ok(ContentInfo { content_type: DATA, content: Any::encode_from(&OctetString::new(content)?)? }) };
    let part = data(bags.to_der()?)?;
    let pfx = Pfx { version: Version::V3, auth_safe: data(vec![part].to_der()?)?, mac_data: None };
    Ok(Zeroizing::new(pfx.to_der()?))
}

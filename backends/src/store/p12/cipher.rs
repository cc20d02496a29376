//! Passwords to keys, keys to content: RFC 7292 appendix B and C, RFC 8018.
//!
//! May use: the RustCrypto ciphers. Must not: keep a password or a derived key longer than a call.

use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt, KeyInit, KeyIvInit, StreamCipher};
use der::{Decode, Encode};
use hmac::digest::block_api::BlockSizeUser;
use hmac::digest::{Digest, FixedOutputReset, OutputSizeUser};
use hmac::{Mac, SimpleHmac};
use pkcs5::pbes2;
use pkcs12::MacData;
use pkcs12::kdf::{Pkcs12KeyType, derive_key};
use pkcs12::pbe_params::Pkcs12PbeParams;
use x509_cert::spki::AlgorithmIdentifierOwned;
use zeroize::Zeroizing;

use super::algorithm::{Method, PBES2};

/// Why a part did not open.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shut {
    /// The password is wrong, or the part is damaged: nothing tells the two apart.
    WrongPassword,
    /// An algorithm that is not done here.
    Unsupported(String),
}

/// A password in the two forms that PKCS#12 has for it.
pub(super) struct Password<'a> {
    /// For PBES2 (RFC 8018).
    utf8: &'a str,
    /// For everything of PKCS#12 itself (RFC 7292 B.1): UTF-16 and a terminator.
    wide: Zeroizing<Vec<u8>>,
}

impl<'a> Password<'a> {
    /// A password. Characters above U+FFFF become surrogate pairs, as OpenSSL and NSS do it.
    pub(super) fn text(utf8: &'a str) -> Self {
        Self { utf8, wide: Zeroizing::new(utf8.encode_utf16().chain([0]).flat_map(u16::to_be_bytes).collect()) }
    }

    /// No password at all, which PKCS#12 tells from an empty one.
    pub(super) fn none() -> Self {
        Self { utf8: "", wide: Zeroizing::default() }
    }
}

/// Whether the MAC over `data` is right.
pub(super) fn verify_mac(mac: &MacData, password: &Password<'_>, data: &[u8]) -> Result<(), Shut> {
    let method = Method::of_mac(mac);
    let right = match method.name.as_str() {
        "HMAC-SHA1" => mac_is_right::<sha1::Sha1>(mac, password, data),
        "HMAC-SHA224" => mac_is_right::<sha2::Sha224>(mac, password, data),
        "HMAC-SHA256" => mac_is_right::<sha2::Sha256>(mac, password, data),
        "HMAC-SHA384" => mac_is_right::<sha2::Sha384>(mac, password, data),
        "HMAC-SHA512" => mac_is_right::<sha2::Sha512>(mac, password, data),
        "HMAC-SHA512-224" => mac_is_right::<sha2::Sha512_224>(mac, password, data),
        "HMAC-SHA512-256" => mac_is_right::<sha2::Sha512_256>(mac, password, data),
        _ => return Err(Shut::Unsupported(method.name)),
    };
    if right { Ok(()) } else { Err(Shut::WrongPassword) }
}

fn mac_is_right<D: Digest + FixedOutputReset + BlockSizeUser>(mac: &MacData, password: &Password<'_>, data: &[u8]) -> bool {
    let size = <D as OutputSizeUser>::output_size();
    let key = Zeroizing::new(derive_key::<D>(&password.wide, mac.mac_salt.as_bytes(), Pkcs12KeyType::Mac, mac.iterations, size));
    // HMAC takes keys of every length.
    let Ok(mut hmac) = <SimpleHmac<D> as KeyInit>::new_from_slice(&key) else { return false };
    hmac.update(data);
    hmac.verify_slice(mac.mac.digest.as_bytes()).is_ok()
}

/// Decrypts one part.
pub(super) fn decrypt(algorithm: &AlgorithmIdentifierOwned, data: &[u8], password: &Password<'_>) -> Result<Zeroizing<Vec<u8>>, Shut> {
    let method = Method::of(algorithm).map_err(|_| Shut::WrongPassword)?;
    if let Some(name) = method.refused {
        return Err(Shut::Unsupported(name));
    }
    let parameters = algorithm.parameters.as_ref().and_then(|parameters| parameters.to_der().ok()).unwrap_or_default();
    if algorithm.oid == PBES2 {
        // Unlike the names above, this also looks at sizes: of salts, of keys.
        let parameters = pbes2::Parameters::from_der(&parameters).map_err(|_| Shut::Unsupported(method.name))?;
        return parameters.decrypt(password.utf8, data).map(Zeroizing::new).map_err(|_| Shut::WrongPassword);
    }
    let parameters = Pkcs12PbeParams::from_der(&parameters).map_err(|_| Shut::WrongPassword)?;
    let key = |kind, size| Zeroizing::new(derive_key::<sha1::Sha1>(&password.wide, parameters.salt.as_bytes(), kind, parameters.iterations, size));
    let (secret, iv) = (|size| key(Pkcs12KeyType::EncryptionKey, size), || key(Pkcs12KeyType::Iv, 8));
    match algorithm.oid {
        pkcs12::PKCS_12_PBE_WITH_SHAAND3_KEY_TRIPLE_DES_CBC => cbc_decrypt::<des::TdesEde3>(&secret(24), &iv(), data),
        pkcs12::PKCS_12_PBE_WITH_SHAAND2_KEY_TRIPLE_DES_CBC => cbc_decrypt::<des::TdesEde2>(&secret(16), &iv(), data),
        pkcs12::PKCS_12_PBE_WITH_SHAAND128_BIT_RC2_CBC => cbc_decrypt::<rc2::Rc2>(&secret(16), &iv(), data),
        pkcs12::PKCS_12_PBEWITH_SHAAND40_BIT_RC2_CBC => cbc_decrypt::<rc2::Rc2>(&secret(5), &iv(), data),
        pkcs12::PKCS_12_PBE_WITH_SHAAND128_BIT_RC4 => rc4_decrypt(&secret(16), data),
        pkcs12::PKCS_12_PBE_WITH_SHAAND40_BIT_RC4 => rc4_decrypt(&secret(5), data),
        _ => Err(Shut::Unsupported(method.name)),
    }
}

fn cbc_decrypt<C: BlockCipherDecrypt + KeyInit>(key: &[u8], iv: &[u8], data: &[u8]) -> Result<Zeroizing<Vec<u8>>, Shut> {
    let cipher = cbc::Decryptor::<C>::new_from_slices(key, iv).map_err(|_| Shut::WrongPassword)?;
    cipher.decrypt_padded_vec::<Pkcs7>(data).map(Zeroizing::new).map_err(|_| Shut::WrongPassword)
}

fn rc4_decrypt(key: &[u8], data: &[u8]) -> Result<Zeroizing<Vec<u8>>, Shut> {
    let mut cipher = rc4::Rc4::new_from_slice(key).map_err(|_| Shut::WrongPassword)?;
    let mut plain = Zeroizing::new(data.to_vec());
    cipher.apply_keystream(&mut plain);
    Ok(plain)
}

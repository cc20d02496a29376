//! Writing PKCS#12 files that every tool opens.
//!
//! May use: `pkcs12` and `pkcs5` (RFC 7292). `p12-keystore` would name each certificate by its subject, and that is what Windows and
//! NSS show as the friendly name. Must not: write a key with a certificate that is not its own.

use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use const_oid::ObjectIdentifier;
use der::asn1::{BmpString, OctetString, SetOfVec};
use der::{Any, Decode, Encode};
use hmac::digest::block_api::BlockSizeUser;
use hmac::digest::{Digest, FixedOutputReset, OutputSizeUser};
use hmac::{KeyInit, Mac, SimpleHmac};
use kirikae_engine::backend::BackendError;
use kirikae_engine::secret::Secret;
use kirikae_engine::text::Text;
use pkcs5::pbes2;
use pkcs12::cms::content_info::{CmsVersion, ContentInfo};
use pkcs12::cms::encrypted_data::EncryptedData;
use pkcs12::cms::enveloped_data::EncryptedContentInfo;
use pkcs12::kdf::{Pkcs12KeyType, derive_key_utf8};
use pkcs12::pbe_params::{EncryptedPrivateKeyInfo, Pkcs12PbeParams};
use pkcs12::pfx::{Pfx, Version};
use pkcs12::safe_bag::SafeBag;
use pkcs12::{CertBag, DigestInfo, MacData};
use sha2::Sha256;
use x509_cert::attr::{Attribute, Attributes};
use x509_cert::spki::AlgorithmIdentifierOwned;
use zeroize::Zeroizing;

use super::algorithm::{DATA, ENCRYPTED_DATA, PBES2};
use super::{password_text, unreadable};
use crate::store::signer::key_belongs;
use crate::x509::public_key;

/// PBKDF2 rounds of modern files. Where a person chose the password they are all that protects it.
const MODERN_ROUNDS: u32 = 100_000;

/// Rounds of legacy files, as OpenSSL and Windows write them: old readers stop at some thousands.
const LEGACY_ROUNDS: i32 = 2048;

const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const FRIENDLY_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.20");
const LOCAL_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.21");

/// For whom a file is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Programs of today: PBES2 with AES-256-CBC, PBKDF2 and MAC with SHA-256.
    #[default]
    Modern,
    /// Windows before 10, Java before 8u301 and their like: triple DES and a MAC with SHA-1 (RFC 7292 appendix C).
    Legacy,
}

/// What goes into a file.
#[derive(Clone, Copy)]
pub struct Bundle<'a> {
    /// The private key, PKCS#8 DER.
    pub key: &'a Secret,
    /// DER, the key's own first.
    pub certificates: &'a [Vec<u8>],
    /// Shown by Windows and browsers.
    pub friendly_name: &'a str,
    /// Ties key and certificate together in the file; `None`: the certificate's SHA-1, as OpenSSL does.
    pub local_key_id: Option<&'a [u8]>,
}

/// Writes a modern file. `key` is PKCS#8 DER, `certificates` DER with the key's own first.
///
/// # Errors
/// As [`write_as`].
pub fn write(key: &Secret, certificates: &[Vec<u8>], friendly_name: &str, password: &Secret) -> Result<Vec<u8>, BackendError> {
    write_as(Profile::Modern, &Bundle { key, certificates, friendly_name, local_key_id: None }, password)
}

/// Writes a file for these readers. Friendly name and local key ID are at the key and at its certificate; the other certificates
/// follow in the order given, bare.
///
/// # Errors
/// `KEY.MISMATCH`, `KEY.UNUSABLE`, `SECRET.UNFIT` (the password), `P12.UNREADABLE` (a certificate is none).
pub fn write_as(profile: Profile, bundle: &Bundle<'_>, password: &Secret) -> Result<Vec<u8>, BackendError> {
    let unwritable = |error: &dyn std::fmt::Display| {
        unreadable(Text::new(format!("証明書ファイルを作れません({error})。"), format!("the certificate file cannot be made ({error}).")))
    };
    let password = of_basic_plane(password_text(password)?)?;
    let leaf = bundle.certificates.first().map_or(&[][..], Vec::as_slice);
    if !key_belongs(bundle.key, leaf)? {
        return Err(BackendError::new("KEY.MISMATCH", Text::new("秘密鍵がその証明書のものではありません。", "the private key is not the certificate's.")));
    }
    for certificate in bundle.certificates {
        public_key(certificate).map_err(|error| unwritable(&error))?;
    }
    file(profile, bundle, password).map_err(|error| unwritable(&error))
}

/// Why a file cannot be made.
type Failed = Box<dyn std::error::Error>;

fn file(profile: Profile, bundle: &Bundle<'_>, password: &str) -> Result<Vec<u8>, Failed> {
    let own_id = sha1::Sha1::digest(bundle.certificates.first().map_or(&[][..], Vec::as_slice));
    let marks = marks(bundle.friendly_name, bundle.local_key_id.unwrap_or(&own_id))?;
    let mut bags = Vec::new();
    for (index, certificate) in bundle.certificates.iter().enumerate() {
        let bag = CertBag { cert_id: pkcs12::PKCS_12_X509_CERT_OID, cert_value: OctetString::new(certificate.as_slice())? };
        bags.push(SafeBag { bag_id: pkcs12::PKCS_12_CERT_BAG_OID, bag_value: bag.to_der()?, bag_attributes: (index == 0).then(|| marks.clone()) });
    }
    let (content_enc_alg, encrypted) = encrypt(profile, &bags.to_der()?, password)?;
    let certificates = EncryptedData {
        version: CmsVersion::V0,
        enc_content_info: EncryptedContentInfo { content_type: DATA, content_enc_alg, encrypted_content: Some(OctetString::new(encrypted)?) },
        unprotected_attrs: None,
    };
    let (encryption_algorithm, encrypted) = encrypt(profile, bundle.key.expose(), password)?;
    let key = EncryptedPrivateKeyInfo { encryption_algorithm, encrypted_data: OctetString::new(encrypted)? };
    let key = SafeBag { bag_id: pkcs12::PKCS_12_PKCS8_KEY_BAG_OID, bag_value: key.to_der()?, bag_attributes: Some(marks) };

    let parts = vec![ContentInfo { content_type: ENCRYPTED_DATA, content: Any::encode_from(&certificates)? }, data(vec![key].to_der()?)?].to_der()?;
    let mac_data = Some(match profile {
        Profile::Modern => mac::<Sha256>(SHA256, MODERN_ROUNDS.cast_signed(), &parts, password)?,
        Profile::Legacy => mac::<sha1::Sha1>(SHA1, LEGACY_ROUNDS, &parts, password)?,
    });
    Ok(Pfx { version: Version::V3, auth_safe: data(parts)?, mac_data }.to_der()?)
}

fn data(content: Vec<u8>) -> der::Result<ContentInfo> {
    Ok(ContentInfo { content_type: DATA, content: Any::encode_from(&OctetString::new(content)?)? })
}

/// Friendly name and local key ID (RFC 2985 5.5.1, 5.5.2).
fn marks(friendly_name: &str, local_key_id: &[u8]) -> der::Result<Attributes> {
    let attribute = |oid, value: Any| -> der::Result<Attribute> { Ok(Attribute { oid, values: SetOfVec::try_from(vec![value])? }) };
    let name = BmpString::from_utf8(&basic_plane(friendly_name))?;
    Attributes::try_from(vec![
        attribute(FRIENDLY_NAME, Any::encode_from(&name)?)?,
        attribute(LOCAL_KEY_ID, Any::encode_from(&OctetString::new(local_key_id)?)?)?,
    ])
}

fn encrypt(profile: Profile, plain: &[u8], password: &str) -> Result<(AlgorithmIdentifierOwned, Vec<u8>), Failed> {
    match profile {
        Profile::Modern => {
            let parameters = pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(MODERN_ROUNDS, &random::<16>()?, random()?)?;
            let encrypted = parameters.encrypt(password, plain)?;
            Ok((AlgorithmIdentifierOwned { oid: PBES2, parameters: Some(Any::from_der(&parameters.to_der()?)?) }, encrypted))
        }
        Profile::Legacy => {
            let salt = random::<8>()?;
            let derive = |kind, size| derive_key_utf8::<sha1::Sha1>(password, &salt, kind, LEGACY_ROUNDS, size).map(Zeroizing::new);
            let (key, iv) = (derive(Pkcs12KeyType::EncryptionKey, 24)?, derive(Pkcs12KeyType::Iv, 8)?);
            let encrypted = cbc::Encryptor::<des::TdesEde3>::new_from_slices(&key, &iv)?.encrypt_padded_vec::<Pkcs7>(plain);
            let parameters = Any::encode_from(&Pkcs12PbeParams { salt: OctetString::new(&salt[..])?, iterations: LEGACY_ROUNDS })?;
            Ok((AlgorithmIdentifierOwned { oid: pkcs12::PKCS_12_PBE_WITH_SHAAND3_KEY_TRIPLE_DES_CBC, parameters: Some(parameters) }, encrypted))
        }
    }
}

fn mac<D: Digest + FixedOutputReset + BlockSizeUser>(oid: ObjectIdentifier, rounds: i32, parts: &[u8], password: &str) -> Result<MacData, Failed> {
    let salt = random::<8>()?;
    let key = Zeroizing::new(derive_key_utf8::<D>(password, &salt, Pkcs12KeyType::Mac, rounds, <D as OutputSizeUser>::output_size())?);
    let mut hmac = <SimpleHmac<D> as KeyInit>::new_from_slice(&key)?;
    hmac.update(parts);
    let digest = OctetString::new(hmac.finalize().into_bytes().to_vec())?;
    // Old readers want the NULL that newer profiles leave out (RFC 8017 A.2.4).
    let algorithm = AlgorithmIdentifierOwned { oid, parameters: Some(Any::null()) };
    Ok(MacData { mac: DigestInfo { algorithm, digest }, mac_salt: OctetString::new(&salt[..])?, iterations: rounds })
}

fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// Friendly names are BMPStrings (RFC 2985 5.5.1): what lies above U+FFFF has no place in them.
fn basic_plane(name: &str) -> String {
    name.chars().map(|c| if u32::from(c) > 0xffff { '\u{fffd}' } else { c }).collect()
}

/// The password of a file that others shall open: text of the basic plane (RFC 7292 B.1), the rest is read differently by every tool.
fn of_basic_plane(password: &str) -> Result<&str, BackendError> {
    let fits = password.chars().all(|c| u32::from(c) <= 0xffff);
    fits.then_some(password).ok_or_else(|| {
        BackendError::new(
            "SECRET.UNFIT",
            Text::new(
                "証明書ファイルのパスワードに使えない文字(絵文字など)が入っています。",
                "the file password has characters that cannot be used (emoji and the like).",
            ),
        )
    })
}

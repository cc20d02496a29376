//! RSA keys between PKCS#8 and the PRIVATEKEYBLOB of CryptoAPI: a header, then numbers with their least octet first.
//!
//! Layout: 07 02 00 00, the algorithm (4 octets), `RSA2`, the length of the modulus in bits, the public exponent (4 octets each), then
//! modulus, two primes, two exponents, coefficient, private exponent; the first and the last as long as the modulus, the others half.

use kirikae_engine::secret::Secret;
use pkcs1::RsaPrivateKeyRef;
use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::asn1::{OctetStringRef, UintRef};
use pkcs8::der::{Decode, Encode};
use zeroize::Zeroizing;

/// PRIVATEKEYBLOB, version 2, for `CALG_RSA_KEYX`, then the mark of a private key.
const HEADER: [u8; 12] = [7, 2, 0, 0, 0, 0xa4, 0, 0, b'R', b'S', b'A', b'2'];

/// Where the numbers begin.
const NUMBERS: usize = 20;

/// Whether a PKCS#8 key is an RSA key that CryptoAPI takes, as blob; `None` if it is none.
pub(super) fn from_pkcs8(pkcs8: &Secret) -> Option<Zeroizing<Vec<u8>>> {
    let info = PrivateKeyInfoRef::from_der(pkcs8.expose()).ok()?;
    if info.algorithm != pkcs1::ALGORITHM_ID {
        return None;
    }
    let key = RsaPrivateKeyRef::from_der(info.private_key.as_bytes()).ok()?;
    let size = key.modulus.as_bytes().len();
    let bits = u32::try_from(size * 8).ok()?;
    let numbers = [
        (key.public_exponent, 4),
        (key.modulus, size),
        (key.prime1, size / 2),
        (key.prime2, size / 2),
        (key.exponent1, size / 2),
        (key.exponent2, size / 2),
        (key.coefficient, size / 2),
        (key.private_exponent, size),
    ];
    // With room from the start: a growing buffer would leave copies of the key behind.
    let mut blob = Zeroizing::new(Vec::with_capacity(NUMBERS + size * 9 / 2));
    blob.extend(HEADER);
    blob.extend(bits.to_le_bytes());
    for (number, room) in numbers {
        let octets = number.as_bytes();
        if octets.len() > room || size % 2 != 0 {
            return None;
        }
        blob.extend(octets.iter().rev());
        blob.extend(std::iter::repeat_n(0, room - octets.len()));
    }
    Some(blob)
}

/// The key of a blob, PKCS#8 DER; `None` if it is no RSA private key.
pub(super) fn to_pkcs8(blob: &[u8]) -> Option<Secret> {
    if blob.len() < NUMBERS || blob[..4] != HEADER[..4] || blob[8..12] != HEADER[8..] {
        return None;
    }
    let size = usize::try_from(u32::from_le_bytes(blob[12..16].try_into().ok()?)).ok()? / 8;
    let mut rest = &blob[16..];
    let mut numbers = vec![];
    for length in [4, size, size / 2, size / 2, size / 2, size / 2, size / 2, size] {
        let (number, after) = rest.split_at_checked(length)?;
        rest = after;
        numbers.push(Zeroizing::new(number.iter().rev().copied().collect::<Vec<u8>>()));
    }
    let numbers: Vec<UintRef<'_>> = numbers.iter().map(|number| UintRef::new(number)).collect::<Result<_, _>>().ok()?;
    let [public_exponent, modulus, prime1, prime2, exponent1, exponent2, coefficient, private_exponent] = numbers[..] else { return None };
    let key = RsaPrivateKeyRef { modulus, public_exponent, private_exponent, prime1, prime2, exponent1, exponent2, coefficient, other_prime_infos: None };
    let key = Zeroizing::new(key.to_der().ok()?);
    let info = PrivateKeyInfoRef::new(pkcs1::ALGORITHM_ID, OctetStringRef::new(&key).ok()?);
    Some(Secret::bytes(info.to_der().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// RSA 2048, made with `openssl genpkey` for this test and used nowhere.
    const KEY: &[u8] = include_bytes!("../../../tests/data/rsa2048.pk8");

    #[test]
    fn a_key_survives_the_way_there_and_back() {
        let blob = from_pkcs8(&Secret::bytes(KEY.to_vec())).unwrap();
        assert_eq!(blob.len(), 1172, "what Windows gives for 2048 bits");
        assert_eq!(&blob[..20], b"\x07\x02\0\0\0\xa4\0\0RSA2\0\x08\0\0\x01\0\x01\0");
        assert_eq!(to_pkcs8(&blob).unwrap().expose(), KEY);
    }

    #[test]
    fn numbers_shorter_than_their_room_are_filled_up() {
        let mut blob = from_pkcs8(&Secret::bytes(KEY.to_vec())).unwrap();
        // The coefficient's highest octets become zero, as happens once in 256 keys.
        let end = NUMBERS + 256 + 5 * 128;
        blob[end - 2..end].fill(0);
        let shorter = to_pkcs8(&blob).unwrap();
        assert_eq!(*from_pkcs8(&shorter).unwrap(), *blob);
    }

    #[test]
    fn what_is_no_rsa_key_is_refused() {
        let p256 = rcgen::KeyPair::generate().unwrap();
        assert!(from_pkcs8(&Secret::bytes(p256.serialize_der())).is_none());
        assert!(from_pkcs8(&Secret::text("no key")).is_none());
        let blob = from_pkcs8(&Secret::bytes(KEY.to_vec())).unwrap();
        assert!(to_pkcs8(&blob[..blob.len() - 1]).is_none(), "cut off");
        assert!(to_pkcs8(&[]).is_none());
    }
}

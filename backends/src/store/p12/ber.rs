//! BER as NSS, Firefox and old Windows write it, made DER (ITU-T X.690 8, 10): lengths said beforehand, strings in one piece.
//!
//! May use: bytes. Must not: look into primitive values (a certificate inside an OCTET STRING stays as it was signed); allocate
//! more than a small multiple of its input.

/// Nesting of elements; a PKCS#12 file has about ten levels.
const MAX_DEPTH: usize = 32;

const OCTET_STRING: u8 = 0x04;
const CONSTRUCTED: u8 = 0x20;
const SEQUENCE: u8 = 0x30;
/// `[0]`, constructed.
const CONTEXT_0: u8 = 0xa0;

/// The first element of `input` as DER, and how many bytes of `input` it took. `None`: it is no whole element.
pub(super) fn to_der(input: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut der = Vec::with_capacity(input.len());
    let (_, taken) = element(input, 0, None, &mut der)?;
    Some((der, taken))
}

/// Identifier and length octets.
struct Header {
    tag: u8,
    /// `None`: indefinite, up to an end-of-contents element.
    length: Option<usize>,
    /// Bytes of the header itself.
    size: usize,
}

impl Header {
    fn read(input: &[u8]) -> Option<Self> {
        let tag = *input.first()?;
        let (length, size) = match *input.get(1)? {
            short @ 0..=0x7f => (Some(usize::from(short)), 2),
            0x80 => (None, 2),
            long @ 0x81..=0x84 => {
                let digits = usize::from(long - 0x80);
                (Some(input.get(2..2 + digits)?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))), 2 + digits)
            }
            _ => return None,
        };
        // Tag numbers above 30 take more octets; PKCS#12 has none.
        (tag & 0x1f != 0x1f).then_some(Self { tag, length, size })
    }

    fn is_constructed(&self) -> bool {
        self.tag & CONSTRUCTED != 0
    }
}

/// Appends one element to `der`; gives its tag as written and the bytes it took. `before` is the tag of its elder sibling.
fn element(input: &[u8], depth: usize, before: Option<u8>, der: &mut Vec<u8>) -> Option<(u8, usize)> {
    let header = Header::read(input)?;
    if !header.is_constructed() {
        let end = header.size.checked_add(header.length?)?;
        write(header.tag, input.get(header.size..end)?, der);
        return Some((header.tag, end));
    }
    if depth == MAX_DEPTH {
        return None;
    }
    let end = match header.length {
        Some(length) => Some(header.size.checked_add(length).filter(|end| *end <= input.len())?),
        None => None,
    };
    let (mut body, mut at, mut elder, mut only_strings) = (Vec::new(), header.size, None, true);
    loop {
        match end {
            Some(end) if at == end => break,
            None if input.get(at..at + 2)? == [0, 0] => {
                at += 2;
                break;
            }
            _ => {}
        }
        let (tag, taken) = element(input.get(at..end.unwrap_or(input.len()))?, depth + 1, elder, &mut body)?;
        only_strings &= tag == OCTET_STRING;
        (elder, at) = (Some(tag), at + taken);
    }
    // What follows an AlgorithmIdentifier under [0] is `encryptedContent [0] IMPLICIT OCTET STRING` (RFC 5652 6.1); every other [0]
    // of these files is EXPLICIT and stays.
    let in_pieces = header.tag == OCTET_STRING | CONSTRUCTED || header.tag == CONTEXT_0 && before == Some(SEQUENCE);
    let tag = if in_pieces && only_strings { header.tag & !CONSTRUCTED } else { header.tag };
    if tag == header.tag {
        write(tag, &body, der);
    } else {
        write(tag, &joined(&body)?, der);
    }
    Some((tag, at))
}

/// The contents of the strings that stand in a row in `pieces`.
fn joined(mut pieces: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::with_capacity(pieces.len());
    while !pieces.is_empty() {
        let header = Header::read(pieces)?;
        let end = header.size + header.length?;
        whole.extend_from_slice(pieces.get(header.size..end)?);
        pieces = &pieces[end..];
    }
    Some(whole)
}

fn write(tag: u8, content: &[u8], der: &mut Vec<u8>) {
    der.push(tag);
    let length = content.len();
    if length < 0x80 {
        der.extend(u8::try_from(length));
    } else {
        let digits: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|digit| *digit == 0).collect();
        der.extend(u8::try_from(digits.len()).map(|count| 0x80 | count));
        der.extend(digits);
    }
    der.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn der_stays_as_it_is() {
        let der = [0x30, 0x08, 0x06, 0x01, 0x2a, 0xa0, 0x03, 0x04, 0x01, 0xff];
        assert_eq!(to_der(&der).unwrap(), (der.to_vec(), der.len()));
    }

    #[test]
    fn indefinite_lengths_and_strings_in_pieces_become_definite_and_whole() {
        // EncryptedContentInfo: an OID, an AlgorithmIdentifier, [0] IMPLICIT in two pieces; then rubbish.
        let ber = [0x30, 0x80, 0x06, 0x01, 0x2a, 0x30, 0x80, 0, 0, 0xa0, 0x80, 0x04, 0x02, 1, 2, 0x24, 0x80, 0x04, 0x01, 3, 0, 0, 0, 0, 0, 0, 9, 9];
        let (der, taken) = to_der(&ber).unwrap();
        assert_eq!(der, [0x30, 0x0a, 0x06, 0x01, 0x2a, 0x30, 0x00, 0x80, 0x03, 1, 2, 3]);
        assert_eq!(taken, ber.len() - 2);
        // The same tag after an OID is EXPLICIT.
        assert_eq!(
            to_der(&[0x30, 0x80, 0x06, 0x01, 0x2a, 0xa0, 0x80, 0x24, 0x80, 0x04, 1, 7, 0, 0, 0, 0, 0, 0]).unwrap().0,
            [0x30, 0x08, 0x06, 0x01, 0x2a, 0xa0, 0x03, 0x04, 0x01, 7]
        );
    }

    #[test]
    fn long_lengths_are_written_as_short_as_they_can_be() {
        let long = [&[0x04, 0x84, 0, 0, 0, 0x81][..], &[7; 0x81]].concat();
        assert_eq!(to_der(&long).unwrap().0[..3], [0x04, 0x81, 0x81]);
        assert_eq!(to_der(&[0x04, 0x82, 0, 1, 7]).unwrap().0, [0x04, 0x01, 7]);
    }

    #[test]
    fn what_is_cut_or_bottomless_is_refused() {
        let ber = [0x30, 0x80, 0x24, 0x80, 0x04, 0x01, 3, 0, 0, 0, 0];
        for end in 0..ber.len() {
            assert_eq!(to_der(&ber[..end]), None, "cut at {end}");
        }
        assert_eq!(to_der(&[0x30; 100_000]), None);
        assert_eq!(to_der(&[0x30, 0x80].repeat(50_000)), None);
        // A child that is longer than its parent, a length that overflows, an indefinite primitive.
        assert_eq!(to_der(&[0x30, 0x02, 0x04, 0x05, 1, 2, 3, 4, 5]), None);
        assert_eq!(to_der(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0]), None);
        assert_eq!(to_der(&[0x04, 0x80, 0, 0]), None);
    }
}

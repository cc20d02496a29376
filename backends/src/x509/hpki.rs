//! hcRole: the qualification that an HPKI certificate states (ISO 17090-2; `subjectDirectoryAttributes`, RFC 5280 4.2.1.8).
//!
//! May use: DER. Must not: decide what a qualification allows.

use const_oid::ObjectIdentifier;
use der::asn1::AnyRef;
use der::{Decode, Encode, Reader, SliceReader, Tag, Tagged};
use x509_cert::certificate::TbsCertificate;
use x509_cert::ext::pkix::SubjectDirectoryAttributes;

use super::text;

/// id-hcpki-at-healthcareactor.
const HEALTHCARE_ACTOR: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.0.17090.0.1");

/// The coding scheme of Japan's national qualifications.
pub const NATIONAL_SCHEME: &str = "1.2.392.100495.1.6.1.1";

/// HCActorData nests its text seven levels deep.
const MAX_DEPTH: usize = 12;

/// A qualification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HcRole {
    /// The coding scheme, an object identifier.
    pub scheme: String,
    /// `Medical Doctor`, `Pharmacist`: the text of that scheme.
    pub name: String,
}

/// The qualifications of a certificate in its own order; most have none.
pub(super) fn hc_roles(certificate: &TbsCertificate) -> Vec<HcRole> {
    let mut roles = Vec::new();
    let Ok(Some((_, attributes))) = certificate.get_extension::<SubjectDirectoryAttributes>() else { return roles };
    for attribute in attributes.0.iter().filter(|attribute| attribute.oid == HEALTHCARE_ACTOR) {
        for value in attribute.values.iter() {
            if let Ok(der) = value.to_der() {
                collect(&der, 0, &mut roles);
            }
        }
    }
    roles
}

/// Finds every CodedData: the element whose children are a coding scheme and its text. Issuers tag these explicitly or implicitly, as
/// SET or as SEQUENCE; the two children tell it in every case.
fn collect(element: &[u8], depth: usize, roles: &mut Vec<HcRole>) {
    let Ok(any) = AnyRef::from_der(element) else { return };
    if !any.tag().is_constructed() || depth == MAX_DEPTH {
        return;
    }
    let children = children(any);
    let scheme = children.iter().find_map(|child| identifier(*child));
    let name = children.iter().find_map(|child| string(*child));
    if let (Some(scheme), Some(name)) = (scheme, name) {
        roles.push(HcRole { scheme: scheme.to_string(), name });
        return;
    }
    for child in children {
        if let Ok(der) = child.to_der() {
            collect(&der, depth + 1, roles);
        }
    }
}

fn children(any: AnyRef<'_>) -> Vec<AnyRef<'_>> {
    let mut children = Vec::new();
    if let Ok(mut reader) = SliceReader::new(any.value()) {
        while !reader.is_finished() {
            let Ok(child) = AnyRef::decode(&mut reader) else { break };
            children.push(child);
        }
    }
    children
}

/// `codingSchemeReference [0]`.
fn identifier(child: AnyRef<'_>) -> Option<ObjectIdentifier> {
    match child.tag() {
        Tag::ObjectIdentifier => child.decode_as().ok(),
        Tag::ContextSpecific { constructed: true, number } if number.value() == 0 => AnyRef::from_der(child.value()).ok()?.decode_as().ok(),
        Tag::ContextSpecific { constructed: false, number } if number.value() == 0 => ObjectIdentifier::from_bytes(child.value()).ok(),
        _ => None,
    }
}

/// `codeDataFreeText [2]`, a DirectoryString.
fn string(child: AnyRef<'_>) -> Option<String> {
    match child.tag() {
        Tag::ContextSpecific { constructed: true, number } if number.value() == 2 => text(&AnyRef::from_der(child.value()).ok()?.into()),
        Tag::ContextSpecific { constructed: false, number } if number.value() == 2 => String::from_utf8(child.value().to_vec()).ok(),
        Tag::Utf8String | Tag::PrintableString | Tag::BmpString => text(&child.into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `SET { SEQUENCE { [0] codedData } }` around this CodedData.
    fn found(coded: &[u8]) -> Vec<HcRole> {
        let wrap = |tag: u8, content: &[u8]| [&[tag, u8::try_from(content.len()).unwrap_or(0)], content].concat();
        let mut roles = Vec::new();
        collect(&wrap(0x31, &wrap(0x30, &wrap(0xa0, coded))), 0, &mut roles);
        roles
    }

    #[test]
    fn both_ways_of_tagging_are_read() {
        // OID 2.5.4.3, then "Dentist".
        let explicit = [0x31, 0x10, 0xa0, 5, 6, 3, 0x55, 4, 3, 0xa2, 7, 0x0c, 5, b'D', b'e', b'n', b't', b'.'];
        let implicit = [0x30, 0x0c, 0x80, 3, 0x55, 4, 3, 0x82, 5, b'D', b'e', b'n', b't', b'.'];
        for coded in [&explicit[..], &implicit] {
            assert_eq!(found(coded), [HcRole { scheme: "2.5.4.3".into(), name: "Dent.".into() }]);
        }
    }

    #[test]
    fn what_is_cut_or_deep_gives_nothing() {
        assert_eq!(found(&[0x31, 3, 0xa0, 5, 6]), []);
        let mut deep = vec![5, 0];
        for _ in 0..40 {
            deep = [&[0x30, u8::try_from(deep.len()).unwrap_or(0)], &deep[..]].concat();
        }
        assert_eq!(found(&deep), []);
    }
}

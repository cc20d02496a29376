//! Distinguished names compared by their attributes (RFC 5280 7.1), not by their bytes or by the text that somebody prints of them.
//!
//! May use: parsed names. Must not: be used to show a name.

use const_oid::ObjectIdentifier;
use der::Encode;
use unicode_normalization::UnicodeNormalization;
use x509_cert::name::Name;

use super::text;

/// A name in a form in which equal names are equal: string type, case and runs of white space do not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ComparableName(Vec<Vec<(ObjectIdentifier, Value)>>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Text(String),
    /// Something else than a string: its DER.
    Other(Vec<u8>),
}

impl ComparableName {
    /// The comparable form of a name. Order of RDNs counts, order of the attributes inside one does not.
    pub(super) fn of(name: &Name) -> der::Result<Self> {
        let mut rdns = Vec::new();
        for rdn in name.iter_rdn() {
            let mut attributes = Vec::new();
            for attribute in rdn.iter() {
                let value = match text(&attribute.value) {
                    Some(text) => Value::Text(folded(&text)),
                    None => Value::Other(attribute.value.to_der()?),
                };
                attributes.push((attribute.oid, value));
            }
            attributes.sort();
            rdns.push(attributes);
        }
        Ok(Self(rdns))
    }
}

/// As RFC 4518 prepares strings, as far as names of certificates need it: compatible characters, lower case, single spaces.
fn folded(text: &str) -> String {
    let lower: String = text.nfkc().flat_map(char::to_lowercase).collect();
    lower.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::str::FromStr;

    use super::*;

    fn name(text: &str) -> ComparableName {
        ComparableName::of(&Name::from_str(text).unwrap()).unwrap()
    }

    #[test]
    fn case_width_and_white_space_do_not_count_but_attributes_and_order_do() {
        let clinic = name("CN=Sakura  Clinic+UID=7,O=さくら医院,C=JP");
        assert_eq!(clinic, name("UID=7+CN=sakura clinic,O=さくら医院,C=jp"));
        assert_eq!(clinic, name("CN=Ｓａｋｕｒａ　Clinic+UID=7,O=さくら医院,C=JP"));
        assert_ne!(clinic, name("CN=Sakura Clinic,UID=7,O=さくら医院,C=JP"));
        assert_ne!(clinic, name("CN=Sakura Clinic+UID=7,C=JP,O=さくら医院"));
        // As text "a,O=b" looks like two attributes.
        assert_ne!(name("CN=a\\,O=b"), name("CN=a,O=b"));
    }
}

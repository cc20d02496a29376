//! Digests over canonical JSON (RFC 8785).

use serde::Serialize;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

/// Integers up to this size are written alike by serde_json and by ECMAScript, which RFC 8785 follows.
const EXACT: u64 = 1 << 53;

/// SHA-256 of bytes, lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// `sha256:<hex>` of the canonical JSON of a value; `None` if it has no JSON form.
pub fn canonical_digest(value: &impl Serialize) -> Option<String> {
    let mut canonical = vec![];
    write(&serde_json::to_value(value).ok()?, &mut canonical).ok()?;
    Some(format!("sha256:{}", sha256_hex(&canonical)))
}

/// Writes a value in canonical form. A plan is a large tree of small objects, which a canonicalizing serializer copies once for
/// every level above them; so only the numbers that need its care are left to it.
fn write(value: &Json, out: &mut Vec<u8>) -> serde_json::Result<()> {
    match value {
        Json::Number(number) if number.as_i64().is_none_or(|number| number.unsigned_abs() > EXACT) => serde_json_canonicalizer::to_writer(value, out),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => serde_json::to_writer(out, value),
        Json::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(item, out)?;
            }
            out.push(b']');
            Ok(())
        }
        Json::Object(fields) => {
            let mut fields: Vec<(&String, &Json)> = fields.iter().collect();
            fields.sort_unstable_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push(b'{');
            for (index, (name, field)) in fields.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                serde_json::to_writer(&mut *out, name)?;
                out.push(b':');
                write(field, out)?;
            }
            out.push(b'}');
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            any::<u64>().prop_map(Json::from),
            any::<f64>().prop_map(Json::from),
            (-100_i64..100).prop_map(Json::from),
            any::<String>().prop_map(Json::from),
            "[\u{0}-\u{ff}]{0,6}".prop_map(Json::from),
        ];
        // Names below and above the surrogates: UTF-8 and UTF-16 sort them differently.
        let name = prop_oneof!["[a-z_]{0,4}", "[\u{0}-\u{7f}]{0,3}", "[\u{e000}\u{ffff}\u{1f600}a]{0,3}", any::<String>()];
        leaf.prop_recursive(4, 40, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
                prop::collection::vec((name.clone(), inner), 0..6).prop_map(|fields| Json::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_value_is_written_as_the_canonicalizer_writes_it(value in json()) {
            let mut ours = vec![];
            write(&value, &mut ours).unwrap();
            prop_assert_eq!(String::from_utf8(ours).unwrap(), serde_json_canonicalizer::to_string(&value).unwrap());
        }
    }
}

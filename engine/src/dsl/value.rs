//! Values of the language. None of them holds a secret: secrets are references.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::Type;
use crate::secret::SecretRef;
use crate::text::Text;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `string digits ascii hex url glob enum` and durations as written.
    Str(String),
    /// Words for people.
    Text(Text),
    /// A whole number.
    Int(i64),
    /// `true` or `false`.
    Bool(bool),
    /// A calendar day.
    Date(civil::Date),
    /// An instant.
    DateTime(Timestamp),
    /// Values in order.
    List(Vec<Value>),
    /// Named values.
    Map(BTreeMap<String, Value>),
    /// A root-level role of the site.
    Role(String),
    /// A certificate.
    Cert(Box<CertInfo>),
    /// A file the engine holds.
    File(FileRef),
    /// A token that was there.
    Token(TokenInfo),
    /// A key that waits for its certificate.
    Key(Box<KeyInfo>),
    /// A proof that a credential works.
    Proof(Box<Proof>),
    /// A verified backup.
    BackupRef(BackupRef),
    /// A secret in the vault.
    Secret(SecretRef),
    /// A secret that the root playbook declares, by its name; its value is fetched where it is used.
    DeclaredSecret(String),
    /// A session that lives in the process that opened it, by its name there. Only the name is ever written down.
    Live(String),
}

/// A token as the language sees it, with the backend it was found in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenInfo {
    /// Serial number as the device says it: what tries are counted on.
    pub serial: String,
    /// Its label.
    pub label: String,
    /// Its model.
    pub model: String,
    /// Identity of the backend that sees it.
    pub holder: String,
}

/// A key that was made in a store and waits for its certificate. Nothing of its private part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyInfo {
    /// Its name in the store.
    pub id: String,
    /// Its kind (`rsa2048`).
    pub alg: String,
    /// SubjectPublicKeyInfo DER, lower-case hex.
    pub public_key: String,
    /// Identity of the store that it is in.
    pub holder: String,
}

/// A certificate as the language sees it, with the place it was found in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertInfo {
    /// SHA-1 of the DER, lower-case hex: what Windows and the manuals call 拇印.
    pub sha1: String,
    /// SHA-256 of the DER, lower-case hex.
    pub sha256: String,
    /// Serial number, lower-case hex without leading zeros' octet.
    pub serial: String,
    /// The parts of the subject that the language offers.
    pub subject: Subject,
    /// The whole subject, RFC 4514.
    pub subject_dn: String,
    /// What Windows shows as issuer: CN, else OU, else O.
    pub issuer: String,
    /// The whole issuer, RFC 4514.
    pub issuer_dn: String,
    /// First instant of validity.
    pub not_before: Timestamp,
    /// Last instant of validity.
    pub not_after: Timestamp,
    /// Its private key is in the same place.
    pub has_key: bool,
    /// The key can be written out of that place.
    pub key_exportable: bool,
    /// The key asks a person at every use (秘密キーの保護を強力にする).
    pub key_protected: bool,
    /// Identity of the store, token or file it was found in (`dir:/path`, `file:<sha256>`).
    pub holder: String,
    /// Friendly name, if the place keeps one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub friendly_name: Option<String>,
    /// The national qualification that an HPKI certificate states (hcRole: `Medical Doctor`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hc_role: Option<String>,
}

/// The parts of a subject that the language offers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Common Name; empty if there is none.
    pub cn: String,
    /// Organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub o: Option<String>,
    /// Organizational Units, in the order of the certificate.
    #[serde(default)]
    pub ou: Vec<String>,
    /// Country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub c: Option<String>,
}

/// A file the engine holds for the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRef {
    /// Set when the file may hold a private key: it lies in the vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault: Option<SecretRef>,
    /// Its name for people; never used as a path.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the content, lower-case hex; also the name of its blob when it is not in the vault.
    pub sha256: String,
}

/// What a proof shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofKind {
    /// The private key signs and matches the certificate.
    Key,
    /// The other side accepted the credential.
    Accepted,
}

/// Who proved it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofBy {
    /// The engine, with the key taken from the holder.
    Engine,
    /// A person, with evidence.
    Person,
}

/// That a credential was proved to work (`runs.md` 4). Made by actions only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// SHA-1 of the proved certificate.
    pub thumbprint: String,
    /// SHA-256 of the proved certificate.
    pub sha256: String,
    /// Where the key was taken from.
    pub holder: String,
    /// What was shown.
    pub kind: ProofKind,
    /// By whom.
    pub by: ProofBy,
    /// What was seen (the marker on the page), or the person's evidence.
    pub evidence: String,
    /// When.
    pub at: Timestamp,
}

/// A backup that was read back and found to hold the key and its certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupRef {
    /// SHA-1 of the certificate in it.
    pub thumbprint: String,
    /// Where: the folder's identity and the file's name.
    pub place: String,
    /// SHA-256 of the file as it lies there.
    pub sha256: String,
    /// When it was verified.
    pub at: Timestamp,
}

impl CertInfo {
    /// Whether this one works at `now` in place of `old`: its key is here, it is valid, of the same subject and issuer, and lasts longer.
    pub fn replaces(&self, old: &Self, now: Timestamp) -> bool {
        let works = self.has_key && self.not_before <= now && now < self.not_after;
        works && self.not_after > old.not_after && self.subject_dn == old.subject_dn && self.issuer_dn == old.issuer_dn
    }
}

/// Whole days from the day of `now` to the day of `not_after`, both in `zone`; the expiry day is 0.
pub fn days_left(not_after: Timestamp, now: Timestamp, zone: &TimeZone) -> i64 {
    let last = not_after.to_zoned(zone.clone()).date();
    let today = now.to_zoned(zone.clone()).date();
    i64::from((last - today).get_days())
}

impl Value {
    /// As JSON for plans and journals. Secrets are references (`vault:<id>`, `secret:<name>`).
    pub fn to_json(&self) -> Json {
        match self {
            Self::Str(text) | Self::Role(text) => json!(text),
            Self::Text(text) => json!(text),
            Self::Int(number) => json!(number),
            Self::Bool(yes) => json!(yes),
            Self::Date(date) => json!(date.to_string()),
            Self::DateTime(at) => json!(at.to_string()),
            Self::List(items) => items.iter().map(Value::to_json).collect(),
            Self::Map(entries) => entries.iter().map(|(key, value)| (key.clone(), value.to_json())).collect(),
            Self::Cert(cert) => json!(cert),
            Self::File(file) => json!(file),
            Self::Proof(proof) => json!(proof),
            Self::BackupRef(backup) => json!(backup),
            Self::Token(token) => json!(token),
            Self::Key(key) => json!(key),
            Self::Live(name) => json!(format!("live:{name}")),
            Self::Secret(secret) => json!(secret),
            Self::DeclaredSecret(name) => json!(format!("secret:{name}")),
        }
    }

    /// Reads back what [`Value::to_json`] wrote, given its type. `None` if it does not fit.
    pub fn from_json(ty: &Type, json: &Json) -> Option<Value> {
        match ty {
            Type::String | Type::Ascii | Type::Hex | Type::Url | Type::Glob | Type::Duration | Type::Digits(_) | Type::Enum(_) => {
                json.as_str().map(|text| Self::Str(text.to_owned()))
            }
            Type::Text => match json.as_str() {
                Some(text) => Some(Self::Text(Text::plain(text))),
                None => serde_json::from_value(json.clone()).ok().map(Self::Text),
            },
            Type::Int => json.as_i64().map(Self::Int),
            Type::Bool => json.as_bool().map(Self::Bool),
            Type::Date => json.as_str()?.parse().ok().map(Self::Date),
            Type::DateTime => json.as_str()?.parse().ok().map(Self::DateTime),
            Type::List(inner) => json.as_array()?.iter().map(|item| Self::from_json(inner, item)).collect::<Option<_>>().map(Self::List),
            Type::Map(inner) => {
                let entries = json.as_object()?.iter();
                entries.map(|(key, value)| Some((key.clone(), Self::from_json(inner, value)?))).collect::<Option<_>>().map(Self::Map)
            }
            Type::Object(fields) => {
                let object = json.as_object()?;
                let entries = fields.iter().filter(|(name, _)| object.contains_key(*name));
                entries.map(|(name, ty)| Some((name.clone(), Self::from_json(ty, &object[name])?))).collect::<Option<_>>().map(Self::Map)
            }
            Type::Optional(inner) => Self::from_json(inner, json),
            Type::Secret(_) => {
                let text = json.as_str()?;
                match text.strip_prefix("secret:") {
                    Some(name) => Some(Self::DeclaredSecret(name.to_owned())),
                    None => SecretRef::parse(text).map(Self::Secret),
                }
            }
            Type::SecretRef => SecretRef::parse(json.as_str()?).map(Self::Secret),
            Type::Role(_) => json.as_str().map(|role| Self::Role(role.to_owned())),
            Type::Cert => serde_json::from_value(json.clone()).ok().map(Self::Cert),
            Type::File => serde_json::from_value(json.clone()).ok().map(Self::File),
            Type::Proof => serde_json::from_value(json.clone()).ok().map(Self::Proof),
            Type::BackupRef => serde_json::from_value(json.clone()).ok().map(Self::BackupRef),
            Type::Token => serde_json::from_value(json.clone()).ok().map(Self::Token),
            Type::TokenSession | Type::WebSession => json.as_str()?.strip_prefix("live:").map(|name| Self::Live(name.to_owned())),
            Type::Key => serde_json::from_value(json.clone()).ok().map(Self::Key),
        }
    }

    /// The attribute `name`. `days_left` counts from `now` in `zone`. `None` if there is no such attribute or it has no value.
    pub fn attribute(&self, name: &str, now: Timestamp, zone: &TimeZone) -> Option<Value> {
        match self {
            Self::Map(entries) => entries.get(name).cloned(),
            Self::File(file) => Some(match name {
                "name" => Self::Str(file.name.clone()),
                "size" => Self::Int(i64::try_from(file.size).ok()?),
                "sha256" => Self::Str(file.sha256.clone()),
                _ => return None,
            }),
            Self::Token(token) => Some(match name {
                "serial" => Self::Str(token.serial.clone()),
                "label" => Self::Str(token.label.clone()),
                "model" => Self::Str(token.model.clone()),
                _ => return None,
            }),
            Self::Cert(cert) => Some(match name {
                "thumbprint" | "sha1" => Self::Str(cert.sha1.clone()),
                "sha256" => Self::Str(cert.sha256.clone()),
                "serial" => Self::Str(cert.serial.clone()),
                "issuer" => Self::Str(cert.issuer.clone()),
                "not_before" => Self::DateTime(cert.not_before),
                "not_after" => Self::DateTime(cert.not_after),
                "days_left" => Self::Int(days_left(cert.not_after, now, zone)),
                "has_key" => Self::Bool(cert.has_key),
                "key_exportable" => Self::Bool(cert.key_exportable),
                "key_protected" => Self::Bool(cert.key_protected),
                "subject" => cert.subject.to_value(),
                "hc_role" => Self::Str(cert.hc_role.clone()?),
                _ => return None,
            }),
            _ => None,
        }
    }
}

impl Subject {
    fn to_value(&self) -> Value {
        let mut entries =
            BTreeMap::from([("cn".to_owned(), Value::Str(self.cn.clone())), ("ou".to_owned(), Value::List(self.ou.iter().cloned().map(Value::Str).collect()))]);
        for (name, part) in [("o", &self.o), ("c", &self.c)] {
            if let Some(part) = part {
                entries.insert(name.to_owned(), Value::Str(part.clone()));
            }
        }
        Value::Map(entries)
    }
}

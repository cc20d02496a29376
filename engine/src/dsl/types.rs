//! The types of the language (`language.md` 5).

use std::collections::BTreeMap;
use std::fmt;

/// Kind of a backend role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoleKind {
    /// Certificates with their keys.
    Store,
    /// A USB key or card.
    Token,
    /// A certification authority's portal.
    Ca,
    /// A Web system that issues nothing.
    Web,
    /// A folder for files.
    Folder,
}

impl RoleKind {
    /// All kinds, in the order of the manual.
    pub const ALL: [RoleKind; 5] = [Self::Store, Self::Token, Self::Ca, Self::Web, Self::Folder];

    /// The word in documents.
    pub fn word(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Token => "token",
            Self::Ca => "ca",
            Self::Web => "web",
            Self::Folder => "folder",
        }
    }

    /// The kind written as `word`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// A type of the language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Exact machine text.
    String,
    /// Words for people, plain or `{ja, en}`.
    Text,
    /// A whole number (64 bits).
    Int,
    /// `true` or `false`.
    Bool,
    /// One of these words.
    Enum(Vec<String>),
    /// Exactly so many ASCII digits.
    Digits(u32),
    /// Printable ASCII.
    Ascii,
    /// Hexadecimal, lower case after folding.
    Hex,
    /// An absolute `https:` or `http:` URL.
    Url,
    /// A pattern with `*` and `?`.
    Glob,
    /// A calendar day.
    Date,
    /// An instant.
    DateTime,
    /// A length of time in the form `30m`, `90d`.
    Duration,
    /// Any number of values of one type.
    List(Box<Type>),
    /// Text keys with values of one type.
    Map(Box<Type>),
    /// Named fields.
    Object(BTreeMap<String, Type>),
    /// May be absent.
    Optional(Box<Type>),
    /// A secret of this type: only into a secret input.
    Secret(Box<Type>),
    /// A backend role of this kind, written as a plain word.
    Role(RoleKind),
    /// A certificate somewhere (handle).
    Cert,
    /// A token (handle).
    Token,
    /// A file the engine holds (handle).
    File,
    /// A key (handle).
    Key,
    /// That a credential was proved to work (handle).
    Proof,
    /// A verified backup (handle).
    BackupRef,
    /// A logged-in token (live handle).
    TokenSession,
    /// A signed-in Web session (live handle).
    WebSession,
    /// A kept secret (handle).
    SecretRef,
}

impl Type {
    /// `optional<self>`, or self if it already is.
    pub fn optional(self) -> Type {
        match self {
            Self::Optional(_) => self,
            other => Self::Optional(Box::new(other)),
        }
    }

    /// The type inside `optional<>`, else self.
    pub fn required(&self) -> &Type {
        match self {
            Self::Optional(inner) => inner,
            other => other,
        }
    }

    /// Whether a value of this type may be absent.
    pub fn is_optional(&self) -> bool {
        matches!(self, Self::Optional(_))
    }

    /// Whether values of this type are secrets (also inside `optional<>`).
    pub fn is_secret(&self) -> bool {
        matches!(self.required(), Self::Secret(_))
    }

    /// Handles are made by actions only; no literal can be written for them.
    pub fn is_handle(&self) -> bool {
        matches!(
            self.required(),
            Self::Cert | Self::Token | Self::File | Self::Key | Self::Proof | Self::BackupRef | Self::TokenSession | Self::WebSession | Self::SecretRef
        )
    }

    /// Live handles are made again on resume and never journaled.
    pub fn is_live(&self) -> bool {
        matches!(self.required(), Self::TokenSession | Self::WebSession)
    }

    /// The named attributes of a value of this type (`cert.not_after`).
    pub fn attribute(&self, name: &str) -> Option<Type> {
        Self::attributes(self.required()).into_iter().find(|(known, _)| *known == name).map(|(_, ty)| ty)
    }

    /// All attributes with their types, in the order of the manual.
    pub fn attributes(&self) -> Vec<(&str, Type)> {
        match self {
            Self::Cert => vec![
                ("thumbprint", Type::Hex),
                ("serial", Type::Hex),
                (
                    "subject",
                    Type::Object(BTreeMap::from([
                        ("cn".into(), Type::String),
                        ("o".into(), Type::String.optional()),
                        ("ou".into(), Type::List(Box::new(Type::String))),
                        ("c".into(), Type::String.optional()),
                    ])),
                ),
                ("issuer", Type::String),
                ("not_before", Type::DateTime),
                ("not_after", Type::DateTime),
                ("days_left", Type::Int),
                ("has_key", Type::Bool),
                ("key_exportable", Type::Bool),
                ("key_protected", Type::Bool),
                ("sha1", Type::Hex),
                ("sha256", Type::Hex),
                ("hc_role", Type::String.optional()),
            ],
            Self::Token => vec![("serial", Type::String), ("label", Type::String), ("model", Type::String)],
            Self::File => vec![("name", Type::String), ("size", Type::Int), ("sha256", Type::Hex)],
            Self::Object(fields) => fields.iter().map(|(name, ty)| (name.as_str(), ty.clone())).collect(),
            _ => vec![],
        }
    }

    /// Reads a type as written in documents (`optional<digits(10)>`). `None` if it is no type.
    /// `object{..}` is written by manifests only.
    pub fn parse(text: &str) -> Option<Type> {
        let text = text.trim();
        if let Some((head, rest)) = text.split_once('<') {
            let inner = Box::new(rest.strip_suffix('>').map(str::trim).filter(|inner| !inner.is_empty())?.to_owned());
            return match head.trim() {
                "list" => Some(Self::List(Box::new(Self::parse(&inner)?))),
                "map" => Some(Self::Map(Box::new(Self::parse(&inner)?))),
                "optional" => Self::parse(&inner).filter(|ty| !ty.is_optional()).map(Type::optional),
                "secret" => Some(Self::Secret(Box::new(Self::parse(&inner)?))),
                "role" => RoleKind::parse(&inner).map(Self::Role),
                _ => None,
            };
        }
        if let Some((head, rest)) = text.split_once('(') {
            let inner = rest.strip_suffix(')')?;
            return match head.trim() {
                "digits" => inner.trim().parse().ok().filter(|n| (1..=64).contains(n)).map(Self::Digits),
                "enum" => {
                    let words: Vec<String> = inner.split(',').map(|word| word.trim().to_owned()).collect();
                    words.iter().all(|word| !word.is_empty()).then_some(Self::Enum(words))
                }
                _ => None,
            };
        }
        Self::simple().into_iter().find(|ty| ty.to_string() == text)
    }

    /// The types that are a single word, for "did you mean" and the schema.
    pub fn simple() -> Vec<Type> {
        vec![
            Self::String,
            Self::Text,
            Self::Int,
            Self::Bool,
            Self::Ascii,
            Self::Hex,
            Self::Url,
            Self::Glob,
            Self::Date,
            Self::DateTime,
            Self::Duration,
            Self::Cert,
            Self::Token,
            Self::File,
            Self::Key,
            Self::Proof,
            Self::BackupRef,
            Self::TokenSession,
            Self::WebSession,
            Self::SecretRef,
        ]
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String => f.write_str("string"),
            Self::Text => f.write_str("text"),
            Self::Int => f.write_str("int"),
            Self::Bool => f.write_str("bool"),
            Self::Enum(words) => write!(f, "enum({})", words.join(", ")),
            Self::Digits(n) => write!(f, "digits({n})"),
            Self::Ascii => f.write_str("ascii"),
            Self::Hex => f.write_str("hex"),
            Self::Url => f.write_str("url"),
            Self::Glob => f.write_str("glob"),
            Self::Date => f.write_str("date"),
            Self::DateTime => f.write_str("datetime"),
            Self::Duration => f.write_str("duration"),
            Self::List(inner) => write!(f, "list<{inner}>"),
            Self::Map(inner) => write!(f, "map<{inner}>"),
            Self::Object(fields) => {
                let fields: Vec<String> = fields.iter().map(|(name, ty)| format!("{name}: {ty}")).collect();
                write!(f, "object{{{}}}", fields.join(", "))
            }
            Self::Optional(inner) => write!(f, "optional<{inner}>"),
            Self::Secret(inner) => write!(f, "secret<{inner}>"),
            Self::Role(kind) => write!(f, "role<{}>", kind.word()),
            Self::Cert => f.write_str("cert"),
            Self::Token => f.write_str("token"),
            Self::File => f.write_str("file"),
            Self::Key => f.write_str("key"),
            Self::Proof => f.write_str("proof"),
            Self::BackupRef => f.write_str("backup_ref"),
            Self::TokenSession => f.write_str("token_session"),
            Self::WebSession => f.write_str("web_session"),
            Self::SecretRef => f.write_str("secret_ref"),
        }
    }
}

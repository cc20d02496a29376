//! An example of a step for every action, made from its manifest: what the manual shows and editors insert.
//!
//! May use: manifests, types. Must not: know playbooks. The names of steps, roles and secrets in it are the usual ones; they are
//! for the author to replace.

use serde_json::{Map, Value as Json, json};

use super::{InputSpec, Manifest};
use crate::dsl::{RoleKind, Type};
use crate::text::Lang;

impl InputSpec {
    /// Whether a step has to give it: no default, not optional. A portal is left out where one role alone has the operation.
    pub fn must_be_written(&self) -> bool {
        self.default.is_none() && !self.ty.is_optional() && !matches!(self.ty, Type::Role(RoleKind::Ca | RoleKind::Web))
    }
}

impl Manifest {
    /// `with` of a step that gives what has to be given, and the client certificate that most portals ask for, in the manifest's
    /// order. Where words or names are asked for, the help stands in their place, in `lang`.
    pub fn example(&self, lang: Lang) -> Map<String, Json> {
        let enters = |input: &InputSpec| self.operation.is_some() && input.name == "client_cert";
        let given = |input: &&InputSpec| input.must_be_written() || self.stands_for_one_of(input) || enters(input);
        self.inputs.iter().filter(given).map(|input| (input.name.clone(), value(&input.ty, input.help.get(lang)))).collect()
    }

    /// The first of `one_of`, when none of them has to be given anyway.
    fn stands_for_one_of(&self, input: &InputSpec) -> bool {
        let required = |name: &&&str| self.inputs.iter().any(|input| input.name == ***name && input.must_be_written());
        self.one_of.first().is_some_and(|first| *first == input.name) && !self.one_of.iter().any(|name| required(&name))
    }
}

fn value(ty: &Type, help: &str) -> Json {
    match ty.required() {
        Type::Role(kind) => json!(role(*kind)),
        Type::Secret(_) => json!("${{ secrets.p12_password }}"),
        Type::Cert => json!("${{ steps.current.cert }}"),
        Type::Token => json!("${{ steps.plugged.token }}"),
        Type::File => json!("${{ steps.received.file }}"),
        Type::Key => json!("${{ steps.made.key }}"),
        Type::Proof => json!("${{ steps.usable.proof }}"),
        Type::BackupRef => json!("${{ steps.backup.backed_up }}"),
        Type::TokenSession | Type::WebSession => json!("${{ steps.entered.session }}"),
        Type::SecretRef => json!("${{ steps.keep.kept }}"),
        Type::String | Type::Text => json!(help.trim_end_matches(['。', '.'])),
        Type::Glob => json!("*"),
        Type::Int => json!(1),
        Type::Bool => json!(true),
        Type::Enum(words) => json!(words.first()),
        Type::Digits(count) => json!("0".repeat(*count as usize)),
        Type::Ascii => json!("A"),
        Type::Hex => json!("00"),
        Type::Url => json!("https://portal.example/"),
        Type::Date => json!("2026-04-01"),
        Type::DateTime => json!("2026-04-01T09:00:00+09:00"),
        Type::Duration => json!("30m"),
        Type::List(item) => json!([value(item, help)]),
        Type::Map(item) => json!({ "name": value(item, help) }),
        Type::Object(fields) => fields.iter().filter(|(_, ty)| !ty.is_optional()).map(|(name, ty)| (name.clone(), value(ty, help))).collect(),
        Type::Optional(inner) => value(inner, help),
    }
}

fn role(kind: RoleKind) -> &'static str {
    match kind {
        RoleKind::Store => "personal",
        RoleKind::Token => "key",
        RoleKind::Ca => "issuer",
        RoleKind::Web => "site",
        RoleKind::Folder => "backup",
    }
}

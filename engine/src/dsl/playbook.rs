//! `kirikae: playbook/1` as it is written, names not yet looked up (`language.md` 2).
//!
//! May use: the reader, types. Must not: know actions, profiles or other documents.

pub(crate) use super::playbook_rescue::{RescueSpec, RetrySpec};
pub(crate) use super::playbook_secret::SecretSpec;
use super::playbook_secret::secret;
use super::playbook_step::steps;
pub(crate) use super::playbook_step::{GuardSpec, StepSpec, Uses, Words, Written};
pub(crate) use super::playbook_value::{literal, missing_field};
use super::reader::{Fields, Reader, decode_as_far};
use super::reserved::WITHHELD;
use super::{RoleKind, Type, Value};
use crate::check::Cite;
use crate::text::{Diagnostic, Kind, Node, Source, Span, Spanned, Text};

pub(super) const KEYS: [&str; 12] = ["kirikae", "id", "version", "title", "summary", "sources", "backends", "inputs", "secrets", "let", "steps", "outputs"];
pub(super) const INPUT_KEYS: [&str; 7] = ["type", "title", "default", "example", "private", "labels", "cite"];

/// A playbook as written.
#[derive(Clone, Debug)]
pub(crate) struct Playbook {
    /// Its file.
    pub(crate) source: Source,
    /// Its id; empty if it could not be read.
    pub(crate) id: Spanned<String>,
    /// Version; empty if it could not be read.
    pub(crate) version: String,
    /// Title.
    pub(crate) title: Text,
    /// Summary; empty if none.
    pub(crate) summary: Text,
    /// Ids of manuals.
    pub(crate) sources: Vec<Spanned<String>>,
    /// Roles.
    pub(crate) backends: Vec<RoleSpec>,
    /// Inputs.
    pub(crate) inputs: Vec<InputSpec>,
    /// Secrets.
    pub(crate) secrets: Vec<SecretSpec>,
    /// `let`.
    pub(crate) lets: Vec<(Spanned<String>, Written)>,
    /// Steps.
    pub(crate) steps: Vec<StepSpec>,
    /// Outputs.
    pub(crate) outputs: Vec<(Spanned<String>, Written)>,
}

/// A role as written.
#[derive(Clone, Debug)]
pub(crate) struct RoleSpec {
    /// Name.
    pub(crate) name: Spanned<String>,
    /// Kind; `None` if it could not be read.
    pub(crate) kind: Option<RoleKind>,
    /// Profile.
    pub(crate) profile: Option<Spanned<String>>,
}

/// An input as written.
#[derive(Clone, Debug)]
pub(crate) struct InputSpec {
    /// Name.
    pub(crate) name: Spanned<String>,
    /// Type; `None` if it could not be read.
    pub(crate) ty: Option<Type>,
    /// Title.
    pub(crate) title: Text,
    /// Default.
    pub(crate) default: Option<Value>,
    /// Example.
    pub(crate) example: Option<String>,
    /// Shown masked.
    pub(crate) private: bool,
    /// Words of an enum for people.
    pub(crate) labels: Vec<(Spanned<String>, Text)>,
    /// Manual sections.
    pub(crate) cite: Vec<Spanned<Cite>>,
}

impl Playbook {
    /// Every step, those of `do` behind the step whose row they belong to.
    pub(crate) fn all_steps(&self) -> impl Iterator<Item = &StepSpec> {
        self.steps.iter().flat_map(|step| std::iter::once(step).chain(step.rescue.iter().flat_map(|row| &row.steps)))
    }
}

/// Reads a playbook as far as it can be read, with all findings of its form.
pub(crate) fn decode_playbook(source: &Source) -> (Option<Playbook>, Vec<Diagnostic>) {
    decode_as_far(source, "playbook", &KEYS, WITHHELD, |reader, fields| Some(playbook(reader, fields)))
}

fn playbook(reader: &mut Reader<'_>, fields: Fields<'_>) -> Playbook {
    let id = reader.need(&fields, "id").and_then(|node| Some(Spanned::new(reader.document_id(node)?, node.span)));
    let version = reader.need(&fields, "version").and_then(|node| reader.version(node));
    let title = reader.need(&fields, "title").and_then(|node| reader.text(node));
    let mut names = Names::default();
    Playbook {
        source: reader.source.clone(),
        id: id.unwrap_or(Spanned::new(String::new(), Span::default())),
        version: version.unwrap_or_default(),
        title: title.unwrap_or_default(),
        summary: fields.get("summary").and_then(|node| reader.text(node)).unwrap_or_default(),
        sources: fields.get("sources").map(|node| spanned_strings(reader, node)).unwrap_or_default(),
        backends: named(reader, &mut names, fields.get("backends"), role),
        inputs: named(reader, &mut names, fields.get("inputs"), input),
        secrets: named(reader, &mut names, fields.get("secrets"), secret),
        lets: expressions(reader, fields.get("let")),
        steps: match reader.need(&fields, "steps") {
            Some(node) => steps(reader, node),
            None => vec![],
        },
        outputs: expressions(reader, fields.get("outputs")),
    }
}

/// Names of roles, inputs and secrets: one name space.
#[derive(Default)]
struct Names(Vec<Spanned<String>>);

impl Names {
    fn take(&mut self, reader: &mut Reader<'_>, key: &Spanned<String>) {
        if let Some(first) = self.0.iter().find(|known| known.value == key.value) {
            let what = Text::new(
                format!("「{}」という名前は、backends・inputs・secrets のほかのところで使われています。", key.value),
                format!("the name `{}` is used twice in backends, inputs and secrets.", key.value),
            );
            let related = crate::text::Related { place: reader.source.place(first.span), label: Text::new("1つ目", "first here") };
            let finding = reader.error("DSL.DOUBLE_NAME", key.span, what);
            finding.cure.push(Text::new("別の名前にしてください。", "choose another name."));
            finding.related.push(related);
        }
        self.0.push(key.clone());
    }
}

fn named<T>(reader: &mut Reader<'_>, names: &mut Names, node: Option<&Node>, decode: fn(&mut Reader<'_>, Spanned<String>, &Node) -> T) -> Vec<T> {
    let entries = at_most(reader, node);
    let decoded = entries.iter().map(|entry| {
        if reader.name(&entry.key) {
            names.take(reader, &entry.key);
        }
        decode(reader, entry.key.clone(), &entry.value)
    });
    decoded.collect()
}

fn expressions(reader: &mut Reader<'_>, node: Option<&Node>) -> Vec<(Spanned<String>, Written)> {
    let entries = at_most(reader, node);
    let decoded = entries.iter().filter_map(|entry| {
        reader.name(&entry.key);
        Some((entry.key.clone(), Written::read(reader, &entry.value)?))
    });
    decoded.collect()
}

/// A playbook has at most so many roles, inputs, secrets, `let` and outputs, each.
const MAX_NAMES: usize = 300;

/// The entries of a section of names; too many are reported, and those above the limit left out.
fn at_most<'n>(reader: &mut Reader<'_>, node: Option<&'n Node>) -> &'n [crate::text::Entry] {
    let entries = node.and_then(|node| reader.entries(node)).unwrap_or_default();
    let Some(over) = entries.get(MAX_NAMES) else { return entries };
    let what = Text::new(format!("項目が多すぎます({MAX_NAMES}個まで)。"), format!("too many names (at most {MAX_NAMES})."));
    let cure = Text::new("手順書を分けてください。", "divide the playbook.");
    reader.error("DSL.TOO_BIG", over.key.span, what).cure.push(cure);
    &entries[..MAX_NAMES]
}

/// `store`, or `{ kind: ca, profile: obn }`.
fn role(reader: &mut Reader<'_>, name: Spanned<String>, node: &Node) -> RoleSpec {
    let kinds = RoleKind::ALL.map(|kind| (kind.word(), kind));
    if !matches!(node.kind, Kind::Map(_)) {
        let kind = reader.word(node, &kinds);
        if let Some(kind @ (RoleKind::Ca | RoleKind::Web)) = kind {
            missing_profile(reader, node.span, &name.value, kind);
        }
        return RoleSpec { name, kind, profile: None };
    }
    let Some(fields) = reader.map(node, &["kind", "profile"]) else { return RoleSpec { name, kind: None, profile: None } };
    let kind = reader.need(&fields, "kind").and_then(|node| reader.word(node, &kinds));
    let profile = fields.get("profile").and_then(|node| Some(Spanned::new(reader.document_id(node)?, node.span)));
    match kind {
        Some(kind @ (RoleKind::Ca | RoleKind::Web)) if fields.get("profile").is_none() => {
            missing_profile(reader, node.span, &name.value, kind);
        }
        Some(kind @ (RoleKind::Store | RoleKind::Token | RoleKind::Folder)) => {
            if let Some(key) = fields.key("profile") {
                let what = Text::new(format!("種類 {} の役割に profile は書けません。", kind.word()), format!("a `{}` role has no profile.", kind.word()));
                reader.error("DSL.UNKNOWN_KEY", key.span, what).cure.push(Text::new("profile を消してください。", "leave `profile` out."));
            }
        }
        _ => {}
    }
    RoleSpec { name, kind, profile }
}

fn missing_profile(reader: &mut Reader<'_>, span: Span, name: &str, kind: RoleKind) {
    let what = Text::new(format!("役割「{name}」({})に profile がありません。", kind.word()), format!("the `{}` role `{name}` has no profile.", kind.word()));
    let cure = Text::new(
        format!("「{name}: {{ kind: {}, profile: obn }}」のように書いてください。", kind.word()),
        format!("write `{name}: {{ kind: {}, profile: obn }}`, for example.", kind.word()),
    );
    reader.error("DSL.MISSING_KEY", span, what).cure.push(cure);
}

fn input(reader: &mut Reader<'_>, name: Spanned<String>, node: &Node) -> InputSpec {
    let empty = InputSpec { name, ty: None, title: Text::default(), default: None, example: None, private: false, labels: vec![], cite: vec![] };
    let Some(fields) = reader.map(node, &INPUT_KEYS) else { return empty };
    let ty = declared_type(reader, &fields);
    let title = reader.need(&fields, "title").and_then(|node| reader.text(node));
    let default = match (&ty, fields.get("default")) {
        (Some(ty), Some(node)) => literal(reader, ty.required(), node),
        _ => None,
    };
    if let (Some(ty), Some(node)) = (&ty, fields.get("example")) {
        literal(reader, ty.required(), node);
    }
    let labels = fields.get("labels").and_then(|node| reader.entries(node)).unwrap_or_default();
    let labels = labels.iter().filter_map(|entry| Some((entry.key.clone(), reader.text(&entry.value)?))).collect::<Vec<_>>();
    label_words(reader, ty.as_ref(), &labels);
    InputSpec {
        title: title.unwrap_or_default(),
        default,
        example: fields.get("example").and_then(Node::scalar).map(|scalar| scalar.text.clone()),
        private: fields.get("private").and_then(|node| reader.flag(node)).unwrap_or(false),
        labels,
        cite: cites(reader, &fields),
        ty,
        ..empty
    }
}

/// Labels name words of the enum.
fn label_words(reader: &mut Reader<'_>, ty: Option<&Type>, labels: &[(Spanned<String>, Text)]) {
    let Some(ty) = ty else { return };
    let words = match ty.required() {
        Type::Enum(words) => words.iter().map(String::as_str).collect(),
        _ => vec![],
    };
    for (key, _) in labels.iter().filter(|(key, _)| !words.contains(&key.value.as_str())) {
        reader.unknown_key(key, &words, &[]);
    }
}

/// A type that people can declare: no role and no secret.
pub(super) fn declared_type(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Type> {
    let node = reader.need(fields, "type")?;
    let ty = reader.ty(node)?;
    let cure = match ty.required() {
        Type::Secret(_) => Text::new("秘密の値は secrets に書いてください。", "declare it under `secrets`."),
        Type::Role(_) => Text::new("役割は backends に書いてください。", "declare it under `backends`."),
        _ => return Some(ty),
    };
    let what = Text::new(format!("型 {ty} はここには書けません。"), format!("the type `{ty}` cannot be declared here."));
    reader.error("TYPE.NOT_HERE", node.span, what).cure.push(cure);
    None
}

fn spanned_strings(reader: &mut Reader<'_>, node: &Node) -> Vec<Spanned<String>> {
    reader.one_or_list(node).iter().filter_map(|item| Some(Spanned::new(reader.string(item)?, item.span))).collect()
}

/// `cite: obn_edge#2.2` or a list of them.
pub(super) fn cites(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Vec<Spanned<Cite>> {
    let Some(node) = fields.get("cite") else { return vec![] };
    let mut cites = vec![];
    for text in spanned_strings(reader, node) {
        match text.value.split_once('#') {
            Some((manual, section)) if !manual.is_empty() && !section.is_empty() => {
                cites.push(Spanned::new(Cite { manual: manual.to_owned(), section: section.to_owned() }, text.span));
            }
            _ => {
                let what = Text::new(format!("「{}」は出典の書き方ではありません。", text.value), format!("`{}` is no citation.", text.value));
                let cure = Text::new("obn_edge#2.2 のように「名前#節」と書いてください。", "write manual#section, such as obn_edge#2.2.");
                reader.error("CITE.FORM", text.span, what).cure.push(cure);
            }
        }
    }
    cites
}

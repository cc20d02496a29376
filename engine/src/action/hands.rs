//! A portal's operation carried out by a person: the question that its pages make, and what an answer gives.
//!
//! May use: profiles, questions, the folder where a browser saves. Must not: contact the portal; put the value of a secret into a question.

mod checklist;
mod words;

use std::collections::BTreeMap;

use super::portal;
use super::question::{Answered, FileWanted, Problem, Question, QuestionField, Reveal};
use super::{Inputs, ReadCx};
use crate::backend::checklist::{Move, ShownCert};
use crate::backend::profile::{Label, Operation, OperationSpec, Profile, WhenMissing};
use crate::backend::{BackendError, CaRead, Gives, Row, archive};
use crate::dsl::{CertInfo, Type, Value, glob_matches};
use crate::secret::{Secret, SecretRef};
use crate::text::{Lang, Phrase, Text};

/// A saved file is at most so big.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// What goes wrong on any page: name, code, words.
const ANYWHERE: [(&str, &str, Phrase); 3] = [
    ("unreachable", "NET.UNREACHABLE", Phrase { ja: "サイトにつながらない", en: "the site cannot be reached" }),
    ("cert_rejected", "PORTAL.CERT_REJECTED", Phrase { ja: "証明書が受け付けられない", en: "the certificate is not accepted" }),
    ("page_unknown", "PORTAL.PAGE_UNKNOWN", Phrase { ja: "画面が一覧の手順と違う", en: "the page is not as the checklist says" }),
];

/// Has a person carry an operation out, and takes what they answer.
///
/// # Errors
/// As [`super::Sessions::ask`]; `PORTAL.FILE_BAD` for a saved file that is not there; what the folder of saved files says.
pub(super) fn work(cx: &ReadCx<'_>, inputs: &Inputs, ca: &dyn CaRead, operation: Operation) -> Result<Gives, BackendError> {
    let profile = ca.profile();
    let spec = portal::spec(profile, operation)?;
    // A page that only a session could reach is reached by the operation that starts at its own address.
    let spec = match spec.fallback {
        Some(other) if spec.pages.first().is_some_and(|page| page.resume.is_some()) => portal::spec(profile, other)?,
        _ => spec,
    };
    let answered = cx.sessions.ask(question(cx, inputs, ca, operation, spec)?)?;
    gives(cx, spec, &answered)
}

fn question(cx: &ReadCx<'_>, inputs: &Inputs, ca: &dyn CaRead, operation: Operation, spec: &OperationSpec) -> Result<Question, BackendError> {
    let profile = ca.profile();
    let (plain, secret) = given(inputs, spec)?;
    let base = ca.id().split_once('@').map_or("", |(_, base)| base);
    let client = portal::client(inputs, spec)?.map(|cert| shown(cx, cert));
    let pages = checklist::Pages { profile, spec, base, client: client.as_ref(), plain: &plain };
    let moves = pages.moves();
    let acts = !operation.is_read();
    let commits = spec.pages.iter().any(|page| page.commits) && !spec.repeatable;
    let mut items = words::items(&moves, cx.backends.downloads().ok().map(|folder| folder.id()));
    if acts && commits {
        items.insert(0, words::once());
    }
    let fields: Vec<QuestionField> =
        spec.pages.iter().filter(|page| page.rows.is_none()).flat_map(|page| &page.read).map(|(name, label)| field(spec, name, label)).collect();
    let rows = spec.pages.iter().find_map(|page| page.rows.as_ref()).map(|rows| rows.columns.iter().map(|(name, label)| column(name, label)).collect());
    let pattern = spec.pages.iter().find_map(|page| page.download.clone());
    let title = words::title(profile, operation);
    Ok(Question {
        ask: title,
        place: Some(Text::new(format!("ブラウザー({})", profile.title.ja), format!("a browser ({})", profile.title.get(Lang::En)))),
        items,
        reveals: reveals(&moves, &secret),
        moves,
        fields,
        rows,
        file: pattern.map(|(pattern, inside)| FileWanted { pattern, inside, since: cx.wall }),
        evidence: spec.client_cert && spec.pages.iter().any(|page| page.signed_in.is_some()),
        problems: problems(profile, spec, commits),
        acts,
        ..Question::default()
    })
}

/// Plain values as they are typed, and where secrets lie.
type Given = (BTreeMap<String, String>, BTreeMap<String, String>);

fn given(inputs: &Inputs, spec: &OperationSpec) -> Result<Given, BackendError> {
    let (mut plain, mut secret) = (BTreeMap::new(), BTreeMap::new());
    for (name, ty) in &spec.takes {
        match inputs.0.get(name) {
            None if ty.is_optional() => {}
            None => return Err(Inputs::unknown(name)),
            Some(value) if ty.is_secret() => {
                let lies = match value {
                    Value::Secret(reference) => reference.as_str().to_owned(),
                    Value::DeclaredSecret(declared) => declared.clone(),
                    _ => return Err(Inputs::unknown(name)),
                };
                secret.insert(name.clone(), lies);
            }
            // The person has the file in a folder; the playbook saved it there.
            Some(Value::File(file)) => {
                plain.insert(name.clone(), file.name.clone());
            }
            Some(value) => {
                plain.insert(name.clone(), portal::typed(value).ok_or_else(|| Inputs::unknown(name))?);
            }
        }
    }
    Ok((plain, secret))
}

fn shown(cx: &ReadCx<'_>, cert: &CertInfo) -> ShownCert {
    let until = cert.not_after.to_zoned(cx.zone.clone()).date().to_string();
    ShownCert { name: cert.subject.cn.clone(), until, sha1: cert.sha1.clone(), holder: cert.holder.clone() }
}

fn reveals(moves: &[Move], secret: &BTreeMap<String, String>) -> Vec<Reveal> {
    let mut found: Vec<Reveal> = vec![];
    for step in moves {
        match step {
            Move::IfSeen { moves, .. } => found.extend(reveals(moves, secret)),
            Move::Fill { name, label, value: None } | Move::Choose { name, label, value: None } => {
                let label = label.labels.first().cloned().unwrap_or_default();
                let lies = secret.get(name).filter(|_| !found.iter().any(|known| known.name == *name));
                found.extend(lies.map(|lies| Reveal { name: name.clone(), label, secret: lies.clone() }));
            }
            _ => {}
        }
    }
    found
}

/// The field for a value that is read from the page.
fn field(spec: &OperationSpec, name: &str, label: &Label) -> QuestionField {
    let declared = spec.gives.iter().find(|(known, _)| known == name).map(|(_, ty)| ty.required().clone());
    let words = || Type::Enum(label.means.iter().map(|(word, _)| word.clone()).collect());
    let ty = match declared {
        Some(ty) => ty,
        None if !label.means.is_empty() => words(),
        None if label.all => Type::List(Box::new(Type::String)),
        None => Type::String,
    };
    let missing = spec
        .pages
        .iter()
        .any(|page| page.when_missing == Some(WhenMissing::Nothing) || page.if_seen.is_some() && page.read.iter().any(|(known, _)| known == name));
    let ty = if label.optional || missing { ty.optional() } else { ty };
    QuestionField { ty: ty.to_string(), means: label.means.clone(), ..column(name, label) }
}

/// The field for a cell of a list.
fn column(name: &str, label: &Label) -> QuestionField {
    let ty = if label.optional { Type::String.optional() } else { Type::String };
    let title = match (label.only_button(), label.labels.first()) {
        (Some(button), _) => {
            Text::new(format!("「{button}」のボタンがあるか(true / false)"), format!("whether there is a button \u{201c}{button}\u{201d} (true or false)"))
        }
        (None, Some(label)) => Text::plain(label.clone()),
        (None, None) => Text::plain(name),
    };
    QuestionField { name: name.to_owned(), ty: ty.to_string(), title, example: None, means: vec![] }
}

/// What a page can say instead, with the codes that the engine's own hands give for it. `commits`: once it was pressed, only the committing
/// page's own refusals mean that nothing happened.
fn problems(profile: &Profile, spec: &OperationSpec, commits: bool) -> Vec<Problem> {
    let mut found: Vec<Problem> = vec![];
    let mut add = |name: String, say: Text, code: &str| {
        if !found.iter().any(|known| known.name == name) {
            found.push(Problem { name, say, code: code.to_owned() });
        }
    };
    let name = |code: &str| code.rsplit('.').next().unwrap_or(code).to_ascii_lowercase();
    let saw = |texts: &[&str]| {
        Text::new(format!("画面に「{}」と出た", texts.join("」か「")), format!("the page says \u{201c}{}\u{201d}", texts.join("\u{201d} or \u{201c}")))
    };
    let refused: Vec<_> = spec.pages.iter().flat_map(|page| &page.refused).collect();
    for refusal in &refused {
        let texts: Vec<&str> = refused.iter().filter(|other| other.code == refusal.code).map(|other| other.see.as_str()).collect();
        add(name(&refusal.code), saw(&texts), &refusal.code);
    }
    for missing in spec.pages.iter().filter_map(|page| page.when_missing.as_ref()) {
        if let WhenMissing::Code(code) = missing {
            add(name(code), Text::new("一覧に当てはまる行が無い", "no row of the list fits"), code);
        }
    }
    let not_yet = |say: Text| if commits { words::not_pressed(&say) } else { say };
    for known in &profile.errors {
        let texts: Vec<&str> = profile.errors.iter().filter(|other| other.code == known.code).map(|other| other.see.as_str()).collect();
        add(name(&known.code), not_yet(saw(&texts)), &known.code);
    }
    for (name, code, say) in ANYWHERE {
        add(name.to_owned(), not_yet(say.into()), code);
    }
    if spec.pages.iter().any(|page| page.download.is_some()) {
        add("file_bad".to_owned(), Text::new("ファイルが保存されない・開けない", "no file was saved, or it does not open"), "PORTAL.FILE_BAD");
    }
    if commits {
        let say = Text::new("押したが、結果が分からない(画面が切れた・違う文が出た)", "it was pressed, but the result is not known");
        add("result_unknown".to_owned(), say, "PORTAL.RESULT_UNKNOWN");
    }
    found
}

fn gives(cx: &ReadCx<'_>, spec: &OperationSpec, answered: &Answered) -> Result<Gives, BackendError> {
    let (question, answer) = (&answered.question, &answered.answer);
    let mut gives = Gives::default();
    for field in &question.fields {
        let Some(value) = answer.fields.get(&field.name).filter(|value| !value.is_empty()) else { continue };
        match SecretRef::parse(value).filter(|_| field.is_secret()) {
            Some(reference) => drop(gives.secret.insert(field.name.clone(), reference)),
            None => drop(gives.plain.insert(field.name.clone(), value.lines().map(str::to_owned).collect())),
        }
    }
    gives.rows = question.rows.as_ref().map(|columns| answer.rows.iter().flatten().map(|row| as_row(columns, row)).collect());
    if let Some(wanted) = &question.file {
        gives.file = Some(saved(cx, wanted)?);
    }
    let marker = spec.pages.iter().find_map(|page| page.signed_in.as_ref()).filter(|_| spec.client_cert);
    // Only what was seen counts as proved, from when it was seen.
    gives.date = Some(answer.at);
    gives.signed_in = marker.and_then(|marker| Some(format!("{marker}: {}", answered.testimony()?)));
    Ok(gives)
}

fn as_row(columns: &[QuestionField], row: &BTreeMap<String, String>) -> Row {
    let cells = columns.iter().filter_map(|column| row.get(&column.name)).filter(|cell| !cell.is_empty()).cloned().collect();
    Row { columns: row.iter().filter(|(_, cell)| !cell.is_empty()).map(|(name, cell)| (name.clone(), cell.clone())).collect(), cells }
}

/// The newest file that the browser saved since the question was put. What is in it is judged like a file that the engine received itself.
fn saved(cx: &ReadCx<'_>, wanted: &FileWanted) -> Result<(String, Secret), BackendError> {
    let folder = cx.backends.downloads()?;
    // Who unpacked an archive, or chose the form without one, saved what is in it.
    let patterns: Vec<String> = std::iter::once(&wanted.pattern).chain(&wanted.inside).map(|pattern| pattern.to_lowercase()).collect();
    let fits = |name: &str| {
        let names = [name.to_lowercase(), unnumbered(name).to_lowercase()];
        patterns.iter().any(|pattern| names.iter().any(|name| glob_matches(pattern, name)))
    };
    // A folder keeps whole seconds perhaps.
    let since = wanted.since - jiff::SignedDuration::from_secs(2);
    let files = folder.list(&cx.call)?.into_iter().filter(|file| fits(&file.name) && file.modified >= since);
    let newest = files.max_by(|a, b| (a.modified, &a.name).cmp(&(b.modified, &b.name))).ok_or_else(|| {
        BackendError::new(
            "PORTAL.FILE_BAD",
            Text::new(
                format!("{} に、頼んだあとで保存された {} がありません。", folder.id(), wanted.pattern),
                format!("{} has no {} that was saved after the question was put.", folder.id(), wanted.pattern),
            ),
        )
    })?;
    let content = folder.read(&cx.call, &newest.name, MAX_FILE)?;
    let content = Secret::bytes(content);
    match &wanted.inside {
        Some(inside) if archive::is_archive(content.expose()) => archive::entry(&content, inside),
        _ => Ok((newest.name, content)),
    }
}

/// `a (1).p12` is what a browser calls a second `a.p12`.
fn unnumbered(name: &str) -> String {
    let Some((stem, extension)) = name.rsplit_once('.') else { return name.to_owned() };
    let number = stem.strip_suffix(')').and_then(|stem| stem.rsplit_once(" ("));
    match number {
        Some((stem, digits)) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => format!("{stem}.{extension}"),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::unnumbered;

    #[test]
    fn the_number_of_a_browser_is_no_part_of_a_name() {
        for (given, name) in [("a (1).p12", "a.p12"), ("a(1).p12", "a(1).p12"), ("証明書 (12).p12", "証明書.p12"), ("a ().p12", "a ().p12"), ("a", "a")] {
            assert_eq!(unnumbered(given), name);
        }
    }
}

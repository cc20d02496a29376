//! What the actions of people share: their inputs, the question that these make, the outputs of an answer.
//!
//! May use: inputs, questions. Must not: ask or wait; evaluate anything that a person wrote.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::manifest::{input, output};
use super::question::{Answered, Problem, Question, QuestionField};
use super::{CountedOn, InputSpec, Inputs, IntentOnDisk, Manifest, Observed, OutputSpec, Outputs, ReadCx, Tried};
use crate::backend::{BackendError, PinFlags};
use crate::dsl::{Proof, ProofBy, ProofKind, Type, Value};
use crate::text::{Lang, Phrase, Text};

/// Kinds of evidence with their words for people. The first two are files.
const EVIDENCE: [(&str, Phrase); 4] = [
    ("photo", Phrase { ja: "写真", en: "a photo" }),
    ("file", Phrase { ja: "ファイル", en: "a file" }),
    ("signature", Phrase { ja: "署名", en: "a signature" }),
    ("witness", Phrase { ja: "立ち会った人の名前", en: "the name of a witness" }),
];

/// How many of [`EVIDENCE`], from the first, are files.
const FILES: usize = 2;

/// Codes of every action of people that can take a limited try, besides those of the question's problems.
pub(super) const CODES: [&str; 7] = ["ATTEMPTS.BUSY", "ATTEMPTS.PER_USER", "HUMAN.DECLINED", "HUMAN.LAPSED", "PIN.FINAL_TRY", "PIN.LOCKED", "PIN.STOPPED"];

/// The input that names the secret whose tries are spent; its value never comes here.
pub(crate) const TRIES: &str = "tries";

/// The input that says what they are counted on.
pub(crate) const TRIES_ON: &str = "tries_on";

/// The code that a problem means: `used_qr` is `HUMAN.USED_QR`.
pub(crate) fn problem_code(name: &str) -> String {
    format!("HUMAN.{}", name.to_ascii_uppercase())
}

impl Manifest {
    /// Whether its question has problems that the playbook names.
    pub(crate) fn has_problems(&self) -> bool {
        self.person && self.inputs.iter().any(|input| input.name == "problems")
    }

    /// Whether an input names the secret whose tries a person spends elsewhere.
    pub(crate) fn is_tries(&self, input: &str) -> bool {
        self.person && input == TRIES
    }
}

fn object(fields: Vec<(&str, Type)>) -> Type {
    Type::Object(fields.into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect::<BTreeMap<_, _>>())
}

/// The inputs of every action of people.
pub(super) fn inputs() -> Vec<InputSpec> {
    let item = object(vec![("do", Type::Text), ("cite", Type::String.optional()), ("spends", Type::Bool.optional()), ("problem", Type::String.optional())]);
    let field = object(vec![("type", Type::String), ("title", Type::Text), ("example", Type::String.optional())]);
    let kinds = Type::Enum(EVIDENCE.iter().map(|(word, _)| (*word).to_owned()).collect());
    vec![
        input("ask", Type::Text.optional(), "頼むこと・尋ねること。無ければ手順の題。", "what is asked; without it the title of the step."),
        input("who", Type::String.optional(), "答える人の役割(サイトファイルの people)。", "role of the person (`people` of the site)."),
        input("where", Type::Text.optional(), "どこで行うか。", "where it is done."),
        input("do", Type::List(Box::new(item)).optional(), "行う順の一覧。", "checklist."),
        input("fields", Type::Map(Box::new(field)).optional(), "答えと一緒に書いてもらう値。", "values to give with the answer."),
        input("evidence", Type::List(Box::new(kinds)).optional(), "要る証拠の種類。", "kinds of evidence that must be given."),
        input(
            "problems",
            Type::Map(Box::new(Type::Text)).optional(),
            "起こりうる困りごと。名前 used_qr はコード HUMAN.USED_QR になり、rescue で受けられる。",
            "what can be in the way; `used_qr` ends the step with `HUMAN.USED_QR`, for `rescue`.",
        ),
        input(
            "proves",
            Type::Cert.optional(),
            "使えると人が確かめる証明書。証拠が必ず要ります。",
            "the certificate that the person proves to work; evidence is then required.",
        ),
        input(
            TRIES,
            Type::Secret(Box::new(Type::String)).optional(),
            "この手順で人が別の画面に入れる、回数に限りのある秘密(typed_by_person)。値は受け取らず、尋ねる前に1回と数えます。",
            "the secret with limited tries (`typed_by_person`) that is typed elsewhere in this step; its value is never asked for, a try is counted before \
             the question is put.",
        ),
        input(
            TRIES_ON,
            Type::Text.optional(),
            "回数を何について数えるか: 本人ID、QRコードのカード番号、利用者ID。token: に続けて番号を書くと、USBキーの回数と一緒に数えます。",
            "what its tries are counted on: a personal ID, the number of a card, a user ID. `token:` and a serial count together with the token's own.",
        ),
        input(
            "lapse",
            Type::Duration.optional(),
            "答えを待つ長さ。過ぎると HUMAN.LAPSED で、承認にはなりません。無ければ待ち続けます。",
            "how long an answer counts; then `HUMAN.LAPSED`, never an approval. Without it there is no limit.",
        ),
    ]
}

/// The outputs of every action of people.
pub(super) fn outputs() -> Vec<OutputSpec> {
    vec![
        output("by", Type::String, "答えた人。", "who answered."),
        output("at", Type::DateTime, "答えた日時。", "when."),
        output("fields", Type::Map(Box::new(Type::String)), "書かれた値。", "the values given."),
        output("evidence", Type::String.optional(), "書かれた証拠。", "the evidence given."),
        output("proof", Type::Proof.optional(), "proves の証明書が使えたという、人による証明。", "the person's proof that `proves` works."),
    ]
}

/// The question of a step. `acts`: the person changes something, and the intent is on disk.
///
/// # Errors
/// `INPUT.UNFIT`.
pub(super) fn question(cx: &ReadCx<'_>, inputs: &Inputs, acts: bool) -> Result<Question, BackendError> {
    let mut problems: Vec<Problem> = vec![];
    for (name, say) in inputs.map("problems").into_iter().flatten() {
        let Value::Text(say) = say else { return Err(unfit("problems")) };
        problems.push(Problem { name: name.clone(), say: say.clone(), code: problem_code(name) });
    }
    let mut items: Vec<Text> = inputs.list("do").unwrap_or_default().iter().map(|value| item(value, &problems)).collect::<Result<_, _>>()?;
    let kinds: Vec<usize> = inputs.list("evidence").unwrap_or_default().iter().filter_map(evidence).collect();
    if !kinds.is_empty() {
        let joined = |lang: Lang, by: &str| kinds.iter().map(|kind| EVIDENCE[*kind].1.get(lang)).collect::<Vec<_>>().join(by);
        items.push(Text::new(format!("証拠を残す: {}", joined(Lang::Ja, "、")), format!("leave evidence: {}", joined(Lang::En, ", "))));
    }
    Ok(Question {
        ask: inputs.text("ask").cloned().unwrap_or_default(),
        who: inputs.str("who").map(str::to_owned),
        place: inputs.text("where").cloned(),
        items,
        fields: inputs.map("fields").into_iter().flatten().map(|(name, spec)| field(name, spec)).collect::<Result<_, _>>()?,
        evidence: !kinds.is_empty() || inputs.has("proves"),
        evidence_file: kinds.iter().any(|kind| *kind < FILES),
        problems,
        acts,
        until: lapse(inputs).and_then(|lapse| cx.wall.checked_add(lapse).ok()),
        ..Question::default()
    })
}

fn lapse(inputs: &Inputs) -> Option<jiff::SignedDuration> {
    match inputs.0.get("lapse") {
        Some(Value::Str(lapse)) => crate::dsl::read_duration(lapse).and_then(|lapse| jiff::SignedDuration::try_from(lapse).ok()),
        _ => None,
    }
}

/// What the tries that a person makes elsewhere are counted on; `None` where the step spends none. A token that is here says itself how many are left.
///
/// # Errors
/// `INPUT.UNKNOWN`.
pub(super) fn counted_on(cx: &ReadCx<'_>, inputs: &Inputs) -> Result<Option<CountedOn>, BackendError> {
    if !inputs.has(TRIES) {
        return Ok(None);
    }
    let on = inputs.text(TRIES_ON).map(|on| on.ja.trim()).filter(|on| !on.is_empty()).ok_or_else(|| Inputs::unknown(TRIES_ON))?;
    let (device, flags) = match on.strip_prefix("token:") {
        Some(serial) => (on.to_owned(), flags_of(cx, serial)),
        None => (format!("elsewhere:{on}"), PinFlags::default()),
    };
    Ok(Some(CountedOn { device, flags, stopped: "PIN.STOPPED" }))
}

/// What a token says of itself, if it is inserted. A person may also have it somewhere else.
fn flags_of(cx: &ReadCx<'_>, serial: &str) -> PinFlags {
    let present = cx.backends.tokens().filter_map(|tokens| tokens.tokens(&cx.call).ok()).flatten();
    present.into_iter().find(|token| token.info.serial == serial).map(|token| token.flags).unwrap_or_default()
}

/// What an answer other than yes says of the value that was typed: the checklist tells where it is typed (`spends`) and which problem is met
/// where. Whoever got further had typed it right; whoever did not get there leaves it counted.
pub(super) fn tried(inputs: &Inputs, error: &BackendError) -> Option<Tried> {
    if !inputs.has(TRIES) {
        return None;
    }
    let items: Vec<_> = inputs.list("do").unwrap_or_default().iter().filter_map(|item| if let Value::Map(item) = item { Some(item) } else { None }).collect();
    let spends = |item: &BTreeMap<String, Value>| matches!(item.get("spends"), Some(Value::Bool(true)));
    let meets = |item: &BTreeMap<String, Value>| matches!(item.get("problem"), Some(Value::Str(name)) if problem_code(name) == error.code);
    let last = items.iter().rposition(|item| spends(item));
    Some(match (last, items.iter().position(|item| meets(item))) {
        _ if items.iter().any(|item| spends(item) && meets(item)) => Tried::Wrong,
        (Some(last), Some(met)) if met > last => Tried::Right,
        _ => Tried::Unknown,
    })
}

/// The outputs of a yes.
pub(super) fn given(inputs: &Inputs, answered: &Answered) -> Outputs {
    let answer = &answered.answer;
    let fields = answer.fields.iter().map(|(name, value)| (name.clone(), Value::Str(value.clone()))).collect();
    let mut outputs = word_of(&answer.by, answer.at, fields);
    let testimony = answered.testimony();
    let words = answer.evidence.clone().filter(|words| !words.trim().is_empty());
    if let Some(evidence) = words.or_else(|| testimony.clone()) {
        outputs.insert("evidence".to_owned(), Value::Str(evidence));
    }
    if let (Some(cert), Some(evidence)) = (inputs.cert("proves"), testimony) {
        let proof = Proof {
            thumbprint: cert.sha1.clone(),
            sha256: cert.sha256.clone(),
            holder: cert.holder.clone(),
            kind: ProofKind::Accepted,
            by: ProofBy::Person,
            evidence,
            at: answer.at,
        };
        outputs.insert("proof".to_owned(), Value::Proof(Box::new(proof)));
    }
    outputs
}

/// Who said so, when, with which values: also what is left where a person settled whether it was done.
pub(crate) fn word_of(by: &str, at: Timestamp, fields: BTreeMap<String, Value>) -> Outputs {
    Outputs::from([("by".to_owned(), Value::Str(by.to_owned())), ("at".to_owned(), Value::DateTime(at)), ("fields".to_owned(), Value::Map(fields))])
}

/// The look of an action whose effect the engine cannot see: before the intent there is nothing to look at, after it only the person knows.
pub(super) fn unseen(intent: bool) -> Observed {
    if !intent {
        return Observed::NotDone { conclusive: false, baseline: serde_json::Value::Null };
    }
    Observed::CannotTell {
        code: "STEP.UNCERTAIN".to_owned(),
        why: Text::new(
            "人に頼んだ作業が済んだかどうか、記録がありません。行った人に聞いて、kirikae answer で答えてください。",
            "whether the person did it is not on record; ask them, and answer with `kirikae answer`.",
        ),
        baseline: serde_json::Value::Null,
    }
}

/// Asks the person to act; what they answer is what happened. The intent shows that it is on record before they are asked.
///
/// # Errors
/// As [`super::Sessions::ask`].
pub(super) fn act(cx: &ReadCx<'_>, inputs: &Inputs, _intent: &IntentOnDisk, question: Question) -> Result<Outputs, BackendError> {
    Ok(given(inputs, &cx.sessions.ask(question)?))
}

fn item(value: &Value, problems: &[Problem]) -> Result<Text, BackendError> {
    let Value::Map(entries) = value else { return Err(unfit("do")) };
    let Some(Value::Text(words)) = entries.get("do") else { return Err(unfit("do")) };
    let mut words = words.clone();
    if let Some(Value::Str(cite)) = entries.get("cite") {
        words = words.map(|words| format!("{words} [{cite}]"));
    }
    if let Some(Value::Bool(true)) = entries.get("spends") {
        words = Text::new(format!("{} (まちがえると回数が減ります)", words.ja), format!("{} (a wrong entry spends a try)", words.get(Lang::En)));
    }
    match entries.get("problem") {
        None => Ok(words),
        Some(Value::Str(name)) if problems.iter().any(|known| known.name == *name) => {
            Ok(Text::new(format!("{} (できないとき: {name})", words.ja), format!("{} (if not: {name})", words.get(Lang::En))))
        }
        Some(_) => Err(unfit("do.problem")),
    }
}

fn evidence(value: &Value) -> Option<usize> {
    EVIDENCE.iter().position(|(word, _)| matches!(value, Value::Str(text) if text == word))
}

fn field(name: &str, spec: &Value) -> Result<QuestionField, BackendError> {
    let Value::Map(spec) = spec else { return Err(unfit(name)) };
    let ty = match spec.get("type") {
        Some(Value::Str(ty)) if Type::parse(ty).is_some_and(|ty| !ty.is_secret() && !ty.is_handle()) => ty.clone(),
        _ => return Err(unfit(name)),
    };
    let title = match spec.get("title") {
        Some(Value::Text(title)) => title.clone(),
        _ => Text::plain(name),
    };
    let example = match spec.get("example") {
        Some(Value::Str(example)) => Some(example.clone()),
        _ => None,
    };
    Ok(QuestionField { name: name.to_owned(), ty, title, example, means: vec![] })
}

fn unfit(name: &str) -> BackendError {
    BackendError::new(
        "INPUT.UNFIT",
        Text::new(format!("人に尋ねる手順の {name} が読めません。"), format!("`{name}` of a question to a person cannot be read.")),
    )
}

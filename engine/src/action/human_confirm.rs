//! `human.confirm`: a person looks at something and says whether it is so.

use std::collections::BTreeMap;

use super::manifest::{input, manifest, output};
use super::{Action, Answer, AskAction, Inputs, Kind, Manifest, Outputs, Question, QuestionField, ReadCx};
use crate::backend::BackendError;
use crate::dsl::{Proof, ProofBy, ProofKind, Type, Value};
use crate::text::{Phrase, Text};

/// Kinds of evidence with their words for people.
const EVIDENCE: [(&str, Phrase); 4] = [
    ("photo", Phrase { ja: "写真", en: "a photo" }),
    ("file", Phrase { ja: "ファイル", en: "a file" }),
    ("signature", Phrase { ja: "署名", en: "a signature" }),
    ("witness", Phrase { ja: "立ち会った人の名前", en: "the name of a witness" }),
];

/// The action.
pub(super) struct HumanConfirm;

impl Action for HumanConfirm {
    fn manifest(&self) -> Manifest {
        let object = |fields: Vec<(&str, Type)>| Type::Object(fields.into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect::<BTreeMap<_, _>>());
        let item = object(vec![("do", Type::Text), ("cite", Type::String.optional())]);
        let field = object(vec![("type", Type::String), ("title", Type::Text), ("example", Type::String.optional())]);
        let kinds = Type::Enum(EVIDENCE.iter().map(|(word, _)| (*word).to_owned()).collect());
        Manifest {
            person: true,
            inputs: vec![
                input("ask", Type::Text, "尋ねること。", "what is asked."),
                input("who", Type::String.optional(), "答える人の役割(サイトファイルの people)。", "role of the person (`people` of the site)."),
                input("where", Type::Text.optional(), "どこで行うか。", "where it is done."),
                input("do", Type::List(Box::new(item)).optional(), "確かめる順の一覧。", "checklist."),
                input("fields", Type::Map(Box::new(field)).optional(), "答えと一緒に書いてもらう値。", "values to give with the answer."),
                input("evidence", Type::List(Box::new(kinds)).optional(), "要る証拠の種類。", "kinds of evidence that must be given."),
                input(
                    "proves",
                    Type::Cert.optional(),
                    "使えると人が確かめる証明書。証拠が必ず要ります。",
                    "the certificate that the person proves to work; evidence is then required.",
                ),
            ],
            outputs: vec![
                output("by", Type::String, "答えた人。", "who answered."),
                output("at", Type::DateTime, "答えた日時。", "when."),
                output("fields", Type::Map(Box::new(Type::String)), "書かれた値。", "the values given."),
                output("evidence", Type::String.optional(), "書かれた証拠。", "the evidence given."),
                output("proof", Type::Proof.optional(), "proves の証明書が使えたという、人による証明。", "the person's proof that `proves` works."),
            ],
            codes: vec!["HUMAN.DECLINED", "HUMAN.LAPSED"],
            ..manifest(
                "human.confirm",
                Phrase { ja: "人が見て確かめる", en: "A person confirms" },
                Phrase {
                    ja: "人に尋ね、「はい」の答えで先に進みます。その場に人がいなければ止まって待ちます。",
                    en: "Asks a person and goes on with a yes. Where nobody is there, the run parks.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Ask(self)
    }
}

impl AskAction for HumanConfirm {
    fn question(&self, _cx: &ReadCx<'_>, inputs: &Inputs) -> Result<Question, BackendError> {
        let ask = inputs.text("ask").cloned().ok_or_else(|| Inputs::unknown("ask"))?;
        let mut items: Vec<Text> = inputs.list("do").unwrap_or_default().iter().map(item).collect::<Result<_, _>>()?;
        let kinds: Vec<&Phrase> = inputs.list("evidence").unwrap_or_default().iter().filter_map(evidence).collect();
        if !kinds.is_empty() {
            let joined = |words: Vec<&str>, by: &str| words.join(by);
            items.push(Text::new(
                format!("証拠を残す: {}", joined(kinds.iter().map(|kind| kind.ja).collect(), "、")),
                format!("leave evidence: {}", joined(kinds.iter().map(|kind| kind.en).collect(), ", ")),
            ));
        }
        Ok(Question {
            ask,
            who: inputs.str("who").map(str::to_owned),
            place: inputs.text("where").cloned(),
            items,
            fields: inputs.map("fields").into_iter().flatten().map(|(name, spec)| field(name, spec)).collect::<Result<_, _>>()?,
            evidence: !kinds.is_empty() || inputs.has("proves"),
        })
    }

    fn answered(&self, _cx: &ReadCx<'_>, inputs: &Inputs, answer: &Answer) -> Result<Outputs, BackendError> {
        if !answer.yes {
            let words = answer.evidence.as_deref().unwrap_or_default();
            return Err(BackendError::new(
                "HUMAN.DECLINED",
                Text::new(format!("{} が「いいえ」と答えました。{words}", answer.by), format!("{} answered no. {words}", answer.by)),
            ));
        }
        let fields = answer.fields.iter().map(|(name, value)| (name.clone(), Value::Str(value.clone()))).collect();
        let mut outputs = Outputs::from([
            ("by".to_owned(), Value::Str(answer.by.clone())),
            ("at".to_owned(), Value::DateTime(answer.at)),
            ("fields".to_owned(), Value::Map(fields)),
        ]);
        if let Some(evidence) = &answer.evidence {
            outputs.insert("evidence".to_owned(), Value::Str(evidence.clone()));
        }
        if let (Some(cert), Some(evidence)) = (inputs.cert("proves"), answer.evidence.as_deref().filter(|words| !words.trim().is_empty())) {
            let proof = Proof {
                thumbprint: cert.sha1.clone(),
                sha256: cert.sha256.clone(),
                holder: cert.holder.clone(),
                kind: ProofKind::Accepted,
                by: ProofBy::Person,
                evidence: format!("{evidence} ({}, {})", answer.by, answer.account),
                at: answer.at,
            };
            outputs.insert("proof".to_owned(), Value::Proof(Box::new(proof)));
        }
        Ok(outputs)
    }
}

fn item(value: &Value) -> Result<Text, BackendError> {
    match value {
        Value::Map(entries) => match (entries.get("do"), entries.get("cite")) {
            (Some(Value::Text(words)), Some(Value::Str(cite))) => Ok(words.map(|words| format!("{words} [{cite}]"))),
            (Some(Value::Text(words)), None) => Ok(words.clone()),
            _ => Err(unfit("do")),
        },
        _ => Err(unfit("do")),
    }
}

fn evidence(value: &Value) -> Option<&'static Phrase> {
    EVIDENCE.iter().find(|(word, _)| matches!(value, Value::Str(text) if text == word)).map(|(_, phrase)| phrase)
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
    Ok(QuestionField { name: name.to_owned(), ty, title, example })
}

fn unfit(name: &str) -> BackendError {
    BackendError::new("INPUT.UNFIT", Text::new(format!("human.confirm の {name} が読めません。"), format!("`{name}` of human.confirm cannot be read.")))
}

//! `human.confirm`: a person looks at something and says whether it is so.

use std::collections::BTreeMap;

use super::manifest::{input, manifest, output};
use super::{Action, Kind, Manifest};
use crate::dsl::Type;
use crate::text::Phrase;

/// The action.
pub(super) struct HumanConfirm;

impl Action for HumanConfirm {
    fn manifest(&self) -> Manifest {
        let object = |fields: Vec<(&str, Type)>| Type::Object(fields.into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect::<BTreeMap<_, _>>());
        let item = object(vec![("do", Type::Text), ("cite", Type::String.optional())]);
        let field = object(vec![("type", Type::String), ("title", Type::Text), ("example", Type::String.optional())]);
        let kinds = Type::Enum(["photo", "file", "signature", "witness"].map(str::to_owned).to_vec());
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
        Kind::Read(&super::later::Later)
    }
}

//! `human.destroy`: a person destroys a medium or token whose replacement is proved to work (`runs.md` 4).

use super::manifest::{input, manifest, output};
use super::{Action, Effect, Inputs, Intent, IntentOnDisk, Kind, Manifest, Observed, Outputs, ReadCx, WriteAction, WriteCx, human, proved};
use crate::backend::{BackendError, Progress};
use crate::dsl::Type;
use crate::text::{Lang, Phrase, Text};

/// The action.
pub(super) struct HumanDestroy;

impl Action for HumanDestroy {
    fn manifest(&self) -> Manifest {
        let mut inputs = vec![
            input("object", Type::Text, "壊す物。", "what is destroyed."),
            input("cert", Type::Cert, "その中の証明書。", "the certificate in it."),
            input(
                "replaced_by",
                Type::Proof,
                "代わりの証明書が、別の場所で使えたという証明。",
                "proof that its replacement works, in another place than the destroyed one.",
            ),
            input(
                "medium",
                Type::String.optional(),
                "証明書を見つけた場所とは別の物(CD-ROMなど)を壊すとき、その名前。",
                "name of the medium, when it is another place than where the certificate was found (a CD-ROM).",
            ),
        ];
        // What is destroyed proves nothing any more, and breaking it takes no password.
        let left_out = ["proves", human::TRIES, human::TRIES_ON];
        inputs.extend(human::inputs().into_iter().filter(|input| !left_out.contains(&input.name.as_str())));
        let mut outputs: Vec<_> = human::outputs().into_iter().filter(|output| output.name != "proof").collect();
        outputs.push(output("destroyed_at", Type::DateTime, "壊したという答えの日時。", "when the person said that it is destroyed."));
        Manifest {
            effect: Effect::Irreversible,
            person: true,
            inputs,
            outputs,
            codes: vec!["CERT.GONE", "CERT.NEWER", "HUMAN.DECLINED", "HUMAN.LAPSED", "PROOF.MISMATCH", "PROOF.STALE"],
            ..manifest(
                "human.destroy",
                Phrase { ja: "人が壊して廃棄する", en: "A person destroys something" },
                Phrase {
                    ja: "代わりの証明書が別の場所で使えることをもう一度確かめ、そのときだけ、古い媒体やUSBキーを壊すよう人に頼みます。",
                    en: "Checks once more that the replacement works in another place; only then asks a person to destroy the old medium or token.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Write(self)
    }
}

impl WriteAction for HumanDestroy {
    fn observe(&self, _cx: &ReadCx<'_>, _inputs: &Inputs, intent: Option<&Intent>) -> Result<Observed, BackendError> {
        Ok(human::unseen(intent.is_some()))
    }

    fn perform(&self, cx: &WriteCx<'_>, inputs: &Inputs, intent: &IntentOnDisk) -> Result<Progress<Outputs>, BackendError> {
        // Just before the person is asked; once they have answered, it is done.
        if !cx.read.sessions.is_answered() {
            replaced_elsewhere(&cx.read, inputs)?;
        }
        let mut question = human::question(&cx.read, inputs, true)?;
        let object = inputs.text("object").ok_or_else(|| Inputs::unknown("object"))?;
        question.items.insert(0, Text::new(format!("壊す物: {}", object.ja), format!("to destroy: {}", object.get(Lang::En))));
        let mut outputs = human::act(&cx.read, inputs, intent, question)?;
        if let Some(at) = outputs.get("at").cloned() {
            outputs.insert("destroyed_at".to_owned(), at);
        }
        Ok(Progress::Done(outputs))
    }

    fn preflight(&self, _cx: &ReadCx<'_>, _inputs: &Inputs) -> Result<(), BackendError> {
        Ok(())
    }
}

/// The replacement is in its own holder, with its key, and that is not what is destroyed.
fn replaced_elsewhere(cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
    let target = inputs.cert("cert").ok_or_else(|| Inputs::unknown("cert"))?;
    let proof = inputs.proof("replaced_by").ok_or_else(|| Inputs::unknown("replaced_by"))?;
    let destroyed = inputs.str("medium").unwrap_or(&target.holder);
    if proof.holder == destroyed {
        return Err(BackendError::new(
            "PROOF.MISMATCH",
            Text::new(
                format!("代わりの証明書は、壊そうとしている {destroyed} の中のものです。"),
                format!("the replacement is in {destroyed}, the very thing that is to be destroyed."),
            ),
        ));
    }
    let present = cx.backends.held(&cx.call, &proof.holder)?;
    proved::replacement(cx, target, proof, present.iter().map(|stored| &stored.info)).map(|_| ())
}

//! `human.commit`: a person does something that cannot be undone or costs money. The engine cannot see it: only their answer tells.

use super::manifest::manifest;
use super::{Action, CountedOn, Effect, Inputs, Intent, IntentOnDisk, Kind, Manifest, Observed, Outputs, ReadCx, Tried, WriteAction, WriteCx, human};
use crate::backend::{BackendError, Progress};
use crate::text::Phrase;

/// The action.
pub(super) struct HumanCommit;

impl Action for HumanCommit {
    fn manifest(&self) -> Manifest {
        Manifest {
            effect: Effect::Irreversible,
            person: true,
            inputs: human::inputs(),
            outputs: human::outputs(),
            codes: human::CODES.to_vec(),
            ..manifest(
                "human.commit",
                Phrase { ja: "人が取り消せない作業をする", en: "A person does something that cannot be undone" },
                Phrase {
                    ja: "申し込みや登録など、取り消せない作業を人に頼みます。承認が要り、頼む前に記録を残します。",
                    en: "Asks a person to do what cannot be undone (an order, a registration). It takes an approval and is on record before they are asked.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Write(self)
    }
}

impl WriteAction for HumanCommit {
    fn observe(&self, _cx: &ReadCx<'_>, _inputs: &Inputs, intent: Option<&Intent>) -> Result<Observed, BackendError> {
        Ok(human::unseen(intent.is_some()))
    }

    fn perform(&self, cx: &WriteCx<'_>, inputs: &Inputs, intent: &IntentOnDisk) -> Result<Progress<Outputs>, BackendError> {
        let question = human::question(&cx.read, inputs, true)?;
        human::act(&cx.read, inputs, intent, question).map(Progress::Done)
    }

    fn preflight(&self, _cx: &ReadCx<'_>, _inputs: &Inputs) -> Result<(), BackendError> {
        Ok(())
    }

    fn counted_on(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<Option<CountedOn>, BackendError> {
        human::counted_on(cx, inputs)
    }

    fn tried(&self, inputs: &Inputs, error: &BackendError) -> Option<Tried> {
        human::tried(inputs, error)
    }
}

//! `human.perform`: a person does something that can be undone. The engine cannot see it: only their answer tells.

use super::manifest::manifest;
use super::{Action, CountedOn, Effect, Inputs, Intent, IntentOnDisk, Kind, Manifest, Observed, Outputs, ReadCx, Tried, WriteAction, WriteCx, human};
use crate::backend::{BackendError, Progress};
use crate::text::Phrase;

/// The action.
pub(super) struct HumanPerform;

impl Action for HumanPerform {
    fn manifest(&self) -> Manifest {
        Manifest {
            effect: Effect::Write,
            person: true,
            inputs: human::inputs(),
            outputs: human::outputs(),
            codes: human::CODES.to_vec(),
            ..manifest(
                "human.perform",
                Phrase { ja: "人が作業する", en: "A person does something" },
                Phrase {
                    ja: "人に作業を頼みます。頼む前に記録を残し、済んだという答えで先に進みます。",
                    en: "Asks a person to do something. It is on record before they are asked; a yes goes on.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Write(self)
    }
}

impl WriteAction for HumanPerform {
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

//! `human.confirm`: a person looks at something and says whether it is so.

use super::manifest::manifest;
use super::{Action, CountedOn, Inputs, Kind, Manifest, Outputs, ReadAction, ReadCx, Tried, human};
use crate::backend::BackendError;
use crate::text::Phrase;

/// The action.
pub(super) struct HumanConfirm;

impl Action for HumanConfirm {
    fn manifest(&self) -> Manifest {
        Manifest {
            person: true,
            inputs: human::inputs(),
            outputs: human::outputs(),
            codes: human::CODES.to_vec(),
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
        Kind::Read(self)
    }
}

impl ReadAction for HumanConfirm {
    fn read(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<Outputs, BackendError> {
        let answered = cx.sessions.ask(human::question(cx, inputs, false)?)?;
        Ok(human::given(inputs, &answered))
    }

    fn counted_on(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<Option<CountedOn>, BackendError> {
        human::counted_on(cx, inputs)
    }

    fn tried(&self, inputs: &Inputs, error: &BackendError) -> Option<Tried> {
        human::tried(inputs, error)
    }
}

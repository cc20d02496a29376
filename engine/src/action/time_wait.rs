//! `time.wait`: waits until an instant. Reads only; until then the run parks with a timer.

use super::manifest::{input, manifest, output};
use super::{Action, Inputs, Kind, Manifest, Outputs, ReadAction, ReadCx};
use crate::backend::BackendError;
use crate::dsl::{Type, Value};
use crate::text::{Phrase, Text};

/// The code of an instant that has not come: the core arms a timer for it, a plan goes on beyond it.
pub(crate) const NOT_YET: &str = "TIME.NOT_YET";

/// The fact of [`NOT_YET`] that says when.
pub(crate) const UNTIL: &str = "until";

/// The action.
pub(super) struct TimeWait;

impl Action for TimeWait {
    fn manifest(&self) -> Manifest {
        Manifest {
            inputs: vec![input("until", Type::DateTime, "この日時まで待つ。", "the instant to wait for.")],
            outputs: vec![output("reached_at", Type::DateTime, "先に進んだ日時。", "when it was reached.")],
            codes: vec![NOT_YET],
            ..manifest(
                "time.wait",
                Phrase { ja: "その日時まで待つ", en: "Wait until an instant" },
                Phrase {
                    ja: "その日時になるまで先に進みません。長いときは止まって待ち、kirikae resume で続けます。練習では待ちません。",
                    en: "Goes on when the instant has come. A long wait parks the run; `kirikae resume` goes on. A rehearsal does not wait.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Read(self)
    }
}

impl ReadAction for TimeWait {
    fn read(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<Outputs, BackendError> {
        let until = inputs.datetime("until").ok_or_else(|| Inputs::unknown("until"))?;
        if cx.wall >= until || cx.backends.practice() {
            return Ok(Outputs::from([("reached_at".to_owned(), Value::DateTime(cx.wall))]));
        }
        let local = until.to_zoned(cx.zone.clone()).strftime("%Y-%m-%d %H:%M");
        Err(BackendError::new(NOT_YET, Text::new(format!("{local} まで待ちます。"), format!("it waits until {local}."))).with(UNTIL, until.to_string()))
    }
}

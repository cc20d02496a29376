//! `software.remove`: removes an installed program (one that came as MSI, on Windows).

use super::manifest::{input, manifest, output};
use super::software_install::CODES;
use super::{Action, Effect, Inputs, Intent, IntentOnDisk, Kind, Manifest, Observed, Outputs, ReadCx, WriteAction, WriteCx};
use crate::backend::{BackendError, Installed, Progress, Verb};
use crate::dsl::{Type, Value};
use crate::text::{Phrase, Text};

/// The action.
pub(super) struct SoftwareRemove;

impl Action for SoftwareRemove {
    fn manifest(&self) -> Manifest {
        let mut codes = CODES.to_vec();
        codes.insert(2, "HOST.PROGRAM_PRESENT");
        Manifest {
            effect: Effect::Write,
            inputs: vec![input("name", Type::String, "「アプリ」の一覧に出る名前。そのまま書きます。", "its name in the list of installed programs, exactly.")],
            outputs: vec![output("version", Type::String.optional(), "消した版。", "the version that was removed.").shown_once()],
            codes,
            observe: Some(Phrase { ja: "「アプリ」の一覧に名前が無いか", en: "whether the list of installed programs no longer has its name" }),
            verbs: vec![Verb::Install],
            ..manifest(
                "software.remove",
                Phrase { ja: "プログラムを消す", en: "Remove a program" },
                Phrase {
                    ja: "一覧にあるプログラムを、画面に何も尋ねずに消し、一覧から無くなったことを確かめます。Windows だけで使えます。",
                    en: "Removes a program without questions on the screen and sees that the list no longer has it. On Windows only.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Write(self)
    }
}

impl WriteAction for SoftwareRemove {
    fn observe(&self, cx: &ReadCx<'_>, inputs: &Inputs, _intent: Option<&Intent>) -> Result<Observed, BackendError> {
        if !named(cx, inputs)?.is_empty() {
            return Ok(Observed::NotDone { conclusive: true, baseline: serde_json::Value::Null });
        }
        let name = inputs.str("name").unwrap_or_default();
        Ok(Observed::Done { outputs: Outputs::new(), evidence: Text::new(format!("{name} は入っていません。"), format!("{name} is not installed.")) })
    }

    fn perform(&self, cx: &WriteCx<'_>, inputs: &Inputs, _intent: &IntentOnDisk) -> Result<Progress<Outputs>, BackendError> {
        let mut version = None;
        for program in named(&cx.read, inputs)? {
            cx.writes.host().remove(&cx.read.call, &program)?;
            version = Some(program.version);
        }
        if let Some(left) = named(&cx.read, inputs)?.first() {
            let cause =
                Text::new(format!("消したはずの {} がまだ一覧にあります。", left.name), format!("{} is still in the list after removing it.", left.name));
            return Err(BackendError::new("HOST.PROGRAM_PRESENT", cause));
        }
        Ok(Progress::Done(version.map(|version| ("version".to_owned(), Value::Str(version))).into_iter().collect()))
    }

    fn preflight(&self, cx: &ReadCx<'_>, _inputs: &Inputs) -> Result<(), BackendError> {
        cx.backends.host().probe_install(&cx.call)
    }
}

/// The installed programs of exactly this name: what a pattern would take along stays.
fn named(cx: &ReadCx<'_>, inputs: &Inputs) -> Result<Vec<Installed>, BackendError> {
    let name = inputs.str("name").ok_or_else(|| Inputs::unknown("name"))?;
    Ok(cx.backends.host().programs(&cx.call)?.into_iter().filter(|program| program.name == name).collect())
}

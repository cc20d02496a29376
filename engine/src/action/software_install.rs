//! `software.install`: installs a program from its installer (MSI on Windows); the list of programs tells whether it is there.

use super::manifest::{input, manifest, output};
use super::{Action, Effect, Inputs, Intent, IntentOnDisk, Kind, Manifest, Observed, Outputs, ReadCx, WriteAction, WriteCx};
use crate::backend::{BackendError, HostRead, Installed, Progress, Verb};
use crate::dsl::{Type, Value, glob_matches};
use crate::text::{Phrase, Text};

/// The action.
pub(super) struct SoftwareInstall;

impl Action for SoftwareInstall {
    fn manifest(&self) -> Manifest {
        Manifest {
            effect: Effect::Write,
            inputs: vec![
                input("file", Type::File, "インストーラー(MSI)のファイル。", "the installer, an MSI file."),
                input("name", Type::Glob, "「アプリ」の一覧に出る名前。* と ? が使えます。", "its name in the list of installed programs, with `*` and `?`."),
                input(
                    "version",
                    Type::String.optional(),
                    "一覧に出るはずの版。省くと、どの版でもよい。",
                    "the version that the list must show; any if left out.",
                ),
            ],
            outputs: vec![output("version", Type::String, "入っている版。", "the version that is installed.")],
            codes: CODES.to_vec(),
            observe: Some(Phrase {
                ja: "「アプリ」の一覧に名前と版があるか", en: "whether the list of installed programs has its name and version"
            }),
            verbs: vec![Verb::Install],
            ..manifest(
                "software.install",
                Phrase { ja: "プログラムを入れる", en: "Install a program" },
                Phrase {
                    ja: "インストーラーを、画面に何も尋ねずに動かし、一覧に名前と版が出たことを確かめます。Windows だけで使えます。",
                    en: "Runs the installer without questions on the screen and sees that the list has name and version. On Windows only.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Write(self)
    }
}

/// Codes of installing and removing.
pub(super) const CODES: [&str; 3] = ["BACKEND.UNSUPPORTED", "HOST.NOT_ADMIN", "SOFTWARE.FAILED"];

impl WriteAction for SoftwareInstall {
    fn observe(&self, cx: &ReadCx<'_>, inputs: &Inputs, _intent: Option<&Intent>) -> Result<Observed, BackendError> {
        Ok(match installed(cx, inputs)?.into_iter().find(|program| fits(program, inputs)) {
            Some(program) => Observed::Done {
                evidence: Text::new(
                    format!("{} {} が入っています。", program.name, program.version),
                    format!("{} {} is installed.", program.name, program.version),
                ),
                outputs: outputs(program),
            },
            None => Observed::NotDone { conclusive: true, baseline: serde_json::Value::Null },
        })
    }

    fn perform(&self, cx: &WriteCx<'_>, inputs: &Inputs, _intent: &IntentOnDisk) -> Result<Progress<Outputs>, BackendError> {
        let file = inputs.file("file").ok_or_else(|| Inputs::unknown("file"))?;
        let installer = cx.read.blobs.read(file)?;
        cx.writes.host().install(&cx.read.call, &installer)?;
        let there = installed(&cx.read, inputs)?;
        match there.iter().find(|program| fits(program, inputs)) {
            Some(program) => Ok(Progress::Done(outputs(program.clone()))),
            None => {
                let found: Vec<String> = there.iter().map(|program| format!("{} {}", program.name, program.version)).collect();
                let found = if found.is_empty() { "-".to_owned() } else { found.join("、") };
                let cause = Text::new(
                    format!("インストーラーは終わりましたが、一覧に求めた名前と版がありません(ある版: {found})。"),
                    format!("the installer ended, but the list does not have that name and version (it has: {found})."),
                );
                Err(BackendError::new("SOFTWARE.FAILED", cause))
            }
        }
    }

    fn preflight(&self, cx: &ReadCx<'_>, _inputs: &Inputs) -> Result<(), BackendError> {
        cx.backends.host().probe_install(&cx.call)
    }
}

/// The installed programs of this name.
fn installed(cx: &ReadCx<'_>, inputs: &Inputs) -> Result<Vec<Installed>, BackendError> {
    let name = inputs.str("name").ok_or_else(|| Inputs::unknown("name"))?;
    let host: &dyn HostRead = cx.backends.host();
    Ok(host.programs(&cx.call)?.into_iter().filter(|program| glob_matches(name, &program.name)).collect())
}

fn fits(program: &Installed, inputs: &Inputs) -> bool {
    inputs.str("version").is_none_or(|version| version == program.version)
}

fn outputs(program: Installed) -> Outputs {
    Outputs::from([("version".to_owned(), Value::Str(program.version))])
}

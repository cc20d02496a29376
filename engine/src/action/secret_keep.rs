//! `secret.keep`: gives a secret a name and a subject in the vault.

use super::manifest::{input, manifest, output};
use super::{Action, Effect, Inputs, Intent, IntentOnDisk, Kind, Manifest, Observed, Outputs, ReadCx, WriteAction, WriteCx};
use crate::backend::{BackendError, EntryInfo, Progress};
use crate::dsl::{Type, Value};
use crate::secret::SecretRef;
use crate::text::{Phrase, Text};

/// The action.
pub(super) struct SecretKeep;

impl Action for SecretKeep {
    fn manifest(&self) -> Manifest {
        Manifest {
            effect: Effect::Write,
            repeatable: true,
            inputs: vec![
                input("name", Type::String, "あとで探すときの名前。", "name to find it by later."),
                input("about", Type::String.optional(), "何についての値か(リクエストID、拇印など)。", "what it is about (a request ID, a thumbprint)."),
                input(
                    "value",
                    Type::Secret(Box::new(Type::String)).optional(),
                    "秘密の値。無いときは何もしません。",
                    "the secret; without one nothing is done.",
                ),
            ],
            outputs: vec![output("kept", Type::SecretRef.optional(), "保管庫の中の値。", "the entry in the vault.")],
            codes: vec!["FOLDER.FULL", "FOLDER.READONLY", "SECRET.MISSING", "VAULT.UNREADABLE"],
            observe: Some(Phrase {
                ja: "その名前と対象の値が保管庫にあるか", en: "whether the vault has the value under that name and subject"
            }),
            ..manifest(
                "secret.keep",
                Phrase { ja: "秘密の値に名前を付けて保管する", en: "Keep a secret under a name" },
                Phrase {
                    ja: "秘密の値を保管庫に入れ、あとで探せるように名前と対象を付けます。",
                    en: "Puts a secret in the vault under a name and a subject, so that it is found again.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Write(self)
    }
}

impl WriteAction for SecretKeep {
    fn observe(&self, cx: &ReadCx<'_>, inputs: &Inputs, _intent: Option<&Intent>) -> Result<Observed, BackendError> {
        let Some(value) = inputs.0.get("value") else { return Ok(nothing_to_keep(inputs)) };
        let wanted = Wanted::of(inputs, value)?;
        let vault = cx.backends.vault();
        let named = vault.info(&wanted.reference)?.is_some_and(|entry| entry.name == wanted.name && entry.about == wanted.about);
        // A value that was declared (and not shown by a page) may have changed since it was kept under this name.
        let same = match value {
            Value::DeclaredSecret(_) if named => match (cx.secrets.unattended(value)?, vault.get(&wanted.reference)?) {
                (Some(now), Some(kept)) => now.expose() == kept.expose(),
                _ => false,
            },
            _ => named,
        };
        Ok(if same {
            Observed::Done {
                evidence: Text::new(format!("保管庫に {} があります。", wanted.name), format!("the vault has `{}`.", wanted.name)),
                outputs: wanted.outputs(),
            }
        } else {
            Observed::NotDone { conclusive: true, baseline: serde_json::Value::Null }
        })
    }

    fn perform(&self, cx: &WriteCx<'_>, inputs: &Inputs, _intent: &IntentOnDisk) -> Result<Progress<Outputs>, BackendError> {
        let Some(value) = inputs.0.get("value") else { return Ok(Progress::Done(Outputs::new())) };
        let wanted = Wanted::of(inputs, value)?;
        let vault = cx.writes.vault();
        let known = vault.info(&wanted.reference)?;
        let secret = cx.read.secrets.value(value)?;
        let entry = EntryInfo {
            reference: wanted.reference.clone(),
            name: wanted.name.clone(),
            about: wanted.about.clone(),
            written_at: known.as_ref().map_or(cx.read.wall, |entry| entry.written_at),
            labels: known.map(|entry| entry.labels).unwrap_or_default(),
        };
        vault.put(&entry, &secret)?;
        Ok(Progress::Done(wanted.outputs()))
    }

    fn preflight(&self, cx: &ReadCx<'_>, _inputs: &Inputs) -> Result<(), BackendError> {
        cx.backends.vault().list().map(|_| ())
    }
}

/// The entry as it should be.
struct Wanted {
    reference: SecretRef,
    name: String,
    about: String,
}

impl Wanted {
    /// A secret that lies in the vault keeps its entry; another one gets an entry of its own, the same for the same name and subject.
    fn of(inputs: &Inputs, value: &Value) -> Result<Self, BackendError> {
        let name = inputs.str("name").ok_or_else(|| Inputs::unknown("name"))?.to_owned();
        let about = inputs.str("about").unwrap_or_default().to_owned();
        let reference = match value {
            Value::Secret(reference) => reference.clone(),
            _ => SecretRef::kept(&name, &about),
        };
        Ok(Self { reference, name, about })
    }

    fn outputs(&self) -> Outputs {
        Outputs::from([("kept".to_owned(), Value::Secret(self.reference.clone()))])
    }
}

fn nothing_to_keep(inputs: &Inputs) -> Observed {
    let name = inputs.str("name").unwrap_or_default();
    Observed::Done {
        outputs: Outputs::new(),
        evidence: Text::new(
            format!("{name} の値は一度も表示されていないため、保管していません。必要なときは発行元に尋ねてください。"),
            format!("`{name}` was never seen, so nothing is kept; ask the issuer when it is needed."),
        ),
    }
}

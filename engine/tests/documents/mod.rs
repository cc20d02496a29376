//! Documents in memory, beside the shipped profile and catalogue; actions that exist in tests only.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

use std::collections::BTreeMap;
use std::path::Path;

use kirikae_engine::action::{Action, Effect, InputSpec, Inputs, Kind, Manifest, OutputSpec, Outputs, ReadAction, ReadCx, Registry, registry};
use kirikae_engine::backend::BackendError;
use kirikae_engine::check::{Checked, Library, check};
use kirikae_engine::dsl::Type;
use kirikae_engine::text::{Diagnostic, Phrase, Severity, Source};

/// A library: playbooks by id, a lock.
#[derive(Default)]
pub struct Shelf {
    pub playbooks: BTreeMap<String, String>,
    pub lock: Option<String>,
}

fn shipped(path: &str) -> Option<Source> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../playbooks").join(path);
    Some(Source::from_bytes(path, &std::fs::read(file).ok()?).unwrap())
}

impl Library for Shelf {
    fn playbook(&self, id: &str) -> Option<Source> {
        self.playbooks.get(id).map(|text| Source::new(format!("{id}.yaml"), text.as_str()))
    }

    fn portal(&self, id: &str) -> Option<Source> {
        shipped(&format!("portals/{id}.yaml"))
    }

    fn sources(&self) -> Option<Source> {
        shipped("sources.yaml")
    }

    fn lock(&self) -> Option<Source> {
        self.lock.as_ref().map(|text| Source::new("kirikae.lock", text.as_str()))
    }
}

impl Shelf {
    /// With one sub-playbook.
    pub fn with(id: &str, text: &str) -> Self {
        Self { playbooks: BTreeMap::from([(id.to_owned(), text.to_owned())]), lock: None }
    }

    /// The checked playbook.
    pub fn checked(&self, text: &str) -> Checked {
        check(&Source::new("t.yaml", text), self, actions()).result.unwrap_or_else(|found| panic!("{text}\n{found:#?}"))
    }

    /// All findings, warnings too.
    pub fn findings(&self, text: &str) -> Vec<Diagnostic> {
        check(&Source::new("t.yaml", text), self, actions()).result.map_or_else(|found| found, |checked| checked.warnings)
    }

    /// Codes of the errors with what they point at.
    pub fn refused(&self, text: &str) -> Vec<(&'static str, String)> {
        let sources = check(&Source::new("t.yaml", text), self, actions()).sources;
        let errors = self.findings(text).into_iter().filter(|finding| finding.severity == Severity::Error);
        let at = |finding: &Diagnostic| {
            let place = finding.place.clone().unwrap();
            sources.get(&place.file).unwrap().text[place.span.start..place.span.end].to_owned()
        };
        errors.map(|finding| (finding.code, at(&finding))).collect()
    }
}

/// A playbook with a store, a portal and this tail.
pub fn playbook(id: &str, tail: &str) -> String {
    format!("kirikae: playbook/1\nid: {id}\nversion: \"1.0.0\"\ntitle: 例\nsources: [obn_edge]\n{tail}")
}

/// An action that only its manifest makes what it is.
struct OnlyInTests(fn() -> Manifest);

impl Action for OnlyInTests {
    fn manifest(&self) -> Manifest {
        (self.0)()
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Read(self)
    }
}

impl ReadAction for OnlyInTests {
    fn read(&self, _cx: &ReadCx<'_>, _inputs: &Inputs) -> Result<Outputs, BackendError> {
        Ok(Outputs::new())
    }
}

fn named(name: &'static str) -> Manifest {
    let (plain, _) = registry().find("cert.find", 1).unwrap();
    Manifest { name, effect: Effect::Write, inputs: vec![], outputs: vec![], codes: vec![], verbs: vec![], ..plain.clone() }
}

fn input(name: &str, ty: &str) -> InputSpec {
    InputSpec { name: name.to_owned(), ty: Type::parse(ty).unwrap(), or_kinds: &[], default: None, help: Phrase { ja: "例", en: "example" } }
}

fn output(name: &str, ty: &str) -> OutputSpec {
    OutputSpec {
        name: name.to_owned(), ty: Type::parse(ty).unwrap(), recoverable: true, pinned: false, passing: &[], help: Phrase { ja: "例", en: "example" }
    }
}

/// Opens a session with a PIN that is counted.
fn login() -> Manifest {
    Manifest { spends_attempt: true, inputs: vec![input("pin", "secret<digits(4)>")], outputs: vec![output("session", "token_session")], ..named("test.login") }
}

/// Works in a session.
fn sign() -> Manifest {
    Manifest {
        effect: Effect::Read,
        inputs: vec![input("session", "token_session")],
        outputs: vec![output("state", "enum(pending, done)")],
        ..named("test.sign")
    }
}

/// Trusts a root by fingerprint or by proof.
fn trust() -> Manifest {
    let inputs = vec![input("sha1", "optional<hex>"), input("proof", "optional<proof>")];
    Manifest { inputs, one_of: vec!["sha1", "proof"], outputs: vec![output("done", "bool")], ..named("test.trust") }
}

/// Cannot be undone.
fn destroy() -> Manifest {
    Manifest { effect: Effect::Irreversible, ..named("test.destroy") }
}

/// The shipped actions that the tests use, and those above.
pub fn actions() -> &'static Registry {
    static OWN: [OnlyInTests; 4] = [OnlyInTests(login), OnlyInTests(sign), OnlyInTests(trust), OnlyInTests(destroy)];
    static ALL: std::sync::OnceLock<Registry> = std::sync::OnceLock::new();
    ALL.get_or_init(|| {
        let shipped = registry().manifests().map(|manifest| registry().find(manifest.name, manifest.major).unwrap().1);
        Registry::of(&shipped.chain(OWN.iter().map(|own| own as &dyn Action)).collect::<Vec<_>>())
    })
}

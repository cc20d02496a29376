//! A playbook test against its playbook: every name in it is one that is there, every input has a value.
//!
//! May use: decoders, the check of playbooks. Must not: run anything.

use std::collections::BTreeMap;

use super::{Checked, Library, What, check};
use crate::action::Registry;
use crate::backend::profile::{Operation, Profile};
use crate::backend::{Class, code_info};
use crate::dsl::reader::{did_you_mean, first_findings, nearest};
use crate::dsl::test::{ISSUED, SimBackend, SimFault, SimFile, SimInput, Situation, TestFile};
use crate::dsl::{Type, decode_profile, decode_test, read_scalar};
use crate::text::{Diagnostic, Severity, Source, Sources, Span, Spanned, Text};

/// A test with its playbook.
#[derive(Clone, Debug)]
pub struct TestSuite {
    /// The test.
    pub file: TestFile,
    /// Its playbook.
    pub checked: Checked,
    /// The issuer that certificates have where the test does not say: the example of the program's profile.
    pub issuer: Option<String>,
}

/// What a check of a test says.
#[derive(Clone, Debug)]
pub struct TestOutcome {
    /// Every document that was read.
    pub sources: Sources,
    /// The test, or all findings: sorted, at most 20.
    pub result: Result<TestSuite, Vec<Diagnostic>>,
}

/// Checks a playbook test and the playbook that it names. Findings: those of the playbook, `YAML.* DSL.* TYPE.* TEST.*`.
pub fn check_test(source: &Source, library: &dyn Library, registry: &Registry) -> TestOutcome {
    let mut sources = Sources::default();
    sources.add(source.clone());
    let mut playbook = None;
    let mut of_playbook = vec![];
    let decoded = decode_test(source, |named| {
        let Some(text) = library.playbook(&named.value) else {
            let what = Text::new(format!("手順書「{}」が見つかりません。", named.value), format!("there is no playbook `{}`.", named.value));
            let cure = Text::new("名前を確かめるか、--library で置き場所を指定してください。", "check the name, or name the folder with --library.");
            return Err(Diagnostic::error("DSL.NO_PLAYBOOK", source.place(named.span), what).cure(cure));
        };
        let outcome = check(&text, library, registry);
        sources.merge(outcome.sources);
        match outcome.result {
            Ok(checked) => {
                let kinds = checked.roles.iter().map(|role| (role.name.clone(), role.kind)).collect();
                playbook = Some(checked);
                Ok(kinds)
            }
            Err(found) => {
                of_playbook = found;
                let what = Text::new(format!("手順書「{}」に誤りがあります。", named.value), format!("playbook `{}` has findings.", named.value));
                Err(Diagnostic::error("TEST.PLAYBOOK", source.place(named.span), what))
            }
        }
    });
    let result = match (decoded, playbook) {
        (Ok(file), Some(checked)) => {
            let names = Names { source, checked: &checked, found: vec![] };
            let found = names.of_file(&file);
            if found.is_empty() { Ok(TestSuite { file, issuer: issuer(&checked, library), checked }) } else { Err(first_findings(found)) }
        }
        (Err(found), _) => Err(first_findings(found.into_iter().chain(of_playbook).filter(|finding| finding.severity == Severity::Error).collect())),
        (Ok(_), None) => Err(of_playbook),
    };
    TestOutcome { sources, result }
}

/// Of a profile of the playbook's own, else of the one that has the program's name.
fn issuer(checked: &Checked, library: &dyn Library) -> Option<String> {
    let of = |profile: &Profile| profile.facts.get("issuer")?.glob.as_ref().map(|(_, example)| example.clone());
    let of_program = || decode_profile(&library.portal(&checked.program)?).ok().as_ref().and_then(of);
    checked.profiles.values().find_map(of).or_else(of_program)
}

struct Names<'a> {
    source: &'a Source,
    checked: &'a Checked,
    found: Vec<Diagnostic>,
}

impl Names<'_> {
    fn of_file(mut self, file: &TestFile) -> Vec<Diagnostic> {
        self.situation(&file.base, file.playbook.span);
        for case in &file.cases {
            self.situation(&case.situation, case.name.span);
            let expect = &case.expect;
            let steps = expect.outcome.iter().chain(&expect.decision).map(|(step, _)| step).chain(&expect.at);
            steps.for_each(|step| self.step(step));
            for (role, names) in expect.has.iter().chain(&expect.lacks) {
                self.holder(role);
                names.iter().for_each(|name| self.held(&case.situation, role, name));
            }
            expect.calls.iter().for_each(|(called, _)| self.called(called));
            for (output, _) in &expect.outputs {
                let known: Vec<&str> = self.checked.outputs.iter().map(|(name, _)| name.as_str()).collect();
                self.one_of(output, &known, &Text::new("出力", "output"));
            }
        }
        self.found
    }

    /// `at`: where what is missing is told.
    fn situation(&mut self, situation: &Situation, at: Span) {
        self.inputs(situation, at);
        let secrets = self.checked.secrets.iter().map(|secret| secret.name.as_str());
        let steps = self.checked.steps.iter().map(|step| step.address.as_str());
        let answered: Vec<&str> = secrets.chain(steps).collect();
        for (name, answers) in &situation.answers {
            self.one_of(&Spanned::new(name.clone(), answers.span), &answered, &Text::new("秘密の値か手順", "secret or step"));
            for (role, names) in answers.value.iter().flat_map(|answer| &answer.leaves) {
                self.holder(role);
                names.iter().for_each(|name| self.cert(situation, name, false));
            }
            for (role, serials) in answers.value.iter().flat_map(|answer| &answer.inserts) {
                let tokens = match situation.backends.get(&role.value) {
                    Some(SimBackend::Tokens(tokens)) => tokens.as_slice(),
                    _ => &[],
                };
                let known: Vec<&str> = tokens.iter().map(|token| token.serial.value.as_str()).collect();
                serials.iter().for_each(|serial| self.one_of(serial, &known, &Text::new("USBキー・カード", "token")));
            }
        }
        for backend in situation.backends.values() {
            match backend {
                SimBackend::Store(store) => store.holds.iter().for_each(|name| self.cert(situation, name, false)),
                SimBackend::Portal(portal) => {
                    portal.rejects.iter().for_each(|name| self.cert(situation, name, true));
                    portal.listed.iter().for_each(|(_, name)| self.cert(situation, name, false));
                }
                SimBackend::Tokens(tokens) => tokens.iter().flat_map(|token| &token.holds).for_each(|name| self.cert(situation, name, false)),
                SimBackend::Folder(folder) => folder.files.iter().for_each(|(_, file)| self.file(situation, file)),
            }
        }
        self.status_words(situation);
        for (name, _) in situation.certs.iter().filter(|(name, _)| name.value == ISSUED) {
            let what =
                Text::new(format!("「{ISSUED}」は、試験の中で発行される証明書の名前です。"), format!("`{ISSUED}` is the name of what is issued in the test."));
            self.found.push(
                Diagnostic::error("TEST.UNKNOWN_NAME", self.source.place(name.span), what).cure(Text::new("別の名前にしてください。", "choose another name.")),
            );
        }
        situation.faults.iter().for_each(|fault| self.fault(&fault.value));
    }

    fn inputs(&mut self, situation: &Situation, at: Span) {
        let known: Vec<&str> = self.checked.inputs.iter().map(|input| input.name.as_str()).collect();
        for (name, given) in &situation.inputs {
            let name = Spanned::new(name.clone(), given.span);
            self.one_of(&name, &known, &Text::new("入力", "input"));
            let Some(decl) = self.checked.inputs.iter().find(|decl| decl.name == name.value) else { continue };
            match (&given.value, decl.ty.required()) {
                (SimInput::Cert(cert), Type::Cert) => self.cert(situation, &Spanned::new(cert.clone(), given.span), false),
                (SimInput::File(_, file), Type::File) => self.file(situation, file),
                (SimInput::Scalar(text), ty) if read_scalar(ty, text).is_ok() => {}
                (given, ty) => {
                    let shown = if let SimInput::Scalar(text) = given { text.as_str() } else { "{ .. }" };
                    let what = Text::new(format!("「{shown}」は {ty} ではありません。"), format!("`{shown}` is not {ty}."));
                    let cure = match ty {
                        Type::Cert => Text::new("{ cert: 証明書の名前 } と書きます。", "write { cert: NAME }."),
                        Type::File => Text::new(
                            "{ name: a.p12, cert: 証明書の名前, password: \"1234\" } と書きます。",
                            "write { name: a.p12, cert: NAME, password: \"1234\" }.",
                        ),
                        ty => read_scalar(ty, shown).err().map(|error| error.why).unwrap_or_default(),
                    };
                    self.found.push(Diagnostic::error("TYPE.MISMATCH", self.source.place(name.span), what).cure(cure));
                }
            }
        }
        let given = |name: &str| situation.inputs.contains_key(name);
        for decl in self.checked.inputs.iter().filter(|decl| !given(&decl.name) && decl.default.is_none() && decl.example.is_none() && !decl.ty.is_optional()) {
            let what = Text::new(format!("入力 {}({})の値がありません。", decl.name, decl.title.ja), format!("input `{}` has no value.", decl.name));
            let cure = Text::new(format!("inputs: に {} を加えてください。", decl.name), format!("add `{}` to `inputs`.", decl.name));
            self.found.push(Diagnostic::error("TEST.NO_INPUT", self.source.place(at), what).cure(cure));
        }
    }

    fn one_of(&mut self, name: &Spanned<String>, known: &[&str], kind: &Text) {
        if known.contains(&name.value.as_str()) {
            return;
        }
        let en = kind.en.as_deref().unwrap_or_default();
        let what = Text::new(format!("「{}」という{}はありません。", name.value, kind.ja), format!("there is no {en} `{}`.", name.value));
        let mut finding = Diagnostic::error("TEST.UNKNOWN_NAME", self.source.place(name.span), what);
        did_you_mean(&mut finding, name.span, nearest(&name.value, known.iter().copied()).map(str::to_owned));
        let list = known.join(" ");
        self.found.push(finding.cure(Text::new(format!("あるもの: {list}"), format!("there are: {list}"))));
    }

    fn step(&mut self, step: &Spanned<String>) {
        let known: Vec<&str> = self.checked.steps.iter().map(|step| step.address.as_str()).collect();
        self.one_of(step, &known, &Text::new("手順", "step"));
    }

    fn cert(&mut self, situation: &Situation, name: &Spanned<String>, issued: bool) {
        let own = situation.certs.iter().map(|(name, _)| name.value.as_str());
        let known: Vec<&str> = own.chain(issued.then_some(ISSUED)).collect();
        self.one_of(name, &known, &Text::new("証明書", "certificate"));
    }

    fn file(&mut self, situation: &Situation, file: &SimFile) {
        if let SimFile::P12 { cert, chain, .. } = file {
            chain.iter().chain([cert]).for_each(|name| self.cert(situation, name, false));
        }
    }

    fn holder(&mut self, role: &Spanned<String>) {
        let known: Vec<&str> = self.checked.roles.iter().map(|role| role.name.as_str()).collect();
        self.one_of(role, &known, &Text::new("役割", "role"));
    }

    /// Of a store certificates, of a folder these or names of files.
    fn held(&mut self, situation: &Situation, role: &Spanned<String>, name: &Spanned<String>) {
        match situation.backends.get(&role.value) {
            Some(SimBackend::Folder(_)) => {}
            _ => self.cert(situation, name, true),
        }
    }

    fn called(&mut self, called: &Spanned<String>) {
        let of_steps = self.checked.steps.iter().filter_map(|step| match &step.what {
            What::Action(action) => Some(action.manifest.name.to_owned()),
            What::Call { .. } => None,
        });
        let of_portals = self.checked.profiles.iter().flat_map(|(role, profile)| profile.operations.keys().map(move |operation| format!("{role}.{operation}")));
        let mut known: Vec<String> = of_steps.chain(of_portals).collect();
        known.sort();
        known.dedup();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        self.one_of(called, &known, &Text::new("操作", "action or operation"));
    }

    /// The words of `status` are those of the profile: its own, or the texts on the page that mean them.
    fn status_words(&mut self, situation: &Situation) {
        for (role, backend) in &situation.backends {
            let SimBackend::Portal(portal) = backend else { continue };
            let known: Vec<String> = self.checked.profiles.get(role).map(status_words).unwrap_or_default().into_keys().collect();
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            portal.status.iter().for_each(|word| self.one_of(word, &known, &Text::new("状態", "state")));
        }
    }

    fn fault(&mut self, fault: &SimFault) {
        let (at, code, after) = match fault {
            SimFault::Before { at, code, .. } => (at, code, false),
            SimFault::After { at, code, .. } => (at, code, true),
            SimFault::Crash => return,
        };
        self.step(at);
        let Some(step) = self.checked.steps.iter().find(|step| step.address == at.value) else { return };
        let writes = matches!(&step.what, What::Action(action) if action.manifest.effect > crate::action::Effect::Read);
        let is_call = matches!(step.what, What::Call { .. });
        let ambiguous = code_info(&code.value).is_some_and(|info| info.class == Class::Ambiguous);
        let (span, what, cure) = if is_call {
            let cure = Text::new(format!("{}/… のように、中の手順を書いてください。", at.value), format!("name a step inside it, `{}/..`.", at.value));
            (at.span, Text::new("部品を呼ぶ手順には起こせません。", "a step that calls a playbook has no faults of its own."), cure)
        } else if after && !writes {
            let cure = Text::new("before を使ってください。", "use `before`.");
            (at.span, Text::new("見るだけの手順に「行った後」はありません。", "a step that only reads has no effect to come after."), cure)
        } else if !after && ambiguous {
            let cure = Text::new("after_effect を使うか、別のコードにしてください。", "use `after_effect`, or another code.");
            let what = Text::new(
                format!("{} は「行われたか分からない」コードなので、before に書けません。", code.value),
                format!("`{}` leaves open whether it happened; it cannot come `before`.", code.value),
            );
            (code.span, what, cure)
        } else {
            return;
        };
        self.found.push(Diagnostic::error("TEST.FAULT", self.source.place(span), what).cure(cure));
    }
}

/// The words that a portal's `status` can say, and the enum word that each means.
pub fn status_words(profile: &Profile) -> BTreeMap<String, String> {
    let pages = profile.operations.get(&Operation::Status).map(|spec| spec.pages.as_slice()).unwrap_or_default();
    let labels = pages.iter().flat_map(|page| &page.read).filter(|(name, _)| name == "status");
    let means = labels.flat_map(|(_, label)| &label.means);
    means.flat_map(|(word, texts)| texts.iter().chain([word]).map(move |text| (text.clone(), word.clone()))).collect()
}

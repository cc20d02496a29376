//! Actions that can be made to fail at a step, and that count how often they act: the registry's own, each behind a wrapper.
//!
//! May use: actions, the idempotency key of a call, which tells its step. Must not: change what an action does when nothing is asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::super::locked;
use crate::action::{
    Action, CountedOn, Inputs, Intent, IntentOnDisk, Kind, Manifest, Observed, Outputs, ReadAction, ReadCx, Registry, Tried, WriteAction, WriteCx, registry,
};
use crate::backend::{BackendError, Call, Class, IdempotencyKey, Progress, code_info};
use crate::text::{Phrase, Text};

/// When a fault comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// Instead of acting.
    Before,
    /// After acting, in place of its outputs.
    After,
}

/// A fault that is waiting for its step.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) step: String,
    pub(super) code: String,
    pub(super) when: When,
    pub(super) times: u32,
}

/// What is to go wrong in the run at hand, and what was done in it.
#[derive(Debug, Default)]
struct Script {
    /// Steps by the keys of their calls.
    steps: BTreeMap<String, String>,
    faults: Vec<Planned>,
    calls: BTreeMap<String, u32>,
    /// The inputs of each step, as its action got them last.
    inputs: BTreeMap<String, Inputs>,
}

/// A registry whose actions follow a script.
pub(super) struct Stage {
    registry: &'static Registry,
    script: Arc<Mutex<Script>>,
}

impl Stage {
    /// A stage over the registry's actions. A run needs its registry for as long as the process lives, so one stage is made for a
    /// process and set anew for every run.
    pub(super) fn new() -> Self {
        let script = Arc::new(Mutex::new(Script::default()));
        let wrapped = registry().manifests().filter_map(|manifest| {
            let (_, inner) = registry().find(manifest.name, manifest.major)?;
            let action: &'static dyn Action = Box::leak(Box::new(Scripted { inner, name: manifest.name, script: script.clone() }));
            Some(action)
        });
        let actions: Vec<&'static dyn Action> = wrapped.collect();
        Self { registry: Box::leak(Box::new(Registry::of(&actions))), script }
    }

    /// The registry to run with.
    pub(super) fn registry(&self) -> &'static Registry {
        self.registry
    }

    /// A new run: its faults; nothing was called yet.
    pub(super) fn set<'a>(&self, run: &str, steps: impl IntoIterator<Item = &'a str>, faults: Vec<Planned>) {
        let keys = steps.into_iter().map(|step| (IdempotencyKey::new(run, step).as_str().to_owned(), step.to_owned()));
        *locked(&self.script) = Script { steps: keys.collect(), faults, ..Script::default() };
    }

    /// How often each action was carried out, by its name.
    pub(super) fn calls(&self) -> BTreeMap<String, u32> {
        locked(&self.script).calls.clone()
    }

    /// The inputs of each step, as its action got them last.
    pub(super) fn inputs(&self) -> BTreeMap<String, Inputs> {
        locked(&self.script).inputs.clone()
    }
}

struct Scripted {
    inner: &'static dyn Action,
    name: &'static str,
    script: Arc<Mutex<Script>>,
}

impl Scripted {
    /// Counts the call, and takes the fault that is planned for its step.
    fn called(&self, call: &Call, inputs: &Inputs, when: When) -> Option<String> {
        let mut script = locked(&self.script);
        if when == When::Before {
            *script.calls.entry(self.name.to_owned()).or_default() += 1;
        }
        let step = script.steps.get(call.key.as_str())?.clone();
        script.inputs.insert(step.clone(), inputs.clone());
        let fault = script.faults.iter_mut().find(|fault| fault.step == step && fault.when == when && fault.times > 0)?;
        fault.times -= 1;
        Some(fault.code.clone())
    }
}

impl Action for Scripted {
    fn manifest(&self) -> Manifest {
        self.inner.manifest()
    }

    fn kind(&self) -> Kind<'_> {
        match self.inner.kind() {
            Kind::Read(_) => Kind::Read(self),
            Kind::Write(_) => Kind::Write(self),
        }
    }
}

impl ReadAction for Scripted {
    fn read(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<Outputs, BackendError> {
        let Kind::Read(inner) = self.inner.kind() else { return Err(error("RUN.INTERNAL")) };
        // Asking a person is no call yet; taking the answer is.
        if self.inner.manifest().person && !cx.sessions.is_answered() {
            return inner.read(cx, inputs);
        }
        match self.called(&cx.call, inputs, When::Before) {
            Some(code) => Err(error(&code)),
            None => inner.read(cx, inputs),
        }
    }

    fn counted_on(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<Option<CountedOn>, BackendError> {
        self.inner.kind().counted_on(cx, inputs)
    }

    fn tried(&self, inputs: &Inputs, error: &BackendError) -> Option<Tried> {
        self.inner.kind().tried(inputs, error)
    }

    fn preflight(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
        if let Kind::Read(inner) = self.inner.kind() { inner.preflight(cx, inputs) } else { Ok(()) }
    }
}

impl WriteAction for Scripted {
    fn observe(&self, cx: &ReadCx<'_>, inputs: &Inputs, intent: Option<&Intent>) -> Result<Observed, BackendError> {
        let Kind::Write(inner) = self.inner.kind() else { return Err(error("RUN.INTERNAL")) };
        inner.observe(cx, inputs, intent)
    }

    fn perform(&self, cx: &WriteCx<'_>, inputs: &Inputs, intent: &IntentOnDisk) -> Result<Progress<Outputs>, BackendError> {
        let Kind::Write(inner) = self.inner.kind() else { return Err(error("RUN.INTERNAL")) };
        if self.inner.manifest().person && !cx.read.sessions.is_answered() {
            return inner.perform(cx, inputs, intent);
        }
        if let Some(code) = self.called(&cx.read.call, inputs, When::Before) {
            return Err(error(&code));
        }
        let done = inner.perform(cx, inputs, intent)?;
        match self.called(&cx.read.call, inputs, When::After) {
            // Of what may be repeated the codes stay as they are; else an error after the effect leaves open whether it happened.
            Some(code) if self.inner.manifest().repeatable => Err(error(&code)),
            Some(code) => Err(error(&code).class(Class::Ambiguous)),
            None => Ok(done),
        }
    }

    fn preflight(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
        if let Kind::Write(inner) = self.inner.kind() { inner.preflight(cx, inputs) } else { Ok(()) }
    }

    fn counted_on(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<Option<CountedOn>, BackendError> {
        self.inner.kind().counted_on(cx, inputs)
    }

    fn tried(&self, inputs: &Inputs, error: &BackendError) -> Option<Tried> {
        self.inner.kind().tried(inputs, error)
    }

    fn check_value(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<(), BackendError> {
        if let Kind::Write(inner) = self.inner.kind() { inner.check_value(cx, inputs) } else { Ok(()) }
    }
}

/// The error of a fault, with the class of its code; of a code that only a playbook or profile knows, a person's.
fn error(code: &str) -> BackendError {
    let title = code_info(code).map_or(Phrase { ja: "試験の故障", en: "a fault of the test" }, |info| info.title);
    let error = BackendError::new(code, Text::new(format!("{}(試験の故障)。", title.ja), format!("{} (a fault of the test).", title.en)));
    if code_info(code).is_some() { error } else { error.class(Class::Human) }
}

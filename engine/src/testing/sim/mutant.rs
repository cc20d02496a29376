//! Wrong rules, put in on purpose: a simulation that does not find them proves nothing.

use crate::backend::{BackendError, BackendSet, Call};
use crate::run::{Command, Doing, Event, EventBody, Outcome, Phase, Program, State, apply, decide};

/// A driver or a core with one wrong rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// After an ambiguous error the step is sent again.
    Resends,
    /// It says that it looked, and did not.
    SkipsLook,
    /// The first look that does not find it settles it, whatever the portal's facts.
    OneLookIsEnough,
    /// The effect comes first, the intent after it.
    ActsBeforeIntent,
    /// The effect does not wait for the disk.
    CommitsLate,
    /// The old certificate is deleted as soon as the new one is there.
    DeletesBeforeProof,
    /// A late or doubled answer opens an ended step again.
    HearsTwice,
    /// A failure does not stop the steps after it.
    IgnoresFailure,
    /// A step in flight when the process died is taken for not begun.
    ForgetsInFlight,
    /// A parked run gives its claim up.
    DropsClaim,
    /// Approvals are not asked for.
    SkipsApproval,
    /// Polls without waiting.
    NeverWaits,
    /// The state does not keep what it saw after its JSON.
    ForgetsLooks,
    /// A try is made and not counted.
    NeverCounts,
    /// Tries go on, whatever was counted.
    TriesOn,
    /// A wrong value ends the count like a right one.
    Forgives,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Resends,
        Self::SkipsLook,
        Self::OneLookIsEnough,
        Self::ActsBeforeIntent,
        Self::CommitsLate,
        Self::DeletesBeforeProof,
        Self::HearsTwice,
        Self::IgnoresFailure,
        Self::ForgetsInFlight,
        Self::DropsClaim,
        Self::SkipsApproval,
        Self::NeverWaits,
        Self::ForgetsLooks,
        Self::NeverCounts,
        Self::TriesOn,
        Self::Forgives,
    ];

    /// `apply`, by these rules.
    pub(super) fn apply(mutant: Option<Self>, program: &Program, state: &mut State, event: &Event) {
        let before = mutant.and_then(|_| Some(state.step(event.body.step()?)?.doing.clone()));
        apply(program, state, event);
        let (Some(mutant), step) = (mutant, event.body.step()) else { return };
        let doing = step.and_then(|step| state.steps.get_mut(step)).map(|step| &mut step.doing);
        match (mutant, &event.body, doing) {
            (Self::Resends, EventBody::Uncertain { .. }, Some(doing)) => *doing = Doing::Ready,
            (Self::OneLookIsEnough, EventBody::Reconciled { .. }, Some(doing)) => {
                if let Doing::Uncertain(uncertain) = doing
                    && !uncertain.looks.is_empty()
                {
                    *doing = Doing::Ready;
                }
            }
            (Self::HearsTwice, EventBody::EffectEnded { result: crate::run::EffectResult::Done { outputs }, .. }, Some(doing)) => {
                if matches!(before, Some(Doing::Ended(_))) {
                    *doing = Doing::Effected { outputs: outputs.clone(), unchanged: false };
                }
            }
            (Self::IgnoresFailure, EventBody::StepEnded { end, .. }, Some(Doing::Ended(ended))) if end.outcome == Outcome::Failed => {
                ended.outcome = Outcome::Skipped;
            }
            (Self::ForgetsInFlight, EventBody::RunResumed { .. }, None) => {
                for step in state.steps.values_mut() {
                    if matches!(&step.doing, Doing::Uncertain(uncertain) if uncertain.code == "RUN.INTERRUPTED") {
                        step.doing = Doing::Waiting;
                    }
                }
            }
            (Self::SkipsApproval, EventBody::RunStarted { .. }, None) => {
                state.approved.extend(program.checked.steps.iter().map(|step| step.address.clone()));
            }
            _ => {}
        }
    }

    /// The state out of its JSON, by these rules.
    pub(super) fn read_back(mutant: Option<Self>, json: &str) -> Option<State> {
        let mut state: State = serde_json::from_str(json).ok()?;
        if mutant == Some(Self::ForgetsLooks) {
            for step in state.steps.values_mut() {
                step.retries = 0;
                if let Doing::Uncertain(uncertain) = &mut step.doing {
                    uncertain.looks.clear();
                }
            }
        }
        Some(state)
    }

    /// `decide`, by these rules.
    pub(super) fn decide(mutant: Option<Self>, program: &Program, state: &State) -> Vec<Command> {
        let mut commands = decide(program, state);
        if mutant == Some(Self::NeverWaits) && state.phase == Phase::Active {
            for command in &mut commands {
                if let Command::AwaitTimer { step, .. } = command {
                    let attempt = state.step(step).map_or(1, |known| known.attempt + 1);
                    *command = Command::Start { step: step.clone(), attempt };
                }
            }
        }
        commands
    }
}

/// What [`Mutant::DeletesBeforeProof`] does once the new certificate is there.
pub(super) fn delete_the_oldest(backends: &BackendSet, call: &Call) -> Result<(), BackendError> {
    for store in backends.stores.values() {
        let lock = store.lock(call)?;
        let mut certs = lock.list()?;
        certs.sort_by_key(|cert| cert.info.not_after);
        if let [oldest, .., newest] = certs.as_slice() {
            lock.prove_key(&newest.info.sha1)?;
            lock.delete(&oldest.info.sha1)?;
        }
    }
    Ok(())
}

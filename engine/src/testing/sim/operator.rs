//! What people do from outside with a run that no process drives: resume it, answer, settle what is not known, give it up, wait.

use std::collections::BTreeMap;
use std::time::Duration;

use super::faults::Harm;
use super::people::{found_out, word};
use super::process::{Dead, Process, Site};
use crate::backend::IdempotencyKey;
use crate::clock::Clock;
use crate::run::{Doing, EventBody, ParkCause, Phase, Settled, State};

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// A process drives it again.
    Resumed,
    /// An event was written, or time passed.
    Something,
    /// Nothing can be done: it ended.
    Nothing,
}

/// One thing that an operator does. The process is one that has just read the journal; it is kept when the run is to go on.
pub(super) fn act(site: &Site<'_>, process: &mut Process<'_>, calm: bool) -> Result<Done, Dead> {
    let ground = site.ground;
    let phase = process.state.phase.clone();
    if matches!(phase, Phase::Ended(_) | Phase::New) {
        return Ok(Done::Nothing);
    }
    if let Some((step, question)) = asked(&process.state) {
        let late = !calm && ground.draw(|rng| rng.chance(200));
        if !late {
            let yes = calm || !ground.harmed(Harm::No);
            let answer = word(ground, &question, yes);
            process.append(EventBody::HumanAnswered { step: step.clone(), answer: answer.clone(), settled: None })?;
            if ground.harmed(Harm::Twice) {
                // Two answers were on their way: the second one is refused by whoever reads the journal first, and changes nothing.
                let before = process.state.step(&step).cloned();
                process.append(EventBody::HumanAnswered { step: step.clone(), answer, settled: None })?;
                if process.state.step(&step) != before.as_ref() {
                    ground.violation(format!("a second answer to {step} changes it"));
                }
            }
            process.commit();
            return Ok(Done::Something);
        }
    }
    if let Some((step, needs_person)) = uncertain(&process.state)
        && needs_person
        && (calm || ground.draw(|rng| rng.chance(600)))
    {
        settle(site, process, &step)?;
        process.commit();
        return Ok(Done::Something);
    }
    if !calm && ground.harmed(Harm::Abandon) {
        return abandon(site, process).map(|()| Done::Something);
    }
    if let Phase::Parked(ParkCause::Time) = phase
        && let Some(due) = due(&process.state)
    {
        let at = ground.true_time_of(due);
        let (most, long) = (ground.clock.now() + jiff::SignedDuration::from_hours(26), ground.draw(|rng| rng.chance(850)));
        if calm || long {
            ground.pass_until(at.min(most));
        }
    } else if !calm && ground.draw(|rng| rng.chance(300)) {
        let wait = ground.draw(|rng| *rng.pick(&[60u64, 900, 7_200, 50_000]));
        ground.pass(Duration::from_secs(wait));
    }
    process.append(EventBody::RunResumed { engine: "simulated".to_owned(), account: "operator".to_owned() })?;
    Ok(Done::Resumed)
}

/// Gives the run up, after settling what is not known.
pub(super) fn abandon(site: &Site<'_>, process: &mut Process<'_>) -> Result<(), Dead> {
    let open: Vec<String> = process
        .state
        .steps
        .iter()
        .filter(|(_, step)| matches!(step.doing, Doing::InFlight(_) | Doing::Uncertain(_)))
        .map(|(address, _)| address.clone())
        .collect();
    for step in open {
        settle(site, process, &step)?;
    }
    process.append(EventBody::RunAbandoned { by: "院長".to_owned(), reason: "やめる".to_owned() })?;
    process.commit();
    Ok(())
}

/// A person finds out whether it happened, and says so; sometimes wrongly.
fn settle(site: &Site<'_>, process: &mut Process<'_>, step: &str) -> Result<(), Dead> {
    let key = IdempotencyKey::new(&process.run, step);
    let happened = match site.program.action(step).map(|action| action.manifest.name) {
        Some("ca.renew") => site.ground.request_of(key.as_str()).is_some(),
        _ => site.ground.had_effect(key.as_str()),
    };
    let settled = if happened && !site.ground.harmed(Harm::Mistaken) { Settled::Done } else { Settled::NotDone };
    let request = site.ground.request_of(key.as_str()).filter(|_| settled == Settled::Done);
    let fields: BTreeMap<String, String> = request.into_iter().map(|id| ("request_id".to_owned(), id)).collect();
    let answer = found_out(site.ground, fields);
    if settled == Settled::NotDone {
        site.ground.settled_not_done(key.as_str());
    }
    process.append(EventBody::HumanAnswered { step: step.to_owned(), answer, settled: Some(settled) })
}

fn asked(state: &State) -> Option<(String, crate::action::Question)> {
    state.steps.iter().find_map(|(address, step)| match &step.doing {
        Doing::Asked(question) => Some((address.clone(), question.clone())),
        _ => None,
    })
}

fn uncertain(state: &State) -> Option<(String, bool)> {
    state.uncertain().map(|(address, uncertain)| (address.to_owned(), uncertain.needs_person))
}

fn due(state: &State) -> Option<jiff::Timestamp> {
    let due = state.steps.values().filter_map(|step| match &step.doing {
        Doing::Polling(due) | Doing::Retrying { due, .. } | Doing::Pending { due, .. } => Some(*due),
        Doing::Uncertain(uncertain) => uncertain.timer,
        _ => None,
    });
    due.min()
}

//! What people do from outside with a run that no process drives: resume it, answer, settle what is not known, give it up, wait.

use std::collections::BTreeMap;
use std::time::Duration;

use super::faults::Harm;
use super::people::{found_out, says};
use super::process::{Dead, Process, Site};
use crate::backend::IdempotencyKey;
use crate::clock::Clock;
use crate::run::{Doing, EventBody, ParkCause, Phase, Settled, State, Word, abandonment, in_doubt};

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
        // Whoever answers too late is refused.
        let answer = (!late).then(|| says(process, &step, &question)).filter(|answer| question.accepts(answer).is_ok());
        if let Some(answer) = answer {
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
    // A device that is stopped is seen to: whoever knows the right value now clears its count.
    if let Some(device) = stopped(&process.state)
        && ground.draw(|rng| rng.chance(300))
    {
        ground.devices(|devices| devices.reset(&device));
        let cleared = EventBody::AttemptsCleared { on: device, by: "院長".to_owned(), account: "operator".to_owned(), reason: "確かめた".to_owned() };
        let now = ground.now();
        ground.journal(|journal| {
            journal.append("state", now, cleared);
            journal.commit();
        });
    }
    process.append(EventBody::RunResumed { engine: "simulated".to_owned(), account: "operator".to_owned() })?;
    Ok(Done::Resumed)
}

/// Gives the run up, after somebody found out what is not known.
pub(super) fn abandon(site: &Site<'_>, process: &mut Process<'_>) -> Result<(), Dead> {
    let events = site.ground.journal(|journal| journal.events(&process.run).to_vec());
    let open: Vec<String> = in_doubt(&events).into_keys().map(str::to_owned).collect();
    let words: Vec<Word> = open.into_iter().map(|step| Word { settled: find_out(site, process, &step).0, step: Some(step) }).collect();
    match abandonment(&process.run, &events, &words, &found_out(site.ground, BTreeMap::new()), "やめる") {
        Ok(events) => events.into_iter().try_for_each(|event| process.append(event))?,
        Err(error) => site.ground.violation(format!("a run whose doubts are settled cannot be given up: {error}")),
    }
    process.commit();
    Ok(())
}

/// A person finds out whether it happened, sometimes wrongly; and which request came of it.
fn find_out(site: &Site<'_>, process: &Process<'_>, step: &str) -> (Settled, Option<String>) {
    let key = IdempotencyKey::new(&process.run, step);
    let request = site.ground.request_of(key.as_str());
    let sent = matches!(process.state.step(step).map(|step| &step.doing), Some(Doing::Uncertain(uncertain)) if uncertain.intent.is_some())
        || process.state.step(step).is_some_and(|step| matches!(step.doing, Doing::InFlight(_) | Doing::Pending { .. }));
    let happened = match site.program.action(step).map(|action| action.manifest.name) {
        // Asked before this step sent anything: whether somebody else did.
        Some("ca.renew") => {
            if sent {
                request.is_some()
            } else {
                site.ground.was_issued()
            }
        }
        _ => site.ground.had_effect(key.as_str()),
    };
    if happened && !site.ground.harmed(Harm::Mistaken) {
        return (Settled::Done, request);
    }
    if sent {
        site.ground.settled_not_done(key.as_str());
    } else {
        site.ground.nothing_was_requested();
    }
    (Settled::NotDone, None)
}

/// A person settles an uncertain step.
fn settle(site: &Site<'_>, process: &mut Process<'_>, step: &str) -> Result<(), Dead> {
    let (settled, request) = find_out(site, process, step);
    // Not everybody writes the number down.
    let request = request.filter(|_| site.ground.draw(|rng| rng.chance(700)));
    let fields: BTreeMap<String, String> = request.into_iter().map(|id| ("request_id".to_owned(), id)).collect();
    let answer = found_out(site.ground, fields);
    process.append(EventBody::HumanAnswered { step: step.to_owned(), answer, settled: Some(settled) })
}

/// The device of a step that failed because no try is left.
fn stopped(state: &State) -> Option<String> {
    let (_, ended) = state.failed()?;
    let error = ended.error.as_ref().filter(|error| error.code == "PIN.STOPPED")?;
    error.data.get("device").cloned()
}

fn asked(state: &State) -> Option<(String, crate::action::Question)> {
    state.steps.iter().find_map(|(address, step)| match &step.doing {
        Doing::Asked(question) => Some((address.clone(), question.clone())),
        _ => None,
    })
}

/// A step in doubt, and whether only a person can tell; of several one that waits for a person.
fn uncertain(state: &State) -> Option<(String, bool)> {
    let in_doubt = state.steps.iter().filter_map(|(address, step)| match &step.doing {
        Doing::Uncertain(uncertain) => Some((address.clone(), uncertain.needs_person)),
        _ => None,
    });
    in_doubt.max_by_key(|(_, needs_person)| *needs_person)
}

fn due(state: &State) -> Option<jiff::Timestamp> {
    let due = state.steps.values().filter_map(|step| match &step.doing {
        Doing::Polling(due) | Doing::Retrying { due, .. } | Doing::Pending { due, .. } => Some(*due),
        Doing::Uncertain(uncertain) => uncertain.timer,
        _ => None,
    });
    // What is due already waits for something else.
    due.filter(|due| state.at.is_none_or(|now| *due > now)).min()
}

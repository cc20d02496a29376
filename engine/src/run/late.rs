//! Events that come too late: an answer that is delivered a second time, or after its step went on. Pure.
//!
//! They stay in the journal and change nothing. What makes an answer late is never its time but what the step is doing, and the number of
//! the attempt, the look or the timer that it answers.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

use super::event::{EffectResult, EventBody};
use super::state::{Doing, StepState};
use crate::backend::Class;

/// Whether an event about a step has nothing to say to it any more.
pub(super) fn is_late(address: &str, step: &StepState, body: &EventBody) -> bool {
    let doing = &step.doing;
    match body {
        EventBody::Decided { run: true, .. } => !matches!(doing, Doing::Waiting | Doing::Rescuing { .. }),
        EventBody::Observed { attempt, .. } => match doing {
            // A person's answer is looked at in the attempt that asked. Older journals number every such look 1.
            Doing::Ready => *attempt <= step.attempt && step.answered.is_empty(),
            // Nobody answered in time.
            Doing::Asked(_) => *attempt <= step.attempt,
            _ => true,
        },
        EventBody::IntentRecorded { intent, .. } => intent.attempt <= step.attempt,
        EventBody::EffectEnded { attempt, result, .. } => match doing {
            Doing::InFlight(intent) | Doing::Pending { intent, .. } => intent.attempt != *attempt,
            // An answer that was given up for lost: it is heard after all, but it can say "not yet" no more.
            Doing::Uncertain(uncertain) => {
                let same = uncertain.intent.as_ref().is_some_and(|intent| intent.attempt == *attempt);
                let says = match result {
                    EffectResult::Done { .. } => true,
                    EffectResult::Failed { error } => error.class != Class::Ambiguous,
                    EffectResult::Pending { .. } => false,
                };
                !(same && says)
            }
            _ => true,
        },
        EventBody::Uncertain { attempt, .. } => match doing {
            Doing::InFlight(intent) | Doing::Pending { intent, .. } => attempt.is_some_and(|attempt| attempt != intent.attempt),
            // Whoever was asked to act did not answer in time.
            Doing::Asked(_) => match step.interrupted.as_deref() {
                Some(Doing::InFlight(intent) | Doing::Pending { intent, .. }) => attempt.is_some_and(|attempt| attempt != intent.attempt),
                _ => true,
            },
            _ => true,
        },
        EventBody::Reconciled { attempt, look, .. } => match doing {
            Doing::Uncertain(uncertain) => {
                let other = attempt.zip(uncertain.intent.as_ref()).is_some_and(|(attempt, intent)| attempt != intent.attempt);
                other || look.is_some_and(|look| look != uncertain.looked + 1)
            }
            _ => true,
        },
        EventBody::TimerFired { timer, .. } => {
            let due = match doing {
                Doing::Polling(due) | Doing::Retrying { due, .. } | Doing::Pending { due, .. } => Some(*due),
                Doing::Uncertain(uncertain) => uncertain.timer,
                _ => None,
            };
            // Older journals name a timer by its instant, which is the same for two of them while the clock stands still.
            due.is_none_or(|due| *timer != step.timer(address, due) && *timer != format!("{address}/{due}"))
        }
        // The same question is not put twice in one attempt.
        EventBody::HumanAsked { question, attempt, look, .. } => {
            let of = |right: u32| attempt.is_some_and(|attempt| attempt != right);
            // A look asks what is there, an act asks somebody to do it. Older journals tell them not apart.
            let otherwise = |acts: bool| attempt.is_some() && question.acts != acts;
            let other = match doing {
                Doing::Rescuing { .. } => false,
                Doing::Ready => of(step.attempt + 1) || otherwise(false),
                Doing::InFlight(intent) | Doing::Pending { intent, .. } => of(intent.attempt) || otherwise(true),
                // A later attempt: whoever wrote it down knew the site, which says after how long an absence counts; who reads may not.
                Doing::Uncertain(uncertain) => {
                    let earlier = |attempt: u32| uncertain.intent.as_ref().is_none_or(|intent| attempt < intent.attempt);
                    let of_it = |attempt: u32| uncertain.intent.as_ref().is_some_and(|intent| attempt == intent.attempt);
                    let of_another_look = look.is_some_and(|look| look != uncertain.looked + 1);
                    uncertain.intent.is_none() || of_another_look || attempt.is_some_and(|attempt| earlier(attempt) || of_it(attempt) && otherwise(false))
                }
                _ => true,
            };
            other || step.answered.iter().any(|answered| answered.question == *question)
        }
        // An answer to another question.
        EventBody::HumanAnswered { answer, settled: None, .. } => answer.asked.is_some() && answer.asked != step.asked,
        EventBody::StepEnded { .. } => matches!(doing, Doing::Ended(_)),
        _ => false,
    }
}

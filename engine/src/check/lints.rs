//! Rules over the whole graph of steps.

use std::collections::BTreeSet;

use super::{Frame, Step, What};
use crate::action::Effect;
use crate::text::{Diagnostic, Place, Text};

/// What the graph rules need to know of a step.
pub(super) struct Facts {
    /// Where its id is written.
    pub(super) place: Place,
    /// It may be skipped for a reason of its own: `when`, or a required input that may be absent.
    pub(super) may_skip: bool,
}

/// An irreversible step must not run while a step above it is skipped, unless it says `when` or takes data from it.
pub(super) fn skips(steps: &[Step], facts: &[Facts], frames: &[Frame]) -> Vec<Diagnostic> {
    let mut found = vec![];
    for (index, step) in steps.iter().enumerate() {
        let What::Action(action) = &step.what else { continue };
        if action.manifest.effect != Effect::Irreversible {
            continue;
        }
        let needed = needed(steps, index);
        let beside = |above: &usize| steps[*above].row.is_none() || steps[*above].row == step.row;
        let alone = (0..index).filter(beside).find(|above| facts[*above].may_skip && !needed.contains(above) && !conditional(step, &steps[*above], frames));
        let Some(above) = alone else { continue };
        let (own, other) = (&step.address, &steps[above].address);
        let what = Text::new(
            format!("取り消せない手順「{own}」が、上の手順「{other}」が飛ばされても実行されます。"),
            format!("the irreversible step `{own}` can run while `{other}` above it is skipped."),
        );
        let cure = Text::new(
            format!("「{own}」に when を付けるか、「{other}」の結果を使ってください。"),
            format!("give `{own}` a `when`, or let it use an output of `{other}`."),
        );
        let label = Text::new("この手順は飛ばされることがあります", "this step may be skipped");
        found.push(Diagnostic::error("CHECK.SKIP", facts[index].place.clone(), what).cure(cure).related(facts[above].place.clone(), label));
    }
    found
}

/// Steps whose data a step needs, directly or through others. A step of a row needs what the row's step needs, and that step.
fn needed(steps: &[Step], index: usize) -> BTreeSet<usize> {
    let mut needed = BTreeSet::new();
    let takes = |step: &Step| step.data.iter().copied().chain(step.row.as_ref().map(|row| row.owner)).collect::<Vec<_>>();
    let mut open = takes(&steps[index]);
    while let Some(next) = open.pop() {
        if needed.insert(next) {
            open.extend(steps.get(next).map(takes).unwrap_or_default());
        }
    }
    needed
}

/// Whether a `when` of the step, or of a call around it that does not hold `above` too, lets its author decide.
fn conditional(step: &Step, above: &Step, frames: &[Frame]) -> bool {
    let around = ring(above.frame, frames);
    let shared = ring(step.frame, frames).into_iter().filter(|frame| around.contains(frame)).count();
    step.when.iter().any(|condition| ring(condition.frame, frames).len() >= shared)
}

/// A frame and those around it.
fn ring(frame: usize, frames: &[Frame]) -> Vec<usize> {
    let mut ring = vec![frame];
    let mut at = frame;
    while let Some((caller, _)) = frames[at].caller {
        ring.push(caller);
        at = caller;
    }
    ring
}

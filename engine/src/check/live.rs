//! Sessions do not survive waiting: a live handle may not cross a step that can wait for hours.
//!
//! May use: types, manifests. Must not: know how a session is made.

use std::collections::BTreeSet;

use super::origins::Origins;
use super::rules::Graph;
use super::{Checked, Step, What};
use crate::backend::profile::{Hands, Then};
use crate::text::{Diagnostic, Text};

/// Reports every use of a session behind a step that can wait.
pub(super) fn live_handles(graph: &Graph<'_>) -> Vec<Diagnostic> {
    let checked = graph.checked;
    let origins = Origins { frames: &checked.frames, steps: &checked.steps };
    let mut found = vec![];
    for (user, step) in checked.steps.iter().enumerate() {
        let What::Action(action) = &step.what else { continue };
        for input in action.manifest.inputs.iter().filter(|input| input.ty.is_live()) {
            let Some(binding) = action.with.get(&input.name) else { continue };
            let makers = origins.of_binding(step.frame, binding).into_iter().filter(|(maker, output)| makes_live(&checked.steps[*maker], output));
            let before = origins.before(user);
            // A session in a person's browser is theirs to keep.
            let crossed = makers.map(|(maker, _)| maker).filter(|maker| !graph.by_hand(*maker)).find_map(|maker| {
                let between = |other: &usize| before.contains(other) && origins.before(*other).contains(&maker) && graph.can_wait(*other);
                let waiting = (maker + 1..user).rev().find(between).or_else(|| step.repeat.as_ref().map(|_| user));
                Some((maker, waiting?))
            });
            let Some((maker, waiting)) = crossed else { continue };
            let (session, waits) = (&checked.steps[maker].address, &checked.steps[waiting].address);
            let what = Text::new(
                format!("手順「{session}」で開いたものは、待つことのある手順「{waits}」の後では使えません。"),
                format!("what `{session}` opened does not last beyond `{waits}`, which can wait for hours."),
            );
            let cure = Text::new(
                format!("「{session}」を「{waits}」の後に移すか、待った後にもう一度開く手順を置いてください。"),
                format!("move `{session}` behind `{waits}`, or open it again after the wait."),
            );
            let place = graph.place_of(step.frame, binding).unwrap_or_else(|| graph.place(user));
            let finding = Diagnostic::error("CHECK.LIVE_HANDLE", place, what).cure(cure);
            let finding = finding.related(graph.place(maker), Text::new("ここで開く", "opened here"));
            found.push(if waiting == user {
                finding
            } else {
                finding.related(graph.place(waiting), Text::new("ここで待つことがある", "can wait here"))
            });
        }
    }
    found
}

impl Checked {
    /// The steps that opened the sessions which a step takes.
    pub fn sessions_of(&self, step: &Step) -> BTreeSet<usize> {
        let What::Action(action) = &step.what else { return BTreeSet::new() };
        let origins = Origins { frames: &self.frames, steps: &self.steps };
        let taken = action.manifest.inputs.iter().filter(|input| input.ty.is_live()).filter_map(|input| action.with.get(&input.name));
        let made = taken.flat_map(|binding| origins.of_binding(step.frame, binding));
        made.filter(|(maker, output)| makes_live(&self.steps[*maker], output)).map(|(maker, _)| maker).collect()
    }
}

fn makes_live(step: &Step, output: &str) -> bool {
    matches!(&step.what, What::Action(action) if action.manifest.outputs.iter().any(|known| known.name == output && known.ty.is_live()))
}

impl Graph<'_> {
    /// Whether a person does the step's pages, as its profile says.
    pub(super) fn by_hand(&self, index: usize) -> bool {
        let What::Action(action) = &self.checked.steps[index].what else { return false };
        let profile = action.portal.as_ref().and_then(|role| self.checked.profiles.get(role));
        profile.zip(action.manifest.operation).is_some_and(|(profile, operation)| profile.hands_of(operation) == Hands::Person)
    }

    /// Whether a run can park in a step: a person, a state that is waited for, pages done by hand, a row of `rescue` that does so.
    fn can_wait(&self, index: usize) -> bool {
        let step = &self.checked.steps[index];
        let What::Action(action) = &step.what else { return false };
        let rows = || step.rescue.iter().any(|row| row.then == Then::HandOff);
        let of_rows =
            || (0..self.checked.steps.len()).any(|inner| self.checked.steps[inner].row.as_ref().is_some_and(|row| row.owner == index) && self.can_wait(inner));
        action.manifest.person || !action.manifest.hand_off.is_empty() || step.repeat.is_some() || self.by_hand(index) || rows() || of_rows()
    }
}

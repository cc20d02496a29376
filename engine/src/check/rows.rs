//! Which row an error leads to: the step's own, that of a call around it, the action's, the profile's.

use super::{Checked, Rescue, Step, What};
use crate::backend::profile::{PageError, Then};

/// A row that is for an error of a step.
#[derive(Clone, Copy, Debug)]
pub enum RescueRow<'a> {
    /// A row of the playbook, with the step that has it: the step itself, or a call around it.
    Written(&'a Step, &'a Rescue),
    /// The action hands it to a person by default.
    OfAction,
    /// A default ending of the portal's profile.
    OfProfile(&'a PageError, Then),
}

impl RescueRow<'_> {
    /// How it goes on.
    pub fn then(&self) -> Then {
        match self {
            Self::Written(_, row) => row.then,
            Self::OfAction => Then::HandOff,
            Self::OfProfile(_, then) => *then,
        }
    }

    /// How often it lets the step run again.
    pub fn times(&self) -> u32 {
        match self {
            Self::Written(_, row) => row.times,
            Self::OfAction | Self::OfProfile(..) => 1,
        }
    }
}

impl Checked {
    /// The row for a code of a step: its own, else that of the innermost call around it that has one, else the action's or the profile's.
    pub fn row_for<'a>(&'a self, step: &'a Step, code: &str) -> Option<RescueRow<'a>> {
        let mut at = step;
        loop {
            if let Some(row) = at.rescue(code) {
                return Some(RescueRow::Written(at, row));
            }
            match self.frames[at.frame].caller {
                Some((_, caller)) => at = self.steps.get(caller)?,
                None => break,
            }
        }
        if matches!(&step.what, What::Action(action) if action.manifest.hand_off.contains(&code)) {
            return Some(RescueRow::OfAction);
        }
        self.defaults(step).find(|(known, _)| known.code == code).map(|(known, then)| RescueRow::OfProfile(known, then))
    }

    /// The default endings of the profile of a step's portal.
    pub fn defaults<'a>(&'a self, step: &'a Step) -> impl Iterator<Item = (&'a PageError, Then)> {
        let role = match &step.what {
            What::Action(action) => action.portal.as_deref(),
            What::Call { .. } => None,
        };
        let profile = role.and_then(|role| self.profiles.get(role));
        profile.into_iter().flat_map(|profile| &profile.errors).filter_map(|known| Some((known, known.then?)))
    }
}

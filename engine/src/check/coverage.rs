//! Which manual sections the steps of playbooks cite, and what is left out on either side.
//!
//! May use: checked playbooks. Must not: judge what must be covered; a manual has sections that ask for no step.

use std::collections::{BTreeMap, BTreeSet};

use super::{Checked, Manual, What};
use crate::text::Text;

/// Manuals against playbooks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Manuals that a step cites, by id.
    pub manuals: Vec<ManualCoverage>,
    /// Ids of manuals in the catalogue that no step cites.
    pub not_cited: Vec<String>,
    /// Steps without a section. A step that calls a playbook is left out: the steps inside it cite.
    pub without_section: Vec<CitingStep>,
}

/// One manual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManualCoverage {
    /// Its id.
    pub id: String,
    /// What the catalogue says of it.
    pub manual: Manual,
    /// Its sections, in the order of their numbers.
    pub sections: Vec<SectionCoverage>,
}

/// One section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionCoverage {
    /// Its number.
    pub section: String,
    /// Its title.
    pub title: Text,
    /// Steps that cite it, by playbook, in file order.
    pub steps: Vec<CitingStep>,
}

/// A step where it is written: a sub-playbook's step counts once, however many playbooks call it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CitingStep {
    /// Id of its playbook.
    pub playbook: String,
    /// Its id there.
    pub step: String,
}

impl Coverage {
    /// Sections with a step, and all sections, of the manuals that are cited.
    pub fn covered(&self) -> (usize, usize) {
        let sections = || self.manuals.iter().flat_map(|manual| &manual.sections);
        (sections().filter(|section| !section.steps.is_empty()).count(), sections().count())
    }
}

/// Compares playbooks with the manuals of their catalogues.
pub fn coverage(playbooks: &[Checked]) -> Coverage {
    let mut manuals: BTreeMap<&String, &Manual> = BTreeMap::new();
    let mut citing: BTreeMap<(&str, &str), Vec<CitingStep>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut without_section = vec![];
    for checked in playbooks {
        manuals.extend(&checked.catalogue.0);
        for step in &checked.steps {
            let at =
                CitingStep { playbook: checked.frames[step.frame].playbook.clone(), step: step.address.rsplit('/').next().unwrap_or(&step.address).to_owned() };
            if !seen.insert(at.clone()) {
                continue;
            }
            for cite in &step.cite {
                citing.entry((&cite.manual, &cite.section)).or_default().push(at.clone());
            }
            if step.cite.is_empty() && matches!(step.what, What::Action(_)) {
                without_section.push(at);
            }
        }
    }
    let is_cited = |id: &str| citing.keys().any(|(manual, _)| *manual == id);
    let (cited, not_cited): (Vec<_>, Vec<_>) = manuals.into_iter().partition(|(id, _)| is_cited(id));
    let one = |(id, manual): (&String, &Manual)| ManualCoverage { id: id.clone(), manual: manual.clone(), sections: sections(id, manual, &citing) };
    Coverage { manuals: cited.into_iter().map(one).collect(), not_cited: not_cited.into_iter().map(|(id, _)| id.clone()).collect(), without_section }
}

fn sections(id: &str, manual: &Manual, citing: &BTreeMap<(&str, &str), Vec<CitingStep>>) -> Vec<SectionCoverage> {
    let steps = |section: &str| citing.get(&(id, section)).cloned().unwrap_or_default();
    let one = |(section, title): (&String, &Text)| SectionCoverage { section: section.clone(), title: title.clone(), steps: steps(section) };
    let mut sections: Vec<SectionCoverage> = manual.sections.iter().map(one).collect();
    sections.sort_by_cached_key(|section| number(&section.section));
    sections
}

/// `2.10` stands after `2.9`; what is no number stands after the numbers.
fn number(section: &str) -> Vec<(u32, String)> {
    section.split(['.', '-']).map(|part| part.parse().map_or_else(|_| (u32::MAX, part.to_owned()), |number| (number, String::new()))).collect()
}

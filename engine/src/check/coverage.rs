//! Which manual sections the steps of playbooks cite, and what is left out on either side.
//!
//! May use: checked playbooks. Must not: judge what must be covered; a manual has sections that ask for no step.

use std::collections::{BTreeMap, BTreeSet};

use super::{Checked, Cite, DocumentKind, Manual, SOURCES, Step, What};
use crate::dsl::decode_sources;
use crate::text::Text;

/// Manuals against playbooks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Manuals that a step cites, by id.
    pub manuals: Vec<ManualCoverage>,
    /// Ids of manuals in the library's own catalogue that no step cites.
    pub not_cited: Vec<String>,
    /// Steps without a section. Left out: a step that calls a playbook, since the steps inside it cite, and a step of a `do` whose
    /// row of `rescue` cites.
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
    /// Steps that cite it, themselves or in a row of `rescue`, by playbook, in file order.
    pub steps: Vec<CitingStep>,
    /// Why it asks for no step, where the catalogue says so.
    pub out_of_scope: Option<Text>,
}

/// A step where it is written: a sub-playbook's step counts once, however many playbooks call it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CitingStep {
    /// Id of its playbook.
    pub playbook: String,
    /// Its id there; of a step of a `do`, with the way to it: `fetch/rescue/PORTAL.BUSY/again`.
    pub step: String,
}

impl SectionCoverage {
    /// No step cites it, and the catalogue says why.
    pub fn is_left_out(&self) -> bool {
        self.steps.is_empty() && self.out_of_scope.is_some()
    }
}

impl Coverage {
    /// Sections with a step, and all sections, of the manuals that are cited; without those that the catalogue puts out of scope.
    pub fn covered(&self) -> (usize, usize) {
        let sections = || self.manuals.iter().flat_map(|manual| &manual.sections).filter(|section| !section.is_left_out());
        (sections().filter(|section| !section.steps.is_empty()).count(), sections().count())
    }
}

/// Compares playbooks with the manuals of their catalogues.
pub fn coverage(playbooks: &[Checked]) -> Coverage {
    let mut manuals: BTreeMap<&String, &Manual> = BTreeMap::new();
    let mut own = BTreeSet::new();
    let mut citing: BTreeMap<(&str, &str), Vec<CitingStep>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut without_section = vec![];
    for checked in playbooks {
        manuals.extend(&checked.catalogue.0);
        own.extend(own_manuals(checked));
        for step in &checked.steps {
            let at = place(checked, step);
            if !seen.insert(at.clone()) {
                continue;
            }
            let sections: BTreeSet<&Cite> = step.cite.iter().chain(step.rescue.iter().flat_map(|row| &row.cite)).collect();
            for cite in sections {
                citing.entry((&cite.manual, &cite.section)).or_default().push(at.clone());
            }
            if step.cite.is_empty() && matches!(step.what, What::Action(_)) && !row_cites(checked, step) {
                without_section.push(at);
            }
        }
    }
    let is_cited = |id: &str| citing.keys().any(|(manual, _)| *manual == id);
    let one = |(id, manual): (&String, &Manual)| ManualCoverage { id: id.clone(), manual: manual.clone(), sections: sections(id, manual, &citing) };
    Coverage {
        manuals: manuals.into_iter().filter(|(id, _)| is_cited(id)).map(one).collect(),
        not_cited: own.into_iter().filter(|id| !is_cited(id)).collect(),
        without_section,
    }
}

/// Manuals of the library itself, without those of the catalogue behind it.
fn own_manuals(checked: &Checked) -> Vec<String> {
    let document = checked.documents.iter().find(|document| document.kind == DocumentKind::Sources && document.id == SOURCES);
    let catalogue = document.and_then(|document| decode_sources(&document.source).ok());
    catalogue.map(|catalogue| catalogue.0.into_keys().collect()).unwrap_or_default()
}

/// Where a step is written.
fn place(checked: &Checked, step: &Step) -> CitingStep {
    let frame = &checked.frames[step.frame];
    let call = frame.caller.and_then(|(_, caller)| checked.steps.get(caller)).map(|caller| format!("{}/", caller.address));
    let id = call.as_deref().and_then(|call| step.address.strip_prefix(call)).unwrap_or(&step.address);
    CitingStep { playbook: frame.playbook.clone(), step: id.to_owned() }
}

fn row_cites(checked: &Checked, step: &Step) -> bool {
    let row = step.row.as_ref().and_then(|row| checked.steps.get(row.owner)?.rescue(&row.code));
    row.is_some_and(|row| !row.cite.is_empty())
}

fn sections(id: &str, manual: &Manual, citing: &BTreeMap<(&str, &str), Vec<CitingStep>>) -> Vec<SectionCoverage> {
    let steps = |section: &str| citing.get(&(id, section)).cloned().unwrap_or_default();
    let one = |(section, title): (&String, &Text)| SectionCoverage {
        section: section.clone(),
        title: title.clone(),
        steps: steps(section),
        out_of_scope: manual.out_of_scope.get(section).cloned(),
    };
    manual.ordered().into_iter().map(one).collect()
}

//! Every row of `rescue`, tried once: its code is injected where a run reaches it, and the row must be followed to its ending.

use std::collections::BTreeMap;

use super::{Bench, Difference, TrialResult, broke};
use crate::backend::profile::Then;
use crate::backend::{Class, code_info};
use crate::check::{Checked, DocumentKind, Step, TestSuite, What};
use crate::dsl::test::{Ending, SimAnswer, SimFault, Situation};
use crate::run::EventBody;
use crate::text::{Place, Span, Spanned, Text};

/// A row of `rescue`.
#[derive(Clone, Debug)]
pub(super) struct RowOf {
    /// Address of the step that has it.
    pub(super) owner: String,
    /// Its code.
    pub(super) code: String,
    then: Then,
}

/// All rows of a playbook and of those it calls.
pub(super) fn rows(checked: &Checked) -> Vec<RowOf> {
    let of_step =
        |step: &Step| -> Vec<RowOf> { step.rescue.iter().map(|row| RowOf { owner: step.address.clone(), code: row.code.clone(), then: row.then }).collect() };
    checked.steps.iter().flat_map(of_step).collect()
}

/// Injects the code of a row in the first situation that reaches a step it is for.
pub(super) fn inject(bench: &Bench, suite: &TestSuite, row: &RowOf) -> TrialResult {
    let checked = &suite.checked;
    let at = place_of(checked, row);
    let fail = |ja: String, en: String| TrialResult::of(vec![Difference { place: Some(at.clone()), what: Text::new(ja, en) }]);
    let candidates = for_row(checked, row);
    let situations = suite.file.cases.iter().filter(|case| !case.expect.plan_only).map(|case| &case.situation).chain([&suite.file.base]);
    for situation in situations.filter(|situation| situation.faults.is_empty()) {
        let scene = bench.scene(suite, checked, situation);
        let Ok(undisturbed) = scene.play(checked, false) else { continue };
        let reached = candidates.iter().find(|step| !matches!(undisturbed.outcome(step), "none" | "skipped"));
        let Some(step) = reached else { continue };
        let wanted = undisturbed.ending();
        drop(scene);
        return match tried(bench, suite, row, step, situation) {
            Ok((ending, followed)) if followed => match ends_well(row, ending, wanted) {
                true => TrialResult::of(vec![]).note(format!("手順 {step} で起こした"), format!("injected at `{step}`")),
                false => {
                    let (ending, wanted) = (ending.map_or("none", Ending::word), wanted.map_or("none", Ending::word));
                    fail(
                        format!("{} が {step} で起きると {ending} で終わります(then: {}、何も起きなければ {wanted})", row.code, row.then.word()),
                        format!("with {} at `{step}` it ends {ending} (then: {}; undisturbed: {wanted})", row.code, row.then.word()),
                    )
                }
            },
            Ok(_) => fail(format!("{} が {step} で起きても、この行に来ません", row.code), format!("{} at `{step}` does not lead to this row", row.code)),
            Err(why) => TrialResult::of(vec![broke(at, &why)]),
        };
    }
    fail(
        format!("この行({})に来る試験がありません。手順 {} に着く場合を加えてください", row.code, row.owner),
        format!("no case exercises this row ({}): add one that reaches `{}`", row.code, row.owner),
    )
}

/// Plays a situation with the code injected: how it ended, and whether the row was followed.
fn tried(bench: &Bench, suite: &TestSuite, row: &RowOf, step: &str, situation: &Situation) -> Result<(Option<Ending>, bool), String> {
    let checked = &suite.checked;
    let ambiguous = is_ambiguous(&row.code);
    let (at, code) = (Spanned::new(step.to_owned(), Span::default()), Spanned::new(row.code.clone(), Span::default()));
    let fault = if ambiguous { SimFault::After { at, code, times: 1 } } else { SimFault::Before { at, code, times: 1 } };
    let mut answers: BTreeMap<_, _> = situation.answers.clone();
    if row.then == Then::HandOff {
        let said = || answers.get(step).into_iter().flat_map(|several| &several.value);
        let leaves = said().flat_map(|answer| answer.leaves.clone()).collect();
        let inserts = said().flat_map(|answer| answer.inserts.clone()).collect();
        let yes = SimAnswer { word: "true".to_owned(), leaves, inserts, ..SimAnswer::default() };
        answers.insert(step.to_owned(), Spanned::new(vec![yes], Span::default()));
    }
    let disturbed = Situation { faults: vec![Spanned::new(fault, Span::default())], answers, ..situation.clone() };
    let scene = bench.scene(suite, checked, &disturbed);
    let played = scene.play(checked, false)?;
    let follows = |body: &EventBody| matches!(body, EventBody::Decided { rescue: Some(taken), .. } if taken.of == row.owner && taken.error.code == row.code);
    // What is in doubt may be settled by looking before the row has anything to say.
    let settled = || ambiguous && played.events.iter().any(|event| matches!(&event.body, EventBody::Reconciled { step: of, .. } if of == step));
    let followed = played.events.iter().any(|event| follows(&event.body)) || settled();
    if scene.worked() && played.fewest == Some(0) {
        return Err("there was a moment without any working certificate".to_owned());
    }
    Ok((played.ending(), followed))
}

fn is_ambiguous(code: &str) -> bool {
    code_info(code).is_some_and(|info| info.class == Class::Ambiguous)
}

fn ends_well(row: &RowOf, ending: Option<Ending>, undisturbed: Option<Ending>) -> bool {
    match row.then {
        // Where nothing can be looked at, whether it happened stays open until a person says so.
        Then::HandOff if is_ambiguous(&row.code) && ending == Some(Ending::Uncertain) => true,
        Then::Retry | Then::Resume | Then::HandOff => ending == undisturbed,
        Then::Finish => ending == Some(Ending::Finished),
        Then::Stop => matches!(ending, Some(Ending::Failed | Ending::Uncertain)) || ending == undisturbed,
    }
}

/// The steps a row is for: its own, or those inside a call whose action can give the code, and which no nearer row is for.
fn for_row(checked: &Checked, row: &RowOf) -> Vec<String> {
    let leads_here = |step: &&Step| {
        let of = checked.row_for(step, &row.code);
        matches!(of, Some(crate::check::RescueRow::Written(owner, _)) if owner.address == row.owner)
    };
    let gives = |step: &&Step| matches!(&step.what, What::Action(action) if step.address == row.owner || action.manifest.codes.contains(&row.code.as_str()));
    checked.steps.iter().filter(leads_here).filter(gives).map(|step| step.address.clone()).collect()
}

/// Where a row is written: its code in the document of its step.
fn place_of(checked: &Checked, row: &RowOf) -> Place {
    let step = checked.steps.iter().find(|step| step.address == row.owner);
    let playbook = step.map_or(checked.id.as_str(), |step| checked.frames[step.frame].playbook.as_str());
    let document = checked.documents.iter().find(|document| document.kind == DocumentKind::Playbook && document.id == playbook);
    let Some(source) = document.map(|document| &document.source) else { return super::root_place(checked) };
    let id = row.owner.rsplit('/').next().unwrap_or(&row.owner);
    let of_step = source.text.find(&format!("\n  {id}:")).unwrap_or_default();
    let start = source.text[of_step..].find(&row.code).map_or(of_step, |at| of_step + at);
    source.place(Span::new(start, start + row.code.len()))
}

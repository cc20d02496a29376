//! What earlier runs did, or are still doing, for the credentials of a plan: read and shown by every later plan (`runs.md` 3).
//!
//! May use: the journal, the plan. Must not: decide anything about the plan.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use crate::action::{Inputs, registry};
use crate::check::{Checked, What};
use crate::dsl::Value;
use crate::journal::{Commitment, Journal, JournalError};
use crate::plan::{Message, Plan, credential_keys, site_key};
use crate::text::{Lang, Text};

/// The credential keys that a plan is about, whether or not it would act on them. A plan that knows none is about the procedure
/// itself at this site.
pub fn credentials_of(plan: &Plan, checked: &Checked) -> BTreeSet<String> {
    let of_steps = checked.steps.iter().filter_map(|step| {
        let What::Action(action) = &step.what else { return None };
        let planned = plan.step(&step.address)?;
        let known = action.manifest.inputs.iter().filter_map(|input| Some((input.name.clone(), Value::from_json(&input.ty, planned.with.get(&input.name)?)?)));
        credential_keys(checked, action, &Inputs(known.collect()))
    });
    let mut keys: BTreeSet<String> = of_steps.chain(plan.claims.iter().cloned()).collect();
    if keys.is_empty() && plan.has_pending_writes() {
        keys.insert(site_key(checked, &plan.target.id));
    }
    keys
}

/// Notices about unfinished runs and about what is known to be done, or not known to be undone, for the plan's credentials.
///
/// # Errors
/// `JOURNAL.*`.
pub fn earlier(journal: &Journal, plan: &Plan, checked: &Checked, zone: &TimeZone) -> Result<Vec<Message>, JournalError> {
    let mut messages = vec![];
    for key in credentials_of(plan, checked) {
        if let Some(run) = journal.claimed_by(&key)? {
            messages.push(Message {
                code: "RUN.UNFINISHED".to_owned(),
                message: Text::new(
                    format!("この証明書については実行 {run} が終わっていません。続けるには kirikae resume {run}"),
                    format!("Run {run} for this credential is not finished: kirikae resume {run}"),
                ),
            });
        }
        for commitment in journal.commitments(&key)? {
            if let Some(message) = words(&commitment, checked, zone) {
                messages.push(Message { code: "PLAN.COMMITTED".to_owned(), message });
            }
        }
    }
    Ok(messages)
}

/// What did not happen binds nobody.
fn words(commitment: &Commitment, checked: &Checked, zone: &TimeZone) -> Option<Text> {
    let (ja, en) = match commitment.state.as_str() {
        "done" => ("行いました", "done"),
        "uncertain" => ("行いましたが、届いたかどうか分かっていません", "sent, and whether it arrived is not known"),
        "intended" => ("始めましたが、結果が記録されていません", "begun, and its result is not on record"),
        _ => return None,
    };
    let Commitment { run, operation, .. } = commitment;
    let title = registry().manifests().find(|manifest| manifest.name == operation).map_or_else(|| Text::plain(operation), |manifest| manifest.title.into());
    let day = commitment.at.to_zoned(zone.clone()).date();
    let label = checked.profiles.values().find_map(|profile| profile.label("request_id")).unwrap_or("request_id");
    let request = commitment.request_id.as_deref();
    Some(Text::new(
        format!(
            "この証明書については、実行 {run} が {day} に「{}」を{ja}{}。",
            title.ja,
            request.map(|request| format!("({label} {request})")).unwrap_or_default()
        ),
        format!(
            "Run {run} for this credential: {} on {day} ({operation}), {en}{}.",
            title.get(Lang::En),
            request.map(|request| format!(", {label} {request}")).unwrap_or_default()
        ),
    ))
}

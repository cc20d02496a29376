//! Saved plans: the plan that was made or none, where it was made, before it expires.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use jiff::Timestamp;
use kirikae_engine::backend::BackendError;
use kirikae_engine::plan::{Moved, Plan, Present, may_start, read_saved};
use kirikae_engine::testing::situations::{due, expired};
use kirikae_engine::text::Lang;
use serde_json::{Value as Json, json};

fn plan() -> Plan {
    let mut plan = due().plan();
    plan.state = Some("0011223344556677".to_owned());
    plan.digest = plan.compute_digest();
    plan
}

fn saved(plan: &Plan) -> Json {
    serde_json::to_value(plan).unwrap()
}

/// Reads the file after somebody changed it.
fn edited(change: impl FnOnce(&mut Json)) -> Result<Plan, BackendError> {
    let mut json = saved(&plan());
    change(&mut json);
    read_saved(&json.to_string())
}

#[test]
fn a_plan_is_read_back_as_it_was_made() {
    assert_eq!(read_saved(&serde_json::to_string_pretty(&plan()).unwrap()).unwrap(), plan());
    // A blocked plan can be read, and shown, too.
    let blocked = expired().plan();
    assert!(read_saved(&saved(&blocked).to_string()).unwrap().is_blocked());
}

#[test]
fn whatever_is_changed_by_hand_is_noticed() {
    let code = |result: Result<Plan, BackendError>| result.map(|_| ()).map_err(|error| error.code);
    assert_eq!(code(edited(|json| json["steps"][1]["fee"]["yen"] = json!(1))), Err("PLAN.EDITED".to_owned()));
    assert_eq!(code(edited(|json| json["expires_at"] = json!("2099-01-01T00:00:00Z"))), Err("PLAN.EDITED".to_owned()));
    assert_eq!(code(edited(|json| json["approvals_required"] = json!([]))), Err("PLAN.EDITED".to_owned()));
    assert_eq!(code(edited(|json| json["more"] = json!(true))), Err("PLAN.EDITED".to_owned()), "what this version does not know counts, too");
    assert_eq!(code(edited(|json| json["diagnostics"] = json!([]))), Ok(()), "notices are not part of what is approved");
    // A later minor version adds fields: with their digest they are fine.
    let newer = edited(|json| {
        json["format_version"] = json!("1.7");
        json["more"] = json!(1);
        let mut bare = json.clone();
        bare.as_object_mut().unwrap().retain(|key, _| key != "digest" && key != "diagnostics");
        json["digest"] = json!(kirikae_engine::plan::canonical_digest(&bare).unwrap());
    });
    assert_eq!(code(newer), Ok(()));
}

#[test]
fn what_is_no_plan_is_refused() {
    for text in ["", "steps: 1", "{}", "[1]", r#"{"format_version":"1.0"}"#, r#"{"format_version":"2.0"}"#] {
        assert_eq!(read_saved(text).unwrap_err().code, "PLAN.UNREADABLE", "{text}");
    }
}

/// Whether it may start in a present that somebody changed.
fn started(change: impl FnOnce(&mut Plan, &mut Timestamp)) -> Result<(), BackendError> {
    let plan = plan();
    let mut there = plan.clone();
    let mut now = plan.created_at;
    change(&mut there, &mut now);
    let state = there.state.clone().unwrap_or_default();
    may_start(&plan, &Present { now, site: &there.target.id, state: &state, closure: &there.closure, bindings: &there.bindings })
}

#[test]
fn it_starts_before_it_expires_and_where_it_was_made() {
    assert_eq!(started(|_, _| {}), Ok(()));
    assert_eq!(started(|there, now| *now = there.expires_at), Ok(()), "to the last instant");
    let second = jiff::SignedDuration::from_secs(1);
    assert_eq!(started(|there, now| *now = there.expires_at + second).unwrap_err().code, "PLAN.EXPIRED");
    let elsewhere = started(|there, _| there.target.id = "other/01".to_owned()).unwrap_err();
    let other_state = started(|there, _| there.state = Some("ff".to_owned())).unwrap_err();
    assert_eq!((elsewhere.code.as_str(), other_state.code.as_str()), ("PLAN.ELSEWHERE", "PLAN.ELSEWHERE"));
    let texts =
        [&elsewhere, &other_state].map(|error| format!("{}\n{}\n{}\n{}", error.cause.ja, error.cure.ja, error.cause.get(Lang::En), error.cure.get(Lang::En)));
    insta::assert_snapshot!("saved-elsewhere", texts.join("\n"));
}

#[test]
fn every_document_and_role_that_changed_since_is_named() {
    let drift = started(|there, _| {
        there.closure.iter_mut().find(|item| item.kind == "portal").unwrap().digest = "0123456789abcdef".to_owned();
        there.bindings.insert("personal".to_owned(), "dir:/elsewhere".to_owned());
        there.bindings.remove("backup");
    });
    let error = drift.unwrap_err();
    assert_eq!(error.code, "PLAN.DRIFT");
    let moved: Vec<String> = Moved::of_error(&error.data)
        .iter()
        .map(|moved| format!("{} | {}: {} -> {}", moved.label().ja, moved.label().get(Lang::En), moved.was, moved.is))
        .collect();
    assert_eq!(moved.len(), 3, "{moved:?}");
    assert!(moved[0].starts_with("プロファイル obn | profile obn: ") && moved[0].ends_with(" -> 0123456789ab"), "{moved:?}");
    assert_eq!(moved[1], "役割 backup | role backup: folder:/backup -> -");
    assert_eq!(moved[2], "役割 personal | role personal: dir:/personal -> dir:/elsewhere");
}

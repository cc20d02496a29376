//! ca.renew: exactly one request, whatever happens to its answer.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use kirikae_engine::action::{Inputs, Observed};
use kirikae_engine::backend::Class;
use kirikae_engine::backend::profile::Operation;
use kirikae_engine::dsl::{CertInfo, Value};
use kirikae_engine::testing::{Attempt, Ended, Fault, World, certificate, inputs};

const CODE: &str = "0110119153";
const MINUTE: Duration = Duration::from_secs(60);

fn clinic() -> (World, CertInfo, Inputs) {
    let world = World::obn();
    let old = world.store.put(certificate(CODE, 1, "2023-10-22", "2027-01-22"));
    let given = inputs([("portal", Value::Role("issuer".to_owned())), ("client_cert", Value::Cert(Box::new(old.clone())))]);
    (world, old, given)
}

fn word(text: &str) -> Value {
    Value::Str(text.to_owned())
}

/// The baseline that a first look would write into the intent.
fn baseline(attempt: &Attempt<'_>, given: &Inputs) -> serde_json::Value {
    match attempt.observe("ca.renew", given, None).unwrap() {
        Observed::NotDone { conclusive: false, baseline } => baseline,
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_request_with_all_its_outputs_and_the_reference_id_in_the_vault() {
    let (world, _, given) = clinic();
    let Ended::Changed(outputs) = world.step("ca.renew", &given).unwrap() else { panic!("requested") };
    assert_eq!((world.portal.received(), world.portal.issued()), (1, 1));
    assert_eq!(outputs["request_id"], word("202611230036865"));
    assert_eq!(outputs["ou"], Value::List(vec![word("medical"), word("hokkaido")]));
    let Value::Secret(reference) = &outputs["reference_id"] else { panic!("a reference") };
    use kirikae_engine::backend::Vault;
    assert_eq!(world.vault.get(reference).unwrap().unwrap().expose_text(), Some("zigLUVC29Q"));
    assert!(!format!("{outputs:?}").contains("zigLUVC29Q"), "only its reference");
}

#[test]
fn a_newer_row_in_the_list_means_that_it_was_requested_already() {
    let (world, _, given) = clinic();
    world.portal.list("202611200000001", &certificate(CODE, 5, "2026-11-20", "2030-02-20"));
    let Ended::Unchanged(outputs) = world.step("ca.renew", &given).unwrap() else { panic!("found") };
    assert_eq!(outputs["request_id"], word("202611200000001"));
    assert!(!outputs.contains_key("reference_id"), "shown once, not recoverable");
    assert_eq!(world.portal.received(), 0);
}

#[test]
fn dates_are_read_as_pages_write_them() {
    for (issued_on, not_after) in [("2026年11月20日", ""), ("", "2030年2月20日"), ("令和8年11月20日", "-"), ("2026-11-20 10:00", "2030-02-20")] {
        let (world, _, given) = clinic();
        world.portal.list("202611200000001", &certificate(CODE, 5, "2026-11-20", "2030-02-20"));
        world.portal.change_last(|row| (row.issued_on, row.not_after) = (issued_on.to_owned(), not_after.to_owned()));
        assert!(matches!(world.step("ca.renew", &given).unwrap(), Ended::Unchanged(_)), "{issued_on} {not_after}");
    }
}

#[test]
fn rows_that_are_older_or_of_another_terminal_do_not_stop_the_renewal() {
    let (world, old, given) = clinic();
    world.portal.list("202310220000001", &old);
    world.portal.list("202004010000001", &certificate(CODE, 6, "2020-04-01", "2023-10-30"));
    world.portal.list("202611200000009", &certificate("0110119154", 7, "2026-11-20", "2030-02-20"));
    assert!(matches!(world.step("ca.renew", &given).unwrap(), Ended::Changed(_)));
    assert_eq!(world.portal.received(), 1);
}

#[test]
fn nothing_is_sent_while_the_age_of_a_row_cannot_be_told() {
    let (world, _, given) = clinic();
    world.portal.list("202611200000001", &certificate(CODE, 5, "2026-11-20", "2030-02-20"));
    for hidden in [["request_id", "subject", "status"].as_slice(), &["subject"], &["status"]] {
        world.portal.show_columns(hidden);
        let Ended::Parked(Observed::CannotTell { code, .. }) = world.step("ca.renew", &given).unwrap() else { panic!("parked") };
        assert_eq!(code, "STEP.UNCERTAIN");
    }
    // Dates that contradict each other tell nothing either.
    world.portal.show_columns(&["request_id", "issued_on", "not_after"]);
    world.portal.change_last(|row| row.not_after = "2026/12/31".to_owned());
    assert!(matches!(world.step("ca.renew", &given).unwrap(), Ended::Parked(_)));
    assert_eq!(world.portal.received(), 0);
}

#[test]
fn what_an_earlier_run_requested_is_ours_and_is_waited_for() {
    let (mut world, _, given) = clinic();
    world.committed = vec!["202611200000001".to_owned()];
    assert!(matches!(world.step("ca.renew", &given).unwrap(), Ended::Parked(_)), "requested, and not in the list yet");
    world.portal.list("202611200000001", &certificate(CODE, 5, "2026-11-20", "2030-02-20"));
    world.portal.show_columns(&["request_id", "status"]);
    let Ended::Unchanged(outputs) = world.step("ca.renew", &given).unwrap() else { panic!("ours by its request ID") };
    assert_eq!(outputs["request_id"], word("202611200000001"));
    assert_eq!(world.portal.received(), 0);
}

#[test]
fn a_lost_answer_is_found_in_the_list() {
    let (world, old, given) = clinic();
    world.portal.list("202310220000001", &old);
    let attempt = world.attempt();
    let intent = attempt.intent(baseline(&attempt, &given));
    world.portal.fault(Operation::Renew, Fault::LoseAnswer);
    let error = attempt.perform("ca.renew", &given, intent.clone()).unwrap_err();
    assert_eq!((error.code.as_str(), error.class), ("PORTAL.RESULT_UNKNOWN", Class::Ambiguous));
    let Observed::Done { outputs, evidence } = world.attempt().observe("ca.renew", &given, Some(&intent)).unwrap() else { panic!("found") };
    assert_eq!(outputs["request_id"], word("202611230036865"));
    assert!(evidence.ja.contains("202611230036865"));
    assert_eq!((world.portal.received(), world.portal.issued()), (1, 1));
}

#[test]
fn a_lost_answer_is_found_even_where_the_list_names_no_column_that_tells() {
    let (world, _, given) = clinic();
    let attempt = world.attempt();
    let intent = attempt.intent(baseline(&attempt, &given));
    world.portal.fault(Operation::Renew, Fault::LoseAnswer);
    attempt.perform("ca.renew", &given, intent.clone()).unwrap_err();
    world.portal.show_columns(&["status"]);
    assert!(matches!(world.attempt().observe("ca.renew", &given, Some(&intent)).unwrap(), Observed::Done { .. }));
}

#[test]
fn a_hidden_row_is_not_taken_for_absence() {
    let (world, _, given) = clinic();
    let attempt = world.attempt();
    let intent = attempt.intent(baseline(&attempt, &given));
    world.portal.fault(Operation::Renew, Fault::LoseAnswerHidden(MINUTE));
    attempt.perform("ca.renew", &given, intent.clone()).unwrap_err();
    let look = || world.attempt().observe("ca.renew", &given, Some(&intent)).unwrap();
    assert!(matches!(look(), Observed::NotDone { conclusive: false, .. }));
    world.clock.advance(MINUTE);
    assert!(matches!(look(), Observed::Done { .. }));
}

#[test]
fn a_request_that_never_took_effect_is_sent_again_after_a_conclusive_look() {
    let (world, _, given) = clinic();
    world.portal.absent_after(MINUTE);
    for fault in [Fault::DropBefore, Fault::Redirect] {
        let attempt = world.attempt();
        let intent = attempt.intent(baseline(&attempt, &given));
        world.portal.fault(Operation::Renew, fault);
        assert_eq!(attempt.perform("ca.renew", &given, intent.clone()).unwrap_err().class, Class::Ambiguous);
        let first = attempt.observe("ca.renew", &given, Some(&intent)).unwrap();
        world.clock.advance(MINUTE);
        let second = attempt.observe("ca.renew", &given, Some(&intent)).unwrap();
        assert_eq!(first, second, "two looks that agree");
    }
    assert!(matches!(world.step("ca.renew", &given).unwrap(), Ended::Changed(_)));
    assert_eq!((world.portal.received(), world.portal.issued()), (3, 1));
}

#[test]
fn rows_that_were_there_before_are_never_taken_for_ours() {
    let (world, _, given) = clinic();
    // Older, but without a date after its state changed: only its request ID says that it is the same row.
    world.portal.list("202310220000001", &certificate(CODE, 6, "2020-04-01", "2023-10-30"));
    let attempt = world.attempt();
    let intent = attempt.intent(baseline(&attempt, &given));
    world.portal.fault(Operation::Renew, Fault::DropBefore);
    attempt.perform("ca.renew", &given, intent.clone()).unwrap_err();
    world.portal.change_last(|row| (row.pending_looks, row.issued_on, row.not_after) = (9, String::new(), String::new()));
    assert!(matches!(attempt.observe("ca.renew", &given, Some(&intent)).unwrap(), Observed::NotDone { conclusive: false, .. }));
}

#[test]
fn a_row_that_appears_but_is_older_or_anothers_is_not_ours() {
    let (world, _, given) = clinic();
    let attempt = world.attempt();
    let intent = attempt.intent(baseline(&attempt, &given));
    world.portal.list("202004010000001", &certificate(CODE, 6, "2020-04-01", "2023-10-30"));
    world.portal.list("202611230000002", &certificate("0110119154", 7, "2026-11-23", "2030-02-23"));
    assert!(matches!(attempt.observe("ca.renew", &given, Some(&intent)).unwrap(), Observed::NotDone { .. }));
    // Two that could be ours: a person decides.
    world.portal.list("202611230000003", &certificate(CODE, 8, "2026-11-23", "2030-02-23"));
    world.portal.list("202611230000004", &certificate(CODE, 9, "2026-11-23", "2030-02-23"));
    assert!(matches!(attempt.observe("ca.renew", &given, Some(&intent)).unwrap(), Observed::CannotTell { .. }));
}

#[test]
fn an_answer_that_cannot_be_read_is_looked_up_not_sent_again() {
    let (world, _, given) = clinic();
    let attempt = world.attempt();
    let intent = attempt.intent(baseline(&attempt, &given));
    world.portal.fault(Operation::Renew, Fault::OddPage);
    let error = attempt.perform("ca.renew", &given, intent.clone()).unwrap_err();
    assert_eq!((error.code.as_str(), error.class), ("PORTAL.RESULT_UNKNOWN", Class::Ambiguous));
    assert!(matches!(attempt.observe("ca.renew", &given, Some(&intent)).unwrap(), Observed::Done { .. }));
}

#[test]
fn before_the_commit_nothing_is_sent() {
    for code in ["NET.UNREACHABLE", "PORTAL.SESSION_EXPIRED", "PORTAL.PAGE_UNKNOWN"] {
        let (world, _, given) = clinic();
        world.portal.fault(Operation::FindIssued, Fault::Before(code));
        assert_eq!(world.step("ca.renew", &given).unwrap_err().code, code);
        world.portal.fault(Operation::Renew, Fault::Before(code));
        assert_eq!(world.step("ca.renew", &given).unwrap_err().code, code);
        assert_eq!(world.portal.received(), 0);
        assert!(matches!(world.step("ca.renew", &given).unwrap(), Ended::Changed(_)), "and it can be tried again");
    }
}

#[test]
fn the_dry_run_looks_at_the_page_and_commits_nothing() {
    let (world, old, given) = clinic();
    let attempt = world.attempt();
    attempt.preflight("ca.renew", &given).unwrap();
    world.portal.lose_label("証明書更新申請");
    let error = attempt.preflight("ca.renew", &given).unwrap_err();
    assert_eq!(error.code, "PORTAL.PAGE_UNKNOWN");
    assert!(error.cause.ja.contains("証明書更新申請"));
    world.portal.reject(&old.sha1);
    assert_eq!(attempt.preflight("ca.renew", &given).unwrap_err().code, "PORTAL.CERT_REJECTED");
    let unknown = inputs([("portal", Value::Role("issuer".to_owned()))]);
    assert_eq!(attempt.preflight("ca.renew", &unknown).unwrap_err().code, "INPUT.UNKNOWN");
    assert_eq!(world.portal.received(), 0);
}

#[test]
fn the_key_must_still_be_where_the_certificate_was_found() {
    let (world, old, given) = clinic();
    world.store.take(&old.sha1);
    assert_eq!(world.step("ca.renew", &given).unwrap_err().code, "CERT.GONE");
    assert_eq!(world.portal.received(), 0);
}

//! Plans of the shipped playbooks in their main situations, as JSON. Their text is reviewed beside the code that renders it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use kirikae_engine::testing::situations::SITUATIONS;
use serde_json::Value;

/// The plan of a situation, without the digests of documents: those change with every comment in a playbook.
fn json(situation: &str) -> String {
    let (_, desk) = SITUATIONS.iter().find(|(name, _)| *name == situation).expect("a situation");
    let plan = desk().plan();
    let mut json = serde_json::to_value(&plan).unwrap();
    json["playbook"]["sha256"] = Value::from("(sha256)");
    json["engine"] = Value::from("(version)");
    json["digest"] = Value::from("(digest)");
    for document in json["closure"].as_array_mut().unwrap() {
        document["digest"] = Value::from("(sha256)");
    }
    serde_json::to_string_pretty(&json).unwrap()
}

#[test]
fn renew_due() {
    insta::assert_snapshot!("renew-due", json("renew-due"));
}

#[test]
fn renew_not_due() {
    insta::assert_snapshot!("renew-not-due", json("renew-not-due"));
}

#[test]
fn renew_expired() {
    insta::assert_snapshot!("renew-expired", json("renew-expired"));
}

#[test]
fn renew_unreadable() {
    insta::assert_snapshot!("renew-unreadable", json("renew-unreadable"));
}

#[test]
fn renew_two_candidates() {
    insta::assert_snapshot!("renew-two-candidates", json("renew-two-candidates"));
}

#[test]
fn renew_leftover() {
    insta::assert_snapshot!("renew-leftover", json("renew-leftover"));
}

#[test]
fn renew_unreachable() {
    insta::assert_snapshot!("renew-unreachable", json("renew-unreachable"));
}

#[test]
fn renew_unverified() {
    insta::assert_snapshot!("renew-unverified", json("renew-unverified"));
}

#[test]
fn delete_old_pair() {
    insta::assert_snapshot!("delete-old-pair", json("delete-old-pair"));
}

#[test]
fn delete_old_single() {
    insta::assert_snapshot!("delete-old-single", json("delete-old-single"));
}

#[test]
fn obtain() {
    insta::assert_snapshot!("obtain", json("obtain"));
}

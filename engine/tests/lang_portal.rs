//! Portal profiles: the shipped one decodes to what it says, and broken ones are refused at the right place.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use kirikae_engine::backend::profile::{ObserveBy, Operation, PickRow, Standing, WhenMissing};
use kirikae_engine::dsl::{Type, decode_profile};
use kirikae_engine::text::Source;

fn shipped() -> Source {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../playbooks/portals/obn.yaml");
    Source::from_bytes("portals/obn.yaml", &std::fs::read(path).unwrap()).unwrap()
}

fn refused(change: impl Fn(&str) -> String) -> Vec<(&'static str, String)> {
    let text = change(&shipped().text);
    let source = Source::new("obn.yaml", text.as_str());
    let findings = decode_profile(&source).unwrap_err();
    findings
        .iter()
        .map(|finding| (finding.code, text[finding.place.as_ref().unwrap().span.start..finding.place.as_ref().unwrap().span.end].to_owned()))
        .collect()
}

#[test]
fn the_shipped_profile_decodes() {
    let profile = decode_profile(&shipped()).unwrap_or_else(|findings| panic!("{findings:#?}"));
    assert_eq!(profile.id, "obn");
    assert_eq!(profile.fee(Operation::Renew), Some((1500, Standing::Unverified)));
    assert_eq!(profile.facts["issuer"].glob.as_ref().unwrap().0, "Online Billing NW Common Root CA*");
    let renew = &profile.operations[&Operation::Renew];
    assert!(renew.client_cert);
    assert_eq!(renew.observe, ObserveBy::Look(Operation::FindIssued));
    assert_eq!(renew.gives[1], ("reference_id".to_owned(), Type::Secret(Box::new(Type::Ascii))));
    assert_eq!(renew.pages.iter().filter(|page| page.commits).count(), 1);
    let status = &profile.operations[&Operation::Status];
    assert_eq!(status.takes, [("request_id".to_owned(), Type::Digits(15).optional())]);
    assert_eq!(status.pages[1].row.as_ref().unwrap().pick, PickRow::Newest);
    assert_eq!(status.pages[1].when_missing, Some(WhenMissing::Nothing));
    assert_eq!(status.pages[1].read[0].1.means[1], ("issued".to_owned(), vec!["発行済み".to_owned(), "Download Key".to_owned()]));
    let obtain = &profile.operations[&Operation::Obtain];
    assert_eq!(obtain.claim.as_deref(), Some("request_id"));
    assert_eq!(obtain.pages[0].fill[2].1.labels.len(), 2);
    assert_eq!(obtain.pages[0].refused.len(), 2);
    assert!(obtain.repeatable);
}

#[test]
fn a_look_that_could_write_is_refused() {
    let found = refused(|text| text.replace("- open: /p/ru\n        signed_in: 更新後証明書の取得", "- open: /p/ru\n        press: 送信"));
    assert_eq!(found, [("PROFILE.READ_WRITES", "press".to_owned())]);
    let found = refused(|text| text.replacen("signed_in: 更新後証明書の取得", "press: 送信\n        commits: true", 1));
    assert_eq!(found, [("PROFILE.COMMITS", "pages".to_owned()), ("PROFILE.READ_WRITES", "press".to_owned())]);
}

#[test]
fn each_write_commits_once() {
    let found = refused(|text| text.replace("      - press: Submit\n        commits: true", "      - press: Submit"));
    assert_eq!(found, [("PROFILE.COMMITS", "pages".to_owned())]);
}

#[test]
fn what_means_that_nothing_happened_must_be_certain() {
    let found = refused(|text| text.replacen("code: PORTAL.WRONG_ID", "code: PORTAL.BUSY", 1));
    assert_eq!(found, [("PROFILE.REFUSED", "PORTAL.BUSY".to_owned())]);
    let found = refused(|text| text.replacen("code: PORTAL.WRONG_ID", "code: PORTAL.WRONG_IDD", 1));
    assert_eq!(found, [("PROFILE.UNKNOWN_CODE", "PORTAL.WRONG_IDD".to_owned())]);
}

#[test]
fn misspelt_operations_parameters_and_words_are_refused() {
    let found = refused(|text| text.replace("  renew:\n    cite", "  renw:\n    cite"));
    assert_eq!(found[0].0, "DSL.UNKNOWN_KEY");
    let found = refused(|text| text.replace("with_text: request_id, pick", "with_text: requestid, pick"));
    assert_eq!(found, [("PROFILE.UNKNOWN_PARAMETER", "requestid".to_owned())]);
    let found = refused(|text| text.replace("              pending: [", "              waiting: ["));
    assert_eq!(found[0].0, "PROFILE.MEANS");
    let found = refused(|text| text.replace("    observe: find_issued\n", "    observe: fetch\n"));
    assert_eq!(found, [("PROFILE.OBSERVE", "fetch".to_owned())]);
}

#[test]
fn a_revocation_has_no_page_to_look_at() {
    let found = refused(|text| text.replacen("    observe: none\n", "    observe: find_issued\n", 1));
    assert_eq!(found, [("PROFILE.OBSERVE", "find_issued".to_owned())]);
    assert!(decode_profile(&shipped()).is_ok());
}

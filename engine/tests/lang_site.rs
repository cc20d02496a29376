//! Site files and the catalogue of manuals.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::time::Duration;

use kirikae_engine::backend::profile::{Hands, Standing};
use kirikae_engine::dsl::site::{BackendPort, RootsAt, SecretSource};
use kirikae_engine::dsl::{Type, decode_site, decode_sources};
use kirikae_engine::text::Source;

const SITE: &str = r#"kirikae: site/1
id: sakura-clinic/uketsuke-02
title: さくら医院 受付2
timezone: Asia/Tokyo
people: { 担当者: { name: 受付 佐藤 }, 管理者: { name: 院長 鈴木 } }
portals:
  obn:
    base: "https://127.0.0.1:8443"
    roots: ./lab-ca.pem
    proxy: { url: "http://proxy:8080", user: u, password: { file: ./proxy.pw } }
    hands: person
    absent_after: 40s
backends:
  personal: { store: windows, location: current_user, name: MY }
  key: { token: pkcs11, module: eps2003csp11v2.dll }
  backup: { folder: "E:/kirikae", removable: true }
programs:
  sanka: { backends: { personal: { store: dir, path: ./sanka } } }
inputs: { medical_code: "0110119153" }
secrets:
  obn/renew-web.p12_password: { generate: digits(4) }
  obn/obtain.reference_id: { pipe: [pass, show, obn] }
vault: { recipients: [age1qqq] }
approvals:
  - { action: ca.renew, program: obn, max_fee_jpy: 1500, per_day: 200, allow: auto, unverified: true }
notify: { 担当者: { mail: uketsuke@example.jp } }
targets: []
state_scope: per_user
plan_valid: 6h
fresh_for: 30m
lang: en
downloads: ./dl
"#;

fn refused(text: &str) -> Vec<(&'static str, String)> {
    let findings = decode_site(&Source::new("site.yaml", text)).unwrap_err();
    let place = |span: kirikae_engine::text::Span| text[span.start..span.end].to_owned();
    findings.iter().map(|finding| (finding.code, place(finding.place.as_ref().unwrap().span))).collect()
}

#[test]
fn every_key_of_the_page_is_taken() {
    let site = decode_site(&Source::new("site.yaml", SITE)).unwrap_or_else(|findings| panic!("{findings:#?}"));
    assert_eq!(site.id, "sakura-clinic/uketsuke-02");
    assert_eq!(site.people["管理者"].ja, "院長 鈴木");
    let portal = &site.portals["obn"];
    assert_eq!(portal.roots, Some(RootsAt::File("./lab-ca.pem".to_owned())));
    assert_eq!(portal.hands, Some(Hands::Person));
    assert_eq!(portal.absent_after, Some((Duration::from_secs(40), Standing::Verified)));
    assert_eq!(portal.proxy.as_ref().unwrap().password, Some(SecretSource::File("./proxy.pw".to_owned())));
    assert_eq!(site.backends["personal"].settings["location"], "current_user");
    assert_eq!(site.backends["backup"].port, BackendPort::Folder);
    assert_eq!(site.backends["backup"].path.as_deref(), Some("E:/kirikae"));
    assert!(site.backends["backup"].removable && !site.backends["backup"].plain);
    assert_eq!(site.programs["sanka"].backends["personal"].path.as_deref(), Some("./sanka"));
    assert_eq!(site.inputs["medical_code"].value, "0110119153");
    assert_eq!(site.secrets["obn/renew-web.p12_password"], SecretSource::Generate(Type::Digits(4)));
    assert_eq!(site.approvals[0].max_fee_jpy, Some(1500));
    assert!(site.state_per_user && site.approvals[0].auto && site.approvals[0].unverified && !site.approvals[0].person_proof);
    assert_eq!((site.plan_valid, site.fresh_for), (Duration::from_secs(6 * 3600), Duration::from_secs(1800)));
}

#[test]
fn a_code_without_quotes_is_refused_with_the_correction() {
    let text = SITE.replace("\"0110119153\"", "0110119153");
    let findings = decode_site(&Source::new("site.yaml", text.as_str())).unwrap_err();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].code, "YAML.LEADING_ZERO");
    assert_eq!(findings[0].fix.as_ref().unwrap().text, "\"0110119153\"");
}

#[test]
fn secrets_are_never_values() {
    let found = refused(&SITE.replace("{ generate: digits(4) }", "\"1234\""));
    assert_eq!(found, [("SITE.SECRET_VALUE", "\"1234\"".to_owned())]);
}

#[test]
fn mistakes_are_found_in_one_pass() {
    let text = SITE
        .replace("timezone: Asia/Tokyo", "timezone: Asia/Tokio")
        .replace("store: windows", "stor: windows")
        .replace("targets: []", "targets: [a]")
        .replace("age1qqq", "me@example.jp");
    assert_eq!(
        refused(&text),
        [
            ("SITE.TIMEZONE", "Asia/Tokio".to_owned()),
            ("SITE.BACKEND", "stor".to_owned()),
            ("SITE.RECIPIENT", "me@example.jp".to_owned()),
            ("DSL.NOT_YET", "[a]".to_owned())
        ]
    );
}

#[test]
fn another_document_is_named() {
    assert_eq!(refused("kirikae: portal/1\nid: x\n"), [("DSL.HEADER", "portal/1".to_owned())]);
    assert_eq!(refused("kirikae: site/2\nid: x\n"), [("DSL.HEADER", "site/2".to_owned())]);
    assert_eq!(refused("id: x\nkirikae: site/1\n"), [("DSL.HEADER", "id".to_owned())]);
    assert_eq!(refused("- a\n")[0].0, "DSL.HEADER");
    assert_eq!(refused("")[0].0, "DSL.HEADER");
}

#[test]
fn the_shipped_catalogue_decodes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../playbooks/sources.yaml");
    let source = Source::from_bytes("sources.yaml", &std::fs::read(path).unwrap()).unwrap();
    let catalogue = decode_sources(&source).unwrap_or_else(|findings| panic!("{findings:#?}"));
    assert_eq!(catalogue.0["obn_edge"].sections["2.2"].ja, "更新申請画面からの更新");
    assert!(catalogue.0["obn_blog"].unofficial && !catalogue.0["obn_edge"].unofficial);
}

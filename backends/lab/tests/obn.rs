//! The online-billing CA's portal, used as its manual says: renewal, its list, its file, a notice; restarts; every HTML variant.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::Path;
use std::time::Duration;

use kirikae_engine::backend::{Call, StoreRead};
use kirikae_engine::dsl::decode_site;
use kirikae_engine::text::{Lang, Source};
use kirikae_lab::{HtmlVariant, Lab, LabOptions, start};
use support::{Browser, Credential, Seen, count, effects, files, lab, obn, old_credential, open_p12, store};

const HTML: [HtmlVariant; 7] = HtmlVariant::ALL;

/// Manual 2.2: from the first page to the receipt.
fn renew(browser: &Browser) -> Seen {
    let first = browser.open("/p/ru").unwrap();
    let form = browser.follow(&first, "証明書更新申請").unwrap();
    browser.press(&form, "Submit", &[]).unwrap()
}

/// Manual 2.2.1: the list, as soon as it shows this text.
fn list_showing(browser: &Browser, words: &str) -> Seen {
    for _ in 0..200 {
        let list = browser.follow(&browser.open("/p/ru").unwrap(), "更新後証明書の取得").unwrap();
        if list.shows(words) {
            return list;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the list never showed {words}");
}

/// Manual 2.2.1: the file of the one issued row.
fn fetch(browser: &Browser, password: &str) -> Vec<u8> {
    let list = list_showing(browser, "発行済み");
    let key = browser.press(&list, "Download Key", &[]).unwrap();
    assert!(key.shows("鍵の取得"));
    let ready = browser.press(&key, "Submit", &[password]).unwrap();
    browser.press(&ready, "Download", &[]).unwrap().body
}

fn accepted(dir: &Path, lab: &Lab, credential: &Credential) -> bool {
    Browser::new(dir, lab, Some(credential)).open("/p/ru").unwrap().shows("証明書更新申請")
}

#[test]
fn a_renewal_goes_from_receipt_to_a_file_that_opens_in_every_variant() {
    for html in HTML {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path();
        let lab = lab(dir, &[], html);
        let old = old_credential(dir);
        let browser = Browser::new(dir, &lab, Some(&old));
        let receipt = renew(&browser);
        assert!(receipt.shows("申請情報を受け付けました"), "{html}: {}", receipt.text);
        let values = receipt.values();
        assert_eq!(values["リクエストID"].len(), 15, "{html}");
        assert_eq!(values["リファレンスID"].len(), 10, "{html}");
        assert_eq!(values["CommonName"], "0110119153", "{html}");
        assert_eq!(values["Organization"], "ReceiptOnline", "{html}");
        assert!(receipt.shows("medical") && receipt.shows("hokkaido"), "{html}");
        let file = fetch(&browser, "0417");
        assert!(open_p12(&file, "0418").is_none(), "{html}");
        let new = open_p12(&file, "0417").unwrap();
        assert_ne!(new.chain[0], old.chain[0], "{html}");
        assert!(accepted(dir, &lab, &new) && accepted(dir, &lab, &old), "{html}");
        assert_eq!(count(dir, "received"), 2, "{html}: the renewal and the file's password");
        assert_eq!((count(dir, "issued"), count(dir, "fetched"), count(dir, "decoy")), (1, 1, 0), "{html}");
    }
}

#[test]
fn a_request_is_seen_in_both_states_before_it_is_issued() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    let lab = start(LabOptions { pace: Duration::from_millis(600), ..LabOptions::new(dir, vec![obn()]) }).unwrap();
    let browser = Browser::new(dir, &lab, Some(&old_credential(dir)));
    assert!(list_showing(&browser, "表示する情報はありません").shows("更新後証明書の取得"));
    renew(&browser);
    let seen = ["鍵生成中", "発行要求中", "発行済み"].map(|state| list_showing(&browser, state));
    assert!(!seen[0].shows("Download Key") && !seen[1].shows("Download Key") && seen[2].shows("Download Key"));
}

#[test]
fn the_page_of_renewals_wants_a_certificate_of_its_own_ca() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    let lab = lab(dir, &[], HtmlVariant::Plain);
    let refused = Browser::new(dir, &lab, None).open("/p/ru").unwrap();
    assert_eq!(refused.status, 403);
    assert!(refused.shows("証明書を確認できません"));
    assert_eq!(effects(dir), Vec::<String>::new());
}

#[test]
fn an_ended_certificate_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    let lab = start(LabOptions { days_left: -1, ..LabOptions::new(dir, vec![obn()]) }).unwrap();
    assert_eq!(Browser::new(dir, &lab, Some(&old_credential(dir))).open("/p/ru").unwrap().status, 403);
}

#[test]
fn a_notice_is_exchanged_for_one_certificate_as_often_as_asked() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    let lab = lab(dir, &[], HtmlVariant::Plain);
    let site = decode_site(&Source::new("site.yaml", std::fs::read_to_string(lab.site_path()).unwrap())).unwrap();
    let request_id = site.inputs["request_id"].value.clone();
    let reference_id = std::fs::read_to_string(dir.join("reference-id.txt")).unwrap();
    let browser = Browser::new(dir, &lab, None);
    let page = browser.open("/p/rcd").unwrap();
    let wrong = browser.press(&page, "ダウンロード", &[&request_id, "nonsense", "0417", "0417"]).unwrap();
    assert!(wrong.shows("リクエストIDまたはリファレンスIDが正しくありません"));
    let ask = |password: &str| browser.press(&page, "ダウンロード", &[&request_id, &reference_id, password, password]).unwrap().body;
    let (one, two) = (open_p12(&ask("0417"), "0417").unwrap(), open_p12(&ask("2580"), "2580").unwrap());
    assert_eq!(one.chain[0], two.chain[0]);
    assert_eq!((count(dir, "received"), count(dir, "issued"), count(dir, "fetched")), (3, 1, 2));
}

#[test]
fn the_folder_holds_a_site_that_can_be_read_and_everything_it_names() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    let lab = start(LabOptions { days_left: 12, ..LabOptions::new(dir, vec![obn()]) }).unwrap();
    let site = decode_site(&Source::new("site.yaml", std::fs::read_to_string(lab.site_path()).unwrap())).unwrap();
    assert_eq!(site.inputs["medical_code"].value, "0110119153");
    assert_eq!(site.portals["obn"].base.as_deref(), Some(format!("https://127.0.0.1:{}", lab.port()).as_str()));
    assert_eq!(site.backends.keys().collect::<Vec<_>>(), ["backup", "inbox", "personal"]);
    let names = [
        "backup-export.p12_password",
        "backup-file.p12_password",
        "delete-old.p12_password",
        "install.p12_password",
        "obtain.p12_password",
        "obtain.reference_id",
        "renew-mpki.p12_password",
        "renew-web.p12_password",
        "revoke.reference_id",
    ];
    assert_eq!(site.secrets.keys().cloned().collect::<Vec<_>>(), names.map(|name| format!("obn/{name}")));
    assert_eq!(std::fs::read_to_string(dir.join("port")).unwrap(), lab.port().to_string());
    let held = store(dir).list(&Call::unattached()).unwrap();
    assert_eq!(held.len(), 1);
    let inbox = files(&dir.join("inbox"), "p12");
    assert_eq!(inbox.len(), 1);
    let name = inbox[0].file_stem().unwrap().to_str().unwrap();
    assert!(name.len() == 15 && name.bytes().all(|digit| digit.is_ascii_digit()));
    let password = std::fs::read_to_string(dir.join("install-password.txt")).unwrap();
    assert!(open_p12(&std::fs::read(&inbox[0]).unwrap(), &password).is_some());
}

#[test]
fn a_restart_keeps_port_requests_store_and_session_pages() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    let first = lab(dir, &[], HtmlVariant::Plain);
    let (port, old) = (first.port(), old_credential(dir));
    let browser = Browser::new(dir, &first, Some(&old));
    let form = browser.follow(&browser.open("/p/ru").unwrap(), "証明書更新申請").unwrap();
    let request_id = renew(&browser).values()["リクエストID"].clone();
    let site = std::fs::read_to_string(first.site_path()).unwrap();
    first.stop();
    assert!(browser.open("/p/ru").is_err());
    let second = lab(dir, &[], HtmlVariant::Plain);
    assert_eq!(second.port(), port);
    assert_eq!(std::fs::read_to_string(second.site_path()).unwrap(), site);
    assert_eq!(old_credential(dir).chain, old.chain);
    assert!(browser.press(&form, "Submit", &[]).unwrap().shows("セッションがタイムアウトしました"));
    assert!(list_showing(&browser, &request_id).shows(&request_id));
    assert!(open_p12(&fetch(&browser, "0417"), "0417").is_some());
    assert_eq!(count(dir, "issued"), 1);
}

#[test]
fn a_form_without_its_hidden_fields_is_refused() {
    for (html, issued) in [(HtmlVariant::Hidden, 0), (HtmlVariant::Sjis, 0), (HtmlVariant::Plain, 1)] {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path();
        let lab = lab(dir, &[], html);
        let browser = Browser::new(dir, &lab, Some(&old_credential(dir)));
        let form = browser.follow(&browser.open("/p/ru").unwrap(), "証明書更新申請").unwrap();
        let answer = browser.press_forgetting(&form, "Submit", &[]).unwrap();
        assert_eq!(answer.shows("申請情報を受け付けました"), issued == 1, "{html}");
        assert_eq!(count(dir, "issued"), issued, "{html}");
    }
}

#[test]
fn every_variant_shows_the_manuals_labels() {
    let labels = ["リクエストID", "リファレンスID", "証明書パスワード", "証明書パスワード(確認用)", "ダウンロード"];
    let mut bodies = vec![];
    for html in HTML {
        let home = tempfile::tempdir().unwrap();
        let lab = lab(home.path(), &[], html);
        let page = Browser::new(home.path(), &lab, None).open("/p/rcd").unwrap();
        for label in labels {
            assert!(page.shows(label), "{html}: {label}: {}", page.text);
        }
        bodies.push(page.body);
    }
    let all = bodies.len();
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len(), all, "each variant is markup of its own");
}

#[test]
fn a_port_in_use_is_an_error_with_its_number() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = lab(one.path(), &[], HtmlVariant::Plain);
    let error = start(LabOptions { port: Some(first.port()), ..LabOptions::new(two.path(), vec![obn()]) }).unwrap_err();
    assert_eq!(error.code, "LAB.PORT");
    assert!(error.cause.get(Lang::En).contains(&first.port().to_string()));
}

/// Manual 3: from the first page to the one to confirm.
fn to_confirm(browser: &Browser, ids: [&str; 2]) -> Seen {
    let applicant = browser.press(&browser.open("/p/rx").unwrap(), "次へ", &ids).unwrap();
    assert!(applicant.shows("証明書失効申請情報の入力画面"), "{}", applicant.text);
    browser.press(&applicant, "申請", &["uketsuke@example.jp", "uketsuke@example.jp"]).unwrap()
}

/// The request ID and reference ID of the certificate in the store.
fn ids_of_the_held_one(dir: &Path, lab: &Lab) -> [String; 2] {
    let text = std::fs::read_to_string(lab.site_path()).unwrap();
    let site = decode_site(&Source::new("site.yaml", text)).unwrap();
    [site.inputs["revoked_request_id"].value.clone(), std::fs::read_to_string(dir.join("held-reference-id.txt")).unwrap()]
}

#[test]
fn a_revocation_is_confirmed_first_and_ends_the_certificate_in_every_variant() {
    for html in HTML {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path();
        let lab = lab(dir, &[], html);
        let old = old_credential(dir);
        let browser = Browser::new(dir, &lab, Some(&old));
        let ids = ids_of_the_held_one(dir, &lab);
        let confirm = to_confirm(&browser, [&ids[0], &ids[1]]);
        let values = confirm.values();
        assert_eq!((values["リクエストID"].as_str(), values["メールアドレス"].as_str()), (ids[0].as_str(), "uketsuke@example.jp"), "{html}");
        assert_eq!((count(dir, "received"), count(dir, "revoked")), (0, 0), "{html}: nothing is sent before it is confirmed");
        assert!(accepted(dir, &lab, &old), "{html}");
        let done = browser.press(&confirm, "申請", &[]).unwrap();
        assert!(done.shows("失効申請を受け付けました"), "{html}: {}", done.text);
        assert_eq!((count(dir, "received"), count(dir, "revoked")), (1, 1), "{html}");
        assert!(!accepted(dir, &lab, &old), "{html}");
        let told = std::fs::read_to_string(dir.join("effects.jsonl")).unwrap();
        assert!(!told.contains(&ids[1]), "{html}: a reference ID is no effect");
    }
}

#[test]
fn a_revocation_wants_the_ids_of_the_clients_own_certificate_and_two_equal_addresses() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    let lab = lab(dir, &[], HtmlVariant::default());
    let old = old_credential(dir);
    assert_eq!(Browser::new(dir, &lab, None).open("/p/rx").unwrap().status, 403, "only from a terminal that has the certificate");
    let browser = Browser::new(dir, &lab, Some(&old));
    let [request_id, reference_id] = ids_of_the_held_one(dir, &lab);
    let applicant = browser.press(&browser.open("/p/rx").unwrap(), "次へ", &[&request_id, &reference_id]).unwrap();
    assert!(browser.press(&applicant, "申請", &["a@example.jp", "b@example.jp"]).unwrap().shows("2つの欄に同じように"));
    for ids in [[request_id.as_str(), "FPwNiG5g4r"], ["202012100001000", reference_id.as_str()]] {
        let refused = browser.press(&to_confirm(&browser, ids), "申請", &[]).unwrap();
        assert!(refused.shows("リクエストIDまたはリファレンスIDが正しくありません"), "{}", refused.text);
    }
    assert_eq!(count(dir, "revoked"), 0);
    assert!(accepted(dir, &lab, &old));
}

#[test]
fn the_root_and_the_installer_are_handed_out_to_anyone() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    let lab = lab(dir, &[], HtmlVariant::default());
    let browser = Browser::new(dir, &lab, None);
    let root = browser.open("/p/cert").unwrap().body;
    let pem = std::fs::read(dir.join("lab-ca.pem")).unwrap();
    assert_eq!(kirikae_backends::x509::pem_certificates(&pem).unwrap(), [root], "the root that the site's own certificate is under");
    let installer = browser.follow(&browser.open("/p/s").unwrap(), "ダウンロード").unwrap().body;
    assert!(installer.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]));
}

#[test]
fn the_program_on_the_terminal_renews_into_the_store() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    let lab = lab(dir, &[], HtmlVariant::default());
    let old = store(dir).list(&Call::unattached()).unwrap();
    assert!(!lab.work("Microsoft Edge").unwrap());
    assert_eq!(store(dir).list(&Call::unattached()).unwrap().len(), 1);
    assert!(lab.work("タスクトレイの MPKI クライアント").unwrap());
    let held = store(dir).list(&Call::unattached()).unwrap();
    assert_eq!((held.len(), count(dir, "issued")), (2, 1));
    let new = held.iter().find(|cert| cert.info.sha1 != old[0].info.sha1).unwrap();
    assert!(new.info.has_key && new.info.not_after > old[0].info.not_after && new.info.subject.cn == old[0].info.subject.cn);
}

//! Practice pages of a program that the lab knows nothing about but its profile.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::time::Duration;

use kirikae_engine::dsl::decode_site;
use kirikae_engine::text::{Lang, Source};
use kirikae_lab::{HtmlVariant, LabOptions, start};
use support::{Browser, Seen, count, obn, old_credential, open_p12, profile};

const PROFILE: &str = r#"
kirikae: portal/1
id: sample
version: "1.0.0"
title: { ja: 見本の認証局, en: Sample CA }
sources: [sample]
checked: { status: unverified, by: 見本 }
base: https://sample.example
operations:
  sign_in:
    cite: sample#1
    takes: { user_id: string, sign_in_password: secret<text> }
    pages:
      - open: /start
        fill: { user_id: ユーザーID, sign_in_password: ログインパスワード }
        press: ログイン
        signed_in: ようこそ
      - see: メニュー
  apply:
    cite: sample#2
    observe: find_issued
    gives: { request_id: digits(15) }
    takes: { kind: "enum(shop, clinic)" }
    pages:
      - open: /apply
        see: 新規申請
        choose: { kind: 種別 }
        press: 申請する
        commits: true
      - see: 申請を受け付けました
        read: { request_id: 受付番号 }
  find_issued:
    cite: sample#3
    pages:
      - open: /list
        rows:
          columns: { request_id: 受付番号, serial: シリアル番号, not_after: 有効期限 }
  status:
    cite: sample#3
    takes: { request_id: optional<digits(15)> }
    pages:
      - open: /list
        row: { with_text: request_id, pick: newest }
        when_missing: none
        read:
          status: { label: 状態, means: { pending: [審査中, 作成中], issued: [完了] } }
  fetch:
    cite: sample#4
    takes: { request_id: optional<digits(15)>, password: secret<digits(4)> }
    pages:
      - open: /list
        row: { with_text: request_id, with_button: 受け取る, pick: newest }
        press: 受け取る
      - see: 受け取り
        fill: { password: [パスワード, パスワード(確認)] }
        press: ダウンロード
        commits: true
      - download: { file: "cert-*.p12" }
  set_password:
    cite: sample#5
    needs_sign_in: true
    takes: { new_password: secret<text> }
    pages:
      - see: メニュー
        follow: パスワードの変更
      - fill: { new_password: [新しいパスワード, 新しいパスワード(確認)] }
        press: 変更する
        commits: true
      - see: パスワードを変更しました
  revoke:
    cite: sample#6
    takes: { reason: string }
    pages:
      - open: /revoke
        fill: { reason: 理由 }
        press: 失効する
        commits: true
      - see: 失効を受け付けました
  root:
    cite: sample#7
    trust: none
    pages:
      - open: /root
        download: { file: "*.cer" }
  software:
    cite: sample#8
    pages:
      - open: /software
        follow: 練習用クライアント
      - download: { file: "Practice*.msi" }
"#;

fn list_showing(browser: &Browser, words: &str) -> Seen {
    let looks = std::iter::repeat_with(|| {
        std::thread::sleep(Duration::from_millis(30));
        browser.open("/list").unwrap()
    });
    looks.take(300).find(|list| list.shows(words)).expect(words)
}

#[test]
fn a_request_goes_through_its_states_to_a_file() {
    for html in HtmlVariant::ALL {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path();
        let lab = start(LabOptions { html, pace: Duration::from_millis(250), ..LabOptions::new(dir, vec![profile(PROFILE)]) }).unwrap();
        let browser = Browser::new(dir, &lab, None);
        let receipt = browser.press(&browser.open("/apply").unwrap(), "申請する", &["clinic"]).unwrap();
        assert!(receipt.shows("申請を受け付けました"), "{html}: {}", receipt.text);
        let request_id = receipt.values()["受付番号"].clone();
        assert_eq!(request_id.len(), 15, "{html}");
        for state in ["審査中", "作成中"] {
            assert!(list_showing(&browser, state).shows(&request_id), "{html}");
        }
        let list = list_showing(&browser, "完了");
        for heading in ["受付番号", "シリアル番号", "有効期限", "状態"] {
            assert!(list.shows(heading), "{html}: {heading}");
        }
        let page = browser.press(&list, "受け取る", &[]).unwrap();
        let file = browser.press(&page, "ダウンロード", &["0417", "0417"]).unwrap().body;
        assert!(open_p12(&file, "0417").is_some(), "{html}");
        assert_eq!((count(dir, "received"), count(dir, "issued"), count(dir, "fetched")), (2, 1, 1), "{html}");
    }
}

#[test]
fn a_sign_in_leads_to_the_next_screen_and_is_told() {
    let home = tempfile::tempdir().unwrap();
    let lab = start(LabOptions::new(home.path(), vec![profile(PROFILE)])).unwrap();
    let browser = Browser::new(home.path(), &lab, None);
    let page = browser.open("/start").unwrap();
    assert!(browser.press(&page, "ログイン", &["sakura", "himitsu"]).unwrap().shows("メニュー"));
    assert_eq!(count(home.path(), "signed_in"), 1);
    assert!(!std::fs::read_to_string(home.path().join("effects.jsonl")).unwrap().contains("himitsu"));
}

#[test]
fn a_password_that_was_set_is_the_only_one_that_signs_in_afterwards() {
    let home = tempfile::tempdir().unwrap();
    let lab = start(LabOptions::new(home.path(), vec![profile(PROFILE)])).unwrap();
    let sign_in = |password: &str| {
        let browser = Browser::new(home.path(), &lab, None);
        let menu = browser.press(&browser.open("/start").unwrap(), "ログイン", &["sakura", password]).unwrap();
        (browser, menu)
    };
    let (browser, menu) = sign_in("himitsu");
    let form = browser.follow(&menu, "パスワードの変更").unwrap();
    assert!(browser.press(&form, "変更する", &["atarashii", "atarashii"]).unwrap().shows("パスワードを変更しました"));
    assert!(!sign_in("himitsu").1.shows("メニュー"), "the old one");
    assert!(sign_in("atarashii").1.shows("メニュー"));
    assert!(!std::fs::read_to_string(home.path().join("effects.jsonl")).unwrap().contains("atarashii"));
}

#[test]
fn a_revocation_is_told_and_files_of_other_kinds_are_handed_out() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    let lab = start(LabOptions { pace: Duration::from_millis(10), ..LabOptions::new(dir, vec![profile(PROFILE)]) }).unwrap();
    let browser = Browser::new(dir, &lab, None);
    browser.press(&browser.open("/apply").unwrap(), "申請する", &["clinic"]).unwrap();
    list_showing(&browser, "完了");
    assert!(browser.press(&browser.open("/revoke").unwrap(), "失効する", &["紛失"]).unwrap().shows("失効を受け付けました"));
    assert_eq!((count(dir, "received"), count(dir, "revoked")), (2, 1));
    let root = browser.open("/root").unwrap().body;
    assert!(kirikae_backends::x509::pem_certificates(&root).is_some_and(|found| found.len() == 1));
    let program = browser.follow(&browser.open("/software").unwrap(), "練習用クライアント").unwrap().body;
    assert!(program.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) && program.ends_with(b"no program"));
}

#[test]
fn two_programs_share_a_lab_and_a_site() {
    let home = tempfile::tempdir().unwrap();
    let lab = start(LabOptions::new(home.path(), vec![obn(), profile(PROFILE)])).unwrap();
    let site = decode_site(&Source::new("site.yaml", std::fs::read_to_string(lab.site_path()).unwrap())).unwrap();
    assert_eq!(site.portals.keys().collect::<Vec<_>>(), ["obn", "sample"]);
    let browser = Browser::new(home.path(), &lab, None);
    assert!(browser.open("/p/rcd").unwrap().shows("証明書の取得画面"));
    assert!(browser.open("/apply").unwrap().shows("新規申請"));
    assert_eq!(browser.open("/nowhere").unwrap().status, 404);
}

#[test]
fn programs_with_a_page_at_the_same_path_are_refused_by_name() {
    let home = tempfile::tempdir().unwrap();
    let twin = PROFILE.replace("id: sample\n", "id: twin\n");
    let error = start(LabOptions::new(home.path(), vec![profile(PROFILE), profile(&twin)])).unwrap_err();
    assert_eq!(error.code, "LAB.PROFILES");
    let cause = error.cause.get(Lang::Ja);
    assert!(cause.contains("sample") && cause.contains("twin"));
}

/// The profile that `docs/your-first-playbook.md` builds.
fn documented() -> kirikae_engine::backend::profile::Profile {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/first-playbook/portals/tsukishiro.yaml");
    profile(&std::fs::read_to_string(path).unwrap())
}

/// A lab of it with these faults, and a browser with the certificate to renew.
fn documented_lab(dir: &std::path::Path, faults: &[&str]) -> (kirikae_lab::Lab, Browser) {
    let faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
    let lab = start(LabOptions { faults, pace: Duration::from_millis(100), ..LabOptions::new(dir, vec![documented()]) }).unwrap();
    let browser = Browser::new(dir, &lab, Some(&old_credential(dir)));
    (lab, browser)
}

fn request(browser: &Browser) -> Seen {
    let form = browser.follow(&browser.open("/menu").unwrap(), "更新の申し込み").unwrap();
    browser.press(&form, "申し込む", &["000-000-0000"]).unwrap()
}

fn requests(browser: &Browser) -> Seen {
    browser.follow(&browser.open("/menu").unwrap(), "申し込み一覧").unwrap()
}

#[test]
fn the_certificate_and_the_request_id_have_the_shape_that_the_profile_says() {
    let home = tempfile::tempdir().unwrap();
    let (_lab, browser) = documented_lab(home.path(), &[]);
    let receipt = request(&browser);
    let request_id = receipt.values()["受付番号"].clone();
    assert!(request_id.len() == 8 && request_id.bytes().all(|digit| digit.is_ascii_digit()), "{request_id}");
    assert_ne!(request(&browser).values()["受付番号"], request_id, "each request has its own");
    assert!(requests(&browser).shows("TS-0417"), "the subject is the example of the profile");
}

#[test]
fn what_is_not_issued_shows_no_dates() {
    let home = tempfile::tempdir().unwrap();
    let (_lab, browser) = documented_lab(home.path(), &["never-issued"]);
    request(&browser);
    std::thread::sleep(Duration::from_millis(400));
    let list = requests(&browser);
    assert!(list.shows("発行準備中") && list.text.contains("<td>-</td>") && !list.shows("受け取る"), "{}", list.text);
}

#[test]
fn a_refusal_says_the_profiles_own_words_and_has_no_effect() {
    let home = tempfile::tempdir().unwrap();
    let (_lab, browser) = documented_lab(home.path(), &["refused"]);
    assert!(request(&browser).shows("申し込みの期間ではありません"));
    assert_eq!((count(home.path(), "received"), count(home.path(), "issued")), (1, 0));
    assert!(request(&browser).shows("申し込みを受け付けました"), "once only");
    let nowhere = tempfile::tempdir().unwrap();
    let faults = vec!["refused@fetch".parse().unwrap()];
    let error = start(LabOptions { faults, ..LabOptions::new(nowhere.path(), vec![documented()]) }).unwrap_err();
    assert_eq!(error.code, "LAB.OPTION", "a fault that could never act is refused");
    assert!(error.cure.get(Lang::En).contains("refused@renew"), "{error:?}");
}

#[test]
fn a_stale_row_is_older_than_the_clients_own_certificate() {
    let home = tempfile::tempdir().unwrap();
    let (_lab, browser) = documented_lab(home.path(), &["stale-row"]);
    assert!(requests(&browser).shows("受け取れます"), "before anything was requested");
    let receipt = request(&browser);
    assert!(!requests(&browser).shows(&receipt.values()["受付番号"]), "the new row stays away until it is issued");
    assert_eq!(count(home.path(), "issued"), 1, "the old row is no issuance");
}

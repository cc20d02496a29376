//! ORCAMO's doors, used as the WebQKAN manual and the public clients say.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::Path;

use kirikae_engine::backend::archive;
use kirikae_engine::backend::profile::Profile;
use kirikae_engine::secret::Secret;
use kirikae_lab::{Fault, HtmlVariant, Lab, LabOptions, start};
use support::{Browser, Credential, count, files, open_p12, profile};

fn shipped(id: &str) -> Profile {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../playbooks/portals/{id}.yaml"));
    profile(&std::fs::read_to_string(path).unwrap())
}

fn lab(dir: &Path, days_left: i64, faults: &[&str], html: HtmlVariant) -> Lab {
    let faults = faults.iter().map(|fault| fault.parse::<Fault>().unwrap()).collect();
    let profiles = ["webqkan", "orcamo_admin", "orcamo_api"].map(shipped).to_vec();
    start(LabOptions { days_left, faults, html, ..LabOptions::new(dir, profiles) }).unwrap()
}

/// A certificate of the program's store, by its common name.
fn credential(dir: &Path, name: &str) -> Credential {
    let password = std::fs::read_to_string(dir.join("personal.pw")).unwrap();
    let all = files(&dir.join("webqkan"), "p12").into_iter().map(|file| open_p12(&std::fs::read(file).unwrap(), password.trim()).unwrap());
    let holds = |credential: &Credential| credential.chain[0].windows(name.len()).any(|window| window == name.as_bytes());
    all.into_iter().find(holds).unwrap()
}

#[test]
fn the_menu_offers_a_renewal_in_the_last_ninety_days_and_shows_the_password_once() {
    for html in HtmlVariant::ALL {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path();
        let lab = lab(dir, 90, &[], html);
        let browser = Browser::new(dir, &lab, Some(&credential(dir, "client300")));
        let menu = browser.press(&browser.open("/webqkan/").unwrap(), "ログイン", &["u000000014", "himitsu"]).unwrap();
        assert!(menu.shows("(QM00)メニュー") && menu.shows("クライアント証明書の有効期限が近づいています"), "{html}: {}", menu.text);
        let saved = browser.press(&menu, "更新", &[]).unwrap();
        let shown = browser.press(&saved, "確認する", &[]).unwrap();
        let password = shown.values()["パスワード"].clone();
        let again = browser.press(&shown, "確認する", &[]).unwrap();
        assert!(again.shows("表示済み") && !again.text.contains(&password), "{html}");
        let file = browser.follow(&again, "こちら").unwrap().body;
        let renewed = open_p12(&file, &password).unwrap();
        assert_eq!(count(dir, "issued"), 1);
        // Either certificate signs in; the new one is offered nothing.
        for (certificate, offered) in [(&renewed, false), (&credential(dir, "client300"), false)] {
            let browser = Browser::new(dir, &lab, Some(certificate));
            let menu = browser.press(&browser.open("/webqkan/").unwrap(), "ログイン", &["u000000014", "himitsu"]).unwrap();
            assert_eq!((menu.shows("(QM00)メニュー"), menu.shows("有効期限が近づいています")), (true, offered), "{html}: {}", menu.text);
        }
    }
}

#[test]
fn nothing_is_offered_before_and_nobody_comes_in_after() {
    for (days_left, status) in [(91, 200), (-1, 403)] {
        let home = tempfile::tempdir().unwrap();
        let lab = lab(home.path(), days_left, &[], HtmlVariant::Plain);
        let browser = Browser::new(home.path(), &lab, Some(&credential(home.path(), "client300")));
        let entrance = browser.open("/webqkan/").unwrap();
        assert_eq!(entrance.status, status, "{days_left}");
        if status == 200 {
            let menu = browser.press(&entrance, "ログイン", &["u000000014", "himitsu"]).unwrap();
            assert!(menu.shows("(QM00)メニュー") && !menu.shows("有効期限が近づいています"));
        }
    }
    let home = tempfile::tempdir().unwrap();
    let lab = lab(home.path(), 30, &[], HtmlVariant::Plain);
    assert_eq!(Browser::new(home.path(), &lab, None).open("/webqkan/").unwrap().status, 403, "no certificate");
}

#[test]
fn the_administration_site_renews_for_every_terminal_and_hands_out_both_forms() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    let lab = lab(dir, 30, &[], HtmlVariant::Plain);
    let browser = Browser::new(dir, &lab, Some(&credential(dir, "u000000014")));
    let top = browser.press(&browser.open("/orcamo_admin/").unwrap(), "ログイン", &["u000000014", "himitsu"]).unwrap();
    let detail = browser.follow(&browser.follow(&top, "証明書管理").unwrap(), "client300").unwrap();
    assert!(detail.shows("申請済証明書詳細") && detail.shows("証明書更新"), "{}", detail.text);
    let before = detail.values()["有効期限"].clone();
    let done = browser.press(&detail, "証明書更新", &[]).unwrap();
    assert!(done.shows("証明書の更新に成功しました"), "{}", done.text);
    let values = done.values();
    assert!(values["有効期限"] > before && values["状態"] == "利用中");
    let p12 = browser.press(&done, "ダウンロード(p12形式)", &[]).unwrap().body;
    let zip = browser.press(&done, "ダウンロード(zip形式)", &[]).unwrap().body;
    let (name, inside) = archive::entry(&Secret::bytes(zip), "*.p12").unwrap();
    assert_eq!(name, "000014_JP_u000000014_client300.p12");
    let [one, other] = [p12.as_slice(), inside.expose()].map(|file| open_p12(file, &values["パスワード"]).unwrap());
    assert_eq!(one.chain, other.chain);
    assert_eq!(count(dir, "issued"), 1);
}

#[test]
fn a_maintenance_says_so() {
    let home = tempfile::tempdir().unwrap();
    let lab = lab(home.path(), 30, &["maintenance@sign_in"], HtmlVariant::Plain);
    let browser = Browser::new(home.path(), &lab, Some(&credential(home.path(), "client300")));
    let entrance = browser.open("/webqkan/").unwrap();
    let closed = browser.press(&entrance, "ログイン", &["u000000014", "himitsu"]).unwrap();
    assert!(closed.status == 503 && closed.shows("ただいまメンテナンス中です"), "{}", closed.text);
    assert!(browser.press(&entrance, "ログイン", &["u000000014", "himitsu"]).unwrap().shows("(QM00)メニュー"));
}

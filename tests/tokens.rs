//! The renewal of a certificate whose key is on a token, against a lab in its own process: with SoftHSM2, and with a token that is pulled
//! out or refuses PINs. And the practice token in a folder, from its site file to its lock.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../backends/tests/support/softhsm.rs"]
mod softhsm;
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use kirikae_backends::token::soft::{NewSoftToken, SoftToken};
use kirikae_engine::backend::ImportRequest;
use kirikae_engine::secret::Secret;
use serde_json::Value as Json;
use softhsm::{Faulty, PIN, SoftHsm, module};
use support::{Lab, component, root, said};

/// As `obn/renew-web`, but the certificate to renew is on a token; the new one comes as a file and goes into a store.
const RENEWAL: &str = r#"kirikae: playbook/1
id: obn/renew-on-token
version: "1.0.0"
title: USBキーの中の証明書を更新する
sources: [obn_edge, obn_blog]
backends:
  issuer: { kind: ca, profile: obn }
  key: token
  personal: store
  backup: folder
inputs:
  medical_code: { type: digits(10), title: 医療機関コード, cite: obn_edge#1.3 }
secrets:
  pin: { type: ascii, title: ユーザPIN, attempts: { limit: 10, leave: 5, per_run: 5, cite: obn_edge#1.3 } }
  p12_password: { type: digits(4), new: true, title: 証明書パスワード, cite: obn_edge#2.2 }
steps:
  plugged:
    title: USBキーを挿す
    cite: obn_edge#1.3
    uses: token.wait@1
    with: { in: key, ask: 受付のUSBキーを挿してください。 }
  current:
    title: 今の証明書を探す
    cite: obn_edge#1.6
    uses: cert.find@1
    with: { in: key, on: "${{ steps.plugged.token }}", issuer: "Online Billing NW Common Root CA*", cn: "${{ inputs.medical_code }}", key: true, pick: newest }
  open:
    title: PINで開く
    cite: obn_edge#1.3
    uses: token.login@1
    with: { token: "${{ steps.plugged.token }}", pin: "${{ secrets.pin }}" }
  request:
    title: 更新を申請する
    cite: obn_edge#2.2
    uses: ca.renew@1
    with: { client_cert: "${{ steps.current.cert }}", session: "${{ steps.open.session }}" }
    deadline: steps.current.cert.not_after
  keep_id:
    title: 新しいリファレンスIDを保管する
    cite: obn_edge#2.2
    uses: secret.keep@1
    with: { name: obn_reference_id, about: "${{ steps.request.request_id }}", value: "${{ steps.request.reference_id }}" }
  issued:
    title: 発行済みか見る
    cite: obn_edge#2.2
    uses: ca.status@1
    with: { client_cert: "${{ steps.current.cert }}", session: "${{ steps.open.session }}", request_id: "${{ steps.request.request_id }}" }
    expect:
      - { that: "result.status == 'issued'", say: まだ発行されていません。 }
  fetch:
    title: 証明書ファイルを受け取る
    cite: obn_edge#2.2
    uses: ca.fetch@1
    with:
      client_cert: "${{ steps.current.cert }}"
      session: "${{ steps.open.session }}"
      request_id: "${{ steps.request.request_id }}"
      password: "${{ secrets.p12_password }}"
  install:
    title: 新しい証明書を取り込む
    cite: obn_edge#1.2
    uses: playbook:common/install-p12@1
    with:
      file: "${{ steps.fetch.file }}"
      p12_password: "${{ secrets.p12_password }}"
      issuer: "Online Billing NW Common Root CA*"
      cn: "${{ inputs.medical_code }}"
      newer_than: "${{ steps.current.cert }}"
      exportable: true
  usable:
    title: 新しい証明書で入れることを確かめる
    cite: obn_edge#1.6
    uses: web.probe@1
    with: { client_cert: "${{ steps.install.cert }}" }
  keep_password:
    title: 証明書パスワードを保管する
    cite: obn_edge#1.4
    uses: secret.keep@1
    with: { name: obn_p12_password, about: "${{ steps.install.cert.thumbprint }}", value: "${{ secrets.p12_password }}" }
"#;

/// A lab whose only certificate lies on a token instead of the store.
struct OnToken {
    lab: Lab,
    hsm: SoftHsm,
    playbook: PathBuf,
}

impl OnToken {
    /// `None` where SoftHSM2, OpenSC or OpenSSL is not installed.
    fn new() -> Option<Self> {
        let (hsm, openssl) = (SoftHsm::new()?, component::program("openssl")?);
        let lab = Lab::start(&[]);
        hsm.token("clinic");
        let (key, certificate, public) = moved_out(&openssl, &lab);
        hsm.put_key("clinic", "01", &key);
        hsm.put_certificate("clinic", "01", &certificate);
        hsm.put_public_key("clinic", "01", &public);
        let playbook = lab.path("renew-on-token.yaml");
        std::fs::write(&playbook, RENEWAL).unwrap();
        std::fs::write(lab.path("pin.txt"), PIN).unwrap();
        let site = std::fs::read_to_string(lab.path("site.yaml")).unwrap();
        let secrets = "secrets:\n  obn/renew-on-token.pin: { file: ./pin.txt }\n  obn/renew-on-token.p12_password: { generate: digits(4) }\n";
        let site = site.replace("secrets:\n", secrets);
        std::fs::write(lab.path("site.yaml"), format!("{site}state_scope: per_user\n")).unwrap();
        Some(Self { lab, hsm, playbook })
    }

    /// Binds the role `key` to the tokens of a module.
    fn bind(&self, module: &Path) {
        self.lab.edit_site("backends:\n", &format!("backends:\n  key: {{ token: pkcs11, module: \"{}\", label: clinic }}\n", module.display()));
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.lab.command(arguments).env("SOFTHSM2_CONF", self.hsm.conf()).output().unwrap()
    }

    fn apply(&self) -> Output {
        self.run(&["apply", self.playbook.to_str().unwrap(), "--approve", "all"])
    }

    /// One request arrived, one certificate was issued; the new one is in the store, the old one still on its token.
    fn settled(&self) {
        assert_eq!((self.lab.count("received", Some("renew")), self.lab.count("issued", None)), (1, 1));
        assert_eq!(self.lab.store().len(), 1);
        assert_eq!(self.run(&["verify"]).status.code(), Some(0));
    }
}

/// Takes the credential out of the lab's store: key (PKCS#8), certificate and public key, DER.
fn moved_out(openssl: &Path, lab: &Lab) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let p12 = lab.store().pop().unwrap();
    let run = |arguments: &[&str], input: &[u8]| {
        let file = lab.path("openssl.in");
        std::fs::write(&file, input).unwrap();
        let output = Command::new(openssl).args(arguments).arg("-in").arg(&file).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        std::fs::remove_file(&file).unwrap();
        output.stdout
    };
    let password = format!("file:{}", lab.path("personal.pw").display());
    let file = std::fs::read(&p12).unwrap();
    let key = run(&["pkcs12", "-nodes", "-nocerts", "-passin", &password], &file);
    let certificate = run(&["pkcs12", "-clcerts", "-nokeys", "-passin", &password], &file);
    let der = (
        run(&["pkcs8", "-topk8", "-nocrypt", "-outform", "DER"], &key),
        run(&["x509", "-outform", "DER"], &certificate),
        run(&["pkey", "-pubout", "-outform", "DER"], &key),
    );
    std::fs::remove_file(p12.with_extension("json")).unwrap();
    std::fs::remove_file(p12).unwrap();
    der
}

#[test]
fn a_certificate_on_a_token_is_renewed_with_its_key_on_the_token() {
    let Some(clinic) = OnToken::new() else { return };
    clinic.bind(&module());
    let plan = clinic.run(&["plan", clinic.playbook.to_str().unwrap()]);
    assert!(plan.status.success() && said(&plan).contains("token:"), "a plan reads the certificate without a PIN: {}", said(&plan));
    let applied = clinic.apply();
    assert_eq!(applied.status.code(), Some(0), "{}", said(&applied));
    clinic.settled();
    let counted = clinic.run(&["attempts"]);
    assert!(said(&counted).contains("失敗なし") && said(&counted).contains("token:"), "{}", said(&counted));
    let journal = std::fs::read(clinic.lab.state().join("journal.db")).unwrap();
    assert!(!journal.windows(PIN.len()).any(|part| part == PIN.as_bytes()), "the PIN is in no record");
}

#[test]
fn a_token_that_is_pulled_out_at_any_signature_leaves_one_request_at_most() {
    for nth in 1..=4 {
        let Some(clinic) = OnToken::new() else { return };
        let Some(device) = Faulty::new(&clinic.hsm.path(""), "device", &[&format!("pull_at_sign {nth}")]) else { return };
        clinic.bind(device.file());
        let pulled = clinic.apply();
        assert_eq!(pulled.status.code(), Some(1), "{nth}: {}", said(&pulled));
        assert!(said(&pulled).contains("TOKEN.ABSENT") && device.signatures() == nth, "{nth}: {}", said(&pulled));
        assert!(clinic.lab.count("received", Some("renew")) <= 1);
        device.insert();
        let mut last = clinic.run(&["resume", "last"]);
        for _ in 0..3 {
            if last.status.code() != Some(0) {
                last = clinic.run(&["resume", "last"]);
            }
        }
        // What ended before its first intent ended for good.
        if said(&last).contains("RUN.") {
            last = clinic.apply();
        }
        assert_eq!(last.status.code(), Some(0), "{nth}: {}", said(&last));
        clinic.settled();
    }
}

#[test]
fn a_process_that_ends_in_doubt_opens_the_token_again_before_it_looks() {
    let Some(clinic) = OnToken::new() else { return };
    clinic.bind(&module());
    let held = clinic
        .lab
        .command(&["apply", clinic.playbook.to_str().unwrap(), "--approve", "all"])
        .env("SOFTHSM2_CONF", clinic.hsm.conf())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut held = held.unwrap();
    while clinic.lab.count("received", Some("renew")) == 0 {
        assert!(held.try_wait().unwrap().is_none(), "it ended before it sent anything");
        std::thread::yield_now();
    }
    held.kill().unwrap();
    held.wait().unwrap();
    let mut last = clinic.run(&["resume", "last"]);
    for _ in 0..3 {
        if last.status.code() != Some(0) {
            last = clinic.run(&["resume", "last"]);
        }
    }
    assert_eq!(last.status.code(), Some(0), "{}", said(&last));
    clinic.settled();
}

#[test]
fn a_wrong_pin_in_a_file_is_tried_once_and_a_missing_token_is_asked_for() {
    let Some(clinic) = OnToken::new() else { return };
    let Some(device) = Faulty::new(&clinic.hsm.path(""), "device", &["limit 10", "vague"]) else { return };
    clinic.bind(device.file());
    std::fs::write(clinic.lab.path("pin.txt"), "00000000").unwrap();
    for night in 0..4 {
        let output = clinic.apply();
        assert_ne!(output.status.code(), Some(0));
        clinic.run(&["abandon", "last", "--by", "受付", "--reason", "試し"]);
        assert_eq!(device.tries(), 1, "night {night}: {}", said(&output));
    }
    let counts: Json = serde_json::from_slice(&clinic.run(&["attempts", "--format", "json"]).stdout).unwrap();
    assert_eq!(counts[0]["used"], 1, "{counts}");

    std::fs::write(clinic.lab.path("pin.txt"), PIN).unwrap();
    device.pull();
    let waits = clinic.apply();
    assert_eq!(waits.status.code(), Some(75), "{}", said(&waits));
    assert!(said(&waits).contains("受付のUSBキーを挿してください。"), "{}", said(&waits));
    device.insert();
    let answered = clinic.run(&["answer", "last", "plugged", "--yes", "--by", "受付"]);
    assert_eq!(answered.status.code(), Some(0), "{}", said(&answered));
    let resumed = clinic.run(&["resume", "last"]);
    assert_eq!(resumed.status.code(), Some(0), "{}", said(&resumed));
    clinic.settled();
}

#[test]
fn a_practice_token_in_a_folder_renews_and_locks() {
    let Some(openssl) = component::program("openssl") else { return };
    let lab = Lab::start(&[]);
    let folder = lab.path("key");
    let new = NewSoftToken { serial: "PRACTICE1".to_owned(), label: "練習用".to_owned(), pin: Secret::text(PIN), limit: 10 };
    let token = SoftToken::create(&folder, &new).unwrap();
    let file = Secret::bytes(std::fs::read(lab.store().pop().unwrap()).unwrap());
    let password = Secret::text(std::fs::read_to_string(lab.path("personal.pw")).unwrap());
    token.put(&Secret::text(PIN), &ImportRequest { file, password, friendly_name: None, options: std::collections::BTreeMap::new() }).unwrap();
    moved_out(&openssl, &lab);
    let playbook = lab.path("renew-on-token.yaml");
    std::fs::write(&playbook, RENEWAL).unwrap();
    std::fs::write(lab.path("pin.txt"), PIN).unwrap();
    lab.edit_site("backends:\n", "backends:\n  key: { token: soft, path: ./key }\n");
    let secrets = "secrets:\n  obn/renew-on-token.pin: { file: ./pin.txt }\n  obn/renew-on-token.p12_password: { generate: digits(4) }\n";
    lab.edit_site("secrets:\n", secrets);
    lab.edit_site("downloads:", "state_scope: per_user\ndownloads:");
    let output = lab.run(&["apply", playbook.to_str().unwrap(), "--approve", "all"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!((lab.count("issued", None), lab.store().len()), (1, 1));
}

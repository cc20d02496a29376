//! Secrets of a terminal: where they come from, who can open them, when they go; private inputs stand nowhere.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use kirikae_engine::journal::{Journal, STATE_RUN};
use serde_json::Value as Json;
use support::{Lab, component, said};

/// Runs a command with a text as its standard input.
fn with_input(lab: &Lab, arguments: &[&str], input: &str) -> Output {
    let mut child = lab.command(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Who reads nothing of it may end before it is written.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn list(lab: &Lab) -> Vec<Json> {
    let output = lab.run(&["secrets", "list", "--format", "json"]);
    serde_json::from_slice::<Vec<Json>>(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)))
}

/// The id of the first entry of a name.
fn id(lab: &Lab, name: &str) -> String {
    let entry = list(lab).into_iter().find(|entry| entry["name"] == name).unwrap_or_else(|| panic!("no {name}"));
    entry["reference"].as_str().unwrap().strip_prefix("vault:").unwrap().to_owned()
}

/// What happened outside runs.
fn state_events(lab: &Lab) -> Vec<Json> {
    let events = Journal::open(&lab.state()).unwrap().events(STATE_RUN).unwrap();
    events.iter().map(|event| serde_json::to_value(event).unwrap()).collect()
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.flat_map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { vec![entry.path()] }).collect()
}

#[test]
fn a_value_is_set_from_a_file_or_standard_input_and_never_an_argument() {
    let lab = Lab::start(&[]);
    let set = with_input(&lab, &["secrets", "set", "token_pin"], "7391\n");
    assert_eq!(set.status.code(), Some(0), "{}", said(&set));
    std::fs::write(lab.path("pin"), "8402\n").unwrap();
    let about = lab.run(&["secrets", "set", "token_pin", "--about", "カード 1", "--secret-file", lab.path("pin").to_str().unwrap()]);
    assert_eq!(about.status.code(), Some(0), "{}", said(&about));
    assert_eq!(lab.run(&["secrets", "set", "token_pin", "7391"]).status.code(), Some(2), "no value as an argument");
    let empty = with_input(&lab, &["secrets", "set", "token_pin"], "");
    assert!(empty.status.code() == Some(1) && said(&empty).contains("SECRET.MISSING"), "{}", said(&empty));

    let again = with_input(&lab, &["secrets", "set", "token_pin", "--secret-file", "-"], "1111");
    assert!(said(&again).contains("置きかえて"), "{}", said(&again));
    let entries = list(&lab);
    let named: Vec<&Json> = entries.iter().filter(|entry| entry["name"] == "token_pin").collect();
    assert_eq!(named.len(), 2, "one for each subject: {entries:?}");
    let text = lab.run(&["secrets", "list"]);
    assert!(said(&text).contains("カード 1") && said(&text).contains("vault.recipients"), "{}", said(&text));

    let told = state_events(&lab);
    let kinds: Vec<&str> = told.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["SecretEscrowed", "SecretEscrowed", "SecretEscrowed"]);
    let everything = format!("{}{}{}{}{told:?}", said(&set), said(&about), said(&again), said(&text));
    for value in ["7391", "8402", "1111"] {
        assert!(!everything.contains(value), "{everything}");
    }
    assert_eq!(lab.run(&["verify"]).status.code(), Some(0));
}

#[test]
fn a_value_is_shown_on_a_terminal_only_and_that_is_on_record() {
    let lab = Lab::start(&[]);
    assert_eq!(with_input(&lab, &["secrets", "set", "token_pin"], "7391\n").status.code(), Some(0));
    let id = id(&lab, "token_pin");
    let piped = lab.run(&["secrets", "show", &id]);
    assert!(piped.status.code() == Some(2) && said(&piped).contains("SECRET.NO_TERMINAL"), "{}", said(&piped));
    assert!(state_events(&lab).iter().all(|event| event["kind"] != "SecretShown"));

    let Some(script) = component::program("script") else { return };
    let show = lab.command(&["secrets", "show", &id]);
    let words: Vec<String> = std::iter::once(show.get_program()).chain(show.get_args()).map(|word| format!("'{}'", word.to_str().unwrap())).collect();
    let shown = Command::new(script).args(["-qec", &words.join(" "), "/dev/null"]).current_dir(support::root()).stdin(Stdio::null()).output().unwrap();
    assert!(said(&shown).contains("7391"), "{}", said(&shown));
    let event = state_events(&lab).pop().unwrap();
    assert_eq!((&event["kind"], &event["reference"]), (&Json::from("SecretShown"), &Json::from(format!("vault:{id}"))));
    assert!(!event.to_string().contains("7391"));
}

#[test]
fn an_entry_that_is_needed_stays_unless_somebody_says_why() {
    let lab = Lab::start(&["--fault", "truncated-file@fetch"]);
    assert_eq!(lab.renew().status.code(), Some(1), "stopped after the request");
    let password = id(&lab, "p12_password");
    let refused = lab.run(&["secrets", "remove", &password]);
    assert!(refused.status.code() == Some(1) && said(&refused).contains("SECRET.NEEDED") && said(&refused).contains("終わっていません"), "{}", said(&refused));
    lab.resume_to_the_end();
    let entries = list(&lab);
    let live = entries.iter().find(|entry| entry["name"] == "obn_reference_id").unwrap();
    assert_eq!((&live["kept"]["standing"], &live["kept"]["needed"]), (&Json::from("live"), &Json::from(true)), "{live}");
    let refused = lab.run(&["secrets", "remove", &password]);
    assert!(refused.status.code() == Some(1) && said(&refused).contains("有効な証明書"), "{}", said(&refused));
    assert_eq!(lab.run(&["secrets", "remove", &password, "--force"]).status.code(), Some(2), "force wants a reason");
    assert!(list(&lab).iter().any(|entry| entry["reference"] == format!("vault:{password}")));

    let forced = lab.run(&["secrets", "remove", &password, "--force", "--reason", "試験"]);
    assert_eq!(forced.status.code(), Some(0), "{}", said(&forced));
    assert!(!list(&lab).iter().any(|entry| entry["reference"] == format!("vault:{password}")));
    let event = state_events(&lab).pop().unwrap();
    assert_eq!((&event["kind"], &event["reason"], &event["forced"]), (&"SecretRemoved".into(), &"試験".into(), &true.into()), "{event}");

    // What nobody needs goes without one; nothing here is over yet.
    assert_eq!(with_input(&lab, &["secrets", "set", "note"], "x").status.code(), Some(0));
    assert_eq!(lab.run(&["secrets", "remove", &id(&lab, "note")]).status.code(), Some(0));
    let purged = lab.run(&["secrets", "purge", "--yes"]);
    assert!(said(&purged).contains("もう不要なものはありません"), "{}", said(&purged));
}

#[test]
fn a_run_takes_a_secret_from_standard_input() {
    let lab = Lab::start(&[]);
    lab.edit_site("obn/renew-web.p12_password: { generate: digits(4) }", "obn/other.p12_password: ask");
    let apply = ["apply", "playbooks/obn/renew-web.yaml", "--approve", "all", "--secret-file"];
    let unknown = with_input(&lab, &[&apply as &[&str], &["pin=-"]].concat(), "7391\n");
    assert!(unknown.status.code() == Some(2) && said(&unknown).contains("SECRET.UNKNOWN_NAME"), "{}", said(&unknown));
    let argv = lab.run(&["apply", "playbooks/obn/renew-web.yaml", "--set", "p12_password=7391"]);
    assert!(
        argv.status.code() == Some(2) && said(&argv).contains("CLI.SECRET_IN_ARGV") && said(&argv).contains("--secret-file p12_password="),
        "{}",
        said(&argv)
    );
    let unfit = with_input(&lab, &[&apply as &[&str], &["p12_password=-"]].concat(), "739\n");
    assert!(unfit.status.code() == Some(1) && said(&unfit).contains("SECRET.UNFIT") && !said(&unfit).contains("739\n"), "{}", said(&unfit));
    // A run that stopped over it goes on with the right value.
    let resumed = with_input(&lab, &["resume", "last", "--secret-file", "p12_password=-"], "7391\n");
    assert_eq!(resumed.status.code(), Some(0), "{}", said(&resumed));
    assert_eq!(lab.count("issued", None), 1);
    let backup = std::fs::read_dir(lab.path("backup")).unwrap().flatten().next().unwrap().path();
    assert!(backup.exists());
}

const PRIVATE: &str = r#"kirikae: playbook/1
id: obn/private
version: "1.0.0"
title: { ja: 生年月日を使う, en: Uses a birthday }
sources: [obn_edge]
backends: { personal: store }
inputs:
  birthday: { type: date, title: 生年月日, private: true }
  card: { type: string, title: カードの番号, private: true }
steps:
  current:
    title: 探す
    cite: obn_edge#1.6
    uses: cert.find@1
    with: { in: personal, issuer: "Online Billing NW Common Root CA*", key: true, pick: newest }
    expect:
      - that: inputs.birthday < date('2000-01-01')
        say: "${{ inputs.birthday }} 生まれの方は対象外です。"
        then: finish
  seen:
    title: 確かめる
    cite: obn_edge#1.6
    uses: human.confirm@1
    with: { ask: "カード ${{ inputs.card }} の方ですか", do: [{ do: "生年月日 ${{ inputs.birthday }} を画面で見る" }] }
  keep:
    title: 控える
    cite: obn_edge#1.6
    uses: notify.send@1
    with: { to: 担当者, subject: 済, body: "確かめました(${{ steps.seen.by }})。" }
"#;

#[test]
fn private_inputs_stand_nowhere_and_a_resumed_run_has_them() {
    const BIRTHDAY: &str = "1961-07-08";
    const CARD: &str = "HPKI-77104";
    let lab = Lab::start(&[]);
    let library = lab.path("library");
    std::fs::create_dir_all(library.join("obn")).unwrap();
    std::fs::copy(support::root().join("playbooks/sources.yaml"), library.join("sources.yaml")).unwrap();
    let playbook = library.join("obn/private.yaml");
    std::fs::write(&playbook, PRIVATE).unwrap();
    let playbook = playbook.to_str().unwrap();
    std::fs::write(lab.path("birthday"), format!("{BIRTHDAY}\n")).unwrap();
    std::fs::write(lab.path("card"), format!("{CARD}\n")).unwrap();
    let files_of = [format!("birthday={}", lab.path("birthday").display()), format!("card={}", lab.path("card").display())];
    let given = ["--secret-file", &files_of[0], "--secret-file", &files_of[1]];
    let saved = lab.place.path().join("plan.json");

    let mut outputs = vec![
        lab.run(&[&["plan", playbook] as &[&str], &given].concat()),
        lab.run(&[&["plan", playbook, "--format", "json", "--out", saved.to_str().unwrap()] as &[&str], &given].concat()),
        lab.run(&[&["dry-run", playbook] as &[&str], &given].concat()),
    ];
    assert!(said(&outputs[0]).contains("(見せません)"), "{}", said(&outputs[0]));
    // The saved plan alone is enough: what it was made with lies in the vault.
    let parked = lab.run(&["apply", saved.to_str().unwrap(), "--library", library.to_str().unwrap()]);
    assert_eq!(parked.status.code(), Some(75), "{}", said(&parked));
    assert!(said(&parked).contains("カード (見せません) の方ですか"), "{}", said(&parked));
    outputs.push(parked);
    outputs.push(lab.run(&["answer", "last", "seen", "--yes", "--by", "受付", "--saw", &format!("{CARD} と書いてある")]));
    outputs.push(lab.run(&["show", "last", "--events"]));
    let resumed = lab.run(&["resume", "last", "--format", "json"]);
    assert_eq!(resumed.status.code(), Some(0), "{}", said(&resumed));
    outputs.push(resumed);
    for arguments in [&["show", "last", "--format", "json"] as &[&str], &["runs"], &["runs", "--format", "json"], &["secrets", "list"]] {
        outputs.push(lab.run(arguments));
    }
    for output in &outputs {
        assert!(!said(output).contains(BIRTHDAY) && !said(output).contains(CARD), "{}", said(output));
    }
    for file in files(&lab.state()).into_iter().chain([saved]) {
        let content = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
        assert!(!content.contains(BIRTHDAY) && !content.contains(CARD), "{}", file.display());
    }
    let standing = list(&lab).into_iter().find(|entry| entry["name"] == "birthday").unwrap();
    assert_eq!(standing["kept"]["standing"], "run_over", "{standing}");
    let purged = lab.run(&["secrets", "purge"]);
    assert!(said(&purged).contains("birthday") && said(&purged).contains("--yes"), "shown first: {}", said(&purged));
    assert!(list(&lab).iter().any(|entry| entry["name"] == "birthday"));
    let purged = lab.run(&["secrets", "purge", "--yes"]);
    assert_eq!(purged.status.code(), Some(0), "{}", said(&purged));
    assert!(!list(&lab).iter().any(|entry| entry["name"] == "birthday" || entry["name"] == "card"));
}

#[test]
fn a_recovery_key_that_comes_later_is_told_and_covered() {
    let lab = Lab::start(&[]);
    assert_eq!(with_input(&lab, &["secrets", "set", "token_pin"], "7391\n").status.code(), Some(0));
    let identity = age::x25519::Identity::generate();
    let site = std::fs::read_to_string(lab.path("site.yaml")).unwrap();
    std::fs::write(lab.path("site.yaml"), format!("{site}vault: {{ recipients: [{}] }}\n", identity.to_public())).unwrap();
    let told = lab.run(&["secrets", "list"]);
    assert!(said(&told).contains("開けないものが1件") && said(&told).contains("kirikae secrets cover"), "{}", said(&told));
    assert_eq!(list(&lab)[0]["recovery"]["missing"], serde_json::json!([identity.to_public().to_string()]));
    let covered = lab.run(&["secrets", "cover"]);
    assert!(said(&covered).contains("1件を暗号化し直しました"), "{}", said(&covered));
    assert!(!said(&lab.run(&["secrets", "list"])).contains("注意"));
    let sealed = files(&lab.state().join("vault")).into_iter().find(|file| file.extension().is_some_and(|ending| ending == "age")).unwrap();
    assert_eq!(age::decrypt(&identity, &std::fs::read(sealed).unwrap()).unwrap(), b"7391");
}

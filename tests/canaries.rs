//! Secret values reach nothing that a run leaves behind, nothing it says, and no argument or environment, on every shipped playbook.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs;
use std::io::Read;
use std::path::Path;

use age::secrecy::ExposeSecret;
use support::canary::{Canary, files};
use support::shipped::{asks_for_secrets, lab_before, started_by_people};
use support::{Lab, said};

/// Four digits that stand nowhere by chance: no year, fee or port.
const DIGITS: &str = "7391";

/// The files of a lab that hold its secrets, and nothing else of it is left out.
const SOURCES: [&str; 8] = [
    "personal.pw",
    "install-password.txt",
    "reference-id.txt",
    "held-reference-id.txt",
    "account-password.txt",
    "printed-number.txt",
    "web-password.txt",
    "lab-state.json",
];

/// A lab whose secrets all come from a program, which writes down how it and the one who asks can be seen; and what can read the vault.
fn lab(playbook: &str) -> (Lab, age::x25519::Identity) {
    let lab = Lab::start_with(&[], |folder| {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("install-password.txt"), DIGITS).unwrap();
    });
    let script = lab.path("source.sh");
    let seen = lab.path("seen");
    let look = "tr '\\0' '\\n' </proc/$$/environ; tr '\\0' '\\n' </proc/$$/cmdline; tr '\\0' '\\n' </proc/$PPID/environ; tr '\\0' '\\n' </proc/$PPID/cmdline";
    fs::write(&script, format!("{{ {look}; }} >>{} 2>&1\nhead -n 1 \"{}/$1\"\n", seen.display(), lab.path("").display())).unwrap();
    let identity = age::x25519::Identity::generate();
    let mut site = fs::read_to_string(lab.path("site.yaml")).unwrap().replace("{ generate: digits(4) }", "{ file: ./install-password.txt }");
    for source in SOURCES {
        site = site.replace(&format!("{{ file: ./{source} }}"), &format!("{{ pipe: [sh, {}, {source}] }}", script.display()));
    }
    assert!(!site.contains("{ file:"), "{site}");
    fs::write(lab.path("site.yaml"), format!("{site}vault: {{ recipients: [{}] }}\n", identity.to_public())).unwrap();
    lab_before(&lab, playbook);
    (lab, identity)
}

/// What a vault holds, as whoever has the recovery key reads it.
fn in_vault(state: &Path, identity: &age::x25519::Identity) -> Vec<(String, Vec<u8>)> {
    let entries = files(&state.join("vault")).into_iter().filter(|(name, _)| name.ends_with(".age"));
    entries.map(|(name, content)| (name, age::decrypt(identity, &content).unwrap())).collect()
}

/// The private keys that the practice CA made: 32 bytes each, behind the mark of an OCTET STRING of that length.
fn keys(lab: &Lab) -> Vec<Vec<u8>> {
    let state: serde_json::Value = serde_json::from_slice(&fs::read(lab.path("lab-state.json")).unwrap()).unwrap();
    let hex = state["issuances"].as_array().unwrap().iter().map(|issuance| issuance["key"].as_str().unwrap().to_owned());
    hex.map(|hex| {
        let der: Vec<u8> = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        let at = der.windows(2).position(|pair| pair == [0x04, 0x20]).expect("a P-256 key");
        der[at + 2..at + 34].to_vec()
    })
    .collect()
}

#[test]
fn a_canary_is_found_in_every_form() {
    let canary = Canary::new("a value", b"zigLUVC29Q");
    let encoded = "zigLUVC29Q".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    for text in [&b"{\"id\":\"zigLUVC29Q\"}"[..], b"7a69674c555643323951", b"eHp6aWdMVVZDMjlReA==", b"emlnTFVWQzI5UQ==", &encoded] {
        assert!(canary.is_in(text), "{}", String::from_utf8_lossy(text));
    }
    assert!(!canary.is_in(b"zigLUVC29"));
    let short = Canary::new("four digits", DIGITS.as_bytes());
    assert!(short.is_in(b"password=7391\n") && short.is_in(b"7391"));
    assert!(!short.is_in(b"sha256=a7391b"), "by chance, in the middle of a digest");
}

#[test]
fn no_secret_is_left_behind_said_or_shown_on_any_playbook() {
    let mut quiet: Vec<String> = vec![];
    for playbook in started_by_people() {
        let (lab, identity) = lab(&playbook);
        let plan = lab.place.path().join("plan.json");
        let commands: [&[&str]; 13] = [
            &["plan", &playbook],
            &["plan", &playbook, "--format", "json", "--out", plan.to_str().unwrap()],
            &["plan", &playbook, "--format", "dot"],
            &["dry-run", &playbook],
            &["dry-run", &playbook, "--format", "json"],
            &["apply", &playbook, "--approve", "all", "--format", "json"],
            &["show", "last"],
            &["show", "last", "--format", "json"],
            &["runs", "--format", "json"],
            &["resume", "last"],
            &["secrets", "list"],
            &["certs"],
            &["verify"],
        ];
        let outputs = commands.map(|command| {
            let output = lab.run(command);
            // Where people are asked, they answer.
            let parked = command[0] == "apply" && output.status.code() == Some(75);
            (command, if parked { lab.people_go_on() } else { output })
        });
        let applied = &outputs[5].1;
        assert_eq!(applied.status.code(), Some(0), "{playbook}: {}", said(applied));

        let mut canaries = vec![];
        for source in SOURCES.into_iter().filter(|source| *source != "lab-state.json") {
            let value = fs::read_to_string(lab.path(source)).unwrap().trim().to_owned();
            let canary = Canary::new(source, value.as_bytes());
            assert!(canary.is_in(&fs::read(lab.path(source)).unwrap()), "it would be found");
            canaries.push(canary);
        }
        // Whatever lies in the vault is secret; files are looked for by a piece of their middle.
        for (name, value) in in_vault(&lab.state(), &identity) {
            let piece = if value.len() > 256 { &value[value.len() / 2..value.len() / 2 + 48] } else { &value };
            canaries.push(Canary::new(format!("the vault's {name}"), piece));
        }
        canaries.extend(keys(&lab).iter().map(|key| Canary::new("a private key", key)));
        let engine = fs::read_to_string(lab.state().join("keys/identity.txt"));
        let engine = engine.iter().flat_map(|text| text.lines()).find(|line| line.starts_with("AGE-SECRET-KEY"));
        canaries.extend(engine.map(|key| Canary::new("the engine's key", key.as_bytes())));
        canaries.push(Canary::new("the recovery key", identity.to_string().expose_secret().as_bytes()));

        let left = files(&lab.state()).into_iter().filter(|(name, _)| name != "keys/identity.txt").map(|(name, content)| (format!("state/{name}"), content));
        // The site file is its owner's: a personal ID may stand there.
        let left_out = |name: &str| SOURCES.contains(&name) || name == "site.yaml";
        let of_lab = files(&lab.path("")).into_iter().filter(|(name, _)| !left_out(name)).map(|(name, content)| (format!("lab/{name}"), content));
        let said = outputs.iter().flat_map(|(command, output)| {
            let name = command.join(" ");
            [(format!("stdout of {name}"), output.stdout.clone()), (format!("stderr of {name}"), output.stderr.clone())]
        });
        let mut everything: Vec<(String, Vec<u8>)> = left.chain(of_lab).chain(said).collect();
        let mut saved = vec![];
        fs::File::open(&plan).unwrap().read_to_end(&mut saved).unwrap();
        everything.push(("the saved plan".to_owned(), saved));
        for (place, content) in &everything {
            for canary in &canaries {
                canary.sings_not_in(&format!("{place} ({playbook})"), content);
            }
        }
        if asks_for_secrets(&playbook) {
            // A run that ends before it needs a secret starts no program.
            let Ok(seen) = fs::read_to_string(lab.path("seen")) else {
                quiet.push(playbook);
                continue;
            };
            // What is asked for only after a person's answer is asked for by `resume`.
            assert!(seen.contains("PATH=") && (seen.contains(&playbook) || seen.contains("\nresume\n")), "{playbook}: the children looked: {seen}");
        }
        assert!(canaries.len() >= 4, "{playbook}: the vault and the sources have something to hide");
    }
    assert!(quiet.len() <= 2, "these asked for no secret: {quiet:?}");
}

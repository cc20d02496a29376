//! Playbook tests find what is wrong with a playbook, say it at its line, and need no author for most of it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod shipped;

use std::path::Path;

use kirikae_engine::action::registry;
use kirikae_engine::check::{Library, TestSuite, check, check_test};
use kirikae_engine::testing::playbook::{Bench, TrialResult, draft};
use kirikae_engine::text::{Lang, Source};
use shipped::Folders;

/// The shipped library with one playbook changed, or one more.
struct With {
    id: &'static str,
    text: String,
}

impl With {
    /// A shipped playbook with one text replaced.
    fn changed(id: &'static str, from: &str, to: &str) -> Self {
        let text = Folders.playbook(id).unwrap().text.to_string();
        assert_eq!(text.matches(from).count(), 1, "{from}");
        Self { id, text: text.replace(from, to) }
    }
}

impl Library for With {
    fn playbook(&self, id: &str) -> Option<Source> {
        if id == self.id { Some(Source::new(format!("{id}.yaml"), self.text.as_str())) } else { Folders.playbook(id) }
    }

    fn portal(&self, id: &str) -> Option<Source> {
        Folders.portal(id)
    }

    fn sources(&self) -> Option<Source> {
        Folders.sources()
    }
}

fn suite(library: &dyn Library, text: &str) -> TestSuite {
    let outcome = check_test(&Source::new("case.test.yaml", text), library, registry());
    outcome.result.unwrap_or_else(|found| panic!("{found:#?}"))
}

fn shipped(id: &str) -> String {
    Folders.playbook(&format!("{id}.test")).unwrap().text.to_string()
}

/// What a trial says, with the line in the file it is said of.
fn told(suite: &TestSuite, name: &str) -> Vec<String> {
    // In memory where the machine has such a folder: every event of every run is made durable.
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let trial = Bench::trials(suite).into_iter().find(|trial| trial.name == name).unwrap_or_else(|| panic!("no trial {name}"));
    let TrialResult { differences, .. } = Bench::new(folder.path().to_owned()).run(suite, &trial);
    let documents = suite.checked.documents.iter().map(|document| &document.source);
    let sources: Vec<&Source> = documents.chain([&suite.file.source]).collect();
    let line = |difference: &kirikae_engine::testing::playbook::Difference| {
        let place = difference.place.as_ref().unwrap();
        let source = sources.iter().find(|source| source.name == place.file).unwrap();
        let line = source.line_column(place.span.start).line;
        format!("{}: {} <- {}", place.file, source.text.lines().nth(line - 1).unwrap().trim(), difference.what.get(Lang::En))
    };
    differences.iter().map(line).collect()
}

#[test]
fn a_check_that_is_turned_round_fails_its_case_at_the_line_that_says_otherwise() {
    let library = With::changed("obn/renew-web", "result.cert.days_left <= inputs.renew_within_days", "result.cert.days_left >= inputs.renew_within_days");
    let told = told(&suite(&library, &shipped("obn/renew-web")), "not_due");
    let first = told.first().expect("a difference");
    assert!(first.starts_with("case.test.yaml: result: finished <- result: expected finished, got "), "{told:#?}");
}

#[test]
fn a_row_that_gives_up_too_early_fails_the_case_that_needs_a_person() {
    let library = With::changed("obn/backup-file", "then: hand_off", "then: stop");
    let told = told(&suite(&library, &shipped("obn/backup-file")), "medium_put_in_later");
    let case = "expect: { result: done, has: { backup: new } }";
    assert!(told.first().expect("a difference").starts_with(&format!("case.test.yaml: {case} <- result: expected done, got failed (FOLDER.ABSENT @ backup")));
}

#[test]
fn a_row_that_no_case_comes_to_is_reported_at_its_line() {
    let text = shipped("obn/renew-web").replace("personal: { holds: old }", "personal: {}");
    let text = text.split("cases:").next().unwrap().to_owned();
    let told = told(&suite(&Folders, &text), "generated/rescue/backup/FOLDER.ABSENT");
    assert_eq!(told, ["obn/renew-web.yaml: FOLDER.ABSENT: <- no case exercises this row (FOLDER.ABSENT): add one that reaches `backup`"]);
}

/// A playbook of these steps, and a test of it with one certificate.
fn of_steps(steps: &str) -> TestSuite {
    let head = "kirikae: playbook/1\nid: obn/case\nversion: \"1.0.0\"\ntitle: 例\nsources: [obn_edge]\nbackends:\n  personal: store\n  backup: folder\n\
                inputs:\n  code: { type: digits(10), title: 番号, example: \"0110119153\" }\n  wanted: { type: bool, title: 要るか, default: true }\n";
    let library = With { id: "obn/case", text: format!("{head}steps:\n{steps}") };
    let test = "kirikae: test/1\nplaybook: obn/case\nclock: \"2026-11-23T10:00:00+09:00\"\n\
                certs: { old: { cn: \"0110119153\", not_after: 2027-01-22 } }\nbackends: { personal: { holds: old } }\n\
                cases:\n  usual: { expect: { result: done } }\n";
    suite(&library, test)
}

const FIND: &str = "  current:\n    title: 探す\n    uses: cert.find@1\n    with: { in: personal, issuer: \"*\", pick: newest }\n";

#[test]
fn conditions_are_forced_three_ways_and_the_plan_tells_the_truth_each_time() {
    let steps = format!(
        "{FIND}  keep:\n    title: 保管\n    when: inputs.wanted\n    require:\n      - {{ that: steps.current.cert.days_left > 1, say: 期限切れです。 }}\n    \
         uses: secret.keep@1\n    with: {{ name: cert_id, about: \"${{{{ steps.current.cert.thumbprint }}}}\" }}\n"
    );
    let suite = of_steps(&steps);
    let names: Vec<String> = Bench::trials(&suite).into_iter().map(|trial| trial.name).filter(|name| name.contains("/keep/")).collect();
    let wanted = ["when/keep/true", "when/keep/false", "when/keep/unknown", "require/keep/true", "require/keep/false", "require/keep/unknown"];
    assert_eq!(names, wanted.map(|name| format!("generated/{name}")));
    for name in names {
        assert_eq!(told(&suite, &name), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn a_secret_that_is_said_aloud_is_found_though_nobody_looked_for_it() {
    let test = shipped("obn/install").replace("p12_password: \"7391\"", "p12_password: [\"0110119153\", \"7391\"]");
    // The institution's code, typed as the password by mistake, stands in the plan for good reason: the secret is told by its number only.
    let told = told(&suite(&Folders, &test), "received_file");
    assert!(told.iter().any(|line| line.contains("secret number 1 was left behind in: plan")), "{told:#?}");
    assert!(told.iter().all(|line| !line.contains("left behind in") || !line.contains("0110119153")), "{told:#?}");
}

/// A playbook that opens a token, and a test of it.
fn of_token(attempts: &str, tokens: &str, cases: &str) -> TestSuite {
    let playbook = format!(
        "kirikae: playbook/1\nid: obn/case\nversion: \"1.0.0\"\ntitle: 例\nsources: [obn_edge]\nbackends:\n  key: token\n\
         secrets:\n  pin: {{ type: string, title: 暗証, attempts: {attempts} }}\nsteps:\n\
         \x20 insert:\n    title: 挿す\n    uses: token.wait@1\n    with: {{ in: key }}\n\
         \x20 open:\n    title: 開く\n    uses: token.login@1\n    with: {{ token: \"${{{{ steps.insert.token }}}}\", pin: \"${{{{ secrets.pin }}}}\" }}\n    rescue:\n      \
         PIN.INCORRECT: {{ cite: obn_edge#1.1, say: 違います。, ask_again: [pin], then: retry, times: 9 }}\n"
    );
    let test = format!(
        "kirikae: test/1\nplaybook: obn/case\nclock: \"2026-11-23T10:00:00+09:00\"\nbackends: {{ key: {{ tokens: [{tokens}] }} }}\n\
         answers: {{ pin: \"73918246\" }}\ncases:\n{cases}"
    );
    suite(&With { id: "obn/case", text: playbook }, &test)
}

#[test]
fn a_token_counts_wrong_pins_and_the_run_stops_before_it_locks() {
    let cases = "  right: { expect: { result: done, calls: { token.login: 1 }, never_in_artifacts: [\"73918246\"] } }\n  \
                 wrong_once: { answers: { pin: [\"11118246\", \"73918246\"] }, expect: { result: done, calls: { token.login: 2 } } }\n  \
                 wrong_always: { answers: { pin: \"11118246\" }, expect: { result: failed, error: PIN.STOPPED, at: open, calls: { token.login: 2 } } }\n  \
                 not_inserted: { given: { key.tokens: [{ serial: A1, pin: \"73918246\", present: false }] }, expect: { result: waiting, outcome: { insert: waiting }, calls: { token.login: 0 } } }\n";
    let suite = of_token("{ limit: 10, leave: 5, per_run: 2, cite: obn_edge#1.1 }", "{ serial: A1, pin: \"73918246\" }", cases);
    let trials: Vec<String> = Bench::trials(&suite).into_iter().map(|trial| trial.name).collect();
    assert!(trials.contains(&"generated/rescue/open/PIN.INCORRECT".to_owned()));
    for name in trials {
        assert_eq!(told(&suite, &name), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn every_shipped_playbook_has_a_draft_that_is_a_test() {
    for source in kirikae_engine::testing::Shipped.playbooks() {
        let checked = check(&source, &Folders, registry()).result.unwrap();
        let suite = suite(&Folders, &draft(&checked));
        assert_eq!(told(&suite, "generated/crash"), Vec::<String>::new(), "{}", checked.id);
    }
}

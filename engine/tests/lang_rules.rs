//! Rules over whole playbooks: sessions, guards that need one of several inputs, limits of tries, the lock file, reserved words.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod documents;

use documents::{Shelf, playbook};
use kirikae_engine::check::{Attempts, Lock};
use kirikae_engine::dsl::decode_lock;
use kirikae_engine::text::Source;

const PIN: &str = "secrets:\n  pin: { type: digits(4), title: PIN }\n";
const LOGIN: &str = "  login: { title: 開く, uses: test.login@1, with: { pin: \"${{ secrets.pin }}\" } }\n";
const ASK: &str = "  ask: { title: 尋ねる, uses: human.confirm@1, with: { ask: よいですか } }\n";

fn sessions(steps: &[&str]) -> Vec<(&'static str, String)> {
    Shelf::default().refused(&playbook("case/t", &format!("{PIN}steps:\n{}", steps.concat())))
}

#[test]
fn a_session_does_not_outlast_a_step_that_can_wait() {
    let sign = "  sign: { title: 使う, uses: test.sign@1, with: { session: \"${{ steps.login.session }}\" } }\n";
    let crossed = [("CHECK.LIVE_HANDLE", "steps.login.session".to_owned())];
    assert_eq!(sessions(&[LOGIN, sign]), []);
    assert_eq!(sessions(&[ASK, LOGIN, sign]), []);
    assert_eq!(sessions(&[LOGIN, ASK, sign]), crossed);
    let beside = "  ask: { title: 尋ねる, needs: [], uses: human.confirm@1, with: { ask: よいですか } }\n";
    let sign_now = "  sign: { title: 使う, needs: [login], uses: test.sign@1, with: { session: \"${{ steps.login.session }}\" } }\n";
    assert_eq!(sessions(&[LOGIN, beside, sign_now]), [], "nobody waits between the two");
    let polled = "  sign:\n    title: 使う\n    uses: test.sign@1\n    with: { session: \"${{ steps.login.session }}\" }\n    \
        repeat: { until: result.state == 'done', every: 1m, within: 1h }\n";
    assert_eq!(sessions(&[LOGIN, polled]), crossed, "looking again for an hour is waiting, too");
}

#[test]
fn a_session_is_followed_through_names_and_calls() {
    let inner = playbook(
        "case/inner",
        "inputs:\n  opened: { type: token_session, title: 開いたもの }\nsteps:\n\
        \x20 ask: { title: 尋ねる, uses: human.confirm@1, with: { ask: よいですか } }\n\
        \x20 sign: { title: 使う, uses: test.sign@1, with: { session: \"${{ inputs.opened }}\" } }\n",
    );
    let call = "  inner: { title: 呼ぶ, uses: \"playbook:case/inner@1\", with: { opened: \"${{ let.opened }}\" } }\n";
    let text = playbook("case/t", &format!("{PIN}let:\n  opened: steps.login.session\nsteps:\n{LOGIN}{call}"));
    let shelf = Shelf::with("case/inner", &inner);
    assert_eq!(shelf.refused(&text), [("CHECK.LIVE_HANDLE", "inputs.opened".to_owned())]);
    let finding = &shelf.findings(&text)[0];
    assert_eq!(&*finding.place.as_ref().unwrap().file, "case/inner.yaml");
    assert_eq!(finding.related.len(), 2, "where it is opened, where it waits");
}

#[test]
fn one_of_several_inputs_must_be_given() {
    let trust = |with: &str| {
        playbook(
            "case/t",
            &format!("inputs:\n  sha1: {{ type: optional<hex>, title: 拇印 }}\nsteps:\n  trust: {{ title: 信頼する, uses: test.trust@1{with} }}\n"),
        )
    };
    assert_eq!(Shelf::default().refused(&trust("")), [("CHECK.ONE_OF", "trust".to_owned())]);
    assert_eq!(Shelf::default().refused(&trust(", with: { sha1: \"ab12\" }")), []);
    // Perhaps not given: allowed, but then the step may be skipped, and nothing irreversible may rest on its having been done.
    let perhaps = trust(", with: { sha1: \"${{ inputs.sha1 }}\" }");
    assert_eq!(Shelf::default().refused(&perhaps), []);
    let destroy = format!("{perhaps}  destroy: {{ title: 消す, uses: test.destroy@1 }}\n");
    assert_eq!(Shelf::default().refused(&destroy), [("CHECK.SKIP", "destroy".to_owned())]);
}

#[test]
fn the_strictest_of_several_limits_wins() {
    let limit = |numbers: (u32, u32, u32)| format!("attempts: {{ limit: {}, leave: {}, per_run: {}, cite: obn_edge#1.3 }}", numbers.0, numbers.1, numbers.2);
    let secret = |name: &str, numbers| format!("secrets:\n  {name}: {{ type: digits(4), title: PIN, {} }}\n", limit(numbers));
    let inner = playbook("case/inner", &format!("{}steps:\n{}", secret("code", (10, 7, 3)), LOGIN.replace("secrets.pin", "secrets.code")));
    let call = "  inner: { title: 呼ぶ, uses: \"playbook:case/inner@1\", with: { code: \"${{ secrets.pin }}\" } }\n";
    let root = playbook("case/t", &format!("{}steps:\n{call}", secret("pin", (15, 5, 1))));
    let checked = Shelf::with("case/inner", &inner).checked(&root);
    let strictest = checked.attempts["inner/login"].clone();
    assert_eq!((strictest.limit, strictest.leave, strictest.per_run), (10, 7, 1), "stops at the third failure, once a run");
    assert_eq!(checked.secrets[0].attempts, Some(strictest));
    let cite = vec![];
    let (loose, tight) = (Attempts { limit: 10, leave: 0, per_run: 9, cite: cite.clone() }, Attempts { limit: 3, leave: 1, per_run: 2, cite });
    assert_eq!(loose.clone().strictest(tight.clone()), tight);
    assert_eq!(tight.clone().strictest(loose), tight);
}

#[test]
fn reserved_words_say_what_to_use_instead() {
    let words = ["for_each", "timeout", "finally", "resources", "holds", "windows", "budgets", "spends", "approve", "runs_on", "moved"];
    let mut cures = std::collections::BTreeSet::new();
    for word in words {
        for text in [
            playbook("case/t", &format!("{word}: x\nsteps:\n{ASK}")),
            playbook("case/t", &format!("steps:\n{}", ASK.replace("uses:", &format!("{word}: x, uses:")))),
        ] {
            let findings = Shelf::default().findings(&text);
            assert_eq!(Shelf::default().refused(&text), [("DSL.RESERVED", word.to_owned())]);
            cures.insert((word, findings[0].cure[0].ja.clone()));
        }
    }
    assert_eq!(cures.len(), words.len(), "each word has its own advice");
    assert_eq!(cures.iter().map(|(_, cure)| cure).collect::<std::collections::BTreeSet<_>>().len(), words.len());
}

fn library() -> (Shelf, String) {
    let inner = playbook("case/inner", &format!("steps:\n{ASK}"));
    let root = playbook("case/t", "backends:\n  issuer: { kind: ca, profile: obn }\nsteps:\n  inner: { title: 呼ぶ, uses: \"playbook:case/inner@1\" }\n");
    (Shelf::with("case/inner", &inner), root)
}

#[test]
fn a_lock_holds_what_a_playbook_refers_to() {
    let (mut shelf, root) = library();
    let lock = Lock::of(&shelf.checked(&root));
    assert_eq!(lock.playbooks.keys().collect::<Vec<_>>(), ["case/inner"], "what is checked itself is not locked");
    assert_eq!(lock.portals.keys().collect::<Vec<_>>(), ["obn"]);
    let text = lock.to_text();
    let read = decode_lock(&Source::new("kirikae.lock", text.as_str())).unwrap();
    assert_eq!(read.to_text(), text);
    shelf.lock = Some(text);
    assert_eq!(shelf.refused(&root), []);
}

#[test]
fn what_differs_from_the_lock_is_refused() {
    let (mut shelf, root) = library();
    let lock = Lock::of(&shelf.checked(&root));
    let (text, digest) = (lock.to_text(), lock.playbooks["case/inner"].sha256.value.clone());
    shelf.lock = Some(text.clone());
    let changed = shelf.playbooks["case/inner"].replace("よいですか", "よろしいですか");
    shelf.playbooks.insert("case/inner".to_owned(), changed);
    assert_eq!(shelf.refused(&root), [("LOCK.CHANGED", format!("\"{digest}\""))]);
    let finding = &shelf.findings(&root)[0];
    assert_eq!((&*finding.related[0].place.file, finding.related[0].label.ja.as_str()), ("case/inner.yaml", "版の番号は同じですが、内容が違います"));
    assert!(finding.cure[0].ja.contains("check --write-lock"));

    let mut without = lock.clone();
    without.portals.clear();
    let (mut shelf, root) = library();
    shelf.lock = Some(without.to_text());
    let found = shelf.findings(&root);
    assert_eq!(found.iter().map(|finding| finding.code).collect::<Vec<_>>(), ["LOCK.MISSING"]);

    shelf.lock = Some("kirikae: lock/1\nplaybooks:\n  case/inner: { version: \"1.0.0\", sha256: \"ab\" }\n".to_owned());
    assert_eq!(shelf.refused(&root), [("TYPE.MISMATCH", "\"ab\"".to_owned())]);
    shelf.lock = Some(String::new());
    assert_eq!(shelf.findings(&root)[0].code, "DSL.HEADER", "an empty file does not unlock anything");
}

#[test]
fn a_new_lock_keeps_what_it_says_nothing_about() {
    let (shelf, root) = library();
    let mut lock = Lock::of(&shelf.checked(&root));
    let before = lock.clone();
    lock.update(Lock::default());
    assert_eq!(lock, before);
    let other = playbook("case/other", &format!("steps:\n{ASK}"));
    let shelf = Shelf::with("case/other", &other);
    let root = playbook("case/t", "steps:\n  other: { title: 呼ぶ, uses: \"playbook:case/other@1\" }\n");
    lock.update(Lock::of(&shelf.checked(&root)));
    assert_eq!(lock.playbooks.keys().collect::<Vec<_>>(), ["case/inner", "case/other"]);
}

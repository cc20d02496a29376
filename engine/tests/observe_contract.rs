//! The contract of `observe` (runs.md 2), for every writing action of the registry: it says `NotDone` before the effect and `Done` after
//! it, and nothing is sent after `Done`. An action without a line in [`CONTRACTS`] fails by its name.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use kirikae_engine::action::{Inputs, Intent, Kind, Manifest, Observed, registry};
use kirikae_engine::backend::profile::{ObserveBy, Operation, OperationSpec};
use kirikae_engine::backend::{Call, StoreKeys, StoreRead, TokenRead, Vault};
use kirikae_engine::clock::Clock;
use kirikae_engine::dsl::{BackupRef, CertInfo, Proof, ProofBy, ProofKind, Type, Value};
use kirikae_engine::run::{EventBody, Outcome, ParkCause, Phase, RunEnd, Settled};
use kirikae_engine::testing::{Ended, FakePortal, FakeToken, Fault, World, certificate, inputs, obn_profile, root_certificate};
use kirikae_engine::text::Text;

const CODE: &str = "0110119153";

/// What a look can see of an effect.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sight {
    /// It finds it, also long afterwards.
    Sees,
    /// Nothing shows it afterwards; the action may be sent again at any time, which its manifest says.
    Free,
    /// What it opened ends with its process; it is sent again only within its tries, which its manifest says.
    Counted,
}

/// A world in which the action has something to do, and how often it has done it.
struct Scene {
    world: World,
    given: Inputs,
    effects: fn(&World) -> usize,
}

/// An action, what a look sees of it, and where it has something to do.
type Contract = (&'static str, Sight, fn() -> Scene);

/// Every writing action. A new one gets a line here, with a scene.
const CONTRACTS: &[Contract] = &[
    ("ca.apply", Sight::Sees, apply),
    ("ca.fetch", Sight::Free, fetch),
    ("ca.obtain", Sight::Free, obtain),
    ("ca.renew", Sight::Sees, renew),
    ("ca.root", Sight::Free, root),
    ("ca.software", Sight::Free, software),
    ("cert.accept", Sight::Sees, accept),
    ("cert.delete", Sight::Sees, delete),
    ("cert.export", Sight::Free, export),
    ("cert.import", Sight::Sees, import),
    ("cert.trust", Sight::Sees, trust),
    ("file.delete", Sight::Sees, purge),
    ("file.save", Sight::Sees, save),
    ("key.create", Sight::Sees, make_key),
    ("notify.send", Sight::Free, notify),
    ("secret.keep", Sight::Sees, keep),
    ("software.install", Sight::Sees, install),
    ("software.remove", Sight::Sees, remove),
    ("token.login", Sight::Counted, login),
    ("web.sign_in", Sight::Counted, sign_in),
];

fn role(name: &str) -> Value {
    Value::Role(name.to_owned())
}

fn word(text: &str) -> Value {
    Value::Str(text.to_owned())
}

fn words(text: &str) -> Value {
    Value::Text(Text::plain(text))
}

fn cert_value(cert: &CertInfo) -> Value {
    Value::Cert(Box::new(cert.clone()))
}

fn declared(name: &str) -> Value {
    Value::DeclaredSecret(name.to_owned())
}

fn clinic() -> (World, CertInfo) {
    let world = World::obn();
    world.secrets.set("password", "0417");
    world.secrets.set("reference_id", "zigLUVC29Q");
    let old = world.store.put(certificate(CODE, 1, "2023-10-22", "2027-01-22"));
    (world, old)
}

fn new_cert() -> CertInfo {
    certificate(CODE, 2, "2026-11-20", "2030-02-20")
}

fn file(world: &World) -> Value {
    use kirikae_engine::action::Blobs;
    let content = world.p12.make("0417", &new_cert(), &[]);
    Value::File(world.blobs.keep("202611200000001.p12", &content, true).unwrap())
}

fn renew() -> Scene {
    let (world, old) = clinic();
    world.portal.list("202310220000001", &old);
    let given = inputs([("portal", role("issuer")), ("client_cert", cert_value(&old))]);
    Scene { world, given, effects: |world| world.portal.received() as usize }
}

fn fetch() -> Scene {
    let (world, old) = clinic();
    world.portal.list("202611200000001", &new_cert());
    let given =
        inputs([("portal", role("issuer")), ("client_cert", cert_value(&old)), ("request_id", word("202611200000001")), ("password", declared("password"))]);
    Scene { world, given, effects: |world| world.vault.list().unwrap().len() }
}

fn obtain() -> Scene {
    let (world, _) = clinic();
    world.portal.list("202611200000001", &new_cert());
    let given = inputs([
        ("portal", role("issuer")),
        ("request_id", word("202611200000001")),
        ("reference_id", declared("reference_id")),
        ("password", declared("password")),
    ]);
    Scene { world, given, effects: |world| world.vault.list().unwrap().len() }
}

/// The portal of the clinic with one more operation, made from another one.
fn with_operation(world: &mut World, operation: Operation, from: Operation, change: impl FnOnce(&mut OperationSpec)) {
    let mut profile = obn_profile();
    let mut spec = OperationSpec { takes: vec![], gives: vec![], observe: ObserveBy::Nothing, claim: None, ..profile.operations[&from].clone() };
    spec.repeatable = operation.repeatable();
    change(&mut spec);
    profile.operations.insert(operation, spec);
    world.portal = Arc::new(FakePortal::new(profile, world.clock.clone(), world.p12.clone()));
}

fn apply() -> Scene {
    let (mut world, _) = clinic();
    with_operation(&mut world, Operation::Apply, Operation::Renew, |spec| {
        spec.observe = ObserveBy::Look(Operation::FindIssued);
        spec.gives = vec![("request_id".to_owned(), Type::Digits(15))];
    });
    let client = world.store.put(certificate("other", 4, "2026-01-01", "2029-01-01"));
    let given = inputs([("portal", role("issuer")), ("client_cert", cert_value(&client))]);
    Scene { world, given, effects: |world| world.portal.received() as usize }
}

fn root() -> Scene {
    let (mut world, _) = clinic();
    with_operation(&mut world, Operation::Root, Operation::Obtain, |_| {});
    Scene { world, given: inputs([("portal", role("issuer"))]), effects: |world| world.portal.calls(Operation::Root) as usize }
}

fn software() -> Scene {
    let (mut world, _) = clinic();
    with_operation(&mut world, Operation::Software, Operation::Obtain, |_| {});
    Scene { world, given: inputs([("portal", role("issuer"))]), effects: |world| world.portal.calls(Operation::Software) as usize }
}

fn revoke() -> Scene {
    let (mut world, old) = clinic();
    with_operation(&mut world, Operation::Revoke, Operation::Renew, |_| {});
    let given = inputs([("portal", role("issuer")), ("client_cert", cert_value(&old))]);
    Scene { world, given, effects: |world| world.portal.calls(Operation::Revoke) as usize }
}

fn set_password() -> Scene {
    let (mut world, _) = clinic();
    let takes = vec![("password".to_owned(), Type::Secret(Box::new(Type::Ascii)))];
    with_operation(&mut world, Operation::SetPassword, Operation::Obtain, |spec| spec.takes = takes);
    let given = inputs([("portal", role("issuer")), ("password", declared("password"))]);
    Scene { world, given, effects: |world| world.portal.calls(Operation::SetPassword) as usize }
}

fn import() -> Scene {
    let (world, _) = clinic();
    let options = [("exportable", true), ("strong_protection", false), ("extended_properties", true)];
    let mut given = inputs([("file", file(&world)), ("password", declared("password")), ("in", role("personal"))]);
    given.0.extend(options.map(|(name, on)| (name.to_owned(), Value::Bool(on))));
    Scene { world, given, effects: |world| world.store.effects().0.len() }
}

fn delete() -> Scene {
    let (world, old) = clinic();
    let new = world.store.put(new_cert());
    let at = world.clock.now();
    let proof = Proof {
        thumbprint: new.sha1.clone(),
        sha256: new.sha256.clone(),
        holder: new.holder.clone(),
        kind: ProofKind::Accepted,
        by: ProofBy::Engine,
        evidence: "更新後証明書の取得".to_owned(),
        at,
    };
    let backup = BackupRef { thumbprint: new.sha1.clone(), place: "folder:/backup/a.p12.age".to_owned(), sha256: "00".repeat(32), at };
    let given =
        inputs([("cert", cert_value(&old)), ("in", role("personal")), ("replaced_by", Value::Proof(Box::new(proof))), ("backed_up", Value::BackupRef(backup))]);
    Scene { world, given, effects: |world| world.store.effects().1.len() }
}

fn make_key() -> Scene {
    let (world, _) = clinic();
    let given = inputs([("in", role("personal")), ("alg", word("rsa2048")), ("exportable", Value::Bool(false))]);
    Scene { world, given, effects: |world| world.store.pending(&Call::unattached()).unwrap().len() }
}

fn accept() -> Scene {
    use kirikae_engine::action::Blobs;
    let Scene { world, given, .. } = make_key();
    let made = world.outputs("key.create", &given).unwrap().remove("key").unwrap();
    let Value::Key(key) = &made else { panic!("a key") };
    world.store.issue(&key.id, &new_cert());
    let file = world.blobs.keep("issued.cer", &world.p12.make_certificate(&new_cert()), false).unwrap();
    let given = inputs([("file", Value::File(file)), ("key", made), ("in", role("personal"))]);
    Scene { world, given, effects: |world| world.store.effects().0.len() }
}

fn install() -> Scene {
    use kirikae_engine::action::Blobs;
    let (world, _) = clinic();
    let file = world.blobs.keep("client.msi", &world.host.installer("Practice Client", "2.1"), false).unwrap();
    let given = inputs([("file", Value::File(file)), ("name", word("Practice*")), ("version", word("2.1"))]);
    Scene { world, given, effects: |world| world.host.effects() }
}

fn remove() -> Scene {
    let (world, _) = clinic();
    world.host.has("Practice Client", "2.1");
    Scene { world, given: inputs([("name", word("Practice Client"))]), effects: |world| world.host.effects() }
}

fn export() -> Scene {
    let (world, old) = clinic();
    let given = inputs([("cert", cert_value(&old)), ("in", role("personal")), ("password", declared("password"))]);
    Scene { world, given, effects: |world| world.vault.list().unwrap().len() }
}

fn trust() -> Scene {
    use kirikae_engine::action::Blobs;
    let (world, _) = clinic();
    let root = root_certificate("Security Communication RootCA2");
    let file = world.blobs.keep("root.cer", &world.p12.make_certificate(&root), false).unwrap();
    let given = inputs([("file", Value::File(file)), ("in", role("personal")), ("sha1", word(&root.sha1))]);
    Scene { world, given, effects: |world| StoreRead::roots(&*world.store).unwrap().trusted(&Call::unattached()).unwrap().len() }
}

fn purge() -> Scene {
    let (world, _) = clinic();
    let content = world.p12.make("0417", &new_cert(), &[]);
    world.inbox.put("777.p12", content.expose());
    let found = world.outputs("file.find", &inputs([("in", role("inbox")), ("name", word("*.p12"))])).unwrap();
    let save = inputs([("file", found["file"].clone()), ("in", role("backup")), ("cert", cert_value(&new_cert())), ("password", declared("password"))]);
    let saved = world.outputs("file.save", &save).unwrap();
    let given = inputs([("file", found["file"].clone()), ("in", role("inbox")), ("backed_up", saved["backed_up"].clone())]);
    Scene { world, given, effects: |world| 1 - world.inbox.names().len() }
}

fn save() -> Scene {
    let (world, _) = clinic();
    let given = inputs([("file", file(&world)), ("in", role("backup")), ("cert", cert_value(&new_cert())), ("password", declared("password"))]);
    Scene { world, given, effects: |world| world.folder.names().len() }
}

fn keep() -> Scene {
    let (world, _) = clinic();
    let given = inputs([("name", word("obn_p12_password")), ("about", word("a thumbprint")), ("value", declared("password"))]);
    Scene { world, given, effects: |world| world.vault.list().unwrap().len() }
}

fn notify() -> Scene {
    let (world, _) = clinic();
    let given = inputs([("to", word("担当者")), ("subject", words("件名")), ("body", words("本文"))]);
    Scene { world, given, effects: |world| world.notifier.sent().len() }
}

fn login() -> Scene {
    let (world, _) = clinic();
    world.secrets.set("pin", "12345678");
    world.tokens.insert(FakeToken::new("A1"));
    let token = world.tokens.tokens(&Call::unattached()).unwrap().remove(0).info;
    let given = inputs([("token", Value::Token(token)), ("pin", declared("pin"))]);
    Scene { world, given, effects: |world| world.tokens.tries("A1") }
}

fn sign_in() -> Scene {
    let (mut world, _) = clinic();
    let mut profile = obn_profile();
    let takes = vec![("user_id".to_owned(), Type::Ascii), ("password".to_owned(), Type::Secret(Box::new(Type::Ascii)))];
    let spec = OperationSpec { takes, tries: None, observe: ObserveBy::Nothing, claim: None, ..profile.operations[&Operation::Obtain].clone() };
    profile.operations.insert(Operation::SignIn, spec);
    world.portal = Arc::new(FakePortal::new(profile, world.clock.clone(), world.p12.clone()));
    let given = inputs([("portal", role("issuer")), ("user_id", word("sakura")), ("password", declared("password"))]);
    Scene { world, given, effects: |world| world.portal.sign_ins() as usize }
}

/// The writing actions of the registry.
fn writing() -> impl Iterator<Item = &'static Manifest> {
    registry().manifests().filter(|manifest| {
        let (_, action) = registry().find(manifest.name, manifest.major).unwrap();
        matches!(action.kind(), Kind::Write(_))
    })
}

/// Writing actions that a person carries out: nothing can be looked at.
const BY_PERSON: &[&str] = &["human.commit", "human.destroy", "human.perform"];

#[test]
fn what_a_person_did_only_a_person_can_tell() {
    for name in BY_PERSON {
        let (world, _) = clinic();
        let attempt = world.attempt();
        let given = inputs([("ask", words("終わりましたか。"))]);
        let Observed::NotDone { baseline, .. } = attempt.observe(name, &given, None).unwrap() else { panic!("{name}: before it, it is not done") };
        let after = attempt.observe(name, &given, Some(&attempt.intent(baseline))).unwrap();
        assert!(matches!(after, Observed::CannotTell { .. }), "{name}: after a crash {after:?}");
        let manifest = writing().find(|manifest| manifest.name == *name).unwrap();
        assert!(manifest.person && !manifest.repeatable, "{name}");
    }
}

/// An action that no look settles, and where it has something to do.
type Asked = (&'static str, fn() -> Scene);

/// Writes of a portal whose effect no page shows.
const BY_WORD: &[Asked] = &[("ca.revoke", revoke), ("web.set_password", set_password)];

#[test]
fn what_no_page_shows_is_sent_once_and_then_a_person_tells() {
    for (name, scene) in BY_WORD {
        let Scene { mut world, given, effects } = scene();
        let attempt = world.attempt();
        let Observed::NotDone { conclusive: false, baseline } = attempt.observe(name, &given, None).unwrap() else { panic!("{name}: before it") };
        let intent = attempt.intent(baseline);
        assert_eq!(effects(&world), 0, "{name}: looks change nothing");
        attempt.perform(name, &given, intent.clone()).unwrap();
        drop(attempt);
        assert_eq!(effects(&world), 1, "{name}");
        assert!(matches!(world.attempt().observe(name, &given, Some(&intent)).unwrap(), Observed::CannotTell { .. }), "{name}: after a crash");
        world.committed.push("実行 20261123-abcdef".to_owned());
        assert!(matches!(world.step(name, &given).unwrap(), Ended::Parked(_)), "{name}: a later run");
        assert_eq!(effects(&world), 1, "{name}: it is not sent again");
        assert!(!writing().find(|manifest| manifest.name == *name).unwrap().repeatable, "{name}");
    }
}

#[test]
fn every_writing_action_has_a_contract() {
    let by_word = BY_WORD.iter().map(|(name, _)| *name);
    let names: Vec<&str> = CONTRACTS.iter().map(|(name, ..)| *name).chain(by_word).chain(BY_PERSON.iter().copied()).collect();
    let missing: Vec<&str> = writing().map(|manifest| manifest.name).filter(|name| !names.contains(name)).collect();
    assert!(missing.is_empty(), "no contract for {missing:?}: add a scene for each to CONTRACTS in {}", file!());
    let gone: Vec<&str> = names.into_iter().filter(|name| !writing().any(|manifest| manifest.name == *name)).collect();
    assert!(gone.is_empty(), "contracts of actions that do not write or are gone: {gone:?}");
}

#[test]
fn before_the_effect_it_is_not_done_and_afterwards_done_and_never_sent_again() {
    for (name, sight, scene) in CONTRACTS {
        let manifest = writing().find(|manifest| manifest.name == *name).unwrap();
        let Scene { world, given, effects } = scene();
        let none = effects(&world);
        let attempt = world.attempt();
        let first = attempt.observe(name, &given, None).unwrap();
        let Observed::NotDone { baseline, .. } = first else { panic!("{name}: before the effect: {first:?}") };
        let intent = attempt.intent(baseline);
        // The process died before the effect: the look that follows finds nothing, and only a local one settles that at once.
        match world.attempt().observe(name, &given, Some(&intent)).unwrap() {
            Observed::NotDone { conclusive, .. } => {
                let settles = !manifest.remote || manifest.repeatable || manifest.spends_attempt;
                assert_eq!(conclusive, settles, "{name}: what a look without a find settles");
            }
            other => panic!("{name}: with an intent and no effect: {other:?}"),
        }
        assert_eq!(effects(&world), none, "{name}: looks change nothing");

        attempt.perform(name, &given, intent.clone()).unwrap();
        assert_eq!(effects(&world), none + 1, "{name}: one effect");
        // The process died after the effect.
        let after = world.attempt().observe(name, &given, Some(&intent)).unwrap();
        match (sight, after) {
            (Sight::Sees, Observed::Done { outputs, evidence }) => {
                for output in manifest.outputs.iter().filter(|output| output.recoverable && !output.ty.is_optional()) {
                    assert!(outputs.contains_key(&output.name), "{name}: `{}` is called recoverable", output.name);
                }
                assert!(!evidence.ja.is_empty() && evidence.en.is_some(), "{name}: evidence in both languages");
            }
            (Sight::Free, Observed::NotDone { conclusive: true, .. }) => assert!(manifest.repeatable, "{name}: sent again, so it must be repeatable"),
            (Sight::Counted, Observed::NotDone { conclusive: true, .. }) => assert!(manifest.spends_attempt, "{name}: sent again, so it must be counted"),
            (sight, other) => panic!("{name} ({sight:?}) after the effect: {other:?}"),
        }
        if *sight == Sight::Sees {
            // Another run, with no intent of its own.
            // That knows no request ID: whether the row of a first request is its own, only a person can tell.
            match world.step(name, &given).unwrap() {
                Ended::Unchanged(_) => {}
                Ended::Parked(_) if *name == "ca.apply" => {}
                other => panic!("{name}: a later run sends nothing: {other:?}"),
            }
            assert_eq!(effects(&world), none + 1, "{name}: a later run sends nothing");
        }
    }
}

// The row of a list, which is the only remote effect that is looked up.

fn first_intent(scene: &Scene) -> Intent {
    let attempt = scene.world.attempt();
    let Observed::NotDone { baseline, .. } = attempt.observe("ca.renew", &scene.given, None).unwrap() else { panic!("not done") };
    attempt.intent(baseline)
}

#[test]
fn a_stale_row_is_never_ours() {
    let scene = renew();
    let older = certificate(CODE, 6, "2020-04-01", "2023-10-30");
    let newer = certificate(CODE, 5, "2026-11-20", "2030-02-20");
    scene.world.portal.list("202004010000001", &older);
    // Provably older rows go into the baseline, and the request is sent.
    let intent = first_intent(&scene);
    assert!(intent.baseline.to_string().contains("202004010000001"), "{}", intent.baseline);
    let look = |scene: &Scene| scene.world.attempt().observe("ca.renew", &scene.given, Some(&intent)).unwrap();
    assert!(matches!(look(&scene), Observed::NotDone { conclusive: false, .. }), "rows of before are not what was sent");
    // A row that is older and comes up only after sending is not ours either.
    scene.world.portal.list("201901010000001", &certificate(CODE, 7, "2019-01-01", "2022-04-01"));
    assert!(matches!(look(&scene), Observed::NotDone { conclusive: false, .. }));
    // Nor is one of another subject; one that was not there and is newer is.
    scene.world.portal.list("202611200000009", &certificate("0110119154", 8, "2026-11-20", "2030-02-20"));
    assert!(matches!(look(&scene), Observed::NotDone { .. }));
    scene.world.portal.list("202611200000001", &newer);
    assert!(matches!(look(&scene), Observed::Done { .. }));
    // Two of them: nobody can tell which.
    scene.world.portal.list("202611200000002", &certificate(CODE, 9, "2026-11-21", "2030-02-21"));
    assert!(matches!(look(&scene), Observed::CannotTell { .. }));
}

#[test]
fn a_first_request_is_not_sent_where_a_row_may_be_ours() {
    let mut scene = apply();
    scene.world.portal.list("202301010000001", &certificate("other", 7, "2023-01-01", "2026-01-01"));
    let first = |scene: &Scene| scene.world.attempt().observe("ca.apply", &scene.given, None).unwrap();
    assert!(matches!(first(&scene), Observed::CannotTell { .. }), "nobody knows whose row it is");
    // Rows that are not newer than the certificate it stands in for are earlier requests.
    scene.given.0.insert("replaces".to_owned(), cert_value(&certificate("other", 7, "2023-01-01", "2026-01-01")));
    let Observed::NotDone { conclusive: false, baseline } = first(&scene) else { panic!("an earlier request") };
    let intent = scene.world.attempt().intent(baseline);
    scene.world.portal.list("202611230000009", &certificate("other", 8, "2026-11-23", "2029-11-23"));
    assert!(matches!(first(&scene), Observed::CannotTell { .. }), "a newer one may be ours");
    assert!(matches!(scene.world.attempt().observe("ca.apply", &scene.given, Some(&intent)).unwrap(), Observed::Done { .. }), "after sending it is");
    // What an earlier run is known to have requested is ours, wherever it stands.
    scene.world.committed.push("202611230000009".to_owned());
    assert!(matches!(first(&scene), Observed::Done { .. }));
    scene.world.committed = vec!["202611239999999".to_owned()];
    let mut empty = apply();
    empty.world.committed = scene.world.committed;
    assert!(matches!(first(&empty), Observed::CannotTell { .. }), "requested, and not in the list yet");
}

#[test]
fn a_row_whose_age_cannot_be_told_keeps_anything_from_being_sent() {
    let scene = renew();
    scene.world.portal.list("202611200000001", &certificate(CODE, 5, "2026-11-20", "2030-02-20"));
    scene.world.portal.show_columns(&["subject", "status"]);
    let looked = scene.world.attempt().observe("ca.renew", &scene.given, None).unwrap();
    assert!(matches!(looked, Observed::CannotTell { .. }), "{looked:?}");
    assert_eq!(scene.world.portal.received(), 0);
}

/// A clinic whose portal has no list of what was requested.
fn without_list() -> support::Desk {
    let mut world = World::obn();
    let mut profile = obn_profile();
    profile.operations.get_mut(&Operation::Renew).unwrap().observe = ObserveBy::Nothing;
    world.portal = Arc::new(FakePortal::new(profile, world.clock.clone(), world.p12.clone()));
    world.store.put(certificate(CODE, 1, "2023-10-22", "2027-01-22"));
    support::Desk::new(world)
}

#[test]
fn where_nothing_can_be_looked_at_a_person_decides() {
    for (settled, outcome, received) in [(Settled::Done, Outcome::Changed, 1), (Settled::NotDone, Outcome::Changed, 2)] {
        let desk = without_list();
        desk.world.portal.fault(Operation::Renew, if settled == Settled::Done { Fault::LoseAnswer } else { Fault::DropBefore });
        let steps = format!("{}{}", support::CURRENT, support::REQUEST);
        let program = desk.program_of(support::checked_with_profile(&steps, "observe: find_issued", "observe: none"), &Default::default());
        assert_eq!(desk.apply(&program).phase, Phase::Parked(ParkCause::Uncertain));
        for _ in 0..3 {
            desk.world.clock.advance(Duration::from_hours(24));
            assert_eq!(desk.resume(&program).phase, Phase::Parked(ParkCause::Uncertain), "time settles nothing");
        }
        assert_eq!((desk.world.portal.received(), desk.count("IntentRecorded", "request")), (1, 1), "nothing is sent again");
        desk.settle("request", settled);
        let state = desk.resume(&program);
        assert_eq!(state.phase, Phase::Ended(RunEnd::Done), "{:?}", state.step("request"));
        assert_eq!(state.ended("request").unwrap().outcome, outcome);
        assert_eq!(desk.world.portal.received(), received, "{settled:?}");
        let answered = desk.events().iter().filter(|event| matches!(event.body, EventBody::HumanAnswered { .. })).count();
        assert_eq!(answered, 1);
    }
}

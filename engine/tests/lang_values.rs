//! Values on their way through plans and runs: absence, kept secrets, limits that nobody counts yet, and data that looks like an expression.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod documents;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use documents::{Shelf, actions, playbook};
use kirikae_engine::action::Secrets;
use kirikae_engine::backend::{BackendError, EntryInfo, Vault};
use kirikae_engine::check::{Checked, SecretDecl, What};
use kirikae_engine::clock::Clock;
use kirikae_engine::dsl::{Type, Value, decode_site, fold};
use kirikae_engine::plan::{Decision, Facts, GivenInput, InputOrigin, LookScope, Plan, PlanRequest, Resolver, StepFacts, Target, World as PlanWorld, plan};
use kirikae_engine::run::{MissingInputs, NoSecrets, RunSecrets, SecretSources, gather_inputs};
use kirikae_engine::secret::{Secret, SecretRef};
use kirikae_engine::testing::{FakeVault, World};
use kirikae_engine::text::Source;

fn planned(checked: &Checked, inputs: &[(&str, Value)], world: &World, sources: &[(&str, &str)]) -> Plan {
    let given = |(name, value): &(&str, Value)| ((*name).to_owned(), GivenInput { value: value.clone(), origin: InputOrigin::Cli, folded: false });
    let request = PlanRequest {
        checked,
        registry: actions(),
        scope: LookScope::Local,
        plan_id: "P-1".to_owned(),
        valid: Duration::from_secs(3600),
        inputs: inputs.iter().map(given).collect(),
        secret_sources: sources.iter().map(|(name, word)| ((*name).to_owned(), (*word).to_owned())).collect(),
        target: Target { id: "case".to_owned(), labels: BTreeMap::new() },
        bindings: BTreeMap::new(),
        hands: BTreeMap::new(),
        site: None,
        clean_up: None,
        notices: vec![],
    };
    let backends = world.backends();
    let looked = PlanWorld {
        now: world.clock.now(),
        zone: &world.zone,
        backends: backends.reads(),
        secrets: &NoSecrets,
        blobs: &world.blobs,
        committed: &|_, _| vec![],
        fresh_for: world.fresh_for,
        tries: &kirikae_engine::plan::NoLedger,
    };
    plan(&request, &looked)
}

#[test]
fn absent_means_not_given() {
    let text = playbook(
        "case/t",
        "backends:\n  personal: store\ninputs:\n  pick: { type: \"optional<enum(only, newest, oldest)>\", title: どれ }\n  note: { type: optional<string>, title: メモ }\nsteps:\n\
        \x20 find: { title: 探す, uses: cert.find@1, with: { in: personal, issuer: \"X*\", pick: \"${{ inputs.pick }}\" } }\n\
        \x20 ask: { title: 尋ねる, needs: [], uses: human.confirm@1, with: { ask: よいですか, where: \"${{ inputs.note }}\" } }\n\
        \x20 ask_with: { title: 尋ねる, needs: [], uses: human.confirm@1, with: { ask: \"メモ: ${{ inputs.note }}\" } }\n\
        \x20 ask_for: { title: 知らせる, needs: [], uses: notify.send@1, with: { to: 受付, subject: 済, body: \"${{ inputs.note }}\" } }\n",
    );
    let checked = Shelf::default().checked(&text);
    let world = World::obn();
    let plan = planned(&checked, &[], &world, &[]);
    let with = |step: &str, name: &str| plan.step(step).unwrap().with.get(name).cloned();
    assert_eq!(with("find", "pick").unwrap(), "only", "the input's own default");
    assert_eq!(with("ask", "where"), None, "an optional text that is one expression is not given");
    assert_eq!(with("ask_with", "ask").unwrap()["ja"], "メモ: -", "a longer text has a dash in its place");
    assert_eq!(plan.step("ask_for").unwrap().decision, Decision::Skip, "a required one skips its step");
    let given = [("pick", Value::Str("oldest".into())), ("note", Value::Str("窓口".into()))];
    let plan = planned(&checked, &given, &world, &[]);
    assert_eq!(plan.step("find").unwrap().with["pick"], "oldest");
    assert_eq!(plan.step("ask").unwrap().with["where"]["ja"], "窓口");
    assert_eq!(plan.step("ask_for").unwrap().decision, Decision::Run);
}

#[test]
fn checklists_hold_expressions_in_their_texts() {
    let text = playbook(
        "case/t",
        "inputs:\n  card: { type: string, title: カード }\n  note: { type: optional<string>, title: メモ }\nsteps:\n  ask:\n    title: 尋ねる\n    uses: human.confirm@1\n    with:\n      ask: よいですか\n      do:\n\
        \x20       - { do: \"「${{ inputs.card }}」と同じことを確かめる\", cite: obn_edge#1.3 }\n\
        \x20       - do: { ja: \"番号 ${{ inputs.card }}\", en: \"number ${{ inputs.card }}\" }\n\
        \x20         cite: \"${{ inputs.note }}\"\n\
        \x20     fields:\n        seen: { type: string, title: \"${{ inputs.card }}\" }\n",
    );
    let checked = Shelf::default().checked(&text);
    let given = [("card", Value::Str("A-1".into()))];
    let plan = planned(&checked, &given, &World::obn(), &[]);
    let with = &plan.step("ask").unwrap().with;
    assert_eq!(with["do"][0]["do"]["ja"], "「A-1」と同じことを確かめる");
    assert_eq!((&with["do"][1]["do"]["ja"], &with["do"][1]["do"]["en"]), (&"番号 A-1".into(), &"number A-1".into()));
    assert_eq!(with["do"][1].get("cite"), None, "absent in an optional field means not given");
    assert_eq!(with["fields"]["seen"]["title"]["ja"], "A-1");
    let wrong = text.replace("{ do: \"「", "{ doo: \"「");
    let codes: Vec<&str> = Shelf::default().findings(&wrong).iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["DSL.MISSING_KEY", "DSL.UNKNOWN_KEY"]);
}

#[test]
fn a_called_playbooks_default_stands_in_for_what_is_absent() {
    let inner = playbook(
        "case/inner",
        "backends:\n  personal: store\ninputs:\n  issuer: { type: glob, default: \"Y*\", title: 発行者 }\nsteps:\n\
        \x20 find: { title: 探す, uses: cert.find@1, with: { in: personal, issuer: \"${{ inputs.issuer }}\" } }\n",
    );
    let text = playbook(
        "case/t",
        "backends:\n  personal: store\ninputs:\n  issuer: { type: optional<glob>, title: 発行者 }\nsteps:\n\
        \x20 inner: { title: 呼ぶ, uses: \"playbook:case/inner@1\", with: { issuer: \"${{ inputs.issuer }}\" } }\n",
    );
    let checked = Shelf::with("case/inner", &inner).checked(&text);
    let issuer = |inputs: &[(&str, Value)]| planned(&checked, inputs, &World::obn(), &[]).step("inner/find").unwrap().with["issuer"].clone();
    assert_eq!(issuer(&[]), "Y*");
    assert_eq!(issuer(&[("issuer", Value::Str("Z*".into()))]), "Z*");
}

#[test]
fn a_guard_that_needs_one_of_two_is_never_switched_off() {
    let text = playbook(
        "case/t",
        "inputs:\n  sha1: { type: optional<hex>, title: 拇印 }\nsteps:\n  trust: { title: 信頼する, uses: test.trust@1, with: { sha1: \"${{ inputs.sha1 }}\" } }\n",
    );
    let checked = Shelf::default().checked(&text);
    let decision = |inputs: &[(&str, Value)]| planned(&checked, inputs, &World::obn(), &[]).step("trust").unwrap().decision;
    assert_eq!(decision(&[]), Decision::Skip);
    assert_eq!(decision(&[("sha1", Value::Str("ab12".into()))]), Decision::Run);
}

#[test]
fn a_limit_that_cannot_be_counted_blocks_its_step() {
    let limit = "attempts: { limit: 10, leave: 5, per_run: 1, cite: obn_edge#1.3 }";
    let text = playbook(
        "case/t",
        &format!(
            "inputs:\n  card: {{ type: ascii, title: カード }}\nsecrets:\n  pin: {{ type: digits(4), title: PIN, {limit} }}\n\
            \x20 dob: {{ type: digits(8), title: 生年月日, typed_by_person: true, {limit} }}\nsteps:\n\
            \x20 login: {{ title: 開く, uses: test.login@1, with: {{ pin: \"${{{{ secrets.pin }}}}\" }} }}\n\
            \x20 see: {{ title: 見る, needs: [], uses: human.confirm@1, with: {{ ask: 見えますか }} }}\n\
            \x20 ask: {{ title: 入れる, needs: [], uses: human.confirm@1, with: {{ tries: \"${{{{ secrets.dob }}}}\", tries_on: \"カード ${{{{ inputs.card }}}}\" }} }}\n"
        ),
    );
    let plan = planned(&Shelf::default().checked(&text), &[("card", Value::Str("C-1".into()))], &World::obn(), &[("dob", "person")]);
    let step = plan.step("login").unwrap();
    assert_eq!((step.decision, step.blocked.as_ref().unwrap().code.as_str()), (Decision::Blocked, "ATTEMPTS.NOT_COUNTED"), "{}", step.address);
    let reason = &plan.step("login").unwrap().reason.as_ref().unwrap().say;
    assert!(reason.ja.contains("10回") && reason.ja.contains("5回"), "{}", reason.ja);
    assert_eq!(plan.secrets["dob"].source, "person");
    let step = plan.step("ask").unwrap();
    assert_eq!((step.decision, step.spends_attempt), (Decision::Run, true), "what a person types elsewhere is counted on what the step says");
    let tries = step.tries.as_ref().unwrap();
    assert_eq!((tries.on.as_deref(), tries.used, tries.left), (Some("elsewhere:カード C-1"), Some(0), Some(1)));
    let step = plan.step("see").unwrap();
    assert_eq!((step.decision, step.spends_attempt, step.tries.is_none()), (Decision::Run, false, true), "another question of the playbook spends none");
}

const KEPT: &str = "inputs:\n  request: { type: digits(15), title: 番号 }\nsecrets:\n  id: { type: ascii, title: リファレンスID, kept: { name: obn_reference_id, about: \"${{ inputs.request }}\" } }\nsteps:\n\
    \x20 keep: { title: 使う, uses: secret.keep@1, with: { name: again, value: \"${{ secrets.id }}\" } }\n";

fn entry(id: &str, about: &str, at: &str) -> EntryInfo {
    let reference = SecretRef::vault(id);
    EntryInfo { reference, name: "obn_reference_id".into(), about: about.into(), written_at: at.parse().unwrap(), labels: BTreeMap::new() }
}

struct Asked(Option<&'static str>);

impl SecretSources for Asked {
    fn unattended(&self, _secret: &SecretDecl) -> Result<Option<Secret>, BackendError> {
        Ok(None)
    }

    fn ask(&self, _secret: &SecretDecl) -> Result<Option<Secret>, BackendError> {
        Ok(self.0.map(Secret::text))
    }
}

struct Nothing;

impl Facts for Nothing {
    fn step(&self, _index: usize) -> StepFacts<'_> {
        StepFacts::Pending
    }
}

fn resolver<'a>(checked: &'a Checked, inputs: &'a BTreeMap<String, Value>, facts: &'a dyn Facts, world: &'a World) -> Resolver<'a> {
    Resolver { checked, inputs, facts, run: "r", now: world.clock.now(), zone: &world.zone, error: None }
}

#[test]
fn a_kept_secret_is_found_by_its_name_and_what_it_is_about() {
    let checked = Shelf::default().checked(&playbook("case/t", KEPT));
    let (world, vault) = (World::obn(), Arc::new(FakeVault::default()));
    let put = |info: EntryInfo, value: &str| vault.put(&info, &Secret::text(value)).unwrap();
    put(entry("a", "202010050000123", "2024-01-01T00:00:00Z"), "first");
    put(entry("b", "202010050000123", "2025-01-01T00:00:00Z"), "second");
    put(entry("c", "999999999999999", "2026-01-01T00:00:00Z"), "other");
    let inputs = BTreeMap::from([("request".to_owned(), Value::Str("202010050000123".into()))]);
    let subject = resolver(&checked, &inputs, &Nothing, &world).subject(&checked.secrets[0]).unwrap();
    assert_eq!(subject, "202010050000123");
    let secrets = |asked: &'static Asked| RunSecrets::new(asked, &checked.secrets, vault.clone(), "r", "case/t", world.clock.now(), BTreeMap::new());
    static NOBODY: Asked = Asked(None);
    static SOMEBODY: Asked = Asked(Some("typed"));
    let wanted = Value::DeclaredSecret("id".into());
    let of_run = secrets(&NOBODY);
    of_run.is_about("id", subject);
    assert_eq!(of_run.value(&wanted).unwrap().expose_text(), Some("second"), "the newest about this request");
    assert!(of_run.take_escrowed().is_empty(), "it is in the vault already");
    let never = secrets(&NOBODY);
    never.is_about("id", "111111111111111".into());
    let error = never.value(&wanted).err().unwrap();
    assert_eq!(error.code, "SECRET.MISSING");
    assert!(error.cause.ja.contains("111111111111111") && error.cause.ja.contains("obn_reference_id"), "{}", error.cause.ja);
    let asked = secrets(&SOMEBODY);
    asked.is_about("id", "111111111111111".into());
    assert_eq!(asked.value(&wanted).unwrap().expose_text(), Some("typed"));
}

#[test]
fn a_plan_says_when_the_vault_does_not_have_a_kept_secret() {
    let checked = Shelf::default().checked(&playbook("case/t", KEPT));
    let world = World::obn();
    let given = [("request", Value::Str("202010050000123".into()))];
    let codes = |plan: &Plan| plan.diagnostics.iter().map(|message| message.code.clone()).collect::<Vec<_>>();
    let plan = planned(&checked, &given, &world, &[("id", "kept")]);
    assert_eq!((codes(&plan), plan.secrets["id"].source.as_str()), (vec!["PLAN.NOT_KEPT".to_owned()], "kept"));
    assert_eq!(codes(&planned(&checked, &given, &world, &[("id", "file")])), Vec::<String>::new(), "the site says where it is");
    world.vault.put(&entry("a", "202010050000123", "2024-01-01T00:00:00Z"), &Secret::text("FPwNiG5g4r")).unwrap();
    let plan = planned(&checked, &given, &world, &[("id", "kept")]);
    assert_eq!(codes(&plan), Vec::<String>::new());
    assert!(!serde_json::to_string(&plan).unwrap().contains("FPwNiG5g4r"));
}

#[test]
fn a_kept_secret_waits_for_the_step_that_says_what_it_is_about() {
    let text = playbook(
        "case/t",
        "backends:\n  personal: store\nsecrets:\n  id: { type: ascii, title: ID, kept: { name: x, about: \"${{ steps.find.cert.thumbprint }}\" } }\nsteps:\n\
        \x20 find: { title: 探す, uses: cert.find@1, with: { in: personal, issuer: \"X*\" } }\n\
        \x20 keep: { title: 使う, needs: [], uses: secret.keep@1, with: { name: again, value: \"${{ secrets.id }}\" } }\n",
    );
    let checked = Shelf::default().checked(&text);
    assert_eq!(checked.steps[1].after, [0], "although it needs nothing by name");
    let (inputs, world) = (BTreeMap::new(), World::obn());
    assert_eq!(resolver(&checked, &inputs, &Nothing, &world).subject(&checked.secrets[0]), None, "not known before");
}

/// Steps that ended with outputs that look like expressions.
struct FromOutside(BTreeMap<String, serde_json::Value>);

impl Facts for FromOutside {
    fn step(&self, _index: usize) -> StepFacts<'_> {
        StepFacts::Ended("observed", &self.0)
    }
}

#[test]
fn nothing_from_a_portal_or_a_person_is_ever_evaluated() {
    let hostile = "${{ secrets.pin }}${{ inputs.code }}";
    let text = playbook(
        "case/t",
        "inputs:\n  code: { type: string, title: 番号 }\nsecrets:\n  pin: { type: digits(4), title: PIN }\nlet:\n  seen: steps.ask.by\nsteps:\n\
        \x20 ask: { title: 尋ねる, uses: human.confirm@1, with: { ask: \"${{ inputs.code }}\" } }\n\
        \x20 keep:\n    title: 残す\n    uses: secret.keep@1\n    when: let.seen == inputs.code\n    with: { name: \"${{ inputs.code }}\", about: \"${{ let.seen }}\", value: \"${{ secrets.pin }}\" }\n\
        \x20 tell: { title: 尋ねる, uses: human.confirm@1, with: { ask: \"答え: ${{ let.seen }}\", who: \"${{ (let.seen | lower) if let.seen is glob('${{*') else '-' }}\" } }\n",
    );
    let checked = Shelf::default().checked(&text);
    let world = World::obn();
    let facts = FromOutside(BTreeMap::from([("by".to_owned(), hostile.into())]));
    let site = "kirikae: site/1\nid: a\ntitle: a\ninputs: { code: \"${{ secrets.pin }}${{ inputs.code }}\" }\n";
    let site = decode_site(&Source::new("site.yaml", site)).unwrap_or_else(|found| panic!("{found:#?}"));
    let typed = BTreeMap::from([("code".to_owned(), hostile.to_owned())]);
    for set in [typed, BTreeMap::new()] {
        let given = gather_inputs(&checked, &set, &site, MissingInputs::Refuse).unwrap();
        assert_eq!(given["code"].value, Value::Str(hostile.into()));
        let inputs: BTreeMap<String, Value> = given.into_iter().map(|(name, given)| (name, given.value)).collect();
        let resolver = resolver(&checked, &inputs, &facts, &world);
        let bound = |index: usize| {
            let What::Action(action) = &checked.steps[index].what else { panic!("an action") };
            resolver.inputs_of(checked.steps[index].frame, action).known
        };
        assert_eq!(bound(0).text("ask").unwrap().ja, hostile);
        assert_eq!((bound(1).str("name"), bound(1).str("about")), (Some(hostile), Some(hostile)));
        assert_eq!(resolver.truth(&checked.steps[1].when[0], None).truth(), Some(true));
        assert_eq!(bound(2).text("ask").unwrap().ja, format!("答え: {hostile}"));
        assert_eq!(bound(2).str("who"), Some(hostile), "a result is a value, not an expression");
    }
}

#[test]
fn thumbprints_are_taken_as_people_copy_and_type_them() {
    let digits = "3f9a0c11d2e4857766554433221100ffeeddccbb";
    let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap()).collect::<Vec<_>>();
    let wide: String = digits.chars().map(|c| char::from_u32(u32::from(c) + 0xfee0).unwrap()).collect();
    // As Windows shows it (an invisible mark before it), as manuals print it, as openssl does, typed on a Japanese keyboard.
    for typed in
        [format!("\u{200e}{}", pairs.join(" ")), pairs.join("\u{3000}").to_uppercase(), pairs.join(":"), pairs.join("-"), wide, format!("{digits}\r\n")]
    {
        assert_eq!(fold(&Type::Hex, &typed), digits, "{typed:?}");
    }
    // A letter that is no digit stays and is refused later.
    assert_eq!(fold(&Type::Hex, "3fg"), "3fg");
}

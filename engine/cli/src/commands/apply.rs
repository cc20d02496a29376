//! `kirikae apply PLAN|PLAYBOOK`

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use kirikae_engine::backend::Vault;
use kirikae_engine::backend::profile::Hands;
use kirikae_engine::journal::{DayLock, Journal, used};
use kirikae_engine::plan::{LookScope, Plan, PlanStep, Present, may_start};
use kirikae_engine::run::{
    EventBody, Granted, MissingInputs, Needed, Program, absent_after, approval_subject, has_daily_limit, over_the_day, settle, store_closure, uncovered,
    unknown_steps,
};
use kirikae_engine::secret::SecretRef;
use kirikae_engine::text::{Lang, Text};

use super::carry::{Patient, Surroundings, begin, on_ctrl_c, report};
use super::saved::saved_plan;
use crate::exit;
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::job::{Given, Job, run_id};
use crate::person::{Nobody, Terminal};
use crate::render::run::Screen;
use crate::{render, site, state};

/// Arguments of `apply`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Playbook (a path or an id), or a plan saved with `plan --out`
    plan: String,
    #[command(flatten)]
    given: Given,
    /// With a saved plan: its playbook, where the library has none of its id
    #[arg(long, value_name = "FILE")]
    playbook: Option<String>,
    /// Approve an irreversible step by its address, or `all` (may be repeated)
    #[arg(long, value_name = "STEP|all")]
    approve: Vec<String>,
}

/// Carries a playbook or a saved plan out.
pub fn run(globals: &Globals, args: &Args) -> Result<u8, Failure> {
    let lang = globals.lang();
    let folder = state::folder(globals)?;
    let mut journal = state::open(&folder)?;
    let saved = saved_plan(Path::new(&args.plan))?;
    let (named, given) = match &saved {
        Some(plan) => {
            let vault = site::vault(&folder, &site::load(globals)?.site)?;
            (args.playbook.clone().unwrap_or_else(|| plan.playbook.id.clone()), given_by(plan, &args.given, &*vault)?)
        }
        None => (args.plan.clone(), args.given.clone()),
    };
    let job = Job::prepare(globals, &folder, &named, &given, MissingInputs::Refuse)?;
    if job.per_user {
        journal.refuse_counting();
    }
    let plan = match saved {
        Some(plan) => still_fits(plan, &job, &journal)?,
        None => job.plan(LookScope::Local, Some(&journal)),
    };
    if globals.format == Format::Text {
        render::out(&render::plan::text(&plan, &job.checked, &job.open.site, &job.library, lang));
    }
    if plan.is_blocked() {
        let blocked = plan.steps.iter().find_map(|step| Some((step, step.blocked.as_ref()?)));
        return Err(blocked.map_or(Failure::Output, |(step, blocked)| Failure::Coded {
            code: blocked.code.clone(),
            cause: step.reason.as_ref().map(|reason| reason.say.clone()).unwrap_or_default(),
            cure: blocked.cure.clone(),
            exit: exit::FAILED,
        }));
    }
    refuse_person_hands(&plan, &job)?;
    known_steps(&plan, &args.approve)?;
    for key in &plan.claims {
        if let Some(by) = journal.claimed_by(key)? {
            return Err(unfinished(&by));
        }
    }
    let granted = match approvals(&plan, &job, args, &journal, globals) {
        Ok(granted) => granted,
        Err(needed) => return Err(approval_missing(&plan, &needed, &folder)?),
    };
    let rules = &job.open.site.approvals;
    let counting = if has_daily_limit(&plan, rules) { Some(DayLock::take(&folder)?) } else { None };
    let used_up = over_the_day(&plan, &job.checked, rules, &granted, &done_today(&job, &journal));
    if !used_up.is_empty() {
        return Err(approval_missing(&plan, &used_up, &folder)?);
    }
    let now = Timestamp::now();
    let run = run_id(now);
    job.keep_private(&plan)?;
    let blobs = store_closure(&folder, &plan, &job.checked)?;
    let started = started(&plan, &job, blobs);
    let approvals = approval_events(&plan, &job, &granted);
    let program = program(plan, &job);
    let interactive = globals.interactive();
    let (terminal, nobody) = (Terminal { lang }, Nobody);
    let surroundings = Surroundings {
        program: &program,
        backends: &job.backends,
        sources: &job.sources,
        person: if interactive { &terminal } else { &nobody },
        pauser: &Patient,
        fresh_for: job.open.site.fresh_for,
        site: job.open.site.id.clone(),
        cancel: on_ctrl_c(),
    };
    let mut screen = Screen::new(lang, globals.format);
    screen.begins(&run);
    let end = begin(surroundings, &mut journal, &mut screen, &run, started, approvals, counting)?;
    Ok(report(&program, &end, lang, globals.format))
}

/// The inputs that a saved plan was made with; private ones lie in the vault.
fn given_by(plan: &Plan, given: &Given, vault: &dyn Vault) -> Result<Given, Failure> {
    let mut set = vec![];
    for (name, input) in plan.inputs.iter().filter(|(_, input)| !input.value.is_null()) {
        let text = input.value.as_str().map_or_else(|| input.value.to_string(), str::to_owned);
        let value = match SecretRef::parse(&text) {
            None => text,
            Some(reference) => {
                let kept = vault.get(&reference)?;
                kept.and_then(|value| value.expose_text().map(str::to_owned)).ok_or_else(|| gone(name, &plan.plan_id))?
            }
        };
        set.push((name.clone(), value));
    }
    // A private input of the plan stays what it was: the plan does not show whether another value would be the same.
    let secret_file = given.secret_file.iter().filter(|(name, _)| !plan.inputs.contains_key(name)).cloned().collect();
    Ok(Given { set, secret_file })
}

fn gone(input: &str, plan: &str) -> Failure {
    Failure::Coded {
        code: "PLAN.EXPIRED".to_owned(),
        cause: Text::new(
            format!("計画 {plan} の入力 {input} が、保管庫にもうありません。"),
            format!("the input `{input}` of plan {plan} is no longer in the vault."),
        ),
        cure: Text::new("kirikae plan で計画を作り直してください。", "plan again."),
        exit: exit::DRIFT,
    }
}

/// A saved plan is used once, for this playbook, profile, site and state folder, before it expires.
fn still_fits(plan: Plan, job: &Job, journal: &Journal) -> Result<Plan, Failure> {
    if let Some(by) = journal.plan_used(&plan.plan_id)? {
        return Err(used(&plan.plan_id, &by).into());
    }
    let fresh = job.plan(LookScope::Offline, None);
    let state = journal.state_id()?;
    let present = Present { now: Timestamp::now(), site: &fresh.target.id, state: &state, closure: &fresh.closure, bindings: &fresh.bindings };
    may_start(&plan, &present)?;
    Ok(plan)
}

fn refuse_person_hands(plan: &Plan, job: &Job) -> Result<(), Failure> {
    let named = |role: &str| job.checked.profiles.get(role).and_then(|profile| job.open.site.portals.get(&profile.id)).and_then(|portal| portal.hands);
    let by_person = plan.steps.iter().find(|step| step.person.is_some() && step.remote);
    match by_person {
        Some(step) if job.checked.profiles.iter().any(|(role, profile)| named(role).unwrap_or(profile.hands) == Hands::Person) => Err(Failure::Coded {
            code: "PORTAL.NEEDS_PERSON".to_owned(),
            cause: Text::new(
                format!("手順 {} は人がブラウザで行う設定(hands: person)です。", step.address),
                format!("step `{}` is set to a person's hands.", step.address),
            ),
            cure: Text::new(
                "この版では、人の操作による実行はまだできません。サイトファイルの hands を確かめてください。",
                "this version cannot carry it out with a person's hands yet; see `hands` in the site file.",
            ),
            exit: exit::FAILED,
        }),
        _ => Ok(()),
    }
}

fn unfinished(run: &str) -> Failure {
    Failure::Coded {
        code: "RUN.UNFINISHED".to_owned(),
        cause: Text::new(format!("この証明書については、実行 {run} が終わっていません。"), format!("run {run} for this credential is not finished.")),
        cure: Text::new(
            format!("続けるには: kirikae resume {run}   やめるには: kirikae abandon {run}"),
            format!("to go on: kirikae resume {run}   to give it up: kirikae abandon {run}"),
        ),
        exit: exit::FAILED,
    }
}

/// A misspelt address would leave a step unapproved, or be thought to have approved it.
fn known_steps(plan: &Plan, named: &[String]) -> Result<(), Failure> {
    let unknown = unknown_steps(plan, named);
    if unknown.is_empty() {
        return Ok(());
    }
    let (ja, en) = (plan.approvals_required.join("・"), plan.approvals_required.join(", "));
    let cure = if plan.approvals_required.is_empty() {
        Text::new("この計画に承認は要りません。", "this plan needs no approval.")
    } else {
        Text::new(format!("承認の要る手順: {ja}"), format!("steps that need one: {en}"))
    };
    let unknown = unknown.join(", ");
    let cause = Text::new(format!("--approve {unknown}: この計画にその手順はありません。"), format!("--approve {unknown}: the plan has no such step."));
    Err(Failure::usage("APPROVAL.UNKNOWN_STEP", cause, cure))
}

fn done_today<'j>(job: &Job, journal: &'j Journal) -> impl Fn(&str) -> u32 + use<'j> {
    let zone = job.open.site.timezone.clone();
    let today = Timestamp::now().to_zoned(zone).start_of_day().map(|start| start.timestamp()).unwrap_or_default();
    move |action: &str| journal.acts_since(action, today).unwrap_or(u32::MAX)
}

fn approvals(plan: &Plan, job: &Job, args: &Args, journal: &Journal, globals: &Globals) -> Result<Vec<Granted>, Vec<Needed>> {
    let terminal = Terminal { lang: globals.lang() };
    let interactive = globals.interactive();
    let approver = |step: &PlanStep| if interactive { terminal.approve(step) } else { None };
    settle(plan, &job.checked, &job.open.site.approvals, &args.approve, &done_today(job, journal), &approver)
}

/// Nothing runs: the plan is saved, so that it can be read and approved.
fn approval_missing(plan: &Plan, needed: &[Needed], folder: &Path) -> Result<Failure, Failure> {
    let plans = folder.join("plans");
    std::fs::create_dir_all(&plans).map_err(|error| Failure::usage("STATE.READONLY", Text::plain(error.to_string()), Text::default()))?;
    let path = plans.join(format!("{}.json", plan.plan_id));
    render::save(&path, &serde_json::to_string_pretty(plan).unwrap_or_default())?;
    let steps: Vec<&str> = needed.iter().map(|needed| needed.step.as_str()).collect();
    let why: Vec<Text> = needed.iter().filter_map(|needed| Some(uncovered(&needed.step, needed.rule?))).collect();
    let ja: String = why.iter().map(|why| why.ja.as_str()).collect();
    let en: String = why.iter().map(|why| format!(" {}", why.get(Lang::En))).collect();
    let flags: String = plan.approvals_required.iter().map(|step| format!(" --approve {step}")).collect();
    Ok(Failure::Coded {
        code: "APPROVAL.MISSING".to_owned(),
        cause: Text::new(
            format!("取り消せない手順 {} の承認がありません。何も実行していません。{ja}", steps.join("・")),
            format!("no approval for {}; nothing was done.{en}", steps.join(", ")),
        ),
        cure: Text::new(
            format!("計画を読んでから: kirikae apply {}{flags}", path.display()),
            format!("read the plan, then: kirikae apply {}{flags}", path.display()),
        ),
        exit: exit::APPROVAL,
    })
}

/// The first event of a run.
pub fn started(plan: &Plan, job: &Job, blobs: BTreeMap<String, String>) -> EventBody {
    EventBody::RunStarted {
        plan: plan.plan_id.clone(),
        digest: plan.digest.clone(),
        engine: env!("CARGO_PKG_VERSION").to_owned(),
        playbook: format!("{}@{}", job.checked.id, job.checked.version),
        site: job.open.site.id.clone(),
        blobs,
        bindings: job.bindings(),
        batch: None,
        account: state::account(),
    }
}

/// What is carried out.
pub fn program(plan: Plan, job: &Job) -> Program {
    Program {
        checked: job.checked.clone(),
        inputs: job.inputs.iter().map(|(name, given)| (name.clone(), given.value.clone())).collect(),
        zone: job.open.site.timezone.clone(),
        absent_after: absent_after(&job.checked, &job.backends),
        plan,
    }
}

/// Approvals as events, one for each way they were given.
pub fn approval_events(plan: &Plan, job: &Job, granted: &[Granted]) -> Vec<EventBody> {
    let mut by_way: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for grant in granted {
        by_way.entry(&grant.by).or_default().push(grant.step.clone());
    }
    let event = |(by, steps): (&str, Vec<String>)| EventBody::ApprovalGiven {
        by: by.to_owned(),
        who: state::account(),
        site_digest: by.starts_with("rule").then(|| job.open.site.digest.clone()),
        subject: approval_subject(plan, &steps),
        steps,
    };
    by_way.into_iter().map(event).collect()
}

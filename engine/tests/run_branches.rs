//! Steps side by side: what runs at the same time, what a failure holds up, what is stuck, what Ctrl-C lets end.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kirikae_engine::action::registry;
use kirikae_engine::backend::profile::Operation;
use kirikae_engine::backend::{BackendError, BackendSet, CancelToken, FolderWrite};
use kirikae_engine::check::Checked;
use kirikae_engine::dsl::decode_site;
use kirikae_engine::journal::Journal;
use kirikae_engine::run::{Doing, Driver, Event, EventBody, Observer, Outcome, ParkCause, Pauser, Phase, Program, RunContext, RunEnd, RunError, State};
use kirikae_engine::testing::{CrashCase, Drive, Fault, FixedClock, Gate, HeldFolder, HeldNotifier, HeldPortal, Willing, World, certificate, crash_matrix};
use kirikae_engine::text::Source;
use support::{CURRENT, Desk, REQUEST, RUN};

/// A step that reads a folder, in a branch of its own.
fn find(id: &str, folder: &str, name: &str) -> String {
    format!("\n  {id}:\n    title: 探す\n    needs: []\n    uses: file.find@1\n    with: {{ in: {folder}, name: \"{name}\" }}\n")
}

/// A step that tells somebody something, after these.
fn tell(id: &str, needs: &str) -> String {
    format!("\n  {id}:\n    title: 知らせる\n    needs: [{needs}]\n    uses: notify.send@1\n    with: {{ to: 受付, subject: 件名, body: 本文 }}\n")
}

/// The renewal, after these.
fn request(needs: &str) -> String {
    format!("{CURRENT}{}", REQUEST.replace("    uses: ca.renew@1\n", &format!("    needs: [{needs}]\n    uses: ca.renew@1\n")))
}

fn desk() -> Desk {
    let world = World::obn();
    world.store.put(certificate("0110119153", 1, "2023-10-22", "2027-01-22"));
    world.folder.put("a.txt", b"a");
    Desk::new(world)
}

/// What a test does when something happens.
type When<'t> = Box<dyn FnMut(&Event) + 't>;
/// What it does when a step is stuck.
type Late<'t> = Box<dyn FnMut(&BackendError) + 't>;

/// Sees events, and which went to disk together.
struct Watch<'t> {
    when: When<'t>,
    late: Late<'t>,
}

impl Observer for Watch<'_> {
    fn event(&mut self, _program: &Program, _state: &State, event: &Event) {
        (self.when)(event);
    }

    fn note(&mut self, _error: &BackendError) {}

    fn stuck(&mut self, error: &BackendError) {
        (self.late)(error);
    }
}

/// A process that drives the run.
struct Process<'t> {
    desk: &'t Desk,
    backends: BackendSet,
    cancel: CancelToken,
    limit: Duration,
    when: When<'t>,
    late: Late<'t>,
}

impl<'t> Process<'t> {
    fn new(desk: &'t Desk) -> Self {
        let (when, late): (When<'t>, Late<'t>) = (Box::new(|_| {}), Box::new(|error| panic!("{error}")));
        Self { desk, backends: desk.world.backends(), cancel: CancelToken::default(), limit: Duration::from_secs(600), when, late }
    }

    fn holding(mut self, role: &str, folder: Arc<dyn FolderWrite>) -> Self {
        self.backends.folders.insert(role.to_owned(), folder);
        self
    }

    fn when(mut self, when: impl FnMut(&Event) + 't) -> Self {
        self.when = Box::new(when);
        self
    }

    fn begin(self, program: &Program) -> State {
        let started = EventBody::RunStarted {
            plan: program.plan.plan_id.clone(),
            digest: program.plan.compute_digest(),
            engine: "test".to_owned(),
            playbook: program.checked.id.clone(),
            site: "clinic".to_owned(),
            blobs: BTreeMap::new(),
            bindings: BTreeMap::new(),
            batch: None,
            account: "test".to_owned(),
        };
        let approved = EventBody::ApprovalGiven {
            steps: program.plan.approvals_required.clone(),
            by: "--approve".to_owned(),
            who: "test".to_owned(),
            site_digest: None,
            subject: BTreeMap::new(),
        };
        let waits = Jumps(&self.desk.world.clock, &self.desk.waits);
        let context = RunContext {
            program,
            registry: registry(),
            backends: &self.backends,
            clock: &*self.desk.world.clock,
            sources: &self.desk.typist,
            person: self.desk,
            pauser: &waits,
            cancel: self.cancel,
            fresh_for: Duration::from_secs(3600),
            site: "clinic".to_owned(),
        };
        let mut journal = Journal::open(self.desk.state.path()).unwrap();
        let mut observer = Watch { when: self.when, late: self.late };
        let driver = Driver::begin(context, &mut journal, &mut observer, RUN, started, vec![approved]).unwrap();
        driver.call_limit(self.limit).run().unwrap().state
    }
}

/// A clock that jumps to the time that is waited for.
struct Jumps<'t>(&'t FixedClock, &'t std::cell::RefCell<Vec<Duration>>);

impl Pauser for Jumps<'_> {
    fn wait(&self, now: jiff::Timestamp, until: jiff::Timestamp, _cancel: &CancelToken) -> bool {
        self.1.borrow_mut().push(Duration::try_from(until.duration_since(now)).unwrap());
        self.0.set(until);
        true
    }
}

fn ended(event: &Event, address: &str) -> bool {
    matches!(&event.body, EventBody::StepEnded { step, .. } if step == address)
}

fn outcome(state: &State, address: &str) -> Option<Outcome> {
    state.ended(address).map(|ended| ended.outcome)
}

#[test]
fn branches_run_at_the_same_time_as_far_as_their_devices_take_calls_at_once() {
    for (at_once, wanted) in [(1, 1), (2, 2), (3, 2)] {
        let desk = desk();
        let program = desk.program(&format!("{}{}", find("one", "backup", "a.txt"), find("two", "backup", "a.txt")));
        let gate = Gate::shut();
        let folder = HeldFolder::new(&desk.world.folder, &gate, true, at_once);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                gate.await_inside(wanted);
                // Time for one call too many to come.
                std::thread::sleep(Duration::from_millis(50));
                gate.open();
            });
            let state = Process::new(&desk).holding("backup", folder).begin(&program);
            assert_eq!(state.phase, Phase::Ended(RunEnd::Done));
        });
        assert_eq!((gate.most(), gate.entered()), (wanted, 2), "{at_once} at once");
    }
}

#[test]
fn an_exclusive_device_takes_one_call_whatever_it_says_of_parallel_ones() {
    let desk = desk();
    let program = desk.program(&format!("{}{}", find("one", "backup", "a.txt"), find("two", "backup", "a.txt")));
    let gate = Gate::shut();
    let folder = HeldFolder::new(&desk.world.folder, &gate, true, 4);
    let capabilities = kirikae_engine::backend::Capabilities { exclusive: true, ..folder.capabilities.clone() };
    let folder = Arc::new(HeldFolder { inner: folder.inner.clone(), gate: gate.clone(), capabilities });
    std::thread::scope(|scope| {
        scope.spawn(|| {
            gate.await_inside(1);
            std::thread::sleep(Duration::from_millis(50));
            gate.open();
        });
        Process::new(&desk).holding("backup", folder).begin(&program);
    });
    assert_eq!((gate.most(), gate.entered()), (1, 2));
}

#[test]
fn a_run_without_branches_writes_what_is_known_together_in_one_transaction() {
    let desk = desk();
    let program = desk.program(&format!("{CURRENT}{REQUEST}"));
    let commits = Mutex::new(vec![]);
    Journal::open(desk.state.path()).unwrap();
    let other = rusqlite::Connection::open(desk.state.path().join("journal.db")).unwrap();
    let version = || other.query_row("PRAGMA data_version", [], |row| row.get::<_, i64>(0)).unwrap();
    let process = Process::new(&desk).when(|event| {
        let step = event.body.step().unwrap_or_default().to_owned();
        commits.lock().unwrap().push((version(), format!("{} {step}", event.body.kind())));
    });
    process.begin(&program);
    let commits = commits.into_inner().unwrap();
    let group_of = |name: &str| commits.iter().find(|(_, known)| known == name).unwrap().0;
    for together in [["Observed current", "Decided request"], ["EffectEnded request", "StepEnded request"], ["StepEnded request", "RunEnded "]] {
        assert_eq!(group_of(together[0]), group_of(together[1]), "{commits:?}");
    }
    for apart in [["Decided request", "IntentRecorded request"], ["IntentRecorded request", "SecretEscrowed request"]] {
        assert!(group_of(apart[0]) < group_of(apart[1]), "{commits:?}");
    }
    assert!(group_of("SecretEscrowed request") < group_of("EffectEnded request"), "{commits:?}");
    let kinds: Vec<&str> = commits.iter().map(|(_, kind)| kind.split(' ').next().unwrap()).collect();
    let expected = [
        "RunStarted",
        "ApprovalGiven",
        "Decided",
        "Observed",
        "StepEnded",
        "Decided",
        "IntentRecorded",
        "SecretEscrowed",
        "EffectEnded",
        "StepEnded",
        "RunEnded",
    ];
    assert_eq!(kinds, expected, "the order of events");
}

#[test]
fn a_failure_lets_an_independent_branch_go_on_and_holds_up_what_depends_on_it_and_what_cannot_be_undone() {
    let desk = desk();
    let steps = format!(
        "{}{}{}{}{}{}",
        tell("begin", ""),
        find("missing", "backup", "b.txt").replace("needs: []", "needs: [begin]"),
        tell("after", "missing"),
        tell("first", "begin"),
        tell("second", "first"),
        request("second"),
    );
    let program = desk.program(&steps);
    let state = Process::new(&desk).begin(&program);
    assert_eq!(state.phase, Phase::Parked(ParkCause::Failed));
    assert_eq!(outcome(&state, "missing"), Some(Outcome::Failed));
    assert_eq!(outcome(&state, "after"), None, "it depends on what failed");
    assert_eq!((outcome(&state, "first"), outcome(&state, "second")), (Some(Outcome::Changed), Some(Outcome::Changed)));
    assert_eq!(outcome(&state, "request"), None);
    assert_eq!(desk.world.portal.received(), 0, "nothing irreversible begins after a failure");
    desk.world.folder.put("b.txt", b"b");
    let state = desk.resume(&program);
    assert_eq!((state.phase.clone(), outcome(&state, "after"), desk.world.portal.received()), (Phase::Ended(RunEnd::Done), Some(Outcome::Changed), 1));
}

#[test]
fn before_the_first_intent_a_failure_ends_the_run_and_no_branch_begins_to_write() {
    let desk = desk();
    let program = desk.program(&format!("{}{}{}", find("missing", "backup", "b.txt"), find("other", "backup", "a.txt"), tell("told", "other")));
    // The folder takes one call at a time: the failure is known before the other branch could write.
    let state = Process::new(&desk).begin(&program);
    assert_eq!(state.phase, Phase::Ended(RunEnd::Failed));
    assert_eq!((state.wrote, outcome(&state, "told")), (false, None));
    assert!(desk.world.notifier.sent().is_empty());
    desk.world.folder.put("b.txt", b"b");
    let state = desk.resume(&program);
    assert_eq!((state.phase, desk.world.notifier.sent().len()), (Phase::Ended(RunEnd::Done), 1));
}

#[test]
fn what_another_branch_has_in_flight_when_a_step_fails_is_finished() {
    let desk = desk();
    let steps = format!("{}{}", find("missing", "backup", "b.txt"), tell("told", ""));
    let program = desk.program(&steps);
    let (gate, reads) = (Gate::shut(), Gate::shut());
    let mut process = Process::new(&desk).holding("backup", HeldFolder::new(&desk.world.folder, &reads, true, 1)).when(|event| {
        if ended(event, "missing") {
            gate.open();
        }
    });
    process.backends.notifier = Arc::new(HeldNotifier { inner: desk.world.notifier.clone(), gate: gate.clone() });
    let state = std::thread::scope(|scope| {
        scope.spawn(|| {
            gate.await_inside(1);
            reads.open();
        });
        process.begin(&program)
    });
    assert_eq!(outcome(&state, "told"), Some(Outcome::Changed));
    assert_eq!(state.phase, Phase::Parked(ParkCause::Failed), "a failure after an intent parks");
    assert_eq!(desk.world.notifier.sent().len(), 1);
}

#[test]
fn while_a_person_has_to_settle_a_step_an_independent_branch_goes_on_and_then_the_run_parks() {
    let desk = desk();
    desk.world.portal.fault(Operation::Renew, Fault::DropBefore);
    let program = desk.program(&format!("{}{}{}", request("current"), tell("first", ""), tell("second", "first")));
    let state = Process::new(&desk).begin(&program);
    assert_eq!(state.phase, Phase::Parked(ParkCause::Uncertain));
    assert_eq!((outcome(&state, "request"), outcome(&state, "second")), (None, Some(Outcome::Changed)));
    let last = desk.events().pop().unwrap();
    assert!(matches!(&last.body, EventBody::RunParked { steps, .. } if *steps == ["request"]), "{last:?}");
}

#[test]
fn after_finish_what_another_branch_has_in_flight_ends_and_nothing_begins() {
    let desk = desk();
    let due = find("due", "backup", "due.txt") + "    expect:\n      - { that: result.count > 5, say: まだです。, then: finish }\n";
    let program = desk.program(&format!("{due}{}{}", tell("told", ""), tell("again", "told")));
    // A plan that had seen it would have said that nothing is to be done.
    desk.world.folder.put("due.txt", b"d");
    let (gate, reads) = (Gate::shut(), Gate::shut());
    let mut process = Process::new(&desk).holding("backup", HeldFolder::new(&desk.world.folder, &reads, true, 1)).when(|event| {
        if ended(event, "due") {
            gate.open();
        }
    });
    process.backends.notifier = Arc::new(HeldNotifier { inner: desk.world.notifier.clone(), gate: gate.clone() });
    let state = std::thread::scope(|scope| {
        scope.spawn(|| {
            gate.await_inside(1);
            reads.open();
        });
        process.begin(&program)
    });
    assert_eq!(state.phase, Phase::Ended(RunEnd::Finished));
    assert_eq!((outcome(&state, "told"), outcome(&state, "again")), (Some(Outcome::Changed), None));
}

#[test]
fn a_step_that_overran_its_deadline_is_told_as_stuck_once_and_its_late_result_counts() {
    let desk = desk();
    let program = desk.program(&format!("{}{}", find("one", "backup", "a.txt"), tell("told", "one")));
    let gate = Gate::shut();
    let stuck = Mutex::new(vec![]);
    let mut process = Process::new(&desk).holding("backup", HeldFolder::new(&desk.world.folder, &gate, false, 4));
    process.limit = Duration::from_millis(50);
    process.late = Box::new(|error| {
        if error.data.get("step").is_some_and(|step| step == "one") {
            stuck.lock().unwrap().push(error.clone());
        }
    });
    let state = std::thread::scope(|scope| {
        scope.spawn(|| {
            while stuck.lock().unwrap().is_empty() {
                std::thread::sleep(Duration::from_millis(10));
            }
            // Time to be told of it again.
            std::thread::sleep(Duration::from_millis(300));
            gate.open();
        });
        process.begin(&program)
    });
    let stuck = stuck.into_inner().unwrap();
    assert_eq!(stuck.iter().map(|error| error.code.as_str()).collect::<Vec<_>>(), ["STEP.STUCK"]);
    assert_eq!(stuck[0].data.get("device").map(String::as_str), Some("folder:/backup"));
    assert!(stuck[0].cause.ja.contains("動きません") && !stuck[0].cure.ja.is_empty());
    assert_eq!(state.phase, Phase::Ended(RunEnd::Done));
    assert_eq!((outcome(&state, "one"), outcome(&state, "told")), (Some(Outcome::Observed), Some(Outcome::Changed)));
}

#[test]
fn while_a_call_is_stuck_its_device_gets_no_other_call_though_it_takes_several() {
    let desk = desk();
    let steps = format!("{}{}{}", find("one", "backup", "a.txt"), tell("told", ""), find("two", "backup", "a.txt").replace("needs: []", "needs: [told]"));
    let program = desk.program(&steps);
    let (gate, notices) = (Gate::shut(), Gate::shut());
    let (told, stuck) = (Mutex::new(BTreeSet::new()), Mutex::new(vec![]));
    let mut process = Process::new(&desk).holding("backup", HeldFolder::new(&desk.world.folder, &gate, false, 4)).when(|event| {
        if ended(event, "told") {
            // `two` could begin now; it must not while `one` is stuck.
            let gate = &gate;
            assert_eq!(gate.entered(), 1);
        }
    });
    process.backends.notifier = Arc::new(HeldNotifier { inner: desk.world.notifier.clone(), gate: notices.clone() });
    process.limit = Duration::from_millis(50);
    process.late = Box::new(|error| {
        stuck.lock().unwrap().push(error.data.get("step").cloned().unwrap());
        notices.open();
        told.lock().unwrap().insert(gate.entered());
    });
    let state = std::thread::scope(|scope| {
        scope.spawn(|| {
            gate.await_inside(1);
            notices.await_entered(1);
            // `told` ends long after `one` is late.
            std::thread::sleep(Duration::from_millis(300));
            assert_eq!(gate.entered(), 1, "nothing else is sent to a device with a stuck call");
            gate.open();
        });
        process.begin(&program)
    });
    assert_eq!(state.phase, Phase::Ended(RunEnd::Done));
    assert!(stuck.into_inner().unwrap().contains(&"one".to_owned()));
    assert_eq!((told.into_inner().unwrap(), gate.entered()), (BTreeSet::from([1]), 2));
}

#[test]
fn a_device_that_honours_deadlines_ends_its_call_itself_and_is_not_stuck() {
    let desk = desk();
    let program = desk.program(&find("one", "backup", "a.txt"));
    let gate = Gate::shut();
    let mut process = Process::new(&desk).holding("backup", HeldFolder::new(&desk.world.folder, &gate, true, 1));
    process.limit = Duration::from_millis(50);
    let state = process.begin(&program);
    assert_eq!(state.ended("one").unwrap().error.as_ref().unwrap().code, "FOLDER.ABSENT");
}

#[test]
fn a_write_that_is_stuck_is_not_looked_up_and_its_late_answer_ends_it() {
    let desk = desk();
    let program = desk.program(&format!("{CURRENT}{REQUEST}"));
    let gate = Gate::shut();
    let mut process = Process::new(&desk);
    process.backends.cas.insert("issuer".to_owned(), Arc::new(HeldPortal { inner: desk.world.portal.clone(), gate: gate.clone() }));
    process.limit = Duration::from_millis(50);
    process.late = Box::new(|_| gate.open());
    let state = process.begin(&program);
    assert_eq!((state.phase, desk.world.portal.received()), (Phase::Ended(RunEnd::Done), 1));
    assert_eq!((desk.count("Uncertain", "request"), desk.count("Reconciled", "request"), desk.count("IntentRecorded", "request")), (0, 0, 1));
}

#[test]
fn the_first_ctrl_c_lets_the_effect_in_flight_end_and_begins_nothing() {
    let desk = desk();
    let program = desk.program(&format!("{}{}{}", tell("one", ""), tell("two", "one"), tell("three", "")));
    let (gate, cancel) = (Gate::shut(), CancelToken::default());
    let stop = cancel.clone();
    let mut process = Process::new(&desk).when(|event| match &event.body {
        EventBody::IntentRecorded { step, .. } if step == "one" => stop.cancel(),
        EventBody::CancelRequested { .. } => gate.open(),
        _ => {}
    });
    process.cancel = cancel;
    process.backends.notifier = Arc::new(HeldNotifier { inner: desk.world.notifier.clone(), gate: gate.clone() });
    let state = process.begin(&program);
    assert_eq!(state.phase, Phase::Parked(ParkCause::Cancelled));
    assert_eq!((outcome(&state, "one"), outcome(&state, "two")), (Some(Outcome::Changed), None));
    let last = desk.events().pop().unwrap();
    assert!(matches!(last.body, EventBody::RunParked { cause: ParkCause::Cancelled, .. }), "{last:?}");
    let state = desk.resume(&program);
    assert_eq!((state.phase, desk.world.notifier.sent().len()), (Phase::Ended(RunEnd::Done), 3), "each once");
}

#[test]
fn an_effect_that_has_no_intent_yet_does_not_begin_after_ctrl_c() {
    let desk = desk();
    let steps = format!("{}{CURRENT}", tell("told", ""));
    let program = desk.program(&steps);
    let cancel = CancelToken::default();
    let stop = cancel.clone();
    // The request to write the intent down comes when the run is being stopped already.
    let mut process = Process::new(&desk).when(move |event| {
        if matches!(&event.body, EventBody::Decided { step, .. } if step == "told") {
            stop.cancel();
        }
    });
    process.cancel = cancel;
    let state = process.begin(&program);
    assert_eq!(state.phase, Phase::Parked(ParkCause::Cancelled));
    assert_eq!((desk.count("IntentRecorded", "told"), desk.world.notifier.sent().len()), (0, 0));
    assert!(matches!(state.step("told").unwrap().doing, Doing::Ready));
    assert_eq!(desk.resume(&program).phase, Phase::Ended(RunEnd::Done));
}

#[test]
fn polls_on_two_branches_wait_for_the_nearest_time_first() {
    let desk = desk();
    for (id, looks) in [("202611200000001", 2), ("202611200000002", 1)] {
        desk.world.portal.list(id, &certificate("0110119153", 9, "2026-11-20", "2030-02-20"));
        desk.world.portal.change_last(|row| row.pending_looks = looks);
    }
    let poll = |id: &str, request: &str, every: &str| {
        format!(
            "\n  {id}:\n    title: 待つ\n    needs: [current]\n    uses: ca.status@1\n    with: {{ client_cert: \"${{{{ steps.current.cert }}}}\", request_id: \"{request}\" }}\n    repeat: {{ until: \"result.status != 'pending'\", every: {every}, slow_to: {every}, within: 24h }}\n"
        )
    };
    let steps = format!("{CURRENT}{}{}", poll("slow", "202611200000001", "50s"), poll("fast", "202611200000002", "30s"));
    let program = desk.program(&steps);
    let fired = Mutex::new(vec![]);
    let state = Process::new(&desk)
        .when(|event| {
            if let EventBody::TimerFired { step, .. } = &event.body {
                fired.lock().unwrap().push((step.clone(), event.at));
            }
        })
        .begin(&program);
    assert_eq!(state.phase, Phase::Ended(RunEnd::Done));
    let fired: Vec<String> = fired.into_inner().unwrap().into_iter().map(|(step, _)| step).collect();
    assert_eq!(fired, ["fast", "slow", "slow"]);
    assert_eq!(*desk.waits.borrow(), [30, 20, 50].map(Duration::from_secs), "the nearest first, then what is left of the other");
}

#[test]
fn a_timer_too_far_away_parks_only_when_the_other_branch_has_ended() {
    let desk = desk();
    desk.patience.set(Duration::ZERO);
    desk.world.portal.list("202611200000001", &certificate("0110119153", 9, "2026-11-20", "2030-02-20"));
    desk.world.portal.change_last(|row| row.pending_looks = 3);
    let steps = format!(
        "{CURRENT}\n  issued:\n    title: 待つ\n    uses: ca.status@1\n    with: {{ client_cert: \"${{{{ steps.current.cert }}}}\", request_id: \"202611200000001\" }}\n    repeat: {{ until: \"result.status != 'pending'\", every: 1h, within: 24h }}\n{}{}",
        tell("one", ""),
        tell("two", "one"),
    );
    let program = desk.program(&steps);
    let state = desk.apply(&program);
    assert_eq!(state.phase, Phase::Parked(ParkCause::Time));
    assert_eq!((outcome(&state, "two"), desk.world.notifier.sent().len()), (Some(Outcome::Changed), 2));
    let last = desk.events().pop().unwrap();
    assert!(matches!(&last.body, EventBody::RunParked { steps, until: Some(_), .. } if *steps == ["issued"]), "{last:?}");
}

#[test]
fn a_look_that_fails_in_passing_is_tried_again_and_one_that_goes_on_failing_parks() {
    for (failures, sent, found) in [(1, 1, true), (5, 1, true), (6, 1, false)] {
        let desk = desk();
        desk.world.portal.fault(Operation::Renew, Fault::LoseAnswer);
        let program = desk.program(&format!("{CURRENT}{REQUEST}"));
        // The first look, before sending, answers; those after the lost answer fail.
        let intended = desk.world.portal.clone();
        let state = Process::new(&desk)
            .when(move |event| {
                if matches!(event.body, EventBody::IntentRecorded { .. }) {
                    (0..failures).for_each(|_| intended.fault(Operation::FindIssued, Fault::Before("NET.UNREACHABLE")));
                }
            })
            .begin(&program);
        let expected = if found { Phase::Ended(RunEnd::Done) } else { Phase::Parked(ParkCause::Uncertain) };
        assert_eq!((state.phase, desk.world.portal.received()), (expected, sent), "{failures} failures");
        assert_eq!(desk.waits.borrow().len(), failures.min(5));
    }
}

#[test]
fn a_look_that_fails_for_good_parks_at_once() {
    let desk = desk();
    desk.world.portal.fault(Operation::Renew, Fault::LoseAnswer);
    let program = desk.program(&format!("{CURRENT}{REQUEST}"));
    let portal = desk.world.portal.clone();
    let state = Process::new(&desk)
        .when(move |event| {
            if matches!(event.body, EventBody::IntentRecorded { .. }) {
                portal.fault(Operation::FindIssued, Fault::Before("PORTAL.PAGE_UNKNOWN"));
            }
        })
        .begin(&program);
    assert_eq!(state.phase, Phase::Parked(ParkCause::Uncertain));
    assert!(desk.waits.borrow().is_empty());
    assert_eq!(desk.resume(&program).phase, Phase::Ended(RunEnd::Done), "resume looks once more");
}

#[test]
fn a_secret_is_asked_for_only_when_nothing_else_is_under_way() {
    let desk = desk();
    let file = desk.world.p12.make("0417", &certificate("0110119153", 2, "2026-11-01", "2030-02-01"), &[]);
    desk.world.folder.put("new.p12", file.expose());
    desk.typist.typed.lock().unwrap().push_back("0417");
    *desk.typist.typing.lock().unwrap() = Duration::from_hours(1);
    let inspect = "\n  inside:\n    title: 中を見る\n    needs: [file]\n    uses: p12.inspect@1\n    with: { file: \"${{ steps.file.file }}\", password: \"${{ secrets.pin }}\" }\n";
    let program = desk.program(&format!("{}{inspect}{}", find("file", "backup", "new.p12"), tell("told", "")));
    let gate = Gate::shut();
    let at = Mutex::new(BTreeMap::new());
    let mut process = Process::new(&desk).when(|event| {
        if let EventBody::StepEnded { step, .. } = &event.body {
            at.lock().unwrap().insert(step.clone(), event.at);
        }
    });
    process.backends.notifier = Arc::new(HeldNotifier { inner: desk.world.notifier.clone(), gate: gate.clone() });
    let state = std::thread::scope(|scope| {
        scope.spawn(|| {
            gate.await_inside(1);
            // `inside` wants its secret by now.
            std::thread::sleep(Duration::from_millis(200));
            gate.open();
        });
        process.begin(&program)
    });
    assert_eq!(state.phase, Phase::Ended(RunEnd::Done));
    let at = at.into_inner().unwrap();
    assert!(at["told"] < at["inside"], "the notice that was in flight did not wait for an hour of typing: {at:?}");
}

/// A renewal beside a branch that reads and tells.
struct Beside;

impl Beside {
    fn checked() -> Checked {
        support::checked(&format!("{}{}{}", find("found", "backup", "a.txt"), tell("told", "found"), request("current")))
    }
}

impl CrashCase for Beside {
    type World = Desk;

    fn world(&self) -> Desk {
        let desk = desk();
        desk.world.portal.absent_after(Duration::from_secs(60));
        desk
    }

    fn folder<'w>(&self, desk: &'w Desk) -> &'w Path {
        desk.state.path()
    }

    fn process(&self, desk: &Desk, journal: &mut Journal) -> Result<State, RunError> {
        let site = decode_site(&Source::new("site.yaml", "kirikae: site/1\nid: clinic\ntitle: 医院\n")).unwrap();
        let backends = desk.world.backends();
        let drive = Drive { site: &site, backends: &backends, clock: &*desk.world.clock, pauser: &*desk.world.clock, person: &Willing };
        let end = if journal.runs().unwrap().is_empty() {
            let checked = Self::checked();
            drive.begin(journal, RUN, desk.plan(&checked), &checked)
        } else {
            drive.resume(journal, RUN)
        };
        Ok(end?.state)
    }

    fn holds(&self, desk: &Desk) -> Result<(), String> {
        // A notice may come twice after a crash, a request never.
        if desk.world.portal.issued() > 1 { Err("issued twice".to_owned()) } else { Ok(()) }
    }

    fn effects(&self, desk: &Desk) -> Vec<(String, u64)> {
        vec![("issuances".to_owned(), u64::from(desk.world.portal.issued())), ("told".to_owned(), u64::from(!desk.world.notifier.sent().is_empty()))]
    }
}

#[test]
fn branches_survive_a_crash_at_every_write() {
    let report = crash_matrix(&Beside).unwrap();
    assert_eq!(report.phase, Phase::Ended(RunEnd::Done));
    assert!(report.cuts > 10, "{}", report.cuts);
    let faults: Vec<String> = report.faults.iter().map(ToString::to_string).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

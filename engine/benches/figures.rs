//! The engine's figures beside their limits: CPU seconds and memory of this process, so no harness that times the wall clock.
//!
//! `check`: the first check in a fresh process, which also builds the registry of actions, and later ones.
//! `plan`: 10,000 plans of `obn/renew-web` over stores in memory: due, not due, unreadable, a third each.
//! `run`: a whole renewal (plan, digest, journal, driver, 11 steps) over backends in memory, in user mode, the state folder in
//! memory, too: the engine and its journal, without what the kernel does to get the journal's 40 transactions onto a disk and
//! without the empty caches after each wait for it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod figure;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use figure::{Figures, cpu, in_memory, median_ms};
use kirikae_engine::action::registry;
use kirikae_engine::check::{Library, check};
use kirikae_engine::clock::Clock;
use kirikae_engine::journal::Journal;
use kirikae_engine::run::{Phase, RunEnd};
use kirikae_engine::testing::situations::{due, not_due};
use kirikae_engine::testing::{Desk, Shipped, World, carry_out, planned};
use tempfile::TempDir;

const PLANS: usize = 10_000;
const RUNS: usize = 200;

fn main() -> ExitCode {
    let mut figures = Figures::default();
    checks(&mut figures);
    runs(&mut figures);
    plans(&mut figures);
    figures.end()
}

fn one_check() {
    let source = Shipped.playbook("obn/renew-web").unwrap();
    assert!(check(&source, &Shipped, registry()).result.is_ok());
}

fn checks(figures: &mut Figures) {
    let (first, ()) = cpu(one_check);
    figures.at_most("check obn/renew-web, first in a process (CPU)", first.as_secs_f64() * 1e3, 20.0, "ms");
    let later = (0..50).map(|_| cpu(one_check).0).collect();
    figures.note("check obn/renew-web, later (CPU, median)", median_ms(later), "ms");
}

fn plans(figures: &mut Figures) {
    let desks: [Desk; 3] = [due(), not_due(), due()];
    let before = peak_mb();
    let (took, steps) = cpu(|| {
        let mut steps = 0;
        for turn in 0..PLANS {
            let kind = turn % desks.len();
            if kind == 2 {
                desks[kind].world.store.fail("list", "STORE.UNREADABLE");
            }
            steps += desks[kind].draft().steps.len();
        }
        steps
    });
    assert_eq!(steps, PLANS * desks[0].checked.steps.len());
    let plan = due().draft();
    let digests = (0..50).map(|_| cpu(|| plan.compute_digest()).0).collect();
    figures.at_most("plan obn/renew-web 10,000 times (CPU)", took.as_secs_f64(), 1.0, "s");
    figures.note("  the digest of one plan, when it is shown or saved (CPU, median)", median_ms(digests), "ms");
    match (before, peak_mb()) {
        (Some(before), Some(peak)) => {
            figures.at_most("plan obn/renew-web 10,000 times (peak memory)", peak, 200.0, "MB");
            figures.note("  of which before the first plan", before, "MB");
        }
        _ => println!("peak memory is not measured on this system"),
    }
}

fn runs(figures: &mut Figures) {
    let desk = due();
    let terminals: Vec<(World, TempDir)> = (0..RUNS).map(|_| terminal(&in_memory())).collect();
    let before = user_ms();
    let times: Vec<Duration> = terminals.iter().map(|terminal| renewal(&desk, terminal)).collect();
    match (before, user_ms()) {
        (Some(before), Some(after)) => {
            figures.at_most("run obn/renew-web, backends and state in memory (CPU in user mode)", (after - before) / RUNS as f64, 2.0, "ms");
        }
        _ => println!("CPU time in user mode is not measured on this system"),
    }
    figures.note("  with the kernel's part (CPU, median)", median_ms(times), "ms");
    let on_disk = (0..RUNS / 4).map(|_| renewal(&desk, &terminal(&std::env::temp_dir()))).collect();
    figures.note("  with the kernel's part, state on disk (CPU, median)", median_ms(on_disk), "ms");
}

/// A terminal whose certificate is due, and its state folder, which was used before.
fn terminal(place: &Path) -> (World, TempDir) {
    let folder = tempfile::tempdir_in(place).unwrap();
    Journal::open(folder.path()).unwrap();
    (due().world, folder)
}

fn renewal(desk: &Desk, (world, folder): &(World, TempDir)) -> Duration {
    let (checked, site, backends, clock) = (&desk.checked, &desk.site, world.backends(), &*world.clock);
    let (took, end) = cpu(|| {
        let plan = planned(checked, site, &backends, clock.now(), desk.scope, &desk.set);
        carry_out(plan, checked, site, &backends, clock, clock, folder.path())
    });
    assert_eq!(end.state.phase, Phase::Ended(RunEnd::Done), "{:?}", end.state.failed());
    assert_eq!((world.portal.issued(), world.store.effects().1.len()), (1, 1));
    took
}

/// CPU time of this process in user mode, in ms, by ticks of 10 ms. Linux only.
fn user_ms() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let ticks: f64 = stat.rsplit_once(')')?.1.split_whitespace().nth(11)?.parse().ok()?;
    Some(ticks * 10.0)
}

/// The most memory this process ever had, in MB. Linux only.
fn peak_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

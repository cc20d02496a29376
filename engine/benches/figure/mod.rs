//! A measured figure beside its limit.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use cpu_time::ProcessTime;

/// A limit is missed by far from so many times its value on: then the code is at fault, not the machine.
const FAR: f64 = 2.0;

/// The figures of one bench.
#[derive(Default)]
pub struct Figures {
    missed_by_far: bool,
}

impl Figures {
    /// Prints a figure beside its limit, both in `unit`.
    pub fn at_most(&mut self, what: &str, value: f64, limit: f64, unit: &str) {
        let verdict = if value <= limit {
            "ok"
        } else if value < limit * FAR {
            "MISSED"
        } else {
            self.missed_by_far = true;
            "MISSED BY FAR"
        };
        println!("{what:<70} {value:>10.3} {unit:<3} limit {limit:>7.1} {unit:<3} {verdict}");
    }

    /// Prints a figure that must be at least its limit, both in `unit`.
    #[allow(dead_code)]
    pub fn at_least(&mut self, what: &str, value: f64, limit: f64, unit: &str) {
        let verdict = if value >= limit {
            "ok"
        } else if value > limit / FAR {
            "MISSED"
        } else {
            self.missed_by_far = true;
            "MISSED BY FAR"
        };
        println!("{what:<70} {value:>10.3} {unit:<3} least {limit:>7.1} {unit:<3} {verdict}");
    }

    /// Prints a figure that has no limit of its own.
    pub fn note(&self, what: &str, value: f64, unit: &str) {
        println!("{what:<70} {value:>10.3} {unit}");
    }

    /// Fails when a limit was missed by far.
    pub fn end(self) -> ExitCode {
        if self.missed_by_far { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

/// CPU time of this process, all threads, user and kernel, that `work` takes.
pub fn cpu<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let started = ProcessTime::now();
    let result = work();
    (started.elapsed(), result)
}

/// A place for folders in memory where the system has one (Linux), so that neither the kernel's work for a disk nor the empty
/// caches after each wait for it are counted; else the temporary folder.
pub fn in_memory() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { memory } else { std::env::temp_dir() }
}

/// The median of durations, in milliseconds.
pub fn median_ms(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}

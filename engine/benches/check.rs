//! How long checks take: the shipped documents, a big playbook, the worst files. `cargo bench -p kirikae-engine --bench check [NAME]`
//!
//! Prints the least CPU time of five runs; the limits of the design (2,000 lines in 50 ms, the worst 1 MiB in 300 ms) are read here, never asserted.
#![allow(clippy::print_stdout)]

use std::time::Duration;

use cpu_time::ProcessTime;
use kirikae_engine::action::registry;
use kirikae_engine::check::{Library, examine};
use kirikae_engine::text::Source;

mod worst;

/// The catalogue of manuals alone.
struct Nothing;

impl Library for Nothing {
    fn playbook(&self, _id: &str) -> Option<Source> {
        None
    }

    fn portal(&self, _id: &str) -> Option<Source> {
        None
    }

    fn sources(&self) -> Option<Source> {
        Some(Source::new("sources.yaml", include_str!("../../playbooks/sources.yaml")))
    }
}

fn main() {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    // The smaller ones keep below the limit of values, so that all of a file is decoded and checked.
    let mut texts: Vec<_> = [1 << 20, 1 << 19, 1 << 18].into_iter().flat_map(worst::files).collect();
    texts.push(("a playbook of 2,000 lines", worst::playbook(2_000)));
    texts.push(("the renewal", include_str!("../../playbooks/obn/renew-web.yaml").to_owned()));
    for (name, text) in texts.iter().filter(|(name, _)| name.contains(&wanted)) {
        let mut least = Duration::MAX;
        let mut findings = 0;
        for _ in 0..5 {
            let begun = ProcessTime::now();
            findings = Source::from_bytes("bench.yaml", text.as_bytes()).map_or(1, |source| examine(&source, &Nothing, registry()).findings.len());
            least = least.min(begun.elapsed());
        }
        println!("{:>9.2} ms  {:>8} bytes  {findings:>2} findings  {name}", least.as_secs_f64() * 1_000.0, text.len());
    }
}

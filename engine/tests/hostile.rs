//! Files made to hurt: they end in findings, on a small stack, whatever they hold.
//!
//! `KIRIKAE_FUZZ_SECONDS=600 cargo test -p kirikae-engine --features testing --release --test hostile -- --ignored` runs the mutations for ten
//! minutes from a new seed; `KIRIKAE_FUZZ_SEED` begins with a given one. A failure prints the seed and the text.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod shipped;

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use kirikae_engine::action::registry;
use kirikae_engine::check::examine;
use kirikae_engine::text::{Diagnostic, MAX_FINDINGS, Source, mend};
use shipped::{Folders, files, read, top};

const STACK: usize = 1 << 20;
const MIB: usize = 1 << 20;

fn look(bytes: &[u8]) -> Vec<Diagnostic> {
    match Source::from_bytes("hostile.yaml", bytes) {
        Ok(source) => examine(&source, &Folders, registry()).findings,
        Err(finding) => vec![finding],
    }
}

/// Looks in a thread with a stack of 1 MiB; an overflow would end the whole test process.
fn on_a_small_stack(text: String) -> Vec<Diagnostic> {
    std::thread::Builder::new().stack_size(STACK).spawn(move || look(text.as_bytes())).unwrap().join().unwrap()
}

#[path = "../benches/worst.rs"]
mod worst;

#[test]
fn the_worst_files_end_in_findings_on_a_small_stack() {
    // The smaller ones keep below the limit of values, so that all of a file is decoded and checked.
    for (name, text) in [MIB, MIB / 4].into_iter().flat_map(worst::files) {
        assert!(text.len() <= MIB, "{name}: {}", text.len());
        let findings = on_a_small_stack(text);
        assert!(findings.len() <= MAX_FINDINGS, "{name}");
        assert_eq!(findings.is_empty(), name.starts_with("fine"), "{name}: {:?}", findings.first().map(|finding| (finding.code, &finding.what.en)));
    }
}

#[test]
fn a_big_playbook_is_right() {
    let text = worst::playbook(2_000);
    assert!(text.lines().count() >= 2_000);
    assert_eq!(on_a_small_stack(text).iter().map(|finding| (finding.code, &finding.what.en)).collect::<Vec<_>>(), []);
}

/// A small generator of numbers (xorshift64*), so that a seed is all that a failure needs.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = u128::from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)) * below.max(1) as u128;
        (high >> 64) as usize
    }
}

/// Pieces that mean something to YAML, to expressions or to an editor.
const PIECES: [&str; 56] = [
    ": ",
    "\n",
    "\n  ",
    "\t",
    "- ",
    "{",
    "}",
    "[",
    "]",
    "'",
    "\"",
    "${{",
    "}}",
    "${{ ",
    " }}",
    "#",
    " #",
    "&a ",
    "*a",
    "!t ",
    "|\n",
    ">\n",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "<<",
    "\u{3000}",
    "\u{feff}",
    "\0",
    "\r\n",
    "\r",
    "：",
    "，",
    "「",
    "」",
    "＂",
    "é",
    "\u{10ffff}",
    "0123",
    "no",
    "~",
    "? ",
    ", ",
    "==",
    " and ",
    " if ",
    "(",
    ")",
    "|",
    ".",
    "steps.",
    "inputs.",
    "\\",
    "\\x",
    "\u{200b}",
    "9223372036854775808",
];

/// The text with a few changes: pieces put in, cut out, doubled, exchanged with those of another text.
fn mutated(dice: &mut Dice, texts: &[String]) -> String {
    let mut text: Vec<char> = texts[dice.roll(texts.len())].chars().collect();
    for _ in 0..1 + dice.roll(6) {
        let at = dice.roll(text.len() + 1);
        let length = dice.roll(24).min(text.len() - at);
        match dice.roll(6) {
            0 => drop(text.splice(at..at, PIECES[dice.roll(PIECES.len())].chars())),
            1 => drop(text.drain(at..at + length)),
            2 => {
                let copy: Vec<char> = text[at..at + length].to_vec();
                let to = dice.roll(text.len() + 1);
                text.splice(to..to, copy);
            }
            3 => {
                let other: Vec<char> = texts[dice.roll(texts.len())].chars().collect();
                let from = dice.roll(other.len());
                let piece = other[from..(from + dice.roll(80)).min(other.len())].to_vec();
                text.splice(at..at + length, piece);
            }
            4 => drop(text.splice(at..at + length, PIECES[dice.roll(PIECES.len())].chars())),
            _ => text.truncate(at.max(1)),
        }
    }
    text.into_iter().collect()
}

/// The shipped documents and all cases.
fn seeds() -> Vec<String> {
    let folders = ["playbooks", "playbooks/obn", "playbooks/common", "playbooks/portals", "tests/cases/valid", "tests/cases/invalid"];
    let paths = folders.iter().flat_map(|folder| files(folder));
    paths.filter_map(|path| std::fs::read_to_string(path).ok()).collect()
}

/// Checks mutations until the count or the time is used up, and says how many there were.
fn fuzz(seed: u64, most: usize, until: Option<Instant>) -> usize {
    let texts = seeds();
    let mut dice = Dice(seed | 1);
    let mut done = 0;
    while done < most && until.is_none_or(|until| Instant::now() < until) {
        let text = mutated(&mut dice, &texts);
        let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let found = look(text.as_bytes());
            assert!(found.len() <= MAX_FINDINGS);
            for finding in &found {
                let Some(place) = &finding.place else { continue };
                if &*place.file == "hostile.yaml" {
                    assert!(text.get(place.span.start..place.span.end.min(text.len())).is_some(), "a place inside a character: {finding:?}");
                    assert!(place.span.start <= text.len(), "a place behind the end: {finding:?}");
                    assert!(finding.fix.as_ref().is_none_or(|fix| text.get(fix.span.start..fix.span.end).is_some()), "{finding:?}");
                }
            }
            // Corrections end, and nothing is left to correct.
            if done % 8 == 0 {
                let examine = |source: &Source| look(source.text.as_bytes());
                let mended = mend(&Source::new("hostile.yaml", text.as_str()), examine);
                let again = mend(&Source::new("hostile.yaml", mended.text.as_str()), examine);
                assert_eq!(again.text, mended.text, "a second correction changes something");
            }
        }));
        if let Err(panic) = outcome {
            eprintln!("seed {seed}, mutation {done}:\n{text}");
            std::panic::resume_unwind(panic);
        }
        done += 1;
    }
    done
}

#[test]
fn mutations_of_documents_end_in_findings() {
    assert_eq!(fuzz(0x006b_6972_696b_6165, 1_500, None), 1_500);
}

#[test]
#[ignore = "runs as long as KIRIKAE_FUZZ_SECONDS says"]
fn mutations_for_a_longer_time() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    let seconds = number("KIRIKAE_FUZZ_SECONDS").unwrap_or(60);
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |time| time.as_secs());
    let seed = number("KIRIKAE_FUZZ_SEED").unwrap_or_else(now);
    let done = fuzz(seed, usize::MAX, Some(Instant::now() + Duration::from_secs(seconds)));
    eprintln!("{done} mutations from seed {seed} in {seconds} s");
}

#[test]
fn corrections_of_every_case_keep_comments_and_come_to_rest() {
    for path in files("tests/cases/invalid") {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let examine = |source: &Source| examine(source, &Folders, registry()).findings;
        let mended = mend(&Source::new("case.yaml", text.as_str()), examine);
        assert_eq!(mended.changes.is_empty(), mended.text == text, "{}", path.display());
        assert_eq!(mend(&Source::new("case.yaml", mended.text.as_str()), examine).text, mended.text, "{}", path.display());
    }
    assert!(read(&top().join("playbooks/sources.yaml"), "sources.yaml").is_some());
}

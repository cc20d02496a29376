//! Corrections of YAML come to rest: a second time changes nothing.
#![no_main]

use kirikae_engine::text::{Source, Tree, mend};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let findings = |source: &Source| Tree::read(source).findings;
    let once = mend(&Source::new("fuzz.yaml", text), findings);
    let twice = mend(&Source::new("fuzz.yaml", once.text.as_str()), findings);
    assert_eq!(once.text, twice.text);
});

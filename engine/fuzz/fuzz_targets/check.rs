//! Bytes of a file to findings: no panic, and every place is in the text.
#![no_main]

use kirikae_engine::action::registry;
use kirikae_engine::check::{Library, examine};
use kirikae_engine::text::Source;
use libfuzzer_sys::fuzz_target;

/// The shipped profile and catalogue.
struct Shipped;

impl Library for Shipped {
    fn playbook(&self, _id: &str) -> Option<Source> {
        None
    }

    fn portal(&self, id: &str) -> Option<Source> {
        (id == "obn").then(|| Source::new("obn.yaml", include_str!("../../../playbooks/portals/obn.yaml")))
    }

    fn sources(&self) -> Option<Source> {
        Some(Source::new("sources.yaml", include_str!("../../../playbooks/sources.yaml")))
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(source) = Source::from_bytes("fuzz.yaml", bytes) else { return };
    for finding in examine(&source, &Shipped, registry()).findings {
        let Some(place) = finding.place.filter(|place| place.file == source.name) else { continue };
        assert!(place.span.start <= source.text.len() && source.text.is_char_boundary(place.span.start));
    }
});

//! Every shipped playbook that a person starts is rehearsed, with the engine's hands and with a person's; so is the example that stands
//! in no manual, from its own library.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::Mutex;

use support::shipped::rehearsed;
use support::{kirikae, said};

/// The example's playbook.
const EXAMPLE: &str = "playbooks/examples/aozora/issue.yaml";

/// Two at a time.
#[test]
fn every_playbook_can_be_rehearsed_by_engine_and_person() {
    let playbooks = rehearsed().into_iter().chain([EXAMPLE.to_owned()]);
    let all: Vec<(String, &str)> = playbooks.flat_map(|playbook| ["engine", "person"].map(|hands| (playbook.clone(), hands))).collect();
    assert!(all.len() > 20, "{all:?}");
    let (queue, failed) = (Mutex::new(all.into_iter()), Mutex::new(vec![]));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some((playbook, hands)) = queue.lock().unwrap().next() else { return };
                    let output = kirikae().args(["rehearse", &playbook, "--hands", hands]).output().unwrap();
                    if output.status.code() != Some(0) {
                        failed.lock().unwrap().push(format!("{playbook} --hands {hands}: {}", said(&output)));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

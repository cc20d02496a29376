//! Everything that a run leaves behind outside the vault, searched for secrets.

use std::path::Path;

use super::scene::{Played, Scene};

/// A thing that is left behind: what it is, its bytes.
type Artifact = (String, Vec<u8>);

/// The plan, events, notices, notes, and every file of the state folder.
pub(super) fn artifacts(scene: &Scene<'_>, played: &Played) -> Vec<Artifact> {
    let mut artifacts = vec![("plan".to_owned(), json(&played.plan))];
    artifacts.extend(played.events.iter().map(|event| (format!("event {} ({})", event.seq, event.body.kind()), json(event))));
    artifacts.extend(scene.world.notifier.sent().iter().map(|notice| ("notice".to_owned(), format!("{notice:?}").into_bytes())));
    artifacts.extend(played.notes.iter().map(|note| ("note".to_owned(), note.clone().into_bytes())));
    files(scene.folder(), &mut artifacts);
    artifacts
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

fn files(folder: &Path, artifacts: &mut Vec<Artifact>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, artifacts);
        } else if let Ok(bytes) = std::fs::read(&path) {
            artifacts.push((entry.file_name().to_string_lossy().into_owned(), bytes));
        }
    }
}

/// The artifacts that hold a text as a whole word: four digits inside a digest are no secret.
pub(super) fn holders(artifacts: &[Artifact], canary: &str) -> Vec<String> {
    artifacts.iter().filter(|(_, bytes)| holds(bytes, canary.as_bytes())).map(|(name, _)| name.clone()).collect()
}

fn holds(bytes: &[u8], canary: &[u8]) -> bool {
    let word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    !canary.is_empty()
        && bytes
            .windows(canary.len())
            .enumerate()
            .any(|(at, window)| window == canary && !word(at.checked_sub(1).and_then(|before| bytes.get(before))) && !word(bytes.get(at + canary.len())))
}

/// The secrets of a run: what people typed, what pages showed, what was kept from before, private inputs.
pub(super) fn secrets(scene: &Scene<'_>) -> Vec<String> {
    let typed = scene.people.typed(&scene.checked.secrets).map(str::to_owned);
    let mut secrets: Vec<String> =
        typed.chain(scene.world.shown()).chain(scene.kept()).chain(scene.private_texts()).filter(|secret| secret.len() >= 4).collect();
    secrets.sort();
    secrets.dedup();
    secrets
}

#[cfg(test)]
mod tests {
    use super::holds;

    #[test]
    fn a_secret_is_found_as_a_word_and_not_inside_another() {
        assert!(holds(br#"{"pin":"7391"}"#, b"7391"));
        assert!(holds(b"7391", b"7391"));
        assert!(!holds(b"a7391b 17391 73910", b"7391"));
        assert!(!holds(b"", b"7391"));
    }
}

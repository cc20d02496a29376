//! The pages for contributors name files and folders; each must exist.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use kirikae_engine::action::registry;
use kirikae_engine::check::check;
use kirikae_engine::dsl::{RoleKind, decode_site};
use kirikae_engine::testing::Shipped;
use kirikae_engine::text::Source;

/// A page and how many different paths it names at least: fewer means that they are no longer found.
const PAGES: [(&str, usize); 2] = [("ARCHITECTURE.md", 15), ("CONTRIBUTING.md", 8)];

/// Endings that make a word without a slash a path.
const ENDINGS: [&str; 5] = [".md", ".rs", ".toml", ".yaml", ".json"];

#[test]
fn every_path_named_for_contributors_exists() {
    let root = root();
    for (page, at_least) in PAGES {
        let text = std::fs::read_to_string(root.join(page)).expect(page);
        let named = paths(&text);
        assert!(named.len() >= at_least, "{page} names only {named:?}");
        let absent: Vec<&String> = named.iter().filter(|path| !root.join(path).exists()).collect();
        assert!(absent.is_empty(), "{page} names what does not exist: {absent:?}");
    }
}

/// Whole site files in the pages for those who run a program: they decode, and bind every role of every playbook that the page names.
#[test]
fn site_files_of_the_program_pages_bind_what_their_playbooks_need() {
    let mut shown = 0;
    for page in std::fs::read_dir(root().join("docs/programs")).expect("pages").flatten() {
        let text = std::fs::read_to_string(page.path()).expect("a page");
        for fence in text.split("```").skip(1).step_by(2).filter_map(|fence| fence.split_once('\n')).map(|(_, body)| body) {
            if !fence.starts_with("kirikae: site/1") {
                continue;
            }
            let name = page.path().display().to_string();
            let site = decode_site(&Source::new("site.yaml", fence)).unwrap_or_else(|found| panic!("{name}: {found:?}"));
            let named = Shipped.playbooks().into_iter().map(|source| check(&source, &Shipped, registry()).result.expect("a playbook"));
            for checked in named.filter(|checked| text.contains(&format!("`{}`", checked.id))) {
                let of_program = site.programs.get(&checked.program).map(|program| &program.backends);
                let local = checked.roles.iter().filter(|role| !matches!(role.kind, RoleKind::Ca | RoleKind::Web));
                let bound = |role: &str| site.backends.contains_key(role) || of_program.is_some_and(|known| known.contains_key(role));
                let unbound: Vec<&str> = local.map(|role| role.name.as_str()).filter(|role| !bound(role)).collect();
                assert!(unbound.is_empty(), "{name}: {} has roles that the site file does not bind: {unbound:?}", checked.id);
            }
            shown += 1;
        }
    }
    assert!(shown >= 2, "{shown} site files");
}

#[test]
fn unsafe_code_stands_in_one_module_and_each_block_has_its_reason() {
    let module = root().join("backends/src/windows");
    let mut blocks = 0;
    for file in ["engine", "backends", "tests"].iter().flat_map(|folder| sources(&root().join(folder))) {
        let text = std::fs::read_to_string(&file).expect("a source file");
        // Written in two parts, so that this file is not one that allows it.
        let allows = text.contains(concat!("allow(unsafe", "_code)"));
        assert!(!allows || file == module.join("mod.rs"), "{} allows unsafe code", file.display());
        let lines: Vec<&str> = text.lines().filter(|_| file.starts_with(&module)).collect();
        for (index, line) in lines.iter().enumerate().filter(|(_, line)| line.contains(concat!("unsafe", " {"))) {
            let reason = lines[index.saturating_sub(2)..index].iter().any(|line| line.contains("// SAFETY:"));
            assert!(reason, "{}:{} gives no reason: {line}", file.display(), index + 1);
            blocks += 1;
        }
    }
    assert!(blocks > 40, "the blocks are no longer found: {blocks}");
}

/// Every Rust file below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.filter(|path| !path.ends_with("target")).partition(|path| path.is_dir());
    let own = files.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
    own.chain(folders.iter().flat_map(|folder| sources(folder))).collect()
}

#[test]
fn paths_are_told_from_other_words() {
    let text = "See `engine/src/no_such.rs`, [rules](CONTRIBUTING.md#style) and [home](https://example.org/a);\n\
        `cargo test --workspace`, `cert.find@1`, `engine::backend` and `serde_yaml` are no paths; `NOWHERE.md` is one,\n\
        `backends/tests/<kind>.rs` names its folder.\n\
        ```sh\nls `not/this`\n```\n";
    assert_eq!(paths(text), ["CONTRIBUTING.md", "NOWHERE.md", "backends/tests", "engine/src/no_such.rs"]);
}

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The paths a page names in code spans and links, outside fenced blocks, sorted, each once.
fn paths(page: &str) -> Vec<String> {
    let mut fenced = false;
    let mut found = Vec::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            found.extend(line.split('`').skip(1).step_by(2).filter_map(path_in_code));
            found.extend(line.split("](").skip(1).filter_map(path_in_link));
        }
    }
    found.sort();
    found.dedup();
    found
}

/// The path of a code span; the part before a placeholder (`<name>`, `*`) where there is one.
fn path_in_code(span: &str) -> Option<String> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-/<>*".contains(letter);
    let is_path = span.chars().all(plain) && (span.contains('/') || ENDINGS.iter().any(|ending| span.ends_with(ending)));
    let known: Vec<&str> = span.split('/').take_while(|part| !part.contains(['<', '*'])).collect();
    let path = known.join("/").trim_end_matches('/').to_owned();
    (is_path && !path.is_empty()).then_some(path)
}

/// The path of a link into the repository.
fn path_in_link(rest: &str) -> Option<String> {
    let target = rest.split(')').next()?.split('#').next()?;
    (!target.is_empty() && !target.contains("://")).then(|| target.to_owned())
}

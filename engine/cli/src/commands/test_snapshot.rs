//! Plans that are kept beside a test file, reviewed like code: Japanese text, and JSON.

use std::path::{Path, PathBuf};

use kirikae_engine::check::Checked;
use kirikae_engine::dsl::decode_site;
use kirikae_engine::plan::Plan;
use kirikae_engine::text::{Lang, Source, Text};

use crate::failure::Failure;
use crate::render;

/// Compares the plan of a case with the one that is kept, or keeps it. What differs, in words.
pub fn compare(test: &Path, case: &str, plan: &Plan, checked: &Checked, accept: bool) -> Result<Vec<Text>, Failure> {
    let mut found = vec![];
    for (ending, now) in [("txt", text(plan, checked)), ("json", json(plan))] {
        let path = kept(test, case, ending);
        let before = std::fs::read_to_string(&path).ok();
        if before.as_deref() == Some(now.as_str()) {
            continue;
        }
        if accept {
            // A folder that cannot be made shows when the file is written.
            let _ = path.parent().map(std::fs::create_dir_all);
            render::save(&path, &now)?;
            continue;
        }
        found.push(match before {
            None => Text::new(
                format!("{} がありません。内容を見てから --accept で作ってください。", path.display()),
                format!("there is no {}; look at the plan, then write it with --accept.", path.display()),
            ),
            Some(before) => {
                let (line, old, new) = first_difference(&before, &now);
                Text::new(
                    format!("計画が {}:{line} から違います\n  - {old}\n  + {new}", path.display()),
                    format!("the plan differs from {}:{line}\n  - {old}\n  + {new}", path.display()),
                )
            }
        });
    }
    Ok(found)
}

/// `renew-web.test/due.plan.txt` beside `renew-web.test.yaml`.
fn kept(test: &Path, case: &str, ending: &str) -> PathBuf {
    test.with_extension("").join(format!("{case}.plan.{ending}"))
}

fn text(plan: &Plan, checked: &Checked) -> String {
    let site = decode_site(&Source::new("site.yaml", "kirikae: site/1\nid: test\ntitle: { ja: 試験, en: test }\n"));
    site.map_or_else(|_| String::new(), |site| render::plan::text(plan, checked, &site, &Text::new("試験", "test"), Lang::Ja))
}

/// Without what changes with every edition of the documents or the program and says nothing of the plan.
fn json(plan: &Plan) -> String {
    let blank = || "-".to_owned();
    let mut plan = Plan { engine: blank(), digest: blank(), ..plan.clone() };
    plan.playbook.sha256 = blank();
    plan.closure.iter_mut().for_each(|document| document.digest = blank());
    serde_json::to_string_pretty(&plan).unwrap_or_default() + "\n"
}

fn first_difference<'t>(before: &'t str, now: &'t str) -> (usize, &'t str, &'t str) {
    let (mut old, mut new) = (before.lines(), now.lines());
    let mut line = 0;
    loop {
        line += 1;
        match (old.next(), new.next()) {
            (None, None) => return (line, "", ""),
            (old, new) if old != new => return (line, old.unwrap_or_default(), new.unwrap_or_default()),
            _ => {}
        }
    }
}

//! Which manual sections have a step: for people, and as JSON.

use kirikae_engine::check::{CitingStep, Coverage, ManualCoverage, SectionCoverage};
use kirikae_engine::text::Lang;
use serde_json::{Value as Json, json};

use super::pad;

/// Every section of the cited manuals with its steps, then what is left out.
pub fn text(coverage: &Coverage, lang: Lang) -> String {
    let pick = |ja: &'static str, en: &'static str| if lang == Lang::Ja { ja } else { en };
    let mut text = String::new();
    for manual in &coverage.manuals {
        let done = manual.sections.iter().filter(|section| !section.steps.is_empty()).count();
        let standing = if manual.manual.unofficial { pick("(参考・公式でない)", " (unofficial)") } else { "" };
        text.push_str(&format!("{}  {} {}{standing}\n", manual.id, manual.manual.title.get(lang), manual.manual.edition));
        text.push_str(&match lang {
            Lang::Ja => format!("  {}節のうち {done}節に手順があります\n", manual.sections.len()),
            Lang::En => format!("  {done} of {} sections have a step\n", manual.sections.len()),
        });
        text.extend(manual.sections.iter().map(|section| line(section, lang)));
        text.push('\n');
    }
    if coverage.manuals.is_empty() {
        text.push_str(pick("手順書の節を引いている手順がありません。\n\n", "No step cites a manual.\n\n"));
    }
    let none = pick("なし", "none");
    let listed = |items: Vec<String>| {
        if items.is_empty() { format!(" {none}\n") } else { format!("\n{}", items.iter().map(|item| format!("  {item}\n")).collect::<String>()) }
    };
    text.push_str(pick("節を引いていない手順:", "Steps without a section:"));
    text.push_str(&listed(coverage.without_section.iter().map(|step| format!("{}  {}", step.playbook, step.step)).collect()));
    text.push_str(pick("どの手順も引いていない手順書:", "Manuals that no step cites:"));
    text.push_str(&listed(coverage.not_cited.clone()));
    text.push_str(pick("印  ○=手順がある −=手順が無い", "marks  o=has a step -=has none"));
    text
}

fn line(section: &SectionCoverage, lang: Lang) -> String {
    let mark = match (section.steps.is_empty(), lang) {
        (false, Lang::Ja) => "○",
        (false, Lang::En) => "o",
        (true, Lang::Ja) => "−",
        (true, Lang::En) => "-",
    };
    let steps = by_playbook(&section.steps);
    format!("  {mark} {}  {}  {steps}", pad(&section.section, 6), pad(section.title.get(lang), 44)).trim_end().to_owned() + "\n"
}

/// `obn/obtain: fetch; obn/renew-web: request, fetch`
fn by_playbook(steps: &[CitingStep]) -> String {
    let mut groups: Vec<(&str, Vec<&str>)> = vec![];
    for step in steps {
        match groups.iter_mut().find(|(playbook, _)| *playbook == step.playbook) {
            Some((_, ids)) => ids.push(&step.step),
            None => groups.push((&step.playbook, vec![&step.step])),
        }
    }
    let groups: Vec<String> = groups.iter().map(|(playbook, ids)| format!("{playbook}: {}", ids.join(", "))).collect();
    groups.join("; ")
}

/// The same for machines.
pub fn json(coverage: &Coverage, lang: Lang) -> Json {
    let step = |step: &CitingStep| json!({ "playbook": step.playbook, "step": step.step });
    let section = |section: &SectionCoverage| json!({ "section": section.section, "title": section.title.get(lang), "steps": section.steps.iter().map(step).collect::<Vec<_>>() });
    let manual = |manual: &ManualCoverage| {
        json!({
            "id": manual.id,
            "title": manual.manual.title.get(lang),
            "edition": manual.manual.edition,
            "official": !manual.manual.unofficial,
            "sections": manual.sections.iter().map(section).collect::<Vec<_>>(),
        })
    };
    let (covered, all) = coverage.covered();
    json!({
        "sections": all,
        "sections_with_step": covered,
        "manuals": coverage.manuals.iter().map(manual).collect::<Vec<_>>(),
        "manuals_not_cited": coverage.not_cited,
        "steps_without_section": coverage.without_section.iter().map(step).collect::<Vec<_>>(),
    })
}

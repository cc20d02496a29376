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
        let asking = manual.sections.iter().filter(|section| !section.is_left_out()).count();
        let standing = if manual.manual.unofficial { pick("(参考・公式でない)", " (unofficial)") } else { "" };
        text.push_str(&format!("{}  {} {}{standing}\n", manual.id, manual.manual.title.get(lang), manual.manual.edition));
        text.push_str(&match lang {
            Lang::Ja => format!("  {asking}節のうち {done}節に手順があります{}\n", left_out(manual, lang)),
            Lang::En => format!("  {done} of {asking} sections have a step{}\n", left_out(manual, lang)),
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
    text.push_str(pick("印  ○=手順がある −=手順が無い 外=対象外", "marks  o=has a step -=has none x=out of scope"));
    text
}

/// How many sections ask for no step.
fn left_out(manual: &ManualCoverage, lang: Lang) -> String {
    match (manual.sections.iter().filter(|section| section.is_left_out()).count(), lang) {
        (0, _) => String::new(),
        (count, Lang::Ja) => format!("(ほかに対象外 {count}節)"),
        (count, Lang::En) => format!(" ({count} out of scope)"),
    }
}

fn line(section: &SectionCoverage, lang: Lang) -> String {
    let mark = match (section.steps.is_empty(), section.is_left_out(), lang) {
        (false, _, Lang::Ja) => "○",
        (false, _, Lang::En) => "o",
        (true, true, Lang::Ja) => "外",
        (true, true, Lang::En) => "x",
        (true, false, Lang::Ja) => "−",
        (true, false, Lang::En) => "-",
    };
    let reason = section.out_of_scope.as_ref().filter(|_| section.is_left_out()).map(|reason| reason.get(lang).to_owned());
    let steps = reason.unwrap_or_else(|| by_playbook(&section.steps));
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
    let section = |section: &SectionCoverage| {
        let steps: Vec<Json> = section.steps.iter().map(step).collect();
        let mut json = json!({ "section": section.section, "title": section.title.get(lang), "steps": steps });
        if let Some(reason) = &section.out_of_scope {
            json["out_of_scope"] = reason.get(lang).into();
        }
        json
    };
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

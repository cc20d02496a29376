//! A plan as a picture: Graphviz's DOT language.
//!
//! Colour is the effect, shape is who does it, the border is what is known; each difference also stands in the label's words,
//! so that a print in grey reads the same. Written by hand: what a library would save is the escaping of quoted texts, below.
//! The same plan gives the same text.

use std::collections::BTreeSet;

use kirikae_engine::action::Effect;
use kirikae_engine::plan::{Decision, EdgeKind, Plan, PlanStep};
use kirikae_engine::text::Lang;
use unicode_width::UnicodeWidthChar;

/// Titles are broken after so many columns; wide characters count two.
const LINE: usize = 30;

/// Fonts with Japanese glyphs, as Linux, Windows and macOS name them.
const FONTS: &str = "Noto Sans CJK JP,IPAexGothic,Yu Gothic,Meiryo,Hiragino Sans,sans-serif";

/// The graph of a plan, with its legend.
pub fn dot(plan: &Plan, lang: Lang) -> String {
    let graph = Graph { plan, lang };
    let title = format!("{}\n{} {}", plan.playbook.title.get(lang), plan.playbook.id, plan.playbook.version);
    let mut lines = vec![
        "digraph plan {".to_owned(),
        format!(
            "  graph [label={}, labelloc=t, fontsize=18, fontname={}, rankdir=TB, ranksep=0.35, nodesep=0.4, tooltip={}]",
            quoted(&title),
            quoted(FONTS),
            quoted(&plan.playbook.id)
        ),
        format!("  node [shape=box, fontsize=12, fontname={}, margin=\"0.18,0.09\"]", quoted(FONTS)),
        format!("  edge [fontsize=11, fontname={}]", quoted(FONTS)),
    ];
    graph.level("", "  ", &mut lines);
    for step in &plan.steps {
        lines.extend(graph.edges(step));
    }
    lines.extend(legend(lang));
    lines.push("}".to_owned());
    lines.join("\n") + "\n"
}

struct Graph<'p> {
    plan: &'p Plan,
    lang: Lang,
}

impl Graph<'_> {
    fn pick(&self, ja: &'static str, en: &'static str) -> &'static str {
        if self.lang == Lang::Ja { ja } else { en }
    }

    /// The steps directly below a prefix (empty, or `install/`), each with the steps inside it: a called playbook is a cluster
    /// that ends with the call's own node, and so is each row of `rescue` that has steps.
    fn level(&self, prefix: &str, indent: &str, lines: &mut Vec<String>) {
        let deeper = format!("{indent}  ");
        let here = |step: &&PlanStep| step.address.strip_prefix(prefix).is_some_and(|rest| !rest.contains('/'));
        for step in self.plan.steps.iter().filter(here) {
            if let Some(playbook) = step.uses.strip_prefix("playbook:") {
                let label = format!("{} {}\n{playbook}", local(&step.address), step.title.get(self.lang));
                lines.push(format!("{indent}subgraph {} {{", quoted(&format!("cluster {}", step.address))));
                lines.push(format!(
                    "{deeper}graph [label={}, labeljust=l, fontsize=12, style=\"rounded\", color=\"#718096\", bgcolor=\"#f7fafc\"]",
                    quoted(&label)
                ));
                self.level(&format!("{}/", step.address), &deeper, lines);
                lines.push(format!(
                    "{deeper}{} [label={}, shape=plaintext, fontcolor=\"#4a5568\", margin=\"0.05,0.02\"]",
                    quoted(&step.address),
                    quoted(&self.end(step))
                ));
                lines.push(format!("{indent}}}"));
            } else {
                lines.push(format!("{indent}{}", self.node(step)));
            }
            for row in step.rescue.iter().filter(|row| !row.steps.is_empty()) {
                let inside = format!("{}/rescue/{}", step.address, row.code);
                let label = format!("{} {}", self.pick("こんなときは:", "in case of"), row.code);
                lines.push(format!("{indent}subgraph {} {{", quoted(&format!("cluster {inside}"))));
                lines.push(format!("{deeper}graph [label={}, labeljust=l, fontsize=12, style=\"dashed,rounded\", color=\"#c53030\"]", quoted(&label)));
                self.level(&format!("{inside}/"), &deeper, lines);
                lines.push(format!("{indent}}}"));
                lines.push(format!("{indent}{} -> {} [{RESCUE}]", quoted(&step.address), quoted(&row.steps[0])));
            }
        }
    }

    /// What stands at the end of a called playbook.
    fn end(&self, step: &PlanStep) -> String {
        let end = format!("{} {}", local(&step.address), self.pick("の終わり", "ends"));
        if step.decision == Decision::Run { end } else { format!("{end}\n{}", self.decision(step.decision)) }
    }

    fn node(&self, step: &PlanStep) -> String {
        let look = Look::of(step);
        format!("{} [label={}, {}, tooltip={}]", quoted(&step.address), quoted(&self.label(step)), look.attributes(), quoted(&self.tooltip(step)))
    }

    fn label(&self, step: &PlanStep) -> String {
        let mut lines = broken(step.title.get(self.lang));
        lines.push(format!("{}  {}", local(&step.address), step.uses));
        let mut words = vec![self.decision(step.decision).to_owned(), self.effect(step.effect).to_owned()];
        if step.remote {
            words.push(self.pick("通信", "remote").to_owned());
        }
        if let Some(person) = &step.person {
            words.push(format!("{}: {person}", self.pick("人", "person")));
        }
        if let Some(fee) = step.fee.filter(|fee| fee.yen > 0) {
            words.push(format!("{}{}{}", fee.yen, self.pick("円", " yen"), if fee.verified { "" } else { self.pick("(未確認)", " (unverified)") }));
        }
        lines.push(words.join(self.pick("・", ", ")));
        if matches!(step.decision, Decision::Run | Decision::Maybe) && !step.with_unknown.is_empty() {
            let names: Vec<&str> = step.with_unknown.keys().map(String::as_str).collect();
            lines.extend(broken(&format!("{} {}", self.pick("未定:", "unknown:"), names.join(", "))));
        }
        if let Some(blocked) = &step.blocked {
            lines.push(blocked.code.clone());
        }
        lines.join("\n")
    }

    /// The reason and the manual's sections: shown on hover in an SVG.
    fn tooltip(&self, step: &PlanStep) -> String {
        let reason = step.reason.as_ref().map(|reason| reason.say.get(self.lang).to_owned());
        let cite = (!step.cite.is_empty()).then(|| step.cite.join(" "));
        let lines: Vec<String> = [Some(step.address.clone()), reason, cite].into_iter().flatten().collect();
        lines.join("\n")
    }

    fn decision(&self, decision: Decision) -> &'static str {
        match decision {
            Decision::Observed => self.pick("調べ済み", "observed"),
            Decision::Run => self.pick("実行する", "will run"),
            Decision::Maybe => self.pick("その時に決まる", "decided at run time"),
            Decision::Skip => self.pick("しない", "not done"),
            Decision::Blocked => self.pick("できない", "blocked"),
        }
    }

    fn effect(&self, effect: Effect) -> &'static str {
        match effect {
            Effect::Read => self.pick("見るだけ", "reads"),
            Effect::Write => self.pick("変える", "writes"),
            Effect::Irreversible => self.pick("取り消せない", "irreversible"),
        }
    }

    /// Data edges, and those order edges that do not follow from other edges.
    fn edges(&self, step: &PlanStep) -> Vec<String> {
        let mut lines = vec![];
        for edge in &step.depends_on {
            let mut others = step.depends_on.iter().map(|other| other.step.as_str()).filter(|other| *other != edge.step);
            // The row's own edge, drawn with its cluster.
            if step.row.as_ref().is_some_and(|row| row.step == edge.step) {
                continue;
            }
            // What comes out of a called playbook comes from its end.
            if others.clone().any(|call| edge.step.starts_with(&format!("{call}/")) && !step.address.starts_with(&format!("{call}/"))) {
                continue;
            }
            let look = match edge.kind {
                EdgeKind::Data if self.is_unknown(step, &edge.step) => UNKNOWN,
                EdgeKind::Data => DATA,
                EdgeKind::Order if others.any(|other| self.reaches(other, &edge.step)) => continue,
                EdgeKind::Order => ORDER,
            };
            lines.push(format!("  {} -> {} [{look}]", quoted(&edge.step), quoted(&step.address)));
        }
        lines
    }

    /// Whether a step takes a value from another, or from a step inside it, that nobody knows yet.
    fn is_unknown(&self, step: &PlanStep, from: &str) -> bool {
        let inside = format!("{from}/");
        step.with_unknown.values().flat_map(|unknown| &unknown.from).any(|source| source == from || source.starts_with(&inside))
    }

    /// Whether one step waits for another, over any edges.
    fn reaches(&self, from: &str, to: &str) -> bool {
        let mut open = vec![from];
        let mut seen = BTreeSet::new();
        while let Some(address) = open.pop() {
            let Some(step) = self.plan.step(address).filter(|_| seen.insert(address)) else { continue };
            if step.depends_on.iter().any(|edge| edge.step == to) {
                return true;
            }
            open.extend(step.depends_on.iter().map(|edge| edge.step.as_str()));
        }
        false
    }
}

const DATA: &str = "color=\"#2d3748\", penwidth=1.4";
const UNKNOWN: &str = "color=\"#c05621\", penwidth=1.4, dir=both, arrowtail=odot";
const RESCUE: &str = "color=\"#c53030\", style=dotted, penwidth=1.6, arrowhead=open";
const ORDER: &str = "color=\"#718096\", style=dashed, arrowhead=open";

/// How a node looks.
struct Look {
    effect: Effect,
    person: bool,
    decision: Decision,
}

impl Look {
    fn of(step: &PlanStep) -> Self {
        Self { effect: step.effect, person: step.person.is_some(), decision: step.decision }
    }

    fn attributes(&self) -> String {
        let (fill, line) = match self.effect {
            Effect::Read => ("#e6f0fa", "#2b6cb0"),
            Effect::Write => ("#fdf0c4", "#975a16"),
            Effect::Irreversible => ("#fbd5d5", "#c53030"),
        };
        let (fill, font) = if self.decision == Decision::Skip { ("#ffffff", "#4a5568") } else { (fill, "#1a202c") };
        let border = match self.decision {
            Decision::Observed | Decision::Run => "filled",
            Decision::Maybe => "filled,dashed",
            Decision::Skip => "filled,dotted",
            Decision::Blocked => "filled,bold",
        };
        let width = if self.decision == Decision::Blocked { 4.0 } else { 1.6 };
        let shape = if self.person { "hexagon" } else { "box" };
        let rings = if self.effect == Effect::Irreversible { 2 } else { 1 };
        format!("shape={shape}, style=\"{border}\", fillcolor=\"{fill}\", color=\"{line}\", fontcolor=\"{font}\", penwidth={width:.1}, peripheries={rings}")
    }
}

/// One node for each look, and the two kinds of edges.
fn legend(lang: Lang) -> Vec<String> {
    let pick = |ja: &'static str, en: &'static str| if lang == Lang::Ja { ja } else { en };
    let look = |effect, person, decision| Look { effect, person, decision };
    let nodes = [
        (pick("見るだけ", "reads"), look(Effect::Read, false, Decision::Run)),
        (pick("変える", "writes"), look(Effect::Write, false, Decision::Run)),
        (pick("取り消せない(二重の枠)", "irreversible (double border)"), look(Effect::Irreversible, false, Decision::Run)),
        (pick("人が行う(六角形)", "done by a person (hexagon)"), look(Effect::Read, true, Decision::Run)),
        (pick("その時に決まる(破線の枠)", "decided at run time (dashed border)"), look(Effect::Read, false, Decision::Maybe)),
        (pick("しない(点線の枠)", "not done (dotted border)"), look(Effect::Read, false, Decision::Skip)),
        (pick("できない(太い枠)", "blocked (thick border)"), look(Effect::Read, false, Decision::Blocked)),
    ];
    let mut lines = vec![
        "  subgraph \"cluster legend\" {".to_owned(),
        format!("    graph [label={}, labeljust=l, fontsize=12, style=\"dashed\", color=\"#a0aec0\"]", quoted(pick("凡例", "Legend"))),
    ];
    lines.extend(
        nodes.iter().enumerate().map(|(at, (label, look))| format!("    \"legend {at}\" [label={}, {}, fontsize=11]", quoted(label), look.attributes())),
    );
    let ends = [
        ("from", pick("先に終わる手順", "a step that ends first")),
        ("data", pick("分かっている値を\n受け取る", "takes a value\nthat is known")),
        ("unknown", pick("まだ分からない値を\n受け取る", "takes a value\nnot known yet")),
        ("order", pick("終わるのを\n待つだけ", "only waits\nfor its end")),
    ];
    lines.extend(ends.iter().map(|(id, label)| format!("    \"legend {id}\" [label={}, shape=plaintext, fontsize=11]", quoted(label))));
    let column: Vec<String> = (0..nodes.len()).map(|at| format!("\"legend {at}\"")).collect();
    lines.push(format!("    {} -> \"legend from\" [style=invis]", column.join(" -> ")));
    lines.push(format!("    \"legend from\" -> \"legend data\" [{DATA}]"));
    lines.push(format!("    \"legend from\" -> \"legend unknown\" [{UNKNOWN}]"));
    lines.push(format!("    \"legend from\" -> \"legend order\" [{ORDER}]"));
    lines.push("  }".to_owned());
    lines
}

fn local(address: &str) -> &str {
    address.rsplit('/').next().unwrap_or(address)
}

/// A text in as few lines of at most [`LINE`] columns as it takes, about the same length each.
fn broken(text: &str) -> Vec<String> {
    let fewest = wrapped(text, LINE);
    (1..LINE).map(|limit| wrapped(text, limit)).find(|lines| lines.len() == fewest.len()).unwrap_or(fewest)
}

/// A text in lines of at most `limit` columns. Japanese may break anywhere but before a closing mark; words stay whole.
fn wrapped(text: &str, limit: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut width = 0;
    let mut word = String::new();
    let mut word_width = 0;
    let mut flush = |word: &mut String, word_width: &mut usize| {
        if width + *word_width > limit && width > 0 {
            lines.push(String::new());
            width = 0;
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(if line.is_empty() { word.trim_start() } else { word });
        }
        width += *word_width;
        *word_width = 0;
        word.clear();
    };
    for letter in text.chars() {
        let is_wide = letter.width().unwrap_or(0) > 1;
        let closes = "、。」』)】・ー".contains(letter);
        if (is_wide || letter == ' ') && !closes {
            flush(&mut word, &mut word_width);
        }
        word.push(letter);
        word_width += letter.width().unwrap_or(0);
    }
    flush(&mut word, &mut word_width);
    lines
}

/// A quoted text of DOT: quotes and backslashes escaped, line ends as `\n`, `&` kept from being read as an entity.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '&' => out.push_str("&amp;"),
            control if control.is_control() => out.push(' '),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_backslashes_line_ends_and_entities_are_escaped() {
        assert_eq!(quoted("a \"b\" \\N\n&lt;\u{7}「漢字」"), "\"a \\\"b\\\" \\\\N\\n&amp;lt; 「漢字」\"");
    }

    #[test]
    fn long_titles_break_between_characters_and_words_stay_whole() {
        let title = "「発行済み」になるのを待つ(更新申請サイトの一覧を見る)。";
        let lines = broken(title);
        assert_eq!(lines.concat(), title);
        assert!(lines.len() > 1 && lines.iter().all(|line| !line.starts_with(['、', '。', '」', ')'])), "{lines:?}");
        assert_eq!(broken("Prove the new certificate on the site of the authority"), ["Prove the new certificate on", "the site of the authority"]);
        assert_eq!(broken("Import it as a personal certificate"), ["Import it as a", "personal certificate"]);
    }
}

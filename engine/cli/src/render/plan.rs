//! A plan for people: the summary first, then the steps (the layout of the paper study).

use jiff::Timestamp;
use jiff::tz::TimeZone;
use kirikae_engine::action::Effect;
use kirikae_engine::check::{Catalogue, Checked};
use kirikae_engine::dsl::days_left;
use kirikae_engine::dsl::site::Site;
use kirikae_engine::plan::{CheckState, Decision, LookScope, Plan, PlanStep};
use kirikae_engine::text::{Lang, Text};
use serde_json::Value as Json;

use super::pad;

struct Words {
    lang: Lang,
    zone: TimeZone,
}

impl Words {
    fn pick(&self, ja: &str, en: &str) -> String {
        if self.lang == Lang::Ja { ja.to_owned() } else { en.to_owned() }
    }

    fn minute(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
    }

    /// The latest time: a day, or an instant to the minute.
    fn latest(&self, text: &str) -> String {
        text.parse::<Timestamp>().map_or_else(|_| text.to_owned(), |at| self.minute(at))
    }

    fn day(&self, text: &str) -> String {
        text.parse::<Timestamp>().map_or_else(|_| text.to_owned(), |at| at.to_zoned(self.zone.clone()).date().to_string())
    }
}

/// A plan as text.
pub fn text(plan: &Plan, checked: &Checked, site: &Site, library: &Text, lang: Lang) -> String {
    let words = Words { lang, zone: site.timezone.clone() };
    let mut lines = header(plan, site, library, &words);
    lines.push(String::new());
    lines.extend(summary(plan, checked, site, &words));
    lines.push(String::new());
    lines.extend(given(plan, checked, &words));
    lines.push(String::new());
    lines.extend(steps(plan, checked, site, &words));
    lines.push(String::new());
    lines.extend(footer(plan, checked, &words));
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    lines.join("\n") + "\n"
}

fn row(label: &str, text: &str) -> String {
    format!("  {}  {text}", pad(label, 16))
}

fn header(plan: &Plan, site: &Site, library: &Text, words: &Words) -> Vec<String> {
    let lang = words.lang;
    let looked = match plan.probe {
        LookScope::Offline => words.pick("何も調べていません", "nothing was looked at"),
        LookScope::Local => words.pick("この端末の中だけ(外へは何も送っていません)", "this machine only (nothing was sent)"),
        LookScope::Probe => words.pick("この端末と、サイトの読み取り(何も申請していません)", "this machine, and reads of the site (nothing was requested)"),
    };
    vec![
        format!("{} {}  {}", words.pick("計画", "Plan"), plan.plan_id, plan.playbook.title.get(lang)),
        row(
            &words.pick("手順", "playbook"),
            &format!("{} {}  ({} {})", plan.playbook.id, plan.playbook.version, words.pick("部品", "library"), library.get(lang)),
        ),
        row(&words.pick("端末", "terminal"), &format!("{}  {}", plan.target.id, site.title.get(lang))),
        row(
            &words.pick("作成", "made"),
            &format!(
                "{}   {}",
                words.minute(plan.created_at),
                words.pick(&format!("有効 {} まで・1回限り", words.minute(plan.expires_at)), &format!("valid until {}, once", words.minute(plan.expires_at)))
            ),
        ),
        row(&words.pick("調べ方", "looked at"), &looked),
    ]
}

fn summary(plan: &Plan, checked: &Checked, site: &Site, words: &Words) -> Vec<String> {
    let lang = words.lang;
    let mut lines = vec![words.pick("まとめ", "Summary")];
    if let Some(finished) = &plan.finished {
        lines.push(row(&words.pick("結論", "outcome"), &format!("{} {}", words.pick("することはありません。", "Nothing to do."), finished.say.get(lang))));
    }
    if plan.is_blocked() {
        let blocked: Vec<&str> = plan.steps.iter().filter(|step| step.decision == Decision::Blocked).map(|step| step.address.as_str()).collect();
        lines.push(row(
            &words.pick("結論", "outcome"),
            &words.pick(&format!("このままでは実行できません({})", blocked.join("・")), &format!("cannot be carried out ({})", blocked.join(", "))),
        ));
    }
    let acts = |step: &&PlanStep| matches!(step.decision, Decision::Run | Decision::Maybe);
    let irreversible: Vec<String> =
        plan.steps.iter().filter(|step| step.approval.is_some()).map(|step| format!("{} {}", step.address, step.title.get(lang))).collect();
    lines.push(row(&words.pick("取り消せないこと", "irreversible"), &count(irreversible.len(), words)));
    lines.extend(irreversible.iter().map(|step| format!("    ! {step}")));
    let people: Vec<&PlanStep> = plan.steps.iter().filter(acts).filter(|step| step.person.is_some()).collect();
    let asked = plan.secrets.values().filter(|secret| secret.source == "ask" && !secret.used_by.is_empty()).count();
    let secrets = if asked > 0 { words.pick(&format!("・秘密の値の入力 {asked}件"), &format!(", {asked} secret(s) to type")) } else { String::new() };
    lines.push(row(&words.pick("人の作業", "people"), &format!("{}{secrets}", count(people.len(), words))));
    for step in people {
        let role = step.person.as_deref().unwrap_or_default();
        let name = site.people.get(role).map_or(String::new(), |name| format!("({})", name.get(lang)));
        lines.push(format!("    人 {} {}  {role}{name}", step.address, step.title.get(lang)));
    }
    let fee = plan.summary.fee;
    let standing = if fee.yen > 0 && !fee.verified { words.pick("(未確認)", " (unverified)") } else { String::new() };
    lines.push(row(&words.pick("費用", "fees"), &format!("{}{}{standing}", fee.yen, words.pick("円", " yen"))));
    let waits: Vec<String> = plan
        .steps
        .iter()
        .filter(acts)
        .filter_map(|step| {
            let repeat = step.repeat.as_ref()?;
            Some(words.pick(
                &format!("{} 最長 {}({}〜{}おきに見る)", step.address, repeat.within, repeat.every, repeat.slow_to),
                &format!("{} at most {} (looks every {} to {})", step.address, repeat.within, repeat.every, repeat.slow_to),
            ))
        })
        .collect();
    lines.push(row(&words.pick("待つところ", "waits"), &if waits.is_empty() { words.pick("なし", "none") } else { waits.join(", ") }));
    let approval = if plan.approvals_required.is_empty() {
        words.pick("要らない", "none needed")
    } else {
        words.pick(&format!("要る({})", plan.approvals_required.join("・")), &format!("needed ({})", plan.approvals_required.join(", ")))
    };
    lines.push(row(&words.pick("承認", "approval"), &approval));
    let unverified: Vec<&str> = plan.steps.iter().filter(acts).filter(|step| step.unverified).map(|step| step.address.as_str()).collect();
    if !unverified.is_empty() {
        lines.push(row(
            &words.pick("未確認", "unverified"),
            &words.pick(
                &format!("実物の画面で確かめていないもの: {}", unverified.join("・")),
                &format!("never tried on the real pages: {}", unverified.join(", ")),
            ),
        ));
    }
    for message in &plan.diagnostics {
        lines.push(row(&words.pick("注意", "note"), message.message.get(lang)));
    }
    let _ = checked;
    lines
}

fn count(number: usize, words: &Words) -> String {
    if number == 0 { words.pick("なし", "none") } else { words.pick(&format!("{number}件"), &number.to_string()) }
}

fn given(plan: &Plan, checked: &Checked, words: &Words) -> Vec<String> {
    let mut lines = vec![words.pick("入力", "Inputs")];
    for decl in &checked.inputs {
        let Some(input) = plan.inputs.get(&decl.name) else { continue };
        let origin = match input.origin {
            kirikae_engine::plan::InputOrigin::Cli => "--set".to_owned(),
            kirikae_engine::plan::InputOrigin::Site => words.pick("サイトファイル", "site file"),
            kirikae_engine::plan::InputOrigin::Default => words.pick("既定", "default"),
            kirikae_engine::plan::InputOrigin::Example => words.pick("例", "example"),
        };
        let folded = if input.folded { words.pick("・全角を半角に直しました", ", full-width folded") } else { String::new() };
        let value = if decl.private { words.pick("(見せません)", "(hidden)") } else { plain(&input.value) };
        lines.push(row(&decl.name, &format!("{value}  {} ({origin}{folded})", decl.title.get(words.lang))));
    }
    if !plan.secrets.is_empty() {
        lines.push(words.pick("秘密(値は計画・記録・画面に残りません)", "Secrets (values are in no plan, record or screen)"));
    }
    for decl in &checked.secrets {
        let Some(secret) = plan.secrets.get(&decl.name) else { continue };
        let source = match secret.source.as_str() {
            "ask" => words.pick("使う直前に聞く", "asked just before use"),
            "generate" => words.pick("自動で決める", "chosen at random"),
            "vault" => words.pick("保管庫", "vault"),
            "kept" => words.pick("前に保管した値", "kept from before"),
            "person" => words.pick("人が別の画面で入れる(受け取りません)", "typed by a person elsewhere (never taken)"),
            "env" => words.pick("環境変数", "environment"),
            "pipe" => words.pick("プログラム", "program"),
            _ => words.pick("ファイル", "file"),
        };
        lines.push(row(&decl.name, &format!("{}  {}  {source}", secret.ty, decl.title.get(words.lang))));
    }
    lines
}

fn steps(plan: &Plan, checked: &Checked, site: &Site, words: &Words) -> Vec<String> {
    let mut lines = vec![];
    let (mut number, mut inner) = (0, 0);
    // A calling step stands after its steps in the plan; people read it before them.
    let order = reading_order(plan);
    for step in order {
        let nested = step.address.contains('/');
        let label = if nested {
            inner += 1;
            format!("{number}.{inner}")
        } else {
            number += 1;
            inner = 0;
            number.to_string()
        };
        lines.extend(one_step(&label, nested, step, plan, checked, site, words));
    }
    lines
}

fn reading_order(plan: &Plan) -> Vec<&PlanStep> {
    let mut order: Vec<&PlanStep> = vec![];
    for step in &plan.steps {
        let inside = format!("{}/", step.address);
        let at = order.iter().position(|earlier| earlier.address.starts_with(&inside)).unwrap_or(order.len());
        order.insert(at, step);
    }
    order
}

fn one_step(label: &str, nested: bool, step: &PlanStep, plan: &Plan, checked: &Checked, site: &Site, words: &Words) -> Vec<String> {
    let lang = words.lang;
    let mark = match (step.decision, step.person.is_some()) {
        (Decision::Observed, _) => words.pick("見", "o"),
        (Decision::Skip, _) => words.pick("−", "-"),
        (Decision::Maybe, _) => words.pick("?", "?"),
        (Decision::Blocked, _) => words.pick("×", "x"),
        (Decision::Run, true) => words.pick("人", "P"),
        (Decision::Run, false) => words.pick("実", ">"),
    };
    let danger = if step.effect == Effect::Irreversible && !step.uses.starts_with("playbook:") { "!" } else { " " };
    let effect = match (step.effect, step.remote) {
        (Effect::Irreversible, _) if !step.uses.starts_with("playbook:") => words.pick("取消不可", "irreversible"),
        _ => String::new(),
    };
    let indent = if nested { "  " } else { "" };
    let local = step.address.rsplit('/').next().unwrap_or(&step.address);
    let cite = cites(&step.cite, &checked.catalogue, words);
    let mut lines = vec![format!("{indent}{label:>3} {mark}{danger} {}  {}  {effect}  {cite}", pad(local, 13), pad(step.title.get(lang), 38))];
    let mut detail = |name: &str, text: String| lines.push(format!("{indent}         {}  {text}", pad(name, 6)));
    if let Some(observed) = plan.observations.iter().find(|observation| observation.step == step.address) {
        for (_, value) in observed.outputs.iter().filter(|(name, _)| *name == "cert" || *name == "file") {
            detail(&words.pick("見えた", "seen"), show(value, plan, site, words));
        }
    }
    if let Some(blocked) = &step.blocked {
        detail(&words.pick("原因", "cause"), format!("{}  {}", blocked.code, step.reason.as_ref().map(|reason| reason.say.get(lang)).unwrap_or_default()));
        detail(&words.pick("直し方", "cure"), blocked.cure.get(lang).to_owned());
    } else if let Some(reason) = &step.reason {
        detail(&words.pick("理由", "reason"), reason.say.get(lang).to_owned());
    }
    if matches!(step.decision, Decision::Run | Decision::Maybe) {
        for (name, value) in step.with.iter().filter(|(_, value)| value.get("sha1").is_some()) {
            detail(&words.pick("対象", "target"), format!("{name}: {}", show(value, plan, site, words)));
        }
        for (name, unknown) in step.with_unknown.iter().filter(|_| step.effect > Effect::Read) {
            detail(
                &words.pick("対象", "target"),
                format!(
                    "{name}: {}",
                    words.pick(&format!("手順 {} の後に分かる", unknown.from.join("・")), &format!("known after {}", unknown.from.join(", ")))
                ),
            );
        }
        if let Some(fee) = step.fee {
            detail(
                &words.pick("費用", "fee"),
                format!("{}{}{}", fee.yen, words.pick("円", " yen"), if fee.verified { String::new() } else { words.pick("(未確認)", " (unverified)") }),
            );
        }
    }
    if matches!(step.decision, Decision::Run | Decision::Maybe | Decision::Observed) {
        for (name, text) in super::plan_errors::details(step, &|time| words.latest(time), lang) {
            detail(name, text);
        }
    }
    if step.decision != Decision::Skip {
        let failing = step.checks.iter().filter(|check| check.state == CheckState::Fails);
        for check in failing.filter(|_| plan.finished.as_ref().is_some_and(|finished| finished.step == step.address)) {
            detail(
                &words.pick("確認", "check"),
                format!("{} → {}", check.expr, plan.finished.as_ref().map(|finished| finished.say.get(lang)).unwrap_or_default()),
            );
        }
    }
    lines
}

fn show(value: &Json, plan: &Plan, site: &Site, words: &Words) -> String {
    let field = |name: &str| value.get(name).and_then(Json::as_str).unwrap_or_default();
    if let Some(thumbprint) = value.get("sha1").and_then(Json::as_str) {
        let cn = value.get("subject").and_then(|subject| subject.get("cn")).and_then(Json::as_str).unwrap_or_default();
        let left = field("not_after").parse::<Timestamp>().map_or(0, |at| days_left(at, plan.created_at, &site.timezone));
        return words.pick(
            &format!("{cn}  拇印 {}…{}  期限 {}  残り{left}日", &thumbprint[..4], &thumbprint[thumbprint.len() - 4..], words.day(field("not_after"))),
            &format!(
                "{cn}  thumbprint {}…{}  valid to {}  {left} days left",
                &thumbprint[..4],
                &thumbprint[thumbprint.len() - 4..],
                words.day(field("not_after"))
            ),
        );
    }
    match value.get("name").and_then(Json::as_str) {
        Some(name) => name.to_owned(),
        None => plain(value),
    }
}

fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn cites(cites: &[String], catalogue: &Catalogue, words: &Words) -> String {
    if cites.is_empty() {
        return String::new();
    }
    let section = |cite: &String| {
        let (manual, section) = cite.split_once('#').unwrap_or((cite, ""));
        let unofficial = catalogue.0.get(manual).is_some_and(|manual| manual.unofficial);
        if unofficial { words.pick(&format!("参考{section}"), &format!("unofficial {section}")) } else { section.to_owned() }
    };
    let sections: Vec<String> = cites.iter().map(section).collect();
    format!("{} {}", words.pick("手引", "manual"), sections.join(", "))
}

fn footer(plan: &Plan, checked: &Checked, words: &Words) -> Vec<String> {
    let mut lines = vec![];
    let cited: Vec<(&str, &str)> = plan.steps.iter().flat_map(|step| &step.cite).filter_map(|cite| cite.split_once('#')).collect();
    let manuals: Vec<String> = {
        let mut ids: Vec<&str> = cited.iter().map(|(manual, _)| *manual).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.iter()
            .filter_map(|id| Some((id, checked.catalogue.0.get(*id)?)))
            .map(|(_, manual)| {
                let standing = if manual.unofficial { words.pick("(参考・公式でない)", " (unofficial)") } else { String::new() };
                format!("{} {}{standing}", manual.title.get(words.lang), manual.edition)
            })
            .collect()
    };
    lines.push(row(&words.pick("手引", "manuals"), &manuals.join(" / ")));
    if plan.has_pending_writes() && !plan.is_blocked() {
        let flags: String = plan.approvals_required.iter().map(|step| format!(" --approve {step}")).collect();
        lines.push(row(&words.pick("次に", "next"), &format!("kirikae dry-run {0}  →  kirikae apply {0}{flags}", plan.playbook.id)));
    }
    lines.push(words.pick(
        "印  見=調べ済み 実=実行する 人=人の作業 ?=その時に決まる −=しない ×=できない !=取り消せない",
        "marks  o=observed >=will run P=a person ?=decided at run time -=not done x=blocked !=irreversible",
    ));
    lines
}

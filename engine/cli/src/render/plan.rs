//! A plan for people: the summary first, then the steps (the layout of the paper study), in lines of 78 half-width columns.

mod steps;
#[cfg(test)]
mod tests;
mod words;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use kirikae_engine::check::{Catalogue, Checked};
use kirikae_engine::dsl::site::Site;
use kirikae_engine::plan::{Decision, Fee, InputOrigin, LookScope, Plan, PlanStep};
use kirikae_engine::text::{Lang, Text};
use serde_json::Value as Json;

use self::steps::{Numbered, is_stuck, may_act, numbered, tries_left};
use self::words::{Words, hang, plain, row};
use super::{pad, veil};

/// A plan as text.
pub fn text(plan: &Plan, checked: &Checked, site: &Site, library: &Text, lang: Lang) -> String {
    let words = Words::new(lang, site);
    let plan = &*veiled(plan, checked, lang);
    let steps = numbered(plan);
    let parts = [
        header(plan, site, library, &words),
        summary(&steps, plan, site, &words),
        given(plan, checked, &words),
        steps::lines(&steps, plan, checked, site, &words),
        footer(plan, checked, &words),
    ];
    let parts = parts.into_iter().filter(|part| !part.is_empty());
    let parts: Vec<String> = parts.map(|part| part.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")).collect();
    parts.join("\n\n") + "\n"
}

/// The plan with words in place of what stands for private inputs: before lines are broken.
fn veiled<'p>(plan: &'p Plan, checked: &Checked, lang: Lang) -> Cow<'p, Plan> {
    fn strings(json: &mut Json, lang: Lang) {
        match json {
            Json::String(text) => *text = veil(text, lang),
            Json::Array(items) => items.iter_mut().for_each(|item| strings(item, lang)),
            Json::Object(fields) => fields.values_mut().for_each(|field| strings(field, lang)),
            _ => {}
        }
    }
    if checked.inputs.iter().all(|input| !input.private) {
        return Cow::Borrowed(plan);
    }
    let mut json = serde_json::to_value(plan).unwrap_or_default();
    strings(&mut json, lang);
    serde_json::from_value(json).map_or(Cow::Borrowed(plan), Cow::Owned)
}

fn header(plan: &Plan, site: &Site, library: &Text, words: &Words) -> Vec<String> {
    let lang = words.lang;
    let looked = match plan.probe {
        LookScope::Offline => words.pick("何も調べていません", "nothing was looked at"),
        LookScope::Local => words.pick("この端末の中だけ(外へは何も送っていません)", "this machine only (nothing was sent)"),
        LookScope::Probe => words.pick("この端末と、サイトの読み取り(何も申請していません)", "this machine, and reads of the site (nothing was requested)"),
    };
    let (made, until) = (words.minute(plan.created_at), words.minute(plan.expires_at));
    let playbook = format!("{} {}  ({} {})", plan.playbook.id, plan.playbook.version, words.pick("部品", "library"), library.get(lang));
    let made = words.pick(&format!("{made}   有効 {until} まで・1回限り"), &format!("{made}   valid until {until}, once"));
    let title = format!("{} {}  {}", words.pick("計画", "Plan"), plan.plan_id, plan.playbook.title.get(lang));
    let rows = [
        row(&words.pick("手順", "playbook"), &playbook),
        row(&words.pick("端末", "terminal"), &format!("{}  {}", plan.target.id, site.title.get(lang))),
        row(&words.pick("作成", "made"), &made),
        row(&words.pick("調べ方", "looked at"), &looked),
    ];
    hang("", &title).into_iter().chain(rows.into_iter().flatten()).collect()
}

fn summary(steps: &[Numbered<'_>], plan: &Plan, site: &Site, words: &Words) -> Vec<String> {
    let mut lines = vec![words.pick("まとめ", "Summary")];
    lines.extend(outcome(plan, words));
    lines.extend(irreversible(steps, plan, words));
    lines.extend(people(steps, plan, site, words));
    let fee = Fee { yen: plan.summary.fee.yen, verified: plan.summary.fee.verified };
    lines.extend(row(&words.pick("費用", "fees"), &words.fee(fee)));
    lines.extend(row(&words.pick("待つところ", "waits"), &waits(plan, words)));
    lines.extend(limited(plan, words));
    let approvals = &plan.approvals_required;
    let approval = match approvals.as_slice() {
        [] => words.pick("要らない", "none needed"),
        steps => words.pick(&format!("要る({})", words.list(steps)), &format!("needed ({})", words.list(steps))),
    };
    lines.extend(row(&words.pick("承認", "approval"), &approval));
    lines.extend(messages(plan, words, |code| code == "PLAN.APPROVAL_RULE", ""));
    let unverified: Vec<&str> = plan.steps.iter().filter(|step| may_act(step) && step.unverified).map(|step| step.address.as_str()).collect();
    if !unverified.is_empty() {
        let steps = words.list(&unverified);
        let text = words.pick(&format!("実物の画面で試していない手順: {steps}"), &format!("never tried on the real pages: {steps}"));
        lines.extend(row(&words.pick("未確認", "unverified"), &text));
    }
    lines.extend(messages(plan, words, |code| code == "PLAN.UNVERIFIED", ""));
    let rest = |code: &str| !matches!(code, "PLAN.APPROVAL_RULE" | "PLAN.UNVERIFIED");
    lines.extend(messages(plan, words, rest, &words.pick("注意", "note")));
    lines
}

/// Values with a limited number of tries: limit, left alone, in this run, recorded failures, on what.
fn limited(plan: &Plan, words: &Words) -> Vec<String> {
    let label = words.pick("回数の決まった値", "limited tries");
    let spending: Vec<&PlanStep> =
        plan.steps.iter().filter(|step| (may_act(step) || is_stuck(step)) && (step.spends_attempt || step.tries.is_some())).collect();
    if spending.is_empty() {
        return row(&label, &words.pick("使わない", "none spent"));
    }
    let mut lines = vec![];
    for step in spending {
        let head = if lines.is_empty() { label.as_str() } else { "" };
        let names: Vec<&str> = step.with_secret.values().map(String::as_str).collect();
        let what = if names.is_empty() { step.address.clone() } else { words.list(&names) };
        let Some(tries) = &step.tries else {
            lines.extend(row(head, &what));
            continue;
        };
        let (limit, leave, per_run) = (tries.limit, tries.leave, tries.per_run);
        let limits = words.pick(
            &format!("上限{limit}回・{leave}回残して止める・この実行では{per_run}回まで"),
            &format!("limit {limit}, {leave} left alone, at most {per_run} in this run"),
        );
        lines.extend(row(head, &format!("{what}  {limits}")));
        lines.extend(row("", &tries_left(tries, words)));
    }
    lines
}

fn messages(plan: &Plan, words: &Words, of: impl Fn(&str) -> bool, label: &str) -> Vec<String> {
    plan.diagnostics.iter().filter(|message| of(&message.code)).flat_map(|message| row(label, message.message.get(words.lang))).collect()
}

/// What comes of it: nothing to do, cannot be done, or how many steps do what.
fn outcome(plan: &Plan, words: &Words) -> Vec<String> {
    let label = words.pick("結論", "outcome");
    if plan.is_blocked() {
        let blocked: Vec<&str> = plan.steps.iter().filter(|step| is_stuck(step)).map(|step| step.address.as_str()).collect();
        let blocked = words.list(&blocked);
        return row(&label, &words.pick(&format!("このままでは実行できません(手順 {blocked})"), &format!("cannot be carried out (`{blocked}`)")));
    }
    if let Some(finished) = &plan.finished {
        return row(&label, &format!("{}{}", words.pick("することはありません。", "Nothing to do. "), finished.say.get(words.lang)));
    }
    let of = |effect: &str| plan.summary.effects.get(effect).copied().unwrap_or_default();
    let (read, write, irreversible) = (of("read"), of("write"), of("irreversible"));
    row(
        &label,
        &words.pick(
            &format!("{}件を行います(読取 {read}・変更 {write}・取り消せない {irreversible})", read + write + irreversible),
            &format!("{} steps to do ({read} read, {write} change, {irreversible} irreversible)", read + write + irreversible),
        ),
    )
}

fn irreversible(steps: &[Numbered<'_>], plan: &Plan, words: &Words) -> Vec<String> {
    let acts: Vec<&Numbered<'_>> = steps.iter().filter(|numbered| numbered.step.approval.is_some()).collect();
    let mut lines = row(&words.pick("取り消せないこと", "irreversible"), &words.count(acts.len()));
    for Numbered { number, step } in acts {
        let perhaps =
            if step.decision == Decision::Maybe { words.pick("(行うかは実行時に決まる)", " (decided at run time)") } else { String::new() };
        let mut text = format!("{}{perhaps}", step.title.get(words.lang));
        if let Some(fee) = step.fee {
            text += &format!("  {} {}", words.pick("費用", "fee"), words.fee(fee));
        }
        lines.extend(hang(&format!("    ! {} {}  ", words.pick(&format!("手順{number}"), number), step.address), &text));
        let target = step.with.values().find(|value| value.get("sha1").is_some());
        lines.extend(target.into_iter().flat_map(|target| hang("        ", &words.value(target, plan))));
    }
    lines
}

fn people(steps: &[Numbered<'_>], plan: &Plan, site: &Site, words: &Words) -> Vec<String> {
    let tasks: Vec<&Numbered<'_>> = steps.iter().filter(|numbered| may_act(numbered.step) && numbered.step.person.is_some()).collect();
    let will_use = |address: &String| plan.step(address).is_some_and(may_act);
    let asked = plan.secrets.values().filter(|secret| secret.source == "ask" && secret.used_by.iter().any(will_use)).count();
    let secrets = if asked > 0 { words.pick(&format!("・秘密の値の入力 {asked}件"), &format!(", {asked} secret(s) to type")) } else { String::new() };
    let mut lines = row(&words.pick("人の作業", "people"), &format!("{}{secrets}", words.count(tasks.len())));
    for Numbered { number, step } in tasks {
        let role = step.person.as_deref().unwrap_or_default();
        let name = site.people.get(role).map_or(String::new(), |name| format!("({})", name.get(words.lang)));
        let head = format!("    {} {} {}  ", words.pick("人", "P"), words.pick(&format!("手順{number}"), number), step.address);
        lines.extend(hang(&head, &format!("{}  {role}{name}", step.title.get(words.lang))));
    }
    lines
}

fn waits(plan: &Plan, words: &Words) -> String {
    let wait = |step: &PlanStep| {
        let repeat = step.repeat.as_ref()?;
        let [every, slow_to, within] = [&repeat.every, &repeat.slow_to, &repeat.within].map(|span| words.span(span));
        Some(words.pick(
            &format!("{} 最長{within}({every}〜{slow_to}おきに見る)", step.address),
            &format!("{} at most {within} (looks every {every} to {slow_to})", step.address),
        ))
    };
    let waits: Vec<String> = plan.steps.iter().filter(|step| may_act(step)).filter_map(wait).collect();
    if waits.is_empty() { words.pick("なし", "none") } else { words.list(&waits) }
}

fn given(plan: &Plan, checked: &Checked, words: &Words) -> Vec<String> {
    let mut lines = vec![];
    let names = checked.inputs.iter().map(|decl| &decl.name).chain(checked.secrets.iter().map(|decl| &decl.name));
    let width = names.map(String::len).max().unwrap_or_default().max(16);
    let row = |name: &str, text: &str| hang(&format!("  {}  ", pad(name, width)), text);
    if !plan.inputs.is_empty() {
        lines.push(words.pick("入力", "Inputs"));
    }
    for decl in &checked.inputs {
        let Some(input) = plan.inputs.get(&decl.name) else { continue };
        let origin = match input.origin {
            InputOrigin::Cli => "--set".to_owned(),
            InputOrigin::Site => words.pick("サイトファイル", "site file"),
            InputOrigin::Default => words.pick("既定", "default"),
            InputOrigin::Example => words.pick("例", "example"),
        };
        let folded = if input.folded { words.pick("・全角を半角に直しました", ", full-width folded") } else { String::new() };
        let value = if decl.private { words.pick("(見せません)", "(hidden)") } else { plain(&input.value) };
        lines.extend(row(&decl.name, &format!("{value}  {} ({origin}{folded})", decl.title.get(words.lang))));
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
        lines.extend(row(&decl.name, &format!("{}  {}  {source}", secret.ty, decl.title.get(words.lang))));
    }
    lines
}

fn footer(plan: &Plan, checked: &Checked, words: &Words) -> Vec<String> {
    let mut lines = vec![];
    let asks = plan.steps.iter().any(|step| may_act(step) && step.person.is_some());
    let waiting = plan.steps.iter().any(|step| may_act(step) && step.repeat.is_some());
    if asks || waiting {
        let text = words.pick(
            "5分より長く待つとき、人がいないときは、止まって待ちます(終了コード75)。続きは kirikae resume last です。放っておいても承認や完了にはなりません。",
            "A wait of more than five minutes, or for a person who is not there, parks the run (exit code 75); go on with `kirikae resume last`. Silence is never consent.",
        );
        lines.extend(row(&words.pick("待つとき", "waiting"), &text));
    }
    lines.extend(manuals(plan, &checked.catalogue, words));
    if plan.is_blocked() {
        lines.push(format!(
            "{}{}",
            head(words),
            words.pick(&format!("直してから  kirikae plan {}", plan.playbook.id), &format!("mend it, then: kirikae plan {}", plan.playbook.id))
        ));
    } else if plan.has_pending_writes() {
        let flags: String = plan.approvals_required.iter().map(|step| format!(" --approve {step}")).collect();
        lines.push(format!("{}kirikae dry-run {1}  →  kirikae apply {1}{flags}", head(words), plan.playbook.id));
    }
    lines.push(words.pick(
        "印  見=調べ済み 実=実行する 人=人の作業 ?=その時に決まる −=しない ×=できない",
        "marks  o=observed >=will run P=a person ?=decided at run time -=not done",
    ));
    lines.push(words.pick("    !=取り消せない", "       x=blocked !=irreversible"));
    lines
}

/// The head of the line with the next command, which is not broken: it is there to be copied.
fn head(words: &Words) -> String {
    format!("  {}  ", pad(&words.pick("次に", "next"), 16))
}

/// The manuals that the steps cite, and which of their sections have no step here.
fn manuals(plan: &Plan, catalogue: &Catalogue, words: &Words) -> Vec<String> {
    let mut cited: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut own: BTreeSet<&str> = BTreeSet::new();
    for step in &plan.steps {
        for (manual, section) in step.cite.iter().filter_map(|cite| cite.split_once('#')) {
            cited.entry(manual).or_default().push(section);
            // What only a part cites (how a file is imported) is not the manual that this procedure follows.
            if !step.address.contains('/') {
                own.insert(manual);
            }
        }
    }
    let mut lines = vec![];
    let mut manuals: Vec<_> = cited.into_iter().filter_map(|(id, sections)| Some((catalogue.0.get(id)?, sections, own.contains(id)))).collect();
    manuals.sort_by_key(|(manual, ..)| manual.unofficial);
    for (manual, sections, followed) in manuals {
        let label = if manual.unofficial { words.pick("参考(公式でない)", "unofficial") } else { words.pick("手引", "manual") };
        lines.extend(row(&label, &format!("{} {}", manual.title.get(words.lang), manual.edition)));
        // A section whose parts have steps is not without one.
        let has_step = |section: &&String| sections.iter().any(|cited| cited == section || cited.starts_with(&format!("{section}.")));
        let asks = |section: &&String| followed && !manual.unofficial && !manual.out_of_scope.contains_key(*section);
        let without: Vec<&str> =
            manual.ordered().into_iter().map(|(section, _)| section).filter(|section| asks(section) && !has_step(section)).map(String::as_str).collect();
        if !without.is_empty() {
            let text = without.join(" ");
            lines.extend(row("", &words.pick(&format!("この計画に手順の無い節: {text}"), &format!("sections without a step here: {text}"))));
        }
    }
    lines
}

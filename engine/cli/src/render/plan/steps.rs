//! The steps of a plan: one line each, and below it only what there is to say.

use kirikae_engine::action::Effect;
use kirikae_engine::check::Checked;
use kirikae_engine::dsl::site::Site;
use kirikae_engine::plan::{Decision, Plan, PlanStep, PlanTries};
use kirikae_engine::text::Lang;
use serde_json::Value as Json;
use unicode_width::UnicodeWidthStr;

use super::words::{WIDTH, Words, hang};
use crate::render::{pad, plan_errors};

/// A step with its number, in the order that people read: a step that calls others before those.
pub(super) struct Numbered<'a> {
    pub(super) number: String,
    pub(super) step: &'a PlanStep,
}

/// Numbers the steps. In the plan a calling step stands after its steps.
pub(super) fn numbered(plan: &Plan) -> Vec<Numbered<'_>> {
    let mut order: Vec<&PlanStep> = vec![];
    for step in &plan.steps {
        let inside = format!("{}/", step.address);
        let at = order.iter().position(|earlier| earlier.address.starts_with(&inside)).unwrap_or(order.len());
        order.insert(at, step);
    }
    let (mut outer, mut inner) = (0, 0);
    let number = |step: &'_ PlanStep| {
        if step.address.contains('/') {
            inner += 1;
            format!("{outer}.{inner}")
        } else {
            outer += 1;
            inner = 0;
            outer.to_string()
        }
    };
    order.iter().map(|step| step.to_owned()).zip(order.iter().copied().map(number)).map(|(step, number)| Numbered { number, step }).collect()
}

/// The lines of all steps.
pub(super) fn lines(steps: &[Numbered<'_>], plan: &Plan, checked: &Checked, site: &Site, words: &Words) -> Vec<String> {
    let mut lines = vec![];
    let mut said = None;
    for Numbered { number, step } in steps {
        let nested = step.address.contains('/');
        lines.extend(title(number, nested, step, checked, words));
        let mut details = Details { indent: if nested { 11 } else { 9 }, words, lines: vec![] };
        details.seen(step, plan);
        details.reason(step, plan, &mut said);
        if may_act(step) {
            details.person(step, site);
            details.inputs(step, plan);
            details.costs(step);
        }
        if may_act(step) || step.decision == Decision::Observed {
            details.errors(step);
        }
        details.ending(step, plan);
        lines.extend(details.lines);
    }
    lines
}

/// Whether it will, or could after all, be done. What could not be looked at is blocked now but not settled.
pub(super) fn may_act(step: &PlanStep) -> bool {
    matches!(step.decision, Decision::Run | Decision::Maybe) || step.approval.is_some()
}

/// Whether it cannot be done by itself, not because of another step.
pub(super) fn is_stuck(step: &PlanStep) -> bool {
    step.decision == Decision::Blocked && step.reason.as_ref().is_some_and(|reason| reason.waits_for.is_empty())
}

fn waits_for_stuck(step: &PlanStep, plan: &Plan) -> bool {
    let waits_for = step.reason.iter().flat_map(|reason| &reason.waits_for);
    waits_for.filter_map(|address| plan.step(address)).any(is_stuck)
}

fn is_call(step: &PlanStep) -> bool {
    step.uses.starts_with("playbook:")
}

fn title(number: &str, nested: bool, step: &PlanStep, checked: &Checked, words: &Words) -> Vec<String> {
    let mark = match (step.decision, step.person.is_some()) {
        (Decision::Observed, _) => words.pick("見", "o"),
        (Decision::Skip, _) => words.pick("−", "-"),
        (Decision::Maybe, _) => "?".to_owned(),
        (Decision::Blocked, _) => words.pick("×", "x"),
        (Decision::Run, true) => words.pick("人", "P"),
        (Decision::Run, false) => words.pick("実", ">"),
    };
    let danger = if step.effect == Effect::Irreversible && !is_call(step) { "!" } else { " " };
    let indent = if nested { "  " } else { "" };
    let local = step.address.rsplit('/').next().unwrap_or(&step.address);
    let head = format!("{indent}{number:>3} {} {} ", pad(&format!("{mark}{danger}"), 3), pad(local, 13));
    let tail = [effect(step, words), words.cites(&step.cite, &checked.catalogue)].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ");
    let mut lines = hang(&head, step.title.get(words.lang));
    let width = lines.last().map_or(0, |line| line.width());
    let column = (width + 2).max(WIDTH.saturating_sub(tail.width()).min(54));
    match lines.last_mut() {
        Some(last) if column + tail.width() <= WIDTH => *last = pad(last, column) + &tail,
        _ => lines.extend(hang(&" ".repeat(head.width()), &tail)),
    }
    lines
}

/// What a step that is not done yet does to the world, and whether it goes out of this machine.
fn effect(step: &PlanStep, words: &Words) -> String {
    if is_call(step) || matches!(step.decision, Decision::Observed | Decision::Skip) {
        return String::new();
    }
    let effect = match step.effect {
        Effect::Read => words.pick("読取", "reads"),
        Effect::Write => words.pick("変更", "changes"),
        Effect::Irreversible => words.pick("取消不可", "irreversible"),
    };
    let place = if step.remote { words.pick("・サイト", ", on the site") } else { String::new() };
    format!("{effect}{place}")
}

/// What is recorded of a step's limited tries, and how many this run may make.
pub(super) fn tries_left(tries: &PlanTries, words: &Words) -> String {
    let (Some(on), Some(used), Some(left)) = (&tries.on, tries.used, tries.left) else {
        return words.pick("記録上の失敗 不明(相手が分かるまで)", "recorded failures unknown (until the device is known)");
    };
    words.pick(&format!("記録上の失敗 {used}回・この実行であと{left}回({on})"), &format!("{used} recorded failures, {left} left in this run ({on})"))
}

/// The lines below a step's title.
struct Details<'w> {
    indent: usize,
    words: &'w Words,
    lines: Vec<String>,
}

impl Details<'_> {
    fn say(&mut self, ja: &str, en: &str, text: &str) {
        let label = if self.words.lang == Lang::Ja { pad(ja, 7) } else { pad(en, 9) } + " ";
        self.lines.extend(hang(&format!("{}{label}", " ".repeat(self.indent)), text));
    }

    fn seen(&mut self, step: &PlanStep, plan: &Plan) {
        let Some(observed) = plan.observations.iter().find(|observation| observation.step == step.address) else { return };
        for (_, value) in observed.outputs.iter().filter(|(name, _)| *name == "cert" || *name == "file") {
            self.say("見えた", "seen", &self.words.value(value, plan));
        }
        if let Some(others) = observed.outputs.get("others").and_then(Json::as_array) {
            others.iter().for_each(|other| self.say("ほかに", "also", &self.words.value(other, plan)));
        }
    }

    /// Why the decision was made. The same reason is not said again below the next step; of a chain of steps that cannot be
    /// done, the first link is named.
    fn reason(&mut self, step: &PlanStep, plan: &Plan, said: &mut Option<String>) {
        let lang = self.words.lang;
        let reason = step.reason.as_ref().map(|reason| reason.say.get(lang).to_owned());
        if let Some(blocked) = step.blocked.as_ref().filter(|_| is_stuck(step)) {
            self.say("原因", "cause", &format!("{}  {}", blocked.code, reason.as_deref().unwrap_or_default()));
            self.say("直し方", "cure", blocked.cure.get(lang));
        } else if let Some(reason) = reason
            && Some(&reason) != said.as_ref()
            && (step.decision != Decision::Blocked || waits_for_stuck(step, plan))
        {
            self.say("理由", "reason", &reason);
            *said = Some(reason);
        }
    }

    fn person(&mut self, step: &PlanStep, site: &Site) {
        let lang = self.words.lang;
        let Some(role) = &step.person else { return };
        let name = site.people.get(role).map_or(String::new(), |name| format!("({})", name.get(lang)));
        self.say("誰", "who", &format!("{role}{name}"));
        let word = if lang == Lang::Ja { "ja" } else { "en" };
        let text = |value: &Json| value.get(word).or_else(|| value.get("ja")).and_then(Json::as_str).map(str::to_owned);
        for (input, ja, en) in [("where", "場所", "where"), ("ask", "問", "asks")] {
            if let Some(text) = step.with.get(input).and_then(text) {
                self.say(ja, en, &text);
            }
        }
        for item in step.with.get("do").and_then(Json::as_array).into_iter().flatten() {
            if let Some(text) = item.get("do").and_then(text) {
                self.say("□", "[ ]", &text);
            }
        }
        if step.remote {
            let text = self.words.pick("ブラウザーで。行う順は実行のときに表示", "in a browser; the checklist is shown when it is carried out");
            self.say("操作", "does", &text);
        }
        let text = match step.with.get("lapse").and_then(Json::as_str).map(|lapse| self.words.span(lapse)) {
            Some(lapse) => self.words.pick(&format!("最長{lapse}。過ぎたら承認とはみなさない"), &format!("at most {lapse}; then it counts as no approval")),
            None => self.words.pick("答えがあるまで(止めて待てる)", "until answered (the run can park)"),
        };
        self.say("待つ", "waits", &text);
    }

    /// What a step works on: certificates, what it rests on, secrets, what is known later.
    fn inputs(&mut self, step: &PlanStep, plan: &Plan) {
        for (name, value) in step.with.iter().filter(|(_, value)| value.get("sha1").is_some()) {
            let (ja, en) = if matches!(name.as_str(), "newer_than" | "besides") { ("比べる", "compares") } else { ("対象", "target") };
            self.say(ja, en, &self.words.value(value, plan));
        }
        if step.effect == Effect::Read {
            return;
        }
        let mut later: Vec<&str> = vec![];
        for unknown in step.with_unknown.values() {
            let after = self.words.list(&unknown.from);
            match unknown.ty.as_str() {
                "proof" => {
                    let by_person = unknown.from.iter().any(|from| plan.step(from).is_some_and(|source| source.person.is_some()));
                    let (ja, en) = if by_person { ("(人の確認による)", " (on a person's word)") } else { ("", "") };
                    let text = self
                        .words
                        .pick(&format!("手順 {after} で、代わりの証明書が使えると確かめたこと{ja}"), &format!("`{after}` proved its replacement{en}"));
                    self.say("前提", "rests on", &text);
                }
                "backup_ref" => {
                    let text = self.words.pick(&format!("手順 {after} で、代わりの証明書の控えを取ったこと"), &format!("`{after}` backed its replacement up"));
                    self.say("前提", "rests on", &text);
                }
                _ => later.extend(unknown.from.iter().map(String::as_str)),
            }
        }
        later.sort_unstable();
        later.dedup();
        if !later.is_empty() {
            let after = self.words.list(&later);
            self.say("使う値", "values", &self.words.pick(&format!("手順 {after} の後に分かる"), &format!("known after {after}")));
        }
        let secrets: Vec<&String> = step.with_secret.values().filter(|secret| !secret.starts_with("vault:")).collect();
        if !secrets.is_empty() {
            self.say("秘密", "secret", &self.words.list(&secrets));
        }
    }

    fn costs(&mut self, step: &PlanStep) {
        if let Some(fee) = step.fee {
            self.say("費用", "fee", &self.words.fee(fee));
        }
        if step.spends_attempt {
            self.say("回数", "tries", &self.words.pick("回数の決まった試行を1回使います", "spends one of a limited number of tries"));
        }
        if let Some(tries) = step.tries.as_ref().filter(|tries| tries.left.is_some()) {
            self.say("", "", &tries_left(tries, self.words));
        }
        if step.approval.is_some() {
            self.say("承認", "approval", &self.words.pick("要る(取り消せないため)", "needed (irreversible)"));
        }
    }

    /// Its deadline, its re-tries, こんなときは.
    fn errors(&mut self, step: &PlanStep) {
        for (label, text) in plan_errors::details(step, &|time| self.words.latest(time), &|span| self.words.span(span), self.words.lang) {
            self.say(label, label, &text);
        }
    }

    /// That the procedure ends here, and why.
    fn ending(&mut self, step: &PlanStep, plan: &Plan) {
        if let Some(finished) = plan.finished.as_ref().filter(|finished| finished.step == step.address) {
            self.say("終わり", "ends", finished.say.get(self.words.lang));
        }
    }
}

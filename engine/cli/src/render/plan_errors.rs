//! What a plan says of time and errors at a step: deadline, re-tries, こんなときは.

use kirikae_engine::plan::{PlanRescue, PlanStep};
use kirikae_engine::text::Lang;

/// The lines of a step, each with its label. Codes stand only where no words are.
pub fn details(step: &PlanStep, day: &dyn Fn(&str) -> String, span: &dyn Fn(&str) -> String, lang: Lang) -> Vec<(&'static str, String)> {
    let ja = lang == Lang::Ja;
    let mut lines = vec![];
    let label = if ja { "期限" } else { "until" };
    if let Some(deadline) = &step.deadline {
        lines.push((label, if ja { format!("{} まで", day(deadline)) } else { day(deadline) }));
    }
    if let Some(unknown) = &step.deadline_unknown {
        let from = unknown.from.join(if ja { "・" } else { ", " });
        lines.push((label, if ja { format!("手順 {from} の後に分かる") } else { format!("known after {from}") }));
    }
    if let Some(retry) = &step.retry {
        let codes = retry.errors.join(if ja { "・" } else { ", " });
        let (times, wait) = (retry.times, span(&retry.wait));
        let text = if ja {
            format!("{codes} なら {times}回まで({wait}から倍々、15分まで)")
        } else {
            format!("after {codes}, at most {times} times ({wait}, doubled, up to 15 min)")
        };
        lines.push((if ja { "再試行" } else { "retry" }, text));
    }
    let label = if ja { "こんなときは" } else { "if" };
    lines.extend(step.rescue.iter().map(|row| (label, format!("{}{} → {}", met(step, row, ja), row.say.get(lang), ending(row, ja)))));
    lines
}

/// What a person meets, in the words of the step's question, for a row about one of its problems.
fn met(step: &PlanStep, row: &PlanRescue, ja: bool) -> String {
    let problem = row.code.strip_prefix("HUMAN.").map(str::to_ascii_lowercase);
    let words = problem.and_then(|name| step.with.get("problems")?.get(name).cloned());
    let words = words.and_then(|words| Some(words.get(if ja { "ja" } else { "en" }).or_else(|| words.get("ja"))?.as_str()?.to_owned()));
    words.map_or_else(String::new, |words| format!("{words}: "))
}

fn ending(row: &PlanRescue, ja: bool) -> String {
    let first = match (row.steps.is_empty(), ja) {
        (true, _) => "",
        (false, true) => "下の手順の後、",
        (false, false) => "after the steps below, ",
    };
    let times = row.times.unwrap_or(1);
    let word = match (row.then.as_str(), ja) {
        ("resume", true) => "済んだことにして進む".to_owned(),
        ("retry", true) => format!("もう一度行う({times}回まで)"),
        ("finish", true) => "ここで終わる".to_owned(),
        ("hand_off", true) => "人に引き継いで待つ".to_owned(),
        (_, true) => "止める".to_owned(),
        ("resume", false) => "counts as done".to_owned(),
        ("retry", false) => format!("again (at most {times})"),
        ("finish", false) => "ends here".to_owned(),
        ("hand_off", false) => "a person takes over".to_owned(),
        (_, false) => "stops".to_owned(),
    };
    format!("{first}{word}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn step() -> PlanStep {
        let row = |then: &str, say: &str, more: serde_json::Value| {
            let mut row = serde_json::json!({ "code": "X.Y", "say": { "ja": say, "en": say }, "then": then, "from": "playbook" });
            row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            row
        };
        serde_json::from_value(serde_json::json!({
            "address": "request", "title": { "ja": "申請" }, "uses": "ca.renew@1", "effect": "irreversible", "spends_attempt": false, "remote": true,
            "decision": "run", "reason": null, "with": {}, "with_unknown": {}, "with_secret": {}, "outputs_unknown": {}, "pinned": [], "checks": [],
            "fee": null, "person": null, "deadline": "2027-01-22T03:00:00Z", "repeat": null, "cite": [], "depends_on": [], "approval": null,
            "unverified": false, "blocked": null, "retry": { "errors": ["PORTAL.BUSY", "NET.UNREACHABLE"], "times": 6, "wait": "10s" },
            "rescue": [
                row("hand_off", "媒体がありません。", serde_json::json!({})),
                row("retry", "違います。", serde_json::json!({ "times": 2, "steps": ["request/rescue/X.Y/ask"] })),
            ],
        }))
        .unwrap()
    }

    #[test]
    fn a_row_about_a_problem_says_what_is_met() {
        let mut step = step();
        step.rescue[0].code = "HUMAN.NO_CARD".to_owned();
        step.with.insert("problems".to_owned(), serde_json::json!({ "no_card": { "ja": "カードが無い", "en": "there is no card" } }));
        let said = |lang| details(&step, &|day| day.to_owned(), &|span| span.to_owned(), lang)[2].1.clone();
        assert_eq!(said(Lang::Ja), "カードが無い: 媒体がありません。 → 人に引き継いで待つ");
        assert!(said(Lang::En).starts_with("there is no card: "));
    }

    #[test]
    fn people_read_words_and_endings_not_codes() {
        let (day, span) = (|text: &str| text[..10].to_owned(), |text: &str| text.replace('s', "秒"));
        let ja: Vec<String> = details(&step(), &day, &span, Lang::Ja).into_iter().map(|(name, text)| format!("{name} {text}")).collect();
        assert_eq!(
            ja,
            [
                "期限 2027-01-22 まで",
                "再試行 PORTAL.BUSY・NET.UNREACHABLE なら 6回まで(10秒から倍々、15分まで)",
                "こんなときは 媒体がありません。 → 人に引き継いで待つ",
                "こんなときは 違います。 → 下の手順の後、もう一度行う(2回まで)",
            ]
        );
        let en: Vec<String> = details(&step(), &day, &span, Lang::En).into_iter().map(|(name, text)| format!("{name} {text}")).collect();
        assert_eq!(en[3], "if 違います。 → after the steps below, again (at most 2)");
    }
}

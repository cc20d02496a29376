//! What a plan says of time and errors at a step: deadline, re-tries, こんなときは.

use kirikae_engine::plan::{PlanRescue, PlanStep};
use kirikae_engine::text::Lang;

/// The lines of a step, each with its label. Codes stand only where no words are.
pub fn details(step: &PlanStep, day: &dyn Fn(&str) -> String, lang: Lang) -> Vec<(&'static str, String)> {
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
        let text = if ja {
            format!("{codes} なら {}回まで({}から倍々、15分まで)", retry.times, retry.wait)
        } else {
            format!("after {codes}, at most {} times ({} doubled, up to 15m)", retry.times, retry.wait)
        };
        lines.push((if ja { "再試行" } else { "retry" }, text));
    }
    let label = if ja { "こんなときは" } else { "if" };
    lines.extend(step.rescue.iter().map(|row| (label, format!("{} → {}", row.say.get(lang), ending(row, ja)))));
    lines
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

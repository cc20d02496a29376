//! A run for people: events as they happen, how it ended, what is left.

use kirikae_engine::backend::BackendError;
use kirikae_engine::check::{Step, What};
use kirikae_engine::plan::{DryRun, Moved, VerdictKind};
use kirikae_engine::run::{Doing, EndOfRun, ErrorBody, Event, EventBody, Observer, Outcome, ParkCause, Phase, Program, RunEnd, State};
use kirikae_engine::text::Lang;
use serde_json::{Value as Json, json};

use super::{out, pad, veil};
use crate::globals::Format;

/// Shows events as they happen: lines for people, or one JSON object a line.
pub struct Screen {
    lang: Lang,
    format: Format,
}

impl Screen {
    /// A screen.
    pub fn new(lang: Lang, format: Format) -> Self {
        Self { lang, format }
    }

    /// Says which run begins or goes on.
    pub fn begins(&self, run: &str) {
        match (self.format, self.lang) {
            (Format::Json, _) => out(&json!({"run": run}).to_string()),
            (_, Lang::Ja) => out(&format!("実行 {run}")),
            (_, Lang::En) => out(&format!("Run {run}")),
        }
    }

    fn line(&self, program: &Program, event: &Event) -> Option<String> {
        let ja = self.lang == Lang::Ja;
        let step = event.body.step().unwrap_or_default();
        let title = program.checked.steps.iter().find(|known| known.address == step).map(|known| known.title.get(self.lang)).unwrap_or_default();
        let at = event.at.to_zoned(program.zone.clone()).strftime("%H:%M:%S").to_string();
        let text = match &event.body {
            EventBody::StepEnded { end, .. } => {
                let call = program.checked.steps.iter().any(|known| known.address == step && matches!(known.what, What::Call { .. }));
                let mark = if ja { "済" } else { "done" };
                match (&end.error, end.outcome) {
                    (Some(error), Outcome::Failed) => failure_line(step, error, self.lang),
                    (_, Outcome::Skipped) => format!("{}  {}  {title}", if ja { "−" } else { "skip" }, pad(step, 14)),
                    _ if call => return None,
                    (_, outcome) => format!("{mark}  {}  {title}  ({})", pad(step, 14), outcome_word(outcome, self.lang)),
                }
            }
            EventBody::Decided { rescue: Some(taken), why, .. } => {
                let say = why.as_ref().map(|why| why.get(self.lang)).unwrap_or_default();
                format!("{}  {}  {}  {say}", if ja { "対処" } else { "rescue" }, pad(step, 14), taken.error.code)
            }
            EventBody::IntentRecorded { .. } => format!("{}  {}  {title}", if ja { "実行" } else { "act" }, pad(step, 14)),
            EventBody::Uncertain { why, code, .. } => format!("{}  {}  {code} {}", if ja { "不明" } else { "uncertain" }, pad(step, 14), why.get(self.lang)),
            EventBody::TimerArmed { due, .. } => {
                let due = due.to_zoned(program.zone.clone()).strftime("%H:%M:%S").to_string();
                format!("{}  {}  {title}  → {due}", if ja { "待ち" } else { "wait" }, pad(step, 14))
            }
            EventBody::Reconciled { .. } => format!("{}  {}  {title}", if ja { "確認" } else { "look" }, pad(step, 14)),
            EventBody::ClockStepped { back_ms } => format!("{} {back_ms} ms", if ja { "時計が戻りました:" } else { "the clock stepped back:" }),
            EventBody::ProfileReplaced { role, to, .. } => {
                let digest = to.get(..12).unwrap_or(to);
                if ja { format!("プロファイルを替えました: {role} → {digest}…") } else { format!("profile replaced: {role} → {digest}…") }
            }
            EventBody::CancelRequested { .. } => {
                (if ja { "止めます。今の手順が終わるのを待っています…" } else { "stopping after the step in flight…" }).to_owned()
            }
            _ => return None,
        };
        Some(format!("  {at} {text}"))
    }
}

impl Observer for Screen {
    fn event(&mut self, program: &Program, _state: &State, event: &Event) {
        match self.format {
            Format::Json => out(&json!(event).to_string()),
            _ => {
                if let Some(line) = self.line(program, event) {
                    out(&veil(&line, self.lang));
                }
            }
        }
    }

    fn note(&mut self, error: &BackendError) {
        if self.format == Format::Text {
            super::err(&format!("  {} {}", error.code, error.cause.get(self.lang)));
        }
    }

    fn stuck(&mut self, error: &BackendError) {
        match self.format {
            Format::Json => out(&stuck_json(error).to_string()),
            _ => super::err(&stuck_text(error, self.lang)),
        }
    }
}

/// A step whose call does not come back, for people: what is the matter, then what they can do.
fn stuck_text(error: &BackendError, lang: Lang) -> String {
    format!("  {} {}\n    {}", error.code, error.cause.get(lang), error.cure.get(lang))
}

/// The same for machines. It is no event: it is about this process and stands in no journal.
fn stuck_json(error: &BackendError) -> Json {
    json!({"stuck": error.data.get("step"), "code": error.code, "cause": error.cause, "cure": error.cure, "data": error.data})
}

fn failure_line(step: &str, error: &ErrorBody, lang: Lang) -> String {
    let word = if lang == Lang::Ja { "失敗" } else { "failed" };
    format!("{word}  {}  {}  {}", pad(step, 14), error.code, error.cause.get(lang))
}

fn outcome_word(outcome: Outcome, lang: Lang) -> &'static str {
    match (outcome, lang) {
        (Outcome::Observed, Lang::Ja) => "調べた",
        (Outcome::Unchanged, Lang::Ja) => "済んでいたので何も送らない",
        (Outcome::Changed, Lang::Ja) => "行った",
        (Outcome::Skipped, Lang::Ja) => "しない",
        (Outcome::Failed, Lang::Ja) => "失敗",
        (Outcome::Observed, Lang::En) => "observed",
        (Outcome::Unchanged, Lang::En) => "was done already",
        (Outcome::Changed, Lang::En) => "changed",
        (Outcome::Skipped, Lang::En) => "skipped",
        (Outcome::Failed, Lang::En) => "failed",
    }
}

/// The words for a run's phase, from the journal's row.
pub fn phase_words(phase: &str, detail: &str, lang: Lang) -> String {
    let ja = match (phase, detail) {
        ("ended", "done") => "終わった",
        ("ended", "finished") => "することがなかった",
        ("ended", "failed") => "失敗(何も変えていない) → resume",
        ("ended", "abandoned") => "やめた",
        ("parked", "failed") => "失敗して止まっている → resume",
        ("parked", "person") => "人を待っている → answer / resume",
        ("parked", "time") => "時刻を待っている → resume",
        ("parked", "uncertain") => "行われたか分からない → resume / answer",
        ("parked", "cancelled") => "止めた → resume",
        _ => "途中 → resume",
    };
    if lang == Lang::Ja { ja.to_owned() } else { format!("{phase} {detail}").trim_end().to_owned() }
}

/// How a run ended: what happened, what is done, what is left, what to do next.
pub fn end_text(program: &Program, end: &EndOfRun, lang: Lang) -> String {
    let mut text = String::from("\n");
    text.push_str(&show(program, &end.state, lang));
    text.push_str(&match lang {
        Lang::Ja => format!("  記録の先頭  {}(別の場所に控えると、記録が切られても分かります)\n", end.head),
        Lang::En => format!("  head        {} (kept elsewhere, it shows a cut journal)\n", end.head),
    });
    text
}

/// The same for machines.
pub fn end_json(program: &Program, end: &EndOfRun) -> Json {
    let mut json = json!({"run": end.state.run, "phase": end.state.phase, "steps": end.state.steps, "head": end.head, "playbook": program.checked.id});
    let moved = end.state.failed().and_then(|(_, ended)| ended.error.as_ref()).map(|error| Moved::of_error(&error.data)).unwrap_or_default();
    if !moved.is_empty() {
        json["moved"] = json!(moved);
    }
    json
}

/// What a run did and what is left.
pub fn show(program: &Program, state: &State, lang: Lang) -> String {
    let ja = lang == Lang::Ja;
    let mut lines = vec![format!("{} {}  {}", if ja { "実行" } else { "Run" }, state.run, headline(state, lang))];
    let word = |ja_word: &str, en_word: &str| pad(if ja { ja_word } else { en_word }, 10);
    let (mut done, mut left) = (vec![], vec![]);
    // The steps of rows are nothing that is left to do, unless their row is followed.
    let begun = |step: &Step| step.row.is_none() || state.step(&step.address).is_some();
    let actions = program.checked.steps.iter().filter(|step| matches!(step.what, What::Action(_)) && begun(step));
    for step in actions {
        let title = format!("{} {}", step.address, step.title.get(lang));
        match state.ended(&step.address) {
            Some(ended) if ended.outcome == Outcome::Failed => left.push(title),
            Some(ended) => {
                if ended.outcome != Outcome::Skipped {
                    done.push(format!("{title}{}", result(step, &ended.outputs, program)));
                }
            }
            None => left.push(title),
        }
    }
    for (index, step) in done.iter().enumerate() {
        lines.push(format!("  {}  {step}", if index == 0 { word("済んだこと", "done") } else { pad("", 10) }));
    }
    if !matches!(state.phase, Phase::Ended(RunEnd::Done | RunEnd::Finished)) {
        for (index, step) in left.iter().enumerate() {
            lines.push(format!("  {}  {step}", if index == 0 { word("残り", "left") } else { pad("", 10) }));
        }
    }
    if let Some((_, ended)) = state.failed()
        && let Some(error) = &ended.error
    {
        lines.push(format!("  {}  {} {}", word("原因", "cause"), error.code, error.cause.get(lang)));
        lines.extend(super::drift::lines(&Moved::of_error(&error.data), &program.zone, lang).iter().map(|line| format!("  {}  {line}", pad("", 10))));
        if !error.cure.get(lang).is_empty() {
            lines.push(format!("  {}  {}", word("直し方", "cure"), error.cure.get(lang)));
        }
    }
    if let Some((address, uncertain)) = state.uncertain() {
        lines.push(format!("  {}  {address}: {} {}", word("不明", "uncertain"), "STEP.UNCERTAIN", uncertain.why.get(lang)));
        if let Some(error) = &uncertain.look_failed {
            lines.push(format!("  {}  {} {}", word("", ""), error.code, error.cause.get(lang)));
        }
    }
    lines.extend(next(state, lang));
    veil(&lines.join("\n"), lang) + "\n"
}

/// What came of a step: the number of a request under the name that the portal's pages have for it, a certificate, a place.
fn result(step: &Step, outputs: &std::collections::BTreeMap<String, Json>, program: &Program) -> String {
    let portal = if let What::Action(action) = &step.what { action.portal.as_deref() } else { None };
    let label = portal.and_then(|role| program.checked.profiles.get(role)?.label("request_id")).unwrap_or("request_id");
    let request = outputs.get("request_id").and_then(Json::as_str).map(|id| format!("  {label} {id}"));
    let cert = outputs.get("cert").and_then(|cert| {
        let thumbprint = cert.get("sha1")?.as_str()?;
        let until: jiff::Timestamp = cert.get("not_after")?.as_str()?.parse().ok()?;
        Some(format!("  {}…{} → {}", &thumbprint[..4], &thumbprint[thumbprint.len() - 4..], until.to_zoned(program.zone.clone()).date()))
    });
    let place = outputs.get("place").and_then(Json::as_str).map(|place| format!("  {place}"));
    request.or(cert).or(place).unwrap_or_default()
}

fn headline(state: &State, lang: Lang) -> String {
    let (ja, en) = match &state.phase {
        Phase::Ended(RunEnd::Done) => ("終わりました。".to_owned(), "done.".to_owned()),
        Phase::Ended(RunEnd::Finished) => {
            let reason = state.finish.as_ref().map(|(_, reason)| reason.clone()).unwrap_or_default();
            (format!("することはありません。{}", reason.ja), format!("nothing to do. {}", reason.get(Lang::En)))
        }
        Phase::Ended(RunEnd::Failed) => ("失敗しました。何も変えていません。".to_owned(), "failed; nothing was changed.".to_owned()),
        Phase::Ended(RunEnd::Abandoned) => ("やめました。".to_owned(), "given up.".to_owned()),
        Phase::Parked(ParkCause::Failed) => {
            ("途中で止まりました。行ったことは記録してあります。".to_owned(), "stopped half-way; what was done is on record.".to_owned())
        }
        Phase::Parked(ParkCause::Person) => ("人を待っています。".to_owned(), "waits for a person.".to_owned()),
        Phase::Parked(ParkCause::Time) => ("時刻を待っています。".to_owned(), "waits for a time.".to_owned()),
        Phase::Parked(ParkCause::Uncertain) => {
            ("行われたかどうか分からない手順があります。送り直しません。".to_owned(), "a step is uncertain; it is not sent again.".to_owned())
        }
        Phase::Parked(ParkCause::Cancelled) => ("止めました。".to_owned(), "stopped.".to_owned()),
        Phase::New | Phase::Active => ("途中です。".to_owned(), "under way.".to_owned()),
    };
    if lang == Lang::Ja { ja } else { en }
}

fn next(state: &State, lang: Lang) -> Vec<String> {
    let ja = lang == Lang::Ja;
    let label = pad(if ja { "次に" } else { "next" }, 10);
    let mut lines = vec![];
    for (address, step) in &state.steps {
        match &step.doing {
            Doing::Asked(question) => {
                lines.push(format!("  {}  {}", pad(if ja { "問い" } else { "question" }, 10), question.ask.get(lang)));
                lines.push(format!("  {label}  kirikae answer {} {address} --yes --by NAME", state.run));
            }
            Doing::Uncertain(uncertain) if uncertain.needs_person => {
                lines.push(match lang {
                    Lang::Ja => format!("  {label}  サイトの一覧を見てから: kirikae answer {} {address} --uncertain done|not-done --by 名前", state.run),
                    Lang::En => format!("  {label}  look at the site's list, then: kirikae answer {} {address} --uncertain done|not-done --by NAME", state.run),
                });
            }
            _ => {}
        }
    }
    if !matches!(state.phase, Phase::Ended(RunEnd::Done | RunEnd::Finished | RunEnd::Abandoned)) {
        lines.push(format!("  {label}  kirikae resume {}", state.run));
    }
    lines
}

/// Verdicts of a dry run.
pub fn dry_run(dry: &DryRun, lang: Lang) -> String {
    let ja = lang == Lang::Ja;
    let mut lines = vec![format!("{} {}", if ja { "試し(何も変えていません)" } else { "Dry run (nothing was changed)" }, dry.plan.playbook.title.get(lang))];
    if let Some(finished) = &dry.plan.finished {
        lines.push(format!("  {}", finished.say.get(lang)));
    }
    for verdict in &dry.verdicts {
        let title = dry.plan.step(&verdict.step).map(|step| step.title.get(lang)).unwrap_or_default();
        let word = match (&verdict.kind, ja) {
            (VerdictKind::Ready, true) => "よし",
            (VerdictKind::WouldChange, true) => "変わる",
            (VerdictKind::NotDone, true) => "しない",
            (VerdictKind::Person, true) => "人",
            (VerdictKind::NotKnownYet, true) => "まだ分からない",
            (VerdictKind::Blocked { .. }, true) => "できない",
            (VerdictKind::Ready, false) => "ready",
            (VerdictKind::WouldChange, false) => "would change",
            (VerdictKind::NotDone, false) => "not done",
            (VerdictKind::Person, false) => "a person",
            (VerdictKind::NotKnownYet, false) => "not known yet",
            (VerdictKind::Blocked { .. }, false) => "blocked",
        };
        lines.push(format!("  {}  {}  {title}", pad(word, 14), pad(&verdict.step, 14)));
        if let Some(tries) = dry.plan.step(&verdict.step).and_then(|step| step.tries.as_ref())
            && let (Some(on), Some(used), Some(left)) = (&tries.on, tries.used, tries.left)
        {
            lines.push(if ja {
                format!("      回数: 記録上の失敗 {used}回・あと{left}回試せます({on})")
            } else {
                format!("      tries: {used} recorded failures, {left} left ({on})")
            });
        }
        if let VerdictKind::Blocked { code, because, cure } = &verdict.kind {
            lines.push(format!("      {code}  {}", because.get(lang)));
            lines.push(format!("      {}: {}", if ja { "直し方" } else { "cure" }, cure.get(lang)));
        }
    }
    veil(&lines.join("\n"), lang) + "\n"
}

#[cfg(test)]
mod tests {
    use kirikae_engine::text::Text;

    use super::*;

    #[test]
    fn a_stuck_step_is_told_to_people_with_what_they_can_do_and_to_machines_with_the_facts() {
        let stuck = BackendError::new("STEP.STUCK", Text::new("手順 request は動きません。", "step `request` is stuck."))
            .with("step", "request")
            .with("seconds", "600");
        let text = stuck_text(&stuck, Lang::Ja);
        assert!(text.contains("STEP.STUCK 手順 request は動きません。") && text.contains("Ctrl-C を2回") && text.contains("kirikae resume"), "{text}");
        let text = stuck_text(&stuck, Lang::En);
        assert!(text.contains("step `request` is stuck.") && text.contains("Ctrl-C twice"), "{text}");
        let json = stuck_json(&stuck);
        assert_eq!((&json["stuck"], &json["code"], &json["data"]["seconds"]), (&json!("request"), &json!("STEP.STUCK"), &json!("600")));
    }
}

//! Private inputs in events: hidden before an event is written down or shown, shown again when a run is taken up.
//!
//! May use: events, what stands for a value. Must not: change what a run decides by, its addresses, codes and times.

use serde_json::Value as Json;

use super::event::{EffectResult, ErrorBody, EventBody, Seen};
use crate::action::Inputs;
use crate::dsl::Value;
use crate::plan::Private;
use crate::text::Text;

/// The event without private values.
pub fn hide(private: &Private, mut body: EventBody) -> EventBody {
    if !private.is_empty() {
        Change { words: &|words| private.hide_words(words), data: &|data| private.hide(data) }.event(&mut body);
    }
    body
}

/// The event with its private values again.
pub fn show(private: &Private, mut body: EventBody) -> EventBody {
    if !private.is_empty() {
        Change { words: &|words| private.show_words(words), data: &|data| private.show(data) }.event(&mut body);
    }
    body
}

/// Inputs of a step as its plan holds them.
pub(super) fn hide_inputs(private: &Private, inputs: &Inputs) -> Inputs {
    if private.is_empty() {
        return inputs.clone();
    }
    let hidden = inputs.0.iter().map(|(name, value)| {
        let json = value.to_json();
        let mut hidden = json.clone();
        private.hide(&mut hidden);
        let value = if hidden == json { value.clone() } else { as_written(hidden) };
        (name.clone(), value)
    });
    Inputs(hidden.collect())
}

/// A value that is written as this JSON.
fn as_written(json: Json) -> Value {
    match json {
        Json::String(text) => Value::Str(text),
        Json::Number(number) => number.as_i64().map_or_else(|| Value::Str(number.to_string()), Value::Int),
        Json::Bool(yes) => Value::Bool(yes),
        Json::Array(items) => Value::List(items.into_iter().map(as_written).collect()),
        Json::Object(fields) => Value::Map(fields.into_iter().map(|(name, field)| (name, as_written(field))).collect()),
        Json::Null => Value::Str(String::new()),
    }
}

/// A change of everything in an event that may hold a value.
struct Change<'a> {
    words: &'a dyn Fn(&str) -> String,
    data: &'a dyn Fn(&mut Json),
}

impl Change<'_> {
    fn event(&self, body: &mut EventBody) {
        match body {
            EventBody::Observed { seen, .. } | EventBody::Reconciled { seen, .. } => self.seen(seen),
            EventBody::Decided { why, rescue, .. } => {
                self.maybe(why);
                if let Some(taken) = rescue {
                    self.error(&mut taken.error);
                    self.all(taken.outputs.values_mut());
                }
            }
            EventBody::IntentRecorded { intent, .. } => (self.data)(&mut intent.baseline),
            EventBody::EffectEnded { result, .. } => match result {
                EffectResult::Done { outputs } => self.all(outputs.values_mut()),
                EffectResult::Failed { error } => self.error(error),
                EffectResult::Pending { .. } => {}
            },
            EventBody::StepEnded { end, .. } => {
                self.all(end.outputs.values_mut());
                self.maybe(&mut end.finish);
                if let Some(error) = &mut end.error {
                    self.error(error);
                }
            }
            EventBody::Uncertain { why, .. } => self.text(why),
            EventBody::HumanAsked { question, .. } => {
                self.text(&mut question.ask);
                self.maybe(&mut question.place);
                question.items.iter_mut().for_each(|item| self.text(item));
                question.fields.iter_mut().for_each(|field| self.text(&mut field.title));
            }
            EventBody::HumanAnswered { answer, .. } => {
                for value in answer.fields.values_mut().chain(&mut answer.evidence) {
                    *value = (self.words)(value);
                }
            }
            EventBody::RunEnded { reason, outputs, .. } => {
                self.maybe(reason);
                self.all(outputs.values_mut());
            }
            _ => {}
        }
    }

    fn seen(&self, seen: &mut Seen) {
        match seen {
            Seen::Done { outputs, evidence } => {
                self.all(outputs.values_mut());
                self.maybe(evidence);
            }
            Seen::NotDone { baseline, .. } => (self.data)(baseline),
            Seen::CannotTell { why, .. } => self.text(why),
            Seen::Failed { error } => self.error(error),
        }
    }

    fn error(&self, error: &mut ErrorBody) {
        self.text(&mut error.cause);
        self.text(&mut error.cure);
        error.data.values_mut().for_each(|value| *value = (self.words)(value));
    }

    fn text(&self, text: &mut Text) {
        *text = text.map(|words| (self.words)(words));
    }

    fn maybe(&self, text: &mut Option<Text>) {
        if let Some(text) = text {
            self.text(text);
        }
    }

    fn all<'j>(&self, values: impl Iterator<Item = &'j mut Json>) {
        values.for_each(|value| (self.data)(value));
    }
}

//! Private inputs: in what is written down or shown their values stand as `vault:<id>` (`runs.md` 6).
//!
//! May use: inputs, plans. Must not: open the vault; lose a value: what was hidden can be shown again by who has the inputs.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::model::Plan;
use crate::check::{Checked, InputDecl};
use crate::dsl::{Type, Value, read_scalar};
use crate::secret::{Secret, SecretRef};
use crate::text::Text;

/// Characters of the shortest value that is looked for in what is written: shorter ones stand everywhere by chance.
const SHORTEST: usize = 3;

/// Where the value of a private input lies, for a plan and the run that carries it out.
pub fn private_ref(plan_id: &str, input: &str) -> SecretRef {
    SecretRef::vault(&format!("plans/{plan_id}/inputs/{input}"))
}

/// The value of a private input as its vault entry holds it.
pub fn private_to_secret(value: &Value) -> Secret {
    match value.to_json() {
        Json::String(text) => Secret::text(text),
        other => Secret::text(other.to_string()),
    }
}

/// The value of a private input from its vault entry; `None` if it does not fit its type.
pub fn private_from_secret(input: &InputDecl, secret: &Secret) -> Option<Value> {
    let text = secret.expose_text()?;
    match input.ty.required() {
        Type::List(_) | Type::Map(_) | Type::Object(_) | Type::Text => {
            let json = serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_owned()));
            Value::from_json(&input.ty, &json)
        }
        _ => read_scalar(&input.ty, text).ok(),
    }
}

/// The private values of a plan or run, with what stands in their place.
#[derive(Default)]
pub struct Private(Vec<Leaf>);

/// A value, or a part of one, that holds no others.
struct Leaf {
    text: String,
    json: Json,
    stands: String,
}

impl Private {
    /// The private inputs of a plan.
    pub fn of(checked: &Checked, plan_id: &str, inputs: &BTreeMap<String, Value>) -> Self {
        let mut leaves = vec![];
        for input in checked.inputs.iter().filter(|input| input.private) {
            let Some(value) = inputs.get(&input.name) else { continue };
            let stands = private_ref(plan_id, &input.name).as_str().to_owned();
            match value.to_json() {
                whole @ (Json::Array(_) | Json::Object(_)) => {
                    let mut parts = vec![];
                    collect(&whole, &mut parts);
                    leaves.extend(parts.into_iter().enumerate().filter_map(|(index, part)| Leaf::new(part, format!("{stands}/{index}"))));
                }
                scalar => leaves.extend(Leaf::new(scalar, stands)),
            }
        }
        // A value that is part of another is looked for after it.
        leaves.sort_by(|a, b| b.text.len().cmp(&a.text.len()).then_with(|| a.stands.cmp(&b.stands)));
        Self(leaves)
    }

    /// These texts are private.
    #[cfg(test)]
    pub(super) fn of_texts(texts: &[&str]) -> Self {
        let leaf = |(index, text): (usize, &&str)| Leaf::new(Json::String((*text).to_owned()), format!("vault:plans/P-1/inputs/{index}"));
        Self(texts.iter().enumerate().filter_map(leaf).collect())
    }

    /// Nothing is private.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Words without private values. A value counts where it stands by itself, not inside a longer number or word.
    pub fn hide_words(&self, words: &str) -> String {
        replaced(words, self.0.iter().map(|leaf| (leaf.text.as_str(), leaf.stands.as_str())))
    }

    /// The words again.
    pub fn show_words(&self, words: &str) -> String {
        // The longest first: `…/note/10` is not `…/note/1` and a nought.
        let mut leaves: Vec<&Leaf> = self.0.iter().collect();
        leaves.sort_by_key(|leaf| std::cmp::Reverse(leaf.stands.len()));
        replaced(words, leaves.into_iter().map(|leaf| (leaf.stands.as_str(), leaf.text.as_str())))
    }

    /// Data without private values; names of fields stay.
    pub fn hide(&self, data: &mut Json) {
        match data {
            Json::String(text) => {
                let whole = self.0.iter().find(|leaf| leaf.text == *text && leaf.json.is_string());
                *text = whole.map_or_else(|| self.hide_words(text), |leaf| leaf.stands.clone());
            }
            Json::Number(_) => {
                if let Some(leaf) = self.0.iter().find(|leaf| leaf.json == *data) {
                    *data = Json::String(leaf.stands.clone());
                }
            }
            Json::Array(items) => items.iter_mut().for_each(|item| self.hide(item)),
            Json::Object(fields) => fields.values_mut().for_each(|field| self.hide(field)),
            Json::Null | Json::Bool(_) => {}
        }
    }

    /// The data again.
    pub fn show(&self, data: &mut Json) {
        match data {
            Json::String(text) => match self.0.iter().find(|leaf| leaf.stands == *text) {
                Some(leaf) => *data = leaf.json.clone(),
                None => *text = self.show_words(text),
            },
            Json::Array(items) => items.iter_mut().for_each(|item| self.show(item)),
            Json::Object(fields) => fields.values_mut().for_each(|field| self.show(field)),
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }

    /// A plan without private values. Before its digest is computed: no digest covers them.
    pub fn hide_plan(&self, plan: &mut Plan) {
        if self.is_empty() {
            return;
        }
        let hide = |text: &mut Text| *text = text.map(|words| self.hide_words(words));
        for step in &mut plan.steps {
            step.with.values_mut().for_each(|value| self.hide(value));
            if let Some(reason) = &mut step.reason {
                hide(&mut reason.say);
            }
            if let Some(blocked) = &mut step.blocked {
                hide(&mut blocked.cure);
            }
            if let Some(deadline) = &mut step.deadline {
                *deadline = self.hide_words(deadline);
            }
            step.rescue.iter_mut().for_each(|row| hide(&mut row.say));
        }
        plan.observations.iter_mut().flat_map(|observation| observation.outputs.values_mut()).for_each(|value| self.hide(value));
        if let Some(finished) = &mut plan.finished {
            hide(&mut finished.say);
        }
        plan.diagnostics.iter_mut().for_each(|message| hide(&mut message.message));
    }
}

impl Leaf {
    fn new(json: Json, stands: String) -> Option<Self> {
        let text = match &json {
            Json::String(text) => text.clone(),
            Json::Number(number) => number.to_string(),
            _ => return None,
        };
        (text.chars().count() >= SHORTEST).then_some(Self { text, json, stands })
    }
}

fn collect(json: &Json, leaves: &mut Vec<Json>) {
    match json {
        Json::Array(items) => items.iter().for_each(|item| collect(item, leaves)),
        Json::Object(fields) => fields.values().for_each(|field| collect(field, leaves)),
        leaf => leaves.push(leaf.clone()),
    }
}

/// `words` with each `from` replaced by its `to`, the first that fits, where no ASCII letter or digit stands before or behind it.
/// What was put in is not looked at again.
fn replaced<'p>(words: &str, pairs: impl Iterator<Item = (&'p str, &'p str)> + Clone) -> String {
    let mut out = String::with_capacity(words.len());
    let mut rest = words;
    let mut before: Option<char> = None;
    while let Some(next) = rest.chars().next() {
        let alone = |from: &str| !before.is_some_and(|c| c.is_ascii_alphanumeric()) && !rest[from.len()..].starts_with(|c: char| c.is_ascii_alphanumeric());
        let fits = pairs.clone().find(|(from, _)| rest.starts_with(from) && alone(from));
        let (taken, put) = fits.unwrap_or((&rest[..next.len_utf8()], &rest[..next.len_utf8()]));
        out.push_str(put);
        before = taken.chars().next_back();
        rest = &rest[taken.len()..];
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn private(values: &[(&str, Json)]) -> Private {
        let mut leaves: Vec<Leaf> = values.iter().filter_map(|(name, json)| Leaf::new(json.clone(), format!("vault:plans/P-1/inputs/{name}"))).collect();
        leaves.sort_by_key(|leaf| std::cmp::Reverse(leaf.text.len()));
        Private(leaves)
    }

    #[test]
    fn a_value_is_hidden_where_it_stands_by_itself() {
        let private = private(&[("birthday", json!("1980-01-01")), ("card", json!("12345"))]);
        let hidden = private.hide_words("生年月日1980-01-01、カード12345です。12345は912345でも12345xでもない。");
        assert_eq!(
            hidden,
            "生年月日vault:plans/P-1/inputs/birthday、カードvault:plans/P-1/inputs/cardです。\
             vault:plans/P-1/inputs/cardは912345でも12345xでもない。"
        );
    }

    #[test]
    fn data_is_hidden_whole_or_in_part_and_comes_back() {
        let private = private(&[("card", json!("12345")), ("year", json!(1980)), ("short", json!("no"))]);
        let mut data = json!({"12345": ["12345", "CN=12345,C=JP", 1980, 19800, "no"], "request_id": "202512345000001"});
        let before = data.clone();
        private.hide(&mut data);
        let stands = "vault:plans/P-1/inputs/card";
        let expected = json!({"12345": [stands, format!("CN={stands},C=JP"), "vault:plans/P-1/inputs/year", 19800, "no"], "request_id": "202512345000001"});
        assert_eq!(data, expected, "field names and other numbers stay; what is too short to be told from others stays");
        private.show(&mut data);
        assert_eq!(data, before);
    }

    proptest! {
        #[test]
        fn what_was_hidden_is_shown_again(values in prop::collection::vec("[a-c1-3 \\-生]{3,6}", 1..4), words in "[a-c1-3 \\-生、]{0,40}") {
            let named: Vec<(String, Json)> = values.iter().enumerate().map(|(n, value)| (format!("i{n}"), json!(value))).collect();
            let named: Vec<(&str, Json)> = named.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
            let private = private(&named);
            let hidden = private.hide_words(&words);
            prop_assert_eq!(private.show_words(&hidden), words);
        }
    }
}

//! Words for people, in Japanese and English.

use serde::{Deserialize, Serialize};

/// The language of a text for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// Japanese, the language of the manuals.
    #[default]
    Ja,
    /// English.
    En,
}

/// A text for people. `ja` is always there; `en` may be missing in what authors write.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// Japanese.
    pub ja: String,
    /// English; `None` falls back to Japanese.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub en: Option<String>,
}

impl Text {
    /// A text in both languages.
    pub fn new(ja: impl Into<String>, en: impl Into<String>) -> Self {
        Self { ja: ja.into(), en: Some(en.into()) }
    }

    /// A text that reads the same in every language (a name, a value, an author's Japanese).
    pub fn plain(text: impl Into<String>) -> Self {
        Self { ja: text.into(), en: None }
    }

    /// The text in `lang`, or in Japanese where no English was given.
    pub fn get(&self, lang: Lang) -> &str {
        match (lang, &self.en) {
            (Lang::En, Some(en)) => en,
            _ => &self.ja,
        }
    }

    /// Applies `change` to the text of each language.
    pub fn map(&self, mut change: impl FnMut(&str) -> String) -> Self {
        Self { ja: change(&self.ja), en: self.en.as_deref().map(change) }
    }
}

/// A constant text of an action or backend, in both languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phrase {
    /// Japanese.
    pub ja: &'static str,
    /// English.
    pub en: &'static str,
}

impl Phrase {
    /// The phrase in `lang`.
    pub fn get(&self, lang: Lang) -> &'static str {
        match lang {
            Lang::Ja => self.ja,
            Lang::En => self.en,
        }
    }
}

impl From<Phrase> for Text {
    fn from(phrase: Phrase) -> Self {
        Text::new(phrase.ja, phrase.en)
    }
}

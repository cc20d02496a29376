//! The fenced blocks of a page, with what stands behind the language: ```` ```sh exit=2 ````.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

/// A fenced block.
pub struct Fence {
    /// Page and line of its first line of text.
    pub place: String,
    /// `yaml`, `sh`, `text`.
    pub language: String,
    words: Vec<String>,
    /// Its text, with a line end.
    pub text: String,
}

impl Fence {
    /// The value of `key=value` behind the language.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }
}

/// Every fenced block of a page that begins at the margin.
pub fn fences(name: &str, page: &str) -> Vec<Fence> {
    let mut found: Vec<Fence> = vec![];
    let mut open: Option<Fence> = None;
    for (index, line) in page.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(info), None) => {
                let mut words = info.split_whitespace().map(str::to_owned);
                let language = words.next().unwrap_or_default();
                open = Some(Fence { place: format!("{name}:{}", index + 2), language, words: words.collect(), text: String::new() });
            }
            (Some(_), Some(_)) => found.extend(open.take()),
            (None, Some(fence)) => {
                fence.text.push_str(line);
                fence.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{name}: a fence is not closed");
    found
}

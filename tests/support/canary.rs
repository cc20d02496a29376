//! Looks for secret values in what a program left behind, in every form in which they could stand there.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

/// A secret value and what it is.
pub struct Canary {
    what: String,
    /// The forms in which it could stand somewhere; `true`: only as a word of its own, for it is short.
    forms: Vec<(Vec<u8>, bool)>,
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base 64 without padding, as it stands in the middle of a longer text: a few characters at the ends depend on what is beside it.
fn base64(bytes: &[u8], shift: usize) -> Vec<u8> {
    let padded: Vec<u8> = std::iter::repeat_n(0, shift).chain(bytes.iter().copied()).collect();
    let whole = padded.chunks_exact(3).skip(usize::from(shift > 0));
    whole
        .flat_map(|three| {
            let bits = three.iter().fold(0_usize, |bits, byte| (bits << 8) | usize::from(*byte));
            [18, 12, 6, 0].map(|at| BASE64[(bits >> at) & 63])
        })
        .collect()
}

impl Canary {
    /// A value of at least four bytes.
    pub fn new(what: impl Into<String>, value: &[u8]) -> Self {
        let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
        let short = value.len() < 8;
        let mut forms = vec![(value.to_vec(), short), (hex.to_uppercase().into_bytes(), short), (hex.into_bytes(), short)];
        if let Ok(text) = std::str::from_utf8(value) {
            forms.push((text.encode_utf16().flat_map(u16::to_le_bytes).collect(), short));
            forms.push((text.encode_utf16().flat_map(u16::to_be_bytes).collect(), short));
        }
        if !short {
            // Of a short value too little is left between the ends.
            forms.extend((0..3).map(|shift| (base64(value, shift), false)));
        }
        assert!(forms.iter().all(|(form, _)| form.len() >= 4), "too short to be looked for");
        Self { what: what.into(), forms }
    }

    /// Whether it stands in these bytes.
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        self.forms.iter().any(|(form, as_word)| {
            bytes.windows(form.len()).enumerate().any(|(at, window)| {
                let beside = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
                window == form && (!as_word || (beside(at.checked_sub(1).and_then(|before| bytes.get(before))) && beside(bytes.get(at + form.len()))))
            })
        })
    }

    /// Fails if it stands in these bytes.
    pub fn sings_not_in(&self, place: &str, bytes: &[u8]) {
        assert!(!self.is_in(bytes), "{} stands in {place}", self.what);
    }
}

/// Every file below a folder, with its path from there.
pub fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let (mut found, mut folders) = (vec![], vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(content) = std::fs::read(&path) {
                found.push((path.strip_prefix(folder).unwrap().display().to_string(), content));
            }
        }
    }
    found.sort();
    found
}

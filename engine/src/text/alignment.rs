//! Where the characters of a read text stand in the file: escapes, doubled quotes, folded lines, stripped indentation.
//!
//! May use: nothing. Must not: know the YAML library.

/// How a text is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    /// No quotes.
    None,
    /// `'...'`
    Single,
    /// `"..."`
    Double,
    /// `|` or `>`
    Block,
}

/// Runs of bytes that are the same in the text and in the file: (offset in the text, offset in the file), ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Alignment(Vec<(usize, usize)>);

impl Alignment {
    /// Aligns `text` with `raw`, which stands at `start` of the file.
    pub(super) fn new(text: &str, raw: &str, start: usize, quoting: Quoting) -> Self {
        if quoting == Quoting::None && text == raw {
            return Self(vec![(0, start)]);
        }
        let mut walk = Walk { raw, at: 0, runs: vec![], start };
        match quoting {
            Quoting::Single | Quoting::Double => walk.at = 1,
            Quoting::Block => walk.at = raw.find('\n').map_or(raw.len(), |newline| newline + 1),
            Quoting::None => {}
        }
        for (offset, character) in text.char_indices() {
            walk.step(offset, character, quoting);
        }
        walk.mark(text.len());
        Self(walk.runs)
    }

    /// The place in the file of a byte of the text.
    pub(super) fn locate(&self, offset: usize) -> usize {
        let run = self.0.partition_point(|(from, _)| *from <= offset);
        match run.checked_sub(1).and_then(|index| self.0.get(index)) {
            Some((from, place)) => {
                let limit = self.0.get(run).map_or(usize::MAX, |(_, next)| *next);
                (place + (offset - from)).min(limit)
            }
            None => self.0.first().map_or(0, |(_, place)| *place),
        }
    }
}

struct Walk<'r> {
    raw: &'r str,
    at: usize,
    runs: Vec<(usize, usize)>,
    start: usize,
}

impl Walk<'_> {
    /// Notes where the next byte of the text stands, if that does not follow from the run before it.
    fn mark(&mut self, offset: usize) {
        let place = self.start + self.at;
        let follows = self.runs.last().is_some_and(|(from, at)| at + (offset - from) == place);
        if !follows {
            self.runs.push((offset, place));
        }
    }

    fn step(&mut self, offset: usize, character: char, quoting: Quoting) {
        let rest = self.raw.get(self.at..).unwrap_or_default();
        if quoting == Quoting::Double && rest.starts_with('\\') {
            self.skip_joined_lines();
            let rest = self.raw.get(self.at..).unwrap_or_default();
            self.mark(offset);
            self.at += escape_length(rest).unwrap_or_else(|| rest.chars().next().map_or(0, char::len_utf8));
            return;
        }
        if quoting == Quoting::Single && rest.starts_with("''") {
            self.mark(offset);
            self.at += 2;
            return;
        }
        if rest.starts_with(character) && character != ' ' && character != '\n' {
            self.mark(offset);
            self.at += character.len_utf8();
            return;
        }
        let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        let folded = rest.get(..blank).is_some_and(|run| run.contains('\n'));
        match character {
            // A blank of the text is a blank of the file, or a folded line end, which may swallow many.
            ' ' | '\n' if folded => {
                self.mark(offset);
                let after_newline = rest.find('\n').map_or(blank, |newline| newline + 1);
                self.at += if character == '\n' { after_newline } else { blank };
            }
            ' ' if rest.starts_with(' ') => {
                self.mark(offset);
                self.at += 1;
            }
            // Stripped indentation, or blanks at a line end.
            _ if rest.get(blank..).is_some_and(|next| next.starts_with(character)) => {
                self.at += blank;
                self.mark(offset);
                self.at += character.len_utf8();
            }
            _ => self.mark(offset),
        }
    }

    /// A backslash at a line end joins the lines and gives no character.
    fn skip_joined_lines(&mut self) {
        while let Some(rest) = self.raw.get(self.at..) {
            let Some(joined) = rest.strip_prefix("\\\n").or_else(|| rest.strip_prefix("\\\r\n")) else { return };
            self.at = self.raw.len() - joined.trim_start_matches([' ', '\t']).len();
        }
    }
}

/// Bytes of an escape sequence (YAML 1.2.2, 5.7).
fn escape_length(rest: &str) -> Option<usize> {
    let kind = rest.get(1..)?.chars().next()?;
    Some(match kind {
        'x' => 4,
        'u' => 6,
        'U' => 10,
        other => 1 + other.len_utf8(),
    })
}

//! Finds `${{ }}` in a text.
//!
//! May use: nothing. Must not: look into an expression further than its quotes.

use crate::text::Text;

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Characters as written.
    Text(String),
    /// What stands between `${{` and `}}`.
    Expr {
        /// The expression, with the spaces around it.
        text: String,
        /// Where it starts, in bytes of the whole text.
        start: usize,
    },
}

/// A `${{` without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanError {
    /// Where the `${{` or the quote that is never closed stands, in bytes.
    pub at: usize,
    /// What is wrong.
    pub what: Text,
}

const OPEN: &str = "${{";
const CLOSE: &str = "}}";

/// Cuts a text into its expressions and what stands between them. Quotes inside an expression hide `}}`;
/// a literal `${{` is written `${{ '${{' }}`.
///
/// # Errors
/// A `${{`, or a quote inside it, that is never closed.
pub fn scan(text: &str) -> Result<Vec<Piece>, ScanError> {
    let mut pieces = vec![];
    let mut from = 0;
    while let Some(found) = text[from..].find(OPEN) {
        let open = from + found;
        let start = open + OPEN.len();
        let length = end_of_expression(&text[start..]).map_err(|quote| match quote {
            Some(quote) => {
                ScanError { at: start + quote, what: Text::new("${{ の中の引用符が閉じていません。", "a quote inside `${{` is never closed.") }
            }
            None => ScanError { at: open, what: Text::new("${{ に対応する }} がありません。", "`${{` is never closed by `}}`.") },
        })?;
        if from < open {
            pieces.push(Piece::Text(text[from..open].to_owned()));
        }
        pieces.push(Piece::Expr { text: text[start..start + length].to_owned(), start });
        from = start + length + CLOSE.len();
    }
    if from < text.len() {
        pieces.push(Piece::Text(text[from..].to_owned()));
    }
    Ok(pieces)
}

/// The bytes up to `}}` outside quotes; else the quote that is still open at the end, if any.
fn end_of_expression(text: &str) -> Result<usize, Option<usize>> {
    let mut quote: Option<(usize, char)> = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some((_, open)) if c == open => quote = None,
            Some(_) => {}
            None if matches!(c, '\'' | '"') => quote = Some((at, c)),
            None if text[at..].starts_with(CLOSE) => return Ok(at),
            None => {}
        }
    }
    Err(quote.map(|(at, _)| at))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn expr(text: &str, start: usize) -> Piece {
        Piece::Expr { text: text.into(), start }
    }

    fn words(text: &str) -> Piece {
        Piece::Text(text.into())
    }

    #[test]
    fn expressions_and_the_words_between_them() {
        assert_eq!(scan("").unwrap(), []);
        assert_eq!(scan("残り $5 {{ x }}").unwrap(), [words("残り $5 {{ x }}")]);
        assert_eq!(scan("${{a}}").unwrap(), [expr("a", 3)]);
        assert_eq!(scan("残り${{ a }}日 ${{ b }}").unwrap(), [words("残り"), expr(" a ", 9), words("日 "), expr(" b ", 21)]);
        assert_eq!(scan("${{ '}}' }}}").unwrap(), [expr(" '}}' ", 3), words("}")]);
        assert_eq!(scan(r#"${{ "\"}}" }}"#).unwrap(), [expr(r#" "\"}}" "#, 3)]);
        assert_eq!(scan("${{ '${{' }}").unwrap(), [expr(" '${{' ", 3)]);
    }

    #[test]
    fn what_is_never_closed_is_pointed_at() {
        assert_eq!(scan("あ ${{ a }").unwrap_err().at, 4);
        assert_eq!(scan("${{ a }} ${{ 'b }}").unwrap_err().at, 13);
    }
}

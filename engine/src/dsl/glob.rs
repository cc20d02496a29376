//! Patterns with `*` and `?`, as `issuer`, `cn`, file names and `is glob(..)` use them.

/// Whether the whole of `text` fits `pattern`: `*` is any run of characters (also none), `?` is one character,
/// everything else is itself. Linear in practice, at worst the product of the two lengths; never fails.
pub fn glob_matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // Where to go on when the characters after the last `*` turn out not to fit: that star, and one more character eaten by it.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((star, eaten)) => {
                    retry = Some((star, eaten + 1));
                    p = star + 1;
                    t = eaten + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::glob_matches;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text, fits) in [
            ("Online Billing NW Common Root CA*", "Online Billing NW Common Root CA - 01", true),
            ("Online Billing NW Common Root CA*", "Online Billing NW Common Root CA", true),
            ("Online Billing NW Common Root CA*", "Fake Online Billing NW Common Root CA", false),
            ("*.p12", "202101010000777.p12", true),
            ("*.p12", "a.p12.age", false),
            ("a?c", "aあc", true),
            ("a?c", "ac", false),
            ("*a*b*", "xaxaxb", true),
            ("*a*b", "xaxbx", false),
            ("", "", true),
            ("", "x", false),
            ("***", "", true),
            ("[ab]", "a", false),
        ] {
            assert_eq!(glob_matches(pattern, text), fits, "{pattern} on {text}");
        }
    }
}

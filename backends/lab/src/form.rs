//! What a client sent: URL-encoded and multipart forms in the page's encoding, cookies.
//!
//! May use: encodings. Must not: know portals.

use std::collections::BTreeMap;

use encoding_rs::Encoding;

/// The fields of a form that was sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent {
    /// Texts by name; of several with one name, the last.
    pub texts: BTreeMap<String, String>,
    /// Files by name.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Sent {
    /// Reads a body by its content type. What is damaged is left out, as servers do.
    pub(crate) fn read(content_type: &str, body: &[u8], encoding: &'static Encoding) -> Self {
        match content_type.split_once("boundary=") {
            Some((_, boundary)) => multipart(boundary.trim_matches('"').as_bytes(), body, encoding),
            None => Self { texts: urlencoded(body, encoding), files: BTreeMap::new() },
        }
    }

    /// The text of a field, trimmed; empty if it was not sent.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", |text| text.trim())
    }
}

/// `name=value` pairs joined by `&`.
pub(crate) fn urlencoded(body: &[u8], encoding: &'static Encoding) -> BTreeMap<String, String> {
    let decode = |raw: &[u8]| encoding.decode_without_bom_handling(&percent_decoded(raw)).0.into_owned();
    let pairs = body.split(|octet| *octet == b'&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| match pair.iter().position(|octet| *octet == b'=') {
            Some(at) => (decode(&pair[..at]), decode(&pair[at + 1..])),
            None => (decode(pair), String::new()),
        })
        .collect()
}

/// The value of a cookie in a `Cookie` header.
pub(crate) fn cookie<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header.split(';').filter_map(|pair| pair.trim().split_once('=')).find(|(known, _)| *known == name).map(|(_, value)| value)
}

fn percent_decoded(raw: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((first, tail)) = rest.split_first() {
        let hex = || tail.get(..2).and_then(|pair| std::str::from_utf8(pair).ok()).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        rest = tail;
        match first {
            b'+' => octets.push(b' '),
            b'%' => match hex() {
                Some(octet) => {
                    octets.push(octet);
                    rest = &tail[2..];
                }
                None => octets.push(b'%'),
            },
            other => octets.push(*other),
        }
    }
    octets
}

/// RFC 7578, as browsers send it.
fn multipart(boundary: &[u8], body: &[u8], encoding: &'static Encoding) -> Sent {
    let mut delimiter = b"--".to_vec();
    delimiter.extend_from_slice(boundary);
    let mut sent = Sent::default();
    let mut rest = body;
    while let Some(start) = find(rest, &delimiter) {
        let part = &rest[start + delimiter.len()..];
        let end = find(part, &delimiter).unwrap_or(part.len());
        if let Some(head) = find(&part[..end], b"\r\n\r\n") {
            let headers = encoding.decode_without_bom_handling(&part[..head]).0.into_owned();
            let content = part[head + 4..end].strip_suffix(b"\r\n").unwrap_or(&part[head + 4..end]);
            let parameter = |key: &str| {
                headers.split(';').filter_map(|word| word.trim().strip_prefix(key)).map(|word| word.split('"').next().unwrap_or("").to_owned()).next()
            };
            if let Some(name) = parameter("name=\"") {
                if parameter("filename=\"").is_some() {
                    sent.files.insert(name, content.to_vec());
                } else {
                    sent.texts.insert(name, encoding.decode_without_bom_handling(content).0.into_owned());
                }
            }
        }
        rest = &part[end..];
    }
    sent
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|window| window == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_come_back_in_the_pages_encoding() {
        let sent = urlencoded(b"%89%E6%96%CA=%5C%95%5C&a+b=1%2B1&bad=%4", encoding_rs::SHIFT_JIS);
        assert_eq!(sent["画面"], "\\表");
        assert_eq!(sent["a b"], "1+1");
        assert_eq!(sent["bad"], "%4");
    }

    #[test]
    fn multipart_holds_texts_and_files() {
        let body = "--x\r\nContent-Disposition: form-data; name=\"名前\"\r\n\r\n値\r\n--x\r\nContent-Disposition: form-data; name=\"csr\"; filename=\"a.csr\"\r\nContent-Type: application/pkcs10\r\n\r\n\r\n1\r\n\r\n--x--\r\n";
        let sent = Sent::read("multipart/form-data; boundary=x", body.as_bytes(), encoding_rs::UTF_8);
        assert_eq!(sent.text("名前"), "値");
        assert_eq!(sent.files["csr"], b"\r\n1\r\n");
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        assert_eq!(cookie("a=1; LAB=xyz; b=2", "LAB"), Some("xyz"));
        assert_eq!(cookie("LABX=1", "LAB"), None);
    }
}

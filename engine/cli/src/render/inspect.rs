//! What a file holds, for people and machines.

use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use kirikae_backends::store::p12::{Holds, Method, Part, Protection};
use kirikae_backends::x509::{Details, Untrusted, details, in_pairs};
use kirikae_engine::backend::{BackendError, StoredCert};
use kirikae_engine::text::Lang;
use serde_json::{Value as Json, json};

use super::certs;

/// What was found in a file.
pub struct Seen {
    /// The key's own first, where there is a key.
    pub certs: Vec<StoredCert>,
    /// Of a PKCS#12 file.
    pub protection: Option<Protection>,
    /// Why it is no credential (no key, several keys, a key without its certificate).
    pub refusal: Option<BackendError>,
    /// Whether the first certificate leads to a root, if that was asked.
    pub chain: Option<Chain>,
}

/// Names from the certificate up to the root, or why not.
pub type Chain = Result<Vec<String>, Untrusted>;

/// For people.
pub fn lines(seen: &Seen, now: Timestamp, zone: &TimeZone, lang: Lang) -> Vec<String> {
    let word = |ja: &'static str, en: &'static str| if lang == Lang::Ja { ja } else { en };
    let told = match (&seen.protection, &seen.refusal) {
        (Some(_), None) => {
            word("PKCS#12。秘密鍵が1つあり、最初の証明書と組になっています。", "PKCS#12 with one private key; it belongs to the first certificate.")
        }
        (Some(_), Some(_)) => word("PKCS#12。", "PKCS#12."),
        (None, _) => word("証明書だけのファイルです。秘密鍵は入っていません。", "Certificates only; no private key."),
    };
    let mut lines = vec![told.to_owned()];
    if let Some(protection) = &seen.protection {
        let mac = protection.mac.as_ref().map_or_else(|| word("なし", "none").to_owned(), |mac| method(mac, lang));
        lines.push(format!("{} {mac}", word("改ざんの検出", "integrity")));
        let mut parts: Vec<String> = protection.parts.iter().map(|part| told_part(part, lang)).collect();
        parts.dedup();
        lines.extend(parts);
    }
    for cert in &seen.certs {
        lines.extend(certs::lines(&cert.info, now, zone, lang));
        lines.push(format!("  {} {}", word("拇印(2桁ずつ)", "thumbprint in pairs"), in_pairs(&cert.info.sha1)));
        if let Ok(details) = details(&cert.der) {
            lines.extend(told_details(&details, lang));
        }
    }
    match &seen.chain {
        Some(Ok(path)) => lines.push(format!("{} {}", word("信頼の鎖", "chain"), path.join(" ← "))),
        Some(Err(why)) => lines.push(format!("{} {}", word("信頼の鎖", "chain"), why.text().get(lang))),
        None => {}
    }
    lines
}

fn method(method: &Method, lang: Lang) -> String {
    let rounds = method.rounds;
    if lang == Lang::Ja { format!("{}({rounds}回)", method.name) } else { format!("{} ({rounds} rounds)", method.name) }
}

fn told_part(part: &Part, lang: Lang) -> String {
    let word = |ja: &'static str, en: &'static str| if lang == Lang::Ja { ja } else { en };
    let what = match part.holds {
        Holds::Key => word("秘密鍵の暗号化", "key encryption"),
        Holds::Certificate => word("証明書の暗号化", "certificate encryption"),
        Holds::Unseen => word("中身の暗号化", "content encryption"),
    };
    let how = part.method.as_ref().map_or_else(|| word("なし", "none").to_owned(), |how| method(how, lang));
    format!("{what} {how}")
}

fn told_details(details: &Details, lang: Lang) -> Vec<String> {
    let word = |ja: &'static str, en: &'static str| if lang == Lang::Ja { ja } else { en };
    let mut lines = vec![format!("  {} {}   {} {}", word("公開鍵", "public key"), details.key, word("署名", "signature"), details.signature)];
    let mut uses: Vec<&str> = details.key_usage.clone();
    uses.extend(details.extended_key_usage.iter().map(String::as_str));
    if !uses.is_empty() {
        lines.push(format!("  {} {}", word("用途", "usage"), uses.join(", ")));
    }
    if details.authority {
        lines.push(format!("  {}", word("認証局の証明書", "a certification authority")));
    }
    let roles: Vec<&str> = details.hc_roles.iter().map(|role| role.name.as_str()).collect();
    if !roles.is_empty() {
        lines.push(format!("  {} {}", word("資格(hcRole)", "qualification (hcRole)"), roles.join(", ")));
    }
    lines
}

/// For machines.
pub fn as_json(file: &Path, seen: &Seen, now: Timestamp, zone: &TimeZone) -> Json {
    let one = |cert: &StoredCert| {
        let mut told = certs::as_json(&cert.info, now, zone);
        if let Ok(details) = details(&cert.der) {
            let roles: Vec<Json> = details.hc_roles.iter().map(|role| json!({"scheme": role.scheme, "name": role.name})).collect();
            told["key"] = json!(details.key);
            told["signature"] = json!(details.signature);
            told["authority"] = json!(details.authority);
            told["key_usage"] = json!(details.key_usage);
            told["extended_key_usage"] = json!(details.extended_key_usage);
            told["hc_roles"] = json!(roles);
        }
        told
    };
    let method = |method: &Method| json!({"algorithm": method.name, "rounds": method.rounds});
    let part = |part: &Part| {
        let holds = match part.holds {
            Holds::Unseen => "unseen",
            Holds::Key => "key",
            Holds::Certificate => "certificate",
        };
        json!({"holds": holds, "encryption": part.method.as_ref().map(method)})
    };
    let protection = seen
        .protection
        .as_ref()
        .map(|protection| json!({"mac": protection.mac.as_ref().map(method), "parts": protection.parts.iter().map(part).collect::<Vec<_>>()}));
    let chain = seen.chain.as_ref().map(|chain| match chain {
        Ok(path) => json!({"trusted": true, "path": path, "why": null}),
        Err(why) => json!({"trusted": false, "path": [], "why": why.text()}),
    });
    json!({
        "file": file,
        "kind": if seen.protection.is_some() { "pkcs12" } else { "certificates" },
        "key_matches": (seen.protection.is_some() && seen.refusal.is_none()).then_some(true),
        "protection": protection,
        "certs": seen.certs.iter().map(one).collect::<Vec<_>>(),
        "chain": chain,
        "refusal": seen.refusal.as_ref().map(|error| json!({"code": error.code, "cause": error.cause, "cure": error.cure})),
    })
}

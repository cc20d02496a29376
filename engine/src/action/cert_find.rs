//! `cert.find`: finds a certificate in a store. Reads only.

use super::manifest::{input, input_or, manifest, output};
use super::{Action, InputSpec, Inputs, Kind, Manifest, Outputs, ReadAction, ReadCx};
use crate::backend::{BackendError, Verb, on_token};
use crate::dsl::{CertInfo, RoleKind, Type, Value, days_left, glob_matches};
use crate::text::{Lang, Phrase, Text};

/// The action.
pub(super) struct CertFind;

impl Action for CertFind {
    fn manifest(&self) -> Manifest {
        let words = |list: &[&str]| Type::Enum(list.iter().map(|word| (*word).to_owned()).collect());
        Manifest {
            inputs: vec![
                InputSpec {
                    or_kinds: &[RoleKind::Token],
                    ..input("in", Type::Role(RoleKind::Store), "探す保管先、またはUSBキー。", "the store to search, or the tokens.")
                },
                input(
                    "issuer",
                    Type::Glob,
                    "発行者(証明書の一覧に出る名前)。* と ? が使えます。",
                    "issuer as the certificate list shows it; `*` and `?` match any text and any character.",
                ),
                input("cn", Type::Glob.optional(), "発行先。省くと何でもよい。", "subject's common name; any if left out."),
                input(
                    "key",
                    Type::Bool.optional(),
                    "true なら秘密鍵のあるものだけ、false なら無いものだけ。",
                    "true: only with a private key; false: only without.",
                ),
                input_or(
                    "state",
                    words(&["valid", "expired", "any"]),
                    "any",
                    "期間内のもの、期限切れのもの、どちらでも。",
                    "only those in their validity period, only expired ones, or any.",
                ),
                input_or(
                    "pick",
                    words(&["only", "newest", "oldest"]),
                    "only",
                    "複数あるときの選び方。only は1枚だけのはずのとき。",
                    "which of several; `only` means that there must be exactly one.",
                ),
                input("on", Type::Token.optional(), "このUSBキーの中だけ。", "only on this token."),
                input("besides", Type::Cert.optional(), "この証明書は除く。", "leave this certificate out."),
                input("newer_than", Type::Cert.optional(), "この証明書より期限が後のものだけ。", "only those that expire later than this one."),
            ],
            outputs: vec![
                output("cert", Type::Cert, "見つかった証明書。", "the certificate found.").pinned(),
                output("count", Type::Int, "当てはまった枚数。", "how many matched."),
                output(
                    "others",
                    Type::List(Box::new(Type::Cert)),
                    "ほかに当てはまった証明書(期限の新しい順)。",
                    "the others that matched, latest expiry first.",
                ),
            ],
            codes: vec!["CERT.AMBIGUOUS", "CERT.NOT_FOUND", "STORE.UNREADABLE", "TOKEN.ABSENT", "TOKEN.FAILED", "TOKEN.NO_MODULE"],
            verbs: vec![Verb::List],
            ..manifest(
                "cert.find",
                Phrase { ja: "証明書を探す", en: "Find a certificate" },
                Phrase {
                    ja: "保管先やUSBキーの証明書を、発行者と発行先で探します。PINは要りません。何も変えません。",
                    en: "Searches a store or the inserted tokens for a certificate by issuer and subject. Needs no PIN and changes nothing.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Read(self)
    }
}

impl ReadAction for CertFind {
    fn read(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<Outputs, BackendError> {
        let role = inputs.role("in").ok_or_else(|| Inputs::unknown("in"))?;
        let (place, all) = cx.backends.certificates(&cx.call, role)?;
        let mut found: Vec<CertInfo> = all.into_iter().map(|cert| cert.info).filter(|cert| fits(cert, cx, inputs)).collect();
        found.sort_by(|a, b| (b.not_after, b.not_before, &b.sha1).cmp(&(a.not_after, a.not_before, &a.sha1)));
        let count = found.len();
        let cert = match inputs.str("pick").unwrap_or("only") {
            _ if count == 0 => return Err(not_found(place, inputs)),
            "oldest" => first_of(found.iter().rev(), cx)?,
            "newest" => first_of(found.iter(), cx)?,
            _ if count == 1 => found[0].clone(),
            _ => return Err(ambiguous(&found, cx)),
        };
        let others = found.into_iter().filter(|other| other.sha1 != cert.sha1).map(|other| Value::Cert(Box::new(other))).collect();
        Ok(Outputs::from([
            ("cert".to_owned(), Value::Cert(Box::new(cert))),
            ("count".to_owned(), Value::Int(i64::try_from(count).unwrap_or(i64::MAX))),
            ("others".to_owned(), Value::List(others)),
        ]))
    }
}

fn fits(cert: &CertInfo, cx: &ReadCx<'_>, inputs: &Inputs) -> bool {
    let in_time = cert.not_before <= cx.now && cx.now < cert.not_after;
    inputs.str("issuer").is_none_or(|issuer| glob_matches(issuer, &cert.issuer))
        && inputs.str("cn").is_none_or(|cn| glob_matches(cn, &cert.subject.cn))
        && inputs.bool("key").is_none_or(|key| key == cert.has_key)
        && inputs.token("on").is_none_or(|token| on_token(&cert.holder) == Some(token.serial.as_str()))
        && inputs.cert("besides").is_none_or(|other| other.sha1 != cert.sha1)
        && inputs.cert("newer_than").is_none_or(|old| cert.not_after > old.not_after)
        && match inputs.str("state").unwrap_or("any") {
            "valid" => in_time,
            "expired" => cert.not_after <= cx.now,
            _ => true,
        }
}

/// The first, unless the second has the same validity: then nothing tells which one is meant.
fn first_of<'a>(mut certs: impl Iterator<Item = &'a CertInfo>, cx: &ReadCx<'_>) -> Result<CertInfo, BackendError> {
    match (certs.next(), certs.next()) {
        (Some(one), Some(two)) if (one.not_after, one.not_before) == (two.not_after, two.not_before) => Err(ambiguous(&[one.clone(), two.clone()], cx)),
        (Some(one), _) => Ok(one.clone()),
        (None, _) => Err(BackendError::new("CERT.NOT_FOUND", Text::default())),
    }
}

fn ambiguous(certs: &[CertInfo], cx: &ReadCx<'_>) -> BackendError {
    let list = |lang: Lang| certs.iter().map(|cert| describe(cert, cx).get(lang).to_owned()).collect::<Vec<_>>();
    let (ja, en) = (list(Lang::Ja), list(Lang::En));
    let count = certs.len();
    BackendError::new(
        "CERT.AMBIGUOUS",
        Text::new(
            format!("条件に合う証明書が{count}枚あり、どれのことか決められません: {}", ja.join("、")),
            format!("{count} certificates match, and nothing tells which one is meant: {}", en.join("; ")),
        ),
    )
    .with("candidates", en.join("; "))
}

fn describe(cert: &CertInfo, cx: &ReadCx<'_>) -> Text {
    let (until, left, cn) = (cert.not_after.to_zoned(cx.zone.clone()).date(), days_left(cert.not_after, cx.now, cx.zone), &cert.subject.cn);
    let thumbprint = match (cert.sha1.get(..4), cert.sha1.get(cert.sha1.len().saturating_sub(4)..)) {
        (Some(head), Some(tail)) => format!("{head}…{tail}"),
        _ => cert.sha1.clone(),
    };
    if left < 0 {
        return Text::new(format!("{cn}({until} に期限切れ、拇印 {thumbprint})"), format!("{cn} (expired on {until}, thumbprint {thumbprint})"));
    }
    Text::new(format!("{cn}(期限 {until}、あと{left}日、拇印 {thumbprint})"), format!("{cn} (valid to {until}, {left} days left, thumbprint {thumbprint})"))
}

fn not_found(store: &str, inputs: &Inputs) -> BackendError {
    let issuer = inputs.str("issuer").unwrap_or("*");
    let cn = inputs.str("cn").unwrap_or("*");
    BackendError::new(
        "CERT.NOT_FOUND",
        Text::new(
            format!("{store} に、発行者が「{issuer}」で発行先が「{cn}」の当てはまる証明書がありません。"),
            format!("{store} has no matching certificate of issuer `{issuer}` and subject `{cn}`."),
        ),
    )
}

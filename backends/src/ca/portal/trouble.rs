//! What goes wrong at a portal, as errors with codes. Texts hold labels, never the values of a page.
//!
//! May use: codes, faults. Must not: decide whether something happened.

use kirikae_engine::backend::profile::PageError;
use kirikae_engine::backend::{BackendError, Class, code_info};
use kirikae_engine::text::{Lang, Text};

use super::forms::FormFault;
use super::http::Fault;
use super::labels::Miss;

/// The page is not as the profile says.
pub(super) fn unknown(ja: impl Into<String>, en: impl Into<String>, there: &[String]) -> BackendError {
    let error = BackendError::new("PORTAL.PAGE_UNKNOWN", Text::new(ja, en));
    if there.is_empty() { error } else { error.with("candidates", there.join(" / ")) }
}

/// A label led to nothing, or to several things.
pub(super) fn missed(name: &str, spellings: &[String], miss: Miss) -> BackendError {
    let label = spellings.join("」「");
    match miss {
        Miss::Nothing(there) => {
            unknown(format!("画面に「{label}」({name})がありません。"), format!("the page has no \u{201c}{label}\u{201d} ({name})."), &there)
        }
        Miss::Several(which) => {
            unknown(format!("画面に「{label}」({name})が複数あります。"), format!("the page has \u{201c}{label}\u{201d} ({name}) more than once."), &which)
        }
    }
}

/// The page shows a text whose meaning the profile knows.
pub(super) fn shown(known: &PageError) -> BackendError {
    let error = said(&known.code, &known.see);
    match &known.say {
        Some(say) => BackendError { cause: say.clone(), ..error },
        None => error,
    }
}

/// The site said this, and it means that code.
pub(super) fn said(code: &str, text: &str) -> BackendError {
    let class = code_info(code).map_or(Class::Permanent, |info| info.class);
    let cause = Text::new(format!("画面に「{text}」と出ました。"), format!("the page says \u{201c}{text}\u{201d}."));
    BackendError::new(code, cause).class(class).with("shown", text)
}

/// The site answered with a status that is no page.
pub(super) fn status(status: u16) -> BackendError {
    let (ja, en) = (format!("サイトの応答は HTTP {status} でした。"), format!("the site answered with HTTP {status}."));
    let code = match status {
        429 | 502..=504 => "PORTAL.BUSY",
        401 | 403 => "PORTAL.CERT_REJECTED",
        _ => "PORTAL.PAGE_UNKNOWN",
    };
    BackendError::new(code, Text::new(ja, en)).with("status", status.to_string())
}

/// There is no answer.
pub(super) fn fault(fault: Fault) -> BackendError {
    let about = |why: &Text, ja: &str, en: &str| Text::new(format!("{ja}: {}", why.ja), format!("{en}: {}", why.get(Lang::En)));
    match fault {
        Fault::Key(error) => error,
        Fault::Unreachable(why) => BackendError::new("NET.UNREACHABLE", about(&why, "つながりません", "no connection")),
        Fault::Untrusted(why) => BackendError::new("NET.UNTRUSTED", about(&why, "サイトの証明書を信頼できません", "the site's certificate is not trusted")),
        Fault::ClientRejected { .. } => BackendError::new(
            "PORTAL.CERT_REJECTED",
            Text::new("サイトがクライアント証明書を受け付けませんでした。", "the site refused the client certificate in the handshake."),
        ),
        Fault::Lost(why) => {
            let cause = about(&why, "応答がありません", "no answer");
            let (ja, en) = (&cause.ja, cause.get(Lang::En));
            let hint =
                Text::new(format!("{ja}(サイトがクライアント証明書を求めていることもあります)"), format!("{en} (the site may require a client certificate)"));
            BackendError::new("NET.UNREACHABLE", hint)
        }
        Fault::TooLong(limit) => unknown(format!("応答が {limit} バイトを超えました。"), format!("the answer is longer than {limit} bytes."), &[]),
        Fault::Elsewhere(host) => {
            unknown(format!("プロファイルにない場所({host})に移ろうとしました。"), format!("the page leads to {host}, which the profile does not list."), &[])
        }
    }
}

/// A file that is none, or not whole.
pub(super) fn bad_file(ja: impl Into<String>, en: impl Into<String>) -> BackendError {
    BackendError::new("PORTAL.FILE_BAD", Text::new(ja, en))
}

/// A form or link that leads nowhere without a browser.
pub(super) fn form(label: &str, fault: FormFault) -> BackendError {
    match fault {
        FormFault::Script => BackendError::new(
            "PORTAL.NEEDS_SCRIPT",
            Text::new(format!("「{label}」はスクリプトで動きます。"), format!("\u{201c}{label}\u{201d} runs a script.")),
        ),
        FormFault::OtherForm => unknown(
            format!("「{label}」は、入力した欄とは別のフォームにあります。"),
            format!("\u{201c}{label}\u{201d} belongs to another form than the fields."),
            &[],
        ),
        FormFault::Unencodable(field) => BackendError::new(
            "INPUT.UNFIT",
            Text::new(
                format!("欄 {field} の値に、画面の文字コードで送れない文字があります。"),
                format!("field {field:?} has a character that the page's charset lacks."),
            ),
        ),
        FormFault::Unreadable(what) => {
            unknown(format!("「{label}」の送り先を読めません: {what}"), format!("where \u{201c}{label}\u{201d} leads cannot be read: {what}"), &[])
        }
    }
}

/// After the committing request, where only what the profile expects says that it happened.
pub(super) fn result_unknown(inner: &BackendError) -> BackendError {
    let (ja, en) = (&inner.cause.ja, inner.cause.get(Lang::En));
    let mut error = BackendError::new(
        "PORTAL.RESULT_UNKNOWN",
        Text::new(format!("送ったあと、結果を確かめられませんでした。{ja}"), format!("it was sent, but the result could not be seen: {en}")),
    );
    error.data = inner.data.clone();
    error.with("inner", inner.code.clone())
}

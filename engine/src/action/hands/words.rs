//! Moves in words, for a person at a browser. The words of the screen are exact.
//!
//! May use: moves, labels. Must not: show a secret.

use crate::backend::checklist::Move;
use crate::backend::profile::{Label, Operation, Profile};
use crate::text::{Lang, Text};

/// What is asked, before the checklist.
pub(super) fn title(profile: &Profile, operation: Operation) -> Text {
    let (ja, en) = match operation {
        Operation::Apply => ("新しく申請してください。", "Make the first request."),
        Operation::Renew => ("更新を申請してください。", "Request the renewal."),
        Operation::Obtain => ("通知書の番号で証明書を受け取ってください。", "Receive the certificate with the IDs of the notice."),
        Operation::Status => ("発行の状態を見てください。", "Look at the state of the request."),
        Operation::FindIssued => ("発行済みの証明書の一覧を見てください。", "Look at the list of issued certificates."),
        Operation::Fetch => ("発行された証明書を受け取ってください。", "Receive the issued certificate."),
        Operation::Revoke => ("失効を申請してください。", "Request the revocation."),
        Operation::Root => ("ルート証明書を受け取ってください。", "Receive the root certificate."),
        Operation::Software => ("プログラムを受け取ってください。", "Receive the program."),
        Operation::SignIn => ("ログインしてください。", "Sign in."),
        Operation::SetPassword => ("サイトのパスワードを設定してください。", "Set the site's password."),
        Operation::Probe => ("この証明書でサイトに入れることを確かめてください。", "See that the site lets this certificate in."),
    };
    Text::new(format!("{}: {ja}", profile.title.ja), format!("{}: {en}", profile.title.get(Lang::En)))
}

/// The first line of a checklist whose pressing cannot be taken back.
pub(super) fn once() -> Text {
    Text::new(
        "もう押してあるときは、二度押さないでください。画面に出た値が分かれば入れ、分からなければ困りごと result_unknown で答えます。",
        "If it was pressed already, do not press again: give the values that the page showed, or answer with the problem result_unknown.",
    )
}

/// A problem that was met before anything was pressed.
pub(super) fn not_pressed(say: &Text) -> Text {
    Text::new(format!("{}(まだ押していない)", say.ja), format!("{} (nothing was pressed yet)", say.get(Lang::En)))
}

/// The lines of a checklist. `downloads` is where files are saved.
pub(super) fn items(moves: &[Move], downloads: Option<&str>) -> Vec<Text> {
    let mut lines = vec![];
    for step in moves {
        match step {
            Move::IfSeen { text, moves } => lines.extend(items(moves, downloads).into_iter().map(|line| {
                Text::new(format!("「{text}」と出たときだけ: {}", line.ja), format!("only if \u{201c}{text}\u{201d} is shown: {}", line.get(Lang::En)))
            })),
            step => lines.push(line(step, downloads)),
        }
    }
    lines
}

fn line(step: &Move, downloads: Option<&str>) -> Text {
    let both = |ja: String, en: String| Text::new(ja, en);
    match step {
        Move::Open { address, certificate: None } => both(format!("開く: {address}"), format!("open {address}")),
        Move::Open { address, certificate: Some(cert) } => both(
            format!("開く: {address} (証明書を選ぶ画面では「{}」期限 {} を選ぶ)", cert.name, cert.until),
            format!("open {address} (where a certificate is asked for, choose \u{201c}{}\u{201d} valid to {})", cert.name, cert.until),
        ),
        Move::OpenShown { name, address } => {
            let address = address.as_deref().unwrap_or(name);
            both(format!("開く: {address} (前の画面に出たアドレス)"), format!("open {address} (the address that was shown before)"))
        }
        Move::GoOn { operation } => both(format!("続ける: {operation} の最後の画面から"), format!("go on from the last page of {operation}")),
        Move::IfSeen { text, .. } => both(format!("「{text}」と出たとき"), format!("if \u{201c}{text}\u{201d} is shown")),
        Move::See { text } => both(format!("確かめる: 「{text}」と出ている"), format!("see that \u{201c}{text}\u{201d} is shown")),
        Move::SeeAny { texts } => both(
            format!("確かめる: 「{}」のどれかが出ている", texts.join("」「")),
            format!("see that one of \u{201c}{}\u{201d} is shown", texts.join("\u{201d} \u{201c}")),
        ),
        Move::SignedIn { text } => both(
            format!("確かめる: 「{text}」と出ている(入れたしるし。見たことを証拠に書く)"),
            format!("see that \u{201c}{text}\u{201d} is shown (the site let you in; say so as evidence)"),
        ),
        Move::Row { text, button, newest, may_be_missing } => {
            let (ja, en) = row(text.as_deref(), button.as_deref());
            let (newest_ja, newest_en) = if *newest { ("(複数あれば、いちばん新しい行)", " (of several the newest)") } else { ("", "") };
            let (missing_ja, missing_en) =
                if *may_be_missing { ("。無ければ、何も入れずに「はい」", "; if there is none, answer yes without values") } else { ("", "") };
            both(format!("一覧で見る: {ja}{newest_ja}{missing_ja}"), format!("in the list, {en}{newest_en}{missing_en}"))
        }
        Move::Rows { text, button, columns } => {
            let filtered = text.is_some() || button.is_some();
            let (ja, en) = row(text.as_deref(), button.as_deref());
            let (ja, en) = if filtered { (format!("({ja})"), format!(" ({en})")) } else { (String::new(), String::new()) };
            let names: Vec<&str> = columns.iter().map(|(_, label)| first(label)).collect();
            both(format!("書き取る: 一覧のすべての行{ja}の {}", names.join("・")), format!("write down every row of the list{en}: {}", names.join(", ")))
        }
        Move::Read { label, .. } if label.only_button().is_some() => {
            let button = label.only_button().unwrap_or_default();
            both(format!("見る: 「{button}」のボタンがあるか"), format!("see whether there is a button \u{201c}{button}\u{201d}"))
        }
        Move::Read { label, secret, .. } => {
            let label = first(label);
            let (ja, en) = if *secret { ("(秘密の値。ほかの人に見せない)", " (a secret)") } else { ("", "") };
            both(format!("書き取る: 「{label}」の値{ja}"), format!("write down the value of \u{201c}{label}\u{201d}{en}"))
        }
        Move::Check { value: Some(value), .. } => {
            both(format!("確かめる: 画面に「{value}」と出ている"), format!("see that the page shows \u{201c}{value}\u{201d}"))
        }
        Move::Check { name, value: None } => {
            both(format!("確かめる: 画面に、入力した {name} の値が出ている"), format!("see that the page shows the value of {name}"))
        }
        Move::Fill { label, value, .. } => {
            let labels = label.labels.join("」と「");
            let (ja, en) = typed(value.as_deref());
            both(format!("入力: 「{labels}」に {ja}"), format!("type into \u{201c}{labels}\u{201d}: {en}"))
        }
        Move::Choose { label, value, .. } => {
            let meant = value.as_ref().and_then(|value| label.means.iter().find(|(word, _)| word == value)).and_then(|(_, texts)| texts.first());
            let (ja, en) = typed(meant.or(value.as_ref()).map(String::as_str));
            both(format!("選ぶ: 「{}」で {ja}", first(label)), format!("choose in \u{201c}{}\u{201d}: {en}", first(label)))
        }
        Move::Tick { label } => both(format!("印を付ける: 「{}」", label.labels.join("」と「")), format!("tick \u{201c}{}\u{201d}", first(label))),
        Move::Upload { name, label, value } => {
            let name = value.as_ref().unwrap_or(name);
            both(format!("ファイルを選ぶ: 「{}」に {name}", first(label)), format!("choose the file {name} in \u{201c}{}\u{201d}", first(label)))
        }
        Move::Press { label, commits } => pressed("押す", "press", label, *commits),
        Move::Follow { label, commits } => pressed("押す(リンク)", "follow the link", label, *commits),
        Move::Dialog { text } => both(format!("「{text}」と聞かれたら OK を押す"), format!("when asked \u{201c}{text}\u{201d}, press OK")),
        Move::Download { pattern, inside } => {
            let place = downloads.map(|id| id.strip_prefix("folder:").unwrap_or(id)).unwrap_or("-");
            let (ja, en) = inside
                .as_ref()
                .map_or_else(|| (String::new(), String::new()), |inside| (format!("(zip の中の {inside})"), format!(" ({inside} inside the zip file)")));
            both(format!("保存: {pattern}{ja} を {place} に"), format!("save {pattern}{en} in {place}"))
        }
    }
}

fn first(label: &Label) -> &str {
    label.labels.first().map_or("", String::as_str)
}

fn typed(value: Option<&str>) -> (String, String) {
    value.map_or_else(
        || ("秘密の値(別に示す)".to_owned(), "the secret, which is shown apart".to_owned()),
        |value| (format!("「{value}」"), format!("\u{201c}{value}\u{201d}")),
    )
}

fn row(text: Option<&str>, button: Option<&str>) -> (String, String) {
    let ja: Vec<String> =
        text.map(|text| format!("「{text}」とある行")).into_iter().chain(button.map(|button| format!("「{button}」のボタンがある行"))).collect();
    let en = text.map(|text| format!("the row with \u{201c}{text}\u{201d}")).into_iter();
    let en: Vec<String> = en.chain(button.map(|button| format!("the row with the button \u{201c}{button}\u{201d}"))).collect();
    if ja.is_empty() { ("対象の行".to_owned(), "the row".to_owned()) } else { (ja.join("で、"), en.join(", ")) }
}

fn pressed(ja: &str, en: &str, label: &Label, commits: bool) -> Text {
    let name = first(label);
    if commits {
        Text::new(format!("{ja}: 「{name}」(一度だけ)"), format!("{en} \u{201c}{name}\u{201d} (once)"))
    } else {
        Text::new(format!("{ja}: 「{name}」"), format!("{en} \u{201c}{name}\u{201d}"))
    }
}

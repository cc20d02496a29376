//! 失効: two pages of input, one to confirm, the end (manual 3). The certificate is revoked at once; a mail is nobody's to send here.
//!
//! May use: the desk, the page model. Must not: know HTTP or markup.

use kirikae_engine::backend::profile::Operation;

use super::Obn;
use crate::LabError;
use crate::html::{Block, Field, FieldKind, Form, Page};
use crate::portal::{Answer, Client, Visit, session_over};

/// Where it begins.
pub(super) const BEGIN: &str = "/p/rx";
/// The committing request.
pub(super) const SEND: &str = "/p/rx/send";
const APPLICANT: &str = "/p/rx/applicant";
const CONFIRM: &str = "/p/rx/confirm";

/// Its paths.
pub(super) const PATHS: [&str; 4] = [BEGIN, APPLICANT, CONFIRM, SEND];

const INPUT: &str = "証明書失効申請情報の入力画面";

impl Obn {
    /// Answers a request below `/p/rx` of a client that was let in.
    pub(super) fn revocation(&self, visit: &mut Visit<'_>, client: &Client) -> Result<Answer, LabError> {
        match (visit.incoming.post, visit.incoming.path.as_str()) {
            (false, BEGIN) => Ok(Answer::page(ids_page())),
            (true, APPLICANT) => Ok(ids(visit)),
            (true, CONFIRM) => Ok(applicant(visit)),
            (true, SEND) => self.revoke(visit, client),
            _ => Ok(Answer::page(session_over())),
        }
    }

    fn revoke(&self, visit: &mut Visit<'_>, client: &Client) -> Result<Answer, LabError> {
        let typed = |name: &str| visit.session.values.get(name).cloned();
        let (Some(request_id), Some(reference_id), Some(_)) = (typed("request"), typed("reference"), typed("mail")) else {
            return Ok(Answer::page(session_over()));
        };
        let program = &self.profile.id;
        let of_client = |serial: &str| serial == client.about.serial;
        match visit.desk.with_ids(program, &request_id, &reference_id) {
            Some(issuance) if issuance.owner == client.about.subject || of_client(&issuance.serial) => {
                visit.desk.revoke(program, Operation::Revoke, &issuance.about(), visit.now)?;
                Ok(Answer::page(
                    Page::titled("送信完了").says("失効申請を受け付けました。").says("承認されると、入力されたメールアドレスに失効完了をご連絡します。"),
                ))
            }
            _ => Ok(Answer::page(Page::titled("入力エラー").says("リクエストIDまたはリファレンスIDが正しくありません。"))),
        }
    }
}

fn field(label: &str, name: &str) -> Field {
    Field { label: label.into(), name: name.into(), kind: FieldKind::Text }
}

fn ids_page() -> Page {
    let fields = vec![field("リクエストID", "requestId"), field("リファレンスID", "referenceId")];
    Page::titled(INPUT)
        .says("「電子証明書発行通知書」に記載のリクエストIDとリファレンスIDを入力してください。")
        .with(Block::Form(Form { fields, ..Form::button(APPLICANT, "次へ") }))
}

fn ids(visit: &mut Visit<'_>) -> Answer {
    let sent = &visit.incoming.sent;
    let (request, reference) = (sent.text("requestId").to_owned(), sent.text("referenceId").to_owned());
    if request.is_empty() || reference.is_empty() {
        return Answer::page(ids_page().says("入力されていない項目があります。"));
    }
    visit.session.values.extend([("request".to_owned(), request), ("reference".to_owned(), reference)]);
    Answer::page(applicant_page())
}

fn applicant_page() -> Page {
    let fields = vec![field("メールアドレス", "mail"), field("メールアドレス(確認用)", "mailConfirm")];
    Page::titled(INPUT).says("失効申請者の情報を入力してください。").with(Block::Form(Form { fields, ..Form::button(CONFIRM, "申請") }))
}

fn applicant(visit: &mut Visit<'_>) -> Answer {
    let sent = &visit.incoming.sent;
    let (mail, again) = (sent.text("mail").to_owned(), sent.text("mailConfirm"));
    if !mail.contains('@') || mail != again {
        return Answer::page(applicant_page().says("メールアドレスを、2つの欄に同じように入力してください。"));
    }
    let Some(request) = visit.session.values.get("request").cloned() else { return Answer::page(session_over()) };
    visit.session.values.insert("mail".to_owned(), mail.clone());
    let typed = vec![("リクエストID".to_owned(), request), ("メールアドレス".to_owned(), mail)];
    Answer::page(
        Page::titled("証明書失効申請情報の入力内容確認画面")
            .says("以下の内容で申請します。よろしければボタンを押してください。")
            .with(Block::Values(typed))
            .with(Block::Form(Form::button(SEND, "申請"))),
    )
}

//! The online-billing CA's portal, made by hand after its user manual v1.6.0 (1.1, 1.5, 2.1, 2.2, 2.2.1, 3, 5.2.2, 5.3.1).
//!
//! Its labels are written here from the manual, not taken from the profile, so that the profile is tried on other work than itself.
//! May use: the desk, the page model. Must not: know HTTP or markup.

mod handouts;
mod revocation;

use jiff::Timestamp;
use kirikae_engine::backend::profile::{Operation, Profile};
use kirikae_engine::dsl::Type;

use crate::LabError;
use crate::desk::Order;
use crate::html::{Block, Cell, Field, FieldKind, Form, Page, Table};
use crate::pki::Issuer;
use crate::portal::{Answer, Client, Incoming, Part, Portal, SiteLines, Visit, not_accepted, session_over};
use crate::site::MEDICAL_CODE;
use crate::state::{Issuance, State, japan_day};

/// The certificate of a notice can be received this long (manual 1.1).
const NOTICE_DAYS: i64 = 180;

const OBTAIN: &str = "/p/rcd";
const RENEWALS: &str = "/p/ru";
const APPLY: &str = "/p/ru/apply";
const LIST: &str = "/p/ru/list";
const KEY: &str = "/p/ru/key";
const KEY_PASSWORD: &str = "/p/ru/key/password";
const KEY_FILE: &str = "/p/ru/key/file";

const STATES: [&str; 3] = ["鍵生成中", "発行要求中", "発行済み"];

/// The portal.
pub(crate) struct Obn {
    profile: Profile,
    issuer: Issuer,
}

impl Obn {
    /// The portal of this profile.
    pub(crate) fn new(profile: Profile, issuer: Issuer) -> Self {
        Self { profile, issuer }
    }

    fn obtain_page() -> Page {
        let field = |label: &str, name: &str, kind| Field { label: label.into(), name: name.into(), kind };
        let form = Form {
            fields: vec![
                field("リクエストID", "requestId", FieldKind::Text),
                field("リファレンスID", "referenceId", FieldKind::Text),
                field("証明書パスワード", "certPassword", FieldKind::Password),
                field("証明書パスワード(確認用)", "certPasswordConfirm", FieldKind::Password),
            ],
            ..Form::button(OBTAIN, "ダウンロード")
        };
        Page::titled("証明書の取得画面")
            .says("「電子証明書発行通知書」に記載のリクエストIDとリファレンスIDを入力してください。")
            .says("任意の4桁の半角数字を決めて入力してください。")
            .with(Block::Form(form))
            .says("入力した番号は端末等へ証明書をインストールする際に必要となりますので忘れないようにしてください。")
    }

    fn obtain(&self, visit: &mut Visit<'_>) -> Result<Answer, LabError> {
        let sent = &visit.incoming.sent;
        let (request_id, reference_id) = (sent.text("requestId").to_owned(), sent.text("referenceId").to_owned());
        let (password, again) = (sent.text("certPassword").to_owned(), sent.text("certPasswordConfirm"));
        if !is_password(&password) || password != again {
            return Ok(Answer::page(Self::obtain_page().says("任意の4桁の半角数字を、2つの欄に同じように入力してください。")));
        }
        if visit.desk.notice_sent(&self.profile.id, &request_id).is_some_and(|sent| is_over(sent, visit.now)) {
            return Ok(Answer::page(Self::obtain_page().says("取得期限を過ぎています。")));
        }
        let mishap = visit.mishap(&self.profile, Operation::Obtain)?;
        let order = Order {
            program: &self.profile.id,
            operation: Operation::Obtain,
            issuer: &self.issuer,
            subject: vec![],
            public: None,
            replaces: None,
            takes: std::time::Duration::ZERO,
            listed: false,
            mishap,
        };
        match visit.desk.receive(order, &request_id, &reference_id, visit.now)? {
            Some(issuance) => self.file(visit, &issuance, Operation::Obtain, &password),
            None => Ok(Answer::page(Self::obtain_page().says("リクエストIDまたはリファレンスIDが正しくありません。"))),
        }
    }

    fn apply(&self, visit: &mut Visit<'_>, client: Client) -> Result<Answer, LabError> {
        let mishap = visit.mishap(&self.profile, Operation::Renew)?;
        let order = Order {
            program: &self.profile.id,
            operation: Operation::Renew,
            issuer: &self.issuer,
            subject: client.subject.clone(),
            public: None,
            replaces: Some(client.about.serial),
            takes: visit.pace.issuing,
            listed: true,
            mishap,
        };
        let (issuance, reference_id) = visit.desk.accept(order, &Type::Digits(15), visit.now)?;
        let status = STATES[issuance.stage(visit.now, 2)];
        let receipt = vec![
            ("リクエストID".to_owned(), issuance.request_id.clone()),
            ("リファレンスID".to_owned(), reference_id),
            ("証明書ステータス".to_owned(), status.to_owned()),
        ];
        let details = client.subject.iter().map(|(kind, value)| (long_name(kind).to_owned(), value.clone())).collect();
        Ok(Answer::page(
            Page::titled("送信完了")
                .says("申請情報を受け付けました。")
                .says("証明書の発行申請はこれで完了です。")
                .with(Block::Values(receipt))
                .says("受け付けた申請情報の詳細は以下のとおりです。")
                .with(Block::Values(details)),
        ))
    }

    fn list(&self, visit: &mut Visit<'_>, client: &Client) -> Result<Answer, LabError> {
        let stale = visit.is_stale(self, client)?;
        let mut rows = visit.desk.rows(&self.profile.id, &client.about.subject, visit.now);
        if stale {
            rows.retain(|row| row.is_issued(visit.now));
            rows.reverse();
        }
        let page = Page::titled("更新後証明書の取得");
        if rows.is_empty() {
            return Ok(Answer::page(page.says("表示する情報はありません。").with(Block::Link("戻る".into(), RENEWALS.into()))));
        }
        let headings = ["リクエストID", "Common Name", "シリアル番号", "発行日", "有効期限", "証明書ステータス", "操作"].map(str::to_owned).to_vec();
        let rows = rows.iter().map(|row| Self::row(row, visit.now)).collect();
        Ok(Answer::page(page.with(Block::Table(Table { headings, rows })).with(Block::Link("戻る".into(), RENEWALS.into()))))
    }

    fn row(row: &Issuance, now: Timestamp) -> Vec<Cell> {
        let issued = row.is_issued(now);
        let day = |at: Timestamp| japan_day(at).strftime("%Y/%m/%d").to_string();
        let known = |text: String| Cell::Text(if issued { text } else { "-".into() });
        let button = Form { hidden: vec![("rid".into(), row.request_id.clone())], ..Form::button(KEY, "Download Key") };
        vec![
            Cell::Text(row.request_id.clone()),
            Cell::Text(row.common_name().to_owned()),
            known(row.serial.clone()),
            known(day(row.not_before)),
            known(day(row.not_after)),
            Cell::Text(STATES[row.stage(now, 2)].into()),
            if issued { Cell::Form(button) } else { Cell::Text(String::new()) },
        ]
    }

    /// 「鍵の取得」, for a row that this client may have.
    fn key(&self, visit: &mut Visit<'_>, client: &Client) -> Answer {
        let request_id = visit.incoming.sent.text("rid").to_owned();
        match self.obtainable(visit, client, &request_id) {
            None => Answer::page(Page::titled("更新後証明書の取得").says("対象の証明書がありません。")),
            Some(_) => {
                visit.session.values.insert("rid".into(), request_id);
                Answer::page(Self::key_page())
            }
        }
    }

    fn key_page() -> Page {
        let field = Field { label: "パスワード".into(), name: "keyPassword".into(), kind: FieldKind::Password };
        Page::titled("鍵の取得")
            .says("任意の半角数字4桁を入力してください。")
            .with(Block::Form(Form { fields: vec![field], ..Form::button(KEY_PASSWORD, "Submit") }))
    }

    fn key_password(&self, visit: &mut Visit<'_>) -> Answer {
        let password = visit.incoming.sent.text("keyPassword").to_owned();
        if !is_password(&password) {
            return Answer::page(Self::key_page().says("入力に誤りがあります。"));
        }
        visit.session.values.insert("password".into(), password);
        let done = Page::titled("鍵の取得").says("鍵の準備ができました。");
        Answer::page(done.with(Block::Form(Form::button(KEY_FILE, "Download"))))
    }

    fn key_file(&self, visit: &mut Visit<'_>, client: &Client) -> Result<Answer, LabError> {
        let value = |name: &str| visit.session.values.get(name).cloned();
        let (Some(request_id), Some(password)) = (value("rid"), value("password")) else { return Ok(Answer::page(session_over())) };
        match self.obtainable(visit, client, &request_id) {
            Some(issuance) => self.file(visit, &issuance, Operation::Fetch, &password),
            None => Ok(Answer::page(Page::titled("更新後証明書の取得").says("対象の証明書がありません。"))),
        }
    }

    fn obtainable(&self, visit: &Visit<'_>, client: &Client, request_id: &str) -> Option<Issuance> {
        let row = visit.desk.find(&self.profile.id, request_id)?;
        (row.owner == client.about.subject && row.is_shown(visit.now) && row.is_issued(visit.now)).then_some(row)
    }

    fn file(&self, visit: &mut Visit<'_>, issuance: &Issuance, operation: Operation, password: &str) -> Result<Answer, LabError> {
        let password = visit.file_password(&self.profile, operation, password)?;
        let file = visit.desk.hand_out(&self.issuer, issuance, operation, &password, visit.now)?;
        Ok(Answer::File(format!("{}.p12", issuance.request_id), file))
    }
}

impl Portal for Obn {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    fn sends_notices(&self) -> bool {
        true
    }

    fn file_in_inbox(&self, state: &mut State, now: Timestamp) -> Option<String> {
        Some(format!("{}.p12", state.next_request_id(now)))
    }

    fn site_lines(&self) -> SiteLines {
        let secret = |playbook: &str, name: &str, source: &str| format!("{}/{playbook}.{name}: {{ {source} }}", self.profile.id);
        let made = ["renew-web", "obtain", "renew-mpki", "backup-export"].map(|playbook| secret(playbook, "p12_password", "generate: digits(4)"));
        let kept = ["install", "backup-file", "delete-old"].map(|playbook| secret(playbook, "p12_password", "file: ./install-password.txt"));
        let notice = secret("obtain", "reference_id", "file: ./reference-id.txt");
        SiteLines {
            inputs: vec![("medical_code", MEDICAL_CODE.to_owned())],
            secrets: [notice].into_iter().chain(made).chain(kept).collect(),
            ..SiteLines::default()
        }
    }

    fn program(&self) -> Option<&str> {
        Some("MPKI クライアント")
    }

    fn begins(&self, incoming: &Incoming) -> bool {
        !incoming.post && [OBTAIN, RENEWALS, revocation::BEGIN, handouts::ROOT, handouts::CLIENT].contains(&incoming.path.as_str())
    }

    fn paths(&self) -> Vec<String> {
        let own = [OBTAIN, RENEWALS, APPLY, LIST, KEY, KEY_PASSWORD, KEY_FILE];
        own.iter().chain(&revocation::PATHS).chain(&handouts::PATHS).map(|path| (*path).to_owned()).collect()
    }

    fn part(&self, incoming: &Incoming) -> Part {
        match (incoming.post, incoming.path.as_str()) {
            (true, OBTAIN) => Part { commits: Some(Operation::Obtain), file: Some(Operation::Obtain), ..Part::default() },
            (true, APPLY) => Part { commits: Some(Operation::Renew), ..Part::default() },
            (true, KEY_PASSWORD) => Part { commits: Some(Operation::Fetch), ..Part::default() },
            (_, KEY_FILE) => Part { file: Some(Operation::Fetch), ..Part::default() },
            (true, revocation::SEND) => Part { commits: Some(Operation::Revoke), ..Part::default() },
            (_, handouts::ROOT) => Part { file: Some(Operation::Root), ..Part::default() },
            (_, handouts::INSTALLER) => Part { file: Some(Operation::Software), ..Part::default() },
            (false, RENEWALS) => Part { ends: vec![Operation::Probe], ..Part::default() },
            (false, LIST) => Part { ends: vec![Operation::FindIssued, Operation::Status], ..Part::default() },
            _ => Part::default(),
        }
    }

    fn answer(&self, visit: &mut Visit<'_>) -> Result<Answer, LabError> {
        let (post, path) = (visit.incoming.post, visit.incoming.path.as_str());
        if path == OBTAIN {
            return if post { self.obtain(visit) } else { Ok(Answer::page(Self::obtain_page())) };
        }
        if let Some(answer) = handouts::answer(path)? {
            return Ok(answer);
        }
        let Some(client) = visit.client(self)? else { return Ok(Answer::Page(403, not_accepted())) };
        match (post, path) {
            (_, path) if revocation::PATHS.contains(&path) => self.revocation(visit, &client),
            (_, RENEWALS) => Ok(Answer::page(
                Page::titled("更新申請").with(Block::Link("証明書更新申請".into(), APPLY.into())).with(Block::Link("更新後証明書の取得".into(), LIST.into())),
            )),
            (false, APPLY) => Ok(Answer::page(
                Page::titled("証明書更新申請")
                    .says("以下の内容で申請します。よろしければボタンを押してください。")
                    .with(Block::Form(Form::button(APPLY, "Submit"))),
            )),
            (true, APPLY) => self.apply(visit, client),
            (_, LIST) => self.list(visit, &client),
            (true, KEY) => Ok(self.key(visit, &client)),
            (true, KEY_PASSWORD) => Ok(self.key_password(visit)),
            (_, KEY_FILE) => self.key_file(visit, &client),
            _ => Ok(Answer::page(session_over())),
        }
    }
}

fn is_password(text: &str) -> bool {
    text.len() == 4 && text.bytes().all(|digit| digit.is_ascii_digit())
}

fn is_over(sent: Timestamp, now: Timestamp) -> bool {
    i64::from((japan_day(now) - japan_day(sent)).get_days()) > NOTICE_DAYS
}

/// The words of the page for the parts of a subject.
fn long_name(kind: &str) -> &str {
    match kind {
        "CN" => "Common Name",
        "OU" => "Organizational Unit",
        "O" => "Organization",
        "C" => "Country",
        other => other,
    }
}

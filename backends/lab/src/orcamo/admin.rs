//! The administration site: the tenant's certificates, their passwords and files.

use std::io::{Cursor, Write};

use kirikae_engine::backend::profile::Operation;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{Orcamo, PROGRAM, is_due, lost, password};
use crate::LabError;
use crate::effects::Effect;
use crate::generic::account;
use crate::html::{Block, Cell, Field, FieldKind, Form, Page, Table};
use crate::portal::{Answer, Incoming, Part, Visit, not_accepted, session_over};
use crate::state::{Issuance, japan, japan_day};

pub(super) const BELOW: &str = "/orcamo_admin";
pub(super) const ENTRANCE: &str = "/orcamo_admin/";
const TOP: &str = "/orcamo_admin/top";
const LIST: &str = "/orcamo_admin/certs";
const DETAIL: &str = "/orcamo_admin/cert";
const RENEW: &str = "/orcamo_admin/renew";
const P12: &str = "/orcamo_admin/p12";
const ZIP: &str = "/orcamo_admin/zip";
pub(super) const PATHS: [&str; 7] = [ENTRANCE, TOP, LIST, DETAIL, RENEW, P12, ZIP];

/// The certificate of the page that is open.
const OPEN: &str = "open";

pub(super) fn part(incoming: &Incoming) -> Part {
    match (incoming.post, incoming.path.as_str()) {
        (true, TOP) => Part { commits: Some(Operation::SignIn), ..Part::default() },
        (true, RENEW) => Part { commits: Some(Operation::Renew), ..Part::default() },
        (false, DETAIL) => Part { ends: vec![Operation::FindIssued], ..Part::default() },
        (_, P12 | ZIP) => Part { file: Some(Operation::Fetch), ..Part::default() },
        _ => Part::default(),
    }
}

pub(super) fn answer(door: &Orcamo, visit: &mut Visit<'_>) -> Result<Answer, LabError> {
    let Some(client) = visit.client(door)? else { return Ok(Answer::Page(403, not_accepted())) };
    let (post, path) = (visit.incoming.post, visit.incoming.path.as_str());
    match (post, path) {
        (false, ENTRANCE) => return Ok(Answer::page(entrance())),
        (true, TOP) => {
            if let Some(words) = account::judge(visit, &door.profile, &client.about)? {
                return Ok(Answer::page(entrance().says(&words)));
            }
            visit.session.signed_in = true;
            visit.desk.tell(visit.now, &door.profile.id, Effect::SignedIn, Some(Operation::SignIn), &client.about)?;
            return Ok(Answer::page(tabs(Page::titled("ORCAMO クラウド管理"))));
        }
        _ if !visit.session.signed_in => return Ok(Answer::page(session_over())),
        (_, TOP) => return Ok(Answer::page(tabs(Page::titled("ORCAMO クラウド管理")))),
        (_, LIST) => return Ok(Answer::page(list(visit))),
        (false, DETAIL) => {
            let name = visit.incoming.sent.text("name").to_owned();
            visit.session.values.insert(OPEN.into(), name);
        }
        _ => {}
    }
    let open = visit.session.values.get(OPEN).and_then(|name| visit.desk.newest(PROGRAM, name));
    let Some(issuance) = open else { return Ok(lost()) };
    match (post, path) {
        (true, RENEW) if is_due(&issuance, visit.now) => {
            let renewed = door.renew(visit, &issuance)?;
            Ok(Answer::page(detail(visit, &renewed, Some("証明書の更新に成功しました。"))?))
        }
        (_, P12) => door.file(visit, &issuance).map(|(name, content)| Answer::File(name, content)),
        (_, ZIP) => {
            let (name, content) = door.file(visit, &issuance)?;
            Ok(Answer::File(format!("{}.zip", issuance.common_name()), zipped(&name, &content)?))
        }
        _ => Ok(Answer::page(detail(visit, &issuance, None)?)),
    }
}

fn entrance() -> Page {
    let field = |label: &str, name: &str, kind| Field { label: label.into(), name: name.into(), kind };
    let fields = vec![field("ユーザー", "f_user", FieldKind::Text), field("パスワード", "f_password", FieldKind::Password)];
    Page::titled("ログイン").with(Block::Form(Form { fields, ..Form::button(TOP, "ログイン") }))
}

fn tabs(page: Page) -> Page {
    [("TOP", TOP), ("テナント情報", TOP), ("証明書管理", LIST), ("ユーザ管理", TOP), ("ログイン履歴", TOP)]
        .into_iter()
        .fold(page, |page, (label, address)| page.with(Block::Link(label.into(), address.into())))
}

/// The newest certificate of every name.
fn list(visit: &Visit<'_>) -> Page {
    let headings = ["証明書", "種別", "状態", "有効期限"].map(str::to_owned).to_vec();
    let row = |issuance: Issuance| {
        let name = issuance.common_name().to_owned();
        let until = Cell::Text(japan_day(issuance.not_after).to_string());
        vec![Cell::Link(name.clone(), format!("{DETAIL}?name={name}")), Cell::Text("テナント-client".into()), Cell::Text("利用中".into()), until]
    };
    let rows = visit.desk.owners(PROGRAM).iter().filter_map(|owner| visit.desk.newest(PROGRAM, owner)).map(row).collect();
    tabs(Page::titled("証明書管理")).with(Block::Table(Table { headings, rows }))
}

fn detail(visit: &mut Visit<'_>, issuance: &Issuance, notice: Option<&str>) -> Result<Page, LabError> {
    let password = password(&mut visit.desk.state, &issuance.request_id)?.password;
    let values = [
        ("状態", "利用中".to_owned()),
        ("種別", "テナント-client".to_owned()),
        ("パスワード", password),
        ("発行申請日時", issuance.accepted_at.to_zoned(japan()).strftime("%Y/%m/%d %H:%M").to_string()),
        ("発行日", japan_day(issuance.not_before).to_string()),
        ("有効期限", japan_day(issuance.not_after).to_string()),
        ("備考", "-".to_owned()),
    ];
    let mut page = tabs(Page::titled("申請済証明書詳細"));
    if let Some(notice) = notice {
        page = page.says(notice);
    }
    page = page.with(Block::Values(values.map(|(label, value)| (label.to_owned(), value)).to_vec())).with(Block::Link("一覧に戻る".into(), LIST.into()));
    if is_due(issuance, visit.now) {
        page = page.with(Block::Form(Form::button(RENEW, "証明書更新")));
    }
    Ok(page.with(Block::Form(Form::button(P12, "ダウンロード(p12形式)"))).with(Block::Form(Form::button(ZIP, "ダウンロード(zip形式)"))))
}

fn zipped(name: &str, content: &[u8]) -> Result<Vec<u8>, LabError> {
    let mut writer = ZipWriter::new(Cursor::new(vec![]));
    let options = SimpleFileOptions::default();
    writer.start_file(name, options).map_err(LabError::crypto)?;
    writer.write_all(content).map_err(LabError::crypto)?;
    Ok(writer.finish().map_err(LabError::crypto)?.into_inner())
}

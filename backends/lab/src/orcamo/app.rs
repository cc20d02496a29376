//! WebQKAN: sign-in, the menu with its banner, the page with file and password.

use kirikae_engine::backend::profile::Operation;

use super::{Orcamo, is_due, lost, password};
use crate::LabError;
use crate::effects::Effect;
use crate::generic::account;
use crate::html::{Block, Field, FieldKind, Form, Page};
use crate::portal::{Answer, Client, Incoming, Part, Visit, not_accepted, session_over};

pub(super) const BELOW: &str = "/webqkan";
pub(super) const ENTRANCE: &str = "/webqkan/";
const MENU: &str = "/webqkan/menu";
const LATER: &str = "/webqkan/later";
const UPDATE: &str = "/webqkan/update";
const PASSWORD: &str = "/webqkan/password";
const FILE: &str = "/webqkan/file";
pub(super) const PATHS: [&str; 6] = [ENTRANCE, MENU, LATER, UPDATE, PASSWORD, FILE];

/// The session's issuance, for the pages with file and password.
const ISSUED: &str = "issued";

pub(super) fn part(incoming: &Incoming) -> Part {
    match (incoming.post, incoming.path.as_str()) {
        (true, MENU) => Part { commits: Some(Operation::SignIn), ..Part::default() },
        (true, UPDATE) => Part { commits: Some(Operation::Renew), ..Part::default() },
        (_, FILE) => Part { file: Some(Operation::Fetch), ..Part::default() },
        _ => Part::default(),
    }
}

pub(super) fn answer(door: &Orcamo, visit: &mut Visit<'_>) -> Result<Answer, LabError> {
    let Some(client) = visit.client(door)? else { return Ok(Answer::Page(403, not_accepted())) };
    match (visit.incoming.post, visit.incoming.path.as_str()) {
        (false, ENTRANCE) => return Ok(Answer::page(entrance())),
        (true, MENU) => {
            if let Some(words) = account::judge(visit, &door.profile, &client.about)? {
                return Ok(Answer::page(entrance().says(&words)));
            }
            visit.session.signed_in = true;
            visit.desk.tell(visit.now, &door.profile.id, Effect::SignedIn, Some(Operation::SignIn), &client.about)?;
        }
        _ if !visit.session.signed_in => return Ok(Answer::page(session_over())),
        _ => {}
    }
    match (visit.incoming.post, visit.incoming.path.as_str()) {
        (_, MENU | LATER) => Ok(Answer::page(menu(visit, &client))),
        (true, UPDATE) => update(door, visit, &client),
        (false, UPDATE) => Ok(visit.session.values.get(ISSUED).map_or_else(lost, |_| Answer::page(save()))),
        (post, PASSWORD) => shown_once(visit, post),
        (_, FILE) => file(door, visit),
        _ => Ok(lost()),
    }
}

fn entrance() -> Page {
    let field = |label: &str, name: &str, kind| Field { label: label.into(), name: name.into(), kind };
    let fields = vec![field("ユーザー", "f_user", FieldKind::Text), field("パスワード", "f_password", FieldKind::Password)];
    Page::titled("WebQKAN").with(Block::Form(Form { fields, ..Form::button(MENU, "ログイン") })).says("操作ログ").says("日本医師会ORCA管理機構")
}

fn menu(visit: &Visit<'_>, client: &Client) -> Page {
    let page = Page::titled("(QM00)メニュー");
    // The certificate that was chosen is the one that is looked at.
    let own = Orcamo::own(visit, client).filter(|own| own.serial == client.about.serial && is_due(own, visit.now));
    let page = match own {
        Some(_) if visit.incoming.path != LATER => page
            .says("クライアント証明書の有効期限が近づいています。")
            .with(Block::Form(Form::button(UPDATE, "更新")))
            .with(Block::Form(Form::button(LATER, "閉じる"))),
        _ => page,
    };
    page.says("業務開始")
        .says("新着情報")
        .says("【最新のメンテナンス情報】")
        .says("2023-09-12 : 2023年9月15日(金) 22時00分 ~ 24時00分までWebQKANのメンテナンスに伴うサービス停止をお知らせします。")
}

fn update(door: &Orcamo, visit: &mut Visit<'_>, client: &Client) -> Result<Answer, LabError> {
    let Some(own) = Orcamo::own(visit, client).filter(|own| own.serial == client.about.serial && is_due(own, visit.now)) else {
        return Ok(Answer::page(menu(visit, client)));
    };
    let issuance = door.renew(visit, &own)?;
    visit.session.values.insert(ISSUED.into(), issuance.request_id);
    Ok(Answer::page(save()))
}

fn save() -> Page {
    Page::titled("クライアント証明書の更新")
        .says("下のリンクを押すと、証明書がダウンロードされます。")
        .with(Block::Link("こちら".into(), FILE.into()))
        .says("次のボタンを押すと、証明書のインポートに必要なパスワードが表示されます。")
        .with(Block::Form(Form::button(PASSWORD, "確認する")))
}

/// The password is shown on the first press, and never again.
fn shown_once(visit: &mut Visit<'_>, pressed: bool) -> Result<Answer, LabError> {
    let Some(issued) = visit.session.values.get(ISSUED).cloned() else { return Ok(lost()) };
    let known = password(&mut visit.desk.state, &issued)?;
    if !pressed || known.shown {
        return Ok(Answer::page(save().says("パスワードは表示済みです。")));
    }
    if let Some(shown) = visit.desk.state.held.passwords.get_mut(&issued) {
        shown.shown = true;
    }
    visit.desk.state.save()?;
    Ok(Answer::page(save().with(Block::Values(vec![("パスワード".into(), known.password)]))))
}

fn file(door: &Orcamo, visit: &mut Visit<'_>) -> Result<Answer, LabError> {
    let issued = visit.session.values.get(ISSUED).and_then(|id| visit.desk.find(super::PROGRAM, id));
    let Some(issuance) = issued else { return Ok(lost()) };
    let (name, content) = door.file(visit, &issuance)?;
    Ok(Answer::File(name, content))
}

//! The obstetric-compensation Web system, made by hand after its booklet of April 2023 (P3, P11, P18).
//!
//! Its labels are written here from the booklet; those of the login and password pages, which it lacks, are this project's guess.
//! May use: the desk, the page model. Must not: know HTTP or markup.

pub(crate) mod media;

use std::path::Path;

use jiff::Timestamp;
use kirikae_engine::backend::profile::{Operation, Profile};

use crate::LabError;
use crate::desk::digest;
use crate::effects::Effect;
use crate::html::{Block, Field, FieldKind, Form, Page};
use crate::pki::Issuer;
use crate::portal::{Answer, Client, Incoming, Part, Portal, SiteLines, Visit, not_accepted, session_over};
use crate::state::Account;

/// Wrong passwords until the operator has to initialise the account (P18-2).
const LOCKS_AFTER: u32 = 10;

const FRONT: &str = "/";
const LOGIN: &str = "/K0199Login.do";
const PASSWORD: &str = "/K0299Password.do";
const MENU: &str = "/K0100Menu.do";

/// The portal.
pub(crate) struct Sanka {
    profile: Profile,
    issuer: Issuer,
}

/// What becomes of a login.
enum Login {
    Refused,
    Locked,
    /// The password has to be set before anything else.
    First,
    In,
}

impl Sanka {
    /// The portal of this profile.
    pub(crate) fn new(profile: Profile, issuer: Issuer) -> Self {
        Self { profile, issuer }
    }

    fn login(&self, visit: &mut Visit<'_>, client: &Client) -> Result<Answer, LabError> {
        let (user, password) = (visit.incoming.sent.text("userId").to_owned(), visit.incoming.sent.text("password").to_owned());
        let outcome = self.judge(visit, client, &user, &password)?;
        if matches!(outcome, Login::First | Login::In) {
            visit.session.values.insert("user".into(), user.clone());
            visit.session.signed_in = true;
            visit.desk.tell(visit.now, &self.profile.id, Effect::SignedIn, Some(Operation::SignIn), &client.about)?;
        }
        Ok(Answer::page(match outcome {
            Login::Refused => login_page().says("ユーザIDまたはパスワードが正しくありません。"),
            Login::Locked => login_page().says("ログインできなくなりました。コールセンターにご連絡ください。"),
            Login::First => password_page(),
            Login::In => menu(&user),
        }))
    }

    /// The first password that an account is told is the one of its cover letter.
    fn judge(&self, visit: &mut Visit<'_>, client: &Client, user: &str, password: &str) -> Result<Login, LabError> {
        if user != client.about.subject || password.is_empty() {
            return Ok(Login::Refused);
        }
        let told = digest(password);
        let new = || Account { password_digest: told.clone(), wrong: 0, to_be_set: true };
        let account = visit.desk.state.held.accounts.entry(self.account(user)).or_insert_with(new);
        if account.wrong >= LOCKS_AFTER {
            return Ok(Login::Locked);
        }
        let right = account.password_digest == told;
        account.wrong = if right { 0 } else { account.wrong + 1 };
        let (locked, first) = (account.wrong >= LOCKS_AFTER, account.to_be_set);
        visit.desk.state.save()?;
        if locked {
            visit.desk.tell(visit.now, &self.profile.id, Effect::Locked, Some(Operation::SignIn), &client.about)?;
        }
        Ok(match (right, locked, first) {
            (_, true, _) => Login::Locked,
            (false, ..) => Login::Refused,
            (true, _, true) => Login::First,
            (true, ..) => Login::In,
        })
    }

    fn set_password(&self, visit: &mut Visit<'_>) -> Result<Answer, LabError> {
        let sent = &visit.incoming.sent;
        let (chosen, again) = (sent.text("newPassword").to_owned(), sent.text("newPasswordConfirm").to_owned());
        let user = visit.session.values.get("user").cloned().unwrap_or_default();
        let key = self.account(&user);
        let present = visit.desk.state.held.accounts.get(&key).map(|account| account.password_digest.clone());
        if chosen.is_empty() || chosen != again || present == Some(digest(&chosen)) {
            return Ok(Answer::page(password_page().says("このパスワードは使えません。")));
        }
        visit.desk.state.held.accounts.insert(key, Account { password_digest: digest(&chosen), wrong: 0, to_be_set: false });
        visit.desk.state.save()?;
        Ok(Answer::page(menu(&user)))
    }

    /// What whoever is signed in has in front of them.
    fn screen(&self, visit: &Visit<'_>) -> Page {
        let user = visit.session.values.get("user").map_or("", String::as_str);
        let first = visit.desk.state.held.accounts.get(&self.account(user)).is_some_and(|account| account.to_be_set);
        if first { password_page() } else { menu(user) }
    }

    fn account(&self, user: &str) -> String {
        format!("{}/{user}", self.profile.id)
    }
}

impl Portal for Sanka {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    fn sends_notices(&self) -> bool {
        false
    }

    fn lists_as(&self) -> Option<&str> {
        Some("sanka")
    }

    fn site_lines(&self) -> SiteLines {
        media::site_lines(&self.profile)
    }

    fn send_media(&self, dir: &Path, days_left: i64, now: Timestamp) -> Result<(), LabError> {
        media::send(dir, &self.profile, &self.issuer, days_left, now)
    }

    fn begins(&self, incoming: &Incoming) -> bool {
        !incoming.post && incoming.path == FRONT
    }

    fn paths(&self) -> Vec<String> {
        [FRONT, LOGIN, PASSWORD, MENU].map(str::to_owned).to_vec()
    }

    fn part(&self, incoming: &Incoming) -> Part {
        match (incoming.post, incoming.path.as_str()) {
            (true, LOGIN) => Part { commits: Some(Operation::SignIn), ..Part::default() },
            (true, PASSWORD) => Part { commits: Some(Operation::SetPassword), ..Part::default() },
            (false, FRONT) => Part { ends: vec![Operation::Probe], ..Part::default() },
            _ => Part::default(),
        }
    }

    fn answer(&self, visit: &mut Visit<'_>) -> Result<Answer, LabError> {
        let Some(client) = visit.client(self)? else { return Ok(Answer::Page(403, not_accepted())) };
        let signed_in = visit.session.signed_in;
        match (visit.incoming.post, visit.incoming.path.as_str()) {
            (false, FRONT) => Ok(Answer::page(login_page())),
            (true, LOGIN) => self.login(visit, &client),
            (true, PASSWORD) if signed_in => self.set_password(visit),
            (false, LOGIN | PASSWORD | MENU) if signed_in => Ok(Answer::page(self.screen(visit))),
            _ => Ok(Answer::page(session_over())),
        }
    }
}

fn field(label: &str, name: &str, kind: FieldKind) -> Field {
    Field { label: label.into(), name: name.into(), kind }
}

fn login_page() -> Page {
    let fields = vec![field("ユーザID", "userId", FieldKind::Text), field("パスワード", "password", FieldKind::Password)];
    Page::titled("ログイン").says("ユーザIDとパスワードを入力してください。").with(Block::Form(Form { fields, ..Form::button(LOGIN, "ログイン") }))
}

fn password_page() -> Page {
    let fields =
        vec![field("新しいパスワード", "newPassword", FieldKind::Password), field("新しいパスワード(確認)", "newPasswordConfirm", FieldKind::Password)];
    Page::titled("パスワードの設定").with(Block::Form(Form { fields, ..Form::button(PASSWORD, "設定") }))
}

fn menu(user: &str) -> Page {
    let groups = ["妊産婦情報", "分娩機関情報", "引落掛金情報", "事案情報"];
    let page = Page::titled("メニュー").with(Block::Values(vec![("ログインユーザID".into(), user.to_owned())])).says("項目を選択してください");
    groups.into_iter().fold(page, |page, group| page.with(Block::Link(group.into(), MENU.into())))
}

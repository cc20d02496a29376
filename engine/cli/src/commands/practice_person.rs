//! `kirikae practice-person RUN STEP`: stands in for a person at a browser, in rehearsals.
//!
//! It reads the question that waits, works the practice portal's pages by the moves of its checklist, saves the file that comes, and
//! answers through `kirikae answer`, as a person would. Must not: go anywhere but to this machine.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kirikae_backends::ca::portal::browser::{Browser, Notes, Window};
use kirikae_engine::action::Question;
use kirikae_engine::backend::checklist::{Move, ShownCert};
use kirikae_engine::backend::{BackendError, Call, Signer};
use kirikae_engine::check::{Binding, What};
use kirikae_engine::dsl::expr::{Expr, Node, Ref};
use kirikae_engine::run::{Doing, EventBody, SecretSources};
use kirikae_engine::secret::{Secret, SecretRef};
use kirikae_engine::text::Text;

use super::take_up::{Revived, revive};
use crate::failure::Failure;
use crate::globals::Globals;
use crate::site::{portal_roots, vault};
use crate::{exit, state};

/// The longest wait for a page.
const WAIT: Duration = Duration::from_secs(20);

/// Arguments of `practice-person`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Run id
    run: String,
    /// Address of the step
    step: String,
}

/// Works a checklist on this machine's practice portal and answers.
pub fn run(globals: &Globals, args: &Args) -> Result<u8, Failure> {
    let folder = state::folder(globals)?;
    let mut journal = state::open(&folder)?;
    let revived = revive(globals, &folder, &journal, &args.run, &[], None)?;
    let Some(Doing::Asked(question)) = revived.old.state.step(&args.step).map(|step| &step.doing) else {
        return Err(refused(Text::new("待っている問いがありません。", "no question waits.")));
    };
    // A checklist goes on where the one before it ended, unless it opens an address.
    let left = folder.join(WINDOW);
    let before: Option<Left> = std::fs::read(&left).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let opens = entrance(&question.moves).map(|(start, client)| (start.to_owned(), client.cloned()));
    let known = opens.clone().or_else(|| before.as_ref().map(|left| (left.window.url.clone(), left.client.clone())));
    let (start, client) = known.ok_or_else(|| refused(Text::new("ブラウザーで行う問いではありません。", "it is no question for a browser.")))?;
    if !only_here(&question.moves) {
        return Err(refused(Text::new("練習の人は、この端末の外には行きません。", "a practice person goes nowhere but to this machine.")));
    }
    let vault = vault(&folder, &revived.open.site)?;
    let mut secrets = BTreeMap::new();
    for reveal in &question.reveals {
        let value = match SecretRef::parse(&reveal.secret) {
            Some(reference) => vault.get(&reference)?,
            None => declared(&revived, &reveal.secret)?,
        };
        let value = value.ok_or_else(|| refused(Text::new(format!("{} がありません。", reveal.secret), format!("there is no {}.", reveal.secret))))?;
        journal.append_state(Timestamp::now(), EventBody::SecretShown { reference: reveal.secret.clone(), account: state::account() })?;
        secrets.insert(reveal.name.clone(), value);
    }
    let role = revived.old.program.action(&args.step).and_then(|action| action.portal.clone());
    let profile = role.and_then(|role| revived.old.program.checked.profiles.get(&role)).cloned();
    let profile = profile.ok_or_else(|| refused(Text::new("サイトが分かりません。", "the portal is not known.")))?;
    let roots = portal_roots(&revived.open, &revived.old.program.checked.program, &profile.id)?;
    let mut browser = Browser::new(profile, &start, &roots, signer(&revived, client.as_ref())?, WAIT)?;
    let reopened = before.filter(|_| opens.is_none()).map_or(Ok(()), |left| browser.reopen(&left.window));
    let worked = reopened.and_then(|()| browser.work(&question.moves, &secrets));
    if let Some(window) = browser.window() {
        let text = serde_json::to_vec(&Left { window, client }).map_err(|error| refused(Text::plain(error.to_string())))?;
        std::fs::write(&left, text).map_err(|error| refused(Text::plain(error.to_string())))?;
    }
    let answer = match worked {
        Ok(notes) => {
            save(&revived, &notes)?;
            yes(question, notes)
        }
        Err(error) => Said { arguments: vec!["--problem".to_owned(), problem(question, &browser, &error)], typed: vec![] },
    };
    drop(journal);
    answer.give(globals, args)
}

/// What a practice person's browser shows between two checklists, in the state folder.
const WINDOW: &str = "practice-window.json";

/// The window, with the certificate that was chosen for it.
#[derive(serde::Serialize, serde::Deserialize)]
struct Left {
    window: Window,
    client: Option<ShownCert>,
}

/// What is said, and the secrets that are typed for it.
struct Said {
    arguments: Vec<String>,
    typed: Vec<Secret>,
}

impl Said {
    fn give(self, globals: &Globals, args: &Args) -> Result<u8, Failure> {
        let failed = |error: std::io::Error| refused(Text::plain(error.to_string()));
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command.arg("answer").arg(&args.run).arg(&args.step).args(["--by", "練習の人", "--no-input"]).args(&self.arguments);
        if let Some(site) = &globals.site {
            command.arg("--site").arg(site);
        }
        if let Some(folder) = &globals.state {
            command.arg("--state").arg(folder);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().map_err(failed)?;
        if let Some(mut input) = child.stdin.take() {
            for value in &self.typed {
                input.write_all(value.expose()).and_then(|()| input.write_all(b"\n")).map_err(failed)?;
            }
        }
        let code = child.wait().map_err(failed)?.code().and_then(|code| u8::try_from(code).ok());
        Ok(code.unwrap_or(exit::FAILED))
    }
}

/// The answer of who has done it all.
fn yes(question: &Question, notes: Notes) -> Said {
    let mut arguments = vec!["--yes".to_owned()];
    let mut typed = vec![];
    for field in &question.fields {
        if let Some(value) = notes.secret.get(&field.name) {
            arguments.extend(["--secret-file".to_owned(), format!("{}=-", field.name)]);
            typed.push(value.clone());
        }
        for value in notes.plain.get(&field.name).into_iter().flatten() {
            arguments.extend(["--field".to_owned(), format!("{}={value}", field.name)]);
        }
    }
    if question.rows.is_some() {
        let rows = notes.rows.unwrap_or_default();
        for row in &rows {
            let cells: Vec<String> = row.columns.iter().map(|(name, cell)| format!("{name}={cell}")).collect();
            arguments.extend(["--row".to_owned(), cells.join("; ")]);
        }
        if rows.is_empty() {
            arguments.extend(["--row".to_owned(), "none".to_owned()]);
        }
    }
    if question.evidence {
        let seen = notes.signed_in.map_or_else(|| "練習".to_owned(), |marker| format!("「{marker}」と出た(練習)"));
        arguments.extend(["--saw".to_owned(), seen]);
    }
    Said { arguments, typed }
}

/// The problem that was met: the one whose words are on the page, else what is left to say.
fn problem(question: &Question, browser: &Browser, error: &BackendError) -> String {
    let on_page = |say: &str| say.split('「').skip(1).filter_map(|rest| rest.split('」').next()).any(|text| browser.shows(text));
    let known = |code: &str| question.problems.iter().find(|problem| problem.code == code);
    let pressed = browser.pressed();
    let shown = question.problems.iter().find(|problem| on_page(&problem.say.ja) && !(pressed && problem.say.ja.contains("まだ押していない")));
    let unknown = known("PORTAL.RESULT_UNKNOWN").filter(|_| pressed);
    let said = shown.or(unknown).or_else(|| known(&error.code)).or_else(|| known("PORTAL.PAGE_UNKNOWN"));
    said.map_or_else(String::new, |problem| problem.name.clone())
}

/// Where the checklist begins, and the certificate that is chosen there.
fn entrance(moves: &[Move]) -> Option<(&str, Option<&ShownCert>)> {
    moves.iter().find_map(|step| if let Move::Open { address, certificate } = step { Some((address.as_str(), certificate.as_ref())) } else { None })
}

fn only_here(moves: &[Move]) -> bool {
    let here = |address: &str| ["https://127.0.0.1:", "https://localhost:"].iter().any(|origin| address.starts_with(origin));
    moves.iter().all(|step| match step {
        Move::Open { address, .. } | Move::OpenShown { address: Some(address), .. } => here(address),
        Move::IfSeen { moves, .. } => only_here(moves),
        _ => true,
    })
}

/// The key of the certificate, from where it is.
fn signer(revived: &Revived, client: Option<&ShownCert>) -> Result<Option<Arc<dyn Signer>>, Failure> {
    let Some(cert) = client else { return Ok(None) };
    if let Some(serial) = cert.holder.strip_prefix("token:") {
        return on_token(revived, serial, &cert.sha1).map(Some);
    }
    Ok(Some(revived.backends.reads().holder(&cert.holder)?.signer(&Call::unattached(), &cert.sha1)?))
}

/// The key of a certificate on an inserted token, opened as a browser does: by the PIN of the playbook's own login.
fn on_token(revived: &Revived, serial: &str, sha1: &str) -> Result<Arc<dyn Signer>, Failure> {
    let call = Call::unattached();
    let no = || refused(Text::new("その証明書のUSBキーを開けません。", "the token of that certificate cannot be opened."));
    let logins = revived.old.program.checked.steps.iter().filter_map(|step| match &step.what {
        What::Action(action) if action.manifest.name == "token.login" => action.with.get("pin"),
        _ => None,
    });
    let mut names = logins.filter_map(|pin| match pin {
        Binding::Expr(Expr { node: Node::Ref(Ref::Secret(name)), .. }) => Some(name),
        _ => None,
    });
    let pin = declared(revived, names.next().ok_or_else(no)?)?.ok_or_else(no)?;
    for token in revived.backends.tokens.values() {
        if token.tokens(&call)?.iter().any(|found| found.info.serial == serial) {
            return Ok(token.login(&call, serial, &pin)?.signer(&call, sha1)?);
        }
    }
    Err(no())
}

fn declared(revived: &Revived, name: &str) -> Result<Option<Secret>, Failure> {
    let secret = revived.old.program.checked.secrets.iter().find(|secret| secret.name == name);
    Ok(secret.map(|secret| revived.sources.unattended(secret)).transpose()?.flatten())
}

/// Saves the file that came where the site says that browsers save.
fn save(revived: &Revived, notes: &Notes) -> Result<(), Failure> {
    let (Some((name, content)), Some(place)) = (&notes.file, &revived.open.site.downloads) else { return Ok(()) };
    let path = revived.open.base.join(place).join(name);
    std::fs::write(&path, content.expose()).map_err(|error| refused(Text::plain(format!("{}: {error}", path.display()))))
}

fn refused(cause: Text) -> Failure {
    Failure::usage("ANSWER.UNFIT", cause, Text::new("これは rehearse が使う部品です。", "this is a part of `rehearse`."))
}

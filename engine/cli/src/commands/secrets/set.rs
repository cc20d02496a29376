//! `kirikae secrets set NAME`

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use kirikae_engine::backend::{EntryInfo, Vault};
use kirikae_engine::dsl::Type;
use kirikae_engine::run::EventBody;
use kirikae_engine::secret::{Secret, SecretRef};
use kirikae_engine::text::{Lang, Text};

use super::Desk;
use crate::exit;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::person::Terminal;
use crate::render;
use crate::secrets::{first_line, standard_input};

/// Arguments of `secrets set`. The value is no argument: arguments are seen by others.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Name, as a site file's `vault: NAME` or a playbook's `kept` finds it
    name: String,
    /// What it is about: a request ID, a thumbprint
    #[arg(long, value_name = "TEXT", default_value = "")]
    about: String,
    /// The value in the first line of a file, or with `-` of standard input
    #[arg(long = "secret-file", value_name = "PATH")]
    secret_file: Option<PathBuf>,
}

/// Keeps a value under its name and subject, in place of the one that was there.
pub(super) fn run(globals: &Globals, desk: &Desk, args: &Args) -> Result<u8, Failure> {
    let lang = globals.lang();
    if args.name.trim().is_empty() || args.name.chars().chain(args.about.chars()).any(char::is_control) {
        return Err(Failure::usage(
            "SECRET.BAD_NAME",
            Text::new("名前が空か、名前や --about に制御文字があります。", "the name is empty, or it or --about holds a control character."),
            Text::new("例: kirikae secrets set obn_p12_password --about 拇印", "for example: kirikae secrets set obn_p12_password --about THUMBPRINT"),
        ));
    }
    let value = value(globals, args)?;
    let reference = SecretRef::kept(&args.name, &args.about);
    let info =
        EntryInfo { reference: reference.clone(), name: args.name.clone(), about: args.about.clone(), written_at: Timestamp::now(), labels: BTreeMap::new() };
    let before = desk.vault.list()?.iter().any(|entry| entry.reference == reference);
    desk.vault.put(&info, &value)?;
    let escrowed = EventBody::SecretEscrowed { step: String::new(), name: args.name.clone(), reference: reference.as_str().to_owned() };
    desk.journal()?.append_state(Timestamp::now(), escrowed)?;
    let recipients = desk.open.site.recipients.len();
    render::out(&match (lang, before) {
        (Lang::Ja, false) => format!("保管しました: {}", reference.id()),
        (Lang::Ja, true) => format!("前の値を置きかえて保管しました: {}", reference.id()),
        (Lang::En, false) => format!("kept: {}", reference.id()),
        (Lang::En, true) => format!("kept in place of the value before it: {}", reference.id()),
    });
    render::out(&match (lang, recipients) {
        (Lang::Ja, 0) => "復旧用の鍵(サイトファイルの vault.recipients)がないので、この端末が失われると開けません。".to_owned(),
        (Lang::Ja, n) => format!("この端末のほかに、復旧用の鍵{n}個で開けます。"),
        (Lang::En, 0) => "the site names no recovery key (vault.recipients): if this terminal is lost, it cannot be opened.".to_owned(),
        (Lang::En, n) => format!("beside this terminal, {n} recovery key(s) can open it."),
    });
    Ok(exit::DONE)
}

/// From the file that is named, else typed twice at a terminal, else from standard input.
fn value(globals: &Globals, args: &Args) -> Result<Secret, Failure> {
    let name = &args.name;
    match args.secret_file.as_deref() {
        Some(path) if path == Path::new("-") => Ok(standard_input(name)?),
        Some(path) => Ok(first_line(path, name)?),
        None if globals.interactive() => Terminal { lang: globals.lang() }.hidden(name, &Type::String, true).ok_or_else(|| {
            Failure::usage(
                "SECRET.MISSING",
                Text::new("値が入りませんでした。何も保管していません。", "no value was typed; nothing was kept."),
                Text::new("もう一度実行してください。", "run it again."),
            )
        }),
        None if std::io::stdin().is_terminal() => Err(Failure::usage(
            "SECRET.MISSING",
            Text::new(format!("{name}: --no-input では尋ねません。"), format!("{name}: nothing is asked under --no-input.")),
            Text::new("--secret-file ファイル で渡してください。", "give it with --secret-file FILE."),
        )),
        None => Ok(standard_input(name)?),
    }
}

//! The command line: arguments, dispatch, exit code.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use kirikae_engine::text::Text;

use crate::commands;
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::render;

/// Certificate procedures of clinics as playbooks: check, plan, dry-run, apply.
///
/// 手順書(playbook)のとおりに証明書を更新・取り込み・確認します。まず plan で何が起きるかを見て、
/// rehearse で練習し、それから apply で実行してください。
#[derive(Parser, Debug)]
#[command(name = "kirikae", version, propagate_version = true, after_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done or nothing to do · 1 failed, blocked or RUN.UNFINISHED · 2 usage or invalid document · \
3 plan no longer matches, expired or used · 4 approval missing · 10 changes pending (plan --detailed-exitcode) · 75 waiting for a person, a time or a portal · 130 stopped by Ctrl-C";

#[derive(Subcommand, Debug)]
enum Command {
    /// Check documents: playbooks, portal profiles, site files, catalogues
    Check(commands::check::Args),
    /// Tell the story of a code, with a wrong and a right example; without CODE list all codes
    Explain(commands::explain::Args),
    /// Show what would be done. Contacts nothing remote unless --probe
    Plan(commands::plan::Args),
    /// Do everything short of the first write: a verdict per step
    DryRun(commands::dry_run::Args),
    /// Carry a playbook or a saved plan out
    Apply(commands::apply::Args),
    /// Go on with a run that stopped or waits
    Resume(commands::resume::Args),
    /// Answer a question of a waiting run, or settle an uncertain step
    Answer(commands::answer::Args),
    /// Give a run up and release its credential
    Abandon(commands::abandon::Args),
    /// List runs
    Runs,
    /// Show what a run did and what is left
    Show(commands::show::Args),
    /// Check the hash chains of the journal
    Verify(commands::verify::Args),
    /// List, show, keep and erase secrets of the vault; recovery keys
    Secrets(commands::secrets::Args),
    /// Show how often limited tries failed, or start a count anew
    Attempts(commands::attempts::Args),
    /// Which certificate is where: every store of the site, days left, old ones beside newer ones
    Certs,
    /// Say what a PKCS#12 or certificate file holds. Imports nothing, costs no attempts
    Inspect(commands::inspect::Args),
    /// List the backups of the site, or bring a certificate with its key back from one into a store
    Restore(commands::restore::Args),
    /// Try a store of this terminal with a throw-away certificate: import, list, sign, export, delete, restore. Leaves nothing behind
    Selftest(commands::selftest::Args),
    /// List the actions that a step can use, or print the manual of one: inputs, outputs, effect, errors, an example
    Actions(commands::actions::Args),
    /// Which manual sections have a step, and which steps cite no section
    Coverage(commands::coverage::Args),
    /// Write a playbook, portal profile or site file to start from, with comments
    New(commands::new::Args),
    /// Print or write the JSON Schemas of documents
    Schema(commands::schema::Args),
    /// Try playbooks in worlds in memory: the cases of NAME.test.yaml, a crash at every step, every row for an error
    #[cfg(feature = "playbook-tests")]
    Test(commands::test::Args),
    /// Serve practice portals on loopback
    #[cfg(feature = "lab")]
    Lab(commands::lab::Args),
    /// Rehearse a playbook against the lab: the whole procedure for real, nothing left behind
    #[cfg(feature = "lab")]
    Rehearse(commands::rehearse::Args),
    /// Stand in for a person at a browser, in a rehearsal under `--hands person`
    #[cfg(feature = "lab")]
    #[command(hide = true)]
    PracticePerson(commands::practice_person::Args),
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let globals = &cli.globals;
    if globals.format == Format::Text && !matches!(cli.command, Command::Schema(_)) {
        render::encoding::for_people();
    }
    let result = match &cli.command {
        command if !writes(command, globals.format) => Err(format_elsewhere(globals.format)),
        Command::Check(args) => commands::check::run(globals, args),
        Command::Explain(args) => commands::explain::run(globals, args),
        Command::Plan(args) => commands::plan::run(globals, args),
        Command::DryRun(args) => commands::dry_run::run(globals, args),
        Command::Apply(args) => commands::apply::run(globals, args),
        Command::Resume(args) => commands::resume::run(globals, args),
        Command::Answer(args) => commands::answer::run(globals, args),
        Command::Abandon(args) => commands::abandon::run(globals, args),
        Command::Runs => commands::runs::run(globals),
        Command::Show(args) => commands::show::run(globals, args),
        Command::Verify(args) => commands::verify::run(globals, args),
        Command::Secrets(args) => commands::secrets::run(globals, args),
        Command::Attempts(args) => commands::attempts::run(globals, args),
        Command::Certs => commands::certs::run(globals),
        Command::Inspect(args) => commands::inspect::run(globals, args),
        Command::Restore(args) => commands::restore::run(globals, args),
        Command::Selftest(args) => commands::selftest::run(globals, args),
        Command::Actions(args) => commands::actions::run(globals, args),
        Command::Coverage(args) => commands::coverage::run(globals, args),
        Command::New(args) => commands::new::run(globals, args),
        Command::Schema(args) => commands::schema::run(globals, args),
        #[cfg(feature = "playbook-tests")]
        Command::Test(args) => commands::test::run(globals, args),
        #[cfg(feature = "lab")]
        Command::Lab(args) => commands::lab::run(globals, args),
        #[cfg(feature = "lab")]
        Command::Rehearse(args) => commands::rehearse::run(globals, args),
        #[cfg(feature = "lab")]
        Command::PracticePerson(args) => commands::practice_person::run(globals, args),
    };
    ExitCode::from(result.unwrap_or_else(|failure| {
        failure.show(globals.lang(), globals.format);
        failure.exit()
    }))
}

/// Two formats belong to one command each.
fn writes(command: &Command, format: Format) -> bool {
    match format {
        Format::Sarif => matches!(command, Command::Check(_)),
        Format::Dot => matches!(command, Command::Plan(_)),
        #[cfg(feature = "playbook-tests")]
        Format::Junit => matches!(command, Command::Test(_)),
        Format::Text | Format::Json => true,
    }
}

fn format_elsewhere(format: Format) -> Failure {
    let (word, command) = match format {
        Format::Dot => ("dot", "plan"),
        #[cfg(feature = "playbook-tests")]
        Format::Junit => ("junit", "test"),
        _ => ("sarif", "check"),
    };
    Failure::usage(
        "CLI.FORMAT",
        Text::new(format!("--format {word} は {command} でだけ使えます。"), format!("`--format {word}` is for `{command}` only.")),
        Text::new("text か json を指定してください。", "use text or json."),
    )
}

//! `kirikae lab --dir D`

use std::path::PathBuf;

use kirikae_engine::backend::profile::Profile;
use kirikae_engine::dsl::decode_profile;
use kirikae_engine::text::{Lang, Source, Sources};
use kirikae_lab::{ClientKeys, Fault, HtmlVariant, LabOptions};

use crate::exit;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::library::Shelf;
use crate::render;

/// Arguments of `lab`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Folder for its site file, store, state and effects
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Port [default: a free one; the same again after a restart]
    #[arg(long)]
    port: Option<u16>,
    /// A fault: NAME[@OPERATION][:COUNT] (may be repeated)
    ///
    /// NAME: delay, drop-before, drop-after-effect, drop-after-effect-hidden-30s, stale-row, http-503, maintenance, redirect-307, truncated-file,
    /// html-instead-of-file, wrong-password-file, session-timeout, never-issued, issued-wrong-subject, revokes-old-at-issue, clock-skew.
    /// `http-503@renew:2` answers the first two requests of a renewal with 503.
    #[arg(long, value_name = "FAULT")]
    fault: Vec<Fault>,
    /// Markup under the same labels: plain, buttons, deflist, fullwidth, sjis, hidden, nested
    #[arg(long, value_name = "VARIANT")]
    html: Option<HtmlVariant>,
    /// Keys of the certificates that are issued: p256, or rsa as the real portals make them
    #[arg(long, value_name = "KIND", default_value = "p256")]
    keys: ClientKeys,
    /// Milliseconds that each state of a request lasts
    #[arg(long, value_name = "MS")]
    pace: Option<u64>,
    /// Days until the certificate to renew ends
    #[arg(long, default_value_t = 60, allow_negative_numbers = true)]
    days_left: i64,
}

/// Serves practice portals until it is stopped.
pub fn run(globals: &Globals, args: &Args) -> Result<u8, Failure> {
    let shelf = Shelf::find(globals.library.as_deref(), None);
    let mut options = LabOptions::new(args.dir.clone(), profiles(&shelf)?);
    options.port = args.port;
    options.faults = args.fault.clone();
    options.days_left = args.days_left;
    options.client_keys = args.keys;
    if let Some(pace) = args.pace {
        options.pace = std::time::Duration::from_millis(pace);
    }
    if let Some(html) = args.html {
        options.html = html;
    }
    let lab = kirikae_lab::start(options).map_err(lab_failure)?;
    render::out(&match globals.lang() {
        Lang::Ja => format!("練習用サイト: https://127.0.0.1:{}\nサイトファイル: {}\n止めるには Ctrl-C", lab.port(), lab.site_path().display()),
        Lang::En => format!("practice portals: https://127.0.0.1:{}\nsite file: {}\nCtrl-C stops it", lab.port(), lab.site_path().display()),
    });
    lab.wait();
    Ok(exit::DONE)
}

/// The portal profiles of a library.
pub fn profiles(shelf: &Shelf) -> Result<Vec<Profile>, Failure> {
    shelf.portals().into_iter().map(profile).collect()
}

/// A portal profile from its file.
pub fn profile(source: Source) -> Result<Profile, Failure> {
    decode_profile(&source).map_err(|findings| {
        let mut sources = Sources::default();
        sources.add(source);
        Failure::Findings(Box::new(sources), findings)
    })
}

/// A lab that cannot start.
pub fn lab_failure(error: kirikae_lab::LabError) -> Failure {
    Failure::Coded { code: error.code.to_owned(), cause: error.cause, cure: error.cure, exit: exit::FAILED }
}

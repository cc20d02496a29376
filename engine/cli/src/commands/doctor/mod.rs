//! `kirikae doctor [PLAYBOOK]`: what this terminal has, what is missing, and the cure of each finding.
//!
//! Reads only, with two exceptions that leave nothing behind: a file is made and removed where one would be written later. Towards
//! portals that the site names it opens a connection and greets; it sends no request.

mod finding;
mod needs;
mod places;
mod terminal;
mod tokens;

use jiff::Timestamp;

use self::finding::{Finding, State};
use crate::exit;
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::render::doctor::{as_json, lines};
use crate::{render, site, state};

pub use self::finding::{Area, Finding as DoctorFinding, State as DoctorState};

/// Arguments of `doctor`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Playbook whose needs are compared with this terminal: a path, or the id of one in the library
    playbook: Option<String>,
}

/// Looks around. Exit 1 if something is wrong or missing.
pub fn run(globals: &Globals, args: &Args) -> Result<u8, Failure> {
    let open = site::load(globals)?;
    let folder = state::folder(globals)?;
    let (now, zone) = (Timestamp::now(), open.site.timezone.clone());
    let mut findings = vec![terminal::clock(&folder, now, &zone)];
    findings.extend(terminal::state(&folder, &open));
    let vault = match site::vault(&folder, &open.site) {
        Ok(vault) => {
            findings.push(terminal::vault(&*vault));
            Some(vault)
        }
        Err(failure) => {
            findings.push(Finding::failure(Area::Vault, &folder.display().to_string(), &failure));
            None
        }
    };
    if let Some(vault) = &vault {
        findings.extend(places::stores(&open, vault, now));
    }
    findings.extend(places::browsers());
    findings.extend(places::folders(&open));
    findings.extend(tokens::modules());
    findings.extend(tokens::tokens(&open, &folder));
    findings.extend(tokens::accounts(&folder));
    findings.extend(places::portals(&open));
    if let Some(playbook) = &args.playbook {
        findings.extend(needs::of(globals, playbook, &open)?);
    }
    findings.sort_by_key(|finding| finding.area);
    match globals.format {
        Format::Json => render::out(&as_json(&findings, now).to_string()),
        _ => render::out(&lines(&findings, globals.lang()).join("\n")),
    }
    let wrong = findings.iter().any(|finding| finding.state == State::Problem);
    Ok(if wrong { exit::FAILED } else { exit::DONE })
}

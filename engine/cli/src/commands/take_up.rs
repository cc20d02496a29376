//! What commands on an existing run share: finding it, and loading what it was planned with.

use std::path::Path;
use std::sync::Arc;

use kirikae_engine::action::registry;
use kirikae_engine::backend::{BackendSet, Vault};
use kirikae_engine::journal::Journal;
use kirikae_engine::plan::Private;
use kirikae_engine::run::{Event, EventBody, Program, State, absent_after, apply, inputs_from_json, load_program, replace_profile, same_bindings};
use kirikae_engine::text::Text;

use crate::failure::Failure;
use crate::globals::Globals;
use crate::job::bindings;
use crate::library::read_source;
use crate::person::Terminal;
use crate::secrets::{SecretFiles, Sources};
use crate::site::{OpenSite, load, open_backends, vault};

/// A run with its program and what the journal says of it.
pub struct OldRun {
    /// Run id.
    pub run: String,
    /// What it carries out.
    pub program: Program,
    /// Its events.
    pub events: Vec<Event>,
    /// The state after them.
    pub state: State,
}

/// The id of a run: as given, or the newest for `last`.
pub fn find(journal: &Journal, named: &str) -> Result<String, Failure> {
    let found = if named == "last" { journal.newest()? } else { journal.find(named)? };
    found.map(|row| row.run).ok_or_else(|| {
        Failure::usage(
            "RUN.UNKNOWN",
            Text::new(format!("実行 {named} はありません。"), format!("there is no run {named}.")),
            Text::new("kirikae runs で一覧を見てください。", "see `kirikae runs`."),
        )
    })
}

/// Loads a run for reading. Of the site's portals it knows how long after a sending an absence counts, as whoever wrote the journal did.
pub fn read(globals: &Globals, journal: &Journal, named: &str) -> Result<OldRun, Failure> {
    let run = find(journal, named)?;
    let open = load(globals)?;
    let mut program = load_program(journal.folder(), &journal.blobs(&run)?, registry(), open.site.timezone.clone(), None)?;
    if !program.checked.profiles.is_empty()
        && let Ok(backends) = vault(journal.folder(), &open.site).and_then(|vault| open_backends(&open, &program.checked, &vault, globals.lang()))
    {
        // Where the site does not open any more the run is shown as well as can be.
        program.absent_after = absent_after(&program.checked, &backends);
    }
    with_state(journal, run, program)
}

fn with_state(journal: &Journal, run: String, program: Program) -> Result<OldRun, Failure> {
    let events = journal.events(&run)?;
    let mut state = State::new(run.as_str());
    for event in &events {
        apply(&program, &mut state, event);
    }
    Ok(OldRun { run, program, events, state })
}

/// The private values of a run that was read without the vault: what is written down of it must not hold them.
pub fn private_of(globals: &Globals, folder: &Path, old: &OldRun) -> Result<Private, Failure> {
    let (checked, plan) = (&old.program.checked, &old.program.plan);
    if checked.inputs.iter().all(|input| !input.private) {
        return Ok(Private::default());
    }
    let vault = vault(folder, &load(globals)?.site)?;
    Ok(Private::of(checked, &plan.plan_id, &inputs_from_json(checked, plan, Some(&*vault))))
}

/// A run with the backends of the site, to be carried on.
pub struct Revived {
    /// The run.
    pub old: OldRun,
    /// The site.
    pub open: OpenSite,
    /// Backends.
    pub backends: BackendSet,
    /// Sources of secrets, read fresh.
    pub sources: Sources,
    /// What a mended profile adds to the journal.
    pub replaced: Vec<EventBody>,
}

/// Loads a run for carrying it on, perhaps with a mended profile. Changed role bindings are refused.
pub fn revive(
    globals: &Globals,
    folder: &Path,
    journal: &Journal,
    named: &str,
    secret_files: &[(String, String)],
    mended: Option<&Path>,
) -> Result<Revived, Failure> {
    let run = find(journal, named)?;
    let open = load(globals)?;
    let vault: Arc<dyn Vault> = vault(folder, &open.site)?;
    let (mut blobs, mut replaced) = (journal.blobs(&run)?, vec![]);
    let mut first = load_program(folder, &blobs, registry(), open.site.timezone.clone(), None)?;
    if let Some(path) = mended {
        let before = with_state(journal, run.clone(), first)?;
        let done = replace_profile(folder, &blobs, &before.program, &before.state, &read_source(path)?, registry(), open.site.timezone.clone())?;
        (first, blobs, replaced) = (done.program, done.blobs, done.events);
    }
    let backends = open_backends(&open, &first.checked, &vault, globals.lang())?;
    let program = load_program(folder, &blobs, registry(), open.site.timezone.clone(), Some(&backends))?;
    let old = with_state(journal, run, program)?;
    same_bindings(&old.events, &bindings(&old.program.checked, &backends))?;
    let known: Vec<&str> = old.program.checked.secrets.iter().map(|secret| secret.name.as_str()).collect();
    let files = SecretFiles::of(secret_files, &known)?;
    let terminal = globals.interactive().then(|| Terminal { lang: globals.lang() });
    let sources = Sources::new(&open.site, &open.base, &old.program.checked.id, files, vault, terminal);
    Ok(Revived { old, open, backends, sources, replaced })
}

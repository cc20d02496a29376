//! A playbook at a site, ready to be planned or carried out.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use kirikae_engine::action::{Secrets, registry};
use kirikae_engine::backend::{BackendSet, Vault};
use kirikae_engine::check::{Checked, check};
use kirikae_engine::journal::{Commitment, Journal};
use kirikae_engine::plan::{
    ClosureItem, DryRun, GivenInput, Ledger, LookScope, Message, Plan, PlanRequest, SourceVersion, Tally, Target, World, dry_run, plan,
};
use kirikae_engine::run::{MemoryBlobs, MissingInputs, NoSecrets, SecretSources, earlier, gather_inputs, keep_private, rule_notices};
use kirikae_engine::text::{Sources as Texts, Text};

use crate::failure::Failure;
use crate::globals::Globals;
use crate::library::{Shelf, read_source};
use crate::person::Terminal;
use crate::secrets::{SecretFiles, Sources};
use crate::site::{OpenSite, load, open_backends, vault};
use crate::state::is_per_user;

/// What a playbook is given on the command line.
#[derive(Args, Clone, Debug, Default)]
pub struct Given {
    /// An input: NAME=VALUE (may be repeated; secrets are refused here, and a private input is seen by others)
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair)]
    pub set: Vec<(String, String)>,
    /// The value of a secret or a private input in the first line of a file: NAME=PATH, or NAME=- for standard input (may be repeated)
    #[arg(long = "secret-file", value_name = "NAME=PATH", value_parser = pair)]
    pub secret_file: Vec<(String, String)>,
}

/// `NAME=VALUE`.
pub fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

/// A playbook at a site.
pub struct Job {
    /// The playbook.
    pub checked: Checked,
    /// The site.
    pub open: OpenSite,
    /// Open backends.
    pub backends: BackendSet,
    /// The vault.
    pub vault: Arc<dyn Vault>,
    /// Inputs.
    pub inputs: BTreeMap<String, GivenInput>,
    /// Sources of secrets.
    pub sources: Sources,
    /// Counted steps are refused: failures would be recorded for this OS account only.
    pub per_user: bool,
    /// Where sub-playbooks came from.
    pub library: Text,
    clean_up: Option<String>,
}

/// Reads and checks a playbook: a path, or the id of one in the library.
pub fn load_playbook(globals: &Globals, named: &str) -> Result<(Checked, Texts, Shelf), Failure> {
    let path = Path::new(named);
    let shelf = Shelf::find(globals.library.as_deref(), Some(path));
    let by_id = || kirikae_engine::check::Library::playbook(&shelf, named);
    let source = if path.exists() || named.ends_with(".yaml") || named.ends_with(".yml") {
        read_source(path)?
    } else {
        match by_id() {
            Some(source) => source,
            None => read_source(path)?,
        }
    };
    let outcome = check(&source, &shelf, registry());
    match outcome.result {
        Ok(checked) => Ok((checked, outcome.sources, shelf)),
        Err(findings) => Err(Failure::Findings(Box::new(outcome.sources), findings)),
    }
}

impl Job {
    /// Prepares a playbook at the site of this call.
    pub fn prepare(globals: &Globals, state: &Path, named: &str, given: &Given, missing: MissingInputs) -> Result<Self, Failure> {
        let (checked, mut texts, shelf) = load_playbook(globals, named)?;
        let mut open = load(globals)?;
        texts.add(open.site.source.clone());
        let private: Vec<&str> = checked.inputs.iter().filter(|input| input.private).map(|input| input.name.as_str()).collect();
        open.site.digest = open.site.digest_without(&private);
        let vault = vault(state, &open.site)?;
        let known: Vec<&str> = checked.secrets.iter().map(|secret| secret.name.as_str()).chain(private.iter().copied()).collect();
        let files = SecretFiles::of(&given.secret_file, &known)?;
        let mut set: BTreeMap<String, String> = given.set.iter().cloned().collect();
        for name in private {
            if let Some(value) = files.value(name)? {
                set.insert(name.to_owned(), value.expose_text().unwrap_or_default().to_owned());
            }
        }
        let inputs = match gather_inputs(&checked, &set, &open.site, missing) {
            Ok(inputs) => inputs,
            Err(problems) => return Err(Failure::Inputs(Box::new(texts), problems)),
        };
        let backends = open_backends(&open, &checked, &vault, globals.lang())?;
        let per_user = is_per_user(state) && !open.site.state_per_user;
        let terminal = globals.interactive().then(|| Terminal { lang: globals.lang() });
        let sources = Sources::new(&open.site, &open.base, &checked.id, files, vault.clone(), terminal);
        let clean_up = format!("{}/delete-old", checked.program);
        let clean_up = kirikae_engine::check::Library::playbook(&shelf, &clean_up).filter(|_| clean_up != checked.id).map(|_| clean_up);
        Ok(Self { checked, open, backends, vault, inputs, sources, per_user, library: shelf.describe(), clean_up })
    }

    /// Puts the private inputs of a plan into the vault: before it is saved or carried out.
    pub fn keep_private(&self, plan: &Plan) -> Result<(), Failure> {
        let inputs = self.inputs.iter().map(|(name, given)| (name.clone(), given.value.clone())).collect();
        Ok(keep_private(&self.checked, plan, &inputs, &*self.vault)?)
    }

    /// Roles and the identity of what they are bound to.
    pub fn bindings(&self) -> BTreeMap<String, String> {
        bindings(&self.checked, &self.backends)
    }

    fn request(&self, scope: LookScope, now: Timestamp, notices: Vec<Message>) -> PlanRequest<'_> {
        let site = &self.open.site;
        PlanRequest {
            checked: &self.checked,
            registry: registry(),
            scope,
            plan_id: plan_id(now),
            valid: site.plan_valid,
            inputs: self.inputs.clone(),
            secret_sources: self.checked.secrets.iter().map(|secret| (secret.name.clone(), self.sources.word(secret).to_owned())).collect(),
            target: Target { id: site.id.clone(), labels: BTreeMap::new() },
            bindings: self.bindings(),
            hands: self.hands(),
            site: Some(ClosureItem { kind: "site".to_owned(), id: site.id.clone(), digest: site.digest.clone() }),
            clean_up: self.clean_up.clone(),
            notices,
        }
    }

    fn hands(&self) -> BTreeMap<String, kirikae_engine::backend::profile::Hands> {
        let site = &self.open.site;
        let named = |id: &str| site.programs.get(&self.checked.program).and_then(|program| program.portals.get(id)).or_else(|| site.portals.get(id));
        self.checked.profiles.iter().filter_map(|(role, profile)| Some((role.clone(), named(&profile.id)?.hands?))).collect()
    }

    /// Plans. `journal` tells what earlier runs committed; without one (offline, no state yet) nothing is known of them.
    pub fn plan(&self, scope: LookScope, journal: Option<&Journal>) -> Plan {
        self.with_world(journal, &NoSecrets, |world| {
            let mut plan = plan(&self.request(scope, world.now, vec![]), world);
            plan.state = journal.and_then(|journal| journal.state_id().ok());
            plan.diagnostics.extend(self.earlier(&plan, journal));
            plan.diagnostics.extend(rule_notices(&plan, &self.checked, &self.open.site.approvals));
            plan.digest = plan.compute_digest();
            plan
        })
    }

    /// Dry-runs, with secrets from sources that ask nobody.
    pub fn dry_run(&self, journal: Option<&Journal>) -> DryRun {
        let secrets = kirikae_engine::run::DryRunSecrets::new(&self.sources, &self.checked.secrets, self.vault.clone());
        self.with_world(journal, &secrets, |world| {
            let mut dry = dry_run(&self.request(LookScope::Probe, world.now, vec![]), world);
            let earlier = self.earlier(&dry.plan, journal);
            dry.plan.diagnostics.extend(earlier);
            dry.plan.diagnostics.extend(rule_notices(&dry.plan, &self.checked, &self.open.site.approvals));
            dry.plan.digest = dry.plan.compute_digest();
            dry
        })
    }

    fn with_world<T>(&self, journal: Option<&Journal>, secrets: &dyn Secrets, work: impl FnOnce(&World<'_>) -> T) -> T {
        let blobs = MemoryBlobs::default();
        let committed = |key: &str, action: &str| -> Vec<String> {
            let known = journal.and_then(|journal| journal.commitments(key).ok()).unwrap_or_default();
            known.iter().filter(|commitment| commitment.operation == action && commitment.state != "not_done").filter_map(Commitment::known_as).collect()
        };
        let ledger = Counted { journal, job: self };
        let world = World {
            now: Timestamp::now(),
            zone: &self.open.site.timezone,
            backends: self.backends.reads(),
            secrets,
            blobs: &blobs,
            committed: &committed,
            fresh_for: self.open.site.fresh_for,
            tries: &ledger,
        };
        work(&world)
    }

    /// What earlier runs committed for the plan's credentials, and who claims them. A journal that cannot be read stops a run, not a plan.
    fn earlier(&self, plan: &Plan, journal: Option<&Journal>) -> Vec<Message> {
        journal.and_then(|journal| earlier(journal, plan, &self.checked, &self.open.site.timezone).ok()).unwrap_or_default()
    }
}

/// What was counted of limited tries, for plans.
struct Counted<'a> {
    journal: Option<&'a Journal>,
    job: &'a Job,
}

impl Ledger for Counted<'_> {
    fn tally(&self, device: &str) -> Tally {
        let row = self.journal.and_then(|journal| journal.attempt(device).ok().flatten());
        row.map_or_else(Tally::default, |row| Tally { used: row.used, in_run: 0, failed: row.failed })
    }

    fn version(&self, secret: &str) -> Option<SourceVersion> {
        let declared = self.job.checked.secrets.iter().find(|declared| declared.name == secret)?;
        self.job.sources.version(declared)
    }

    fn per_user(&self) -> bool {
        self.job.per_user
    }
}

/// Roles and the identity of what they are bound to.
pub fn bindings(checked: &Checked, backends: &BackendSet) -> BTreeMap<String, String> {
    let reads = backends.reads();
    let id = |role: &str| {
        reads
            .store(role)
            .map(|store| store.id().to_owned())
            .or_else(|_| reads.ca(role).map(|ca| ca.id().to_owned()))
            .or_else(|_| reads.folder(role).map(|folder| folder.id().to_owned()))
            .or_else(|_| reads.token(role).map(|token| token.id().to_owned()))
            .ok()
    };
    checked.roles.iter().filter_map(|role| Some((role.name.clone(), id(&role.name)?))).collect()
}

fn plan_id(now: Timestamp) -> String {
    format!("P-{}-{}", now.strftime("%Y%m%d"), random_hex(3).to_uppercase())
}

/// A new run id: sortable by day, never parsed.
pub fn run_id(now: Timestamp) -> String {
    format!("{}-{}", now.strftime("%Y%m%d"), random_hex(3))
}

fn random_hex(bytes: usize) -> String {
    let mut random = vec![0u8; bytes];
    if getrandom::fill(&mut random).is_err() {
        // Without a random source the time still tells runs of one machine apart; the journal refuses a double.
        random = Timestamp::now().as_nanosecond().to_le_bytes()[..bytes].to_vec();
    }
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}

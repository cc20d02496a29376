//! A playbook at a clinic, planned: what one seed or many seeds carry out.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::devices::SimTokens;
use super::ground::Ground;
use super::local::{SimFolder, SimNotifier, SimStore, SimVault};
use super::people::PASSWORD;
use super::playbook::{Shelf, random_playbook};
use super::portal::SimPortal;
use super::rng::Rng;
use crate::action::registry;
use crate::backend::profile::{Hands, Operation, Profile};
use crate::backend::{BackendSet, CaWrite, FolderRead, FolderWrite, StoreWrite, TokenWrite};
use crate::check::{Checked, InputDecl, Library, RoleDecl, What, check};
use crate::clock::Clock;
use crate::dsl::site::Site as SiteFile;
use crate::dsl::{RoleKind, decode_site};
use crate::plan::{LookScope, Plan};
use crate::run::{MissingInputs, Program, gather_inputs};
use crate::testing::{FakeBlobs, FakeFolder, FakeHost, FakeNotifier, FakeP12, FakeStore, FakeVault, Shipped, certificate, planned};
use crate::text::Source;

/// Seeds that share a playbook and a plan.
pub(super) const SEEDS_OF_A_CASE: u64 = 20;

/// The institution of the clinic.
const CODE: &str = "0110119153";
/// The playbook of every second case that is a shipped one.
const RENEWAL: &str = "obn/renew-web";
/// A request that was made on paper.
const ON_PAPER: &str = "202611010000777";

const SITE: &str = "\
kirikae: site/1
id: clinic
title: 医院
people: { 担当者: { name: 鈴木 一郎 } }
backends:
  personal: { store: dir, path: /personal }
  backup: { folder: /backup }
  inbox: { folder: /inbox }
inputs: { medical_code: \"0110119153\" }
";

/// The shipped playbooks that this clinic has everything for, by id: roles of the kinds that are simulated, operations that the
/// portal has, inputs that the site, an example or the clinic's own request can give. A new one enters by itself.
fn shipped() -> &'static [String] {
    static SHIPPED: OnceLock<Vec<String>> = OnceLock::new();
    SHIPPED.get_or_init(|| Shipped.playbooks().iter().filter_map(|source| fits(&check(source, &Shelf::default(), registry()).result.ok()?)).collect())
}

fn fits(checked: &Checked) -> Option<String> {
    let has = |operation: Option<Operation>| operation.is_none_or(|operation| OPERATIONS.contains(&operation));
    let action = |step: &crate::check::Step| if let What::Action(action) = &step.what { has(action.manifest.operation) } else { true };
    let given = checked.inputs.iter().all(|input| input.ty.is_optional() || input.default.is_some() || !input.ty.is_handle() && value_for(input).is_some());
    // What a person does with a program of the terminal (the MPKI client) does not happen here, so no look into a store waits for it.
    let waits = |step: &crate::check::Step| step.repeat.is_some() && matches!(&step.what, What::Action(action) if action.manifest.operation.is_none());
    (given && checked.steps.iter().all(action) && !checked.steps.iter().any(waits)).then(|| checked.id.clone())
}

/// What the simulated portal can do.
const OPERATIONS: [Operation; 6] = [Operation::Probe, Operation::Renew, Operation::Status, Operation::FindIssued, Operation::Fetch, Operation::Obtain];

/// What is typed for an input that has to be given.
fn value_for(input: &InputDecl) -> Option<String> {
    match input.name.as_str() {
        "medical_code" => Some(CODE.to_owned()),
        "request_id" => Some(ON_PAPER.to_owned()),
        _ => input.example.clone(),
    }
}

/// A program with the clinic it was planned at.
pub(super) struct Case {
    pub(super) name: String,
    /// The root document.
    pub(super) text: String,
    pub(super) program: Program,
    setting: Setting,
}

/// How the clinic is at first.
#[derive(Clone, Copy, Debug)]
struct Setting {
    /// The newer certificate is in the store, too.
    two: bool,
    /// "Not in the list" becomes conclusive.
    absent_after: Option<Duration>,
    /// Backups are bare files.
    plain: bool,
    /// Who works the portal's pages.
    hands: Hands,
}

/// The backends of one clinic, with what only the simulation sees.
pub(super) struct Clinic {
    pub(super) backends: BackendSet,
    pub(super) blobs: FakeBlobs,
    pub(super) store: Arc<FakeStore>,
    pub(super) portals: BTreeMap<String, Arc<SimPortal>>,
    pub(super) downloads: Arc<FakeFolder>,
}

impl Case {
    /// The case of a seed.
    pub(super) fn of(seed: u64) -> Self {
        let number = seed / SEEDS_OF_A_CASE;
        let mut rng = Rng::new(number, 2);
        // Every third case is a shipped playbook, every second of them a renewal.
        let shipped = number.is_multiple_of(3).then(|| {
            let all = shipped();
            if number.is_multiple_of(2) { RENEWAL } else { all[(number / 6) as usize % all.len()].as_str() }
        });
        let (name, text, checked) = match shipped {
            Some(id) => {
                let source = Shelf::default().playbook(id).expect("a shipped playbook");
                let text = source.text.to_string();
                (id.to_owned(), text, check(&source, &Shelf::default(), registry()).result.expect("a playbook without findings"))
            }
            None => {
                let random = random_playbook(number);
                (format!("random playbook {number}"), random.text, random.checked)
            }
        };
        let setting = Setting {
            two: shipped.is_some_and(|id| id.ends_with("/delete-old")) || shipped.is_none() && rng.chance(150),
            absent_after: if rng.chance(600) { Some(*rng.pick(&[Duration::from_mins(30), Duration::from_hours(2)])) } else { None },
            plain: rng.chance(500),
            hands: if rng.chance(250) { Hands::Person } else { Hands::Engine },
        };
        let program = program(checked, setting);
        Self { name, text, program, setting }
    }

    /// The clinic as it was when it was planned.
    pub(super) fn clinic(&self, ground: &Arc<Ground>) -> Clinic {
        build(&self.program.checked, self.setting, ground)
    }
}

fn program(checked: Checked, setting: Setting) -> Program {
    let site: SiteFile = decode_site(&Source::new("site.yaml", SITE)).expect("a site without findings");
    let needed = checked.inputs.iter().filter(|input| input.name == "request_id" || input.default.is_none() && !input.ty.is_optional());
    let set: BTreeMap<String, String> = needed.filter_map(|input| Some((input.name.clone(), value_for(input)?))).collect();
    // Planning is undisturbed.
    let ground = Arc::new(Ground::new(0, false));
    ground.calm();
    let clinic = build(&checked, setting, &ground);
    let plan: Plan = planned(&checked, &site, &clinic.backends, ground.now(), LookScope::Local, &set);
    let inputs = gather_inputs(&checked, &set, &site, MissingInputs::Refuse).expect("inputs of the site");
    let inputs = inputs.into_iter().map(|(name, given)| (name, given.value)).collect();
    let renews = |step: &&crate::check::Step| matches!(&step.what, What::Action(action) if action.manifest.operation == Some(Operation::Renew));
    let renewals = checked.steps.iter().filter(renews).map(|step| step.address.clone());
    let absent_after = setting.absent_after.map(|after| renewals.map(|step| (step, after)).collect()).unwrap_or_default();
    Program { checked, plan, inputs, zone: site.timezone.clone(), absent_after }
}

fn build(checked: &Checked, setting: Setting, ground: &Arc<Ground>) -> Clinic {
    let p12 = Arc::new(FakeP12::default());
    let vault = Arc::new(FakeVault::default());
    let store = Arc::new(FakeStore::new("dir:/personal", p12.clone()));
    let folder = Arc::new(FakeFolder::new("folder:/backup", setting.plain, ground.clock.clone()));
    let inbox = Arc::new(FakeFolder::new("folder:/inbox", true, ground.clock.clone()));
    store.put(certificate(CODE, 1, "2023-10-22", "2027-01-22"));
    let newer = certificate(CODE, 2, "2026-11-20", "2030-02-20");
    inbox.put("202611200000001.p12", p12.make(PASSWORD, &newer, &[]).expose());
    if setting.two {
        store.put(newer);
    }
    let downloads = Arc::new(FakeFolder::new("folder:/downloads", true, ground.clock.clone()));
    let mut backends = BackendSet {
        stores: BTreeMap::new(),
        cas: BTreeMap::new(),
        tokens: BTreeMap::new(),
        downloads: Some(Arc::new(SimFolder(downloads.clone(), ground.clone())) as Arc<dyn FolderRead>),
        folders: BTreeMap::new(),
        p12: p12.clone(),
        vault: Arc::new(SimVault(vault.clone(), ground.clone())),
        notifier: Arc::new(SimNotifier(Arc::new(FakeNotifier::default()), ground.clone())),
        host: Arc::new(FakeHost::default()),
        practice: false,
    };
    for RoleDecl { name, kind, .. } in &checked.roles {
        match kind {
            RoleKind::Store => drop(backends.stores.insert(name.clone(), Arc::new(SimStore(store.clone(), ground.clone())) as Arc<dyn StoreWrite>)),
            RoleKind::Folder => {
                let of = if name == "backup" { &folder } else { &inbox };
                backends.folders.insert(name.clone(), Arc::new(SimFolder(of.clone(), ground.clone())) as Arc<dyn FolderWrite>);
            }
            RoleKind::Token => {
                backends.tokens.insert(name.clone(), Arc::new(SimTokens::new(ground.clone(), checked.attempts.clone())) as Arc<dyn TokenWrite>);
            }
            RoleKind::Ca | RoleKind::Web => {}
        }
    }
    let mut portals = BTreeMap::new();
    for (role, profile) in &checked.profiles {
        let profile: Profile = profile.clone();
        let portal = Arc::new(SimPortal::new(profile, ground.clone(), p12.clone(), setting.absent_after, setting.hands));
        // It was issued last year; whoever renews sees that it is older.
        portal.list(ON_PAPER, certificate(CODE, 9, "2023-10-01", "2027-01-01"));
        backends.cas.insert(role.clone(), portal.clone() as Arc<dyn CaWrite>);
        portals.insert(role.clone(), portal);
    }
    Clinic { backends, blobs: FakeBlobs::new(vault, ground.clock.clone()), store, portals, downloads }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_playbooks_enter_by_themselves() {
        let entered = shipped();
        for id in ["obn/backup-file", "obn/delete-old", "obn/install", "obn/obtain", "obn/renew-web", "obn/verify"] {
            assert!(entered.iter().any(|known| known == id), "{id}: {entered:?}");
        }
        assert!(!entered.iter().any(|known| known == "common/install-p12"), "what takes a file of its caller is simulated in its callers");
    }
}

//! A playbook at a clinic, planned: what one seed or many seeds carry out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::ground::Ground;
use super::local::{SimFolder, SimNotifier, SimStore, SimVault};
use super::people::PASSWORD;
use super::playbook::{Shelf, random_playbook};
use super::portal::SimPortal;
use super::rng::Rng;
use crate::action::registry;
use crate::backend::profile::{Operation, Profile};
use crate::backend::{BackendSet, CaWrite, FolderWrite, StoreWrite};
use crate::check::{Checked, Library, What, check};
use crate::clock::Clock;
use crate::dsl::decode_site;
use crate::dsl::site::Site as SiteFile;
use crate::plan::{LookScope, Plan};
use crate::run::{MissingInputs, Program, gather_inputs};
use crate::testing::{FakeBlobs, FakeFolder, FakeHost, FakeNotifier, FakeP12, FakeStore, FakeVault, certificate, planned};
use crate::text::Source;

/// Seeds that share a playbook and a plan.
pub(super) const SEEDS_OF_A_CASE: u64 = 20;

/// The institution of the clinic.
const CODE: &str = "0110119153";
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

/// Playbooks that are shipped and that this clinic has everything for.
const SHIPPED: [&str; 6] = ["obn/renew-web", "obn/delete-old", "obn/install", "obn/obtain", "obn/backup-file", "obn/verify"];

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
}

/// The backends of one clinic, with what only the simulation sees.
pub(super) struct Clinic {
    pub(super) backends: BackendSet,
    pub(super) blobs: FakeBlobs,
    pub(super) store: Arc<FakeStore>,
}

impl Case {
    /// The case of a seed.
    pub(super) fn of(seed: u64) -> Self {
        let number = seed / SEEDS_OF_A_CASE;
        let mut rng = Rng::new(number, 2);
        // Every third case is a shipped playbook, every second of them a renewal.
        let shipped = number.is_multiple_of(3).then(|| if number.is_multiple_of(2) { SHIPPED[0] } else { SHIPPED[(number / 6) as usize % SHIPPED.len()] });
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
            two: shipped == Some("obn/delete-old") || shipped.is_none() && rng.chance(150),
            absent_after: if rng.chance(600) { Some(*rng.pick(&[Duration::from_mins(30), Duration::from_hours(2)])) } else { None },
            plain: rng.chance(500),
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
    let set: BTreeMap<String, String> = if checked.inputs.iter().any(|input| input.name == "request_id") {
        BTreeMap::from([("request_id".to_owned(), ON_PAPER.to_owned())])
    } else {
        BTreeMap::new()
    };
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
    let mut backends = BackendSet {
        stores: BTreeMap::from([("personal".to_owned(), Arc::new(SimStore(store.clone(), ground.clone())) as Arc<dyn StoreWrite>)]),
        cas: BTreeMap::new(),
        tokens: BTreeMap::new(),
        downloads: None,
        folders: [("backup", folder), ("inbox", inbox)]
            .map(|(role, folder)| (role.to_owned(), Arc::new(SimFolder(folder, ground.clone())) as Arc<dyn FolderWrite>))
            .into(),
        p12: p12.clone(),
        vault: Arc::new(SimVault(vault.clone(), ground.clone())),
        notifier: Arc::new(SimNotifier(Arc::new(FakeNotifier::default()), ground.clone())),
        host: Arc::new(FakeHost::default()),
        practice: false,
    };
    for (role, profile) in &checked.profiles {
        let profile: Profile = profile.clone();
        let portal = SimPortal::new(profile, ground.clone(), p12.clone(), setting.absent_after);
        // It was issued last year; whoever renews sees that it is older.
        portal.list(ON_PAPER, certificate(CODE, 9, "2023-10-01", "2027-01-01"));
        backends.cas.insert(role.clone(), Arc::new(portal) as Arc<dyn CaWrite>);
    }
    Clinic { backends, blobs: FakeBlobs::new(vault, ground.clock.clone()), store }
}

//! A shipped playbook at the clinic of [`World::obn`], planned as the command line plans it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Shipped, World};
use crate::action::registry;
use crate::backend::BackendSet;
use crate::check::{Checked, Library, check};
use crate::clock::Clock;
use crate::dsl::decode_site;
use crate::dsl::site::Site;
use crate::plan::{ClosureItem, LookScope, Plan, PlanRequest, Target, World as PlanWorld, plan};
use crate::run::{MemoryBlobs, MissingInputs, NoSecrets, gather_inputs, rule_notices};
use crate::text::Source;

/// The site file of the clinic, without approval rules.
const SITE: &str = "\
kirikae: site/1
id: sakura-clinic/uketsuke-01
title: { ja: さくら医院 受付1, en: \"Sakura clinic, reception 1\" }
people: { 担当者: { name: 鈴木 一郎 } }
backends:
  personal: { store: dir, path: /personal }
  backup: { folder: /backup }
  inbox: { folder: /inbox }
inputs: { medical_code: \"0110119153\" }
";

/// A playbook, a site and a world.
pub struct Desk {
    pub world: World,
    pub checked: Checked,
    pub site: Site,
    pub scope: LookScope,
    /// What was typed with `--set`.
    pub set: BTreeMap<String, String>,
}

impl Desk {
    /// The playbook of this id at the clinic; plans look at this machine only.
    pub fn at(playbook: &str) -> Self {
        let source = Shipped.playbook(playbook).expect("a shipped playbook");
        let checked = check(&source, &Shipped, registry()).result.expect("a playbook without findings");
        Self { world: World::obn(), checked, site: site(SITE), scope: LookScope::Local, set: BTreeMap::new() }
    }

    /// The same with more lines in the site file.
    pub fn with_site(mut self, lines: &str) -> Self {
        self.site = site(&format!("{SITE}{lines}"));
        self
    }

    /// The same with inputs that were typed.
    pub fn given(mut self, set: &[(&str, &str)]) -> Self {
        self.set = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self
    }

    /// The same, looking at remote systems, too.
    pub fn probing(mut self) -> Self {
        self.scope = LookScope::Probe;
        self
    }

    /// The plan as the planner leaves it: without a digest, which is made when a plan is shown or saved.
    pub fn draft(&self) -> Plan {
        draft(&self.checked, &self.site, &self.world.backends(), self.world.clock.now(), self.scope, &self.set)
    }

    /// Plans.
    pub fn plan(&self) -> Plan {
        planned(&self.checked, &self.site, &self.world.backends(), self.world.clock.now(), self.scope, &self.set)
    }
}

/// The plan of a playbook at a site whose backends are open, as the command line makes it without a journal.
pub fn planned(checked: &Checked, site: &Site, backends: &BackendSet, now: Timestamp, scope: LookScope, set: &BTreeMap<String, String>) -> Plan {
    let mut plan = draft(checked, site, backends, now, scope, set);
    plan.diagnostics.extend(rule_notices(&plan, checked, &site.approvals));
    plan.digest = plan.compute_digest();
    plan
}

fn draft(checked: &Checked, site: &Site, backends: &BackendSet, now: Timestamp, scope: LookScope, set: &BTreeMap<String, String>) -> Plan {
    let tidies = format!("{}/delete-old", checked.program);
    let request = PlanRequest {
        checked,
        registry: registry(),
        scope,
        plan_id: "P-20261123-2C81".to_owned(),
        valid: site.plan_valid,
        inputs: gather_inputs(checked, set, site, MissingInputs::Refuse).expect("inputs of the site"),
        secret_sources: BTreeMap::new(),
        target: Target { id: site.id.clone(), labels: BTreeMap::new() },
        bindings: bindings(checked, backends),
        hands: BTreeMap::new(),
        site: Some(ClosureItem { kind: "site".to_owned(), id: site.id.clone(), digest: site.digest.clone() }),
        clean_up: Some(tidies).filter(|tidies| *tidies != checked.id),
        notices: vec![],
    };
    let world = PlanWorld {
        now,
        zone: &site.timezone,
        backends: backends.reads(),
        secrets: &NoSecrets,
        blobs: &MemoryBlobs::default(),
        committed: &|_, _| vec![],
        fresh_for: site.fresh_for,
        tries: &crate::plan::NoLedger,
    };
    plan(&request, &world)
}

fn site(text: &str) -> Site {
    decode_site(&Source::new("site.yaml", text)).expect("a site without findings")
}

fn bindings(checked: &Checked, backends: &BackendSet) -> BTreeMap<String, String> {
    let reads = backends.reads();
    let id = |role: &str| {
        let store = reads.store(role).map(|store| store.id().to_owned());
        store
            .or_else(|_| reads.ca(role).map(|ca| ca.id().to_owned()))
            .or_else(|_| reads.folder(role).map(|folder| folder.id().to_owned()))
            .or_else(|_| reads.token(role).map(|token| token.id().to_owned()))
            .ok()
    };
    checked.roles.iter().filter_map(|role| Some((role.name.clone(), id(&role.name)?))).collect()
}

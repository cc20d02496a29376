//! Every document a playbook is made of: sub-playbooks, profiles, the catalogue.
//!
//! May use: the library, decoders. Must not: look at steps beyond what they use.

use std::collections::BTreeMap;
use std::rc::Rc;

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::cited::cites_in;
use super::lock::differences;
use super::{Catalogue, Cite, Document, DocumentKind, Library};
use crate::backend::profile::Profile;
use crate::dsl::playbook::{Playbook, Uses, decode_playbook};
use crate::dsl::reader::{did_you_mean, nearest};
use crate::dsl::{decode_lock, decode_profile, decode_sources};
use crate::text::{Diagnostic, Source, Sources, Span, Spanned, Text, Tree, sorted};

/// The id of the catalogue among the documents, and of the one behind it.
pub(crate) const SOURCES: &str = "sources";
pub(crate) const FURTHER_SOURCES: &str = "sources-further";

/// The documents, decoded.
pub(super) struct Closure {
    /// The root playbook, as far as it could be read.
    pub(super) root: Option<Rc<Playbook>>,
    /// Playbooks by id; `None` if they could not be read (which was reported).
    pub(super) playbooks: BTreeMap<String, Option<Rc<Playbook>>>,
    /// Profiles by id; `None` if they could not be read (which was reported).
    pub(super) profiles: BTreeMap<String, Option<Profile>>,
    /// Manuals.
    pub(super) catalogue: Catalogue,
    /// Documents by kind and id.
    pub(super) documents: BTreeMap<(DocumentKind, String), Document>,
    /// Their texts.
    pub(super) sources: Sources,
    /// Playbooks call each other in a ring (which was reported).
    pub(super) cyclic: bool,
    /// Findings.
    pub(super) found: Vec<Diagnostic>,
}

/// A use of one playbook by another.
struct Call {
    from: String,
    to: String,
    source: Source,
    span: Span,
}

/// Reads everything that `source` refers to.
pub(super) fn load(source: &Source, library: &dyn Library) -> Closure {
    let mut closure = Closure::empty();
    closure.catalogue(library);
    let Some(root) = closure.decode(source) else { return closure };
    closure.root = Some(root.clone());
    closure.playbooks.insert(root.id.value.clone(), Some(root.clone()));
    let mut open = vec![root];
    let mut calls = vec![];
    while let Some(playbook) = open.pop() {
        closure.cites(&playbook);
        closure.portals(&playbook, library);
        for step in playbook.all_steps() {
            let Some(Spanned { value: Uses::Playbook(id, major), span }) = &step.uses else { continue };
            calls.push(Call { from: playbook.id.value.clone(), to: id.clone(), source: playbook.source.clone(), span: *span });
            if !closure.playbooks.contains_key(id) {
                let called = closure.called(&playbook, id, *span, library);
                open.extend(called.clone());
                closure.playbooks.insert(id.clone(), called);
            }
            if let Some(Some(called)) = closure.playbooks.get(id)
                && !called.version.is_empty()
                && called.version.split('.').next() != Some(major.to_string().as_str())
            {
                let what = Text::new(
                    format!("手順書 {id} の版は {} です(@{major} ではありません)。", called.version),
                    format!("playbook `{id}` is of version {}, not @{major}.", called.version),
                );
                closure.found.push(Diagnostic::error("DSL.WRONG_VERSION", playbook.source.place(*span), what));
            }
        }
    }
    closure.rings(&calls);
    closure
}

/// A profile by itself: its form, and its citations where the library has a catalogue.
pub(super) fn portal(source: &Source, library: &dyn Library) -> (Sources, Vec<Diagnostic>) {
    let mut closure = Closure::empty();
    closure.sources.add(source.clone());
    match decode_profile(source) {
        Ok(profile) => {
            closure.catalogue(library);
            closure.cites_of_profile(source, &profile);
        }
        Err(found) => closure.found = found,
    }
    (closure.sources, sorted(closure.found))
}

impl Closure {
    fn empty() -> Self {
        Self {
            root: None,
            playbooks: BTreeMap::new(),
            profiles: BTreeMap::new(),
            catalogue: Catalogue::default(),
            documents: BTreeMap::new(),
            sources: Sources::default(),
            cyclic: false,
            found: vec![],
        }
    }

    fn decode(&mut self, source: &Source) -> Option<Rc<Playbook>> {
        self.sources.add(source.clone());
        let (playbook, found) = decode_playbook(source);
        self.found.extend(found);
        let playbook = playbook?;
        let document = document(DocumentKind::Playbook, &playbook.id.value, &playbook.version, source);
        self.documents.insert((DocumentKind::Playbook, document.id.clone()), document);
        Some(Rc::new(playbook))
    }

    fn catalogue(&mut self, library: &dyn Library) {
        let both = [(SOURCES, library.sources()), (FURTHER_SOURCES, library.further_sources())];
        for (id, source) in both.into_iter().filter_map(|(id, source)| Some((id, source?))) {
            let decoded = decode_sources(&source);
            let adds = decoded.as_ref().is_ok_and(|more| more.0.keys().any(|manual| !self.catalogue.0.contains_key(manual)));
            if id == SOURCES || adds {
                self.sources.add(source.clone());
                self.documents.insert((DocumentKind::Sources, id.to_owned()), document(DocumentKind::Sources, id, "", &source));
            }
            match decoded {
                Ok(more) => more.0.into_iter().for_each(|(id, manual)| {
                    self.catalogue.0.entry(id).or_insert(manual);
                }),
                Err(found) => self.found.extend(found),
            }
        }
    }

    fn called(&mut self, caller: &Playbook, id: &str, span: Span, library: &dyn Library) -> Option<Rc<Playbook>> {
        let Some(source) = library.playbook(id) else {
            let what = Text::new(format!("手順書「{id}」が見つかりません。"), format!("there is no playbook `{id}`."));
            let cure = Text::new("名前を確かめるか、--library で置き場所を指定してください。", "check the name, or name the folder with --library.");
            self.found.push(Diagnostic::error("DSL.NO_PLAYBOOK", caller.source.place(span), what).cure(cure));
            return None;
        };
        let called = self.decode(&source)?;
        if called.id.value != id && !called.id.value.is_empty() {
            let what = Text::new(
                format!("「{id}」として読んだ手順書の id は「{}」です。", called.id.value),
                format!("the playbook found as `{id}` says that it is `{}`.", called.id.value),
            );
            self.found.push(Diagnostic::error("DSL.BAD_ID", source.place(called.id.span), what));
            return None;
        }
        Some(called)
    }

    fn portals(&mut self, playbook: &Playbook, library: &dyn Library) {
        for id in playbook.backends.iter().filter_map(|role| role.profile.as_ref()) {
            if self.profiles.contains_key(&id.value) {
                continue;
            }
            let Some(source) = library.portal(&id.value) else {
                let what = Text::new(format!("プロファイル「{}」が見つかりません。", id.value), format!("there is no portal profile `{}`.", id.value));
                let cure = Text::new("portals/ にあるファイルの名前を書いてください。", "write the name of a file in portals/.");
                self.found.push(Diagnostic::error("ROLE.NO_PROFILE", playbook.source.place(id.span), what).cure(cure));
                self.profiles.insert(id.value.clone(), None);
                continue;
            };
            self.sources.add(source.clone());
            let profile = match decode_profile(&source) {
                Ok(profile) => Some(profile),
                Err(found) => {
                    self.found.extend(found);
                    None
                }
            };
            if let Some(profile) = &profile {
                self.cites_of_profile(&source, profile);
            }
            let version = profile.as_ref().map_or("", |profile| &profile.version);
            self.documents.insert((DocumentKind::Portal, id.value.clone()), document(DocumentKind::Portal, &id.value, version, &source));
            self.profiles.insert(id.value.clone(), profile);
        }
    }

    /// Every cited section is in the catalogue, its manual among the playbook's `sources`.
    fn cites(&mut self, playbook: &Playbook) {
        for manual in playbook.sources.iter().filter(|manual| !self.catalogue.0.contains_key(&manual.value)) {
            let what =
                Text::new(format!("「{}」は手順書の目録(sources.yaml)にありません。", manual.value), format!("`{}` is not in sources.yaml.", manual.value));
            let mut finding = Diagnostic::error("CITE.UNKNOWN", playbook.source.place(manual.span), what);
            did_you_mean(&mut finding, manual.span, nearest(&manual.value, self.catalogue.0.keys().map(String::as_str)).map(str::to_owned));
            self.found.push(finding);
        }
        let of_steps = playbook.all_steps().flat_map(|step| step.cite.iter().chain(step.rescue.iter().flat_map(|row| &row.cite)));
        let of_inputs = playbook.inputs.iter().flat_map(|input| &input.cite);
        let of_secrets = playbook.secrets.iter().flat_map(|secret| &secret.cite);
        let listed: Vec<&str> = playbook.sources.iter().map(|listed| listed.value.as_str()).collect();
        let mut cites: Vec<Spanned<Cite>> = of_steps.chain(of_inputs).chain(of_secrets).cloned().collect();
        for entry in playbook.all_steps().flat_map(|step| &step.with) {
            let (more, found) = cites_in(&playbook.source, &entry.value);
            cites.extend(more);
            self.found.extend(found);
        }
        let found: Vec<_> = cites.iter().filter_map(|cite| self.cite(&playbook.source, &listed, cite)).collect();
        self.found.extend(found);
    }

    /// The citations of a profile, where there is a catalogue to look them up in.
    fn cites_of_profile(&mut self, source: &Source, profile: &Profile) {
        let Some(root) = Tree::read(source).root.filter(|_| !self.catalogue.0.is_empty()) else { return };
        let listed: Vec<&str> = profile.sources.iter().map(String::as_str).collect();
        let (cites, mut found) = cites_in(source, &root);
        found.extend(cites.iter().filter_map(|cite| self.cite(source, &listed, cite)));
        self.found.extend(found);
    }

    fn cite(&self, source: &Source, listed: &[&str], cite: &Spanned<Cite>) -> Option<Diagnostic> {
        let Cite { manual, section } = &cite.value;
        let place = source.place(cite.span);
        if !listed.contains(&manual.as_str()) {
            let what = Text::new(format!("「{manual}」がこの文書の sources: にありません。"), format!("`{manual}` is not among the document's `sources`."));
            let mut finding = Diagnostic::error("CITE.UNKNOWN", place, what);
            let near = nearest(manual, listed.iter().copied());
            did_you_mean(&mut finding, cite.span, near.map(|near| format!("{near}#{section}")));
            return Some(finding.cure(Text::new(format!("sources: に {manual} を加えてください。"), format!("add `{manual}` to `sources`."))));
        }
        let known = self.catalogue.0.get(manual)?;
        if known.sections.contains_key(section) {
            return None;
        }
        let what = Text::new(format!("{manual} に「{section}」という節はありません。"), format!("`{manual}` has no section `{section}`."));
        let list: Vec<&str> = known.sections.keys().map(String::as_str).collect();
        let list = list.join(" ");
        Some(Diagnostic::error("CITE.UNKNOWN", place, what).cure(Text::new(format!("ある節: {list}"), format!("sections: {list}"))))
    }

    /// Reports what differs from the library's lock file, if it has one.
    pub(super) fn compare_with_lock(&mut self, library: &dyn Library) {
        let (Some(file), Some(root)) = (library.lock(), &self.root) else { return };
        let found = match decode_lock(&file) {
            Ok(lock) => differences(&lock, &file, &root.id.value, self.documents.values()),
            Err(found) => found,
        };
        self.found.extend(found);
        self.sources.add(file);
    }

    /// Reports playbooks that call each other in a ring.
    fn rings(&mut self, calls: &[Call]) {
        let mut graph: DiGraph<&str, ()> = DiGraph::new();
        let mut nodes: BTreeMap<&str, NodeIndex> = BTreeMap::new();
        for call in calls {
            let mut node = |id| *nodes.entry(id).or_insert_with(|| graph.add_node(id));
            let (from, to) = (node(call.from.as_str()), node(call.to.as_str()));
            graph.add_edge(from, to, ());
        }
        let rings: Vec<Vec<&str>> = tarjan_scc(&graph)
            .into_iter()
            .filter(|ring| ring.len() > 1 || ring.iter().any(|node| graph.contains_edge(*node, *node)))
            .map(|ring| ring.into_iter().map(|node| graph[node]).collect())
            .collect();
        for mut ring in rings {
            self.cyclic = true;
            ring.sort_unstable();
            let shown = ring.join(" → ");
            let inside = calls.iter().filter(|call| ring.contains(&call.from.as_str()) && ring.contains(&call.to.as_str()));
            let Some(call) = inside.min_by_key(|call| (&call.from, call.span)) else { continue };
            let what =
                Text::new(format!("手順書が互いに呼び合って終わりません({shown} → …)。"), format!("playbooks call each other without end ({shown} → ...)."));
            self.found.push(Diagnostic::error("DSL.CYCLE", call.source.place(call.span), what));
        }
    }
}

fn document(kind: DocumentKind, id: &str, version: &str, source: &Source) -> Document {
    Document { kind, id: id.to_owned(), version: version.to_owned(), digest: source.digest(), source: source.clone() }
}

//! The steps of a random playbook: what can stand next, from what the steps above give, and what is written around it.

use std::fmt::Write as _;

use super::devices::LIMIT;
use super::parts::Part;
use super::rng::Rng;

/// What steps above give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thing {
    /// The certificate of the terminal.
    Current,
    /// A certificate that this playbook imported.
    Imported,
    /// A file with a new certificate; its password is `p12_password`.
    File,
    /// A request that was made.
    Request,
    /// A proof of the imported certificate.
    Proof,
    /// A backup of the imported certificate.
    Backup,
}

/// An action and its codes: those that `retry` may name, and further ones for `rescue`.
pub(super) struct Act {
    pub(super) uses: &'static str,
    pub(super) transient: &'static [&'static str],
    pub(super) other: &'static [&'static str],
    pub(super) irreversible: bool,
}

const PORTAL: &[&str] = &["PORTAL.BUSY", "PORTAL.SESSION_EXPIRED", "NET.UNREACHABLE", "PORTAL.CLOSED"];
const FILE: &[&str] = &["PORTAL.BUSY", "NET.UNREACHABLE", "PORTAL.FILE_BAD"];

const fn act(uses: &'static str, transient: &'static [&'static str], other: &'static [&'static str]) -> Act {
    Act { uses, transient, other, irreversible: false }
}

pub(super) const FIND: Act = act("cert.find", &[], &["STORE.UNREADABLE", "CERT.NOT_FOUND"]);
const RENEW: Act = Act {
    irreversible: true,
    ..act("ca.renew", PORTAL, &["PORTAL.REFUSED", "PORTAL.CERT_REJECTED", "PORTAL.RESULT_UNKNOWN", "STEP.UNCERTAIN", "CLOCK.WRONG", "STORE.UNREADABLE"])
};
const STATUS: Act = act("ca.status", PORTAL, &["PORTAL.CERT_REJECTED"]);
const LISTED: Act = act("ca.find_issued", PORTAL, &["PORTAL.CERT_REJECTED"]);
const FETCH: Act = act("ca.fetch", FILE, &["PORTAL.NO_ROW", "FOLDER.FULL"]);
const OBTAIN: Act = act("ca.obtain", FILE, &["PORTAL.WRONG_ID"]);
pub(super) const INSPECT: Act = act("p12.inspect", &[], &["P12.BAD_PASSWORD", "VAULT.UNREADABLE"]);
pub(super) const IMPORT: Act = act("cert.import", &["STORE.LOCKED"], &["STORE.READONLY", "STORE.UNREADABLE"]);
pub(super) const PROBE: Act = act("web.probe", PORTAL, &["PORTAL.CERT_REJECTED", "KEY.UNUSABLE"]);
const SAVE: Act = act("file.save", &[], &["FOLDER.ABSENT", "FOLDER.FULL"]);
const DELETE: Act = Act { irreversible: true, ..act("cert.delete", &["STORE.LOCKED"], &["CERT.GONE", "PROOF.STALE", "CLOCK.WRONG", "STORE.READONLY"]) };
const KEEP: Act = act("secret.keep", &[], &["FOLDER.FULL"]);
pub(super) const NOTIFY: Act = act("notify.send", &["NOTIFY.UNREACHABLE"], &[]);
pub(super) const CONFIRM: Act = act("human.confirm", &[], &["HUMAN.DECLINED"]);
const WAIT: Act = act("token.wait", &[], &["TOKEN.ABSENT"]);
const LOGIN: Act = act("token.login", &["ATTEMPTS.BUSY"], &["PIN.INCORRECT", "TOKEN.FAILED", "TOKEN.ABSENT"]);
const PERFORM: Act = act("human.perform", &["ATTEMPTS.BUSY"], &["HUMAN.WRONG", "HUMAN.CANCELLED", "HUMAN.DECLINED"]);
const COMMIT: Act = Act { irreversible: true, uses: "human.commit", ..PERFORM };
const SEE: Act = Act { uses: "human.confirm", ..PERFORM };

/// Writes steps one after another.
pub(super) struct Pen {
    text: String,
    /// Of 1000: how much is written around steps.
    rate: u64,
    ids: Vec<String>,
    things: Vec<(Thing, String)>,
    renewals: u32,
    deleted: bool,
    skippable: bool,
    /// The secrets with limited tries that its steps use.
    limited: Vec<&'static str>,
}

/// What a step may be followed by besides its own fields.
struct Room {
    /// An `expect` that fits its outputs.
    expect: Option<&'static str>,
    /// `repeat`.
    repeat: Option<&'static str>,
    /// What `then: resume` must give; `None`: it may not be used.
    give: Option<&'static str>,
}

impl Pen {
    pub(super) fn new(rate: u64) -> Self {
        Self { text: String::new(), rate, ids: vec![], things: vec![], renewals: 0, deleted: false, skippable: false, limited: vec![] }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// The `outputs` of the playbook.
    pub(super) fn outputs(&self) -> String {
        match self.things.iter().rev().find(|(thing, _)| matches!(thing, Thing::Imported | Thing::Current)) {
            Some((_, step)) => format!("outputs:\n  cert: steps.{step}.cert\n"),
            None => String::new(),
        }
    }

    fn of(&self, thing: Thing, rng: &mut Rng) -> Option<String> {
        let steps: Vec<&String> = self.things.iter().filter(|(known, _)| *known == thing).map(|(_, step)| step).collect();
        (!steps.is_empty()).then(|| (*rng.pick(&steps)).clone())
    }

    /// Any certificate in the store.
    fn cert(&self, rng: &mut Rng) -> Option<String> {
        let imported = if rng.chance(400) { self.of(Thing::Imported, rng) } else { None };
        imported.or_else(|| self.of(Thing::Current, rng))
    }

    /// Finds the certificate of the terminal; the first one is what everything else rests on.
    pub(super) fn find(&mut self, rng: &mut Rng, first: bool) {
        let pick = if first { "newest" } else { *rng.pick(&["newest", "oldest"]) };
        let fields = format!("in: personal, issuer: \"*\", cn: \"${{{{ inputs.code }}}}\", key: true, pick: {pick}");
        let give = (!first).then_some("cert: \"${{ steps.s0.cert }}\", count: 1");
        let id = self.write(rng, &FIND, &fields, &Room { expect: Some("result.count >= 1"), repeat: None, give });
        self.things.push((Thing::Current, id));
    }

    /// One more step of what can stand here.
    pub(super) fn step(&mut self, rng: &mut Rng, call: &mut dyn FnMut(&mut Rng, Part) -> String) {
        let request = self.of(Thing::Request, rng);
        let file = self.of(Thing::File, rng);
        let has = |thing: Thing| self.things.iter().any(|(known, _)| *known == thing);
        let deletable = has(Thing::Proof) && has(Thing::Backup) && !self.deleted;
        let weights: [(u64, &str); 17] = [
            (1, "find"),
            (if self.renewals < 2 { 6 / (1 + u64::from(self.renewals) * 3) } else { 0 }, "renew"),
            (u64::from(request.is_some()) * 2, "status"),
            (1, "listed"),
            (u64::from(request.is_some()) * 4, "fetch"),
            (1, "obtain"),
            (u64::from(file.is_some()), "inspect"),
            (if file.is_none() || has(Thing::Imported) { 0 } else { 7 }, "import"),
            (if has(Thing::Imported) && !has(Thing::Proof) { 6 } else { 1 }, "probe"),
            (if has(Thing::Imported) && !has(Thing::Backup) { 6 } else { u64::from(file.is_some()) }, "save"),
            (if deletable { 10 } else { 0 }, "delete"),
            (1, "keep"),
            (1, "notify"),
            (1, "confirm"),
            (2, "call"),
            (2, "login"),
            (3, "perform"),
        ];
        let mut draw = rng.below(weights.iter().map(|(weight, _)| weight).sum());
        let chosen = weights.iter().find(|(weight, _)| {
            let here = draw < *weight;
            draw = draw.saturating_sub(*weight);
            here
        });
        self.chosen(rng, chosen.map_or("notify", |(_, name)| name), call);
    }

    fn chosen(&mut self, rng: &mut Rng, name: &str, call: &mut dyn FnMut(&mut Rng, Part) -> String) {
        let plain = Room { expect: None, repeat: None, give: None };
        let cert = self.cert(rng).map(|step| format!("client_cert: \"${{{{ steps.{step}.cert }}}}\"")).unwrap_or_default();
        let current = self.of(Thing::Current, rng).unwrap_or_default();
        let file = self.of(Thing::File, rng);
        let request = self.of(Thing::Request, rng).map(|step| format!(", request_id: \"${{{{ steps.{step}.request_id }}}}\"")).unwrap_or_default();
        let password = "password: \"${{ secrets.p12_password }}\"";
        match name {
            "find" => self.find(rng, false),
            "renew" => {
                self.renewals += 1;
                let id = self.write(rng, &RENEW, &format!("client_cert: \"${{{{ steps.{current}.cert }}}}\""), &plain);
                self.things.push((Thing::Request, id));
            }
            "status" => {
                let room = Room {
                    expect: Some("result.status == 'issued'"),
                    repeat: Some("until: \"result.status != 'pending'\", every: 30s, slow_to: 10m"),
                    give: None,
                };
                self.write(rng, &STATUS, &format!("{cert}{request}"), &room);
            }
            "listed" => {
                let room = Room { expect: None, repeat: Some("until: result.found, every: 1m, slow_to: 5m"), give: Some("found: true, count: 1") };
                self.write(rng, &LISTED, &cert, &room);
            }
            "fetch" => {
                let id = self.write(rng, &FETCH, &format!("{cert}{request}, {password}"), &plain);
                self.things.push((Thing::File, id));
            }
            "obtain" => {
                let fields = format!("request_id: \"${{{{ inputs.request_id }}}}\", reference_id: \"${{{{ secrets.reference_id }}}}\", {password}");
                let id = self.write(rng, &OBTAIN, &fields, &plain);
                self.things.push((Thing::File, id));
            }
            "inspect" | "import" | "save" => {
                let Some(file) = file else { return };
                self.of_file(rng, name, &file);
            }
            "probe" => {
                let of = self.of(Thing::Imported, rng);
                let step = of.clone().unwrap_or(current);
                let id = self.write(rng, &PROBE, &format!("client_cert: \"${{{{ steps.{step}.cert }}}}\""), &plain);
                if of.is_some() {
                    self.things.push((Thing::Proof, id));
                }
            }
            "delete" => self.delete(rng),
            "keep" => {
                let value = self.of(Thing::Request, rng).map_or_else(|| "secrets.p12_password".to_owned(), |step| format!("steps.{step}.reference_id"));
                let fields = format!("name: kept, about: \"${{{{ inputs.code }}}}\", value: \"${{{{ {value} }}}}\"");
                self.write(rng, &KEEP, &fields, &Room { give: Some(""), ..plain });
            }
            "confirm" => {
                let ask =
                    if rng.chance(500) { "よいですか。".to_owned() } else { format!("残り${{{{ steps.{current}.cert.days_left }}}}日です。") };
                self.write(rng, &CONFIRM, &format!("ask: \"{ask}\""), &Room { expect: Some("result.by != ''"), ..plain });
            }
            "call" => self.call(rng, call),
            "login" => self.login(rng),
            "perform" => self.perform(rng),
            _ => {
                self.write(rng, &NOTIFY, "to: 担当者, subject: 知らせ, body: 本文", &Room { give: Some(""), ..plain });
            }
        }
    }

    fn of_file(&mut self, rng: &mut Rng, name: &str, file: &str) {
        let plain = Room { expect: None, repeat: None, give: None };
        let given = format!("file: \"${{{{ steps.{file}.file }}}}\", password: \"${{{{ secrets.p12_password }}}}\"");
        match name {
            "import" => {
                let fields = format!("{given}, in: personal, exportable: true, strong_protection: false, extended_properties: true");
                let id = self.write(rng, &IMPORT, &fields, &Room { expect: Some("result.cert.days_left >= 0"), ..plain });
                self.things.push((Thing::Imported, id));
            }
            "save" => {
                let of = self.of(Thing::Imported, rng);
                let cert = of.as_ref().map(|step| format!(", cert: \"${{{{ steps.{step}.cert }}}}\"")).unwrap_or_default();
                let id = self.write(rng, &SAVE, &format!("{given}, in: backup{cert}"), &plain);
                if of.is_some() {
                    self.things.push((Thing::Backup, id));
                }
            }
            _ => {
                self.write(rng, &INSPECT, &given, &Room { expect: Some("result.cert.has_key"), ..plain });
            }
        }
    }

    /// The secrets that only playbooks with a step for them may declare.
    pub(super) fn limited(&self) -> String {
        let attempts = format!("attempts: {{ limit: {LIMIT}, leave: 3, per_run: 2, cite: obn_edge#1.3 }}");
        let declared = |name: &str| match name {
            "pin" => format!("  pin: {{ type: ascii, title: PIN, {attempts} }}\n"),
            _ => format!("  birthday: {{ type: digits(8), title: 生年月日, typed_by_person: true, {attempts} }}\n"),
        };
        self.limited.iter().map(|name| declared(name)).collect()
    }

    fn limit(&mut self, name: &'static str) {
        if !self.limited.contains(&name) {
            self.limited.push(name);
        }
    }

    fn login(&mut self, rng: &mut Rng) {
        let plain = Room { expect: None, repeat: None, give: None };
        self.limit("pin");
        let token = self.write(rng, &WAIT, "in: key", &plain);
        self.write(rng, &LOGIN, &format!("token: \"${{{{ steps.{token}.token }}}}\", pin: \"${{{{ secrets.pin }}}}\""), &plain);
    }

    /// Somebody does something on a phone, often with a value that may be typed so often only, sometimes until then at the latest.
    fn perform(&mut self, rng: &mut Rng) {
        let act = *rng.pick(&[&PERFORM, &PERFORM, &COMMIT, &SEE]);
        let mut fields = "ask: できましたか。, problems: { wrong: 違うと出た, cancelled: 取り消した }".to_owned();
        if rng.chance(700) {
            self.limit("birthday");
            fields.push_str(", tries: \"${{ secrets.birthday }}\", tries_on: CARD-7");
            fields.push_str(", do: [ { do: 値を入れる, spends: true, problem: wrong }, { do: 押す, problem: cancelled } ]");
        }
        if rng.chance(300) {
            let _ = write!(fields, ", lapse: {}", rng.pick(&["10m", "2h"]));
        }
        self.write(rng, act, &fields, &Room { expect: None, repeat: None, give: None });
    }

    fn delete(&mut self, rng: &mut Rng) {
        let (Some(current), Some(proof), Some(backup)) = (self.of(Thing::Current, rng), self.of(Thing::Proof, rng), self.of(Thing::Backup, rng)) else {
            return;
        };
        self.deleted = true;
        let fields = format!(
            "cert: \"${{{{ steps.{current}.cert }}}}\", in: personal, replaced_by: \"${{{{ steps.{proof}.proof }}}}\", backed_up: \"${{{{ steps.{backup}.backed_up }}}}\""
        );
        self.write(rng, &DELETE, &fields, &Room { expect: None, repeat: None, give: None });
    }

    fn call(&mut self, rng: &mut Rng, call: &mut dyn FnMut(&mut Rng, Part) -> String) {
        let imported = self.things.iter().any(|(thing, _)| *thing == Thing::Imported);
        let file = self.of(Thing::File, rng).filter(|_| !imported);
        let (part, fields, codes) = match (file, self.of(Thing::Imported, rng)) {
            (Some(file), _) => {
                let fields = format!("file: \"${{{{ steps.{file}.file }}}}\", p12_password: \"${{{{ secrets.p12_password }}}}\"");
                (Part::Install, fields, &IMPORT)
            }
            (None, Some(cert)) => (Part::Prove, format!("cert: \"${{{{ steps.{cert}.cert }}}}\""), &PROBE),
            (None, None) => (Part::Tell, "words: 知らせる言葉".to_owned(), &NOTIFY),
        };
        let id = call(rng, part);
        let step = self.head(rng, &format!("playbook:{id}"), &fields, false);
        if rng.chance(self.rate / 3) {
            self.rescue(rng, codes.transient, codes.other, None);
        }
        match part {
            Part::Install => self.things.push((Thing::Imported, step)),
            Part::Prove => self.things.push((Thing::Proof, step)),
            Part::Tell => {}
        }
    }

    fn write(&mut self, rng: &mut Rng, act: &Act, fields: &str, room: &Room) -> String {
        let id = self.head(rng, act.uses, fields, act.irreversible);
        self.around(rng, act, room);
        id
    }

    /// Title, action, fields, order, conditions.
    fn head(&mut self, rng: &mut Rng, uses: &str, fields: &str, irreversible: bool) -> String {
        let id = format!("s{}", self.ids.len());
        let uses = if uses.contains('@') { uses.to_owned() } else { format!("{uses}@1") };
        let _ = write!(self.text, "  {id}:\n    title: 手順{id}\n    uses: {uses}\n    with: {{ {fields} }}\n");
        if !self.ids.is_empty() && rng.chance(self.rate * 35 / 100) {
            let some: Vec<&String> = self.ids.iter().filter(|_| rng.chance(250)).collect();
            let some: Vec<&str> = some.into_iter().map(String::as_str).collect();
            let _ = writeln!(self.text, "    needs: [{}]", some.join(", "));
        }
        let some = rng.pick(&["inputs.unwanted", "inputs.count > 5", "inputs.wanted", "inputs.count < 5"]);
        if !self.ids.is_empty() && rng.chance(self.rate * 12 / 100) {
            let when = if rng.chance(400) {
                format!("steps.{}.outcome == '{}'", rng.pick(&self.ids), rng.pick(&["changed", "observed", "unchanged"]))
            } else {
                (*some).to_owned()
            };
            let _ = writeln!(self.text, "    when: {when}");
            self.skippable = true;
        } else if irreversible && self.skippable {
            let _ = writeln!(self.text, "    when: inputs.wanted");
        }
        if rng.chance(self.rate / 10) {
            let that = rng.pick(&["inputs.wanted", "inputs.wanted", "inputs.count > 2", "inputs.unwanted"]);
            let then = rng.pick(&["stop", "finish"]);
            let _ = writeln!(self.text, "    require: [ {{ that: {that}, say: 前に確かめる。, then: {then} }} ]");
        }
        self.ids.push(id.clone());
        id
    }

    fn around(&mut self, rng: &mut Rng, act: &Act, room: &Room) {
        if let Some(that) = room.expect.filter(|_| rng.chance(self.rate / 4)) {
            let that = if rng.chance(150) { "inputs.unwanted" } else { that };
            let then = rng.pick(&["stop", "stop", "finish"]);
            let _ = writeln!(self.text, "    expect: [ {{ that: \"{that}\", say: 後で確かめる。, then: {then} }} ]");
        }
        if let Some(until) = room.repeat.filter(|_| rng.chance(800)) {
            let within = rng.pick(&["10m", "2h", "24h"]);
            let _ = writeln!(self.text, "    repeat: {{ {until}, within: {within} }}");
        }
        if !act.transient.is_empty() && rng.chance(self.rate / 2) {
            let _ = writeln!(
                self.text,
                "    retry: {{ errors: [{}], times: {}, wait: {} }}",
                act.transient.join(", "),
                rng.between(1, 4),
                rng.pick(&["10s", "2m"])
            );
        }
        if rng.chance(self.rate / 8) {
            let until = rng.pick(&["inputs.soon", "inputs.later"]);
            let _ = writeln!(self.text, "    deadline: {until}");
        }
        if rng.chance(self.rate * 45 / 100) {
            self.rescue(rng, act.transient, act.other, room.give);
        }
    }

    fn rescue(&mut self, rng: &mut Rng, transient: &[&str], other: &[&str], give: Option<&str>) {
        let mut codes: Vec<&str> = transient.iter().chain(other).copied().filter(|_| rng.chance(500)).collect();
        codes.truncate(2);
        if codes.is_empty() {
            return;
        }
        let _ = writeln!(self.text, "    rescue:");
        for code in codes {
            let ambiguous = matches!(code, "PORTAL.RESULT_UNKNOWN" | "STEP.UNCERTAIN");
            let then = match (ambiguous, give) {
                (true, _) => *rng.pick(&["stop", "hand_off"]),
                (false, Some(_)) => *rng.pick(&["retry", "retry", "hand_off", "stop", "finish", "resume", "resume"]),
                (false, None) => *rng.pick(&["retry", "retry", "retry", "hand_off", "stop", "finish"]),
            };
            let _ = write!(self.text, "      {code}:\n        say: 行{code}\n        then: {then}\n");
            if then == "retry" {
                let _ = writeln!(self.text, "        times: {}", rng.between(1, 3));
            }
            if let (Some(give), "resume") = (give.filter(|give| !give.is_empty()), then) {
                let _ = writeln!(self.text, "        give: {{ {give} }}");
            }
            if !ambiguous && rng.chance(self.rate * 4 / 10) {
                let _ = writeln!(self.text, "        do:");
                for number in 0..rng.between(1, 2) {
                    let (uses, with) = if rng.chance(500) {
                        ("human.confirm@1", "ask: \"直しましたか(${{ error.code }})。\"")
                    } else {
                        ("notify.send@1", "to: 担当者, subject: エラー, body: 見てください。")
                    };
                    let _ = write!(self.text, "          d{number}:\n            title: 直す\n            uses: {uses}\n            with: {{ {with} }}\n");
                }
            }
        }
    }
}

//! `host.check`: sees that this terminal is as the manual wants it. Reads only; contacts nothing but what it is given.

use std::collections::BTreeMap;

use super::manifest::{input, manifest, output};
use super::{Action, Inputs, Kind, Manifest, Outputs, ReadAction, ReadCx};
use crate::backend::{BackendError, HostRead, Installed};
use crate::clock::is_right;
use crate::dsl::{RoleKind, Type, Value, glob_matches};
use crate::text::{Phrase, Text};

/// The action.
pub(super) struct HostCheck;

impl Action for HostCheck {
    fn manifest(&self) -> Manifest {
        let words = |list: &[&str]| Type::Enum(list.iter().map(|word| (*word).to_owned()).collect());
        let program = Type::Object(BTreeMap::from([("name".to_owned(), Type::Glob), ("absent".to_owned(), Type::Bool.optional())]));
        Manifest {
            remote: true,
            inputs: vec![
                input(
                    "os",
                    Type::List(Box::new(words(&["windows10", "windows11", "linux"]))).optional(),
                    "この中のどれかであること。",
                    "the system must be one of these.",
                ),
                input("user", Type::String.optional(), "この名前の利用者で動いていること。", "it must run as this user."),
                input(
                    "programs",
                    Type::List(Box::new(program)).optional(),
                    "入っているべきプログラム。absent: true なら、入っていてはいけないもの。",
                    "programs that must be installed; with `absent: true`, that must not be.",
                ),
                input("resolves", Type::List(Box::new(Type::String)).optional(), "アドレスが分かるべき名前(DNS)。", "DNS names that must resolve."),
                input(
                    "reach",
                    Type::List(Box::new(Type::String)).optional(),
                    "つながるべき所(名前:ポート)。つなぐだけで、何も送りません。",
                    "places that must be reachable, `name:port`; connected to, and nothing is sent.",
                ),
                input(
                    "at",
                    Type::Role(RoleKind::Ca).optional(),
                    "つながり、サーバー証明書が信頼でき、時計が5分以内で合うべきサイト。",
                    "the site that must be reachable with a trusted certificate, and whose clock must agree within 5 minutes.",
                ),
            ],
            outputs: vec![
                output("os", Type::String, "この端末のシステム。", "the system of this terminal."),
                output("user", Type::String, "利用者の名前。", "name of the user."),
                output("programs", Type::Map(Box::new(Type::String)), "調べたプログラムの版。", "versions of the programs asked for."),
            ],
            codes: vec![
                "BACKEND.UNSUPPORTED",
                "CLOCK.WRONG",
                "HOST.OS",
                "HOST.PROGRAM_MISSING",
                "HOST.PROGRAM_PRESENT",
                "HOST.USER",
                "INPUT.UNFIT",
                "NET.UNREACHABLE",
                "NET.UNTRUSTED",
            ],
            ..manifest(
                "host.check",
                Phrase { ja: "この端末の条件を調べる", en: "Check this terminal" },
                Phrase {
                    ja: "システム、利用者、入っているプログラム、名前の解決、接続、時計を調べます。書かれた所のほかにはつなぎません。",
                    en: "Checks system, user, installed programs, name resolution, connections and the clock. Contacts nothing but what is written.",
                },
            )
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Read(self)
    }
}

impl ReadAction for HostCheck {
    fn read(&self, cx: &ReadCx<'_>, inputs: &Inputs) -> Result<Outputs, BackendError> {
        let host = cx.backends.host();
        let (os, user) = (host.os(), host.user());
        let allowed = strings(inputs, "os");
        if !allowed.is_empty() && !allowed.contains(&os.as_str()) {
            let wanted = allowed.join("、");
            return Err(unmet("HOST.OS", format!("システムは {os} で、{wanted} ではありません。"), format!("the system is {os}, not {}.", allowed.join(", "))));
        }
        if let Some(wanted) = inputs.str("user").filter(|wanted| !wanted.eq_ignore_ascii_case(&user)) {
            return Err(unmet("HOST.USER", format!("利用者は {user} で、{wanted} ではありません。"), format!("the user is {user}, not {wanted}.")));
        }
        let programs = programs(cx, inputs, host)?;
        for name in strings(inputs, "resolves") {
            host.resolve(&cx.call, name)?;
        }
        for place in strings(inputs, "reach") {
            let (name, port) = place.rsplit_once(':').and_then(|(name, port)| Some((name, port.parse().ok()?))).ok_or_else(|| {
                unmet(
                    "INPUT.UNFIT",
                    format!("reach の {place:?} は「名前:ポート」の形ではありません。"),
                    format!("{place:?} under `reach` is not `name:port`."),
                )
            })?;
            host.connect(&cx.call, name, port)?;
        }
        if let Some(role) = inputs.role("at") {
            is_right(cx.wall, None, cx.backends.ca(role)?.reach(&cx.call)?, cx.zone)?;
        }
        Ok(Outputs::from([("os".to_owned(), Value::Str(os)), ("user".to_owned(), Value::Str(user)), ("programs".to_owned(), Value::Map(programs))]))
    }
}

/// The versions of the programs that are asked for, after each is there or not as it should be.
fn programs(cx: &ReadCx<'_>, inputs: &Inputs, host: &dyn HostRead) -> Result<BTreeMap<String, Value>, BackendError> {
    let asked = inputs.list("programs").unwrap_or_default();
    if asked.is_empty() {
        return Ok(BTreeMap::new());
    }
    let list = host.programs(&cx.call)?;
    let mut versions = BTreeMap::new();
    for wanted in asked {
        let Value::Map(wanted) = wanted else { continue };
        let Some(Value::Str(name)) = wanted.get("name") else { continue };
        let absent = matches!(wanted.get("absent"), Some(Value::Bool(true)));
        let found: Option<&Installed> = list.iter().find(|program| glob_matches(name, &program.name));
        match found {
            None if !absent => {
                return Err(unmet("HOST.PROGRAM_MISSING", format!("プログラム {name} が入っていません。"), format!("the program {name} is not installed.")));
            }
            Some(program) if absent => {
                let (found, version) = (&program.name, &program.version);
                return Err(unmet("HOST.PROGRAM_PRESENT", format!("{found} {version} が入っています。"), format!("{found} {version} is installed.")));
            }
            Some(program) => drop(versions.insert(program.name.clone(), Value::Str(program.version.clone()))),
            None => {}
        }
    }
    Ok(versions)
}

fn strings<'a>(inputs: &'a Inputs, name: &str) -> Vec<&'a str> {
    let items = inputs.list(name).unwrap_or_default();
    items.iter().filter_map(|item| if let Value::Str(text) = item { Some(text.as_str()) } else { None }).collect()
}

fn unmet(code: &str, ja: String, en: String) -> BackendError {
    BackendError::new(code, Text::new(ja, en))
}

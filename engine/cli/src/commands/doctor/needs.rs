//! What a playbook needs and the site does not give.

use kirikae_engine::check::{Checked, RoleDecl, SecretDecl};
use kirikae_engine::dsl::RoleKind;
use kirikae_engine::dsl::site::{BackendPort, SecretSource};
use kirikae_engine::text::Text;

use super::finding::{Area, Finding};
use crate::failure::Failure;
use crate::globals::Globals;
use crate::job::load_playbook;
use crate::site::OpenSite;

/// Compares a playbook's roles, inputs and secrets with the site.
pub fn of(globals: &Globals, playbook: &str, open: &OpenSite) -> Result<Vec<Finding>, Failure> {
    let (checked, _, _) = load_playbook(globals, playbook)?;
    let mut findings: Vec<Finding> = checked.roles.iter().filter_map(|role| unbound(role, &checked, open)).collect();
    findings.extend(inputs(&checked, open));
    findings.extend(checked.secrets.iter().filter_map(|secret| unsourced(secret, &checked, open)));
    if findings.is_empty() {
        findings.push(Finding::good(
            Area::Playbook,
            &checked.id,
            Text::new(
                "必要な相手・入力・秘密の値の置き場所は、すべて決まっています。",
                "everything that it needs is named: backends, inputs, sources of secrets.",
            ),
        ));
    }
    Ok(findings)
}

/// A role that the site binds to nothing, or to the wrong kind.
fn unbound(role: &RoleDecl, checked: &Checked, open: &OpenSite) -> Option<Finding> {
    let (site, name) = (&open.site, &role.name);
    let program = site.programs.get(&checked.program);
    if let RoleKind::Ca | RoleKind::Web = role.kind {
        let profile = checked.profiles.get(name)?;
        let named = program.and_then(|program| program.portals.get(&profile.id)).or_else(|| site.portals.get(&profile.id));
        let has_base = named.and_then(|named| named.base.as_ref()).or(profile.base.as_ref()).is_some();
        return (!has_base).then(|| {
            Finding::problem(
                Area::Playbook,
                name,
                Text::new(format!("サイト {} のアドレスが決まっていません。", profile.id), format!("the address of the portal `{}` is not known.", profile.id)),
                Text::new(
                    format!("サイトファイルの portals.{} に base: を書いてください。", profile.id),
                    format!("write `base:` under portals.{} of the site file.", profile.id),
                ),
            )
        });
    }
    let bound = program.and_then(|program| program.backends.get(name)).or_else(|| site.backends.get(name));
    let fits = matches!(
        (role.kind, bound.map(|bound| bound.port)),
        (RoleKind::Store, Some(BackendPort::Store)) | (RoleKind::Token, Some(BackendPort::Token)) | (RoleKind::Folder, Some(BackendPort::Folder))
    );
    let word = role.kind.word();
    (!fits).then(|| {
        let said = match bound {
            None => Text::new(format!("役割 {name}({word})の相手が決まっていません。"), format!("role `{name}` ({word}) is bound to nothing.")),
            Some(_) => Text::new(
                format!("役割 {name} は {word} ですが、違う種類に結ばれています。"),
                format!("role `{name}` is a {word}, but the site binds it to something else."),
            ),
        };
        let cure = Text::new(
            format!("サイトファイルの backends.{name} に {word}: を書いてください。"),
            format!("write `{word}:` under backends.{name} of the site file."),
        );
        Finding::problem(Area::Playbook, name, said, cure)
    })
}

/// Inputs that somebody must give at every call.
fn inputs(checked: &Checked, open: &OpenSite) -> Vec<Finding> {
    let of_program = open.site.programs.get(&checked.program);
    let missing = checked.inputs.iter().filter(|input| {
        let written = of_program.is_some_and(|program| program.inputs.contains_key(&input.name)) || open.site.inputs.contains_key(&input.name);
        !written && input.default.is_none() && !input.ty.is_optional()
    });
    let told = missing.map(|input| {
        Finding::note(
            Area::Playbook,
            &input.name,
            Text::new(format!("入力「{}」が決まっていません。", input.title.ja), format!("the input `{}` has no value.", input.name)),
            Text::new(
                format!("サイトファイルの inputs に書くか、実行のときに --set {}=値 で渡してください。", input.name),
                format!("write it under `inputs` of the site file, or give it with --set {}=VALUE.", input.name),
            ),
        )
    });
    told.collect()
}

/// A secret that a person would have to type.
fn unsourced(secret: &SecretDecl, checked: &Checked, open: &OpenSite) -> Option<Finding> {
    if secret.typed_by_person || secret.kept.is_some() {
        return None;
    }
    let key = format!("{}.{}", checked.id, secret.name);
    let of_program = open.site.programs.get(&checked.program).and_then(|program| program.secrets.get(&key));
    let asked = matches!(of_program.or_else(|| open.site.secrets.get(&key)), None | Some(SecretSource::Ask));
    asked.then(|| {
        Finding::note(
            Area::Playbook,
            &secret.name,
            Text::new(
                format!("秘密の値「{}」は、実行のときに人が入力します。", secret.title.ja),
                format!("the secret `{}` is typed by a person when it is needed.", secret.name),
            ),
            Text::new(
                format!("無人で行うときは、サイトファイルの secrets.{key} に置き場所を書いてください。"),
                format!("for unattended runs name a source under secrets.{key} of the site file."),
            ),
        )
    })
}

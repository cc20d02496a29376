//! `kirikae actions [NAME]`

use kirikae_engine::action::{Manifest, registry};
use kirikae_engine::text::Text;

use crate::exit;
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::render;
use crate::render::actions;

/// Arguments of `actions`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// An action, such as cert.find or cert.find@1 [default: list all]
    name: Option<String>,
}

/// Lists the actions, or prints the manual of one.
pub fn run(globals: &Globals, args: &Args) -> Result<u8, Failure> {
    let lang = globals.lang();
    let json = globals.format == Format::Json;
    match &args.name {
        None if json => render::out(&actions::list_json(registry().manifests()).to_string()),
        None => render::out(&actions::list(registry().manifests(), lang)),
        Some(name) => {
            let manifest = find(name)?;
            if json {
                render::out(&format!("{:#}", actions::manual_json(manifest)));
            } else {
                render::out(&actions::manual(manifest, lang));
            }
        }
    }
    Ok(exit::DONE)
}

/// The action written `name` or `name@major`.
fn find(wanted: &str) -> Result<&'static Manifest, Failure> {
    let (name, major) = wanted.split_once('@').unwrap_or((wanted, ""));
    let fits = |manifest: &&Manifest| manifest.name == name && (major.is_empty() || major == manifest.major.to_string());
    if let Some(manifest) = registry().manifests().find(fits) {
        return Ok(manifest);
    }
    let list = Text::new("kirikae actions で一覧を見てください。", "see `kirikae actions` for the list.");
    let cure = match registry().nearest(name) {
        Some(near) => Text::new(
            format!("もしかして: {}。{}", near.reference(), list.ja),
            format!("did you mean `{}`? Otherwise see `kirikae actions`.", near.reference()),
        ),
        None => list,
    };
    Err(Failure::usage("ACTION.UNKNOWN", Text::new(format!("{wanted} という操作はありません。"), format!("there is no action `{wanted}`.")), cure))
}

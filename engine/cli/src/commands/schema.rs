//! `kirikae schema [NAME]`

use std::path::PathBuf;

use kirikae_engine::action::registry;
use kirikae_engine::dsl::schema::{NAMES, schema};
use kirikae_engine::plan::plan_schema;
use kirikae_engine::text::Text;
use serde_json::Value as Json;

use crate::exit;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::render;

/// Arguments of `schema`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// playbook, portal, site, sources, lock, test or plan [default: list them]
    name: Option<String>,
    /// Write all of them to a folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// All schemas by name.
fn all() -> Vec<(&'static str, Json)> {
    let mut all: Vec<(&'static str, Json)> = NAMES.iter().filter_map(|name| Some((*name, schema(name, registry())?))).collect();
    all.push(("plan", plan_schema()));
    all
}

/// Prints a schema, or writes all of them.
pub fn run(_globals: &Globals, args: &Args) -> Result<u8, Failure> {
    if let Some(folder) = &args.out {
        // A folder that cannot be made shows when the first file is written.
        let _ = std::fs::create_dir_all(folder);
        for (name, schema) in all() {
            render::save(&folder.join(format!("{name}.json")), &format!("{}\n", serde_json::to_string_pretty(&schema).unwrap_or_default()))?;
        }
        return Ok(exit::DONE);
    }
    let Some(wanted) = &args.name else {
        for (name, _) in all() {
            render::out(name);
        }
        return Ok(exit::DONE);
    };
    match all().into_iter().find(|(name, _)| name == wanted) {
        Some((_, schema)) => {
            render::out(&serde_json::to_string_pretty(&schema).unwrap_or_default());
            Ok(exit::DONE)
        }
        None => Err(Failure::usage(
            "SCHEMA.UNKNOWN",
            Text::new(format!("{wanted} というスキーマはありません。"), format!("there is no schema `{wanted}`.")),
            Text::new("kirikae schema で一覧を見てください。", "see `kirikae schema`."),
        )),
    }
}

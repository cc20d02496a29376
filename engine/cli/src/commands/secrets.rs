//! `kirikae secrets list|show`

use std::io::IsTerminal;

use jiff::Timestamp;
use kirikae_engine::run::EventBody;
use kirikae_engine::secret::SecretRef;
use kirikae_engine::text::{Lang, Text};
use serde_json::json;

use crate::exit;
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::render::pad;
use crate::{render, site, state};

/// Arguments of `secrets`.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// List entries, without their values
    List,
    /// Show a value, on a terminal only; that it was shown is written down
    Show {
        /// Id, as listed
        id: String,
    },
}

/// Lists or shows secrets.
pub fn run(globals: &Globals, args: &Args) -> Result<u8, Failure> {
    let folder = state::folder(globals)?;
    let open = site::load(globals)?;
    let vault = site::vault(&folder, &open.site)?;
    let lang = globals.lang();
    match &args.what {
        What::List => {
            let entries = vault.list()?;
            if globals.format == Format::Json {
                render::out(&json!(entries).to_string());
            } else {
                for entry in entries {
                    let at = entry.written_at.to_zoned(open.site.timezone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
                    render::out(&format!("{at}  {}  {}  {}", pad(&entry.name, 20), pad(&entry.about, 42), entry.reference.id()));
                }
            }
        }
        What::Show { id } => {
            if !std::io::stdout().is_terminal() {
                return Err(Failure::usage(
                    "SECRET.NO_TERMINAL",
                    Text::new("秘密の値は端末の画面にだけ出します。", "a secret is shown on a terminal only."),
                    Text::new("端末で実行してください(出力をファイルや別のプログラムに渡さない)。", "run it at a terminal, without redirecting its output."),
                ));
            }
            let reference = SecretRef::parse(id).unwrap_or_else(|| SecretRef::vault(id));
            let missing = || {
                Failure::usage(
                    "SECRET.MISSING",
                    Text::new(format!("保管庫に {id} はありません。"), format!("there is no {id} in the vault.")),
                    Text::new("kirikae secrets list で一覧を見てください。", "see `kirikae secrets list`."),
                )
            };
            let value = vault.get(&reference)?.ok_or_else(missing)?;
            let Some(text) = value.expose_text() else { return Err(missing()) };
            state::open(&folder)?
                .append_state(Timestamp::now(), EventBody::SecretShown { reference: reference.as_str().to_owned(), account: state::account() })?;
            render::out(text);
            render::err(if lang == Lang::Ja { "(表示したことを記録しました)" } else { "(that it was shown is written down)" });
        }
    }
    Ok(exit::DONE)
}

//! ORCAMO's three doors, made by hand after the WebQKAN manual (first edition) and the public clients: the WebQKAN menu with its banner, the
//! administration site, and the renewal for programs. One practice CA stands behind them.
//!
//! Labels are written here from the manual, not taken from the profiles. What no manual tells (layout, addresses, what a second press of
//! 「更新」 does) is made up.
//! May use: the desk, the page model, accounts. Must not: know HTTP or markup.

mod admin;
mod api;
mod app;

use jiff::{Timestamp, ToSpan};
use kirikae_engine::backend::profile::{Operation, Profile};
use kirikae_engine::dsl::Type;

use crate::LabError;
use crate::desk::Order;
use crate::html::Page;
use crate::pki::{ClientKeys, Issuer, random_bytes};
use crate::portal::{Answer, Client, Incoming, Part, Portal, SiteLines, Visit};
use crate::state::{Issuance, Shown, State, japan};

/// What all three issue and list under.
const PROGRAM: &str = "webqkan";
/// The issuer's name where no profile gives one.
const ISSUER: &str = "ORCAMO Practice Client CA";
/// The tenant of the manual's pictures.
const TENANT: &str = "u000000014";
/// The dialog shows when so many days are left (manual, 自動更新).
const RENEW_DAYS: i64 = 90;

/// Which door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// WebQKAN itself.
    App,
    /// The administration site.
    Admin,
    /// The renewal for programs.
    Api,
}

impl Door {
    /// The door that a profile is for.
    pub(crate) fn of(profile: &str) -> Option<Self> {
        match profile {
            "webqkan" => Some(Self::App),
            "orcamo_admin" => Some(Self::Admin),
            "orcamo_api" => Some(Self::Api),
            _ => None,
        }
    }
}

/// A door.
pub(crate) struct Orcamo {
    door: Door,
    profile: Profile,
    issuer: Issuer,
}

impl Orcamo {
    /// The door of this profile.
    pub(crate) fn new(door: Door, profile: Profile, client_keys: ClientKeys) -> Result<Self, LabError> {
        Ok(Self { door, profile, issuer: Issuer::of(PROGRAM, ISSUER)?.with_client_keys(client_keys) })
    }

    /// Renews what `old` is for, at once. The password is made with it.
    fn renew(&self, visit: &mut Visit<'_>, old: &Issuance) -> Result<Issuance, LabError> {
        let mishap = visit.mishap(&self.profile, Operation::Renew)?;
        let order = Order {
            program: PROGRAM,
            operation: Operation::Renew,
            issuer: &self.issuer,
            subject: old.subject.clone(),
            public: None,
            replaces: Some(old.serial.clone()),
            takes: std::time::Duration::ZERO,
            listed: true,
            mishap,
        };
        let (issuance, _) = visit.desk.accept(order, &Type::Digits(15), visit.now)?;
        Ok(issuance)
    }

    /// What the client holds, as the CA knows it.
    fn own(visit: &Visit<'_>, client: &Client) -> Option<Issuance> {
        visit.desk.newest(PROGRAM, &client.about.subject)
    }

    /// The file of an issuance under its password.
    fn file(&self, visit: &mut Visit<'_>, issuance: &Issuance) -> Result<(String, Vec<u8>), LabError> {
        let password = password(&mut visit.desk.state, &issuance.request_id)?.password;
        let password = visit.file_password(&self.profile, Operation::Fetch, &password)?;
        let file = visit.desk.hand_out(&self.issuer, issuance, Operation::Fetch, &password, visit.now)?;
        Ok((file_name(issuance.common_name()), file))
    }
}

/// `xxxxxx_JP_uxxxxxxxx_clientxxx.p12` (manual, インポート).
fn file_name(client: &str) -> String {
    format!("{}_JP_{TENANT}_{client}.p12", &TENANT[TENANT.len() - 6..])
}

/// Whether a certificate is in its last 90 days, Japan time.
fn is_due(issuance: &Issuance, now: Timestamp) -> bool {
    let opens = issuance.not_after.to_zoned(japan()).checked_sub(RENEW_DAYS.days()).map(|opens| opens.timestamp());
    opens.is_ok_and(|opens| now >= opens)
}

/// The password of an issuance's file, made when it is asked for first.
fn password(state: &mut State, request_id: &str) -> Result<Shown, LabError> {
    if let Some(known) = state.held.passwords.get(request_id) {
        return Ok(known.clone());
    }
    // Letters only: one markup of the pages writes digits full-width.
    const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz";
    let password = random_bytes::<12>()?.iter().map(|octet| char::from(LETTERS[usize::from(*octet) % LETTERS.len()])).collect();
    let made = Shown { password, shown: false };
    state.held.passwords.insert(request_id.to_owned(), made.clone());
    state.save()?;
    Ok(made)
}

fn lost() -> Answer {
    Answer::page(Page::titled("ページが見つかりません").says("メニューからやり直してください。"))
}

impl Portal for Orcamo {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    fn sends_notices(&self) -> bool {
        false
    }

    fn below(&self) -> &str {
        match self.door {
            Door::App => app::BELOW,
            Door::Admin => admin::BELOW,
            Door::Api => api::BELOW,
        }
    }

    fn lists_as(&self) -> Option<&str> {
        Some(PROGRAM)
    }

    fn seeds(&self) -> bool {
        // Programs renew what the terminal has, which is put there for the menu.
        self.door != Door::Api
    }

    fn file_in_inbox(&self, _state: &mut State, _now: Timestamp) -> Option<String> {
        (self.door == Door::App).then(|| file_name("client300"))
    }

    fn site_lines(&self) -> SiteLines {
        let secret = |playbook: &str, name: &str, file: &str| format!("webqkan/{playbook}.{name}: {{ file: ./{file} }}");
        match self.door {
            Door::App => SiteLines {
                inputs: vec![("orcamo_user", TENANT.to_owned())],
                secrets: ["client-renew", "expired"]
                    .map(|playbook| secret(playbook, "orcamo_password", "account-password.txt"))
                    .into_iter()
                    .chain(["import", "expired"].map(|playbook| secret(playbook, "p12_password", "install-password.txt")))
                    .collect(),
            },
            Door::Admin => SiteLines {
                inputs: vec![("tenant_user", TENANT.to_owned()), ("target", "client300".to_owned())],
                secrets: vec![secret("admin-renew", "tenant_password", "account-password.txt")],
            },
            Door::Api => SiteLines::default(),
        }
    }

    fn begins(&self, incoming: &Incoming) -> bool {
        match self.door {
            // Programs keep no session.
            Door::Api => true,
            Door::App => !incoming.post && incoming.path == app::ENTRANCE,
            Door::Admin => !incoming.post && incoming.path == admin::ENTRANCE,
        }
    }

    fn has_forms(&self) -> bool {
        self.door != Door::Api
    }

    fn paths(&self) -> Vec<String> {
        let paths: &[&str] = match self.door {
            Door::App => &app::PATHS,
            Door::Admin => &admin::PATHS,
            Door::Api => &api::PATHS,
        };
        paths.iter().map(|path| (*path).to_owned()).collect()
    }

    fn part(&self, incoming: &Incoming) -> Part {
        match self.door {
            Door::App => app::part(incoming),
            Door::Admin => admin::part(incoming),
            Door::Api => api::part(incoming),
        }
    }

    fn answer(&self, visit: &mut Visit<'_>) -> Result<Answer, LabError> {
        match self.door {
            Door::App => app::answer(self, visit),
            Door::Admin => admin::answer(self, visit),
            Door::Api => api::answer(self, visit),
        }
    }
}

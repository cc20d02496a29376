//! Several processes, and two OS accounts, try one token with wrong PINs as often as they can.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod attempts;

use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;

use attempts::{Desk, SERIAL, checked, failure};
use kirikae_engine::journal::Journal;
use kirikae_engine::testing::{FakeToken, FakeTokens};

const LIMITS: &str = "limit: 10, leave: 5, per_run: 1";
/// Names the shared folder to a process that races.
const PLACE: &str = "KIRIKAE_TEST_RACE";

/// What a racing process does; in a plain run of the suite it does nothing.
#[test]
fn racer() {
    let Some(place) = std::env::var_os(PLACE) else { return };
    let place = Path::new(&place);
    let desk = Desk::at(&place.join("state"), Arc::new(FakeTokens::in_file(&place.join("tokens.json"))));
    // Another site's runs: only the count of tries stands between these processes.
    *desk.site.borrow_mut() = format!("clinic-{}", std::process::id());
    let playbook = checked(LIMITS, "");
    for _ in 0..6 {
        desk.typed.borrow_mut().push_back("99999999");
        let (code, ..) = failure(&desk.night(&playbook), "unlock");
        assert!(["PIN.INCORRECT", "PIN.STOPPED"].contains(&code.as_str()), "{code}");
    }
}

struct Race {
    home: tempfile::TempDir,
}

impl Race {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let tokens = FakeTokens::in_file(&home.path().join("tokens.json"));
        tokens.insert(FakeToken { takes_ms: 20, ..FakeToken::new(SERIAL) });
        std::fs::create_dir_all(home.path().join("state/locks")).unwrap();
        drop(Journal::open(&home.path().join("state")).unwrap());
        Self { home }
    }

    fn start(&self, mut command: Command) -> Child {
        command.args(["racer", "--exact", "--nocapture"]).env(PLACE, self.home.path()).spawn().unwrap()
    }

    fn over(self, racers: Vec<Child>) {
        for mut racer in racers {
            assert!(racer.wait().unwrap().success());
        }
        let token = FakeTokens::in_file(&self.home.path().join("tokens.json")).look(SERIAL);
        assert_eq!((token.tries.len(), token.wrong), (5, 5), "`limit - leave`, all processes together");
        assert_eq!(token.overlaps, 0, "one at a time");
        let journal = Journal::open(&self.home.path().join("state")).unwrap();
        assert_eq!(journal.attempt(attempts::DEVICE).unwrap().unwrap().used, 5);
        assert!(journal.verify().unwrap().iter().all(|run| run.fault.is_none()));
    }
}

#[test]
fn processes_that_race_one_token_stop_together() {
    let race = Race::new();
    let racers = (0..3).map(|_| race.start(Command::new(std::env::current_exe().unwrap()))).collect();
    race.over(racers);
}

/// Needs root, to have a second account.
#[cfg(unix)]
#[test]
fn two_accounts_that_race_one_token_stop_together() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;

    let race = Race::new();
    let home = race.home.path().to_owned();
    if std::fs::metadata(&home).unwrap().uid() != 0 {
        eprintln!("SKIPPED two_accounts_that_race_one_token_stop_together: a second account needs root");
        return;
    }
    // What an administrator would share: both accounts may write everything. The test itself is copied to where both may read it.
    let racer = home.join("racer");
    std::fs::copy(std::env::current_exe().unwrap(), &racer).unwrap();
    let open = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    for folder in [home.clone(), home.join("state"), home.join("state/locks")] {
        open(&folder, 0o777);
        for file in std::fs::read_dir(&folder).unwrap().flatten().filter(|entry| entry.path().is_file()) {
            open(&file.path(), 0o666);
        }
    }
    open(&racer, 0o755);
    let account = |uid: u32| {
        let mut command = Command::new("sh");
        command.args(["-c", "umask 0; exec \"$0\" \"$@\""]).arg(&racer).uid(uid).gid(uid).current_dir(&home).env("TMPDIR", &home);
        command
    };
    let racers = vec![race.start(account(65_533)), race.start(account(65_534))];
    race.over(racers);
}

//! What takes a limited number of tries, as it really is: a token that locks, a card for which somebody types a birthday on a phone.
//!
//! May use: the ground. Must not: know what the ledger says; it is compared with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::faults::Harm;
use super::ground::Ground;
use super::people::PASSWORD;
use super::portal::fault;
use crate::backend::{BackendError, Call, Capabilities, PinFlags, PinShape, PresentToken, Signer, StoredCert, TokenRead, TokenSession, TokenWrite, Verb};
use crate::check::Attempts;
use crate::dsl::TokenInfo;
use crate::secret::Secret;

/// The serial of the only token.
const SERIAL: &str = "SIM1";

/// Its PIN is typed so often before it locks.
pub(super) const LIMIT: u32 = 6;

/// Everything that is tried at one clinic.
#[derive(Debug, Default)]
pub(super) struct Devices {
    /// Wrong values in a row, by device.
    wrong: BTreeMap<String, u32>,
    /// The same, of one run.
    in_run: BTreeMap<(String, String), u32>,
    /// Who has the right to try a device: run and step.
    held: BTreeMap<String, (String, String)>,
    /// The token is pulled out until then.
    out_until: Option<Timestamp>,
    /// The token says nothing of wrong PINs.
    mute: bool,
}

impl Devices {
    pub(super) fn new(mute: bool) -> Self {
        Self { mute, ..Self::default() }
    }

    /// Takes the right to try a device.
    pub(super) fn take(&mut self, device: &str, run: &str, step: &str) -> bool {
        let by = (run.to_owned(), step.to_owned());
        *self.held.entry(device.to_owned()).or_insert_with(|| by.clone()) == by
    }

    /// Gives back what a step of a run has, or all that the run has.
    pub(super) fn give_back(&mut self, run: &str, step: Option<&str>) {
        self.held.retain(|_, (of, at)| !(of == run && step.is_none_or(|step| step == at)));
    }

    /// Somebody has a device reset, and knows the right value now.
    pub(super) fn reset(&mut self, device: &str) {
        self.wrong.remove(device);
        self.in_run.retain(|(_, of), _| of != device);
    }

    pub(super) fn calm(&mut self) {
        self.out_until = None;
    }

    /// A value arrives. Gives wrong ones in a row, of all runs and of this one.
    pub(super) fn tried(&mut self, device: &str, run: &str, right: bool) -> (u32, u32) {
        if right {
            self.reset(device);
            return (0, 0);
        }
        let wrong = self.wrong.entry(device.to_owned()).or_default();
        let in_run = self.in_run.entry((run.to_owned(), device.to_owned())).or_default();
        *wrong += 1;
        *in_run += 1;
        (*wrong, *in_run)
    }

    fn token(&self) -> (u32, PinFlags) {
        let wrong = self.wrong.get(&format!("token:{SERIAL}")).copied().unwrap_or_default();
        let flags = PinFlags { count_low: wrong > 0, final_try: wrong + 1 == LIMIT, locked: wrong >= LIMIT };
        (wrong, if self.mute { PinFlags::default() } else { flags })
    }
}

/// The tokens of the clinic: one, which is pulled out at times.
pub(super) struct SimTokens {
    ground: Arc<Ground>,
    /// By address: what its step may spend.
    limits: BTreeMap<String, Attempts>,
}

impl std::fmt::Debug for SimTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SimTokens")
    }
}

impl SimTokens {
    pub(super) fn new(ground: Arc<Ground>, limits: BTreeMap<String, Attempts>) -> Self {
        Self { ground, limits }
    }

    fn is_out(&self) -> bool {
        let now = self.ground.clock_now();
        if self.ground.harmed(Harm::Removed) {
            let wait = self.ground.draw(|rng| *rng.pick(&[20u64, 900, 20_000]));
            self.ground.say(|| format!("    the token is pulled out for {wait} s"));
            self.ground.devices(|devices| devices.out_until = Some(now + Duration::from_secs(wait)));
        }
        self.ground.devices(|devices| devices.out_until.is_some_and(|until| now < until))
    }
}

impl TokenRead for SimTokens {
    fn id(&self) -> &str {
        "sim:tokens"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { exclusive: true, hardware_keys: true, ..Capabilities::local(&[Verb::List, Verb::Sign]) }
    }

    fn tokens(&self, _call: &Call) -> Result<Vec<PresentToken>, BackendError> {
        self.ground.enter("look for tokens")?;
        if self.is_out() {
            return Ok(vec![]);
        }
        let (_, flags) = self.ground.devices(|devices| devices.token());
        let info = TokenInfo { serial: SERIAL.to_owned(), label: "practice".to_owned(), model: "sim".to_owned(), holder: self.id().to_owned() };
        Ok(vec![PresentToken { info, flags, pin: PinShape { min: 4, max: 8 } }])
    }

    fn certificates(&self, _call: &Call, _serial: &str) -> Result<Vec<StoredCert>, BackendError> {
        Ok(vec![])
    }
}

impl TokenWrite for SimTokens {
    fn login(&self, call: &Call, _serial: &str, pin: &Secret) -> Result<Arc<dyn TokenSession>, BackendError> {
        self.ground.enter("log in to the token")?;
        if self.is_out() {
            return Err(fault("TOKEN.ABSENT"));
        }
        if self.ground.devices(|devices| devices.token()).0 >= LIMIT {
            self.ground.violation("a PIN is sent to a token that is locked".to_owned());
        }
        self.ground.effect(call, "login");
        let right = pin.expose() == PASSWORD.as_bytes();
        if let Some((run, step)) = self.ground.step_of(call) {
            self.ground.tried(&format!("token:{SERIAL}"), right, &run, &step, self.limits.get(&step));
        }
        if self.ground.harmed(Harm::LostAnswer) {
            return Err(fault("TOKEN.FAILED"));
        }
        self.ground.leave("log in to the token")?;
        match right {
            true => Ok(Arc::new(SimLogin)),
            false => Err(fault(if self.ground.devices(|devices| devices.token()).0 >= LIMIT { "PIN.LOCKED" } else { "PIN.INCORRECT" })),
        }
    }
}

#[derive(Debug)]
struct SimLogin;

impl TokenSession for SimLogin {
    fn serial(&self) -> &str {
        SERIAL
    }

    fn signer(&self, _call: &Call, _thumbprint: &str) -> Result<Arc<dyn Signer>, BackendError> {
        Err(fault("CERT.GONE"))
    }
}

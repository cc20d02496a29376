//! What can go wrong, and how often it does in one seed.

use super::rng::Rng;

/// A kind of disturbance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Harm {
    /// The process dies.
    Crash,
    /// A reading call fails.
    Read,
    /// A writing call fails before it does anything.
    Write,
    /// A writing call has its effect, or loses its way; its answer is lost.
    LostAnswer,
    /// A writing call is slow: it answers that it goes on.
    Slow,
    /// What was received is damaged.
    Damaged,
    /// The journal cannot be written.
    Journal,
    /// An answer is delivered twice.
    Twice,
    /// The terminal's clock is set.
    Clock,
    /// Somebody presses Ctrl-C.
    Cancel,
    /// Nobody is at the desk.
    Absent,
    /// A person says no.
    No,
    /// A person types a wrong secret.
    WrongSecret,
    /// A person is wrong about an uncertain step, and says that nothing happened.
    Mistaken,
    /// A second operator applies for the same credential.
    Rival,
    /// An operator gives the run up.
    Abandon,
    /// An approval is missing.
    Unapproved,
    /// The token is pulled out.
    Removed,
}

/// Every harm, for the table of rates.
pub(super) const HARMS: [Harm; 18] = [
    Harm::Crash,
    Harm::Read,
    Harm::Write,
    Harm::LostAnswer,
    Harm::Slow,
    Harm::Damaged,
    Harm::Journal,
    Harm::Twice,
    Harm::Clock,
    Harm::Cancel,
    Harm::Absent,
    Harm::No,
    Harm::WrongSecret,
    Harm::Mistaken,
    Harm::Rival,
    Harm::Abandon,
    Harm::Unapproved,
    Harm::Removed,
];

/// How often each harm is done, of 1000 occasions. Each seed leaves most of them out: what always happens together hides the rest.
#[derive(Clone, Debug)]
pub(super) struct Rates([u64; HARMS.len()]);

impl Rates {
    pub(super) fn draw(rng: &mut Rng) -> Self {
        let mut rates = [0; HARMS.len()];
        for (rate, harm) in rates.iter_mut().zip(HARMS) {
            let often = harm.often();
            *rate = *rng.pick(&[0, 0, 0, often / 4, often, often * 3]);
        }
        Self(rates)
    }

    pub(super) fn of(&self, harm: Harm) -> u64 {
        self.0[harm as usize].min(900)
    }
}

impl Harm {
    fn often(self) -> u64 {
        match self {
            Self::Crash => 12,
            Self::Read | Self::Clock | Self::Abandon => 30,
            Self::Write => 100,
            Self::LostAnswer => 300,
            Self::Slow | Self::Damaged | Self::Twice | Self::Removed => 150,
            Self::Journal => 5,
            Self::Cancel => 8,
            Self::Absent | Self::Rival => 200,
            Self::No | Self::WrongSecret | Self::Mistaken => 120,
            Self::Unapproved => 20,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Read => "read fails",
            Self::Write => "write fails",
            Self::LostAnswer => "answer lost",
            Self::Slow => "slow answer",
            Self::Damaged => "damaged file",
            Self::Journal => "journal fails",
            Self::Twice => "delivered twice",
            Self::Clock => "clock step",
            Self::Cancel => "cancelled",
            Self::Absent => "nobody there",
            Self::No => "person says no",
            Self::WrongSecret => "wrong secret",
            Self::Mistaken => "person mistaken",
            Self::Rival => "second operator",
            Self::Abandon => "abandoned",
            Self::Unapproved => "approval missing",
            Self::Removed => "token pulled out",
        }
    }
}

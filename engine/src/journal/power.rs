//! The moment at which a write becomes durable, and, for tests, the power that fails at it.
//!
//! May use: a transaction. Must not: know events. Without the feature `testing` a commit is a commit and nothing else.

use rusqlite::Transaction;

use super::error::JournalError;

/// Where a process dies: at its Nth write to the journal, counted from 1 since the cut was set.
#[cfg(feature = "testing")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cut {
    /// Which write.
    pub write: u64,
    /// Whether that write is still durable: then nothing that would have followed it happens. Else it is lost, and what was done
    /// since the write before it stands in no record.
    pub durable: bool,
}

/// Commits transactions. After a cut nothing becomes durable any more.
#[derive(Debug, Default)]
pub(super) struct Power {
    #[cfg(feature = "testing")]
    pub(super) cut: Option<Cut>,
    #[cfg(feature = "testing")]
    pub(super) writes: u64,
}

impl Power {
    /// Makes a transaction durable.
    ///
    /// # Errors
    /// `JOURNAL.*`.
    #[cfg(not(feature = "testing"))]
    pub(super) fn commit(&mut self, transaction: Transaction<'_>) -> Result<(), JournalError> {
        Ok(transaction.commit()?)
    }

    /// Makes a transaction durable, unless the power fails.
    ///
    /// # Errors
    /// `JOURNAL.*`; `JOURNAL.FAILED` from the cut on.
    #[cfg(feature = "testing")]
    pub(super) fn commit(&mut self, transaction: Transaction<'_>) -> Result<(), JournalError> {
        self.writes += 1;
        match self.cut {
            Some(cut) if self.writes > cut.write || (self.writes == cut.write && !cut.durable) => Err(dead()),
            Some(cut) if self.writes == cut.write => {
                transaction.commit()?;
                Err(dead())
            }
            _ => Ok(transaction.commit()?),
        }
    }
}

#[cfg(feature = "testing")]
fn dead() -> JournalError {
    use crate::text::Text;
    JournalError {
        code: "JOURNAL.FAILED",
        cause: Text::new("電源が切れました(試験)。", "the power failed (test)."),
        cure: Text::new("kirikae resume で続けてください。", "go on with `kirikae resume`."),
    }
}

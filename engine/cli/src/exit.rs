//! Exit codes (`DESIGN.md` 6).

/// Done, or nothing to do.
pub const DONE: u8 = 0;
/// Failed, blocked, or another run is not finished.
pub const FAILED: u8 = 1;
/// Wrong usage or an invalid document.
pub const USAGE: u8 = 2;
/// The plan no longer fits the world, has expired or was used.
pub const DRIFT: u8 = 3;
/// An approval is missing.
pub const APPROVAL: u8 = 4;
/// Changes are pending (`plan --detailed-exitcode`). Not 2 as elsewhere: 2 is a wrong usage here.
pub const PENDING: u8 = 10;
/// Waiting for a person, a time or a portal.
pub const WAITING: u8 = 75;
/// Stopped by Ctrl-C, the run parked.
pub const STOPPED: u8 = 130;

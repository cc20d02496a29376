//! The hash chain of a run.

use sha2::{Digest, Sha256};

/// The reserved run id of what happens outside a run.
pub const STATE_RUN: &str = "state";

/// The hash of an event: SHA-256 of the previous hash (32 zero bytes at first), then run, seq, at, kind, body, each prefixed by
/// its length as 8 bytes big-endian; `seq` and `at` (milliseconds since 1970, UTC) as 8 bytes big-endian.
pub fn link(previous: &[u8; 32], run: &str, seq: u64, at_ms: i64, kind: &str, body: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(previous);
    for part in [run.as_bytes(), &seq.to_be_bytes(), &at_ms.to_be_bytes(), kind.as_bytes(), body.as_bytes()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// Where a chain is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChainFault {
    /// The event with this `seq` does not fit the one before it.
    Broken(u64),
    /// This `seq` is missing.
    Missing(u64),
    /// The head kept elsewhere is not in the chain: its tail was cut.
    HeadNotFound,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_runs_md_by_hand() {
        let mut bytes = vec![0u8; 32];
        bytes.extend(8u64.to_be_bytes());
        bytes.extend(b"20261123");
        bytes.extend(8u64.to_be_bytes());
        bytes.extend(1u64.to_be_bytes());
        bytes.extend(8u64.to_be_bytes());
        bytes.extend(1_700_000_000_000i64.to_be_bytes());
        bytes.extend(8u64.to_be_bytes());
        bytes.extend(b"RunEnded");
        bytes.extend(7u64.to_be_bytes());
        bytes.extend(b"{\"v\":1}");
        let expected: [u8; 32] = Sha256::digest(&bytes).into();
        assert_eq!(link(&[0; 32], "20261123", 1, 1_700_000_000_000, "RunEnded", "{\"v\":1}"), expected);
    }
}

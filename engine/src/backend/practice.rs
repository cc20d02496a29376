//! What is known of practice certificates, so that none is ever taken for a real one.

/// SHA-256 fingerprints of the practice roots. Their keys are in every copy of the program, so outside a rehearsal nobody trusts them.
pub const PRACTICE_ROOTS: [&str; 2] =
    ["2debcd901988a6ffaecf0a8ba43337f8e18bcc99af3fa0a8a388622209e44fb2", "5d7a87a70df71760e3b2b0f648d1b552f576975d05750c8a0afba7704e47c80f"];

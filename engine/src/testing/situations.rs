//! The situations whose plans are reviewed: one function each, so that the plan as JSON, its text and the benches speak of the same.
//! Now is 2026-11-23, 10:00 Japan time; a certificate can be renewed from 90 days before its end.

use super::{Desk, Fault, certificate};
use crate::backend::profile::Operation;
use crate::dsl::CertInfo;

const CODE: &str = "0110119153";
const RENEW: &str = "obn/renew-web";

/// A situation: its name, and the desk in it.
pub type Situation = (&'static str, fn() -> Desk);

/// Every situation, by name.
pub const SITUATIONS: [Situation; 11] = [
    ("renew-due", due),
    ("renew-not-due", not_due),
    ("renew-expired", expired),
    ("renew-unreadable", unreadable),
    ("renew-two-candidates", two_candidates),
    ("renew-leftover", leftover),
    ("renew-unreachable", unreachable),
    ("renew-unverified", unverified),
    ("delete-old-pair", pair),
    ("delete-old-single", single),
    ("obtain", obtain),
];

/// The certificate ends in 60 days.
pub fn due() -> Desk {
    holding(RENEW, &[ending("2027-01-22")])
}

/// It ends in two years.
pub fn not_due() -> Desk {
    holding(RENEW, &[ending("2028-11-22")])
}

/// It ended 22 days ago.
pub fn expired() -> Desk {
    holding(RENEW, &[ending("2026-11-01")])
}

/// The store cannot be read now.
pub fn unreadable() -> Desk {
    let desk = due();
    desk.world.store.fail("list", "STORE.UNREADABLE");
    desk
}

/// Two certificates of the same validity: nothing tells which one is meant.
pub fn two_candidates() -> Desk {
    holding(RENEW, &[certificate(CODE, 1, "2023-10-22", "2027-01-22"), certificate(CODE, 2, "2023-10-22", "2027-01-22")])
}

/// The new certificate is there and valid, and the old one was never deleted.
pub fn leftover() -> Desk {
    holding(RENEW, &newer_and_older())
}

/// Due; the plan is to look at the portal, too, which does not answer.
pub fn unreachable() -> Desk {
    let desk = due().probing();
    desk.world.portal.fault(Operation::FindIssued, Fault::Before("NET.UNREACHABLE"));
    desk
}

/// Due; the site's rule for renewals does not cover what nobody verified, its rule for deletions covers.
pub fn unverified() -> Desk {
    due().with_site(
        "approvals:\n  - { action: ca.renew, program: obn, max_fee_jpy: 1500, per_day: 200, allow: auto }\n  - { action: cert.delete, allow: auto }\n",
    )
}

/// Two certificates of one subject, and the file of the newer one.
pub fn pair() -> Desk {
    let desk = holding("obn/delete-old", &newer_and_older());
    let file = desk.world.p12.make("1234", &newer_and_older()[0], &[]);
    desk.world.inbox.put("202611010000042.p12", file.expose());
    desk
}

/// Only one certificate: there is nothing to delete.
pub fn single() -> Desk {
    holding("obn/delete-old", &[ending("2027-01-22")])
}

/// A paper notice came; its IDs are not in the site file.
pub fn obtain() -> Desk {
    holding("obn/obtain", &[]).given(&[("request_id", "202610050000123")])
}

fn holding(playbook: &str, certificates: &[CertInfo]) -> Desk {
    let desk = Desk::at(playbook);
    for certificate in certificates {
        desk.world.store.put(certificate.clone());
    }
    desk
}

fn ending(until: &str) -> CertInfo {
    certificate(CODE, 1, "2023-08-22", until)
}

fn newer_and_older() -> [CertInfo; 2] {
    [certificate(CODE, 2, "2026-11-01", "2030-02-01"), ending("2027-01-22")]
}

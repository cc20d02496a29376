//! The online-billing CA's profile as the checker would decode it, as far as actions look at it.

use std::collections::BTreeMap;

use crate::backend::profile::{Encoding, Fact, Hands, Label, ObserveBy, Operation, OperationSpec, PageItem, Profile, RowSpec, Standing};
use crate::dsl::Type;
use crate::text::Text;

/// The profile `obn`: operations, their `takes` and `gives`, the list's columns, the probe's marker. Pages are left out:
/// [`super::FakePortal`] has none.
pub fn obn_profile() -> Profile {
    let digits = |n| Type::Digits(n);
    let secret = |ty| Type::Secret(Box::new(ty));
    let columns = ["request_id", "subject", "serial", "issued_on", "not_after", "status"];
    let list = PageItem {
        rows: Some(RowSpec { columns: columns.map(|name| (name.to_owned(), Label::default())).to_vec(), ..RowSpec::default() }),
        ..PageItem::default()
    };
    let marker = PageItem { signed_in: Some("更新後証明書の取得".to_owned()), ..PageItem::default() };
    let operations = [
        (Operation::Probe, OperationSpec { pages: vec![marker], ..operation(Operation::Probe) }),
        (
            Operation::Obtain,
            OperationSpec {
                client_cert: false,
                claim: Some("request_id".to_owned()),
                takes: takes(vec![("request_id", digits(15)), ("reference_id", secret(Type::Ascii)), ("password", secret(digits(4)))]),
                ..operation(Operation::Obtain)
            },
        ),
        (Operation::FindIssued, OperationSpec { pages: vec![list], ..operation(Operation::FindIssued) }),
        (
            Operation::Renew,
            OperationSpec {
                observe: ObserveBy::Look(Operation::FindIssued),
                gives: takes(vec![
                    ("request_id", digits(15)),
                    ("reference_id", secret(Type::Ascii)),
                    ("cn", Type::String),
                    ("ou", Type::List(Box::new(Type::String))),
                    ("o", Type::String),
                ]),
                ..operation(Operation::Renew)
            },
        ),
        (Operation::Status, OperationSpec { takes: takes(vec![("request_id", digits(15).optional())]), ..operation(Operation::Status) }),
        (
            Operation::Fetch,
            OperationSpec { takes: takes(vec![("request_id", digits(15).optional()), ("password", secret(digits(4)))]), ..operation(Operation::Fetch) },
        ),
        (
            Operation::Revoke,
            OperationSpec {
                takes: takes(vec![("request_id", digits(15)), ("reference_id", secret(Type::Ascii)), ("mail", Type::Ascii)]),
                ..operation(Operation::Revoke)
            },
        ),
        (Operation::Root, OperationSpec { client_cert: false, trust_none: true, ..operation(Operation::Root) }),
        (Operation::Software, OperationSpec { client_cert: false, ..operation(Operation::Software) }),
    ];
    Profile {
        id: "obn".to_owned(),
        version: "1.0.0".to_owned(),
        title: Text::new("共通認証局", "Common CA"),
        sources: vec!["obn_edge".to_owned()],
        checked: (Standing::Unverified, Text::plain("")),
        base: None,
        hosts: vec![],
        hands: Hands::Engine,
        encoding: Encoding::Utf8,
        facts: BTreeMap::from([("renew_fee".to_owned(), Fact { yen: Some(1500), per: Some(Operation::Renew), ..Fact::default() })]),
        errors: vec![],
        operations: operations.into_iter().collect(),
        digest: "0".repeat(64),
    }
}

fn takes(list: Vec<(&str, Type)>) -> Vec<(String, Type)> {
    list.into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect()
}

fn operation(operation: Operation) -> OperationSpec {
    OperationSpec {
        cite: vec!["obn_edge#2.2".to_owned()],
        client_cert: true,
        needs_sign_in: false,
        takes: vec![],
        gives: vec![],
        tries: None,
        observe: ObserveBy::Nothing,
        absent_after: None,
        claim: None,
        repeatable: operation.repeatable(),
        fallback: None,
        hands: None,
        trust_none: false,
        pages: vec![],
    }
}

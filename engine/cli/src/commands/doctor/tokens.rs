//! Tokens and their PINs, accounts and their passwords. Nothing is asked for and nothing is tried.

use std::collections::BTreeMap;
use std::path::Path;

use kirikae_backends::token::pkcs11::found_modules;
use kirikae_engine::backend::{Call, PresentToken};
use kirikae_engine::text::Text;

use super::finding::{Area, Finding};
use super::terminal::opened;
use crate::site::{OpenSite, open_tokens};

/// The PKCS#11 modules that are installed here.
pub fn modules() -> Vec<Finding> {
    let found = found_modules().into_iter();
    let found = found.map(|module| {
        let path = module.path.display();
        let said = Text::new(format!("{}: {path}", module.title.ja), format!("{}: {path}", module.title.en));
        Finding::good(Area::Module, module.name, said)
    });
    found.collect()
}

/// Every token role of the site: what is inserted now, and the state of its PIN by the device's word and by our own count.
pub fn tokens(open: &OpenSite, folder: &Path) -> Vec<Finding> {
    let counted: BTreeMap<String, u32> = match opened(folder) {
        Some(Ok(journal)) => journal.attempts().unwrap_or_default().into_iter().map(|row| (row.device, row.used)).collect(),
        _ => BTreeMap::new(),
    };
    let mut findings = vec![];
    for (name, token) in open_tokens(open) {
        match token.and_then(|token| token.tokens(&Call::unattached())) {
            Ok(present) if present.is_empty() => findings.push(Finding::note(
                Area::Token,
                &name,
                Text::new("挿さっていません。", "none is inserted."),
                Text::new("使う前に挿してください。", "insert it before it is used."),
            )),
            Ok(present) => findings.extend(present.iter().map(|token| {
                let used = counted.get(&format!("token:{}", token.info.serial)).copied().unwrap_or(0);
                judged(&name, token, used)
            })),
            Err(error) => findings.push(Finding::error(Area::Token, &name, &error)),
        }
    }
    findings
}

/// Accounts where a password failed since it last was right, by our own count.
pub fn accounts(folder: &Path) -> Vec<Finding> {
    let rows = match opened(folder) {
        Some(Ok(journal)) => journal.attempts().unwrap_or_default(),
        _ => vec![],
    };
    let failed = rows.iter().filter(|row| row.used > 0 && row.device.starts_with("account:"));
    let told = failed.map(|row| {
        let (device, used) = (&row.device, row.used);
        Finding::note(
            Area::Account,
            device,
            Text::new(format!("パスワードを続けて{used}回まちがえています。"), format!("{used} wrong passwords in a row.")),
            Text::new(
                format!("kirikae attempts {device} で確かめ、正しい値が分かるまで試さないでください。"),
                format!("see `kirikae attempts {device}`, and try nothing before the right value is known."),
            ),
        )
    });
    told.collect()
}

fn judged(name: &str, token: &PresentToken, used: u32) -> Finding {
    let who = format!("{} ({})", token.info.label, token.info.serial);
    let flags = token.flags;
    let attempts = Text::new(
        format!("kirikae attempts {} で回数を確かめ、正しい PIN が分かるまで試さないでください。", token.info.serial),
        format!("see `kirikae attempts {}`, and try nothing before the right PIN is known.", token.info.serial),
    );
    if flags.locked {
        let cure = Text::new("発行元か管理者に解除を頼んでください。", "let its issuer or administrator unlock it.");
        return Finding::problem(Area::Token, name, Text::new(format!("{who} は PIN がロックされています。"), format!("the PIN of {who} is locked.")), cure);
    }
    if flags.final_try {
        let said = Text::new(format!("{who} は、あと1回まちがえるとロックされます。"), format!("one more wrong PIN locks {who}."));
        return Finding::problem(Area::Token, name, said, attempts);
    }
    if flags.count_low || used > 0 {
        let said = Text::new(
            format!("{who} の PIN は続けてまちがえています(記録 {used}回)。"),
            format!("{who}: wrong PINs since the last right one ({used} written down here)."),
        );
        return Finding::note(Area::Token, name, said, attempts);
    }
    Finding::good(Area::Token, name, Text::new(format!("{who} が挿さっています。PIN の失敗はありません。"), format!("{who} is inserted; no wrong PIN.")))
}

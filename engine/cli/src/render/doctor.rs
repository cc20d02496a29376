//! What the doctor found, for people and machines.

use jiff::Timestamp;
use kirikae_engine::text::Lang;
use serde_json::{Value as Json, json};

use super::pad;
use crate::commands::doctor::{Area, DoctorFinding, DoctorState};

const AREAS: [(Area, &str, &str); 11] = [
    (Area::Clock, "clock", "時計"),
    (Area::State, "state", "状態フォルダ"),
    (Area::Vault, "vault", "保管庫"),
    (Area::Store, "store", "証明書の保管先"),
    (Area::Browser, "browser", "ブラウザー"),
    (Area::Folder, "folder", "フォルダ"),
    (Area::Module, "module", "USBキーのドライバー"),
    (Area::Token, "token", "USBキー"),
    (Area::Account, "account", "ログインの回数"),
    (Area::Portal, "portal", "サイト"),
    (Area::Playbook, "playbook", "手順書に必要なもの"),
];

fn area(of: Area) -> (&'static str, &'static str) {
    AREAS.iter().find(|(known, ..)| *known == of).map_or(("", ""), |(_, en, ja)| (en, ja))
}

/// For people: the findings by area, then one line that says how many are wrong.
pub fn lines(findings: &[DoctorFinding], lang: Lang) -> Vec<String> {
    let word = |ja: &'static str, en: &'static str| if lang == Lang::Ja { ja } else { en };
    let (mut lines, mut last) = (vec![], None);
    for finding in findings {
        if last != Some(finding.area) {
            let (en, ja) = area(finding.area);
            lines.push(word(ja, en).to_owned());
            last = Some(finding.area);
        }
        let mark = match finding.state {
            DoctorState::Good => word("よし", "good"),
            DoctorState::Note => word("注意", "note"),
            DoctorState::Problem => word("問題", "wrong"),
        };
        let code = finding.code.as_ref().map(|code| format!("{code}  ")).unwrap_or_default();
        lines.push(format!("  {} {}  {code}{}", pad(mark, 5), finding.about, finding.said.get(lang)));
        if !finding.cure.get(lang).is_empty() {
            lines.push(format!("        → {}", finding.cure.get(lang)));
        }
    }
    let count = |state| findings.iter().filter(|finding| finding.state == state).count();
    let (wrong, notes) = (count(DoctorState::Problem), count(DoctorState::Note));
    lines.push(match lang {
        Lang::Ja => format!("問題 {wrong}件、注意 {notes}件。"),
        Lang::En => format!("{wrong} wrong, {notes} to note."),
    });
    lines
}

/// For machines.
pub fn as_json(findings: &[DoctorFinding], now: Timestamp) -> Json {
    let one = |finding: &DoctorFinding| {
        let state = match finding.state {
            DoctorState::Good => "good",
            DoctorState::Note => "note",
            DoctorState::Problem => "problem",
        };
        let cure = (!finding.cure.ja.is_empty()).then_some(&finding.cure);
        json!({"area": area(finding.area).0, "about": finding.about, "state": state, "code": finding.code, "said": finding.said, "cure": cure})
    };
    json!({"at": now.to_string(), "findings": findings.iter().map(one).collect::<Vec<_>>()})
}

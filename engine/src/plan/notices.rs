//! Notices of a plan: what it rests on that nobody verified.
//!
//! May use: checked profiles, the plan's steps. Must not: look at anything.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Decision, Message, PlanStep};
use crate::backend::profile::{Fact, Operation, Profile, Standing};
use crate::check::{Checked, What};
use crate::text::{Lang, Phrase, Text};

/// One notice for each profile that was not tried on its real portal, and one for each unverified fact of it, as far as
/// steps that may be carried out rest on them.
pub(super) fn unverified(checked: &Checked, steps: &[PlanStep]) -> Vec<Message> {
    let mut used: BTreeMap<&str, (&Profile, BTreeSet<Operation>)> = BTreeMap::new();
    let acting = steps.iter().zip(&checked.steps).filter(|(entry, _)| matches!(entry.decision, Decision::Run | Decision::Maybe) || entry.approval.is_some());
    for (_, step) in acting {
        let What::Action(action) = &step.what else { continue };
        let Some(profile) = action.portal.as_ref().and_then(|role| checked.profiles.get(role)) else { continue };
        used.entry(&profile.id).or_insert((profile, BTreeSet::new())).1.extend(action.manifest.operation);
    }
    let texts = used.into_values().flat_map(|(profile, operations)| {
        let facts = profile.facts.iter().filter(move |(_, fact)| fact.status == Standing::Unverified && fact.per.is_none_or(|per| operations.contains(&per)));
        pages(profile).into_iter().chain(facts.map(|(name, fact)| about(profile, name, fact)))
    });
    texts.map(|message| Message { code: "PLAN.UNVERIFIED".to_owned(), message }).collect()
}

fn pages(profile: &Profile) -> Option<Text> {
    let (standing, by) = &profile.checked;
    let title = &profile.title;
    (*standing == Standing::Unverified).then(|| {
        Text::new(
            format!("{}の画面は実物で試していません({})。", title.ja, by.ja),
            format!("The pages of the {} were never tried on the real site ({}).", title.get(Lang::En), by.get(Lang::En)),
        )
    })
}

fn about(profile: &Profile, name: &str, fact: &Fact) -> Text {
    let program = &profile.id;
    let title = FACTS.iter().find(|(known, _)| *known == name).map_or_else(|| Text::plain(name), |(_, title)| (*title).into());
    let value = match (fact.yen, &fact.text) {
        (Some(yen), _) => Text::new(format!("{yen}円"), format!("{yen} yen")),
        (None, Some(text)) => text.clone(),
        (None, None) => Text::plain("-"),
    };
    let source =
        fact.source.as_ref().map_or_else(Text::default, |source| Text::new(format!("。出所は {}", source.ja), format!("; source: {}", source.get(Lang::En))));
    Text::new(
        format!("{program} の{}は未確認です: {}{}", title.ja, value.ja, source.ja),
        format!("{program}: {} is unverified: {}{}", title.get(Lang::En), value.get(Lang::En), source.get(Lang::En)),
    )
}

/// Words for the facts that profiles commonly have; another fact is called by its name.
const FACTS: [(&str, Phrase); 12] = [
    ("address", Phrase { ja: "サイトのアドレス", en: "the address of the site" }),
    ("contact", Phrase { ja: "連絡先", en: "the contact" }),
    ("download_by", Phrase { ja: "受け取りの期限", en: "the last day to download" }),
    ("hours", Phrase { ja: "利用できる時間", en: "the hours of service" }),
    ("issuer", Phrase { ja: "発行者", en: "the issuer" }),
    ("maintenance", Phrase { ja: "保守の時間", en: "the hours of maintenance" }),
    ("old_one", Phrase { ja: "更新したあとの古い証明書", en: "the old certificate after a renewal" }),
    ("renew_fee", Phrase { ja: "更新の費用", en: "the fee of a renewal" }),
    ("renew_opens", Phrase { ja: "更新できる時期", en: "when renewal opens" }),
    ("site_root", Phrase { ja: "サイトのルート証明書", en: "the root of the site" }),
    ("subject", Phrase { ja: "発行先", en: "the subject" }),
    ("validity", Phrase { ja: "有効期間", en: "the validity" }),
];

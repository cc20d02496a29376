//! What the operations of a profile must keep so that a look never writes and a write is sent once.
//!
//! May use: the reader, the profile's data. Must not: decode.

use std::collections::BTreeMap;

use super::Type;
use super::portal_page::base_outputs;
use super::reader::{Fields, Reader, did_you_mean, nearest};
use crate::backend::profile::{ObserveBy, Operation, OperationSpec, PageItem};
use crate::text::{Entry, Span, Text};

/// Rules of one operation.
pub(super) fn of_operation(reader: &mut Reader<'_>, name: Operation, spec: &OperationSpec, fields: &Fields<'_>) {
    let span = fields.key("pages").or_else(|| fields.key("cite")).map_or(Span::default(), |key| key.span);
    if spec.pages.is_empty() {
        if name != Operation::Probe {
            reader.need(fields, "pages");
        }
        return;
    }
    let commits = spec.pages.iter().filter(|page| page.commits).count();
    let (least, most) = name.commits();
    if commits < least || commits > most {
        let wanted = if least == most { format!("{most}") } else { format!("{least}-{most}") };
        let what = Text::new(
            format!("{name} で「commits: true」のページは{wanted}個ですが、{commits}個あります。"),
            format!("`{name}` has {wanted} page(s) with `commits: true`; there are {commits}."),
        );
        let cure = Text::new("申請が確定するボタンのページに1つだけ書きます。", "mark the one page whose button commits.");
        reader.error("PROFILE.COMMITS", span, what).cure.push(cure);
    }
    if matches!(name, Operation::Obtain | Operation::Fetch | Operation::Root | Operation::Software) && !spec.pages.iter().any(|page| page.download.is_some()) {
        let what = Text::new(format!("{name} に「download」がありません。"), format!("`{name}` has no `download`."));
        reader.error("PROFILE.NO_FILE", span, what);
    }
    let mut outputs = spec.gives.clone();
    outputs.extend(base_outputs(name));
    for (output, ty) in outputs {
        let read = spec.pages.iter().any(|page| page.read.iter().any(|(name, _)| *name == output));
        if !read && !ty.is_optional() {
            let what = Text::new(format!("{output} をどのページでも読んでいません。"), format!("no page reads `{output}`."));
            let cure = Text::new(format!("「read: {{ {output}: 画面の項目名 }}」を加えてください。"), format!("add `read: {{ {output}: .. }}`."));
            reader.error("PROFILE.NOT_READ", span, what).cure.push(cure);
        }
    }
    if let (Some(key), true) = (fields.key("trust"), name != Operation::Root) {
        let what = Text::new("「trust: none」は root にだけ書けます。", "`trust: none` is for `root` only.");
        reader.error("PROFILE.TRUST", key.span, what);
    }
    if let (Some(key), true) = (fields.key("absent_after"), !name.is_read()) {
        let what = Text::new("「absent_after」は一覧や状態を見る操作に書きます。", "`absent_after` belongs to an operation that looks.");
        reader.error("PROFILE.OBSERVE", key.span, what);
    }
}

/// A reading operation opens, follows, or sends what is marked `safe`.
pub(super) fn writes_in_a_read(reader: &mut Reader<'_>, name: Operation, item: &PageItem, fields: &Fields<'_>) {
    if !name.is_read() || item.safe {
        return;
    }
    for key in ["post", "press", "upload"] {
        if let Some(key) = fields.key(key) {
            let what = Text::new(
                format!("{name} は見るだけの操作なので、「{}」で送ることはできません。", key.value),
                format!("`{name}` only looks; it cannot send with `{}`.", key.value),
            );
            let cure = Text::new("読むだけの送信なら「safe: true」と書いてください。", "if sending this only reads, say `safe: true`.");
            reader.error("PROFILE.READ_WRITES", key.span, what).cure.push(cure);
        }
    }
}

/// Rules between operations: who looks for whom, where a page goes on.
pub(super) fn across_operations(reader: &mut Reader<'_>, entries: &[Entry], operations: &BTreeMap<Operation, OperationSpec>) {
    for entry in entries {
        let Some((name, spec)) = Operation::parse(&entry.key.value).and_then(|name| Some((name, operations.get(&name)?))) else { continue };
        let written = |key: &str| entry.value.get(key).map_or(entry.key.span, |node| node.span);
        if let (ObserveBy::Look(_), Operation::Revoke | Operation::SetPassword) = (spec.observe, name) {
            let what = Text::new(format!("{name} が届いたかどうかは、どの画面でも確かめられません。"), format!("no page tells whether `{name}` arrived."));
            let cure =
                Text::new("「observe: none」と書くか、observe を消してください(人が判断します)。", "say `observe: none`, or leave it out; a person decides.");
            reader.error("PROFILE.OBSERVE", written("observe"), what).cure.push(cure);
        } else if let ObserveBy::Look(look) = spec.observe {
            match operations.get(&look) {
                None => missing_look(reader, written("observe"), name, look),
                Some(_) if !look.is_read() => {
                    let what = Text::new(format!("{look} は見るだけの操作ではありません。"), format!("`{look}` does not only look."));
                    reader.error("PROFILE.OBSERVE", written("observe"), what);
                }
                Some(looking) => look_takes(reader, written("observe"), spec, look, looking),
            }
        }
        for other in spec.fallback.into_iter().chain(spec.pages.iter().filter_map(|page| page.resume)) {
            if !operations.contains_key(&other) {
                let what = Text::new(format!("このプロファイルに {other} はありません。"), format!("this profile has no `{other}`."));
                reader.error("PROFILE.UNKNOWN_OPERATION", written("fallback"), what);
            }
        }
    }
}

fn missing_look(reader: &mut Reader<'_>, span: Span, name: Operation, look: Operation) {
    let what = Text::new(format!("{name} の結果を見る操作 {look} がありません。"), format!("there is no `{look}` to look whether `{name}` happened."));
    let cure = Text::new(
        format!("{look} を書くか、見るところが無いなら「observe: none」と書いてください(人が判断します)。"),
        format!("add `{look}`, or say `observe: none` if there is nothing to look at (a person decides then)."),
    );
    reader.error("PROFILE.OBSERVE", span, what).cure.push(cure);
}

/// An observing operation may only need what the observed one has.
fn look_takes(reader: &mut Reader<'_>, span: Span, spec: &OperationSpec, look: Operation, looking: &OperationSpec) {
    for (name, ty) in looking.takes.iter().filter(|(_, ty)| !ty.is_optional()) {
        if !spec.takes.iter().any(|(known, known_ty)| known == name && known_ty.required() == ty) {
            let what = Text::new(
                format!("{look} が要る {name} を、この操作は受け取っていません。"),
                format!("`{look}` needs `{name}`, which this operation does not take."),
            );
            let cure = Text::new(format!("{look} の {name} を optional<{ty}> にしてください。"), format!("make it optional<{ty}> in `{look}`."));
            reader.error("PROFILE.OBSERVE", span, what).cure.push(cure);
        }
    }
}

/// Reports a parameter that is not declared.
pub(super) fn unknown_parameter(reader: &mut Reader<'_>, span: Span, name: &str, known: &[(String, Type)], declared_in: &str) {
    let what = Text::new(format!("「{name}」は {declared_in} にありません。"), format!("`{name}` is not in `{declared_in}`."));
    let near = nearest(name, known.iter().map(|(known, _)| known.as_str())).map(str::to_owned);
    let cure = Text::new(format!("{declared_in} に「{name}: 型」を加えてください。"), format!("add `{name}: type` to `{declared_in}`."));
    let finding = reader.error("PROFILE.UNKNOWN_PARAMETER", span, what);
    did_you_mean(finding, span, near);
    finding.cure.push(cure);
}

//! What a refusal of Windows means for the engine: a code, words for people, the number as Windows prints it.
//!
//! Must not: ask Windows for words. Where a crypto code has none (Wine), the system says that it failed to find them.

use kirikae_engine::backend::BackendError;
use kirikae_engine::text::{Phrase, Text};

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// Opening or reading a store.
    Reading,
    /// Writing to a store.
    Writing,
    /// Putting a key in.
    Importing,
    /// Taking a key into use.
    UsingKey,
    /// Writing a key out.
    Exporting,
    /// Adding a trusted root.
    Trusting,
}

/// The words of a number, and what it means where that does not depend on what was being done.
struct Meaning {
    number: u32,
    code: Option<&'static str>,
    words: Phrase,
}

const fn meaning(number: u32, code: Option<&'static str>, ja: &'static str, en: &'static str) -> Meaning {
    Meaning { number, code, words: Phrase { ja, en } }
}

/// Numbers of `winerror.h` that certificate stores and keys answer with. Win32 codes stand as they are, without 0x8007.
const MEANINGS: &[Meaning] = &[
    meaning(0x2, None, "見つかりません", "not found"),
    meaning(0x5, None, "権限がありません", "access denied"),
    meaning(0x13, Some("STORE.READONLY"), "書き込みが禁止されています", "write-protected"),
    meaning(0x20, Some("STORE.LOCKED"), "ほかのプログラムが使っています", "in use by another program"),
    meaning(0x56, Some("P12.BAD_PASSWORD"), "パスワードが違います", "wrong password"),
    meaning(0x70, Some("FOLDER.FULL"), "ディスクに空きがありません", "the disk is full"),
    meaning(0x4c7, Some("STORE.ROOT_REFUSED"), "画面で「いいえ」が選ばれました", "somebody said no in the dialog"),
    meaning(0x8009_0003, Some("KEY.UNUSABLE"), "鍵が壊れています", "bad key"),
    meaning(0x8009_0005, None, "データを読めません", "bad data"),
    meaning(0x8009_0008, Some("KEY.UNUSABLE"), "鍵の置き場所がこの方式を知りません", "the provider does not know this algorithm"),
    meaning(0x8009_0009, None, "指定が正しくありません", "bad flags"),
    meaning(0x8009_000a, None, "この種類では取り出せません", "bad type"),
    meaning(0x8009_000b, Some("KEY.NOT_EXPORTABLE"), "取り出せない鍵です", "the key may not be exported"),
    meaning(0x8009_000d, Some("KEY.UNUSABLE"), "鍵がありません", "no such key"),
    meaning(0x8009_000f, None, "同じ名前の鍵の置き場所があります", "a key container of that name exists"),
    meaning(0x8009_0010, None, "鍵を使う権限がありません", "access to the key denied"),
    meaning(0x8009_0011, Some("KEY.UNUSABLE"), "鍵が見つかりません", "key not found"),
    meaning(0x8009_0016, Some("KEY.UNUSABLE"), "鍵の置き場所がありません", "the key container does not exist"),
    meaning(0x8009_0019, Some("KEY.UNUSABLE"), "鍵の置き場所を開くプログラムが入っていません", "the provider of the key is not installed"),
    meaning(0x8009_0022, Some("KEY.UNUSABLE"), "使うたびに人に確認する鍵です", "the key asks a person at each use"),
    meaning(0x8009_0027, None, "値が正しくありません", "invalid parameter"),
    meaning(0x8009_0029, None, "対応していません", "not supported"),
    meaning(0x8009_0030, Some("KEY.UNUSABLE"), "カードや USBキーの準備ができていません", "the device is not ready"),
    meaning(0x8009_2004, None, "見つかりません", "not found"),
    meaning(0x8009_200b, Some("KEY.UNUSABLE"), "証明書に鍵がありません", "the certificate has no key"),
    meaning(0x8010_000c, Some("KEY.UNUSABLE"), "カードが挿されていません", "no smart card is inserted"),
    meaning(0x8010_002e, Some("KEY.UNUSABLE"), "カードリーダーがありません", "there is no card reader"),
    meaning(0x8010_0069, Some("KEY.UNUSABLE"), "カードが抜かれました", "the card was removed"),
    meaning(0x8010_006b, Some("KEY.UNUSABLE"), "PINが違います", "wrong PIN"),
    meaning(0x8010_006c, Some("KEY.UNUSABLE"), "PINがロックされています", "the PIN is locked"),
];

/// The error of a call of Windows that was refused with `number` (HRESULT or Win32 code) at `place`.
pub(super) fn coded(doing: Doing, place: &str, call: &str, number: u32) -> BackendError {
    // 0x8007xxxx is a Win32 code in the coat of an HRESULT.
    let bare = if number >> 16 == 0x8007 { number & 0xffff } else { number };
    let known = MEANINGS.iter().find(|meaning| meaning.number == bare);
    let denied = bare == 0x5;
    let code = known.and_then(|meaning| meaning.code).unwrap_or(match doing {
        Doing::Reading => "STORE.UNREADABLE",
        Doing::Writing | Doing::Trusting | Doing::Importing if denied => "STORE.READONLY",
        Doing::Writing | Doing::Trusting => "STORE.UNREADABLE",
        Doing::Exporting if bare == 0x8009_0010 || bare == 0x8009_000a => "KEY.NOT_EXPORTABLE",
        Doing::Importing | Doing::UsingKey | Doing::Exporting => "KEY.UNUSABLE",
    });
    let (ja, en) = match doing {
        Doing::Reading => ("を読めません", "cannot be read"),
        Doing::Writing => ("に書き込めません", "cannot be written to"),
        Doing::Importing => ("に鍵を入れられません", "does not take the key"),
        Doing::UsingKey => ("の鍵を使えません", "has a key that cannot be used"),
        Doing::Exporting => ("の鍵を取り出せません", "does not give the key out"),
        Doing::Trusting => ("にルート証明書を加えられません", "does not take the root certificate"),
    };
    let hex = format!("0x{number:08X}");
    let (why_ja, why_en) = known.map_or((String::new(), String::new()), |meaning| (format!("{}。", meaning.words.ja), format!("{}; ", meaning.words.en)));
    let cause = Text::new(
        format!("Windows の保管先 {place} {ja}: {why_ja}(Windows の番号 {hex}、{call})"),
        format!("{place} {en}: {why_en}Windows says {hex} ({call})."),
    );
    let error = BackendError::new(code, cause).with("windows", hex).with("call", call);
    if denied && code == "STORE.READONLY" {
        return error.cure(Text::new(
            "「管理者として実行」で開いた画面から、もう一度行ってください。",
            "run it again from a window that was opened with \"Run as administrator\".",
        ));
    }
    if doing == Doing::Importing && code == "KEY.UNUSABLE" {
        return error.cure(Text::new(
            "サイトファイルの backends で keys をもう一方の値(cng か capi)にして試してください。だめなら、番号を添えて問い合わせてください。",
            "try the other value of `keys` (cng or capi) under `backends` of the site file; if that fails, too, ask and tell the number.",
        ));
    }
    error
}

#[cfg(test)]
mod tests {
    use kirikae_engine::backend::code_info;

    use super::*;

    #[test]
    fn every_number_leads_to_a_known_code_and_is_shown() {
        let doings = [Doing::Reading, Doing::Writing, Doing::Importing, Doing::UsingKey, Doing::Exporting, Doing::Trusting];
        for number in MEANINGS.iter().map(|meaning| meaning.number).chain([0x8009_fffe]) {
            for doing in doings {
                let error = coded(doing, "windows:current_user/MY", "CertOpenStore", number);
                assert!(code_info(&error.code).is_some(), "{} has no story", error.code);
                let hex = format!("0x{number:08X}");
                assert!(error.cause.ja.contains(&hex) && error.cause.en.as_deref().unwrap_or_default().contains(&hex), "{number:x} is not shown");
                assert_eq!(error.data["windows"], hex);
            }
        }
    }

    #[test]
    fn what_a_number_means_depends_on_what_was_done() {
        let code = |doing, number| coded(doing, "", "", number).code;
        assert_eq!(code(Doing::Writing, 0x8007_0005), "STORE.READONLY");
        assert_eq!(code(Doing::Reading, 5), "STORE.UNREADABLE");
        assert_eq!(code(Doing::UsingKey, 0x8009_0010), "KEY.UNUSABLE");
        assert_eq!(code(Doing::Exporting, 0x8009_0010), "KEY.NOT_EXPORTABLE");
        assert_eq!(code(Doing::Exporting, 0x8009_000b), "KEY.NOT_EXPORTABLE");
        assert_eq!(code(Doing::Trusting, 1223), "STORE.ROOT_REFUSED");
        assert_eq!(code(Doing::Importing, 0x8007_0056), "P12.BAD_PASSWORD");
        assert_eq!(code(Doing::UsingKey, 0x8009_0022), "KEY.UNUSABLE");
        assert!(coded(Doing::Writing, "", "", 5).cure.ja.contains("管理者"));
    }
}

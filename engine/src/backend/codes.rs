//! The table of codes that backends and actions give, with class, title and default cure.

use super::error::Class;
use crate::text::Phrase;

/// A code that backends and actions give, with its class and default cure.
#[derive(Clone, Copy, Debug)]
pub struct CodeInfo {
    /// `AREA.CAUSE`.
    pub code: &'static str,
    /// Who acts.
    pub class: Class,
    /// What it means, one line.
    pub title: Phrase,
    /// What to do about it.
    pub cure: Phrase,
}

/// The entry of a code in [`ERROR_CODES`].
pub fn code_info(code: &str) -> Option<&'static CodeInfo> {
    ERROR_CODES.iter().find(|info| info.code == code)
}

const fn code(code: &'static str, class: Class, title: Phrase, cure: Phrase) -> CodeInfo {
    CodeInfo { code, class, title, cure }
}

const fn p(ja: &'static str, en: &'static str) -> Phrase {
    Phrase { ja, en }
}

/// Every code that can end a step, in alphabetical order.
pub const ERROR_CODES: &[CodeInfo] = &[
    code(
        "ATTEMPTS.BUSY",
        Class::Transient,
        p("同じ相手に、ほかの実行が試している", "another run is trying the same device or account"),
        p("その実行が終わってから、もう一度行ってください。", "try again when the other run has ended."),
    ),
    code(
        "ATTEMPTS.NOT_COUNTED",
        Class::Human,
        p("回数に限りのある値を、数えられない", "tries are limited and cannot be counted"),
        p(
            "この手順は手で行ってください。まちがえた回数を数えられない間は、kirikae は試しません。",
            "do this step by hand; kirikae does not try while it cannot count the failures.",
        ),
    ),
    code(
        "ATTEMPTS.PER_USER",
        Class::Human,
        p("回数の記録が、この利用者だけのものになっている", "failures would be counted for this user only"),
        p(
            "管理者として実行するか、--state で共通の状態フォルダを指定してください。この利用者しか使わない相手なら、サイトファイルに state_scope: per_user と書けます。",
            "run as administrator, or name a common state folder with --state; for what only this user uses, write `state_scope: per_user` in the site file.",
        ),
    ),
    code(
        "BACKEND.MISSING",
        Class::Human,
        p("その役割の保管先などがサイトファイルにない", "the site has no backend for the role"),
        p("サイトファイルの backends にその名前を加えてください。", "add the role to `backends` in the site file."),
    ),
    code(
        "BACKEND.UNSUPPORTED",
        Class::Human,
        p("この保管先ではできない", "the backend cannot do this"),
        p("サイトファイルの backends で、できる保管先を指定してください。", "name a backend that can under `backends` of the site file."),
    ),
    code(
        "CERT.AMBIGUOUS",
        Class::Human,
        p("当てはまる証明書が複数ある", "several certificates match"),
        p(
            "kirikae certs で一覧を見て、使わない証明書を片付けてください。手順書の cn や state で1枚に絞ることもできます。",
            "list them with `kirikae certs` and tidy up those not in use, or narrow the step's `cn` or `state` down to one.",
        ),
    ),
    code(
        "CERT.FINGERPRINT",
        Class::Permanent,
        p("ルート証明書の拇印が合わない", "the fingerprint of the root does not fit"),
        p(
            "信頼しません。拇印を、紙や電話など別のところで確かめ直してください。",
            "it is not trusted; compare the fingerprint once more with one from elsewhere.",
        ),
    ),
    code("CERT.GONE", Class::Permanent, p("証明書がもう無い", "the certificate is gone"), p("保管先を確かめてください。", "look at the store.")),
    code(
        "CERT.LAST",
        Class::Permanent,
        p("その名前の最後の証明書なので消さない", "it is the last certificate of its name"),
        p("代わりの証明書を先に入れてください。", "install its replacement first."),
    ),
    code(
        "CERT.NEWER",
        Class::Permanent,
        p("消そうとしている方が期限が新しい", "the one to delete expires later"),
        p("どちらを残すか確かめてください。", "check which one to keep."),
    ),
    code(
        "CERT.NOT_FOUND",
        Class::Human,
        p("当てはまる証明書が無い", "no certificate matches"),
        p("この端末に証明書が入っているか、発行先と発行者を確かめてください。", "check that the certificate is on this terminal, and its subject and issuer."),
    ),
    code(
        "CERT.NOT_NEWER",
        Class::Permanent,
        p("証明書の期限が新しくなっていない", "the certificate does not expire later than the old one"),
        p(
            "前回の証明書を受け取った可能性があります。一覧で正しい行を確かめてください。",
            "the previous certificate may have been fetched; check the row in the list.",
        ),
    ),
    code(
        "CERT.UNREADABLE",
        Class::Permanent,
        p("証明書として読めない", "not readable as a certificate"),
        p("証明書のファイル(DER または PEM)か確かめてください。", "check that it is the file of a certificate, DER or PEM."),
    ),
    code(
        "CLOCK.WRONG",
        Class::Human,
        p("時計が合っていない", "the clock is wrong"),
        p("この端末の日付と時刻を合わせてから、kirikae resume を実行してください。", "set the date and time of this terminal, then run `kirikae resume`."),
    ),
    code(
        "DEADLINE.PASSED",
        Class::Permanent,
        p("始めてよい期限を過ぎた", "the latest time to start has passed"),
        p(
            "この手順は始められません。手引の、期限が過ぎたときの手続きを見てください。",
            "it cannot be started any more; see the manual for what to do after the deadline.",
        ),
    ),
    code(
        "EXPECT.FAILED",
        Class::Permanent,
        p("確かめた結果が合わない", "a check did not hold"),
        p("表示された理由を確かめてください。", "see the reason given."),
    ),
    code(
        "FILE.AMBIGUOUS",
        Class::Human,
        p("当てはまるファイルが複数ある", "several files match"),
        p("使わないファイルを別の場所に移してください。", "move the files not wanted elsewhere."),
    ),
    code(
        "FILE.BAD_NAME",
        Class::Permanent,
        p("ファイル名として使えない", "not usable as the name of a file"),
        p("フォルダを含まない普通の名前にしてください。", "use a plain name without folders."),
    ),
    code(
        "FILE.DIFFERENT",
        Class::Permanent,
        p("同じ名前で内容の違うファイルがある", "a different file of that name exists"),
        p("前のファイルを別の名前にしてください。上書きはしません。", "rename the older file; it is never overwritten."),
    ),
    code("FILE.NOT_FOUND", Class::Human, p("ファイルが無い", "no such file"), p("ファイルをその場所に置いてください。", "put the file there.")),
    code(
        "FILE.TOO_BIG",
        Class::Permanent,
        p("ファイルが大きすぎる", "the file is too big"),
        p("正しいファイルか確かめてください。", "check that it is the right file."),
    ),
    code(
        "FOLDER.ABSENT",
        Class::Human,
        p("控えなどの場所が見つからない", "the folder is not there"),
        p("USBメモリなどの媒体を挿し、場所を確かめてください。", "insert the medium and check the path in the site file."),
    ),
    code(
        "FOLDER.FULL",
        Class::Human,
        p("空きが足りない", "no space left"),
        p("空きを作ってから、kirikae resume を実行してください。", "free some space, then run `kirikae resume`."),
    ),
    code("FOLDER.READONLY", Class::Human, p("書き込めない", "not writable"), p("書き込みの許可を確かめてください。", "check that you may write there.")),
    code(
        "HOST.NOT_ADMIN",
        Class::Human,
        p("管理者の権限がない", "administrator rights are missing"),
        p("管理者として実行してください。", "run it as administrator."),
    ),
    code(
        "HOST.OS",
        Class::Permanent,
        p("この端末のシステムでは使えない", "the system of this terminal does not fit"),
        p("手引にあるシステムの端末で行ってください。", "use a terminal with a system that the manual names."),
    ),
    code(
        "HOST.PROGRAM_MISSING",
        Class::Human,
        p("要るプログラムが入っていない", "a program that is needed is not installed"),
        p("プログラムを入れてから、kirikae resume を実行してください。", "install it, then run `kirikae resume`."),
    ),
    code(
        "HOST.PROGRAM_PRESENT",
        Class::Human,
        p("入っていてはいけないプログラムがある", "a program is installed that must not be"),
        p("プログラムを消してから、kirikae resume を実行してください。", "remove it, then run `kirikae resume`."),
    ),
    code(
        "HOST.USER",
        Class::Human,
        p("別の利用者で動いている", "it runs as another user"),
        p("手引にある利用者でサインインし直してください。", "sign in to the terminal as the user that the manual names."),
    ),
    code(
        "HUMAN.DECLINED",
        Class::Human,
        p("担当者が「いいえ」と答えた", "the person answered no"),
        p("理由を確かめてから、kirikae resume を実行してください。", "find out why, then run `kirikae resume`."),
    ),
    code(
        "HUMAN.LAPSED",
        Class::Human,
        p("答えの期限が過ぎた", "nobody answered in time"),
        p("kirikae resume でもう一度尋ねます。", "`kirikae resume` asks again."),
    ),
    code(
        "INPUT.UNFIT",
        Class::Permanent,
        p("手順書に書かれた値の形が違う", "a value of the playbook has the wrong shape"),
        p("手順書の作者に知らせてください。", "tell the author of the playbook."),
    ),
    code(
        "INPUT.UNKNOWN",
        Class::Human,
        p("必要な値がまだ分からない", "a value that is needed is not known yet"),
        p("前の手順が終わると分かります。", "it becomes known after an earlier step."),
    ),
    code(
        "KEY.MISMATCH",
        Class::Permanent,
        p("秘密鍵と証明書が合わない", "key and certificate do not match"),
        p("正しいファイルか確かめてください。", "check that it is the right file."),
    ),
    code(
        "KEY.NOT_EXPORTABLE",
        Class::Human,
        p("鍵を書き出せない", "the key cannot be exported"),
        p("取り込むときに「エクスポート可能」にする必要があります。", "it has to be imported as exportable."),
    ),
    code(
        "KEY.UNUSABLE",
        Class::Permanent,
        p("秘密鍵が使えない", "the key cannot be used"),
        p("控えから取り込み直してください。", "import it again from the backup."),
    ),
    code(
        "LOGIN.LOCKED",
        Class::Human,
        p("アカウントがロックされている", "the account is locked"),
        p("サイトの窓口で、ロックの解除かパスワードの初期化を頼んでください。", "ask the site's help desk to unlock it or to reset the password."),
    ),
    code(
        "LOGIN.REFUSED",
        Class::Human,
        p("ユーザーIDかパスワードが違う", "user ID or password was refused"),
        p("正しい値を確かめてから、やり直してください。失敗は数えてあります。", "find the right value, then try again; the failure was counted."),
    ),
    code(
        "LOGIN.STOPPED",
        Class::Human,
        p("ロックされる前に、試すのをやめた", "no more tries are made, so that the account is not locked"),
        p(
            "正しい値を確かめ、kirikae attempts で回数を見てください。確かめたら kirikae attempts clear で数え直せます。",
            "find the right value and see `kirikae attempts`; then `kirikae attempts clear` starts the count anew.",
        ),
    ),
    code(
        "NET.UNREACHABLE",
        Class::Transient,
        p("つながらない", "cannot connect"),
        p("ネットワーク、DNS、プロキシを確かめてください。まだ何も送っていません。", "check network, DNS and proxy; nothing was sent."),
    ),
    code(
        "NET.UNTRUSTED",
        Class::Human,
        p("サイトの証明書を信頼できない", "the site's certificate is not trusted"),
        p(
            "サイトファイルの portals.….roots に正しいルート証明書を指定してください。",
            "give the right root certificate in `portals.….roots` of the site file.",
        ),
    ),
    code(
        "NOTIFY.UNREACHABLE",
        Class::Transient,
        p("知らせを送れない", "the notice could not be sent"),
        p("知らせ先を確かめてください。", "check where notices go."),
    ),
    code(
        "P12.BAD_PASSWORD",
        Class::Human,
        p("証明書ファイルのパスワードが違う", "wrong password for the file"),
        p(
            "受け取ったときに決めたパスワードを確かめてください。ファイルは何回でも開き直せます。",
            "check the password chosen when it was fetched; opening the file again costs nothing.",
        ),
    ),
    code(
        "P12.MANY_KEYS",
        Class::Permanent,
        p("秘密鍵が複数入っている", "more than one private key"),
        p("証明書を1枚だけ含むファイルを使ってください。", "use a file with one credential."),
    ),
    code(
        "P12.NO_KEY",
        Class::Permanent,
        p("秘密鍵が入っていない", "no private key in the file"),
        p("秘密鍵を含めて書き出したファイルを使ってください。", "use a file that was exported with its key."),
    ),
    code(
        "P12.TOO_COSTLY",
        Class::Permanent,
        p("開くのに計算がかかりすぎるファイル", "the file asks for too much work to open"),
        p("正しいファイルか確かめ、反復回数を減らして書き出し直してください。", "check that it is the right file, and export it again with fewer iterations."),
    ),
    code(
        "P12.UNREADABLE",
        Class::Permanent,
        p("PKCS#12 として読めない", "not readable as PKCS#12"),
        p("ファイルを受け取り直してください。", "fetch the file again."),
    ),
    code(
        "P12.UNSUPPORTED",
        Class::Permanent,
        p("対応していない方式で保護されたファイル", "the file is protected by an algorithm that is not supported"),
        p("AES256-SHA256 か TripleDES-SHA1 を選んで書き出し直してください。", "export it again with AES256-SHA256 or TripleDES-SHA1."),
    ),
    code(
        "PIN.FINAL_TRY",
        Class::Human,
        p("あと1回まちがえるとUSBキーが使えなくなる", "one more wrong PIN would lock the token"),
        p(
            "正しい PIN を確かめ、USBキーの管理ツールで人が一度ログインしてください。kirikae は最後の1回を使いません。",
            "find the right PIN and log in once by hand with the token's own tool; kirikae never uses the last try.",
        ),
    ),
    code(
        "PIN.INCORRECT",
        Class::Human,
        p("PIN が違う", "the PIN is wrong"),
        p("正しい PIN を確かめてから、やり直してください。失敗は数えてあります。", "find the right PIN, then try again; the failure was counted."),
    ),
    code(
        "PIN.LOCKED",
        Class::Human,
        p("PIN がロックされている", "the PIN is locked"),
        p("USBキーの発行元に、ロックの解除か再発行を頼んでください。", "ask the issuer of the token to unlock or replace it."),
    ),
    code(
        "PIN.STOPPED",
        Class::Human,
        p("ロックされる前に、試すのをやめた", "no more tries are made, so that the PIN is not locked"),
        p(
            "正しい PIN を確かめ、kirikae attempts で回数を見てください。確かめたら kirikae attempts clear で数え直せます。",
            "find the right PIN and see `kirikae attempts`; then `kirikae attempts clear` starts the count anew.",
        ),
    ),
    code(
        "PORTAL.BUSY",
        Class::Transient,
        p("サイトが混み合っている", "the site is busy"),
        p("時間を置いて kirikae resume を実行してください。", "run `kirikae resume` later."),
    ),
    code(
        "PORTAL.CERT_REJECTED",
        Class::Human,
        p("サイトが証明書を受け付けない", "the site does not accept the certificate"),
        p("失効していないか、正しい証明書かを確かめてください。", "check that it is the right one and not revoked."),
    ),
    code(
        "PORTAL.CLOSED",
        Class::Transient,
        p("サイトの受付時間外", "the site is closed"),
        p("受付時間に kirikae resume を実行してください。", "run `kirikae resume` in its opening hours."),
    ),
    code(
        "PORTAL.FILE_BAD",
        Class::Transient,
        p("受け取ったファイルが正しくない", "what was received is not the right file"),
        p("kirikae resume で受け取り直します。申請は繰り返しません。", "`kirikae resume` fetches it again; nothing is requested twice."),
    ),
    code(
        "PORTAL.MANY_ROWS",
        Class::Human,
        p("一覧に当てはまる行が複数ある", "several rows match"),
        p("一覧を見て、対象の行を確かめてください。", "look at the list and find the row."),
    ),
    code(
        "PORTAL.NEEDS_PERSON",
        Class::Human,
        p("人がブラウザで行う画面", "a person does this page in a browser"),
        p("手順を画面に出して、人がブラウザで操作してください。", "let a person work the page from the printed steps."),
    ),
    code(
        "PORTAL.NEEDS_SCRIPT",
        Class::Human,
        p("画面がスクリプトを必要とする", "the page needs script"),
        p("サイトファイルで hands: person とし、人がブラウザで操作してください。", "set `hands: person` in the site file and let a person do the page."),
    ),
    code(
        "PORTAL.NO_ROW",
        Class::Human,
        p("一覧に行が無い", "no such row in the list"),
        p(
            "申請が届いていないか、まだ発行中です。二重に申請しないよう、一覧を確かめてください。",
            "the request did not arrive or is still being issued; look at the list before requesting again.",
        ),
    ),
    code(
        "PORTAL.PAGE_UNKNOWN",
        Class::Human,
        p("画面が手順書と違う(まだ何も送っていない)", "the page is not as the manual says (nothing was sent)"),
        p(
            "画面を見てプロファイルの言葉を直し、kirikae resume --with-profile ファイル で続けてください。",
            "look at the page, mend the labels of the profile, then go on by `kirikae resume --with-profile FILE`.",
        ),
    ),
    code(
        "PORTAL.REDIRECTED_WRITE",
        Class::Ambiguous,
        p("送った先が別の場所への送り直しを求めた", "the site asked to send the request elsewhere"),
        p("送り直しません。届いたかどうかを一覧で確かめてください。", "it is not sent again; look at the list whether it arrived."),
    ),
    code("PORTAL.REFUSED", Class::Permanent, p("サイトが断った", "the site refused"), p("画面の理由を確かめてください。", "see the reason on the page.")),
    code(
        "PORTAL.RESULT_UNKNOWN",
        Class::Ambiguous,
        p("送ったあと、結果が分からない", "sent, but the result is not known"),
        p("送り直しません。届いたかどうかを一覧で確かめます。", "it is not sent again; the list is looked at first."),
    ),
    code(
        "PORTAL.SESSION_EXPIRED",
        Class::Transient,
        p("画面の有効時間が切れた", "the web session timed out"),
        p("kirikae resume で最初のページから続けます。", "`kirikae resume` starts again from the first page."),
    ),
    code(
        "PORTAL.WRONG_ID",
        Class::Human,
        p("番号が違うと言われた", "the site does not know the IDs"),
        p("通知書のリクエストIDとリファレンスIDを確かめてください。", "check request ID and reference ID on the notice."),
    ),
    code(
        "PROOF.MISMATCH",
        Class::Permanent,
        p("確かめた証明書と消す証明書の関係が正しくない", "the proof does not fit the credential to delete"),
        p("消しません。どの証明書を確かめたか見てください。", "nothing is deleted; see which certificate was proved."),
    ),
    code(
        "PROOF.STALE",
        Class::Human,
        p("確かめてから時間がたちすぎた", "the proof is too old"),
        p("kirikae resume でもう一度確かめます。", "`kirikae resume` proves it again."),
    ),
    code(
        "REPEAT.TIMEOUT",
        Class::Human,
        p("待つ時間が過ぎた", "it did not come true in the time given"),
        p("相手の状態を確かめてください。kirikae resume でもう一度見ます。", "find out what it waits for; `kirikae resume` looks once more."),
    ),
    code(
        "SECRET.MISSING",
        Class::Human,
        p("秘密の値が無い", "a secret value is missing"),
        p("端末で実行するか、サイトファイルの secrets に置き場所を書いてください。", "run at a terminal, or name a source under `secrets` in the site file."),
    ),
    code(
        "SECRET.UNFIT",
        Class::Human,
        p("秘密の値の形が違う", "a secret value has the wrong shape"),
        p("桁数と文字の種類を確かめてください。どこにも送っていません。", "check length and characters; it was not sent anywhere."),
    ),
    code(
        "SOFTWARE.FAILED",
        Class::Human,
        p("プログラムを入れたり消したりできなかった", "a program could not be installed or removed"),
        p("画面を閉じてもう一度行うか、人が行ってください。", "close other windows and try again, or let a person do it."),
    ),
    code(
        "STEP.STUCK",
        Class::Human,
        p("相手が応答しないまま、手順が動かない", "a step is stuck: a device does not answer"),
        p(
            "機器やカードの差し込みを確かめて待ってください。動かなければ Ctrl-C を2回押し、kirikae resume で続けます。行われたかどうかを先に調べます。",
            "look at the device and wait; if it stays so press Ctrl-C twice, then `kirikae resume` looks first whether it happened.",
        ),
    ),
    code(
        "STEP.UNCERTAIN",
        Class::Ambiguous,
        p("行われたかどうか分からない", "whether it happened is not known"),
        p("サイトの一覧を見て、kirikae answer で答えてください。", "look at the site's list and answer with `kirikae answer`."),
    ),
    code(
        "STORE.BAD_PASSWORD",
        Class::Human,
        p("保管先のパスワードが違う", "the store's password is wrong"),
        p(
            "サイトファイルでこの保管先の password を確かめてから、kirikae resume を実行してください。何回まちがえてもロックされません。",
            "check the `password` of this store in the site file, then run `kirikae resume`; no number of failures locks it.",
        ),
    ),
    code(
        "STORE.LOCKED",
        Class::Transient,
        p("ほかのプログラムが保管先を使っている", "another program holds the store"),
        p("そのプログラムを閉じてください。", "close that program."),
    ),
    code(
        "STORE.READONLY",
        Class::Human,
        p("保管先に書き込めない", "the store is not writable"),
        p("書き込みの許可と空きを確かめてから、kirikae resume を実行してください。", "check permissions and space, then run `kirikae resume`."),
    ),
    code(
        "STORE.ROOT_REFUSED",
        Class::Human,
        p("ルート証明書の追加が断られた", "adding the root certificate was refused"),
        p("拇印を確かめて、取り込みをやり直してください。", "compare the thumbprint and import again."),
    ),
    code(
        "STORE.UNREADABLE",
        Class::Human,
        p("保管先を読めない", "the store cannot be read"),
        p("場所とパスワードを確かめてください。", "check its path and password."),
    ),
    code(
        "TIME.NOT_YET",
        Class::Transient,
        p("その日時になっていない", "the time has not come"),
        p("その日時になったら kirikae resume を実行してください。", "run `kirikae resume` when it has come."),
    ),
    code("TOKEN.ABSENT", Class::Human, p("USBキーが挿さっていない", "no token is inserted"), p("USBキーを挿してください。", "insert the token.")),
    code(
        "TOKEN.FAILED",
        Class::Human,
        p("USBキーが働かない", "the token does not work"),
        p(
            "挿し直し、ドライバーを確かめてください。PIN を送った後なら、失敗として数えてあります。",
            "insert it again and check its driver; if a PIN was sent, it counts as a failure.",
        ),
    ),
    code(
        "TOKEN.MULTIPLE",
        Class::Human,
        p("USBキーが2つ以上挿さっている", "several tokens are inserted"),
        p("使うものだけを挿してください。", "leave only the one to use."),
    ),
    code(
        "TOKEN.NOT_OPEN",
        Class::Human,
        p("USBキーが開いていない", "the token is not open"),
        p(
            "kirikae resume を実行すると、PIN を入れるところから続きます。手順書なら、その手順に session: を書きます。",
            "`kirikae resume` begins with the PIN again; in a playbook, give the step its `session:`.",
        ),
    ),
    code(
        "TOKEN.NO_MODULE",
        Class::Human,
        p("USBキーのドライバーがない", "the token's driver is missing"),
        p(
            "USBキーやカードに付いてきたドライバーを入れ、サイトファイルの module を確かめてください。",
            "install the driver that came with the token or card, and check `module` in the site file.",
        ),
    ),
    code(
        "TOKEN.SETTINGS",
        Class::Human,
        p("サイトファイルのUSBキーの書き方が違う", "the site file does not describe the token well"),
        p("サイトファイルの backends の、token: のところを直してください。", "mend the `token:` entry under `backends` of the site file."),
    ),
    code(
        "TOKEN.WRONG",
        Class::Human,
        p("挿さっているのは、使わない方のUSBキー", "the inserted token is the one not to use"),
        p("別のUSBキーに替えてください。", "insert the other token."),
    ),
    code(
        "VAULT.BAD_RECIPIENT",
        Class::Human,
        p("復旧用の鍵の書き方が違う", "a recovery recipient is not readable"),
        p(
            "サイトファイルの vault.recipients には、age-keygen が示す公開鍵(age1…)を書いてください。",
            "write the public key (age1…) that age-keygen shows into `vault.recipients` of the site file.",
        ),
    ),
    code(
        "VAULT.UNREADABLE",
        Class::Human,
        p("保管庫を読めない", "the vault cannot be read"),
        p("状態フォルダの vault と鍵ファイルを確かめてください。", "check the vault and its identity file in the state folder."),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_unique_and_in_both_languages() {
        for pair in ERROR_CODES.windows(2) {
            assert!(pair[0].code < pair[1].code, "{} before {}", pair[0].code, pair[1].code);
        }
        for info in ERROR_CODES {
            for text in [info.title.ja, info.title.en, info.cure.ja, info.cure.en] {
                assert!(!text.is_empty(), "{}", info.code);
            }
        }
    }
}

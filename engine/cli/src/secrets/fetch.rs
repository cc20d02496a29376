//! Values of sources that ask nobody.
//!
//! May use: files, variables, the vault, programs. Must not: show a value, or what a source held in place of one.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use kirikae_engine::backend::{BackendError, EntryInfo, Vault};
use kirikae_engine::dsl::Type;
use kirikae_engine::dsl::site::SecretSource;
use kirikae_engine::secret::Secret;
use kirikae_engine::text::{Lang, Text};

use super::pipe;

/// Bytes of the longest line that is read.
const LONGEST: u64 = 64 << 10;

/// The value of a source that asks nobody; `base` is the folder of the site file, `name` is told in errors.
pub fn fetch(source: &SecretSource, base: &Path, vault: &dyn Vault, name: &str) -> Result<Secret, BackendError> {
    match source {
        SecretSource::File(path) => file(&base.join(path), name),
        SecretSource::Env(variable) => match std::env::var(variable) {
            Ok(value) if !value.is_empty() => Ok(Secret::text(value)),
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(missing(name, Text::new(format!("環境変数 {variable} が UTF-8 ではありません。"), format!("the variable {variable} is not UTF-8."))))
            }
            _ => Err(missing(name, Text::new(format!("環境変数 {variable} がないか、空です。"), format!("the variable {variable} is not set, or empty.")))),
        },
        SecretSource::Vault(entry) => {
            let found = newest(vault.list()?, entry);
            let value = found.map(|info| vault.get(&info.reference)).transpose()?.flatten();
            value.ok_or_else(|| missing(name, Text::new(format!("保管庫に {entry} がありません。"), format!("the vault has no {entry}."))))
        }
        SecretSource::Pipe(command) => pipe::line_of(command, base, pipe::PATIENCE).map_err(|why| missing(name, why)),
        SecretSource::Ask | SecretSource::Generate(_) => Err(missing(name, Text::new("聞く人がいません。", "nobody can be asked."))),
    }
}

/// The newest entry of this name or id.
pub fn newest(entries: Vec<EntryInfo>, named: &str) -> Option<EntryInfo> {
    entries.into_iter().filter(|info| info.name == named || info.reference.id() == named).max_by_key(|info| info.written_at)
}

/// The first line of a file.
pub fn file(path: &Path, name: &str) -> Result<Secret, BackendError> {
    let shown = path.display().to_string();
    let file = File::open(path).map_err(|error| missing(name, Text::new(format!("{shown} を読めません: {error}"), format!("cannot read {shown}: {error}"))))?;
    first_line(file, &shown, name)
}

/// The first line of standard input, which is no terminal: there it would be shown.
pub fn standard_input(name: &str) -> Result<Secret, BackendError> {
    first_line(std::io::stdin(), "-", name)
}

fn first_line(from: impl Read, shown: &str, name: &str) -> Result<Secret, BackendError> {
    // Room from the start: a buffer that grows leaves copies behind.
    let mut line = Vec::with_capacity(usize::try_from(LONGEST).unwrap_or_default() + 1);
    let read = BufReader::new(from.take(LONGEST + 1)).read_until(b'\n', &mut line);
    let line = Secret::bytes(line);
    read.map_err(|error| missing(name, Text::plain(format!("{shown}: {error}"))))?;
    let text = line.expose_text().filter(|text| text.len() as u64 <= LONGEST);
    let text = text.map(|text| text.trim_end_matches(['\r', '\n'])).filter(|text| !text.is_empty());
    text.map(Secret::text).ok_or_else(|| {
        missing(name, Text::new(format!("{shown} の1行目が空か、UTF-8 の文字ではありません。"), format!("the first line of {shown} is empty or not UTF-8.")))
    })
}

/// A random value of a type: digits, 32 hexadecimal digits, else 24 letters and digits.
pub fn generate(ty: &Type) -> Result<Secret, BackendError> {
    let (alphabet, length): (&[u8], usize) = match ty.required() {
        Type::Digits(n) => (b"0123456789", *n as usize),
        Type::Hex => (b"0123456789abcdef", 32),
        _ => (b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789", 24),
    };
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let mut byte = [0u8; 1];
        getrandom::fill(&mut byte).map_err(|error| BackendError::new("SECRET.MISSING", Text::plain(error.to_string())))?;
        // Values past the last whole multiple are drawn again, so that every sign is as likely.
        let whole = 256 - 256 % alphabet.len();
        if usize::from(byte[0]) < whole {
            text.push(char::from(alphabet[usize::from(byte[0]) % alphabet.len()]));
        }
    }
    Ok(Secret::text(text))
}

fn missing(name: &str, why: Text) -> BackendError {
    BackendError::new("SECRET.MISSING", Text::new(format!("{name}: {}", why.ja), format!("{name}: {}", why.get(Lang::En))))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use kirikae_engine::secret::SecretRef;
    use kirikae_engine::testing::FakeVault;

    use super::*;

    fn value(source: &SecretSource, base: &Path, vault: &FakeVault) -> Result<String, String> {
        let fetched = fetch(source, base, vault, "pin");
        fetched.map(|value| value.expose_text().unwrap().to_owned()).map_err(|error| format!("{} {}", error.code, error.cause.ja))
    }

    #[test]
    fn a_file_gives_its_first_line() {
        let folder = tempfile::tempdir().unwrap();
        let with = |content: &[u8]| {
            std::fs::write(folder.path().join("pin"), content).unwrap();
            value(&SecretSource::File("pin".to_owned()), folder.path(), &FakeVault::default())
        };
        for content in ["0417", "0417\n", "0417\r\n", "0417\nwritten on the notice\n"] {
            assert_eq!(with(content.as_bytes()).as_deref(), Ok("0417"));
        }
        for content in [b"" as &[u8], b"\n0417", b"04\xff17", &[b'7'; 70_000]] {
            let error = with(content).unwrap_err();
            assert!(error.starts_with("SECRET.MISSING pin: ") && !error.contains("17") && !error.contains("777"), "{error}");
        }
        let absent = value(&SecretSource::File("none".to_owned()), folder.path(), &FakeVault::default()).unwrap_err();
        assert!(absent.contains("none"), "{absent}");
    }

    #[test]
    fn a_variable_gives_its_value() {
        let named = |name: &str| value(&SecretSource::Env(name.to_owned()), Path::new(""), &FakeVault::default());
        assert_eq!(named("CARGO_PKG_NAME").as_deref(), Ok("kirikae-cli"));
        assert!(named("KIRIKAE_NO_SUCH_VARIABLE").unwrap_err().contains("KIRIKAE_NO_SUCH_VARIABLE"));
    }

    #[test]
    fn the_vault_gives_the_newest_entry_of_a_name() {
        let vault = FakeVault::default();
        let put = |id: &str, at: &str, text: &str| {
            let info = EntryInfo {
                reference: SecretRef::vault(id),
                name: "token_pin".to_owned(),
                about: String::new(),
                written_at: at.parse().unwrap(),
                labels: std::collections::BTreeMap::new(),
            };
            vault.put(&info, &Secret::text(text)).unwrap();
        };
        put("old", "2025-01-01T00:00:00Z", "1111");
        put("new", "2026-01-01T00:00:00Z", "2222");
        let named = |name: &str| value(&SecretSource::Vault(name.to_owned()), Path::new(""), &vault);
        assert_eq!((named("token_pin").as_deref(), named("old").as_deref()), (Ok("2222"), Ok("1111")));
        assert!(named("other").unwrap_err().contains("other"));
    }

    #[test]
    fn a_generated_value_has_its_type_and_is_another_each_time() {
        let made = |ty: Type| generate(&ty).ok().unwrap().expose_text().unwrap().to_owned();
        assert!(made(Type::Digits(4)).len() == 4 && made(Type::Digits(4)).bytes().all(|byte| byte.is_ascii_digit()));
        assert!(made(Type::Hex).len() == 32 && made(Type::Hex).bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(made(Type::Ascii), made(Type::Ascii));
        let asked = [SecretSource::Ask, SecretSource::Generate(Type::Hex)];
        assert!(asked.iter().all(|source| value(source, Path::new(""), &FakeVault::default()).is_err()), "these are no sources that could be read");
    }
}

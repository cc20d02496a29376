//! PKCS#12 files of every tool that people's files come from, and ours in the hands of those tools.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::panic)]

#[path = "../../tests/support/component.rs"]
mod component;
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use kirikae_backends::store::p12::{self, Bundle, Credential, Holds, Profile};
use kirikae_engine::backend::BackendError;
use kirikae_engine::secret::Secret;
use support::clinic;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

const PASSWORD: &str = "pw1234";

/// A folder with `key.pem leaf.pem chain.pem` (issuer, then root) and what tools made of them.
struct Bench {
    folder: tempfile::TempDir,
    leaf: Vec<u8>,
    above: [Vec<u8>; 2],
}

impl Bench {
    fn new() -> Option<Self> {
        component::program("openssl")?;
        let (folder, clinic) = (tempfile::tempdir().unwrap(), clinic());
        let file = |name: &str, content: &str| std::fs::write(folder.path().join(name), content).unwrap();
        let leaf = pem("CERTIFICATE", &clinic.leaf.der);
        let chain = [pem("CERTIFICATE", &clinic.middle.der), pem("CERTIFICATE", &clinic.root.der)].concat();
        file("key.pem", &pem("PRIVATE KEY", clinic.leaf.pkcs8().expose()));
        file("leaf.pem", &leaf);
        file("chain.pem", &chain);
        file("all.pem", &[leaf, chain].concat());
        Some(Self { folder, leaf: clinic.leaf.der, above: [clinic.middle.der, clinic.root.der] })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a program with these words; its output must be success.
    fn run(&self, program: &str, words: &str) -> Output {
        self.run_with(program, &words.split_whitespace().collect::<Vec<_>>())
    }

    fn run_with(&self, program: &str, words: &[&str]) -> Output {
        let output = Command::new(program).args(words).current_dir(self.path()).env("LC_ALL", "C.UTF-8").output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{program} {words:?}: {out}{err}");
        output
    }

    fn content(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path().join(name)).unwrap()
    }

    /// The file opens and gives the key of our leaf and both issuers.
    fn assert_opens(&self, name: &str, password: &str) -> Credential {
        self.assert_opens_with(name, password, &self.above)
    }

    /// The same with these issuers.
    fn assert_opens_with(&self, name: &str, password: &str, above: &[Vec<u8>]) -> Credential {
        let content = self.content(name);
        let opened = open(&content, password).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(opened.leaf.der, self.leaf, "{name}");
        assert!(opened.leaf.info.has_key, "{name}");
        let mut others: Vec<&Vec<u8>> = opened.others.iter().map(|cert| &cert.der).collect();
        others.sort();
        let mut above: Vec<&Vec<u8>> = above.iter().collect();
        above.sort();
        assert_eq!(others, above, "{name}");
        opened
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    der::pem::encode_string(label, der::pem::LineEnding::LF, der).unwrap()
}

fn open(content: &[u8], password: &str) -> Result<Credential, BackendError> {
    p12::open(content, &Secret::text(password), "file:test")
}

fn code(content: &[u8], password: &str) -> String {
    open(content, password).expect_err("it must be refused").code
}

fn methods(content: &[u8]) -> Vec<String> {
    p12::protection(content).unwrap().methods().map(|method| method.name.clone()).collect()
}

#[test]
fn files_of_openssl_open_whatever_protects_them() {
    let Some(bench) = Bench::new() else { return };
    let make = |name: &str, options: &str, password: &str| {
        let words = format!("pkcs12 -export -inkey key.pem -in leaf.pem -certfile chain.pem -out {name} {options} -passout");
        let password = format!("pass:{password}");
        let mut words: Vec<&str> = words.split_whitespace().collect();
        words.push(&password);
        bench.run_with("openssl", &words);
    };
    for (name, options, password) in [
        ("modern", "-name friendly", PASSWORD),
        ("unnamed", "", PASSWORD),
        ("aes128", "-keypbe AES-128-CBC -certpbe AES-128-CBC", PASSWORD),
        ("mac-sha1", "-macalg sha1", PASSWORD),
        ("mac-sha512", "-macalg sha512", PASSWORD),
        ("mac-sha384", "-macalg sha384", PASSWORD),
        ("mac-sha512-224", "-macalg sha512-224 -legacy -certpbe PBE-SHA1-RC2-128", PASSWORD),
        ("mac-sha512-256", "-macalg sha512-256 -legacy -certpbe PBE-SHA1-RC2-128", PASSWORD),
        ("certs-plain", "-certpbe NONE", PASSWORD),
        ("key-plain", "-keypbe NONE -certpbe NONE", PASSWORD),
        ("legacy", "-legacy", PASSWORD),
        ("legacy-3des", "-legacy -descert", PASSWORD),
        ("legacy-rc2-128", "-legacy -certpbe PBE-SHA1-RC2-128 -keypbe PBE-SHA1-RC2-128", PASSWORD),
        ("legacy-rc2-40", "-legacy -certpbe PBE-SHA1-RC2-40 -keypbe PBE-SHA1-RC2-40", PASSWORD),
        ("legacy-rc4-128", "-legacy -certpbe PBE-SHA1-RC4-128 -keypbe PBE-SHA1-RC4-128", PASSWORD),
        ("legacy-rc4-40", "-legacy -certpbe PBE-SHA1-RC4-40 -keypbe PBE-SHA1-RC4-40", PASSWORD),
        ("legacy-2des", "-legacy -certpbe PBE-SHA1-2DES -keypbe PBE-SHA1-2DES", PASSWORD),
        ("pbes2-3des", "-certpbe DES-EDE3-CBC -keypbe DES-EDE3-CBC", PASSWORD),
        ("empty", "", ""),
        ("legacy-empty", "-legacy", ""),
        ("kana", "-name 証明書", "パスワード123"),
        ("legacy-kana", "-legacy", "パスワード123"),
        ("emoji", "", "pw🔑x"),
        ("legacy-emoji", "-legacy", "pw🔑x"),
        ("slow", "-iter 1200000", PASSWORD),
    ] {
        make(name, options, password);
        bench.assert_opens(name, password);
        assert_eq!(code(&bench.content(name), "pw1235"), "P12.BAD_PASSWORD", "{name}");
    }
    assert_eq!(bench.assert_opens("modern", PASSWORD).leaf.info.friendly_name.as_deref(), Some("friendly"));
    assert_eq!(bench.assert_opens("kana", "パスワード123").leaf.info.friendly_name.as_deref(), Some("証明書"));

    // Without a MAC a wrong password is told by what comes out.
    make("no-mac", "-nomac", PASSWORD);
    bench.assert_opens("no-mac", PASSWORD);
    for guess in 0..40 {
        assert_eq!(code(&bench.content("no-mac"), &format!("guess{guess}")), "P12.BAD_PASSWORD");
    }
    make("legacy-no-mac", "-legacy -nomac -certpbe PBE-SHA1-RC4-128 -keypbe PBE-SHA1-RC4-128", PASSWORD);
    bench.assert_opens("legacy-no-mac", PASSWORD);
    assert_eq!(code(&bench.content("legacy-no-mac"), "guess"), "P12.BAD_PASSWORD");
}

#[test]
fn what_protects_a_file_is_told_without_its_password() {
    let Some(bench) = Bench::new() else { return };
    let export = "pkcs12 -export -inkey key.pem -in leaf.pem -certfile chain.pem -passout pass:pw1234";
    bench.run("openssl", &format!("{export} -iter 3000 -out modern"));
    let protection = p12::protection(&bench.content("modern")).unwrap();
    let mac = protection.mac.clone().unwrap();
    assert_eq!((mac.name.as_str(), mac.rounds), ("HMAC-SHA256", 3000));
    let parts: Vec<_> = protection.parts.iter().map(|part| (part.holds, part.method.as_ref().map(|method| (method.name.as_str(), method.rounds)))).collect();
    let aes = Some(("PBES2 AES-256-CBC PBKDF2 HMAC-SHA256", 3000));
    assert_eq!(parts, [(Holds::Unseen, aes), (Holds::Key, aes)]);

    bench.run("openssl", &format!("{export} -legacy -out legacy"));
    assert_eq!(methods(&bench.content("legacy")), ["HMAC-SHA1", "PBE-SHA1-RC2-40", "PBE-SHA1-3DES"]);
    bench.run("openssl", &format!("{export} -keypbe NONE -certpbe NONE -nomac -out plain"));
    assert!(!p12::protection(&bench.content("plain")).unwrap().needs_password());
    bench.assert_opens("plain", "any");
}

#[test]
fn what_cannot_be_opened_is_refused_by_name_before_any_work() {
    let Some(bench) = Bench::new() else { return };
    let export = "pkcs12 -export -inkey key.pem -in leaf.pem -passout pass:pw1234";
    // A thousand million rounds of each: refused at once, or this test would take an hour.
    bench.run("openssl", &format!("{export} -out modern"));
    let small = [0x02, 0x02, 0x08, 0x00];
    let content = bench.content("modern");
    let at = content.windows(4).rposition(|window| window == small).unwrap();
    // The last INTEGER is the MAC's iteration count; three outer lengths grow by two.
    let mut huge = content.clone();
    huge.splice(at..at + 4, [0x02, 0x04, 0x3b, 0x9a, 0xca, 0x00]);
    let grow = |file: &mut Vec<u8>, length_at: usize| {
        let length = u16::from_be_bytes([file[length_at], file[length_at + 1]]) + 2;
        file[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
    };
    grow(&mut huge, 2);
    let mac_at = at - (2 + 8) - (2 + 0x31) - 2;
    assert_eq!(huge[mac_at], 0x30);
    huge[mac_at + 1] += 2;
    let error = open(&huge, PASSWORD).unwrap_err();
    assert_eq!((error.code.as_str(), error.data["rounds"].as_str()), ("P12.TOO_COSTLY", "1000004096"));
    assert_eq!(code(&huge, "wrong"), "P12.TOO_COSTLY");
    // The same with a count that is only somewhat above the limit; below it the password decides.
    bench.run("openssl", &format!("{export} -iter 4000000 -out slow"));
    assert_eq!(code(&bench.content("slow"), PASSWORD), "P12.TOO_COSTLY");

    for (cipher, name) in [("PBE-MD5-DES", "PBE-MD5-DES"), ("PBE-SHA1-DES", "PBE-SHA1-DES"), ("camellia-256-cbc", "Camellia-256-CBC")] {
        bench.run("openssl", &format!("{export} -legacy -certpbe {cipher} -out odd"));
        let error = open(&bench.content("odd"), PASSWORD).unwrap_err();
        assert_eq!((error.code.as_str(), error.data["algorithm"].as_str()), ("P12.UNSUPPORTED", name));
        assert!(error.cause.ja.contains(name));
    }
}

#[test]
fn windows_look_alikes_open() {
    let Some(bench) = Bench::new() else { return };
    let export = "pkcs12 -export -inkey key.pem -in leaf.pem -certfile chain.pem -iter 2000 -passout pass:pw1234 -name te-5d2c9a1e-0000-4444-8888-abcdefabcdef";
    let csp = ["-CSP", "Microsoft Enhanced RSA and AES Cryptographic Provider", "-LMK"];
    for (name, options) in [("3des", "-legacy -descert -macalg sha1"), ("aes", "-keypbe AES-256-CBC -certpbe AES-256-CBC -macalg sha256")] {
        let words = format!("{export} {options} -out {name}");
        let words: Vec<&str> = words.split_whitespace().chain(csp).collect();
        bench.run_with("openssl", &words);
        let opened = bench.assert_opens(name, PASSWORD);
        assert!(opened.leaf.info.friendly_name.unwrap().starts_with("te-5d2c9a1e"));
    }
}

#[test]
fn files_of_nss_open() {
    let Some(bench) = Bench::new() else { return };
    if component::program("pk12util").is_none() || component::program("certutil").is_none() {
        return;
    }
    bench.run("openssl", "pkcs12 -export -inkey key.pem -in leaf.pem -certfile chain.pem -name friendly -passout pass:pw1234 -out given");
    std::fs::create_dir(bench.path().join("db")).unwrap();
    bench.run("certutil", "-N -d sql:db --empty-password");
    bench.run_with("pk12util", &["-i", "given", "-d", "sql:db", "-W", PASSWORD, "-K", ""]);
    let export = |name: &str, ciphers: &[&str], password: &str| {
        bench.run_with("pk12util", &[&["-o", name, "-n", "friendly", "-d", "sql:db", "-W", password, "-K", ""], ciphers].concat());
        assert_eq!(bench.content(name)[..2], [0x30, 0x80], "{name}: NSS writes indefinite lengths");
    };
    for (name, ciphers, password) in [
        ("default", &[][..], PASSWORD),
        ("3des", &["-c", "DES-EDE3-CBC", "-C", "RC2-CBC", "-M", "SHA-1"], PASSWORD),
        ("rc4", &["-c", "PKCS #12 V2 PBE With SHA-1 And 128 Bit RC4"], PASSWORD),
        ("aes128", &["-c", "AES-128-CBC", "-C", "AES-128-CBC", "-M", "SHA-256"], PASSWORD),
        ("kana", &[], "パスワード123"),
        ("empty", &[], ""),
    ] {
        export(name, ciphers, password);
        let opened = bench.assert_opens(name, password);
        assert_eq!(opened.leaf.info.friendly_name.as_deref(), Some("friendly"), "{name}");
    }
    assert_eq!(code(&bench.content("default"), "wrong"), "P12.BAD_PASSWORD");
    assert_eq!(methods(&bench.content("3des")), ["HMAC-SHA1", "PBE-SHA1-3DES", "PBE-SHA1-RC2-128"]);
    export("camellia", &["-c", "CAMELLIA-128-CBC"], PASSWORD);
    assert_eq!(code(&bench.content("camellia"), PASSWORD), "P12.UNSUPPORTED");
    let content = bench.content("aes128");
    for end in (0..content.len()).step_by(97) {
        assert_eq!(code(&content[..end], PASSWORD), "P12.UNREADABLE", "cut at {end}");
    }
}

#[test]
fn files_of_gnutls_open() {
    let Some(bench) = Bench::new() else { return };
    if component::program("certtool").is_none() {
        return;
    }
    let run = |name: &str, options: &[&str]| {
        let base = "--to-p12 --load-privkey key.pem --load-certificate leaf.pem --load-ca-certificate chain.pem --p12-name friendly --outfile";
        bench.run_with("certtool", &[&base.split_whitespace().collect::<Vec<_>>()[..], &[name], options].concat());
        // certtool takes one issuer.
        bench.assert_opens_with(name, options.last().filter(|word| !word.starts_with("--")).unwrap_or(&""), &bench.above[..1])
    };
    for (name, options) in [
        ("default", &["--outder"][..]),
        ("pem", &[]),
        ("3des", &["--outder", "--pkcs-cipher", "3des-pkcs12"]),
        ("arcfour", &["--outder", "--pkcs-cipher", "arcfour"]),
        ("rc2", &["--outder", "--pkcs-cipher", "rc2-40"]),
        ("aes192", &["--outder", "--pkcs-cipher", "aes-192"]),
    ] {
        let opened = run(name, &[options, &["--password", PASSWORD]].concat());
        assert_eq!(opened.leaf.info.friendly_name.as_deref(), Some("friendly"), "{name}");
    }
    assert_eq!(code(&bench.content("default"), "wrong"), "P12.BAD_PASSWORD");
    run("kana", &["--outder", "--password", "パスワード"]);
    run("empty", &["--outder", "--empty-password"]);
    run("null", &["--outder", "--null-password"]);
}

#[test]
fn files_of_java_open() {
    let Some(bench) = Bench::new() else { return };
    if component::program("keytool").is_none() {
        return;
    }
    bench.run("openssl", "pkcs12 -export -inkey key.pem -in leaf.pem -certfile chain.pem -name friendly -passout pass:pw1234 -out given");
    let copy = "-importkeystore -srckeystore given -srcstoretype PKCS12 -srcstorepass pw1234 -deststoretype PKCS12 -deststorepass pw1234 -noprompt";
    for (name, option) in [("modern", "-J-Dfile.encoding=UTF-8"), ("legacy", "-J-Dkeystore.pkcs12.legacy")] {
        bench.run("keytool", &format!("{option} {copy} -destkeystore {name}"));
        let opened = bench.assert_opens(name, PASSWORD);
        assert_eq!(opened.leaf.info.friendly_name.as_deref(), Some("friendly"), "{name}");
        assert_eq!(code(&bench.content(name), "wrong12"), "P12.BAD_PASSWORD", "{name}");
    }
    bench.run("keytool", "-importcert -noprompt -alias ca -file chain.pem -keystore trust -storetype PKCS12 -storepass pw1234");
    assert_eq!(code(&bench.content("trust"), PASSWORD), "P12.NO_KEY");
    let certificates = p12::read(&bench.content("trust"), &Secret::text(PASSWORD)).unwrap().certificates("file:trust");
    assert_eq!(certificates.iter().map(|cert| &cert.der).collect::<Vec<_>>(), [&bench.above[0]]);
    bench.run("keytool", "-genseckey -alias sk -keyalg AES -keysize 256 -keystore secret -storetype PKCS12 -storepass pw1234");
    assert_eq!(code(&bench.content("secret"), PASSWORD), "P12.NO_KEY");
    bench.run("keytool", &format!("{copy} -destkeystore two -destalias one -srcalias friendly"));
    bench.run("keytool", "-genkeypair -alias other -keyalg EC -dname CN=other -keystore two -storetype PKCS12 -storepass pw1234");
    assert_eq!(code(&bench.content("two"), PASSWORD), "P12.MANY_KEYS");
}

#[test]
fn wrapping_order_and_what_follows_do_not_matter() {
    let Some(bench) = Bench::new() else { return };
    bench.run("openssl", "pkcs12 -export -inkey key.pem -in leaf.pem -certfile chain.pem -passout pass:pw1234 -out plain");
    let content = bench.content("plain");
    let put = |name: &str, content: &[u8]| std::fs::write(bench.path().join(name), content).unwrap();
    put("trailing", &[&content[..], b"\r\nxx"].concat());
    bench.assert_opens("trailing", PASSWORD);
    put("pem", pem("PKCS12", &content).as_bytes());
    bench.assert_opens("pem", PASSWORD);
    for end in (0..content.len()).step_by(7) {
        assert_eq!(code(&content[..end], PASSWORD), "P12.UNREADABLE", "cut at {end}");
    }
    // Three certificates, root first, the key's own in the middle.
    let [middle, root] = &bench.above;
    put("odd.pem", [root, &bench.leaf, middle].map(|der| pem("CERTIFICATE", der)).concat().as_bytes());
    bench.run("openssl", "pkcs12 -export -inkey key.pem -in odd.pem -passout pass:pw1234 -out odd");
    bench.assert_opens("odd", PASSWORD);
}

#[test]
fn a_damaged_file_is_refused_or_opens_but_never_breaks_anything() {
    let Some(bench) = Bench::new() else { return };
    // RC2-128 goes through our own step, the other through p12-keystore; one round each, so that thousands can be tried.
    let export = "pkcs12 -export -inkey key.pem -in leaf.pem -certfile chain.pem -iter 1 -nomac -passout pass:pw1234";
    bench.run("openssl", &format!("{export} -legacy -certpbe PBE-SHA1-RC2-128 -keypbe PBE-SHA1-RC2-128 -out own"));
    bench.run("openssl", &format!("{export} -out stock"));
    for name in ["own", "stock"] {
        let (content, mut seed) = (bench.content(name), 12345u64);
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(seed >> 33).unwrap()
        };
        for _ in 0..3000 {
            let mut damaged = content.clone();
            for _ in 0..=next() % 3 {
                let at = next() % damaged.len().min(400);
                damaged[at] = next().to_le_bytes()[1];
            }
            if let Err(error) = open(&damaged, PASSWORD) {
                assert!(error.code.starts_with("P12.") || error.code.starts_with("KEY."), "{error}");
            }
        }
    }
}

/// What we wrote, in both profiles, with the leaf's friendly name in Japanese.
fn ours(bench: &Bench, password: &str) -> [(&'static str, Vec<u8>); 2] {
    let key = der::pem::decode_vec(&bench.content("key.pem")).unwrap().1;
    let certificates = [&[bench.leaf.clone()][..], &bench.above[..]].concat();
    [("modern", Profile::Modern), ("legacy", Profile::Legacy)].map(|(name, profile)| {
        let bundle = Bundle { key: &Secret::bytes(key.clone()), certificates: &certificates, friendly_name: "受付2", local_key_id: Some(&[7, 7]) };
        let content = p12::write_as(profile, &bundle, &Secret::text(password)).unwrap();
        std::fs::write(bench.path().join(name), &content).unwrap();
        (name, content)
    })
}

#[test]
fn what_we_write_we_open_again_with_name_order_and_key_id() {
    let Some(bench) = Bench::new() else { return };
    for password in [PASSWORD, "", "パスワード"] {
        for (name, content) in ours(&bench, password) {
            let opened = bench.assert_opens(name, password);
            assert_eq!((opened.leaf.info.friendly_name.as_deref(), opened.local_key_id.as_deref()), (Some("受付2"), Some(&[7, 7][..])));
            assert_eq!(opened.others.iter().map(|cert| &cert.der).collect::<Vec<_>>(), bench.above.iter().collect::<Vec<_>>());
            assert!(opened.others.iter().all(|cert| cert.info.friendly_name.is_none()));
            let expected: &[&str] = if name == "modern" {
                &["HMAC-SHA256", "PBES2 AES-256-CBC PBKDF2 HMAC-SHA256", "PBES2 AES-256-CBC PBKDF2 HMAC-SHA256"]
            } else {
                &["HMAC-SHA1", "PBE-SHA1-3DES", "PBE-SHA1-3DES"]
            };
            assert_eq!(methods(&content), expected);
        }
    }
}

#[test]
fn what_we_write_opens_in_openssl() {
    let Some(bench) = Bench::new() else { return };
    for (name, _) in ours(&bench, "パスワード123") {
        // Triple DES is in the default provider, so `-legacy` is not needed.
        let output = bench.run_with("openssl", &["pkcs12", "-in", name, "-passin", "pass:パスワード123", "-nodes"]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!((text.matches("BEGIN CERTIFICATE").count(), text.matches("BEGIN PRIVATE KEY").count()), (3, 1), "{name}");
        // On the key and on its certificate.
        assert_eq!((text.matches("friendlyName: ").count(), text.matches("localKeyID: 07 07").count()), (2, 2), "{name}: {text}");
        let order: Vec<&str> = text.lines().filter(|line| line.starts_with("subject=")).collect();
        assert!(order[0].contains("0110119153") && order[1].contains("Issuing") && order[2].contains("Root"), "{order:?}");
    }
}

#[test]
fn what_we_write_opens_in_nss() {
    let Some(bench) = Bench::new() else { return };
    if component::program("pk12util").is_none() || component::program("certutil").is_none() {
        return;
    }
    for (name, _) in ours(&bench, PASSWORD) {
        let database = format!("sql:db-{name}");
        std::fs::create_dir(bench.path().join(format!("db-{name}"))).unwrap();
        bench.run_with("certutil", &["-N", "-d", &database, "--empty-password"]);
        bench.run_with("pk12util", &["-i", name, "-d", &database, "-W", PASSWORD, "-K", ""]);
        let text = String::from_utf8(bench.run_with("certutil", &["-L", "-d", &database]).stdout).unwrap();
        // `u`: the database has the key of this certificate.
        assert!(text.lines().any(|line| line.starts_with("受付2") && line.contains("u,u,u")), "{text}");
        assert_eq!(text.lines().filter(|line| line.contains(",,")).count(), 2, "{text}");
    }
}

#[test]
fn what_we_write_opens_in_gnutls() {
    let Some(bench) = Bench::new() else { return };
    if component::program("certtool").is_none() {
        return;
    }
    for (name, _) in ours(&bench, PASSWORD) {
        let text = String::from_utf8(bench.run("certtool", &format!("--p12-info --inder --infile {name} --password {PASSWORD}")).stdout).unwrap();
        assert_eq!((text.matches("BEGIN CERTIFICATE").count(), text.matches("Friendly name: 受付2").count()), (3, 2), "{name}: {text}");
        assert!(text.contains("PRIVATE KEY"), "{name}: {text}");
    }
}

#[test]
fn what_we_write_opens_in_java() {
    let Some(bench) = Bench::new() else { return };
    if component::program("keytool").is_none() {
        return;
    }
    for (name, _) in ours(&bench, PASSWORD) {
        let words =
            format!("-J-Dstdout.encoding=UTF-8 -J-Dfile.encoding=UTF-8 -J-Duser.language=en -list -v -keystore {name} -storetype PKCS12 -storepass {PASSWORD}");
        let text = String::from_utf8_lossy(&bench.run("keytool", &words).stdout).into_owned();
        assert!(text.contains("Alias name: 受付2") && text.contains("PrivateKeyEntry") && text.contains("chain length: 3"), "{name}: {text}");
    }
}

/// The vectors of the Python package `cryptography_vectors`, which `tests/run` puts below `target/`.
fn vectors() -> Option<&'static Path> {
    static PLACE: OnceLock<Option<PathBuf>> = OnceLock::new();
    PLACE.get_or_init(component::cryptography_vectors).as_deref()
}

#[test]
fn the_vectors_of_cryptography_open_or_are_refused_for_the_right_reason() {
    let Some(place) = vectors() else { return };
    let mut seen = 0;
    for entry in std::fs::read_dir(place.join("pkcs12")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.ends_with(".p12") {
            continue;
        }
        seen += 1;
        let content = std::fs::read(&path).unwrap();
        let password = match name.as_str() {
            "no-password.p12" | "java-truststore.p12" => "",
            _ if name.contains("no-pwd") => "",
            _ if name.contains("-pwd") => "password",
            _ => "cryptography",
        };
        let expected = match name.as_str() {
            "cert-aes256cbc-no-key.p12" | "java-truststore.p12" => Err("P12.NO_KEY"),
            _ if name.starts_with("no-cert-") => {
                if name == "no-cert-key-aes256cbc.p12" {
                    Err("KEY.MISMATCH")
                } else {
                    Err("P12.NO_KEY")
                }
            }
            _ => Ok(()),
        };
        let got = open(&content, password);
        match expected {
            Ok(()) => assert!(got.is_ok(), "{name}: {}", got.unwrap_err()),
            Err(code) => assert_eq!(got.map(|_| ()).map_err(|error| error.code), Err(code.to_owned()), "{name}"),
        }
        if p12::protection(&content).unwrap().needs_password() {
            assert_eq!(code(&content, "not this"), "P12.BAD_PASSWORD", "{name}");
        }
    }
    assert_eq!(seen, 31);
}

#[test]
fn the_files_of_pkits_open() {
    let Some(place) = vectors() else { return };
    let (mut opened, mut refused) = (0, vec![]);
    for entry in std::fs::read_dir(place.join("x509/PKITS_data/pkcs12")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        match open(&std::fs::read(&path).unwrap(), "password") {
            Ok(_) => opened += 1,
            Err(error) => refused.push((name, error.code)),
        }
    }
    refused.sort();
    let dsa = ["DSACACert", "DSAParametersInheritedCACert", "InvalidDSASignatureTest6EE", "ValidDSAParameterInheritanceTest5EE", "ValidDSASignaturesTest4EE"];
    let mut expected: Vec<_> = dsa.map(|name| (name.to_owned(), "KEY.UNUSABLE".to_owned())).into();
    // Valid from 1950 on: before the epoch of what reads certificates here.
    expected.push(("Validpre2000UTCnotBeforeDateTest3EE".into(), "P12.UNREADABLE".into()));
    assert_eq!((opened, refused), (399, expected));
}

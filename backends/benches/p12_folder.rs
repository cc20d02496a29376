//! A folder of 1,000 PKCS#12 files of OpenSSL against the key derivation that they ask for, against the list of our own folder, and
//! against `openssl pkcs12` in a loop.
//!
//!     cargo bench -p kirikae-backends --bench p12_folder
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::panic)]

#[allow(dead_code)] // the engine's benches use more of it
#[path = "../../engine/benches/figure/mod.rs"]
mod figure;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use figure::{Figures, cpu, in_memory};
use kirikae_backends::store::dir::DirStore;
use kirikae_backends::store::p12;
use kirikae_engine::backend::{Call, ImportRequest, StoreRead, StoreWrite};
use kirikae_engine::secret::Secret;
use pkcs12::kdf::{Pkcs12KeyType, derive_key_utf8};

const FILES: usize = 1000;
const PASSWORD: &str = "pw1234";

fn openssl(place: &Path, words: &str) {
    let output = Command::new("openssl").args(words.split_whitespace()).current_dir(place).output().expect("openssl");
    assert!(output.status.success(), "openssl {words}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Files as people get them: RSA and EC keys with an issuer, as OpenSSL 3 writes them and as its predecessors did.
fn foreign(place: &Path) -> Vec<Vec<u8>> {
    openssl(place, "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 -subj /CN=ca");
    for (name, key) in [("rsa", "rsa:2048"), ("ec", "ec -pkeyopt ec_paramgen_curve:P-256")] {
        openssl(place, &format!("req -newkey {key} -nodes -keyout {name}.key -out {name}.csr -subj /C=JP/O=Clinic/CN=0110119153"));
        openssl(place, &format!("x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out {name}.pem -days 30"));
        let export = format!("pkcs12 -export -inkey {name}.key -in {name}.pem -certfile ca.pem -name clinic -passout pass:{PASSWORD}");
        openssl(place, &format!("{export} -out {name}-modern.p12"));
        openssl(place, &format!("{export} -legacy -descert -out {name}-legacy.p12"));
    }
    ["rsa-modern", "ec-modern", "rsa-legacy", "ec-legacy"].map(|name| std::fs::read(place.join(format!("{name}.p12"))).unwrap()).into()
}

/// Derives what opening this file needs derived, and nothing else: same functions, rounds and sizes.
fn derive(file: &[u8]) -> u8 {
    let protection = p12::protection(file).unwrap();
    let (salt, mut sum) = ([7u8; 8], 0u8);
    for method in protection.methods() {
        let rounds = u32::try_from(method.rounds).unwrap();
        let pkcs12 = |kind, size| derive_key_utf8::<sha1::Sha1>(PASSWORD, &salt, kind, rounds.cast_signed(), size).unwrap();
        sum ^= match method.name.as_str() {
            "HMAC-SHA256" => derive_key_utf8::<sha2::Sha256>(PASSWORD, &salt, Pkcs12KeyType::Mac, rounds.cast_signed(), 32).unwrap()[0],
            "HMAC-SHA1" => pkcs12(Pkcs12KeyType::Mac, 20)[0],
            "PBE-SHA1-3DES" => pkcs12(Pkcs12KeyType::EncryptionKey, 24)[0] ^ pkcs12(Pkcs12KeyType::Iv, 8)[0],
            "PBES2 AES-256-CBC PBKDF2 HMAC-SHA256" => {
                let mut key = [0; 32];
                pbkdf2::pbkdf2_hmac::<sha2::Sha256>(PASSWORD.as_bytes(), &salt, rounds, &mut key);
                key[0]
            }
            other => panic!("{other}"),
        };
    }
    sum
}

/// Our own folder with as many credentials: one is imported, its two files are copied under other names.
fn ours(place: &Path, file: &[u8]) -> DirStore {
    let store = DirStore::open(place, Box::new(|| Ok(Secret::text("of the store")))).unwrap();
    let request = ImportRequest { file: Secret::bytes(file.to_vec()), password: Secret::text(PASSWORD), friendly_name: None, options: BTreeMap::new() };
    store.import(&Call::unattached(), &request).unwrap();
    let written: Vec<_> = std::fs::read_dir(place).unwrap().flatten().map(|entry| entry.path()).collect();
    for number in 1..FILES {
        for path in written.iter().filter(|path| path.extension().is_some_and(|ending| ending == "p12" || ending == "json")) {
            let ending = path.extension().unwrap().to_string_lossy();
            std::fs::copy(path, place.join(format!("copy{number}.{ending}"))).unwrap();
        }
    }
    store
}

fn main() -> ExitCode {
    let place = tempfile::tempdir_in(in_memory()).unwrap();
    let samples = foreign(place.path());
    let names: Vec<_> = (0..FILES).map(|number| place.path().join(format!("{number}.p12"))).collect();
    for (number, name) in names.iter().enumerate() {
        std::fs::write(name, &samples[number % samples.len()]).unwrap();
    }
    let password = Secret::text(PASSWORD);
    let open_all = || {
        for name in &names {
            p12::open(&std::fs::read(name).unwrap(), &password, "bench").unwrap();
        }
    };
    let derive_all = || names.iter().fold(0, |sum, name| sum ^ derive(&std::fs::read(name).unwrap()));

    // Turn about, so that a busy machine slows both; the best of each counts.
    let (mut opening, mut deriving) = (f64::MAX, f64::MAX);
    for _ in 0..5 {
        opening = opening.min(cpu(open_all).0.as_secs_f64());
        deriving = deriving.min(cpu(derive_all).0.as_secs_f64());
    }
    let folder = place.path().join("ours");
    std::fs::create_dir(&folder).unwrap();
    let store = ours(&folder, &samples[0]);
    let mut listing = f64::MAX;
    for _ in 0..5 {
        let (time, listed) = cpu(|| store.list(&Call::unattached()).unwrap().len());
        assert_eq!(listed, FILES);
        listing = listing.min(time.as_secs_f64());
    }

    let mut figures = Figures::default();
    figures.note("open 1,000 files of OpenSSL", opening * 1e3, "ms");
    figures.note("their key derivation alone", deriving * 1e3, "ms");
    figures.at_most("opening / key derivation", opening / deriving, 1.2, "x");
    figures.note("list 1,000 credentials of our own folder", listing * 1e3, "ms");
    figures.at_least("opening / listing our own", opening / listing, 50.0, "x");

    // The peer is other processes, so the clock on the wall counts here, on both sides.
    let peers = names.iter().take(200);
    let started = Instant::now();
    for name in peers {
        let words = ["pkcs12", "-nodes", "-passin", "pass:pw1234", "-in", name.to_str().unwrap(), "-out", "/dev/null"];
        assert!(Command::new("openssl").args(words).stderr(std::process::Stdio::null()).status().unwrap().success());
    }
    let peer = started.elapsed().as_secs_f64() / 200.0;
    let started = Instant::now();
    open_all();
    let own = started.elapsed().as_secs_f64() / f64::from(u32::try_from(FILES).unwrap());
    figures.note("one file by `openssl pkcs12` in a loop", peer * 1e3, "ms");
    figures.note("one file here, on the same clock", own * 1e3, "ms");
    figures.at_least("`openssl pkcs12` in a loop / here", peer / own, 1.0, "x");
    figures.end()
}

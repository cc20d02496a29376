//! PKCS#12 files as a server makes them: one key, its certificate, the issuer's certificate.

use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};

use crate::LabError;

/// Packs a key and its chain (leaf first) under `password`. AES-256 and HMAC-SHA-256 as OpenSSL 3 does.
pub(crate) fn pack(name: &str, key_der: &[u8], chain: &[&[u8]], password: &str) -> Result<Vec<u8>, LabError> {
    let certificates = chain.iter().map(|der| Certificate::from_der(der)).collect::<Result<Vec<_>, _>>().map_err(LabError::crypto)?;
    let key = PrivateKey::from_der(key_der).map_err(LabError::crypto)?;
    let mut store = KeyStore::new();
    store.add_entry(name, KeyStoreEntry::PrivateKeyChain(PrivateKeyChain::new(vec![1], key, certificates)));
    store.writer(password).write().map_err(LabError::crypto)
}

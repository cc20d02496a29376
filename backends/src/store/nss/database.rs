//! `cert9.db` and `key4.db` of NSS: two SQLite files with one row for each PKCS#11 object and one column for each attribute
//! (`lib/softoken/sdb.c` of NSS: column `aX` is attribute X in hex, numbers are 4 bytes, big-endian, `a5 00 5a` is an empty value).
//!
//! Certificates and names lie there in the clear, so that looking needs neither a password nor a tool; values of keys are sealed
//! and stay untouched here. Deletion is the one write: `certutil -D` takes a nickname, certificates of one subject share theirs, and it
//! takes the newest of them, which is the one to keep. So rows are deleted as softoken does, certificate and key in one transaction.
//! May use: SQLite. Must not: make a database, write a row, read a key's value.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// The files, in the order in which the transaction takes them.
pub(super) const FILES: [&str; 2] = ["cert9.db", "key4.db"];

/// `CKO_CERTIFICATE`, `CKO_PUBLIC_KEY`, `CKO_PRIVATE_KEY` as they stand in column `a0`.
const CERTIFICATE: [u8; 4] = [0, 0, 0, 1];
const PUBLIC_KEY: [u8; 4] = [0, 0, 0, 2];
const PRIVATE_KEY: [u8; 4] = [0, 0, 0, 3];

/// `CKO_NSS_TRUST`, and in it `CKT_NSS_TRUSTED_DELEGATOR`: a trusted issuer of certificates. What older NSS writes (seen: 3.87).
const OLD_TRUST: [u8; 4] = [0xce, 0x53, 0x43, 0x53];
const OLD_ISSUER: [u8; 4] = [0xce, 0x53, 0x43, 0x52];

/// `CKO_TRUST` (PKCS#11 3.2), and in it `CKT_TRUST_ANCHOR`. What newer NSS writes (seen: 3.125); there it comes before the old one.
const NEW_TRUST: [u8; 4] = [0, 0, 0, 0x0b];
const NEW_ISSUER: [u8; 4] = [0, 0, 0, 2];

/// An attribute without a value.
const EMPTY: [u8; 3] = [0xa5, 0, 0x5a];

/// A certificate as the database has it.
pub(super) struct Row {
    /// DER.
    pub(super) der: Vec<u8>,
    /// Its nickname.
    pub(super) label: Option<String>,
    /// CKA_ID, the same as that of its key.
    pub(super) id: Vec<u8>,
    /// Whether its key is there, and may be written out.
    pub(super) key: Option<Extractable>,
}

/// CKA_EXTRACTABLE.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Extractable(pub(super) bool);

/// What a certificate is trusted for as an issuer, in the order of `certutil`'s `-t`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Trusted {
    /// Servers (`C` of the first column).
    pub(super) servers: bool,
    /// Clients (`T` of the first column).
    pub(super) clients: bool,
    /// E-mail.
    pub(super) mail: bool,
    /// Programs.
    pub(super) code: bool,
}

impl Trusted {
    /// As `certutil -t` takes it.
    pub(super) fn flags(self) -> String {
        let flag = |yes: bool, flag: &'static str| if yes { flag } else { "" };
        format!("{}{},{},{}", flag(self.servers, "C"), flag(self.clients, "T"), flag(self.mail, "C"), flag(self.code, "C"))
    }
}

/// The numbers of all private keys.
pub(super) type Keys = BTreeSet<i64>;

/// An open database.
pub(super) struct Database {
    connection: Connection,
}

impl Database {
    /// For looking only; another program's transaction is waited for so long.
    pub(super) fn look(folder: &Path, patience: Duration) -> rusqlite::Result<Self> {
        Self::open(folder, OpenFlags::SQLITE_OPEN_READ_ONLY, patience)
    }

    /// For deleting.
    pub(super) fn change(folder: &Path, patience: Duration) -> rusqlite::Result<Self> {
        let database = Self::open(folder, OpenFlags::SQLITE_OPEN_READ_WRITE, patience)?;
        // A key without a primary password is as good as in the clear: it is overwritten, not only let go.
        database.connection.pragma_update(None, "secure_delete", true)?;
        Ok(database)
    }

    fn open(folder: &Path, access: OpenFlags, patience: Duration) -> rusqlite::Result<Self> {
        let [certificates, keys] = FILES.map(|file| folder.join(file));
        let connection = Connection::open_with_flags(certificates, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(patience)?;
        connection.execute("ATTACH DATABASE ?1 AS keys", [keys.to_string_lossy()])?;
        Ok(Self { connection })
    }

    /// The certificates, ordered by their bytes.
    pub(super) fn certificates(&self) -> rusqlite::Result<Vec<Row>> {
        // One transaction, so that certificates and keys are of one moment.
        let transaction = self.connection.unchecked_transaction()?;
        let mut keys = BTreeMap::new();
        let mut statement = transaction.prepare("SELECT a102, a162 FROM keys.nssPrivate WHERE a0 = ?1")?;
        let mut rows = statement.query([PRIVATE_KEY])?;
        while let Some(row) = rows.next()? {
            keys.insert(row.get::<_, Option<Vec<u8>>>(0)?.unwrap_or_default(), Extractable(row.get::<_, Option<Vec<u8>>>(1)?.as_deref() == Some(&[1])));
        }
        let mut statement = transaction.prepare("SELECT a11, a3, a102 FROM main.nssPublic WHERE a0 = ?1 ORDER BY a11")?;
        let rows = statement.query_map([CERTIFICATE], |row| {
            let id = row.get::<_, Option<Vec<u8>>>(2)?.unwrap_or_default();
            Ok(Row {
                der: row.get::<_, Option<Vec<u8>>>(0)?.unwrap_or_default(),
                label: row.get::<_, Option<Vec<u8>>>(1)?.and_then(label),
                key: keys.get(&id).copied(),
                id,
            })
        })?;
        rows.collect()
    }

    /// What this certificate is trusted for.
    pub(super) fn trust(&self, der: &[u8]) -> rusqlite::Result<Trusted> {
        let sql = "SELECT a81, a82 FROM main.nssPublic WHERE a0 = ?1 AND a11 = ?2";
        let names: Option<[Option<Vec<u8>>; 2]> = self.connection.query_row(sql, params![CERTIFICATE, der], |row| Ok([row.get(0)?, row.get(1)?])).optional()?;
        let Some([issuer, serial]) = names else { return Ok(Trusted::default()) };
        let read = |uses: &str, hash: &str, class: [u8; 4], digest: &[u8], trusted: [u8; 4]| {
            let sql = format!("SELECT {uses} FROM main.nssPublic WHERE a0 = ?1 AND a81 = ?2 AND a82 = ?3 AND {hash} = ?4");
            let issues = |row: &rusqlite::Row<'_>, column: usize| Ok::<_, rusqlite::Error>(row.get::<_, Option<Vec<u8>>>(column)?.as_deref() == Some(&trusted));
            let found = self.connection.query_row(&sql, params![class, issuer, serial, digest], |row| {
                Ok(Trusted { servers: issues(row, 0)?, clients: issues(row, 1)?, mail: issues(row, 2)?, code: issues(row, 3)? })
            });
            found.optional()
        };
        let has_new: bool =
            self.connection.query_row("SELECT EXISTS (SELECT 1 FROM pragma_table_info('nssPublic') WHERE name = 'a62c')", [], |row| row.get(0))?;
        if has_new && let Some(trusted) = read("a62c, a62d, a62f, a62e", "a635", NEW_TRUST, &Sha256::digest(der), NEW_ISSUER)? {
            return Ok(trusted);
        }
        let old = read("ace536358, ace536359, ace53635b, ace53635a", "ace5363b4", OLD_TRUST, &Sha1::digest(der), OLD_ISSUER)?;
        Ok(old.unwrap_or_default())
    }

    /// The private keys.
    pub(super) fn keys(&self) -> rusqlite::Result<Keys> {
        let mut statement = self.connection.prepare("SELECT id FROM keys.nssPrivate WHERE a0 = ?1")?;
        statement.query_map([PRIVATE_KEY], |row| row.get(0))?.collect()
    }

    /// Takes the lock that a write needs, and lets it go.
    pub(super) fn try_change(&mut self) -> rusqlite::Result<()> {
        self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?.rollback()
    }

    /// Deletes a certificate with its trust, and its key where no other certificate has the same.
    pub(super) fn delete(&mut self, der: &[u8]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sql = "SELECT a102, a81, a82 FROM main.nssPublic WHERE a0 = ?1 AND a11 = ?2";
        let found: Option<[Option<Vec<u8>>; 3]> =
            transaction.query_row(sql, params![CERTIFICATE, der], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?])).optional()?;
        let Some([id, issuer, serial]) = found else { return Ok(()) };
        transaction.execute("DELETE FROM main.nssPublic WHERE a0 = ?1 AND a11 = ?2", params![CERTIFICATE, der])?;
        let sql = "DELETE FROM main.nssPublic WHERE a0 IN (?1, ?2) AND a81 = ?3 AND a82 = ?4";
        transaction.execute(sql, params![OLD_TRUST, NEW_TRUST, issuer, serial])?;
        let shared: bool =
            transaction.query_row("SELECT EXISTS (SELECT 1 FROM main.nssPublic WHERE a0 = ?1 AND a102 = ?2)", params![CERTIFICATE, id], |row| row.get(0))?;
        if !shared {
            transaction.execute("DELETE FROM main.nssPublic WHERE a0 = ?1 AND a102 = ?2", params![PUBLIC_KEY, id])?;
            transaction.execute("DELETE FROM keys.nssPrivate WHERE a0 = ?1 AND a102 = ?2", params![PRIVATE_KEY, id])?;
        }
        transaction.commit()
    }

    /// Deletes the private keys that are not among `before`: what an import that failed left behind.
    pub(super) fn delete_keys_since(&mut self, before: &Keys) -> rusqlite::Result<()> {
        let new: Vec<i64> = self.keys()?.difference(before).copied().collect();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for key in new {
            let id: Option<Vec<u8>> = transaction.query_row("SELECT a102 FROM keys.nssPrivate WHERE id = ?1", [key], |row| row.get(0))?;
            transaction.execute("DELETE FROM main.nssPublic WHERE a0 = ?1 AND a102 = ?2", params![PUBLIC_KEY, id])?;
            transaction.execute("DELETE FROM keys.nssPrivate WHERE id = ?1", [key])?;
        }
        transaction.commit()
    }
}

fn label(bytes: Vec<u8>) -> Option<String> {
    if bytes == EMPTY { None } else { String::from_utf8(bytes).ok().filter(|label| !label.is_empty()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A database with the columns that are read here, as newer NSS has them, and one certificate.
    fn database(folder: &Path, columns: &str) -> Connection {
        let [certificates, keys] = FILES.map(|file| Connection::open(folder.join(file)).unwrap());
        keys.execute_batch("CREATE TABLE nssPrivate (id PRIMARY KEY UNIQUE ON CONFLICT ABORT, a0, a102, a162)").unwrap();
        let old = "ace536358, ace536359, ace53635a, ace53635b, ace5363b4";
        certificates
            .execute_batch(&format!("CREATE TABLE nssPublic (id PRIMARY KEY UNIQUE ON CONFLICT ABORT, a0, a3, a11, a81, a82, a102, {old} {columns})"))
            .unwrap();
        let sql = "INSERT INTO nssPublic (id, a0, a3, a11, a81, a82, a102) VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)";
        certificates.execute(sql, params![CERTIFICATE, b"R", b"der", b"issuer", b"serial", b"id"]).unwrap();
        certificates
    }

    fn trusted(folder: &Path) -> String {
        Database::look(folder, Duration::ZERO).unwrap().trust(b"der").unwrap().flags()
    }

    /// Rows as the tools of NSS 3.87 and 3.125 were seen to write them for one `certutil -A -t C,,`.
    #[test]
    fn trust_is_read_in_its_old_and_its_new_form_and_the_new_one_counts() {
        let old = "INSERT INTO nssPublic (id, a0, a81, a82, ace536358, ace536359, ace53635a, ace53635b, ace5363b4) VALUES (2, ?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7)";
        let (no, unset) = ([0xce_u8, 0x53, 0x43, 0x5b], [0xce_u8, 0x53, 0x43, 0x53]);
        let sha1 = Sha1::digest(b"der");
        let old_row = params![OLD_TRUST, b"issuer", b"serial", OLD_ISSUER, no, unset, sha1.as_slice()];

        let folder = tempfile::tempdir().unwrap();
        let before = database(folder.path(), "");
        assert_eq!(trusted(folder.path()), ",,");
        before.execute(old, old_row).unwrap();
        assert_eq!(trusted(folder.path()), "C,,");

        let folder = tempfile::tempdir().unwrap();
        let today = database(folder.path(), ", a62c, a62d, a62e, a62f, a635");
        let new = "INSERT INTO nssPublic (id, a0, a81, a82, a62c, a62d, a62e, a62f, a635) VALUES (3, ?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7)";
        let verify = [0_u8, 0, 0, 4];
        today.execute(new, params![NEW_TRUST, b"issuer", b"serial", verify, verify, NEW_ISSUER, Sha256::digest(b"der").as_slice()]).unwrap();
        assert_eq!(trusted(folder.path()), ",C,");
        today.execute(old, old_row).unwrap();
        assert_eq!(trusted(folder.path()), ",C,", "the browser goes by the new one");

        let mut database = Database::change(folder.path(), Duration::ZERO).unwrap();
        database.delete(b"der").unwrap();
        let left: i64 = today.query_row("SELECT count(*) FROM nssPublic", [], |row| row.get(0)).unwrap();
        assert_eq!(left, 0, "trust goes with its certificate, in both forms");
    }
}

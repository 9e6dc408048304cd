//! The schema of the database file: makes it, brings it to this version step by step, or refuses it.
//!
//! Every version is a step of its own, `NNN_what.sql`, and the last of [`STEPS`] is the one that this program reads and
//! writes. To change the schema, add a file and its line; a step that was released is never changed, because files that
//! have taken it will not take it again. `tests/store/migration.rs` opens a file that an earlier version wrote: where a
//! step moves what is stored, have it check what became of it.
//!
//! `user_version` says how many steps a file has taken. It is looked at and raised inside one transaction, so two
//! processes that open one file at once take each step once, and a file is at its old version or at this one.

use std::path::Path;

use rusqlite::{Transaction, TransactionBehavior};

use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key};

use super::audit;
use crate::store::failure::superseded;
use crate::store::sql::consents::keep_existing;
use crate::store::sqlite::statement::Connection;

/// What each version does to the one before it; the first makes the tables.
const STEPS: &[&str] = &[
    include_str!("001.sql"),
    include_str!("002_parties.sql"),
    include_str!("003_audit.sql"),
    include_str!("004_sharing.sql"),
    include_str!("005_withheld.sql"),
    include_str!("006_microseconds.sql"),
    include_str!("007_room.sql"),
    include_str!("008_retention.sql"),
    include_str!("009_in_use.sql"),
    include_str!("010_bases.sql"),
    include_str!("011_text_of.sql"),
    include_str!("012_growth.sql"),
    include_str!("013_certificates.sql"),
    include_str!("014_consents.sql"),
    include_str!("015_unanswered.sql"),
    include_str!("016_renewals.sql"),
    include_str!("017_audit_about.sql"),
];

/// The first version whose audit log is chained. Hashes are none that SQL could compute: rows of older files are chained
/// here.
const BEFORE_CHAINS: i64 = 3;

/// The first version that keeps what Consents may say, which is read out of their documents.
const BEFORE_CONSENT_RULES: i64 = 14;

/// Brings the file to the newest version.
pub(super) fn migrate(writer: &Connection, path: &Path) -> Result<()> {
    let transaction = Transaction::new_unchecked(writer, TransactionBehavior::Immediate)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let missing = usize::try_from(found).ok().and_then(|taken| STEPS.get(taken..));
    let Some(missing) = missing else { return Err(too_new(path, found)) };
    if missing.is_empty() {
        return Ok(());
    }
    if found == 0 {
        refuse_foreign(&transaction, path)?;
    }
    for step in missing {
        transaction.execute_batch(step)?;
    }
    if found == 0 {
        let id = uuid::Uuid::new_v4().simple().to_string();
        transaction.execute(
            "INSERT INTO store (one, id, seq, updated, directory, clients, parameters) VALUES (1, ?1, 0, 0, 0, 0, '')",
            [id],
        )?;
    } else {
        if found < BEFORE_CHAINS {
            audit::chain_existing(writer)?;
        }
        if found < BEFORE_CONSENT_RULES {
            keep_existing(writer)?;
        }
        tracing::info!(from = found, to = STEPS.len(), "the database was brought to the schema of this version");
    }
    transaction.pragma_update(None, "user_version", STEPS.len().cast_signed() as i64)?;
    transaction.commit()?;
    Ok(())
}

/// Does the database still have the schema that this program reads and writes?
///
/// # Errors
/// `Busy`, where another version has changed it meanwhile.
pub(super) fn check(connection: &Connection) -> Result<()> {
    // The pragma itself: its table-valued function compiles it at each call.
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found == STEPS.len().cast_signed() as i64 { Ok(()) } else { Err(superseded("the schema of the database")) }
}

/// A file without a version that holds tables was made by somebody else.
fn refuse_foreign(transaction: &Transaction<'_>, path: &Path) -> Result<()> {
    let tables: i64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables > 0 { Err(unusable(path, &"it is the database of another program")) } else { Ok(()) }
}

fn too_new(path: &Path, found: i64) -> Error {
    let (path, known) = (path.display(), STEPS.len());
    let message = format!(
        "the database {path} has schema {found}, written by a newer handoff; this one reads up to schema {known}"
    );
    Error::new(Category::Unsupported, Issue::error(Key::StoreSchema, "", message))
}

/// The file cannot be used, and why.
pub(super) fn unusable(path: &Path, why: &dyn std::fmt::Display) -> Error {
    let message = format!("the database {} cannot be used: {why}", path.display());
    Error::new(Category::Unreachable, Issue::error(Key::StoreUnusable, "", message))
}

/// How many steps the file has taken. Nothing is brought to the newest version: the file is only looked at, or copied.
///
/// # Errors
/// If it is no database of this program, or a newer one's.
pub(super) fn version(connection: &Connection, path: &Path) -> Result<usize> {
    let read = || -> rusqlite::Result<(i64, bool)> {
        let taken = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'store'";
        Ok((taken, connection.query_row(sql, [], |row| Ok(row.get::<_, i64>(0)? == 1))?))
    };
    let (taken, is_ours) = read().map_err(|error| unusable(path, &error))?;
    match usize::try_from(taken) {
        Ok(version) if version > STEPS.len() => Err(too_new(path, taken)),
        Ok(version) if version > 0 && is_ours => Ok(version),
        _ => Err(unusable(path, &"it is not a database of handoff")),
    }
}

/// Refuses a file that is not at the newest version.
pub(super) fn require_newest(connection: &Connection, path: &Path) -> Result<()> {
    let version = version(connection, path)?;
    if version == STEPS.len() {
        return Ok(());
    }
    let message = format!(
        "the database {} has schema {version}, which an earlier handoff wrote; it is brought to schema {} when it is served, \
         or restored with handoff store restore",
        path.display(),
        STEPS.len()
    );
    Err(Error::new(Category::Unsupported, Issue::error(Key::StoreSchema, "", message)))
}

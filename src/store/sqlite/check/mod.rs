//! Is a store whole? Looks at everything that it keeps twice, and at what it keeps once as far as that can be judged; nothing is
//! changed, and a gateway may serve the store meanwhile.
//!
//! Each part reads one state of the database. What the parts find is in [`StoreReport`]; it names resources and numbers,
//! never what is stored.

mod audit;
mod file;

use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;

use crate::error::Result;
use crate::store::audit_verify;
use crate::store::index::SearchParameters;
use crate::store::sql::check::{check_counts, check_documents, check_references};
use crate::store::sql::index::made_with;

use super::{SqliteStore, backup};

pub use crate::store::sql::check::{Part, StoreFinding, StoreReport};

/// Checks a store: its pages, what its rows say of each other, its counts, the resources and what they are found by (all,
/// or one of so many), and the audit log.
///
/// # Errors
/// If it is not there, is none of ours or another version's, or cannot be read. What is wrong with it is in the report.
pub async fn check(path: &Path, parameters: &Arc<SearchParameters>, one_of: NonZeroU64) -> Result<StoreReport> {
    let damage = check_file(path)?;
    // What is in damaged pages cannot be judged.
    if !damage.is_whole() {
        return Ok(damage);
    }
    check_rows(&SqliteStore::open_read_only(path)?, parameters, one_of).await
}

/// Checks that the file is that of a database, and all of it.
pub(super) fn check_file(path: &Path) -> Result<StoreReport> {
    Ok(StoreReport { findings: file::check(path)?, ..StoreReport::default() })
}

/// Checks what stands in a file that is whole.
pub(super) async fn check_rows(
    store: &SqliteStore,
    parameters: &Arc<SearchParameters>,
    one_of: NonZeroU64,
) -> Result<StoreReport> {
    let commit = store.readers.read(backup::state).await?.commit;
    let mut findings = store.readers.read(|reader| check_references(reader)).await?;
    findings.extend(store.readers.read(|reader| check_counts(reader)).await?);
    let parameters = parameters.clone();
    let documents = store.readers.read(move |reader| {
        let index = made_with(reader, &parameters)?;
        let (looked, findings) = check_documents(reader, index.as_ref(), one_of)?;
        Ok((looked, index.is_some(), findings))
    });
    let (looked, is_indexed, found) = documents.await?;
    findings.extend(found);
    let verified = audit_verify::verify(store, &[]).await?;
    let told = verified.findings.iter().map(|finding| StoreFinding { part: Part::Audit, text: finding.to_string() });
    findings.extend(told);
    findings.extend(store.readers.read(audit::check).await?);
    Ok(StoreReport {
        commit: Some(commit),
        resources: looked.resources,
        index_rows: is_indexed.then_some(looked.rows),
        audit_rows: verified.rows,
        findings,
    })
}

#[cfg(test)]
mod tests {
    use crate::store::sql::check::is_asked_or_alone;
    use crate::store::sqlite::connection::open_memory;

    #[test]
    fn every_table_is_asked_or_known_to_stand_alone() {
        let connection = open_memory().unwrap();
        let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
        let mut statement = connection.prepare(sql).unwrap();
        let tables = statement.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap);
        for table in tables {
            assert!(is_asked_or_alone(&table), "{table}: list its references, or that it has none");
        }
    }
}

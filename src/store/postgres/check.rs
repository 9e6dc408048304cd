//! Whether a database is as it should be: what its rows say of each other, its counts, the resources and what they are found by,
//! and the audit log. Its pages are the server's to check.

use std::num::NonZeroU64;

use super::PostgresStore;
use super::moving::read_tables;
use super::url::DatabaseUrl;
use crate::error::Result;
use crate::store::audit_verify;
use crate::store::sql::check::{Part, StoreFinding, StoreReport, check_counts, check_documents, check_references};
use crate::store::sql::{Database, feed};

impl PostgresStore {
    /// Checks it: every resource, or one of so many. Each part reads one state of the database, while gateways serve it.
    ///
    /// # Errors
    /// If it cannot be read. What is wrong with it is in the report.
    pub async fn check(&self, one_of: NonZeroU64) -> Result<StoreReport> {
        let commit = self.readers.read(|reader| feed::newest_commit(reader)).await?;
        let mut findings = self.readers.read(|reader| check_references(reader)).await?;
        findings.extend(self.readers.read(|reader| check_counts(reader)).await?);
        let index = self.index.clone();
        let documents = move |reader: &dyn Database| check_documents(reader, Some(&index), one_of);
        let (looked, found) = self.read_indexed(documents).await?;
        findings.extend(found);
        let audit = audit_verify::verify(self, &[]).await?;
        let told = audit.findings.iter().map(|finding| StoreFinding { part: Part::Audit, text: finding.to_string() });
        findings.extend(told);
        Ok(StoreReport {
            commit: Some(commit),
            resources: looked.resources,
            index_rows: Some(looked.rows),
            audit_rows: audit.rows,
            findings,
        })
    }

    /// The newest commit of a database and how many resources it has, without opening it; nothing where it has no tables yet.
    ///
    /// # Errors
    /// If it cannot be used, is another program's, or was written by another version of this one.
    pub async fn inspect(url: &DatabaseUrl) -> Result<Option<(u64, u64)>> {
        read_tables(url).await
    }
}

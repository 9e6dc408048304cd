//! The search index as a whole: which parameters it is made of, by which ids, and how it is made anew when they change.

use std::sync::Arc;

use rusqlite::{Connection, TransactionBehavior, params};
use tracing::info;

use crate::error::Result;
use crate::fhir::Document;
use crate::store::index::{IndexEntry, SearchParameters};

use super::derived::{self, Derived};
use super::keys::Keys;
use super::writer::Session;
use super::{read, rows};

/// Raised when rows are made differently from the same entries.
const ROWS: u32 = 1;
/// How many resources are read at a time when the index is made anew.
const BATCH: i64 = 500;

/// What the index is made of.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) parameters: Arc<SearchParameters>,
    /// Entries that are made besides
    pub(super) derived: Derived,
    /// The ids of the parameters by their number; those of the derived ones behind them
    ids: Vec<i64>,
    /// Tells this index from others
    pub(super) fingerprint: String,
}

impl Index {
    /// The index of these parameters. If others made what the database holds, it is made anew.
    pub(super) fn prepare(writer: &mut Connection, parameters: &Arc<SearchParameters>) -> Result<Self> {
        let derived = Derived::of(parameters);
        let fingerprint = format!("{} {ROWS} {derived}", parameters.fingerprint());
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut keys = Keys::default();
        let served = (0..derived::count(parameters)).filter_map(|number| parameters.parameter(number));
        let named = served.map(|parameter| (parameter.resource_type.as_str(), parameter.code.as_str()));
        let mut ids = Vec::new();
        for (kind, code) in named.chain(derived.names()) {
            let kind = keys.kind(&transaction, kind)?;
            ids.push(keys.parameter(&transaction, kind, code)?);
        }
        let index = Self { derived, ids, fingerprint, parameters: parameters.clone() };
        let (found, newest): (String, i64) =
            transaction.query_row("SELECT parameters, seq FROM store", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if found != index.fingerprint {
            if newest > 0 {
                info!("the search parameters have changed; the index is made anew");
                let resources = index.rebuild(&transaction, &mut keys)?;
                info!(resources, "the index is made");
            }
            transaction.execute("UPDATE store SET parameters = ?1", [&index.fingerprint])?;
        }
        transaction.commit()?;
        Ok(index)
    }

    /// The id of the parameter with this number; one that no row has, where it has none.
    pub(super) fn id(&self, number: u16) -> i64 {
        self.ids.get(usize::from(number)).copied().unwrap_or(-1)
    }

    /// What a resource is found by, in the order in which its rows are written.
    pub(super) fn entries(&self, document: &Document) -> Result<Vec<IndexEntry>> {
        let mut entries = self.parameters.entries(document.root())?;
        self.derived.add(document, &mut entries);
        entries.sort_unstable();
        Ok(entries)
    }

    fn rebuild(&self, writer: &Connection, keys: &mut Keys) -> Result<usize> {
        writer.execute_batch("DELETE FROM token; DELETE FROM reference; DELETE FROM text; DELETE FROM date;")?;
        let mut session = Session::new_session(writer, keys, Some(self));
        let (mut last, mut count) = (0, 0);
        loop {
            let resources: Vec<(i64, i64)> = writer
                .prepare_cached("SELECT id, updated FROM resource WHERE id > ?1 AND version > 0 ORDER BY id LIMIT ?2")?
                .query_map(params![last, BATCH], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<_>>()?;
            let Some((newest, _)) = resources.last() else { return Ok(count) };
            last = *newest;
            count += resources.len();
            for (id, updated) in resources {
                if let Some(stored) = read::newest(writer, id)? {
                    rows::add(&mut session, &self.entries(&stored.document)?, id, updated)?;
                }
            }
        }
    }
}

//! The search index is made anew when the parameters that it is made of have changed.

use std::sync::Arc;

use rusqlite::{Transaction, TransactionBehavior, params};
use tracing::info;

use crate::error::Result;
use crate::store::index::SearchParameters;
use crate::store::index_definition::{IndexDefinition, ROWS};
use crate::store::index_ids::Index;
use crate::store::sql::{self, read};
use crate::store::visibility::Visibility;

use super::bases;
use super::keys::Keys;
use super::rows::{self, Indexed};
use super::session::Session;
use super::statement::Connection;

/// How many resources are read at a time.
const BATCH: i64 = 500;

/// The index of these parameters. If others made what the database holds, it is made anew.
pub(super) fn prepare(writer: &Connection, parameters: &Arc<SearchParameters>) -> Result<Index> {
    let transaction = Transaction::new_unchecked(writer, TransactionBehavior::Immediate)?;
    let definition = IndexDefinition::new(parameters, sql::bases::all(writer)?);
    let mut keys = Keys::default();
    let mut ids = Vec::new();
    for (kind, code) in definition.names() {
        let kind = keys.kind(writer, kind)?;
        ids.push(keys.parameter(writer, kind, code)?);
    }
    let (found, newest): (String, i64) =
        writer.query_row("SELECT parameters, seq FROM store", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut index =
        Index { fingerprint: definition.fingerprint(), generation: 0, counted: definition.counted(), definition, ids };
    let base = parameters.base().map(|base| base.trim_end_matches('/').to_owned());
    let base = base.filter(|base| !index.definition.bases.contains(base));
    if newest == 0 || found == index.fingerprint {
        if let Some(base) = base {
            let resources = bases::add(writer, &mut keys, &mut index, &base)?;
            info!(base, resources, "the store is served under another URL; what refers to it is found by that");
        }
    } else {
        if let Some(base) = base {
            writer.execute("INSERT INTO base (url) VALUES (?1)", [base])?;
            index.definition.bases = sql::bases::all(writer)?;
        }
        if found != earlier_fingerprint(&index.definition) {
            info!("the search parameters have changed; the index is made anew");
            let resources = rebuild(&index, writer, &mut keys)?;
            // Whom a Consent is about is read out of the index.
            sql::consents::keep_existing(writer)?;
            info!(resources, "the index is made");
        }
    }
    index.fingerprint = index.definition.fingerprint();
    if found != index.fingerprint {
        writer.execute("UPDATE store SET parameters = ?1", [&index.fingerprint])?;
    }
    transaction.commit()?;
    Ok(index)
}

/// The same as it was before stores knew under which URLs they were served: it named the one.
fn earlier_fingerprint(definition: &IndexDefinition) -> String {
    format!("{} {ROWS} {}", definition.parameters.fingerprint_at_base(), definition.derived)
}

fn rebuild(index: &Index, writer: &Connection, keys: &mut Keys) -> Result<usize> {
    writer.execute_batch(
        "DELETE FROM token; DELETE FROM reference; DELETE FROM text; DELETE FROM date; DELETE FROM counted;",
    )?;
    let mut session = Session::new_session(writer, keys, Some(index));
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
            if let Some(stored) = read::newest(writer, Visibility::All, id)? {
                let entries = index.definition.entries(&stored.document)?;
                rows::add(&mut session, &[Indexed { entries: &entries, resource: id, updated }])?;
            }
        }
    }
}

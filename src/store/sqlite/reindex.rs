//! Ties the index to the search parameters: gives each its id, and makes the index anew when they have changed.

use rusqlite::{Connection, params};
use tracing::info;

use crate::error::Result;
use crate::store::index::SearchParameters;

use super::keys::Keys;
use super::writer::Session;
use super::{entries, read, rows};

/// How many resources are read at a time.
const BATCH: usize = 500;

/// The ids of the parameters by their number. The index is made anew if other parameters made it.
pub(super) fn prepare(writer: &mut Connection, parameters: &SearchParameters) -> Result<Vec<i64>> {
    let fingerprint = parameters.fingerprint();
    let transaction = writer.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let mut keys = Keys::default();
    let mut ids = Vec::new();
    for number in 0..u16::MAX {
        let Some(parameter) = parameters.parameter(number) else { break };
        let kind = keys.kind(&transaction, &parameter.resource_type)?;
        ids.push(keys.parameter(&transaction, kind, &parameter.code)?);
    }
    let (found, newest): (String, i64) =
        transaction.query_row("SELECT parameters, seq FROM store", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if found != fingerprint {
        if newest > 0 {
            info!("the search parameters have changed; the index is made anew");
            let count = rebuild(&transaction, &mut keys, parameters, &ids)?;
            info!(resources = count, "the index is made");
        }
        transaction.execute("UPDATE store SET parameters = ?1", [fingerprint])?;
    }
    transaction.commit()?;
    Ok(ids)
}

fn rebuild(writer: &Connection, keys: &mut Keys, parameters: &SearchParameters, ids: &[i64]) -> Result<usize> {
    writer.execute_batch("DELETE FROM token; DELETE FROM reference; DELETE FROM text; DELETE FROM date;")?;
    let mut session = Session::outside_group(writer, keys, ids);
    let (mut last, mut count) = (0, 0);
    loop {
        let resources: Vec<(i64, i64)> = writer
            .prepare_cached("SELECT id, updated FROM resource WHERE id > ?1 AND version > 0 ORDER BY id LIMIT ?2")?
            .query_map(params![last, BATCH as i64], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        let Some((newest, _)) = resources.last() else { return Ok(count) };
        last = *newest;
        count += resources.len();
        for (id, updated) in resources {
            if let Some(stored) = read::newest(writer, id)? {
                rows::add(&mut session, &entries::of(parameters, &stored.document)?, id, updated)?;
            }
        }
    }
}

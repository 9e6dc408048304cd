//! What is owed to whom: one row a Task and Organization, at its newest change. And the names of the cursors by which it is read.

use std::ops::ControlFlow;

use crate::error::{Error, Result};
use crate::fhir::ResourceKey;
use crate::store::Changes;

use super::database::Wanted;
use super::{Ask, Database, keys, values};

/// What is new for this organization after `since`. A Task that it no longer sees is among them at the last change that
/// it was owed, so that it can be told; what changes afterwards is no longer its matter (see the backend's `renew`).
pub(in crate::store) fn changes(
    reader: &dyn Database,
    organization: &str,
    since: u64,
    limit: usize,
) -> Result<Changes> {
    let mut changes = Changes { items: Vec::new(), newest: since };
    let Some(organization) = keys::resource(reader, "Organization", organization)? else { return Ok(changes) };
    let sql = "SELECT k.name, r.logical, d.seq FROM feed d CROSS JOIN resource r CROSS JOIN kind k
         WHERE d.organization = ?1 AND d.seq > ?2 AND r.id = d.task AND r.version > 0 AND k.id = r.kind
         ORDER BY d.seq, d.task";
    reader.each_row(sql, values![organization, since.cast_signed()], Wanted::Some, &mut |row| {
        let seq = row.get::<i64>(2)?.cast_unsigned();
        // A sequence is never cut in two: whoever goes on after it would miss the rest of it.
        if changes.items.len() >= limit && seq != changes.newest {
            return Ok(ControlFlow::Break(()));
        }
        changes.items.push((ResourceKey { kind: row.get(0)?, id: row.get(1)? }, seq));
        changes.newest = seq;
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(changes)
}

/// The name of the cursors that are given, and the names that they had before the store was restored from a copy, each with
/// the last commit that a cursor of that name may stand for.
pub(in crate::store) fn ids(connection: &dyn Database) -> Result<(String, Vec<(String, u64)>)> {
    let name = connection.row("SELECT id FROM store", values![], |row| row.get::<String>(0))?;
    let mut name = name.ok_or_else(|| Error::fault("the store has no name"))?;
    let mut earlier: Vec<(String, u64)> = Vec::new();
    connection.each_row("SELECT cursors, seq FROM restored ORDER BY number", values![], Wanted::All, &mut |row| {
        let seq = row.get::<i64>(1)?.cast_unsigned();
        // What a later copy no longer held is gone for all names before.
        for (_, last) in &mut earlier {
            *last = seq.min(*last);
        }
        earlier.push((std::mem::replace(&mut name, row.get(0)?), seq));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok((name, earlier))
}

/// The newest sequence that is owed to this organization; 0 if there is none.
pub(in crate::store) fn newest(reader: &dyn Database, organization: &str) -> Result<u64> {
    let Some(organization) = keys::resource(reader, "Organization", organization)? else { return Ok(0) };
    let sql = "SELECT coalesce(max(seq), 0) FROM feed WHERE organization = ?1";
    Ok(reader.number(sql, values![organization])?.cast_unsigned())
}

/// The newest commit of all.
pub(in crate::store) fn newest_commit(connection: &dyn Database) -> Result<u64> {
    Ok(connection.number("SELECT seq FROM store", values![])?.cast_unsigned())
}

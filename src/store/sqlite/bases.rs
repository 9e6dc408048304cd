//! Under which URLs FHIR was served from the store. An absolute reference that begins with one of them leads to what is
//! stored here, so one more of them changes nothing but what already refers to it: the index is not made anew.

use rusqlite::params;

use crate::error::Result;
use crate::store::index::ParameterKind;
use crate::store::index_definition::IndexDefinition;
use crate::store::index_ids::Index;
use crate::store::search::criterion::VERBATIM;
use crate::store::sql::{bases, read};
use crate::store::visibility::Visibility;

use super::keys::Keys;
use super::rows::{self, Indexed};
use super::session::Session;
use super::statement::Connection;

/// Adds one that the index, as it is, does not know; what refers to it is found by that from now on. Gives how many resources
/// that were.
pub(super) fn add(writer: &Connection, keys: &mut Keys, index: &mut Index, base: &str) -> Result<usize> {
    let referring = referring(writer, index, base)?;
    let before = index.definition.clone();
    writer.execute("INSERT INTO base (url) VALUES (?1)", [base])?;
    index.definition = IndexDefinition { bases: bases::all(writer)?, ..before.clone() };
    let mut session = Session::new_session(writer, keys, Some(index));
    for (id, updated) in &referring {
        if let Some(stored) = read::newest(writer, Visibility::All, *id)? {
            let (resource, updated) = (*id, *updated);
            let entries = before.entries(&stored.document)?;
            rows::remove(&mut session, Indexed { entries: &entries, resource, updated })?;
            let entries = index.definition.entries(&stored.document)?;
            rows::add(&mut session, &[Indexed { entries: &entries, resource, updated }])?;
        }
    }
    Ok(referring.len())
}

/// The resources, each with the time of its last change, that refer to something by a URL below this one.
fn referring(connection: &Connection, index: &Index, base: &str) -> Result<Vec<(i64, i64)>> {
    // The sign behind the slash: everything below lies between the two.
    let (from, to) = (format!("{base}/"), format!("{base}0"));
    let mut statement = connection.prepare_cached(
        "SELECT resource, updated FROM token WHERE parameter = ?1 AND value >= ?2 AND value < ?3 AND system = ?4",
    )?;
    let mut found = Vec::new();
    for (number, id) in (0..).zip(&index.ids) {
        let parameter = index.definition.parameters.parameter(number);
        if parameter.is_some_and(|parameter| parameter.kind == ParameterKind::Reference) {
            let rows = statement.query_map(params![id, from, to, VERBATIM], |row| Ok((row.get(0)?, row.get(1)?)))?;
            found.extend(rows.collect::<rusqlite::Result<Vec<_>>>()?);
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

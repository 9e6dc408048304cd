//! The search index that a database holds, for whoever only looks at it.

use std::sync::Arc;

use crate::error::Result;
use crate::store::index::SearchParameters;
use crate::store::index_definition::IndexDefinition;
use crate::store::index_ids::Index;

use super::{Ask, Database, bases, keys, values};

/// The id of a parameter that the database does not know: no row has it.
const NOT_THERE: i64 = -1;

/// The index of these parameters, if what the database holds was made with them.
pub(in crate::store) fn made_with(reader: &dyn Database, parameters: &Arc<SearchParameters>) -> Result<Option<Index>> {
    let definition = IndexDefinition::new(parameters, bases::all(reader)?);
    let fingerprint = definition.fingerprint();
    let found: Option<String> = reader.row("SELECT parameters FROM store", values![], |row| row.get(0))?;
    if found.is_none_or(|found| found != fingerprint) {
        return Ok(None);
    }
    let mut ids = Vec::new();
    for (kind, code) in definition.names() {
        let id = match keys::kind(reader, kind)? {
            Some(kind) => keys::parameter(reader, kind, code)?,
            None => None,
        };
        ids.push(id.unwrap_or(NOT_THERE));
    }
    Ok(Some(Index { counted: definition.counted(), definition, ids, generation: 0, fingerprint }))
}

//! The reads of a plan, inside its transaction: they find what the plan wrote.

use crate::error::{Error, Result};
use crate::fhir::Issue;
use crate::referral::{Read, VersionRange};
use crate::store::ReadResult;
use crate::store::prepared::PreparedRead;
use crate::store::query::Query;

use super::{Database, read, search};
use crate::store::index_ids::Index;

/// What the reads find, in their order; of resources at most so many bytes in all.
///
/// # Errors
/// `NotFound` for the first that finds no resource, and what else keeps one from being answered, at the path of who asks.
/// `Unprocessable` for the one that finds too much.
pub(in crate::store) fn read_all(
    connection: &dyn Database,
    index: &Index,
    reads: &[PreparedRead],
    most: usize,
) -> Result<Vec<ReadResult>> {
    let mut found = Vec::with_capacity(reads.len());
    let mut bytes = 0_usize;
    for prepared in reads {
        let result = read_one(connection, index, prepared, most).map_err(|error| at(error, &prepared.planned.path))?;
        bytes = bytes.saturating_add(result.bytes());
        if bytes > most {
            return Err(at(ReadResult::too_large(most), &prepared.planned.path));
        }
        found.push(result);
    }
    Ok(found)
}

/// What a read finds. A page ends where it has so many bytes.
fn read_one(
    connection: &dyn Database,
    index: &Index,
    PreparedRead { planned, query }: &PreparedRead,
    most: usize,
) -> Result<ReadResult> {
    let scope = &planned.scope;
    match (&planned.read, query) {
        (Read::Resource { key, version }, _) => {
            let stored = read::read(connection, scope, key, *version)?;
            Ok(ReadResult::Resource(stored.ok_or_else(|| Error::not_found(key))?))
        }
        (Read::History { key, range }, _) => {
            let range = VersionRange { bytes: range.bytes.min(most), ..*range };
            let versions = read::history(connection, scope, key, range)?;
            let newest = VersionRange::newest(1);
            if versions.is_empty()
                && (range.before.is_none() || read::history(connection, scope, key, newest)?.is_empty())
            {
                return Err(Error::not_found(key));
            }
            Ok(ReadResult::Versions(versions))
        }
        (Read::Search { .. }, Some(query)) => {
            let query = Query { bytes: query.bytes.min(most), ..query.clone() };
            Ok(ReadResult::Page(search::search(connection, index, scope, &query)?))
        }
        (Read::Search { .. }, None) => Err(Error::fault("a search was not prepared")),
    }
}

fn at(error: Error, path: &str) -> Error {
    let issues = error.issues.into_iter().map(|issue| Issue { path: path.to_owned(), ..issue });
    Error { category: error.category, issues: issues.collect() }
}

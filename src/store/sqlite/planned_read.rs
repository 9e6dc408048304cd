//! The reads of a plan, inside its transaction: they find what the plan wrote.

use crate::error::{Error, Result};
use crate::fhir::Issue;
use crate::referral::Read;
use crate::store::ReadResult;
use crate::store::prepared::PreparedRead;

use super::session::Session;
use super::{read, search};

/// What the reads find, in their order.
///
/// # Errors
/// `NotFound` for the first that finds no resource, and what else keeps one from being answered, at the path of who asks.
pub(super) fn read_all(session: &Session<'_>, reads: &[PreparedRead]) -> Result<Vec<ReadResult>> {
    reads
        .iter()
        .map(|prepared| read_one(session, prepared).map_err(|error| at(error, &prepared.planned.path)))
        .collect()
}

fn read_one(session: &Session<'_>, PreparedRead { planned, query }: &PreparedRead) -> Result<ReadResult> {
    let (connection, scope) = (session.connection, &planned.scope);
    match (&planned.read, query) {
        (Read::Resource { key, version }, _) => {
            let stored = read::read(connection, scope, key, *version)?;
            Ok(ReadResult::Resource(stored.ok_or_else(|| Error::not_found(key))?))
        }
        (Read::History { key, count }, _) => {
            let versions = read::history(connection, scope, key, *count)?;
            if versions.is_empty() { Err(Error::not_found(key)) } else { Ok(ReadResult::Versions(versions)) }
        }
        (Read::Search { .. }, Some(query)) => {
            Ok(ReadResult::Page(search::search(connection, session.index()?, scope, query)?))
        }
        (Read::Search { .. }, None) => Err(Error::fault("a search was not prepared")),
    }
}

fn at(error: Error, path: &str) -> Error {
    let issues = error.issues.into_iter().map(|issue| Issue { path: path.to_owned(), ..issue });
    Error { category: error.category, issues: issues.collect() }
}

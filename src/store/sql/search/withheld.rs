//! Searches by what is withheld from whoever asks: the index knows the whole of every resource, so where a condition is
//! about an element that is withheld, those resources are asked once more, as they are shown.

use crate::error::{Error, Result};
use crate::fhir::ResourceKey;
use crate::store::Stored;
use crate::store::index::{IndexEntry, IndexValue};
use crate::store::index_ids::Index;
use crate::store::query::{Query, Subject};
use crate::store::sql::{Database, read, renewals, withheld};
use crate::store::visibility::Visibility;

/// The resources that match by what is withheld alone, and those that match without it alone.
pub(super) fn corrections(
    connection: &dyn Database,
    index: &Index,
    query: &Query,
    organization: i64,
    kind: i64,
) -> Result<(Vec<i64>, Vec<i64>)> {
    let (mut unmatched, mut matched) = (Vec::new(), Vec::new());
    // The index knows the newest version of those that are shown as they were.
    for id in renewals::held_back(connection, organization, kind)? {
        let whole = read::find_newest(connection, Visibility::All, id)?;
        let shown = read::find_newest(connection, Visibility::Of(organization), id)?;
        let (Some(Ok(whole)), Some(Ok(shown))) = (whole, shown) else { continue };
        let matches = |stored: &Stored| {
            let entries = index.definition.served_entries(&stored.document)?;
            Ok::<_, Error>(query.matches(&stored.key.id, stored.updated.as_microsecond(), &entries))
        };
        match (matches(&whole)?, matches(&shown)?) {
            (true, false) => unmatched.push(id),
            (false, true) => matched.push(id),
            _ => {}
        }
    }
    if !asks_for_any(index, query, &withheld::members(connection, organization, kind)?) {
        return Ok((unmatched, matched));
    }
    for id in withheld::resources(connection, organization, kind)? {
        // One that cannot be read is told, or fails the search, if it is found.
        let Some(Ok(stored)) = read::find_newest(connection, Visibility::Of(organization), id)? else { continue };
        let Some(withheld) = &stored.withheld else { continue };
        let matches = |entries: &[IndexEntry]| query.matches(&stored.key.id, stored.updated.as_microsecond(), entries);
        let whole = matches(&index.definition.served_entries(&withheld.whole)?);
        let shown = matches(&index.definition.served_entries(&stored.document)?);
        match (whole, shown) {
            (true, false) => unmatched.push(id),
            (false, true) => matched.push(id),
            _ => {}
        }
    }
    Ok((unmatched, matched))
}

/// Is any condition about one of these elements?
fn asks_for_any(index: &Index, query: &Query, members: &[String]) -> bool {
    let about = |number| index.definition.parameters.parameter(number).is_some_and(|it| it.looks_at_any(members));
    !members.is_empty()
        && query.clauses.iter().any(|clause| match clause.subject {
            Subject::Parameter(number) => about(number),
            Subject::Id | Subject::LastUpdated => false,
        })
}

/// Does whoever asks see that the resource with this id references another one by a parameter?
pub(super) fn shows_reference(
    connection: &dyn Database,
    index: &Index,
    visibility: Visibility,
    id: i64,
    (parameter, target): (u16, &ResourceKey),
) -> Result<bool> {
    let stored = match read::find_newest(connection, visibility, id)? {
        None => return Ok(false),
        Some(Ok(stored)) => stored,
        // It is found by what it held, and told as what it is now, unless anything of it is withheld.
        Some(Err(_)) => return Ok(!withheld::withholds(connection, visibility, id)?),
    };
    if stored.withheld.is_none() && !renewals::is_held_back(connection, visibility, id)? {
        return Ok(true);
    }
    let wanted = IndexEntry { parameter, value: IndexValue::Reference(target.clone()) };
    Ok(index.definition.served_entries(&stored.document)?.contains(&wanted))
}

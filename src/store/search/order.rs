//! The order of matches, and the cursor: where a page ended, by the position of its last match in that order. Pages neither
//! repeat nor skip what does not change meanwhile; what changes takes its new place, which by default is the end.

use crate::error::{Error, Result};
use crate::fhir::Key;
use crate::store::query::{Query, Sort, SortKey};

/// What matches are ordered by, first things first. The last one is different for every resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Order {
    keys: Vec<(Column, bool)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Column {
    /// `meta.lastUpdated`
    Updated,
    /// The logical id
    Logical,
    /// The resource's own id
    Resource,
}

/// Where a match stands in the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct MatchPosition {
    pub(in crate::store) resource: i64,
    pub(in crate::store) updated: i64,
    pub(in crate::store) logical: String,
}

impl Order {
    /// The order that a query asks for; newest last where it asks for none.
    pub(in crate::store) fn of(query: &Query) -> Self {
        let mut keys = Vec::new();
        for Sort { by, descending } in &query.sort {
            let column = match by {
                SortKey::Id => Column::Logical,
                SortKey::LastUpdated => Column::Updated,
            };
            if keys.iter().all(|(known, _)| *known != column) {
                keys.push((column, *descending));
            }
            if column == Column::Logical {
                return Self { keys };
            }
        }
        let descending = keys.first().is_some_and(|(_, descending)| *descending);
        if keys.is_empty() {
            keys.push((Column::Updated, false));
        }
        keys.push((Column::Resource, descending));
        Self { keys }
    }

    /// Is it the order of the index rows?
    pub(in crate::store) fn is_by_change(&self) -> bool {
        self.keys[0].0 == Column::Updated && self.keys.last().is_some_and(|(column, _)| *column == Column::Resource)
    }

    /// What matches are ordered by, each with whether the highest comes first.
    pub(in crate::store) fn keys(&self) -> &[(Column, bool)] {
        &self.keys
    }

    /// The cursor behind this position. Its letter says what it counts in: `u` and `i` were milliseconds.
    pub(in crate::store) fn cursor(&self, position: &MatchPosition) -> String {
        let MatchPosition { resource, updated, logical } = position;
        let by_id = self.keys.last().is_some_and(|(column, _)| *column == Column::Logical);
        if by_id { format!("n{updated}-{logical}") } else { format!("t{updated}-{resource}") }
    }

    /// The position that a cursor of this order names.
    pub(in crate::store) fn position_of(&self, cursor: &str) -> Result<MatchPosition> {
        let unknown = || {
            let message = "the cursor is not one of this search; ask without it, and follow the links of the answer";
            let mut error = Error::incorrect(Key::UnknownCursor, message);
            error.issues.iter_mut().for_each(|issue| "_cursor".clone_into(&mut issue.path));
            error
        };
        let (order, updated) = cursor.split_at_checked(1).ok_or_else(unknown)?;
        let (updated, last) = updated.split_once('-').ok_or_else(unknown)?;
        let updated = updated.parse().map_err(|_| unknown())?;
        let by_id = self.keys.last().is_some_and(|(column, _)| *column == Column::Logical);
        match (order, by_id) {
            ("n", true) => Ok(MatchPosition { resource: 0, updated, logical: last.to_owned() }),
            ("t", false) => {
                let resource = last.parse().map_err(|_| unknown())?;
                Ok(MatchPosition { resource, updated, logical: String::new() })
            }
            _ => Err(unknown()),
        }
    }
}

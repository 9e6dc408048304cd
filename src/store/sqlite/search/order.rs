//! The order of matches, and the cursor: where a page ended, by the place of its last match in that order. Pages neither
//! repeat nor skip what does not change meanwhile; what changes takes its new place, which by default is the end.

use crate::error::{Error, Result};
use crate::fhir::Key;
use crate::store::query::{Query, Sort, SortKey};

use super::sql::Sql;

/// What matches are ordered by, first things first. The last one is different for every resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    keys: Vec<(Column, bool)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Updated,
    Logical,
    Resource,
}

/// Where a match stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) resource: i64,
    pub(super) updated: i64,
    pub(super) logical: String,
}

impl Order {
    /// The order that a query asks for; newest last where it asks for none.
    pub(super) fn of(query: &Query) -> Self {
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
    pub(super) fn is_by_change(&self) -> bool {
        self.keys[0].0 == Column::Updated && self.keys.last().is_some_and(|(column, _)| *column == Column::Resource)
    }

    /// `ORDER BY`, with these names for lastUpdated and the id.
    pub(super) fn by(&self, updated: &str, resource: &str) -> String {
        let keys: Vec<String> = self
            .keys
            .iter()
            .map(|(column, descending)| {
                format!("{}{}", column.name(updated, resource), if *descending { " DESC" } else { "" })
            })
            .collect();
        format!(" ORDER BY {}", keys.join(", "))
    }

    /// The condition of what comes after this place. Its first half alone bounds an index.
    pub(super) fn after(&self, spot: &Spot, updated: &str, resource: &str) -> Sql {
        let mut sql = Sql::default();
        let mut closing = String::new();
        for (position, (column, descending)) in self.keys.iter().enumerate() {
            let name = column.name(updated, resource);
            let further = if *descending { "<" } else { ">" };
            let value = || column.value(spot);
            if position + 1 == self.keys.len() {
                sql.with(&format!("{name} {further} ?"), value());
            } else {
                sql.with(&format!("({name} {further}= ?"), value())
                    .with(&format!(" AND ({name} {further} ? OR "), value());
                closing.push_str("))");
            }
        }
        sql.push(&closing);
        sql
    }

    /// The cursor behind this place.
    pub(super) fn cursor(&self, spot: &Spot) -> String {
        let Spot { resource, updated, logical } = spot;
        let by_id = self.keys.last().is_some_and(|(column, _)| *column == Column::Logical);
        if by_id { format!("i{updated}-{logical}") } else { format!("u{updated}-{resource}") }
    }

    /// The place that a cursor of this order names.
    pub(super) fn spot(&self, cursor: &str) -> Result<Spot> {
        let unknown = || {
            let message = "the cursor is not one of this search; ask without it, and follow the links of the answer";
            let mut error = Error::incorrect(Key::UnknownCursor, message);
            error.issues.iter_mut().for_each(|issue| "_cursor".clone_into(&mut issue.path));
            error
        };
        let (place, updated) = cursor.split_at_checked(1).ok_or_else(unknown)?;
        let (updated, last) = updated.split_once('-').ok_or_else(unknown)?;
        let updated = updated.parse().map_err(|_| unknown())?;
        let by_id = self.keys.last().is_some_and(|(column, _)| *column == Column::Logical);
        match (place, by_id) {
            ("i", true) => Ok(Spot { resource: 0, updated, logical: last.to_owned() }),
            ("u", false) => {
                let resource = last.parse().map_err(|_| unknown())?;
                Ok(Spot { resource, updated, logical: String::new() })
            }
            _ => Err(unknown()),
        }
    }
}

impl Column {
    fn name<'n>(self, updated: &'n str, resource: &'n str) -> &'n str {
        match self {
            Self::Updated => updated,
            Self::Logical => "r.logical",
            Self::Resource => resource,
        }
    }

    fn value(self, spot: &Spot) -> rusqlite::types::Value {
        match self {
            Self::Updated => spot.updated.into(),
            Self::Logical => spot.logical.clone().into(),
            Self::Resource => spot.resource.into(),
        }
    }
}

//! The SQL of an order, and of what comes after a position in it.

use crate::store::search::order::{Column, MatchPosition, Order};

use super::sql::Sql;
use crate::store::sql::value::OwnedValue;

/// `ORDER BY`, with these names for lastUpdated and the id.
pub(super) fn order_by(order: &Order, updated: &str, resource: &str) -> String {
    let keys: Vec<String> = order
        .keys()
        .iter()
        .map(|(column, descending)| {
            format!("{}{}", name_of(*column, updated, resource), if *descending { " DESC" } else { "" })
        })
        .collect();
    format!(" ORDER BY {}", keys.join(", "))
}

/// The condition of what comes after this position. Its first half alone bounds an index.
pub(super) fn after(order: &Order, last: &MatchPosition, updated: &str, resource: &str) -> Sql {
    let mut sql = Sql::default();
    let mut closing = String::new();
    for (position, (column, descending)) in order.keys().iter().enumerate() {
        let name = name_of(*column, updated, resource);
        let further = if *descending { "<" } else { ">" };
        let value = || value_of(*column, last);
        if position + 1 == order.keys().len() {
            sql.with(&format!("{name} {further} ?"), value());
        } else {
            sql.with(&format!("({name} {further}= ?"), value()).with(&format!(" AND ({name} {further} ? OR "), value());
            closing.push_str("))");
        }
    }
    sql.push(&closing);
    sql
}

fn name_of<'n>(column: Column, updated: &'n str, resource: &'n str) -> &'n str {
    match column {
        Column::Updated => updated,
        Column::Logical => "r.logical",
        Column::Resource => resource,
    }
}

fn value_of(column: Column, position: &MatchPosition) -> OwnedValue {
    match column {
        Column::Updated => position.updated.into(),
        Column::Logical => position.logical.clone().into(),
        Column::Resource => position.resource.into(),
    }
}

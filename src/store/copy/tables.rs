//! What a store is made of, table by table: the same in both databases. What is about a file (whether it is served, whether it has
//! room) is of no other one, and is not among it.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::store::postgres::{fit, is_cut};
use crate::store::sql::{Row, Value};

/// A table.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// Its columns; what a row is known by comes first
    pub(super) columns: &'static [(&'static str, ColumnKind)],
    /// How many of them a row is known by
    pub(super) key: usize,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnKind {
    Integer,
    Text,
    Bytes,
    /// A text by which something is found: PostgreSQL keeps the beginning of a long one, and a digest
    Found,
}

use ColumnKind::{Bytes, Found, Integer, Text};

const fn table(name: &'static str, key: usize, columns: &'static [(&'static str, ColumnKind)]) -> Table {
    Table { name, columns, key }
}

/// Every one but `store`, which says how far all of it has come.
pub(super) const TABLES: &[Table] = &[
    table("restored", 1, &[("number", Integer), ("cursors", Text), ("seq", Integer)]),
    table("base", 1, &[("url", Text)]),
    table("kind", 1, &[("id", Integer), ("name", Text), ("resources", Integer)]),
    table(
        "resource",
        1,
        &[
            ("id", Integer),
            ("kind", Integer),
            ("logical", Text),
            ("version", Integer),
            ("current", Integer),
            ("updated", Integer),
            ("seq", Integer),
            ("author", Integer),
            ("public", Integer),
            ("shown", Integer),
        ],
    ),
    table(
        "version",
        1,
        &[
            ("id", Integer),
            ("resource", Integer),
            ("version", Integer),
            ("updated", Integer),
            ("seq", Integer),
            ("document", Text),
            ("shown", Integer),
        ],
    ),
    table("task_step", 2, &[("task", Integer), ("version", Integer), ("seq", Integer), ("document", Text)]),
    table(
        "task_resource",
        3,
        &[("task", Integer), ("resource", Integer), ("since", Integer), ("giver", Integer), ("until", Integer)],
    ),
    table(
        "task_party",
        4,
        &[
            ("task", Integer),
            ("organization", Integer),
            ("party", Text),
            ("since", Integer),
            ("until", Integer),
            ("ended", Text),
        ],
    ),
    table("seen", 3, &[("organization", Integer), ("kind", Integer), ("resource", Integer), ("tasks", Integer)]),
    table(
        "withheld",
        6,
        &[
            ("organization", Integer),
            ("resource", Integer),
            ("task", Integer),
            ("member", Text),
            ("author", Text),
            ("since", Integer),
            ("rule", Text),
            ("until", Integer),
        ],
    ),
    table(
        "renewal",
        2,
        &[
            ("seq", Integer),
            ("resource", Integer),
            ("replaced", Integer),
            ("version", Integer),
            ("client", Text),
            ("request", Text),
            ("told", Integer),
            ("after", Integer),
        ],
    ),
    table("withdrawal", 3, &[("resource", Integer), ("seq", Integer), ("cause", Integer)]),
    table("extras", 2, &[("task", Integer), ("seq", Integer), ("value", Text)]),
    table("feed", 2, &[("task", Integer), ("organization", Integer), ("seq", Integer)]),
    table("unanswered", 1, &[("task", Integer), ("state", Text), ("program", Text), ("since", Integer)]),
    table(
        "consent_rule",
        5,
        &[
            ("person", Integer),
            ("says", Text),
            ("recipient", Integer),
            ("given", Integer),
            ("consent", Integer),
            ("since", Integer),
            ("until", Integer),
        ],
    ),
    table("task_consent", 3, &[("person", Integer), ("rests_on", Integer), ("task", Integer)]),
    table(
        "audit",
        1,
        &[
            ("id", Integer),
            ("at", Integer),
            ("action", Text),
            ("client", Text),
            ("organization", Text),
            ("request", Text),
            ("subject", Text),
            ("detail", Text),
            ("outcome", Text),
            ("correlation", Text),
            ("entities", Text),
            ("chain", Text),
            ("number", Integer),
            ("previous", Bytes),
            ("hash", Bytes),
        ],
    ),
    table("audit_chain", 1, &[("chain", Text), ("number", Integer), ("hash", Bytes)]),
    table(
        "idempotency",
        2,
        &[("client", Text), ("key", Text), ("digest", Text), ("answer", Text), ("seq", Integer), ("at", Integer)],
    ),
    table(
        "client",
        1,
        &[
            ("number", Integer),
            ("id", Text),
            ("name", Text),
            ("role", Text),
            ("organization", Text),
            ("hash", Bytes),
            ("created", Integer),
            ("revoked", Integer),
            ("acts_for", Text),
            ("certificates", Text),
        ],
    ),
    table("parameter", 1, &[("id", Integer), ("kind", Integer), ("code", Text)]),
    table("system", 1, &[("id", Integer), ("uri", Text)]),
    table(
        "token",
        5,
        &[("parameter", Integer), ("value", Found), ("updated", Integer), ("resource", Integer), ("system", Integer)],
    ),
    table("reference", 4, &[("parameter", Integer), ("target", Integer), ("updated", Integer), ("resource", Integer)]),
    table("text", 4, &[("parameter", Integer), ("value", Found), ("updated", Integer), ("resource", Integer)]),
    table("date", 4, &[("parameter", Integer), ("high", Integer), ("low", Integer), ("resource", Integer)]),
    table("counted", 3, &[("parameter", Integer), ("value", Found), ("system", Integer), ("resources", Integer)]),
];

impl Table {
    /// The names of its columns.
    pub(super) fn names(&self) -> String {
        self.list(self.columns.len())
    }

    /// The names of those that a row is known by.
    pub(super) fn key_names(&self) -> String {
        self.list(self.key)
    }

    fn list(&self, count: usize) -> String {
        self.columns.iter().take(count).map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    /// The columns of a row. Texts by which something is found are as both databases can keep them.
    pub(super) fn cells(&self, row: &Row<'_>) -> Result<Vec<Cell>> {
        self.columns.iter().enumerate().map(|(column, (name, kind))| self.cell(row, column, name, *kind)).collect()
    }

    /// Is a text of these by which something is found only the beginning of one?
    pub(super) fn is_cut(&self, cells: &[Cell]) -> bool {
        let mut found = self.columns.iter().zip(cells).filter(|((_, kind), _)| *kind == Found);
        found.any(|(_, cell)| matches!(cell, Cell::Text(Some(text)) if is_cut(text)))
    }

    fn cell(&self, row: &Row<'_>, column: usize, name: &str, kind: ColumnKind) -> Result<Cell> {
        Ok(match (kind, row.0.value(column)?) {
            (Integer, Value::Integer(number)) => Cell::Integer(number),
            (Text, Value::Text(text)) => Cell::Text(text.map(str::to_owned)),
            (Found, Value::Text(text)) => Cell::Text(text.map(|text| fit(text).into_owned())),
            (Bytes, Value::Bytes(bytes)) => Cell::Bytes(bytes.map(<[u8]>::to_vec)),
            (Text | Found, Value::Integer(None)) => Cell::Text(None),
            (Bytes, Value::Integer(None)) => Cell::Bytes(None),
            _ => {
                let table = self.name;
                return Err(Error::fault(format!("{name} of a row of {table} is of another type than it is to be")));
            }
        })
    }
}

/// One value of a row, kept until it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    Integer(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

impl Cell {
    pub(super) fn value(&self) -> Value<'_> {
        match self {
            Self::Integer(number) => Value::Integer(*number),
            Self::Text(text) => Value::Text(text.as_deref()),
            Self::Bytes(bytes) => Value::Bytes(bytes.as_deref()),
        }
    }

    /// How much it holds.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Integer(_) => 8,
            Self::Text(text) => text.as_ref().map_or(0, String::len),
            Self::Bytes(bytes) => bytes.as_ref().map_or(0, Vec::len),
        }
    }

    /// Adds it to a digest, so that no two rows of different cells give the same.
    pub(super) fn digest(&self, digest: &mut Sha256) {
        let bytes: Option<Cow<'_, [u8]>> = match self {
            Self::Integer(number) => number.map(|number| Cow::Owned(number.to_be_bytes().to_vec())),
            Self::Text(text) => text.as_ref().map(|text| Cow::Borrowed(text.as_bytes())),
            Self::Bytes(bytes) => bytes.as_ref().map(|bytes| Cow::Borrowed(bytes.as_slice())),
        };
        digest.update(bytes.as_ref().map_or(u64::MAX, |bytes| bytes.len() as u64).to_be_bytes());
        digest.update(bytes.as_deref().unwrap_or_default());
    }
}

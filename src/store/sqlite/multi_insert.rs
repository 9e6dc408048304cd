//! Rows that are inserted several at a time: beginning and ending a statement costs about as much as a row, and is shared by
//! them.

use rusqlite::params_from_iter;

use crate::error::Result;
use crate::store::sql::Value;

use super::statement::Connection;

/// How many rows the statements take, the most first: few statements, and few to compile.
const ROWS: [usize; 5] = [16, 8, 4, 2, 1];

/// An insert of any number of rows.
#[derive(Debug)]
pub(super) struct MultiInsert {
    /// The statement for each of [`ROWS`]
    statements: [String; ROWS.len()],
    /// How many values a row is given
    values: usize,
}

impl MultiInsert {
    /// `INSERT INTO ...`, the values of a row with a `?` for each that it is given, and what follows the rows.
    ///
    /// It must not have to take back what it inserted (`INSERT OR IGNORE`, `OR FAIL`): a statement that may copies each page
    /// that it changes.
    pub(super) fn new(insert: &str, row: &str, end: &str) -> Self {
        let statements = ROWS.map(|rows| format!("{insert} VALUES {}{end}", vec![row; rows].join(", ")));
        Self { statements, values: row.matches('?').count() }
    }

    /// Inserts the rows that these values make, one behind the other.
    pub(super) fn execute(&self, connection: &Connection, mut values: &[Value<'_>]) -> Result<()> {
        for (rows, sql) in ROWS.into_iter().zip(&self.statements) {
            while values.len() >= rows * self.values && !values.is_empty() {
                let (first, rest) = values.split_at(rows * self.values);
                connection.prepare_cached(sql)?.execute(params_from_iter(first))?;
                values = rest;
            }
        }
        Ok(())
    }
}

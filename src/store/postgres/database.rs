//! A connection as what both databases are asked is asked of: see [`crate::store::sql`]. Whoever asks waits on a thread that may
//! be blocked, and a statement is a trip to the database and back.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt::Write as _;
use std::ops::ControlFlow;

use tokio::runtime::Handle;
use tokio_postgres::Row as Found;
use tokio_postgres::types::{ToSql, Type};

use super::connection::{Connection, Parameter};
use super::index_value::fit;
use crate::error::{Error, Result};
use crate::store::sql::database::{TakeRow, Wanted};
use crate::store::sql::{Columns, Database, Dialect, Row, Value};

/// How many rows are fetched at a time of those of which only some are wanted.
const BATCH: usize = 64;

/// A connection in a transaction.
pub(super) struct PostgresDatabase<'c> {
    connection: &'c Connection,
    runtime: &'c Handle,
    /// How many cursors were opened; each ends with the transaction
    cursors: Cell<u32>,
}

impl<'c> PostgresDatabase<'c> {
    /// Asks this connection, whose transaction is begun and ended by the caller, on a thread that may be blocked.
    pub(super) fn new(connection: &'c Connection, runtime: &'c Handle) -> Self {
        Self { connection, runtime, cursors: Cell::new(0) }
    }

    /// Hands on rows of a cursor, as long as they are taken: what is not is never sent.
    fn each_fetched(&self, sql: &str, values: &[Value<'_>], take: TakeRow<'_>) -> Result<()> {
        let number = self.cursors.get();
        self.cursors.set(number.wrapping_add(1));
        let declared = format!("DECLARE rows_{number} NO SCROLL CURSOR FOR {sql}");
        let fetched = format!("FETCH {BATCH} FROM rows_{number}");
        let client = self.connection.client();
        let given = given(values, fit);
        let typed: Vec<(Parameter<'_>, Type)> =
            given.iter().zip(values).map(|(value, told)| (&**value as Parameter<'_>, type_of(told))).collect();
        // Both are sent at once, and done one after the other.
        let (declared, first) = self.runtime.block_on(async {
            tokio::join!(client.execute_typed(&declared, &typed), client.query_typed(&fetched, &[]))
        });
        declared?;
        let mut rows = first?;
        loop {
            if hand_on(&rows, take)?.is_break() || rows.len() < BATCH {
                return Ok(());
            }
            rows = self.runtime.block_on(client.query_typed(&fetched, &[]))?;
        }
    }
}

impl Database for PostgresDatabase<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn each_row(&self, sql: &str, values: &[Value<'_>], wanted: Wanted, take: TakeRow<'_>) -> Result<()> {
        let sql = with_numbers(sql);
        if wanted == Wanted::Some {
            return self.each_fetched(&sql, values, take);
        }
        let types: Vec<Type> = values.iter().map(type_of).collect();
        let given = given(values, fit);
        let given: Vec<Parameter<'_>> = given.iter().map(|value| &**value as Parameter<'_>).collect();
        let rows = self.runtime.block_on(async {
            let statement = self.connection.prepare(&sql, &types).await?;
            self.connection.client().query(&statement, &given).await
        })?;
        hand_on(&rows, take).map(|_| ())
    }

    fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<u64> {
        let types: Vec<Type> = values.iter().map(type_of).collect();
        let given = given(values, Cow::Borrowed);
        let given: Vec<Parameter<'_>> = given.iter().map(|value| &**value as Parameter<'_>).collect();
        let changed = self.runtime.block_on(async {
            let statement = self.connection.prepare(&with_numbers(sql), &types).await?;
            self.connection.client().execute(&statement, &given).await
        })?;
        Ok(changed)
    }
}

fn hand_on(rows: &[Found], take: TakeRow<'_>) -> Result<ControlFlow<()>> {
    for row in rows {
        if take(&Row(row))?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// The statement with `$1` for `?1`, and where a `?` has no number with that of its place. No text in a statement holds one:
/// what is asked for is a value.
fn with_numbers(sql: &str) -> String {
    let mut numbered = String::with_capacity(sql.len() + 16);
    let mut place = 0;
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once('?') {
        numbered.push_str(before);
        numbered.push('$');
        if !after.starts_with(|sign: char| sign.is_ascii_digit()) {
            place += 1;
            // Writing to a string does not fail.
            let _ = write!(numbered, "{place}");
        }
        rest = after;
    }
    numbered.push_str(rest);
    numbered
}

fn type_of(value: &Value<'_>) -> Type {
    match value {
        Value::Integer(_) => Type::INT8,
        Value::Text(_) => Type::TEXT,
        Value::Bytes(_) => Type::BYTEA,
    }
}

/// The values as they are sent, and each text as it `fits`: what something is found by as what is found was made to.
fn given<'v>(values: &[Value<'v>], fits: fn(&'v str) -> Cow<'v, str>) -> Vec<Box<dyn ToSql + Sync + Send + 'v>> {
    let given = values.iter().map(|value| match *value {
        Value::Integer(number) => Box::new(number) as Box<dyn ToSql + Sync + Send + 'v>,
        Value::Text(text) => Box::new(text.map(fits)),
        Value::Bytes(bytes) => Box::new(bytes),
    });
    given.collect()
}

impl Columns for Found {
    fn value(&self, column: usize) -> Result<Value<'_>> {
        let kind = self.columns().get(column).map(tokio_postgres::Column::type_);
        Ok(match kind.cloned().unwrap_or(Type::UNKNOWN) {
            Type::INT8 => Value::Integer(self.try_get(column)?),
            Type::INT4 => Value::Integer(self.try_get::<_, Option<i32>>(column)?.map(i64::from)),
            Type::BOOL => Value::Integer(self.try_get::<_, Option<bool>>(column)?.map(i64::from)),
            Type::TEXT | Type::VARCHAR | Type::NAME => Value::Text(self.try_get(column)?),
            Type::BYTEA => Value::Bytes(self.try_get(column)?),
            other => return Err(Error::fault(format!("the database has a {other} where it keeps none"))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_numbered_as_they_are_named_or_stand() {
        for (sql, expected) in [
            ("SELECT 1", "SELECT 1"),
            ("a = ?2 AND b = ?1 AND c = ?2", "a = $2 AND b = $1 AND c = $2"),
            ("a = ? AND b IN (?, ?) LIMIT ?", "a = $1 AND b IN ($2, $3) LIMIT $4"),
        ] {
            assert_eq!(with_numbers(sql), expected);
        }
    }
}

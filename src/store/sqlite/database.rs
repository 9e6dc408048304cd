//! A connection as what both databases are asked is asked of: see [`crate::store::sql`].

use rusqlite::params_from_iter;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

use crate::error::{Error, Result};
use crate::store::sql::database::{TakeRow, Wanted};
use crate::store::sql::{Columns, Database, Dialect, Row, Value};

use super::statement::Connection;

impl Database for Connection {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn each_row(&self, sql: &str, values: &[Value<'_>], _: Wanted, take: TakeRow<'_>) -> Result<()> {
        let mut statement = self.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            if take(&Row(row))?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<u64> {
        Ok(self.prepare_cached(sql)?.execute(params_from_iter(values))? as u64)
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match *self {
            Self::Integer(number) => number.map(ValueRef::Integer),
            Self::Text(text) => text.map(|text| ValueRef::Text(text.as_bytes())),
            Self::Bytes(bytes) => bytes.map(ValueRef::Blob),
        };
        Ok(ToSqlOutput::Borrowed(value.unwrap_or(ValueRef::Null)))
    }
}

impl Columns for rusqlite::Row<'_> {
    fn value(&self, column: usize) -> Result<Value<'_>> {
        match self.get_ref(column)? {
            ValueRef::Null => Ok(Value::Integer(None)),
            ValueRef::Integer(number) => Ok(Value::Integer(Some(number))),
            ValueRef::Text(bytes) => Ok(match std::str::from_utf8(bytes) {
                Ok(text) => Value::Text(Some(text)),
                Err(_) => Value::Bytes(Some(bytes)),
            }),
            ValueRef::Blob(bytes) => Ok(Value::Bytes(Some(bytes))),
            ValueRef::Real(_) => Err(Error::fault("the database has a fraction where it keeps none")),
        }
    }
}

//! A database that is asked: the one thing that a backend gives to what is asked here.

use std::ops::ControlFlow;

use crate::error::Result;

use super::dialect::Dialect;
use super::value::{Row, Value};

/// What is done with a row: `Break` where no further one is wanted.
pub(in crate::store) type TakeRow<'t> = &'t mut dyn FnMut(&Row<'_>) -> Result<ControlFlow<()>>;

/// How many rows of a statement are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Wanted {
    /// All that it finds, and they are few or needed at once
    All,
    /// As many as are taken; the database need not have more than some of them ready
    Some,
}

/// One state of a database, or the open transaction of a writer. `?1`, or `?` in the order of the values, stands for a value.
pub(in crate::store) trait Database {
    /// What this database is told where not all understand the same.
    fn dialect(&self) -> Dialect;

    /// Runs a statement and hands on its rows. Whoever takes them may run others meanwhile.
    fn each_row(&self, sql: &str, values: &[Value<'_>], wanted: Wanted, take: TakeRow<'_>) -> Result<()>;

    /// Carries a statement out that finds nothing. Gives how many rows it changed.
    fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<u64>;
}

/// What is asked of a database.
pub(in crate::store) trait Ask: Database {
    /// What is made of each row that a statement finds.
    fn rows<T>(&self, sql: &str, values: &[Value<'_>], mut read: impl FnMut(&Row<'_>) -> Result<T>) -> Result<Vec<T>> {
        let mut rows = Vec::new();
        self.each_row(sql, values, Wanted::All, &mut |row| {
            rows.push(read(row)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(rows)
    }

    /// What is made of the first row that a statement finds.
    fn row<T>(&self, sql: &str, values: &[Value<'_>], read: impl FnOnce(&Row<'_>) -> Result<T>) -> Result<Option<T>> {
        let (mut found, mut read) = (None, Some(read));
        self.each_row(sql, values, Wanted::All, &mut |row| {
            if let Some(read) = read.take() {
                found = Some(read(row)?);
            }
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found)
    }

    /// The number that a statement finds that always finds one.
    fn number(&self, sql: &str, values: &[Value<'_>]) -> Result<i64> {
        Ok(self.row(sql, values, |row| row.get(0))?.unwrap_or(0))
    }

    /// Does a statement find anything?
    fn exists(&self, sql: &str, values: &[Value<'_>]) -> Result<bool> {
        Ok(self.row(sql, values, |_| Ok(()))?.is_some())
    }
}

impl<D: Database + ?Sized> Ask for D {}

/// All of the work, in a transaction that `run` begins and ends, or nothing of it. Why the work failed is told, whatever becomes
/// of the connection then.
pub(in crate::store) fn all_or_nothing<T>(
    run: impl Fn(&str) -> Result<()>,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    run("BEGIN")?;
    let outcome = work();
    let ended = run(if outcome.is_ok() { "COMMIT" } else { "ROLLBACK" });
    let outcome = outcome?;
    ended?;
    Ok(outcome)
}

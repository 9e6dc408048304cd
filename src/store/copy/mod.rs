//! A store moved from one database to another, whole: every version byte for byte, the search index by the same ids, the audit log
//! with its chains, the clients, and the name of its cursors, so that cursors and tokens go on at the other place.
//!
//! What is copied is one state of the store, read in one transaction; nothing of it is changed. Rows are written in the order of
//! what they are known by, a group a transaction, so what is there of a copy that was broken off is the beginning of each table,
//! and the next attempt goes on behind it. Then both are read once more: each table has to have as many rows, and the same
//! digest. Only after that does the copy get its row of `store`, without which no gateway opens it.

mod tables;

use std::ops::ControlFlow;

use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::place::StorePlace;
use super::postgres;
use super::sql::database::Wanted;
use super::sql::{self, Ask, Database, Dialect, Value, values};
use super::sqlite;
use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key};
use tables::{Cell, TABLES, Table};

/// How many rows are written with one statement, and how many bytes at most of it are held.
const MAX_ROWS: usize = 200;
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// How many statements are written in one transaction.
const MAX_STATEMENTS: usize = 20;

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopiedStore {
    /// The newest commit
    pub commit: u64,
    /// How many rows there are, of all tables
    pub rows: u64,
}

/// Is told which table is copied, and how many rows of it are there.
pub type TableProgress<'p> = &'p mut dyn FnMut(&'static str, u64);

/// Copies a store to a place where none is: an empty database, or a file that is not there. Goes on where it was broken off.
///
/// # Errors
/// If the store is not there, is another program's or of another version; if something is at the place already; if what was
/// written is not what was read.
pub async fn copy(from: StorePlace, to: StorePlace, progress: TableProgress<'_>) -> Result<CopiedStore> {
    if let (StorePlace::Sqlite(_), StorePlace::Sqlite(_)) = (&from, &to) {
        return Err(Error::usage(
            Key::Parameter,
            "both are files; handoff store backup copies a store to another file",
        ));
    }
    if let StorePlace::Postgres(url) = &to {
        postgres::make_tables(url).await?;
    }
    let runtime = Handle::current();
    let (told, mut telling) = mpsc::unbounded_channel();
    let copying = tokio::task::spawn_blocking(move || {
        let tell = |table, rows| {
            // Who no longer listens is not told.
            let _ = told.send((table, rows));
        };
        let to_target = |source: &dyn Database| match &to {
            StorePlace::Sqlite(path) => sqlite::write_copy(path, |target| copy_store(source, target, &tell)),
            StorePlace::Postgres(url) => {
                postgres::write_copy(url, &runtime, |target| copy_store(source, target, &tell))
            }
        };
        match &from {
            StorePlace::Sqlite(path) => sqlite::read_copied(path, to_target),
            StorePlace::Postgres(url) => postgres::read_copied(url, &runtime, to_target),
        }
    });
    while let Some((table, rows)) = telling.recv().await {
        progress(table, rows);
    }
    copying.await.map_err(Error::fault)?
}

/// Copies everything, looks at it again, and lets it be a store.
fn copy_store(source: &dyn Database, target: &dyn Database, tell: &dyn Fn(&'static str, u64)) -> Result<CopiedStore> {
    take_place(target)?;
    let mut copied = CopiedStore { commit: 0, rows: 0 };
    let index = SourceIndex::of(source)?;
    let mut is_cut = false;
    for table in TABLES {
        is_cut |= copy_table(source, target, (table, &index), tell)?;
    }
    within_transaction(target, || {
        for table in TABLES {
            let (read, written) = (Sum::of(source, table, index.condition(table))?, Sum::of(target, table, None)?);
            if read != written {
                return Err(differs(table, &read, &written));
            }
            copied.rows += read.rows;
        }
        // Whoever opens the copy in a file makes its index anew where the other database did not keep all of it.
        let forgets_index = !index.is_whole || (is_cut && target.dialect() == Dialect::Sqlite);
        copied.commit = finish(source, target, forgets_index)?;
        Ok(())
    })?;
    Ok(copied)
}

fn differs(table: &Table, read: &Sum, written: &Sum) -> Error {
    let message = format!(
        "what was written of the table {} is not what was read ({} rows, of {}); the store was changed since the copy was \
         begun, or the copy was: begin it anew at an empty place",
        table.name, written.rows, read.rows
    );
    Error::new(Category::Conflict, Issue::error(Key::StoreUnusable, "", message))
}

/// Which of the search indexes is copied that a database may hold beside each other: the one that was made last.
struct SourceIndex {
    /// Whose rows these are, in `parameter` and in the other tables; none where there is one index
    conditions: Option<(String, String)>,
    /// Is all that is stored found by it?
    is_whole: bool,
}

impl SourceIndex {
    fn of(source: &dyn Database) -> Result<Self> {
        if source.dialect() == Dialect::Sqlite {
            return Ok(Self { conditions: None, is_whole: true });
        }
        let sql = "SELECT g.id FROM index_generation g JOIN store s ON s.parameters = g.definition WHERE g.ready = 1";
        let generation: Option<i64> = source.row(sql, values![], |row| row.get(0))?;
        let number = generation.unwrap_or(0);
        let is_behind = source.exists("SELECT 1 FROM index_pending WHERE generation = ?1", values![number])?;
        let conditions = (
            format!("generation = {number}"),
            format!("parameter IN (SELECT p.id FROM parameter p WHERE p.generation = {number})"),
        );
        Ok(Self { conditions: Some(conditions), is_whole: generation.is_some() && !is_behind })
    }

    /// Which rows of a table are copied, where not all are.
    fn condition(&self, table: &Table) -> Option<&str> {
        let (of_parameters, of_rows) = self.conditions.as_ref()?;
        match table.name {
            "parameter" => Some(of_parameters),
            "token" | "reference" | "text" | "date" | "counted" => Some(of_rows),
            _ => None,
        }
    }
}

/// Takes the place of a store that holds nothing yet, or goes on with a copy that was begun there: until it is finished, nobody
/// can open it.
fn take_place(target: &dyn Database) -> Result<()> {
    if !target.exists("SELECT 1 FROM store", values![])? {
        return Ok(());
    }
    let held = "SELECT 1 FROM store WHERE seq > 0 OR clients > 0 OR EXISTS (SELECT 1 FROM audit) OR EXISTS (SELECT 1 FROM resource)";
    if target.exists(held, values![])? {
        let message = "a store is there already; expected an empty database, or a file that is not there";
        return Err(Error::new(Category::Conflict, Issue::error(Key::StoreUnusable, "", message)));
    }
    within_transaction(target, || {
        // What a gateway has put there that opened it once.
        let of_generations: &[&str] = match target.dialect() {
            Dialect::Sqlite => &[],
            Dialect::Postgres => &["index_generation", "index_pending"],
        };
        for table in ["kind", "parameter", "base", "store"].iter().chain(of_generations) {
            target.execute(&format!("DELETE FROM {table}"), values![])?;
        }
        Ok(())
    })
}

/// Copies the rows of a table that are not there yet. Says whether any text of them was cut.
fn copy_table(
    source: &dyn Database,
    target: &dyn Database,
    (table, index): (&Table, &SourceIndex),
    tell: &dyn Fn(&'static str, u64),
) -> Result<bool> {
    let (name, names, key) = (table.name, table.names(), table.key_names());
    let newest_first = key.replace(',', " DESC,");
    let last = format!("SELECT {names} FROM \"{name}\" ORDER BY {newest_first} DESC LIMIT 1");
    let last: Vec<Cell> = target.row(&last, values![], |row| table.cells(row))?.unwrap_or_default();
    let count = format!("SELECT count(*) FROM \"{name}\"");
    let mut rows = target.number(&count, values![])?.cast_unsigned();
    let behind = (!last.is_empty()).then(|| format!("({key}) > ({})", places(table.key)));
    let conditions: Vec<&str> = behind.as_deref().into_iter().chain(index.condition(table)).collect();
    let after = if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
    let sql = format!("SELECT {names} FROM \"{name}\"{after} ORDER BY {key}");
    let last: Vec<Value<'_>> = last.iter().take(table.key).map(Cell::value).collect();
    let (mut group, mut is_cut) = (Group::new(table), false);
    tell(name, rows);
    source.each_row(&sql, &last, Wanted::Some, &mut |row| {
        let cells = table.cells(row)?;
        is_cut |= table.is_cut(&cells);
        group.add(cells);
        if group.is_full() {
            rows += group.write(target)?;
            tell(name, rows);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    rows += group.write(target)?;
    tell(name, rows);
    Ok(is_cut)
}

/// So many question marks.
fn places(count: usize) -> String {
    vec!["?"; count].join(", ")
}

/// Rows that are written in one transaction.
struct Group<'t> {
    table: &'t Table,
    rows: Vec<Vec<Cell>>,
    bytes: usize,
}

impl<'t> Group<'t> {
    fn new(table: &'t Table) -> Self {
        Self { table, rows: Vec::new(), bytes: 0 }
    }

    fn add(&mut self, cells: Vec<Cell>) {
        self.bytes += cells.iter().map(Cell::bytes).sum::<usize>();
        self.rows.push(cells);
    }

    fn is_full(&self) -> bool {
        self.bytes >= MAX_BYTES || self.rows.len() >= MAX_ROWS * MAX_STATEMENTS
    }

    /// Writes them, and says how many they were.
    fn write(&mut self, target: &dyn Database) -> Result<u64> {
        let (name, names) = (self.table.name, self.table.names());
        let row = format!("({})", places(self.table.columns.len()));
        within_transaction(target, || {
            for rows in self.rows.chunks(MAX_ROWS) {
                let sql = format!("INSERT INTO \"{name}\" ({names}) VALUES {}", vec![&*row; rows.len()].join(", "));
                let values: Vec<Value<'_>> = rows.iter().flatten().map(Cell::value).collect();
                target.execute(&sql, &values)?;
            }
            Ok(())
        })?;
        let written = self.rows.len() as u64;
        self.rows.clear();
        self.bytes = 0;
        Ok(written)
    }
}

/// All of it or nothing.
fn within_transaction<T>(target: &dyn Database, work: impl FnOnce() -> Result<T>) -> Result<T> {
    sql::all_or_nothing(|sql| target.execute(sql, values![]).map(drop), work)
}

/// How many rows a table has, and the digests of all of them, in whatever order they come.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sum {
    rows: u64,
    digest: [u8; 32],
}

impl Sum {
    fn of(database: &dyn Database, table: &Table, condition: Option<&str>) -> Result<Self> {
        let condition = condition.map(|condition| format!(" WHERE {condition}")).unwrap_or_default();
        let sql = format!("SELECT {} FROM \"{}\"{condition}", table.names(), table.name);
        let mut sum = Self::default();
        database.each_row(&sql, values![], Wanted::Some, &mut |row| {
            let mut digest = Sha256::new();
            for cell in table.cells(row)? {
                cell.digest(&mut digest);
            }
            sum.rows += 1;
            for (all, one) in sum.digest.iter_mut().zip(digest.finalize()) {
                *all ^= one;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(sum)
    }
}

/// Gives the copy its row of `store`, so that it can be opened, and says which commit is its newest.
fn finish(source: &dyn Database, target: &dyn Database, forgets_index: bool) -> Result<u64> {
    let store = source.row("SELECT id, seq, updated, directory, clients, parameters FROM store", values![], |row| {
        let numbers: [i64; 4] = [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?];
        Ok((row.get::<String>(0)?, numbers, row.get::<String>(5)?))
    })?;
    let (id, [seq, updated, directory, clients], parameters) =
        store.ok_or_else(|| Error::fault("the store does not say how far it has come"))?;
    let parameters = if forgets_index { "" } else { &*parameters };
    target.execute(
        "INSERT INTO store (one, id, seq, updated, directory, clients, parameters) VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)",
        values![&id, seq, updated, directory, clients, parameters],
    )?;
    if target.dialect() == Dialect::Postgres {
        // What is copied is the first one there; where it is not whole, its rows are those of none, and removed.
        target.execute("DELETE FROM index_generation", values![])?;
        target.execute("UPDATE parameter SET generation = 1", values![])?;
        target.execute(
            "INSERT INTO index_generation (id, definition, built, ready, used)
             SELECT 1, parameters, 0, 1, clock_timestamp() FROM store WHERE parameters <> ''",
            values![],
        )?;
    }
    Ok(seq.cast_unsigned())
}

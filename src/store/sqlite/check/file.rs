//! Are the pages of the file those of a database (<https://www.sqlite.org/pragma.html#pragma_integrity_check>)? Whether each
//! table and index holds what the other says of it is part of that.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::error::Result;
use crate::store::sqlite::{connection, in_use};

use crate::store::sql::check::{Findings, Part, StoreFinding};
use crate::store::sqlite::statement::Connection;

/// What is wrong with a file that is to be there.
pub(in crate::store::sqlite) fn check(path: &Path) -> Result<Vec<StoreFinding>> {
    let had_log = in_use::has_log(path);
    let reader = connection::open_existing(path)?;
    let mut findings = Findings::of(Part::File);
    match pages(&reader, &mut findings) {
        Err(error) if is_damage(&error) => findings.add(error.to_string()),
        read => read?,
    }
    let mut findings = findings.finish();
    if findings.is_empty() && in_use::is_copy_without_log(&reader, path, had_log)? {
        let text = "it is a copy of a store that was being served, made without the log beside it: what was committed last is \
                    not in it";
        findings.push(StoreFinding { part: Part::File, text: text.to_owned() });
    }
    Ok(findings)
}

fn pages(reader: &Connection, findings: &mut Findings) -> rusqlite::Result<()> {
    let mut statement = reader.prepare_cached("PRAGMA integrity_check")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let text: String = row.get(0)?;
        if text != "ok" {
            findings.add(text);
        }
    }
    Ok(())
}

fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
}

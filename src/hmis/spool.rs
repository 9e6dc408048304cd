//! A file that is being written, row by row. What is held of it is the ids of its rows and, where records share rows, what
//! a row says as a digest; where two records say differently of one row, the row that was written is read again.

use std::collections::HashMap;
use std::io::{self, BufWriter, SeekFrom};

use csv::StringRecord;

use super::Scratch;
use super::derive::Cells;
use super::index::IdDigest;
use super::standard::{FileKind, RowsOf};
use super::table;
use crate::error::{Error, Result};

/// See the module head.
pub(super) struct Spool<'s, S: Scratch> {
    kind: &'s FileKind,
    content: BufWriter<S>,
    length: u64,
    rows: HashMap<IdDigest, WrittenRow>,
}

/// A row that was written.
#[derive(Clone, Copy)]
enum WrittenRow {
    /// Of one record
    Own,
    /// Of several: where it begins, and what it says
    Shared { offset: u64, says: IdDigest },
}

/// What became of a row.
pub(super) enum Put<'s> {
    Written,
    /// It is there already, and says the same
    Same,
    /// It is there already, and says otherwise in this column
    Differs(&'s str),
    /// Another row has its id
    Twice,
}

impl<'s, S: Scratch> Spool<'s, S> {
    /// A file with its header.
    pub(super) fn new(kind: &'s FileKind, scratch: S) -> Result<Self> {
        let mut spool = Self { kind, content: BufWriter::new(scratch), length: 0, rows: HashMap::new() };
        spool.append(&table::line(spool.columns())?)?;
        Ok(spool)
    }

    fn columns(&self) -> impl Iterator<Item = &'s str> + use<'s, S> {
        self.kind.columns.iter().map(|column| column.name.as_str())
    }

    fn append(&mut self, line: &[u8]) -> Result<()> {
        io::Write::write_all(&mut self.content, line).map_err(|error| self.unusable(&error))?;
        self.length += line.len() as u64;
        Ok(())
    }

    /// Writes a row, unless one with this id is there.
    pub(super) fn put(&mut self, id: &str, cells: &Cells<'_>) -> Result<Put<'s>> {
        let line = table::line(table::ordered(self.columns(), cells))?;
        let id = IdDigest::of(id);
        let is_shared = self.kind.rows == RowsOf::Shared;
        match self.rows.get(&id).copied() {
            None => {
                let says = || WrittenRow::Shared { offset: self.length, says: IdDigest::of_bytes(&line) };
                let row = if is_shared { says() } else { WrittenRow::Own };
                self.rows.insert(id, row);
                self.append(&line)?;
                Ok(Put::Written)
            }
            Some(WrittenRow::Own) => Ok(Put::Twice),
            Some(WrittenRow::Shared { says, .. }) if says == IdDigest::of_bytes(&line) => Ok(Put::Same),
            Some(WrittenRow::Shared { offset, .. }) => {
                let written = self.written(offset)?;
                let mut both = self.columns().zip(table::ordered(self.columns(), cells)).zip(written.iter());
                Ok(both.find(|((_, new), old)| new != old).map_or(Put::Same, |((column, _), _)| Put::Differs(column)))
            }
        }
    }

    /// The row that begins there.
    fn written(&mut self, offset: u64) -> Result<StringRecord> {
        let unusable = |error: &dyn std::fmt::Display| Error::unreachable(format!("{}: {error}", self.kind.name));
        io::Write::flush(&mut self.content).map_err(|error| unusable(&error))?;
        let content = self.content.get_mut();
        content.seek(SeekFrom::Start(offset)).map_err(|error| unusable(&error))?;
        let mut builder = csv::ReaderBuilder::new();
        let mut row = StringRecord::new();
        let mut reader = builder.has_headers(false).flexible(true).from_reader(&mut *content);
        reader.read_record(&mut row).map_err(|error| unusable(&error))?;
        content.seek(SeekFrom::End(0)).map_err(|error| unusable(&error))?;
        Ok(row)
    }

    /// The file, to be read from its beginning.
    pub(super) fn finish(self) -> Result<S> {
        let name = &self.kind.name;
        let unusable = |error: &dyn std::fmt::Display| Error::unreachable(format!("{name}: {error}"));
        let mut content = self.content.into_inner().map_err(|error| unusable(error.error()))?;
        content.seek(SeekFrom::Start(0)).map_err(|error| unusable(&error))?;
        Ok(content)
    }

    fn unusable(&self, error: &io::Error) -> Error {
        Error::unreachable(format!("{} cannot be kept for the time being: {error}", self.kind.name))
    }
}

//! CSV (RFC 4180), as this format has it: UTF-8, commas, one header. A file is read row by row, and a row again from
//! where it begins; none is held as a whole.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use csv::{Position, StringRecord};

use super::derive::Cells;
use crate::error::{Error, Result};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// How much is read at a time where only its encoding is looked at.
const CHUNK: usize = 64 * 1024;

/// A file that is being read.
pub(super) struct Table<S> {
    name: String,
    reader: csv::Reader<S>,
    pub(super) header: Vec<String>,
    pub(super) has_mark: bool,
    /// The number of the row that was read last, the header being row 1
    number: u32,
}

/// Why a file is not taken, and how to mend it.
pub(super) struct Unusable {
    pub(super) found: &'static str,
    pub(super) fix: &'static str,
}

impl<S: Read + Seek> Table<S> {
    /// Opens a file whose text is UTF-8, and reads its header.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn open(name: &str, mut content: S) -> Result<std::result::Result<Self, Unusable>> {
        let unreadable = |error: &dyn std::fmt::Display| Error::unreadable_file(Path::new(name), error);
        if !is_utf8(&mut content).map_err(|error| unreadable(&error))? {
            return Ok(Err(Unusable {
                found: "the file is not UTF-8",
                fix: "save it as CSV UTF-8, delimited by commas",
            }));
        }
        content.seek(SeekFrom::Start(0)).map_err(|error| unreadable(&error))?;
        let mut first = Vec::new();
        content
            .by_ref()
            .take(BYTE_ORDER_MARK.len() as u64)
            .read_to_end(&mut first)
            .map_err(|error| unreadable(&error))?;
        content.seek(SeekFrom::Start(0)).map_err(|error| unreadable(&error))?;
        let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(content);
        let (name, has_mark) = (name.to_owned(), first == BYTE_ORDER_MARK);
        let mut table = Self { name, reader, header: Vec::new(), has_mark, number: 0 };
        let mut row = StringRecord::new();
        if table.next(&mut row)?.is_none() {
            return Ok(Err(Unusable {
                found: "the file is empty",
                fix: "let it have a header, also where it has no rows",
            }));
        }
        table.header = row.iter().map(|name| name.trim().to_owned()).collect();
        Ok(Ok(table))
    }

    /// Reads the next row into `row`; its number, and where it begins.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(super) fn next(&mut self, row: &mut StringRecord) -> Result<Option<(u32, u64)>> {
        let is_there =
            self.reader.read_record(row).map_err(|error| Error::unreadable_file(Path::new(&self.name), &error))?;
        if !is_there {
            return Ok(None);
        }
        self.number = self.number.saturating_add(1);
        Ok(Some((self.number, row.position().map_or(0, Position::byte))))
    }

    /// Reads the row that begins there. Rows that are read in the order in which they stand cost no search.
    ///
    /// # Errors
    /// As [`Table::next`].
    pub(super) fn read_at(&mut self, offset: u64, row: &mut StringRecord) -> Result<()> {
        let mut position = Position::new();
        position.set_byte(offset);
        let read = self.reader.seek(position).and_then(|()| self.reader.read_record(row));
        read.map(|_| ()).map_err(|error| Error::unreadable_file(Path::new(&self.name), &error))
    }
}

/// Is it UTF-8 from its beginning to its end? What is read is not kept.
fn is_utf8(content: &mut (impl Read + Seek)) -> io::Result<bool> {
    content.seek(SeekFrom::Start(0))?;
    let (mut buffer, mut held) = (vec![0; CHUNK], 0);
    loop {
        let read = content.read(&mut buffer[held..])?;
        if read == 0 {
            return Ok(held == 0);
        }
        let end = held + read;
        let valid = match std::str::from_utf8(&buffer[..end]) {
            Ok(_) => end,
            // A character that the chunk cuts is looked at with the next.
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return Ok(false),
        };
        buffer.copy_within(valid..end, 0);
        held = end - valid;
    }
}

/// A row as its file has it: the columns in this order.
///
/// # Errors
/// If it cannot be written, which is our own failure.
pub(super) fn line<'c>(values: impl IntoIterator<Item = &'c str>) -> Result<Vec<u8>> {
    // The buffer is for one row.
    let mut builder = csv::WriterBuilder::new();
    let mut writer = builder.terminator(csv::Terminator::CRLF).buffer_capacity(512).from_writer(Vec::new());
    writer.write_record(values).map_err(Error::fault)?;
    writer.into_inner().map_err(|error| Error::fault(error.error()))
}

/// The cells of a row in this order of columns, "" where it has none.
pub(super) fn ordered<'c>(
    columns: impl Iterator<Item = &'c str>,
    cells: &'c Cells<'_>,
) -> impl Iterator<Item = &'c str> {
    columns.map(|column| cells.get(column).map(String::as_str).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn a_row_is_read_again_from_where_it_begins() {
        let text = "\u{feff}A,B\r\n1,\"two\r\nlines\"\r\n\r\n3,\u{e9}\r\n";
        let mut table = Table::open("A.csv", Cursor::new(text)).unwrap().ok().unwrap();
        assert!(table.has_mark && table.header == ["A", "B"]);
        let (mut row, mut places) = (StringRecord::new(), Vec::new());
        while let Some((number, offset)) = table.next(&mut row).unwrap() {
            places.push((number, offset, row.clone()));
        }
        assert_eq!(places.iter().map(|place| place.0).collect::<Vec<_>>(), [2, 3]);
        for (_, offset, known) in places.iter().rev().chain(&places) {
            table.read_at(*offset, &mut row).unwrap();
            assert_eq!(row.iter().collect::<Vec<_>>(), known.iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_character_may_lie_across_two_chunks() {
        let text = "x".repeat(CHUNK - 1) + "\u{e9}x";
        assert!(is_utf8(&mut Cursor::new(text.as_bytes())).unwrap());
        assert!(!is_utf8(&mut Cursor::new(&text.as_bytes()[..CHUNK])).unwrap());
        assert!(!is_utf8(&mut Cursor::new(b"Zo\xeb,")).unwrap());
    }
}

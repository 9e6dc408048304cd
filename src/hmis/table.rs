//! CSV (RFC 4180), as this format has it: UTF-8, commas, one header.

use std::collections::BTreeMap;

/// A file that was read.
pub(super) struct Table {
    pub(super) header: Vec<String>,
    /// Number of the row, the header being row 1, and its cells
    pub(super) rows: Vec<(usize, Vec<String>)>,
    pub(super) has_mark: bool,
}

impl Table {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong, and how to mend it.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, (String, &'static str)> {
        let unmarked = bytes.strip_prefix(b"\xef\xbb\xbf");
        let text = unmarked.unwrap_or(bytes);
        if std::str::from_utf8(text).is_err() {
            return Err(("the file is not UTF-8".to_owned(), "save it as CSV UTF-8, delimited by commas"));
        }
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
        let mut rows = Vec::new();
        for (position, row) in reader.records().enumerate() {
            let row = row.map_err(|_| (format!("row {} cannot be read", position + 1), "close its quotation marks"))?;
            rows.push((position + 1, row.iter().map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()));
        }
        if rows.is_empty() {
            return Err(("the file is empty".to_owned(), "let it have a header, also where it has no rows"));
        }
        let (_, header) = rows.remove(0);
        Ok(Self { header, rows, has_mark: unmarked.is_some() })
    }
}

/// Writes a file: the columns in this order, and the rows by column.
pub(super) fn write(columns: &[&str], rows: &[BTreeMap<String, String>]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(columns)?;
    for row in rows {
        writer.write_record(columns.iter().map(|column| row.get(*column).map(String::as_str).unwrap_or_default()))?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

//! How large a sheet is: rows, cells of a row, bytes of a row. Counted over its bytes in one pass before it is read, so that
//! nothing is made of one that is too large.
//!
//! It knows quotes and the separators of sheets, and nothing else of what is written; in whatever charset a spreadsheet
//! writes, these are the same bytes.

/// What the separators of cells may be.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// How large a sheet is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SheetSize {
    /// Its rows, the header among them
    pub rows: usize,
    /// The most cells of a row
    pub columns: usize,
    /// The most bytes of a row
    pub row_bytes: usize,
}

impl SheetSize {
    /// Counts a sheet.
    pub fn of(sheet: &[u8]) -> Self {
        let mut size = Self::default();
        let mut separators = [0; SEPARATORS.len()];
        let (mut begin, mut is_quoted) = (0, false);
        for (at, byte) in sheet.iter().chain(b"\n").enumerate() {
            match byte {
                b'"' => is_quoted = !is_quoted,
                b'\r' | b'\n' if !is_quoted || at == sheet.len() => {
                    if at > begin {
                        size.rows += 1;
                        size.columns = size.columns.max(separators.into_iter().max().unwrap_or(0) + 1);
                        size.row_bytes = size.row_bytes.max(at - begin);
                    }
                    (begin, separators) = (at + 1, [0; SEPARATORS.len()]);
                }
                _ if is_quoted => {}
                _ => {
                    if let Some(kind) = SEPARATORS.iter().position(|separator| separator == byte) {
                        separators[kind] += 1;
                    }
                }
            }
        }
        size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_rows_cells_and_bytes() {
        for (sheet, rows, columns, row_bytes) in [
            ("", 0, 0, 0),
            ("a,b,c\n1,2,3", 2, 3, 5),
            ("a;b\r\n\"x;\n\n;y\";2\n\n", 2, 2, 10),
            ("a\tb,c\td\r1\r", 2, 3, 7),
            ("\"never closed,\n,\n", 1, 1, 17),
        ] {
            assert_eq!(SheetSize::of(sheet.as_bytes()), SheetSize { rows, columns, row_bytes }, "{sheet:?}");
        }
    }
}

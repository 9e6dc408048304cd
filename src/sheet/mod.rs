//! Layer 2: sheets. A program's records as rows of a table, for people whose tool is a spreadsheet, and back
//! (<https://www.rfc-editor.org/rfc/rfc4180>).
//!
//! `profiles/programs/TYPE/sheet.yaml` is the column set of a type: which column is which place of the record, and what
//! form its cells have. One row is one referral; where the columns below `services[]` have something to say, one row is
//! one service, and what is the referral's is said again in each.
//!
//! What is written is read back as no change. What spreadsheets and people do to a table in between is found, mended
//! where only one thing can have been meant, and refused where two can: every such finding is a line of the report
//! (see [`Finding`]), and none of them shows what a cell says.
//!
//! Pure: bytes and records come in, text, records and findings go out. It must not know maps, callers or stores.

mod cell;
mod column;
mod load;
mod path;
mod read;
mod report;
mod schema;
mod source;
mod write;

pub use column::{Code, Column, ColumnSet, EventCell, Form, Place};
pub use load::ColumnSets;
pub use path::Path;
pub use read::{Codes, Group, Made, Options, Order, Reading};
pub use report::{Done, Fault, Finding};
pub use write::write;

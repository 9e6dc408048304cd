//! A sheet as records: bytes to text, text to rows under the columns of the type, rows to the referrals that they are of,
//! cells to values. Each step says what it found.
//!
//! An empty cell says nothing and changes nothing; what is not in the sheet stays as it is.
//!
//! ```text
//! sheet_reader        a sheet that was opened
//! text header table   bytes to text, text to rows under the columns of the type
//! group               rows by referral; unidentified_rows: those that name none
//! record items        the rows of a referral over its record; swapped_names
//! value               a cell by the form of its column: date, time, number, codes, phone, identifier, person_name, absent
//! ```

mod absent;
mod cell_reading;
mod codes;
mod date;
mod group;
mod header;
mod identifier;
mod items;
mod number;
mod options;
mod person_name;
mod phone;
mod record;
mod sheet_reader;
mod swapped_names;
mod table;
mod text;
mod time;
mod unidentified_rows;
mod value;

pub use codes::Codes;
pub use date::DateOrder;
pub use group::ReferralRows;
pub use options::Options;
pub use record::ReferralReading;
pub use sheet_reader::SheetReader;
pub use unidentified_rows::{RowMatch, UnidentifiedRow};

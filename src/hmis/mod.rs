//! Layer 2: the HMIS CSV format of HUD, read and written: a set of files, as every HMIS exports it, and the records of
//! supportive housing.
//!
//! What the format holds is data (`profiles/hmis/*.yaml`, one file a year): files, columns, codes, and where in the
//! record each value stands. The code here knows rows, ids and reports. It knows neither FHIR nor the maps of programs;
//! whoever calls checks the records against their schema. Export id and time are passed in.
//!
//! ```text
//! standard, load   the years: columns and codes, checked when they are loaded
//! cell             a value as a cell has it: forms, codes, dates
//! derive           what follows from other cells: ids, data quality codes
//! table, archive   CSV and zip
//! read, rows       in: the files, and their rows checked
//! index            in: what is held of the rows
//! assemble         in: the records, one at a time
//! write, spool     out, record by record
//! report           what is said about a row
//! ```
//!
//! HMIS tells more than the record has fields for. What has none stays with the record, under the names that HMIS
//! has for it: `extras.hmis.FILE.COLUMN`, or `hmis.COLUMN` in the item of a list; it is written back from there.

mod archive;
mod assemble;
mod cell;
mod derive;
mod index;
mod load;
mod read;
mod report;
mod rows;
mod spool;
mod standard;
mod table;
mod write;

use std::io::{self, Read, Seek, Write};

pub use archive::{pack, unpack};
pub use assemble::{ImportedSet, Records};
pub use derive::Export;
pub use read::{Rows, read};
pub use report::{Finding, Level, Report};
pub use standard::{Standard, Standards};
pub use write::{FileSetWriter, Participation};

/// A file of a set: its name, and what it holds. A set may be larger than memory, so content is read and written where it
/// is: a file of the disk, or bytes.
pub type File<S> = (String, S);

/// Where a file is written for the time being, to be read again.
pub trait Scratch: Read + Write + Seek {}

impl<S: Read + Write + Seek> Scratch for S {}

/// Makes a new, empty [`Scratch`].
pub type NewScratch<'n, S> = &'n mut dyn FnMut() -> io::Result<S>;

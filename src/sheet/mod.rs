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
//! # `sheet.yaml`
//! ```yaml
//! sheet: food-van                    # the folder's name
//! extends: generic                   # the type whose columns stand before its own; one of the same name is replaced
//! columns:
//!   - column: last_name              # its name; the first column is the referral's id
//!     record: "participant.names[use=legal|first].last"
//!     about: The last name           # for people
//!     aliases: [surname]             # other names; case, spaces and signs do not tell names apart
//!     form: name                     # text date birth-date time number integer boolean phone zip money code name id
//!   - { column: service_date, record: "services[].at", form: time, key: true, about: When }   # a row for each item
//!   - { column: sex, record: participant.sex, form: code, values: [male, female], spellings: { m: male }, about: Sex }
//!   - { column: srv, record: "services[].srv", form: code, about: Service,
//!       code: { system: "urn:example:srv", version: "3.0", versionColumn: srv_version } }
//!   - { column: status, record: referral.state, shown: true, about: Written, and never read over a record }
//!   - { column: event, event: event, form: code, about: What happened }
//!   - { column: version, row: version, form: integer, about: The version that the row was written from }
//!   - { column: service_deleted, row: removed, about: The service is taken out }
//! ```
//! `key` names the columns by which a row without an id finds the item that it is of; `width` is how many digits an
//! identifier has; `tells` (person, service, date) names the columns by which a row that names no referral is matched;
//! `absent` lists further words for nothing. Paths are those of [`crate::record::path`]. A set is checked when it is
//! loaded: unknown place of the record, form that does not fit it, name that is there twice.
//!
//! Pure: bytes and records come in, text, records and findings go out. It must not know maps, callers or stores.

mod cell;
mod column;
mod load;
mod read;
mod report;
mod size;
mod source;
mod write;

pub use column::{Aspect, CellFormat, Code, Column, ColumnSet, ColumnTarget, EventCell, RowCell};
pub use load::ColumnSets;
pub use read::{Codes, DateOrder, Options, ReferralReading, ReferralRows, RowMatch, SheetReader, UnidentifiedRow};
pub use report::{Fault, Finding, FindingOutcome};
pub use size::SheetSize;
pub use write::write;

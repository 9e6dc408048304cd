//! Layer 2: maps. One declaration ties the graph of a referral to the record of a program, in both directions, and
//! loses nothing (see `profiles/programs/README.md` for the files, [`Map`] for the laws).
//!
//! Pure: files come in as bytes, ids from the caller; no clock, no store. It must not know who is asking, or why.

pub mod fidelity;
mod map;
mod programs;
mod compile;
mod converter;
pub mod crosswalk;
mod discover;
mod draft;
mod get;
mod locate;
mod model;
mod path;
mod put;
mod same;
mod schema;
pub mod shipped;
mod source;

pub use fidelity::Fidelity;
pub use crosswalk::Crosswalk;
pub use map::{Change, Created, Map, Put, Translation};
pub use programs::{GENERIC, Program, Programs};
pub use schema::RecordSchema;

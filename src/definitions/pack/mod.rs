//! The pack: a package in one compact file that opens at once and is decoded piece by piece.
//!
//! ```text
//! handoff-pack 2 LF
//! u32 CRC-32 of everything behind it | u32 length of the head, deflated | u32 length of the head
//! head, deflated: name LF version LF licence LF
//!                 the packages that it builds on, as name#version, a SPACE between LF
//!                 number of blocks LF, then for each: deflated length SPACE length LF
//!                 the index, one sorted line for each definition (see `index`)
//! blocks, each a deflate stream of the JSON of some definitions
//! ```
//! Numbers are little-endian. The same package gives the same bytes.

mod format;
mod read;
mod write;

pub use format::MAGIC;
pub use read::is_pack;
pub(super) use read::open;
pub use write::write;

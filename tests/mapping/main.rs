//! Maps: what they read, what they write, and the laws that hold between the two.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod chaos;
mod crosswalk;
mod edits;
mod findings;
mod kept;
mod laws;
mod merge;
mod reviews;
#[path = "../scale/mod.rs"]
mod scale;
mod world;

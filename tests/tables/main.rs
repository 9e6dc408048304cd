//! Referrals as tables: sheets, and HMIS CSV.

#![allow(clippy::unwrap_used)] // these are tests, helpers among them

mod hmis;
#[path = "../scale/mod.rs"]
mod scale;
mod sheet;

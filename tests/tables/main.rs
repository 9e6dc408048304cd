//! Referrals as tables: sheets, and HMIS CSV.

mod hmis;
#[path = "../scale/mod.rs"]
mod scale;
mod sheet;

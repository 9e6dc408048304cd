//! Who gets a referral: decisions, eligibility, consent.

#![allow(clippy::unwrap_used)] // these are tests, helpers among them

mod command;
mod consent;
mod decisions;
mod directory;
mod eligibility;
#[path = "../scale/mod.rs"]
mod scale;
mod shared;

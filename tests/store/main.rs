//! What every store does, told against `dyn Store`: a backend is right when these pass with it.

#![allow(clippy::unwrap_used)] // these are tests, helpers among them

mod backend;
mod cases;
mod changes;
mod clients;
mod commit;
mod crash;
mod guard;
mod migration;
mod oracle;
mod parties;
mod referral;
#[path = "../scale/mod.rs"]
mod scale;
mod search;
mod search_cases;
mod visibility;

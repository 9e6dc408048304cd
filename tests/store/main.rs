//! What every store does, on every backend of `backend.rs`: one is right when these pass with it. What is about files
//! (processes that share one, crashes, databases of earlier versions) runs with SQLite files alone.

#![allow(clippy::unwrap_used, clippy::panic)] // these are tests, helpers among them

mod audit;
mod backend;
mod cases;
mod changes;
mod clients;
mod commit;
mod copies;
mod crash;
mod flat;
mod gateways;
mod generations;
mod guard;
mod leases;
mod migration;
mod moved;
mod oracle;
mod parties;
mod planned_reads;
#[path = "../postgres/mod.rs"]
mod postgres;
mod postgres_database;
mod referral;
mod renewals;
mod retention;
#[path = "../scale/mod.rs"]
mod scale;
mod search;
mod search_cases;
mod statements;
mod steps;
mod unanswered;
mod visibility;
mod withheld;
mod written;

//! The gateway as its users have it: the binary, real sockets, real tokens. One module for each promise.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout)]
// Modules of one test share what they need by `pub`.
#![allow(unreachable_pub)]

mod backup;
mod care_plan;
mod closed_loop;
mod demo;
mod fresh;
mod kill;
mod kills_under_load;
mod once;
#[path = "../postgres/mod.rs"]
mod postgres;
mod readme;
#[path = "../scale/mod.rs"]
mod scale;
mod several;
mod stays_as_it_came;
mod who_sees_what;

//! The program types as their users have them: a referral's whole journey in each, a type that is added while nothing is
//! rebuilt, the guide's own examples as records.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod case;
mod command;
mod expected;
mod gateway;
mod journey;
mod names;
mod walk;

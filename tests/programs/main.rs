//! The program types as their users have them: a referral's whole journey in each, a type that is added while nothing is
//! rebuilt, the guide's own examples as records.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod adding;
mod case;
mod command;
mod conflict;
mod examples;
mod expected;
mod gateway;
mod journey;
mod names;
mod readme;
mod walk;

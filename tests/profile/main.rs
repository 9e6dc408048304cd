//! The check as its users have it: what it finds, what it leaves alone, what it costs at most, and what it asks others.

#![allow(clippy::unwrap_used)] // these are tests, helpers among them

#[path = "../cases/mod.rs"]
mod cases;
mod given_profiles;
mod guide_defects;
mod hostile;
mod mutants;
mod narrative;
mod own_profiles;
mod published_examples;
mod questionnaire;
#[path = "../scale/mod.rs"]
mod scale;
mod terminology;
mod validate;
mod validator_suite;

//! Commands as people call them: what they print and how they exit.

#![allow(clippy::unwrap_used)] // these are tests, helpers among them

mod audit;
mod client;
mod fhirpath;
mod packages;

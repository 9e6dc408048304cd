//! Commands as people call them: what they print and how they exit.

mod client;
mod fhirpath;
mod packages;
mod route;

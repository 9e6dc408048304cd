//! Why an evaluation stops.

use crate::fhir::Key;

/// What an evaluation, or a part of it, gives.
pub(super) type Outcome<T> = Result<T, Failure>;

/// Why an evaluation stopped, and at which part of the expression. Boxed: it is rare, and outcomes are many.
#[derive(Debug)]
pub(in crate::fhirpath) struct Failure(Box<Reason>);

#[derive(Debug)]
struct Reason {
    key: Key,
    at: u32,
    message: String,
}

impl Failure {
    pub(super) fn new(key: Key, at: u32, message: String) -> Self {
        Self(Box::new(Reason { key, at, message }))
    }

    /// The key, where in the expression, and what is said.
    pub(in crate::fhirpath) fn parts(&self) -> (Key, usize, &str) {
        (self.0.key, self.0.at as usize, &self.0.message)
    }
}

pub(super) fn fail(at: u32, message: impl Into<String>) -> Failure {
    Failure::new(Key::ExpressionFailed, at, message.into())
}

//! Requests that carry a key of the client's own: a repetition is told by it and changes nothing.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::fhir::Key;
use crate::referral::plan::Idempotency;
use crate::security::Caller;

use super::Exchange;

/// Longest key that is taken, in bytes.
const LONGEST: usize = 255;

/// The key of a request, with the digest of what is asked.
pub(super) fn of(caller: &Caller, key: Option<&str>, parts: &[&str]) -> Option<Idempotency> {
    let key = key?.to_owned();
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut digest = String::with_capacity(64);
    for byte in hash.finalize() {
        let _ = write!(digest, "{byte:02x}");
    }
    Some(Idempotency { client: caller.client.clone(), key, digest, answer: String::new() })
}

impl Exchange {
    /// What was answered to this request before, if it is a repetition.
    ///
    /// # Errors
    /// If the key is unusable, or was used for another request.
    pub(super) async fn repeated(&self, idempotency: Option<&Idempotency>) -> Result<Option<String>> {
        let Some(asked) = idempotency else { return Ok(None) };
        if asked.key.is_empty() || asked.key.len() > LONGEST {
            return Err(Error::incorrect(Key::Parameter, format!("Idempotency-Key has 1 to {LONGEST} characters")));
        }
        match self.store.idempotent(&asked.client, &asked.key).await? {
            None => Ok(None),
            Some(before) if before.digest == asked.digest => Ok(Some(before.answer)),
            Some(_) => Err(Error::refused(
                Key::Parameter,
                "",
                "this Idempotency-Key was used for another request; use a new one",
            )),
        }
    }
}

//! The query of a request of the agency API.

use crate::error::{Error, Result};
use crate::fhir::{Key, query_string};

/// Reads the query of a route that has these parameters and no others.
pub(super) fn parameters(query: Option<&str>, known: &[&str]) -> Result<Vec<(String, String)>> {
    let pairs = query_string::parse(query.unwrap_or_default())?;
    match pairs.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        None => Ok(pairs),
        Some((name, _)) => {
            let message = format!("there is no parameter {name:.40}; this takes {}", known.join(", "));
            Err(Error::incorrect(Key::Parameter, message))
        }
    }
}

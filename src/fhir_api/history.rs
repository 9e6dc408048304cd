//! `GET [base]/[type]/[id]/_history` (<https://hl7.org/fhir/R4/http.html#history>): the versions of a resource, newest
//! first; `_count` bounds how many.

use crate::error::{Error, Result};
use crate::fhir::authored::bundle::BundleWriter;
use crate::fhir::{Key, ResourceKey, query_string};
use crate::store::Stored;

use super::rendered::Rendered;
use super::stored_entry;

/// How many versions are given where the client does not say, and at most.
const MAX_COUNT: usize = 1000;

/// Whose versions are asked for, and how many.
#[derive(Debug)]
pub(super) struct History {
    pub(super) key: ResourceKey,
    pub(super) count: usize,
}

impl History {
    /// Reads the query.
    ///
    /// # Errors
    /// For a parameter that is not known or cannot be read.
    pub(super) fn read(key: ResourceKey, query: Option<&str>) -> Result<Self> {
        Ok(Self { key, count: count(query)? })
    }

    /// The versions as a Bundle.
    pub(super) fn render(&self, versions: &[Stored], base: &str) -> Result<Rendered> {
        let link = format!("{base}/{}/_history?_count={}", self.key, self.count);
        // Versions are numbered from 1; where fewer are given than asked for, the others are not kept or not for this caller.
        let all = versions.len() < self.count;
        let total = versions.first().map(|newest| if all { versions.len() as u64 } else { newest.version });
        let mut bundle = BundleWriter::history(total, &[("self", &link)])?;
        for version in versions {
            stored_entry::add_version(&mut bundle, base, version)?;
        }
        Ok(Rendered::ok(bundle.finish()))
    }
}

fn count(query: Option<&str>) -> Result<usize> {
    let mut count = MAX_COUNT;
    for (name, value) in query_string::parse(query.unwrap_or_default())? {
        match name.as_str() {
            "_count" => {
                let number = value.parse().ok().filter(|number| *number > 0);
                count = number.ok_or_else(|| Error::incorrect(Key::Parameter, "_count is a whole number above 0"))?;
            }
            "_format" | "_pretty" => {}
            _ => {
                let message = format!("_history has no parameter {name:.40}; it has _count");
                return Err(Error::incorrect(Key::Parameter, message));
            }
        }
    }
    Ok(count.min(MAX_COUNT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_count() {
        assert_eq!(count(None), Ok(MAX_COUNT));
        assert_eq!(count(Some("_count=2&_format=json")), Ok(2));
        for bad in ["_count=0", "_count=x", "_since=2026"] {
            assert!(count(Some(bad)).is_err(), "{bad}");
        }
    }
}

//! `GET [base]/[type]/[id]/_history` (<https://hl7.org/fhir/R4/http.html#history>): the versions of a resource, newest
//! first, by pages. `_count` bounds how many are on one; large ones end it earlier.

use crate::error::{Error, Result};
use crate::fhir::authored::bundle::BundleWriter;
use crate::fhir::query_string::whole_number;
use crate::fhir::{Key, ResourceKey, query_string};
use crate::referral::VersionRange;
use crate::store::{Stored, Unreadable, Versions};

use super::rendered::Rendered;
use super::search_page::CURSOR;
use super::stored_entry;

/// Whose versions are asked for, and which.
#[derive(Debug)]
pub(super) struct History {
    pub(super) key: ResourceKey,
    /// How many are given; none where only their number is wanted
    count: usize,
    /// Those before this version
    before: Option<u64>,
}

impl History {
    /// Reads the query; at most `most` versions are given.
    ///
    /// # Errors
    /// For a parameter that is not known or cannot be read.
    pub(super) fn read(key: ResourceKey, query: Option<&str>, most: usize) -> Result<Self> {
        let mut history = Self { key, count: most, before: None };
        for (name, value) in query_string::parse(query.unwrap_or_default())? {
            match name.as_str() {
                "_count" => {
                    let count = whole_number(&value).ok_or_else(|| incorrect("_count is a whole number".to_owned()))?;
                    history.count = count.min(most);
                }
                CURSOR => {
                    let before = value.parse().ok().filter(|before| *before > 0);
                    let message =
                        || "the cursor is not one of this history; follow the links of its answers".to_owned();
                    history.before = Some(before.ok_or_else(|| incorrect(message()))?);
                }
                "_format" | "_pretty" => {}
                _ => return Err(incorrect(format!("_history has no parameter {name:.40}; it has _count"))),
            }
        }
        Ok(history)
    }

    /// What the store is asked for.
    pub(super) fn range(&self) -> VersionRange {
        let range = if self.count == 0 { VersionRange::counted() } else { VersionRange::newest(self.count) };
        VersionRange { before: self.before, ..range }
    }

    /// The versions as a Bundle.
    pub(super) fn render(&self, versions: &Versions, base: &str) -> Result<Rendered> {
        let address = format!("{base}/{}/_history?_count={}", self.key, self.count);
        let to = |before: u64| format!("{address}&{CURSOR}={before}");
        let own = self.before.map_or_else(|| address.clone(), to);
        let all = stored_entry::in_place(&versions.found, &versions.unreadable);
        let version_of = |found: &std::result::Result<&Stored, &Unreadable>| match found {
            Ok(stored) => stored.version,
            Err(unreadable) => unreadable.version,
        };
        let shown = &all[..all.len().min(self.count)];
        let last_shown = shown.last().map(version_of);
        let next = last_shown.filter(|last| *last > 1).map(to);
        let links: Vec<(&str, &str)> = [("self", Some(&own)), ("next", next.as_ref())]
            .into_iter()
            .filter_map(|(name, url)| Some((name, url?.as_str())))
            .collect();
        // How many there are is known where none follows. Numbers do not tell it: some may be kept no longer, or be shown
        // to others alone.
        let is_whole =
            self.before.is_none() && (self.count == 0 || all.last().map(version_of).is_none_or(|last| last == 1));
        let total = is_whole.then_some(versions.len() as u64);
        let mut bundle = BundleWriter::history(total, &links)?;
        for found in shown {
            match found {
                Ok(version) => stored_entry::add_version(&mut bundle, base, version)?,
                Err(unreadable) => stored_entry::add_unreadable_version(&mut bundle, base, unreadable)?,
            }
        }
        Ok(Rendered::ok(bundle.finish()))
    }
}

fn incorrect(message: String) -> Error {
    Error::incorrect(Key::Parameter, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Option<(usize, Option<u64>)> {
        let history = History::read(ResourceKey::new("Task", "1"), Some(query), 9).ok()?;
        Some((history.count, history.before))
    }

    #[test]
    fn reads_which_versions_are_wanted() {
        for (query, expected) in [
            ("", Some((9, None))),
            ("_count=2&_format=json", Some((2, None))),
            ("_count=0", Some((0, None))),
            ("_count=5000", Some((9, None))),
            ("_count=99999999999999999999999&_cursor=7", Some((9, Some(7)))),
            ("_count=-1", None),
            ("_count=x", None),
            ("_cursor=0", None),
            ("_since=2026", None),
        ] {
            assert_eq!(read(query), expected, "{query}");
        }
    }
}

//! The index of a package: text, one line a definition, sorted, so that opening a package is finding its line ends:
//! `resource type TAB url TAB version TAB type described TAB flavour TAB block TAB start TAB end`.

use std::fmt;

use crate::fhir::Limits;

/// Definitions come from packages that somebody chose to load; they may be larger than what a stranger sends.
pub(super) const LIMITS: Limits = Limits { bytes: 64 * 1024 * 1024, depth: 200 };

/// A line of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) kind: &'a str,
    pub(super) url: &'a str,
    pub(super) version: &'a str,
    pub(super) type_name: &'a str,
    pub(super) flavour: &'a str,
    pub(super) block: u32,
    pub(super) start: u32,
    pub(super) end: u32,
}

/// Flavour of a resource type that can be instantiated; other definitions have the flavour "".
pub(super) const RESOURCE: &str = "resource";

impl<'a> Entry<'a> {
    /// Reads a line of the index.
    pub(super) fn parse(line: &'a str) -> Option<Self> {
        let mut columns = line.split('\t');
        let entry = Self {
            kind: columns.next()?,
            url: columns.next()?,
            version: columns.next()?,
            type_name: columns.next()?,
            flavour: columns.next()?,
            block: columns.next()?.parse().ok()?,
            start: columns.next()?.parse().ok()?,
            end: columns.next()?.parse().ok()?,
        };
        columns.next().is_none().then_some(entry)
    }

    /// What the index is sorted by.
    pub(super) fn sort_key(&self) -> (&'a str, &'a str, &'a str) {
        (self.kind, self.url, self.version)
    }
}

impl fmt::Display for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, url, version, type_name, flavour, block, start, end } = self;
        write!(f, "{kind}\t{url}\t{version}\t{type_name}\t{flavour}\t{block}\t{start}\t{end}")
    }
}

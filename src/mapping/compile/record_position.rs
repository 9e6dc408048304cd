//! Positions of the record as the fields and lists of a map name them.

use crate::record::RecordPath;

/// A position in the record as fields have it: the list that it is in (`services`), and the members from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RecordPosition {
    pub(super) list: Option<String>,
    pub(super) names: Vec<Box<str>>,
    pub(super) path: RecordPath,
}

impl RecordPosition {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let refuse =
            || format!("{text} is no place of a record; expected names with dots, and [] behind the name of a list");
        let path = RecordPath::parse(text).map_err(|_| refuse())?;
        let (list, within) = match path.split_last_each() {
            Some((list, within)) => (Some(list), within),
            None => (None, path.clone()),
        };
        let names: Vec<Box<str>> = within.members().ok_or_else(refuse)?.into_iter().map(Into::into).collect();
        // A map has fields for each item of a list, or for none.
        if names.is_empty() || !list.as_ref().is_none_or(RecordPath::has_only_lists) {
            return Err(refuse());
        }
        Ok(Self { list: list.map(|list| list.to_string()), names, path })
    }

    /// The member that it is.
    pub(super) fn member(&self) -> &str {
        self.names.last().map_or("", |name| name)
    }

    /// The objects around the member, from the record or the list's item on.
    pub(super) fn around(&self) -> &[Box<str>] {
        self.names.split_last().map_or(&[], |(_, around)| around)
    }
}

//! Who takes part in a referral and what they see through it, by the database's ids: what is compared when one share takes the
//! place of another.

use std::collections::{BTreeMap, BTreeSet};

use crate::referral::Party;

/// Who takes part in one Task, and what they see through it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shared {
    /// The resources, each with its type and who gave it
    pub(super) resources: BTreeMap<i64, Given>,
    /// Organization and party of each part
    pub(super) parties: BTreeSet<(i64, Party)>,
}

/// A resource that is shared: its type, and who gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) kind: i64,
    pub(super) giver: i64,
}

impl Shared {
    /// Is the same shared with the same, whoever gave it?
    pub(super) fn is_alike(&self, other: &Self) -> bool {
        self.parties == other.parties && self.resources.keys().eq(other.resources.keys())
    }

    /// Whoever takes part, as whatever: each sees the same.
    fn organizations(&self) -> BTreeSet<i64> {
        self.parties.iter().map(|(organization, _)| *organization).collect()
    }

    /// Who sees which resource (with its type) through `self` and not through `other`.
    pub(super) fn grants_missing_in(&self, other: &Self) -> impl Iterator<Item = (i64, i64, i64)> {
        let others = other.organizations();
        self.organizations().into_iter().flat_map(move |organization| {
            let both = others.contains(&organization);
            let unseen = move |resource: &i64| !(both && other.resources.contains_key(resource));
            let resources = self.resources.iter().filter(move |(resource, _)| unseen(resource));
            resources.map(move |(resource, given)| (organization, given.kind, *resource))
        })
    }
}

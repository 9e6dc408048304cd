//! What a request makes its effect depend on: the version or the time of what it is about
//! (RFC 9110, section 13; <https://hl7.org/fhir/R4/http.html#concurrency>, <https://hl7.org/fhir/R4/http.html#cread>).
//!
//! It must not know headers or Bundles, which say it each in their own way.

use jiff::Timestamp;

/// The versions that a condition names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionTags {
    /// Any that there is: `*`
    Any,
    /// One of these; tags that are none of ours are left out
    OneOf(Vec<u64>),
}

/// The conditions of a request. Times count in whole seconds, as HTTP writes them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preconditions {
    /// The newest version is one of these: `If-Match`
    pub is_version: Option<VersionTags>,
    /// It is none of these: `If-None-Match`
    pub is_no_version: Option<VersionTags>,
    /// It was not changed after this: `If-Unmodified-Since`
    pub unmodified_since: Option<Timestamp>,
    /// It was changed after this: `If-Modified-Since`, asked of reads alone
    pub modified_since: Option<Timestamp>,
}

/// What conditions are held against: what there is has this version, since then. What has none of the two (a search, a
/// list) can still be asked whether it is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Validators {
    /// Its version
    pub version: Option<u64>,
    /// When it last changed
    pub updated: Option<Timestamp>,
}

/// What becomes of a request with conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConditionResult {
    /// It is carried out
    Holds,
    /// Of a read: the client has this version
    NotModified,
    /// It is refused
    Fails,
    /// It is refused as well: what it is about has no time that `If-Unmodified-Since` could be held against. The standard
    /// would have the condition ignored; then what was not to be done would be done.
    Unknowable,
}

impl Validators {
    /// Of what has this version since then.
    pub fn of(version: u64, updated: Timestamp) -> Self {
        Self { version: Some(version), updated: Some(updated) }
    }

    /// Of what has this version, and no time of its own.
    pub fn of_version(version: u64) -> Self {
        Self { version: Some(version), updated: None }
    }
}

impl VersionTags {
    fn has(&self, version: Option<u64>) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(versions) => version.is_some_and(|version| versions.contains(&version)),
        }
    }
}

impl Preconditions {
    /// That the newest version is this one.
    pub fn of_version(version: u64) -> Self {
        Self { is_version: Some(VersionTags::OneOf(vec![version])), ..Self::default() }
    }

    /// Is there no condition?
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Does it say which version a change is based on?
    pub fn names_base(&self) -> bool {
        self.is_version.is_some() || self.unmodified_since.is_some()
    }

    /// What becomes of a read of this.
    pub fn of_read(&self, found: Validators) -> ConditionResult {
        let is_known = match (&self.is_no_version, self.modified_since, found.updated) {
            (Some(tags), ..) => tags.has(found.version),
            (None, Some(since), Some(updated)) => updated.as_second() <= since.as_second(),
            // What has no time is answered whole (RFC 9110, 13.1.3).
            (None, ..) => false,
        };
        match self.of_base(found) {
            ConditionResult::Holds if is_known => ConditionResult::NotModified,
            result => result,
        }
    }

    /// What becomes of a change of this.
    pub fn of_change(&self, found: Validators) -> ConditionResult {
        let is_there = self.is_no_version.as_ref().is_some_and(|tags| tags.has(found.version));
        match self.of_base(found) {
            ConditionResult::Holds if is_there => ConditionResult::Fails,
            result => result,
        }
    }

    /// Is it the version that the client means? A version tells better than a time.
    fn of_base(&self, found: Validators) -> ConditionResult {
        let is_meant = match (&self.is_version, self.unmodified_since, found.updated) {
            (Some(tags), ..) => tags.has(found.version),
            (None, Some(since), Some(updated)) => updated.as_second() <= since.as_second(),
            (None, Some(_), None) => return ConditionResult::Unknowable,
            (None, None, _) => true,
        };
        if is_meant { ConditionResult::Holds } else { ConditionResult::Fails }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn conditions_are_asked_in_the_order_of_the_standard() {
        use ConditionResult::{Fails, Holds, NotModified};
        let found = Validators::of(2, at("2026-11-21T10:00:00.5Z"));
        let one_of = |versions: &[u64]| Some(VersionTags::OneOf(versions.to_vec()));
        let (before, then) = (at("2026-11-21T09:59:59Z"), at("2026-11-21T10:00:00Z"));
        for (conditions, read, change) in [
            (Preconditions::default(), Holds, Holds),
            (Preconditions::of_version(2), Holds, Holds),
            (Preconditions::of_version(1), Fails, Fails),
            (Preconditions { is_version: one_of(&[1, 2]), ..Preconditions::default() }, Holds, Holds),
            (Preconditions { is_version: Some(VersionTags::Any), ..Preconditions::default() }, Holds, Holds),
            (Preconditions { is_no_version: one_of(&[2, 3]), ..Preconditions::default() }, NotModified, Fails),
            (Preconditions { is_no_version: one_of(&[3]), ..Preconditions::default() }, Holds, Holds),
            (Preconditions { is_no_version: Some(VersionTags::Any), ..Preconditions::default() }, NotModified, Fails),
            (Preconditions { unmodified_since: Some(then), ..Preconditions::default() }, Holds, Holds),
            (Preconditions { unmodified_since: Some(before), ..Preconditions::default() }, Fails, Fails),
            (Preconditions { unmodified_since: Some(before), ..Preconditions::of_version(2) }, Holds, Holds),
            (Preconditions { modified_since: Some(then), ..Preconditions::default() }, NotModified, Holds),
            (Preconditions { modified_since: Some(before), ..Preconditions::default() }, Holds, Holds),
            (Preconditions { modified_since: Some(then), ..Preconditions::of_version(1) }, Fails, Fails),
            (Preconditions { is_no_version: one_of(&[2]), ..Preconditions::of_version(1) }, Fails, Fails),
        ] {
            assert_eq!(conditions.of_read(found), read, "{conditions:?}");
            assert_eq!(conditions.of_change(found), change, "{conditions:?}");
        }
    }

    #[test]
    fn what_has_neither_version_nor_time_can_be_asked_whether_it_is_there() {
        use ConditionResult::{Fails, Holds, NotModified, Unknowable};
        let then = Some(at("2026-11-21T10:00:00Z"));
        for (conditions, read) in [
            (Preconditions::of_version(2), Fails),
            (Preconditions { is_version: Some(VersionTags::Any), ..Preconditions::default() }, Holds),
            (Preconditions { is_no_version: Some(VersionTags::OneOf(vec![2])), ..Preconditions::default() }, Holds),
            (Preconditions { is_no_version: Some(VersionTags::Any), ..Preconditions::default() }, NotModified),
            (Preconditions { modified_since: then, ..Preconditions::default() }, Holds),
            (Preconditions { unmodified_since: then, ..Preconditions::default() }, Unknowable),
        ] {
            assert_eq!(conditions.of_read(Validators::default()), read, "{conditions:?}");
        }
        let since = Preconditions { unmodified_since: then, ..Preconditions::default() };
        assert_eq!(since.of_change(Validators::of_version(2)), Unknowable);
    }
}

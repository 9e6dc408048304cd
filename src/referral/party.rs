//! As what an organization takes part in a referral. It may take part as several parties at once.

/// As what somebody takes part in a referral.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Party {
    /// Whoever asked: the EHR
    Requester,
    /// Whoever fulfils: the agency that owns the Task
    Owner,
    /// Whoever looks after the referral for others
    Coordinator,
    /// The person, or who speaks for the person
    Patient,
    /// Whoever may see how it goes
    Observer,
}

impl Party {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Requester, Self::Owner, Self::Coordinator, Self::Patient, Self::Observer];

    /// The code, as it is stored.
    pub fn code(self) -> &'static str {
        match self {
            Self::Requester => "requester",
            Self::Owner => "owner",
            Self::Coordinator => "coordinator",
            Self::Patient => "patient",
            Self::Observer => "observer",
        }
    }

    /// The one with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|party| party.code() == code)
    }

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requester => "the requester",
            Self::Owner => "the agency that owns the Task",
            Self::Coordinator => "the coordinator",
            Self::Patient => "the person",
            Self::Observer => "an observer",
        }
    }
}

/// How a part ends, which decides what an organization still gets to see of the referral.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PartEnd {
    /// Taken from it before it had accepted: it sees nothing of it any more
    Withdrawn,
    /// Taken from it after it had accepted: it sees what it was shown last, and nothing newer
    Taken,
    /// The referral was over for it: it sees it as it was then
    Over,
}

impl PartEnd {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Withdrawn, Self::Taken, Self::Over];

    /// The code, as it is stored.
    pub fn code(self) -> &'static str {
        match self {
            Self::Withdrawn => "withdrawn",
            Self::Taken => "taken",
            Self::Over => "over",
        }
    }

    /// The one with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|end| end.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back() {
        assert!(Party::ALL.iter().all(|party| Party::from_code(party.code()) == Some(*party)));
        assert_eq!(Party::from_code("target"), None);
        assert!(PartEnd::ALL.iter().all(|end| PartEnd::from_code(end.code()) == Some(*end)));
    }
}

//! One eligibility rule: one comparison, or several of which one is enough, run against what is known of a person: yes, no
//! or unknown. What is not known never excludes anybody; it is left to the agency and said.
//!
//! It must not know whether the rule came from a file or from a FHIR extension; see [`super::rulebook`] and
//! [`super::program`].

use std::fmt;

use jiff::civil::Date;

use super::comparison::Comparison;
use super::facts::Facts;
use crate::fhir::Truth;

/// Does a no exclude, or only count against?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// A no excludes
    Required,
    /// A no counts against
    Preferred,
}

impl Strength {
    /// The one with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        match code {
            "required" => Some(Self::Required),
            "preferred" => Some(Self::Preferred),
            _ => None,
        }
    }
}

/// A rule: one comparison, or several of which one is enough.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name in the file, where it has one
    pub id: Option<String>,
    /// Does a no exclude?
    pub strength: Strength,
    /// In force from this day
    pub effective: Option<Date>,
    any: Vec<Comparison>,
}

impl Rule {
    /// A rule of these comparisons, of which one is enough.
    pub fn new(id: Option<String>, strength: Strength, effective: Option<Date>, any: Vec<Comparison>) -> Self {
        Self { id, strength, effective, any }
    }

    /// Does it ask about any of the criteria that `other` asks about? A program's own rule replaces those of its type
    /// that do.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.any.iter().any(|one| other.any.iter().any(|theirs| theirs.criterion() == one.criterion()))
    }

    /// Does the person meet it?
    pub fn ask(&self, facts: &Facts<'_>) -> Truth {
        Truth::any(self.any.iter().map(|one| one.ask(facts)))
    }

    /// Why the answer is what it is, for people; says the rule and what was read, never what the person's value is.
    pub fn explain(&self, answer: Truth, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (answer, &self.any[..]) {
            (Truth::No, [one]) => one.explain_no(f),
            (Truth::No, _) => write!(f, "nothing of what the program accepts is met: {self}"),
            (Truth::Yes, _) => write!(f, "the program's rule is met: {self}{}", self.read_from(" (read from ", ")")),
            (Truth::Unknown, _) if self.any.iter().all(|one| one.criterion().read_from().is_empty()) => {
                write!(f, "not read from referrals yet, so the agency checks: {self}")
            }
            (Truth::Unknown, _) => {
                write!(f, "not known{}, so the agency checks: {self}", self.read_from(" from ", ""))
            }
        }
    }

    fn read_from(&self, before: &str, after: &str) -> String {
        let mut read: Vec<&str> = self.any.iter().map(|one| one.criterion().read_from()).collect();
        read.dedup();
        read.retain(|read| !read.is_empty());
        if read.is_empty() { String::new() } else { format!("{before}{}{after}", read.join(" or ")) }
    }
}

impl fmt::Display for Rule {
    /// `age at least 18 years`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, one) in self.any.iter().enumerate() {
            if position > 0 {
                f.write_str(", or ")?;
            }
            write!(f, "{one}")?;
        }
        Ok(())
    }
}

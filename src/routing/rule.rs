//! One eligibility rule: a comparison, or groups of them of which one or all have to be met, run against what is known of
//! a person: yes, no or unknown. What is not known never excludes anybody; it is left to the agency and said.
//!
//! It must not know whether the rule came from a file or from a FHIR extension; see [`super::rulebook`] and
//! [`super::program`].

use std::fmt;
use std::sync::Arc;

use jiff::civil::Date;

use super::comparison::Comparison;
use super::facts::FactSource;
use crate::fhir::Truth;

/// Does a no exclude, or only count against?
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

    /// The code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Preferred => "preferred",
        }
    }
}

/// What a rule asks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Test {
    /// One comparison
    One(Comparison),
    /// Several, of which one is enough
    Any(Vec<Test>),
    /// Several, all of them
    All(Vec<Test>),
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// Its name, where it has one
    pub id: Option<String>,
    /// Does a no exclude?
    pub strength: Strength,
    /// In force from this day
    pub effective: Option<Date>,
    /// Where it comes from, for people
    pub source: Option<String>,
    /// What it asks
    pub test: Test,
}

// === Test ===

impl Test {
    /// Does the person meet it?
    pub fn ask<'r>(&self, facts: &impl FactSource<'r>) -> Truth {
        match self {
            Self::One(comparison) => comparison.ask(facts),
            Self::Any(tests) => Truth::any(tests.iter().map(|test| test.ask(facts))),
            Self::All(tests) => Truth::all(tests.iter().map(|test| test.ask(facts))),
        }
    }

    /// Every comparison in it, in order.
    pub fn each<'t>(&'t self, then: &mut impl FnMut(&'t Comparison)) {
        match self {
            Self::One(comparison) => then(comparison),
            Self::Any(tests) | Self::All(tests) => tests.iter().for_each(|test| test.each(then)),
        }
    }

    /// Every comparison in it, in order.
    pub fn comparisons(&self) -> Vec<&Comparison> {
        let mut all = Vec::new();
        self.each(&mut |comparison| all.push(comparison));
        all
    }

    /// What would have to be known for an answer, where there is none: of what is not decided without it.
    pub fn missing<'r>(&self, facts: &impl FactSource<'r>, missing: &mut Vec<Arc<str>>) {
        if self.ask(facts) != Truth::Unknown {
            return;
        }
        match self {
            Self::Any(tests) | Self::All(tests) => tests.iter().for_each(|test| test.missing(facts, missing)),
            Self::One(comparison) => {
                let fact = facts.fact(comparison.criterion(), comparison.subject());
                // A value that is there and does not say enough has to be said more exactly.
                let inexact = fact.missing.is_empty().then(|| comparison.missing().cloned()).flatten();
                for one in fact.missing.iter().cloned().chain(inexact) {
                    if !missing.contains(&one) {
                        missing.push(one);
                    }
                }
            }
        }
    }
}

impl fmt::Display for Test {
    /// `age at least 18 years`, `coverage one of medicaid, and (...)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tests, word) = match self {
            Self::One(comparison) => return write!(f, "{comparison}"),
            Self::Any(tests) => (tests, "or"),
            Self::All(tests) => (tests, "and"),
        };
        for (position, test) in tests.iter().enumerate() {
            if position > 0 {
                write!(f, ", {word} ")?;
            }
            match test {
                Self::One(comparison) => write!(f, "{comparison}")?,
                group => write!(f, "({group})")?,
            }
        }
        Ok(())
    }
}

// === Rule ===

impl Rule {
    /// Does it stand in the place of `shared`, a rule of the program's type? It does where it has the same name, or asks
    /// about what the shared one asks first.
    pub fn replaces(&self, shared: &Self) -> bool {
        if self.id.is_some() && self.id == shared.id {
            return true;
        }
        let theirs = shared.test.comparisons();
        let mut about_it = false;
        self.test.each(&mut |one| about_it |= theirs.first().is_some_and(|first| one.is_about(first)));
        about_it
    }

    /// Is it in force on this day?
    pub fn is_in_force(&self, day: Date) -> bool {
        self.effective.is_none_or(|from| from <= day)
    }

    /// Does the person meet it?
    pub fn ask<'r>(&self, facts: &impl FactSource<'r>) -> Truth {
        self.test.ask(facts)
    }

    /// Why the answer is what it is, for people; says the rule and what would say it, never what the person's value is.
    pub fn explain(&self, answer: Truth, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (answer, &self.test) {
            (Truth::No, Test::One(one)) => one.explain_no(f),
            (Truth::No, Test::Any(_)) => write!(f, "nothing of what the program accepts is met: {self}"),
            (Truth::No, Test::All(_)) => write!(f, "not all that the program asks for is met: {self}"),
            (Truth::Yes, _) => write!(f, "the program's rule is met: {self}"),
            (Truth::Unknown, _) => {
                write!(f, "not known, so the agency checks: {self}")?;
                let mut would_say: Vec<&str> = Vec::new();
                self.test.each(&mut |one| would_say.extend(one.missing().map(|missing| &**missing)));
                would_say.dedup();
                if would_say.is_empty() { Ok(()) } else { write!(f, " (read from {})", would_say.join("; ")) }
            }
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.test)
    }
}

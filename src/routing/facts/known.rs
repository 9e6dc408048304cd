//! What is known of a person about one thing, and where it stands. A number is an interval, since dates and values may be
//! partial; a set of codes says besides whether there can be others.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use super::token::Token;
use crate::fhir::{Node, Truth};
use crate::referral::Resource;
use crate::routing::criterion::Criterion;

/// A number that is known to lie between two others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    low: f64,
    high: f64,
}

/// Codes or names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    /// Those that are so
    pub has: Vec<String>,
    /// Those that are over or refuted
    pub not: Vec<String>,
    /// Are there no others?
    pub closed: bool,
}

/// A value, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum FactValue {
    /// Nothing says it
    #[default]
    Nothing,
    /// A number
    Number(Interval),
    /// Yes or no
    Flag(bool),
    /// Codes or names
    Texts(Texts),
}

/// A value, with where it stands and, where it is not known, what would say it.
#[derive(Debug, Clone, Default)]
pub struct Fact<'r> {
    /// The value
    pub known: FactValue,
    /// Where it was read
    pub from: Vec<FactOrigin<'r>>,
    /// The table that it was computed with, for people
    pub table: Option<String>,
    /// What is missing, for people
    pub missing: Vec<Arc<str>>,
}

/// Whatever knows facts: what rules are asked of.
pub trait FactSource<'r> {
    /// The fact behind a criterion; behind one about an assessment or a question, which one it is.
    fn fact(&self, criterion: Criterion, subject: Option<&Token>) -> Rc<Fact<'r>>;
}

/// A place in a resource of the referral.
#[derive(Debug, Clone)]
pub struct FactOrigin<'r> {
    /// The resource
    pub resource: &'r Resource,
    /// The element, where it is not the resource as a whole
    pub node: Option<Node<'r>>,
}

impl Interval {
    /// From `low` to `high`, both included.
    pub fn new(low: f64, high: f64) -> Self {
        Self { low, high }
    }

    /// Exactly this.
    pub fn exactly(value: f64) -> Self {
        Self::new(value, value)
    }

    /// The least that it may be.
    pub fn low(self) -> f64 {
        self.low
    }

    /// The most that it may be.
    pub fn high(self) -> f64 {
        self.high
    }

    /// The lesser of two.
    #[must_use]
    pub fn least(self, other: Self) -> Self {
        Self::new(self.low.min(other.low), self.high.min(other.high))
    }

    /// With both ends changed alike.
    #[must_use]
    pub fn map(self, change: impl Fn(f64) -> f64) -> Self {
        Self::new(change(self.low), change(self.high))
    }

    /// Is it `bound` or more?
    pub fn at_least(self, bound: f64) -> Truth {
        if self.low >= bound {
            Truth::Yes
        } else if self.high < bound {
            Truth::No
        } else {
            Truth::Unknown
        }
    }

    /// Is it `bound` or less?
    pub fn at_most(self, bound: f64) -> Truth {
        if self.high <= bound {
            Truth::Yes
        } else if self.low > bound {
            Truth::No
        } else {
            Truth::Unknown
        }
    }
}

impl FactOrigin<'_> {
    /// `Observation/7`, or how the message names it.
    pub fn name(&self) -> &str {
        &self.resource.url
    }

    /// The path of the element within its resource: `Observation.valueQuantity`.
    pub fn path(&self) -> String {
        let Some(node) = self.node else { return self.resource.kind().to_owned() };
        let (root, path) = (self.resource.node().path(), node.path());
        let within = path.strip_prefix(&root).unwrap_or_default();
        format!("{}{within}", self.resource.kind())
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounded = |number: f64| (number * 100.0).round() / 100.0;
        match (rounded(self.low), rounded(self.high)) {
            (low, high) if low.to_bits() == high.to_bits() => write!(f, "{low}"),
            (low, high) if high.is_infinite() => write!(f, "{low} or more"),
            (low, high) => write!(f, "{low} to {high}"),
        }
    }
}

impl fmt::Display for FactValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("not known"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Flag(flag) => f.write_str(if *flag { "yes" } else { "no" }),
            Self::Texts(texts) => {
                f.write_str(&texts.has.join(", "))?;
                if texts.not.is_empty() {
                    return Ok(());
                }
                write!(f, "{}no longer {}", if texts.has.is_empty() { "" } else { "; " }, texts.not.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_told_as_far_as_they_are_known() {
        for (known, told) in [
            (FactValue::Nothing, "not known"),
            (FactValue::Number(Interval::exactly(28.0)), "28"),
            (FactValue::Number(Interval::new(24.456, 28.0)), "24.46 to 28"),
            (FactValue::Number(Interval::new(1.0, f64::INFINITY)), "1 or more"),
            (FactValue::Flag(false), "no"),
        ] {
            assert_eq!(known.to_string(), told);
        }
        let texts = |has: &[&str], not: &[&str]| {
            let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
            FactValue::Texts(Texts { has: owned(has), not: owned(not), closed: false }).to_string()
        };
        assert_eq!(texts(&["va", "private"], &[]), "va, private");
        assert_eq!(texts(&["va"], &["medicaid"]), "va; no longer medicaid");
        assert_eq!(texts(&[], &["medicaid"]), "no longer medicaid");
    }
}

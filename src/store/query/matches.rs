//! A query answered in memory. What is said here is what every store has to say, too: the tests of the stores compare.

use super::super::index::{IndexEntry, IndexValue};
use super::model::{Clause, Condition, Prefix, Query, Subject, SystemTest, Test, TextTest};

impl Query {
    /// Does a resource of the type with this id, last change (microseconds from 1970) and index match?
    pub fn matches(&self, id: &str, updated: i64, entries: &[IndexEntry]) -> bool {
        self.clauses.iter().all(|clause| clause.holds(id, updated, entries))
    }
}

impl Clause {
    /// Does this condition hold?
    pub fn holds(&self, id: &str, updated: i64, entries: &[IndexEntry]) -> bool {
        match &self.subject {
            Subject::Id => self.test.holds(1, |condition| matches!(condition, Condition::Id(wanted) if wanted == id)),
            Subject::LastUpdated => {
                let holds = |condition: &Condition| match condition {
                    Condition::Changed { prefix, low, high } => prefix.holds((*low, *high), (updated, updated)),
                    _ => false,
                };
                self.test.holds(1, holds)
            }
            Subject::Parameter(number) => {
                let values = || entries.iter().filter(|entry| entry.parameter == *number).map(|entry| &entry.value);
                self.test.holds(values().count(), |condition| values().any(|value| condition.is_met(value)))
            }
        }
    }
}

impl Test {
    fn holds(&self, values: usize, is_met: impl Fn(&Condition) -> bool) -> bool {
        match self {
            Self::Any(conditions) => conditions.iter().any(is_met),
            Self::None(conditions) => !conditions.iter().any(is_met),
            Self::Missing(missing) => (values == 0) == *missing,
        }
    }
}

impl Condition {
    /// Does this value meet it?
    pub fn is_met(&self, value: &IndexValue) -> bool {
        match (self, value) {
            (Self::Token { system, code }, IndexValue::Token { system: found_system, code: found }) => {
                let right_system = match system {
                    SystemTest::Any => true,
                    SystemTest::None => found_system.is_none(),
                    SystemTest::Is(wanted) => found_system.as_ref() == Some(wanted),
                };
                right_system && code.as_ref().is_none_or(|wanted| wanted == found)
            }
            (Self::Reference(wanted), IndexValue::Reference(found)) => wanted == found,
            (Self::ReferenceId { id, kinds }, IndexValue::Reference(found)) => {
                found.id == *id && (kinds.is_empty() || kinds.contains(&found.kind))
            }
            (Self::ReferenceUrl(wanted), IndexValue::ReferenceUrl(found))
            | (Self::Uri(wanted), IndexValue::Uri(found))
            | (Self::Text { text: wanted, how: TextTest::Exact }, IndexValue::Exact(found)) => wanted == found,
            (Self::Text { text, how: TextTest::Start }, IndexValue::Text(found)) => found.starts_with(text.as_str()),
            (Self::Text { text, how: TextTest::Anywhere }, IndexValue::Text(found)) => found.contains(text.as_str()),
            (Self::Date { prefix, low, high }, IndexValue::Date { low: found_low, high: found_high }) => {
                prefix.holds((*low, *high), (*found_low, *found_high))
            }
            _ => false,
        }
    }
}

impl Prefix {
    /// Does an interval lie so to the one asked for? Both are given by their first and last moment.
    pub fn holds(self, asked: (i64, i64), found: (i64, i64)) -> bool {
        let within = asked.0 <= found.0 && found.1 <= asked.1;
        match self {
            Self::Eq => within,
            Self::Ne => !within,
            Self::Gt => found.1 > asked.1,
            Self::Lt => found.0 < asked.0,
            Self::Ge => found.1 > asked.1 || within,
            Self::Le => found.0 < asked.0 || within,
            Self::Sa => found.0 > asked.1,
            Self::Eb => found.1 < asked.0,
            Self::Ap => found.0 <= asked.1 && asked.0 <= found.1,
        }
    }
}

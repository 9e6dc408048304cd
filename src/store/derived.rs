//! Entries that no search parameter makes, for searches that are asked all the time and that one parameter alone answers
//! slowly: an agency's worklist (`Task?owner=X&status=requested`), and what has no owner yet (`Task?owner:missing=true`).
//!
//! They are entries like others, of parameters behind the served ones.

use std::fmt;

use crate::fhir::{Document, ResourceKey};
use crate::store::index::{IndexEntry, IndexValue, SearchParameters};
use crate::store::query::{Clause, Condition, Query, Subject, SystemTest, Test};

/// Type, reference parameter, token parameter: found by both at once.
const PAIRS: &[(&str, &str, &str)] = &[("Task", "owner", "status")];
/// Type and parameter: found by having no value.
const ABSENT: &[(&str, &str)] = &[("Task", "owner")];

/// What stands for an absent value.
const NONE: &str = "none";

/// The derived entries of the parameters that are served.
#[derive(Debug, Clone)]
pub(super) struct Derived {
    rules: Vec<Rule>,
    /// The number of the first
    first: u16,
}

#[derive(Debug, Clone)]
struct Rule {
    kind: &'static str,
    /// Names it in the database; no code of a search parameter holds a space
    code: String,
    form: SearchValueKind,
}

#[derive(Debug, Clone, Copy)]
enum SearchValueKind {
    Pair { reference: u16, token: u16 },
    Absent { parameter: u16 },
}

impl Derived {
    /// Those whose parameters are served.
    pub(super) fn of(served: &SearchParameters) -> Self {
        let number = |kind, code| served.find(kind, code).map(|(number, _)| number);
        let mut rules = Vec::new();
        for (kind, reference, token) in PAIRS {
            if let (Some(reference_number), Some(token_number)) = (number(kind, reference), number(kind, token)) {
                let form = SearchValueKind::Pair { reference: reference_number, token: token_number };
                rules.push(Rule { kind, code: format!("{reference} {token}"), form });
            }
        }
        for (kind, code) in ABSENT {
            if let Some(parameter) = number(kind, code) {
                rules.push(Rule { kind, code: format!("no {code}"), form: SearchValueKind::Absent { parameter } });
            }
        }
        Self { rules, first: count(served) }
    }

    /// Type and name of each, in the order of their numbers.
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rules.iter().map(|rule| (rule.kind, rule.code.as_str()))
    }

    /// Adds the entries that follow from those of a resource.
    pub(super) fn add(&self, document: &Document, entries: &mut Vec<IndexEntry>) {
        let root = document.root();
        let mut derived = Vec::new();
        for (number, rule) in (self.first..).zip(&self.rules) {
            if !root.get("resourceType").is_some_and(|kind| kind.is_str(rule.kind)) {
                continue;
            }
            match rule.form {
                SearchValueKind::Pair { reference, token } => {
                    for key in values_of(entries, reference).filter_map(as_reference) {
                        for (system, code) in values_of(entries, token).filter_map(as_token) {
                            let value = IndexValue::Token { system: system.clone(), code: pair(key, code) };
                            derived.push(IndexEntry { parameter: number, value });
                        }
                    }
                }
                SearchValueKind::Absent { parameter } if values_of(entries, parameter).next().is_none() => {
                    let value = IndexValue::Token { system: None, code: NONE.to_owned() };
                    derived.push(IndexEntry { parameter: number, value });
                }
                SearchValueKind::Absent { .. } => {}
            }
        }
        entries.append(&mut derived);
    }

    /// The pair that two clauses of the query ask for at once: its number, its conditions, and what it stands for.
    pub(super) fn pair(&self, query: &Query) -> Option<(u16, Vec<Condition>, [u16; 2])> {
        (self.first..).zip(&self.rules).find_map(|(number, rule)| {
            let SearchValueKind::Pair { reference, token } = rule.form else { return None };
            if rule.kind != query.kind {
                return None;
            }
            let [Condition::Reference(key)] = any_of(query, reference)? else { return None };
            let coded = |condition: &Condition| match condition {
                Condition::Token { system, code: Some(code) } => {
                    Some(Condition::Token { system: system.clone(), code: Some(pair(key, code)) })
                }
                _ => None,
            };
            let conditions: Option<Vec<Condition>> = any_of(query, token)?.iter().map(coded).collect();
            Some((number, conditions?, [reference, token]))
        })
    }

    /// What finds the resources that have no value for the parameter of this clause: a number and its condition.
    pub(super) fn absent(&self, clause: &Clause) -> Option<(u16, Condition)> {
        let Subject::Parameter(wanted) = clause.subject else { return None };
        let mut rules = (self.first..).zip(&self.rules);
        let is_it = |rule: &Rule| matches!(rule.form, SearchValueKind::Absent { parameter } if parameter == wanted);
        let (number, _) = rules.find(|(_, rule)| is_it(rule))?;
        Some((number, Condition::Token { system: SystemTest::None, code: Some(NONE.to_owned()) }))
    }
}

impl fmt::Display for Derived {
    /// `Task owner status, Task no owner`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules: Vec<String> = self.rules.iter().map(|rule| format!("{} {}", rule.kind, rule.code)).collect();
        f.write_str(&rules.join(", "))
    }
}

/// How many parameters are served.
pub(super) fn count(served: &SearchParameters) -> u16 {
    (0..u16::MAX).take_while(|number| served.parameter(*number).is_some()).count() as u16
}

/// The conditions of the first clause that asks for any of them of this parameter.
fn any_of(query: &Query, number: u16) -> Option<&[Condition]> {
    query.clauses.iter().find_map(|clause| match clause {
        Clause { subject: Subject::Parameter(of), test: Test::Any(conditions) } if *of == number => {
            Some(conditions.as_slice())
        }
        _ => None,
    })
}

fn pair(key: &ResourceKey, code: &str) -> String {
    format!("{key} {code}")
}

fn values_of(entries: &[IndexEntry], parameter: u16) -> impl Iterator<Item = &IndexValue> {
    entries.iter().filter(move |entry| entry.parameter == parameter).map(|entry| &entry.value)
}

fn as_reference(value: &IndexValue) -> Option<&ResourceKey> {
    match value {
        IndexValue::Reference(key) => Some(key),
        _ => None,
    }
}

fn as_token(value: &IndexValue) -> Option<(&Option<String>, &String)> {
    match value {
        IndexValue::Token { system, code } => Some((system, code)),
        _ => None,
    }
}

//! The eligibility rules that all programs of a type share: `profiles/programs/<type>/eligibility.yaml`.
//!
//! ```yaml
//! eligibility: supportive-housing      # the program type
//! rules:
//!   - id: homeless
//!     criterion: homeless              # see criterion.rs
//!     op: eq                           # lt le eq ge gt in not-in between exists
//!     value: true                      # one, or a list for in, not-in and between
//!     strength: required               # or preferred; required where nothing is said
//!     source: 24 CFR 578.3             # where the rule comes from, for people
//!   - id: income
//!     any:                             # several tests, of which one is enough
//!       - { criterion: fpl, op: le, value: 125, unit: "%" }
//!       - { criterion: coverage, op: in, value: [medicaid] }
//! ```
//! A file is checked when it is read; every finding names file, line and column.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::civil::Date;
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use super::comparison::{Comparison, Given, Part};
use super::rule::{Rule, Strength};
use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key, Place};
use crate::shipped;

/// Rules by program type.
#[derive(Debug, Clone, Default)]
pub struct Rulebook {
    types: HashMap<String, Vec<Arc<Rule>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    eligibility: Spanned<String>,
    #[serde(default)]
    rules: Vec<Spanned<Written>>,
}

/// A rule as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: Option<String>,
    criterion: Option<Spanned<String>>,
    op: Option<Spanned<String>>,
    value: Option<Spanned<Value>>,
    unit: Option<Spanned<String>>,
    any: Option<Vec<Spanned<WrittenTest>>>,
    strength: Option<Spanned<String>>,
    effective: Option<Spanned<String>>,
    /// For people who read the file
    #[serde(rename = "source")]
    _source: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTest {
    criterion: Option<Spanned<String>>,
    op: Option<Spanned<String>>,
    value: Option<Spanned<Value>>,
    unit: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Value {
    Flag(bool),
    Number(f64),
    Text(String),
    List(Vec<Value>),
}

impl Rulebook {
    /// The rules that come with the program.
    ///
    /// # Errors
    /// As [`Rulebook::add`].
    pub fn shipped() -> Result<Self> {
        Self::load(shipped::files().iter().copied())
    }

    /// The rules among these files (path and bytes): those called `programs/TYPE/eligibility.yaml`, wherever that lies.
    ///
    /// # Errors
    /// As [`Rulebook::add`], for all files.
    pub fn load<'f>(files: impl IntoIterator<Item = (&'f str, &'f [u8])>) -> Result<Self> {
        let mut rulebook = Self::default();
        let mut issues = Vec::new();
        for (file, bytes) in files {
            let Some((folder, "eligibility.yaml")) = file.rsplit_once('/') else { continue };
            let Some(kind) = folder.rsplit_once("programs/").map(|(_, kind)| kind) else { continue };
            match std::str::from_utf8(bytes) {
                Ok(text) => match rulebook.add(file, text) {
                    Ok(()) if rulebook.types.contains_key(kind) => {}
                    Ok(()) => {
                        let said = format!("eligibility has to be {kind}, as the folder is called");
                        issues.push(Issue::error(Key::MapInvalid, file, said).at(Place { line: 1, column: 1 }));
                    }
                    Err(error) => issues.extend(error.issues),
                },
                Err(_) => issues.push(Issue::error(Key::MapInvalid, file, "the file is not UTF-8")),
            }
        }
        if issues.is_empty() { Ok(rulebook) } else { Err(Error::unprocessable(issues)) }
    }

    /// Reads one file and adds its rules, in the place of those that its type had. `file` is what findings call it.
    ///
    /// # Errors
    /// Everything that is wrong with the file, with line and column.
    pub fn add(&mut self, file: &str, text: &str) -> Result<()> {
        let read: File = serde_saphyr::from_str(text).map_err(|error| {
            // The parser's own text names the place once more; the issue carries it.
            let said = error.without_snippet().to_string();
            let issue = Issue::error(Key::MapInvalid, file, said.lines().next().unwrap_or_default());
            let place = error.location().and_then(|at| Place::counted(at.line(), at.column()));
            Error::new(Category::Unprocessable, issue.maybe_at(place))
        })?;
        let mut issues = Vec::new();
        if read.eligibility.value.is_empty() {
            issues.push(issue(file, read.eligibility.referenced, "eligibility names the program type"));
        }
        let mut rules = Vec::new();
        for written in read.rules {
            match rule(file, written) {
                Ok(rule) => rules.push(Arc::new(rule)),
                Err(found) => issues.push(*found),
            }
        }
        if !issues.is_empty() {
            return Err(Error::unprocessable(issues));
        }
        self.types.insert(read.eligibility.value, rules);
        Ok(())
    }

    /// The rules of this program type.
    pub fn rules(&self, kind: &str) -> &[Arc<Rule>] {
        self.types.get(kind).map_or(&[], Vec::as_slice)
    }
}

fn rule(file: &str, written: Spanned<Written>) -> Result<Rule, Box<Issue>> {
    let at = written.referenced;
    let Written { id, criterion, op, value, unit, any, strength, effective, _source: _ } = written.value;
    let strength = match strength {
        None => Strength::Required,
        Some(text) => Strength::from_code(&text.value)
            .ok_or_else(|| Box::new(issue(file, text.referenced, "strength is required or preferred")))?,
    };
    let effective = match effective {
        None => None,
        Some(text) => Some(
            text.value
                .parse::<Date>()
                .map_err(|_| Box::new(issue(file, text.referenced, "effective is a date as YYYY-MM-DD")))?,
        ),
    };
    let alone = WrittenTest { criterion, op, value, unit };
    let tests = match any {
        None => vec![test(file, at, alone)?],
        Some(_) if alone.criterion.is_some() || alone.op.is_some() || alone.value.is_some() || alone.unit.is_some() => {
            return Err(Box::new(issue(file, at, "a rule has either any or a criterion of its own, not both")));
        }
        Some(any) if any.is_empty() => return Err(Box::new(issue(file, at, "any needs at least one test"))),
        Some(any) => {
            any.into_iter().map(|one| test(file, one.referenced, one.value)).collect::<Result<_, Box<Issue>>>()?
        }
    };
    Ok(Rule::new(id, strength, effective, tests))
}

fn test(file: &str, at: Location, written: WrittenTest) -> Result<Comparison, Box<Issue>> {
    let missing = |name: &str| Box::new(issue(file, at, format!("the rule has no {name}")));
    let criterion = written.criterion.ok_or_else(|| missing("criterion"))?;
    let op = written.op.ok_or_else(|| missing("op"))?;
    let value_at = written.value.as_ref().map_or(op.referenced, |value| value.referenced);
    let mut values = Vec::new();
    if let Some(value) = written.value {
        flatten(value.value, &mut values);
    }
    let unit = written.unit.as_ref();
    Comparison::new(&criterion.value, &op.value, values, unit.map(|unit| unit.value.as_str())).map_err(|flaw| {
        let at = match flaw.part {
            Part::Criterion => criterion.referenced,
            Part::Op => op.referenced,
            Part::Value => value_at,
            Part::Unit => unit.map_or(at, |unit| unit.referenced),
        };
        Box::new(issue(file, at, flaw.text))
    })
}

fn flatten(value: Value, into: &mut Vec<Given>) {
    match value {
        Value::Flag(flag) => into.push(Given::Flag(flag)),
        Value::Number(number) => into.push(Given::Number(number)),
        Value::Text(text) => into.push(Given::Text(text)),
        Value::List(list) => list.into_iter().for_each(|value| flatten(value, into)),
    }
}

fn issue(file: &str, at: Location, text: impl Into<String>) -> Issue {
    Issue::error(Key::MapInvalid, file, text).maybe_at(Place::counted(at.line(), at.column()))
}

//! The eligibility rules that all programs of a type share: `TYPE/eligibility.yaml`.
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
//!     any:                             # several tests, of which one is enough; all: all of them; each may be a group
//!       - { criterion: fpl, op: le, value: 125, unit: "%" }
//!       - all:
//!           - { criterion: coverage, op: in, value: [medicaid] }
//!           - { criterion: score, of: cans-score, op: ge, value: 2 }
//! presets:                             # rules that a program of any type can choose by name
//!   wic:
//!     - { id: wic-income, criterion: fpl, op: le, value: 185, unit: "%" }
//! ```
//! A file is checked when it is read; every finding names file, line and column.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::civil::Date;
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use super::asked::RequestedServices;
use super::comparison::{Comparison, ComparisonValue};
use super::comparison_check::{ComparisonText, Part};
use super::facts::FactBook;
use super::rule::{Rule, Strength, Test};
use crate::error::{Error, Result};
use crate::fhir::{Issue, Key, SourcePosition};
use crate::fhirpath::Model;
use crate::shipped;
use crate::yaml::{self, issue};

/// Rules by program type, with the facts that they ask for and the codes by which types are asked for.
#[derive(Debug, Clone)]
pub struct Rulebook {
    types: HashMap<String, Vec<Arc<Rule>>>,
    /// By the type whose file has them
    presets: BTreeMap<String, BTreeMap<String, Vec<Arc<Rule>>>>,
    facts: Arc<FactBook>,
    asked: Arc<RequestedServices>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesFile {
    eligibility: Spanned<String>,
    #[serde(default)]
    rules: Vec<Spanned<RuleSpec>>,
    #[serde(default)]
    presets: BTreeMap<String, Vec<Spanned<RuleSpec>>>,
}

/// A rule as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleSpec {
    id: Option<String>,
    criterion: Option<Spanned<String>>,
    of: Option<Spanned<String>>,
    op: Option<Spanned<String>>,
    value: Option<Spanned<Value>>,
    unit: Option<Spanned<String>>,
    any: Option<Vec<Spanned<TestSpec>>>,
    all: Option<Vec<Spanned<TestSpec>>>,
    strength: Option<Spanned<String>>,
    effective: Option<Spanned<String>>,
    source: Option<String>,
}

/// A test as written: a comparison or a group.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TestSpec {
    criterion: Option<Spanned<String>>,
    of: Option<Spanned<String>>,
    op: Option<Spanned<String>>,
    value: Option<Spanned<Value>>,
    unit: Option<Spanned<String>>,
    any: Option<Vec<Spanned<TestSpec>>>,
    all: Option<Vec<Spanned<TestSpec>>>,
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
    /// A book without rules, over these facts.
    pub fn new(facts: Arc<FactBook>) -> Self {
        Self { types: HashMap::new(), presets: BTreeMap::new(), facts, asked: Arc::default() }
    }

    /// The rules that come with the program.
    ///
    /// # Errors
    /// As [`Rulebook::add`].
    pub fn shipped() -> Result<Self> {
        Self::load(shipped::files().iter().copied())
    }

    /// The rules among these files (path and bytes): those called `TYPE/eligibility.yaml`, wherever that lies, with
    /// `eligibility/facts.yaml` and its tables (the shipped ones where they are not among them), and what `program.yaml` and
    /// `crosswalks/request-code-role.yaml` say about codes that ask for a type or a role. Of two files for the same the
    /// later counts, so a folder on disk can be given behind [`shipped::files`].
    ///
    /// # Errors
    /// As [`Rulebook::add`], for all files.
    pub fn load<'f>(files: impl IntoIterator<Item = (&'f str, &'f [u8])>) -> Result<Self> {
        let files: Vec<(&str, &[u8])> = files.into_iter().collect();
        let has_facts = files.iter().any(|(path, _)| path.ends_with("eligibility/facts.yaml"));
        let facts = if has_facts { Arc::new(FactBook::load(files.iter().copied())?) } else { FactBook::shipped()? };
        let mut rulebook = Self::new(facts);
        rulebook.asked = Arc::new(RequestedServices::load(files.iter().copied())?);
        let mut issues = Vec::new();
        for (file, bytes) in files {
            let Some((folder, "eligibility.yaml")) = file.rsplit_once('/') else { continue };
            let folder = folder.rsplit('/').next().unwrap_or(folder);
            match rulebook.read(file, bytes) {
                Ok(kind) if kind == folder => {}
                Ok(_) => {
                    let message = format!("eligibility has to be {folder}, as the folder is called");
                    issues.push(Issue::error(Key::MapInvalid, file, message).at(SourcePosition { line: 1, column: 1 }));
                }
                Err(error) => issues.extend(error.issues),
            }
        }
        if issues.is_empty() { Ok(rulebook) } else { Err(Error::unprocessable(issues)) }
    }

    /// Reads one file and adds its rules, in the place of those that its type had. `file` is what findings call it.
    ///
    /// # Errors
    /// Everything that is wrong with the file, with line and column.
    pub fn add(&mut self, file: &str, text: &str) -> Result<()> {
        self.read(file, text.as_bytes()).map(|_| ())
    }

    /// As [`Rulebook::add`]; answers which type it was.
    fn read(&mut self, file: &str, bytes: &[u8]) -> Result<String> {
        let read: RulesFile = yaml::read(file, bytes).map_err(|issue| Error::unprocessable(vec![*issue]))?;
        let mut issues = Vec::new();
        let kind = read.eligibility.value;
        if kind.is_empty() {
            issues.push(issue(file, read.eligibility.referenced, "eligibility names the program type"));
        }
        let mut compile = |rules: Vec<Spanned<RuleSpec>>| {
            let mut compiled: Vec<Arc<Rule>> = Vec::new();
            for written in rules {
                let at = written.referenced;
                match rule(file, written, &self.facts) {
                    Ok(rule) if rule.id.is_some() && compiled.iter().any(|other| other.id == rule.id) => {
                        issues.push(issue(file, at, "two rules have this id"));
                    }
                    Ok(rule) => compiled.push(Arc::new(rule)),
                    Err(found) => issues.push(*found),
                }
            }
            compiled
        };
        let rules = compile(read.rules);
        let presets = read.presets.into_iter().map(|(name, rules)| (name, compile(rules))).collect();
        if !issues.is_empty() {
            return Err(Error::unprocessable(issues));
        }
        self.types.insert(kind.clone(), rules);
        self.presets.insert(kind.clone(), presets);
        Ok(kind)
    }

    /// Holds what facts are read by against the types of FHIR.
    ///
    /// # Errors
    /// Everything that can never be found, with its place.
    pub fn check(&self, model: &dyn Model) -> Result<()> {
        let found = self.facts.check(model);
        if found.is_empty() { Ok(()) } else { Err(Error::unprocessable(found)) }
    }

    /// The rules of this program type.
    pub fn rules(&self, kind: &str) -> &[Arc<Rule>] {
        self.types.get(kind).map_or(&[], Vec::as_slice)
    }

    /// The types that have a file, in order.
    pub fn types(&self) -> Vec<&str> {
        let mut types: Vec<&str> = self.types.keys().map(String::as_str).collect();
        types.sort_unstable();
        types
    }

    /// The rules of this preset, which a program of type `kind` chooses: of its type's file before those of others.
    pub fn preset(&self, kind: &str, name: &str) -> Option<&[Arc<Rule>]> {
        let own = self.presets.get(kind).and_then(|presets| presets.get(name));
        own.or_else(|| self.presets.values().find_map(|presets| presets.get(name))).map(Vec::as_slice)
    }

    /// The presets of all files, by name.
    pub fn presets(&self) -> impl Iterator<Item = (&str, &[Arc<Rule>])> {
        self.presets.values().flatten().map(|(name, rules)| (name.as_str(), rules.as_slice()))
    }

    /// Where facts are read.
    pub fn facts(&self) -> &Arc<FactBook> {
        &self.facts
    }

    /// The codes by which types and roles are asked for.
    pub fn asked(&self) -> &Arc<RequestedServices> {
        &self.asked
    }
}

fn rule(file: &str, written: Spanned<RuleSpec>, facts: &FactBook) -> Result<Rule, Box<Issue>> {
    let at = written.referenced;
    let RuleSpec { id, criterion, of, op, value, unit, any, all, strength, effective, source } = written.value;
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
    let test = test(file, at, TestSpec { criterion, of, op, value, unit, any, all }, facts)?;
    Ok(Rule { id, strength, effective, source, test })
}

/// Compiles what is asked; `at` is where it stands.
pub(super) fn test(file: &str, at: Location, written: TestSpec, facts: &FactBook) -> Result<Test, Box<Issue>> {
    let TestSpec { criterion, of, op, value, unit, any, all } = written;
    let is_comparison = criterion.is_some() || of.is_some() || op.is_some() || value.is_some() || unit.is_some();
    let group = |tests: Vec<Spanned<TestSpec>>| {
        if tests.is_empty() {
            return Err(Box::new(issue(file, at, "a group needs at least one test")));
        }
        tests.into_iter().map(|one| test(file, one.referenced, one.value, facts)).collect::<Result<Vec<_>, _>>()
    };
    match (any, all) {
        (None, None) => {}
        (Some(tests), None) if !is_comparison => return group(tests).map(Test::Any),
        (None, Some(tests)) if !is_comparison => return group(tests).map(Test::All),
        _ => {
            let message = "a test is either any, or all, or a criterion with op and value; not both";
            return Err(Box::new(issue(file, at, message)));
        }
    }
    let missing = |name: &str| Box::new(issue(file, at, format!("the rule has no {name}")));
    let criterion = criterion.ok_or_else(|| missing("criterion"))?;
    let op = op.ok_or_else(|| missing("op"))?;
    let value_at = value.as_ref().map_or(op.referenced, |value| value.referenced);
    let mut values = Vec::new();
    if let Some(value) = value {
        flatten(value.value, &mut values);
    }
    let position = |part: &Option<Spanned<String>>| part.as_ref().map_or(at, |part| part.referenced);
    let words = ComparisonText {
        criterion: &criterion.value,
        of: of.as_ref().map(|of| of.value.as_str()),
        op: &op.value,
        unit: unit.as_ref().map(|unit| unit.value.as_str()),
    };
    let comparison = Comparison::new(facts, words, values).map_err(|flaw| {
        let at = match flaw.part {
            Part::Criterion => criterion.referenced,
            Part::Of => position(&of),
            Part::Op => op.referenced,
            Part::Value => value_at,
            Part::Unit => position(&unit),
        };
        Box::new(issue(file, at, flaw.text))
    })?;
    Ok(Test::One(comparison))
}

fn flatten(value: Value, into: &mut Vec<ComparisonValue>) {
    match value {
        Value::Flag(flag) => into.push(ComparisonValue::Flag(flag)),
        Value::Number(number) => into.push(ComparisonValue::Number(number)),
        Value::Text(text) => into.push(ComparisonValue::Text(text)),
        Value::List(list) => list.into_iter().for_each(|value| flatten(value, into)),
    }
}

//! Where in a referral each fact is read: `profiles/eligibility/facts.yaml` with the tables beside it, compiled once. The
//! words of the file are told in `profiles/eligibility/README.md`.
//!
//! It must not know programs and their rules; that a fact is computed from others by a rule of its own (chronic
//! homelessness from its parts) is the one exception.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use super::classes::Classes;
use super::poverty::Guidelines;
use super::token::Token;
use crate::error::Result;
use crate::fhir::{Issue, Key, SourcePosition};
use crate::fhirpath::{Expression, Model};
use crate::routing::criterion::Criterion;
use crate::routing::rule::Test;
use crate::shipped;

/// The code system of our own Observations, which a code without a system means.
pub(super) const OBSERVATIONS: &str = "urn:handoff:fhir:CodeSystem:observation";

/// Where each fact is read. See the module head.
#[derive(Debug, Clone, Default)]
pub struct FactBook {
    pub(super) facts: HashMap<Criterion, Definition>,
    pub(super) classes: Classes,
    pub(super) guidelines: Guidelines,
    /// Coded answers that mean yes and no everywhere
    pub(super) yes: Vec<Token>,
    pub(super) no: Vec<Token>,
}

/// One fact.
#[derive(Debug, Clone)]
pub(super) struct Definition {
    /// What would say it, for people
    pub(super) missing: Arc<str>,
    /// Where it is read
    pub(super) sources: Vec<Source>,
    /// Does the newest alone count?
    pub(super) one: bool,
    /// Does the least count?
    pub(super) least: bool,
    pub(super) closed: Closed,
    pub(super) computed: Computed,
}

/// When are there no other codes than those that are said?
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Closed {
    Never,
    Always,
    /// When this is among them
    By(String),
}

/// How a fact is computed where nothing says it.
#[derive(Debug, Clone)]
pub(super) enum Computed {
    No,
    /// From income, household size, state and day
    PovertyShare,
    /// By counting classes of conditions
    ChronicConditions,
    /// By a rule over other facts
    When(Test),
}

/// One place where a fact is read.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) search_range: SearchRange,
    /// The resource's code is one of these
    pub(super) codes: Vec<Token>,
    /// The resource's code is what the rule names
    pub(super) code_of_rule: bool,
    pub(super) condition: Option<SourceText<Expression>>,
    pub(super) value: Option<SourceText<Expression>>,
    pub(super) reading: ReadAs,
    /// How many of each unit make one
    pub(super) units: Option<Vec<(String, f64)>>,
    pub(super) yes: Vec<Token>,
    pub(super) no: Vec<Token>,
    pub(super) kinds: Vec<(String, Vec<Token>)>,
    pub(super) words: Vec<(String, Vec<String>)>,
    pub(super) numbers: HashMap<String, f64>,
    pub(super) file: Arc<str>,
    pub(super) at: Option<SourcePosition>,
}

/// Something with its place in the file.
#[derive(Debug, Clone)]
pub(super) struct SourceText<T> {
    pub(super) it: T,
    pub(super) at: Option<SourcePosition>,
}

/// In which resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SearchRange {
    Person,
    Request,
    Task,
    /// Those of this type that are about the person and stand
    Kind(String),
}

/// How a value is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadAs {
    Number,
    Flag,
    Codes,
    /// Whichever of the three it is
    Any,
    Says(bool),
    Classes,
    YearsSince,
    MonthsSince,
    Due,
    WeeksByDueDate,
    WeeksByThen,
    County,
    Zip,
    State,
    Language,
}

// === loading

static SHIPPED: LazyLock<Result<Arc<FactBook>>> =
    LazyLock::new(|| FactBook::load(shipped::files().iter().copied()).map(Arc::new));

impl FactBook {
    /// The facts that come with the program.
    ///
    /// # Errors
    /// As [`FactBook::load`].
    pub fn shipped() -> Result<Arc<Self>> {
        SHIPPED.clone()
    }

    /// The facts in `eligibility/facts.yaml`, `eligibility/conditions.yaml` and `eligibility/poverty-guidelines.yaml` among
    /// these files (path and bytes); of two for the same the later counts.
    ///
    /// # Errors
    /// Everything that is wrong with them, with file, line and column.
    pub fn load<'f>(files: impl IntoIterator<Item = (&'f str, &'f [u8])>) -> Result<Self> {
        let (mut facts, mut classes, mut guidelines) = (None, None, None);
        for (path, bytes) in files {
            let Some((folder, name)) = path.rsplit_once('/') else { continue };
            if folder.rsplit('/').next() != Some("eligibility") {
                continue;
            }
            match name {
                "facts.yaml" => facts = Some((path, bytes)),
                "conditions.yaml" => classes = Some((path, bytes)),
                "poverty-guidelines.yaml" => guidelines = Some((path, bytes)),
                _ => {}
            }
        }
        let mut book = Self::default();
        if let Some((file, bytes)) = classes {
            book.classes = Classes::read(file, bytes)?;
        }
        if let Some((file, bytes)) = guidelines {
            book.guidelines = Guidelines::read(file, bytes)?;
        }
        if let Some((file, bytes)) = facts {
            book.add(file, bytes)?;
        }
        Ok(book)
    }

    /// Holds types and expressions against those of FHIR: what can never be found.
    pub fn check(&self, model: &dyn Model) -> Vec<Issue> {
        let mut found = Vec::new();
        for source in self.facts.values().flat_map(|definition| &definition.sources) {
            let issue = |at, message: String| Issue::error(Key::MapInvalid, &*source.file, message).maybe_at(at);
            let start = match &source.search_range {
                SearchRange::Person => "Patient",
                SearchRange::Request => "ServiceRequest",
                SearchRange::Task => "Task",
                SearchRange::Kind(kind) => kind,
            };
            if !model.is_type(start) {
                found.push(issue(source.at, format!("{start} is no type of resource")));
                continue;
            }
            for SourceText { it, at } in source.condition.iter().chain(&source.value) {
                found.extend(it.check(model, start).into_iter().map(|wrong| issue(*at, wrong.text)));
            }
        }
        found.sort_by_key(|issue| issue.position);
        found
    }

    /// The fact behind a criterion.
    pub(super) fn definition(&self, criterion: Criterion) -> Option<&Definition> {
        self.facts.get(&criterion)
    }

    /// What would say it, for people.
    pub fn missing(&self, criterion: Criterion) -> Option<Arc<str>> {
        self.facts.get(&criterion).map(|definition| definition.missing.clone())
    }

    /// The names of the classes of conditions.
    pub fn classes(&self) -> impl Iterator<Item = &str> {
        self.classes.names()
    }

    pub(super) fn is_computed(&self, criterion: Criterion) -> bool {
        self.facts.get(&criterion).is_some_and(|definition| !matches!(definition.computed, Computed::No))
    }
}

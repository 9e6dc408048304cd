//! Compiling `facts.yaml`: its shape, and what its words mean. Everything that is wrong with it is found here, with its
//! place; what can only be known from the types of FHIR is [`FactBook::check`]'s.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use super::book::{Closed, Computed, Definition, FactBook, ReadAs, SearchRange, Source, SourceText};
use super::token::Token;
use crate::error::{Error, Result};
use crate::fhir::{Issue, Key, SourcePosition};
use crate::fhirpath::Expression;
use crate::routing::criterion::{Criterion, CriterionType};
use crate::routing::rulebook::{TestSpec, test};
use crate::yaml;

// === the file

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FactsFile {
    #[serde(default)]
    names: HashMap<String, String>,
    #[serde(default)]
    yes: Vec<Spanned<String>>,
    #[serde(default)]
    no: Vec<Spanned<String>>,
    facts: HashMap<String, Spanned<FactSpec>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FactSpec {
    missing: String,
    #[serde(default)]
    read: Vec<Spanned<SourceSpec>>,
    #[serde(default)]
    one: bool,
    #[serde(default)]
    least: bool,
    closed: Option<ClosedSpec>,
    compute: Option<Spanned<String>>,
    when: Option<Spanned<TestSpec>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ClosedSpec {
    Flag(bool),
    By(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceSpec {
    r#in: Spanned<String>,
    #[serde(default)]
    code: Vec<Spanned<String>>,
    r#where: Option<Spanned<String>>,
    value: Option<Spanned<String>>,
    r#as: Option<Spanned<String>>,
    says: Option<bool>,
    unit: Option<HashMap<String, f64>>,
    #[serde(default)]
    yes: Vec<Spanned<String>>,
    #[serde(default)]
    no: Vec<Spanned<String>>,
    #[serde(default)]
    kinds: HashMap<String, Vec<Spanned<String>>>,
    #[serde(default)]
    words: HashMap<String, Vec<String>>,
    #[serde(default)]
    numbers: HashMap<String, f64>,
}

const READ_AS: &[(&str, ReadAs)] = &[
    ("number", ReadAs::Number),
    ("flag", ReadAs::Flag),
    ("codes", ReadAs::Codes),
    ("classes", ReadAs::Classes),
    ("years-since", ReadAs::YearsSince),
    ("months-since", ReadAs::MonthsSince),
    ("due", ReadAs::Due),
    ("weeks-by-due-date", ReadAs::WeeksByDueDate),
    ("weeks-by-then", ReadAs::WeeksByThen),
    ("county", ReadAs::County),
    ("zip", ReadAs::Zip),
    ("state", ReadAs::State),
    ("language", ReadAs::Language),
];

// === compiling

impl FactBook {
    /// Reads `facts.yaml`.
    pub(super) fn add(&mut self, file: &str, bytes: &[u8]) -> Result<()> {
        let read: FactsFile = yaml::read(file, bytes).map_err(|issue| Error::unprocessable(vec![*issue]))?;
        let mut compiler = Compiler { file: file.into(), names: &read.names, issues: Vec::new() };
        self.yes = compiler.tokens(&read.yes);
        self.no = compiler.tokens(&read.no);
        let mut rules = Vec::new();
        for (code, written) in read.facts {
            let (at, written) = (written.referenced, written.value);
            let Some(criterion) = Criterion::from_code(&code) else {
                compiler.issues.push(yaml::issue(file, at, format!("{code} is none of the criteria that rules ask")));
                continue;
            };
            let definition = compiler.definition(criterion, &written);
            if let Some(when) = written.when {
                rules.push((criterion, when));
            }
            self.facts.insert(criterion, definition);
        }
        for (criterion, when) in rules {
            let at = when.referenced;
            match test(file, at, when.value, self) {
                Ok(when) => match when.comparisons().iter().find(|one| self.is_computed(one.criterion())) {
                    Some(one) => {
                        let message = format!("{} is computed itself; ask only what is read", one.criterion().code());
                        compiler.issues.push(yaml::issue(file, at, message));
                    }
                    None => {
                        if let Some(definition) = self.facts.get_mut(&criterion) {
                            definition.computed = Computed::When(when);
                        }
                    }
                },
                Err(issue) => compiler.issues.push(*issue),
            }
        }
        for needed in [Criterion::Income, Criterion::HouseholdSize, Criterion::Condition] {
            if self.is_computed(needed) {
                let message = format!("{} cannot be computed, since others are computed from it", needed.code());
                compiler.issues.push(Issue::error(Key::MapInvalid, file, message));
            }
        }
        if compiler.issues.is_empty() { Ok(()) } else { Err(Error::unprocessable(compiler.issues)) }
    }
}

/// What compiling one file needs.
struct Compiler<'f> {
    file: Arc<str>,
    names: &'f HashMap<String, String>,
    issues: Vec<Issue>,
}

impl Compiler<'_> {
    fn definition(&mut self, criterion: Criterion, written: &FactSpec) -> Definition {
        let computed = match &written.compute {
            None => Computed::No,
            Some(name) => match name.value.as_str() {
                "poverty-share" if criterion == Criterion::Fpl => Computed::PovertyShare,
                "chronic-conditions" if criterion == Criterion::ConditionCount => Computed::ChronicConditions,
                _ => {
                    let message =
                        "fpl is computed as poverty-share, condition-count as chronic-conditions, and others by when";
                    self.issues.push(yaml::issue(&self.file, name.referenced, message));
                    Computed::No
                }
            },
        };
        let closed = match &written.closed {
            Some(ClosedSpec::By(code)) => Closed::By(code.clone()),
            Some(ClosedSpec::Flag(true)) => Closed::Always,
            _ if written.one => Closed::Always,
            _ => Closed::Never,
        };
        Definition {
            missing: written.missing.as_str().into(),
            sources: written.read.iter().filter_map(|source| self.source(criterion, source)).collect(),
            one: written.one,
            least: written.least,
            closed,
            computed,
        }
    }

    fn source(&mut self, criterion: Criterion, source: &Spanned<SourceSpec>) -> Option<Source> {
        let (at, written) = (source.referenced, &source.value);
        let search_range = match written.r#in.value.as_str() {
            "person" => SearchRange::Person,
            "request" => SearchRange::Request,
            "task" => SearchRange::Task,
            kind if kind.starts_with(|first: char| first.is_ascii_uppercase()) => SearchRange::Kind(kind.to_owned()),
            _ => {
                let message = "in is person, request, task, or a type of resource";
                self.issues.push(yaml::issue(&self.file, written.r#in.referenced, message));
                return None;
            }
        };
        let reading = match (&written.r#as, written.says, criterion.form()) {
            (None, Some(flag), _) => ReadAs::Says(flag),
            (None, None, CriterionType::Number) => ReadAs::Number,
            (None, None, CriterionType::Flag) => ReadAs::Flag,
            (None, None, CriterionType::Text) => ReadAs::Codes,
            (None, None, CriterionType::Free) => ReadAs::Any,
            (Some(name), None, _) => match READ_AS.iter().find(|(known, _)| *known == name.value) {
                Some((_, reading)) => *reading,
                None => {
                    let known: Vec<&str> = READ_AS.iter().map(|(name, _)| *name).collect();
                    let message = format!("as is one of {}", known.join(", "));
                    self.issues.push(yaml::issue(&self.file, name.referenced, message));
                    return None;
                }
            },
            (Some(name), Some(_), _) => {
                self.issues.push(yaml::issue(&self.file, name.referenced, "a source has either says or as"));
                return None;
            }
        };
        let needs_value = !matches!(reading, ReadAs::Says(_) | ReadAs::Classes);
        if needs_value != written.value.is_some() {
            let message = if needs_value {
                "the source has no value: a FHIRPath on the resource"
            } else {
                "a source with says or as: classes takes no value"
            };
            self.issues.push(yaml::issue(&self.file, at, message));
        }
        let code_of_rule = criterion.takes_subject() && written.code.iter().any(|code| code.value == "OF");
        let codes: Vec<&Spanned<String>> =
            written.code.iter().filter(|code| !(code_of_rule && code.value == "OF")).collect();
        let kinds = sorted(&written.kinds);
        Some(Source {
            search_range,
            codes: codes.into_iter().filter_map(|code| self.token(code)).collect(),
            code_of_rule,
            condition: self.expression(written.r#where.as_ref()),
            value: self.expression(written.value.as_ref()),
            reading,
            units: written.unit.as_ref().map(|units| sorted(units).map(|(unit, size)| (unit.clone(), *size)).collect()),
            yes: self.tokens(&written.yes),
            no: self.tokens(&written.no),
            kinds: kinds.map(|(kind, codes)| (kind.clone(), self.tokens(codes))).collect(),
            words: sorted(&written.words).map(|(kind, words)| (kind.clone(), words.clone())).collect(),
            numbers: written.numbers.clone(),
            file: self.file.clone(),
            at: position_of(at),
        })
    }

    fn expression(&mut self, text: Option<&Spanned<String>>) -> Option<SourceText<Expression>> {
        let text = text?;
        match Expression::parse(&text.value) {
            Ok(it) => Some(SourceText { it, at: position_of(text.referenced) }),
            Err(wrong) => {
                self.issues.push(yaml::issue(&self.file, text.referenced, wrong.text));
                None
            }
        }
    }

    fn tokens(&mut self, texts: &[Spanned<String>]) -> Vec<Token> {
        texts.iter().filter_map(|text| self.token(text)).collect()
    }

    fn token(&mut self, text: &Spanned<String>) -> Option<Token> {
        let parsed = Token::parse(&text.value, self.names);
        parsed.map_err(|message| self.issues.push(yaml::issue(&self.file, text.referenced, message))).ok()
    }
}

fn position_of(at: Location) -> Option<SourcePosition> {
    SourcePosition::counted(at.line(), at.column())
}

/// In the order of the names, so that nothing depends on chance.
fn sorted<V>(map: &HashMap<String, V>) -> impl Iterator<Item = (&String, &V)> {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_unstable_by_key(|(name, _)| *name);
    entries.into_iter()
}

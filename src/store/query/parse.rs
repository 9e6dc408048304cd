//! Names and values to a query: the parameters of all types (`_id`, `_include`, `_count`, ...), and the way to those
//! of a type.

use crate::error::{Category, Error, Result};
use crate::fhir::query_string::whole_number;
use crate::fhir::{Issue, Key, primitive};

use super::super::index::{ParameterKind, SearchParameters};
use super::model::{Clause, Condition, Include, Query, Sort, SortKey, Subject, Test, Total};
use super::parameter;
use super::refusal::{Read, Refusal, unknown, wrong};
use super::value::{self, split_unescaped, unescaped};

/// Parameters of all searches, for messages.
const COMMON: &str =
    "_id, _lastUpdated, _include, _revinclude, _sort, _count, _total, _summary, _elements, _cursor, _format, _pretty";

/// A search as it was understood, and what was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// What was understood
    pub query: Query,
    /// Parameters that are served and were not well written: an error however they are handled
    pub errors: Vec<Issue>,
    /// Parameters that are not served: an error under `Prefer: handling=strict`, passed over under `ignoring_unknown`
    pub unknown: Vec<Issue>,
}

impl Query {
    /// Reads a search of `kind`, given as names and values with their URL encoding removed.
    ///
    /// # Errors
    /// Everything that is wrong with it, a parameter that is not served among that.
    pub fn parse(served: &SearchParameters, kind: &str, parameters: &[(String, String)]) -> Result<Self, Vec<Issue>> {
        let mut parsed = Self::read(served, kind, parameters);
        parsed.errors.append(&mut parsed.unknown);
        if parsed.errors.is_empty() { Ok(parsed.query) } else { Err(parsed.errors) }
    }

    /// Reads a search, and leaves it to the caller what becomes of parameters that are not served.
    pub fn read(served: &SearchParameters, kind: &str, parameters: &[(String, String)]) -> Parsed {
        read(served, kind, parameters)
    }
}

impl Parsed {
    /// The query without what is not served, and what that was.
    ///
    /// # Errors
    /// What is served and not well written.
    pub fn ignoring_unknown(self) -> Result<(Query, Vec<Issue>)> {
        if self.errors.is_empty() {
            return Ok((self.query, self.unknown));
        }
        Err(Error { category: Category::Incorrect, issues: self.errors })
    }
}

/// Reads all parameters; each refusal is an issue of its own.
fn read(served: &SearchParameters, kind: &str, parameters: &[(String, String)]) -> Parsed {
    let mut reader = Reader { served, query: Query::all(kind) };
    let (mut errors, mut unknown) = (Vec::new(), Vec::new());
    for (name, value) in parameters {
        let issue = |message: String| Issue::error(Key::Parameter, name.as_str(), message);
        match reader.parameter(name, value) {
            Ok(()) => {}
            Err(Refusal::Wrong(message)) => errors.push(issue(message)),
            Err(Refusal::Unknown(message)) => unknown.push(issue(message)),
        }
    }
    Parsed { query: reader.query, errors, unknown }
}

struct Reader<'a> {
    served: &'a SearchParameters,
    query: Query,
}

impl Reader<'_> {
    fn parameter(&mut self, name: &str, value: &str) -> Read<()> {
        let (base, modifier) = match name.split_once(':') {
            Some((base, modifier)) => (base, Some(modifier)),
            None => (name, None),
        };
        if value.is_empty() {
            return wrong(format!("{name} has no value; leave it out to search for anything"));
        }
        if let (Some(modifier), true) = (modifier, base.starts_with('_')) {
            let message = match (base, modifier) {
                ("_include" | "_revinclude", "iterate" | "recurse") => {
                    format!(
                        "{base} goes one step; :{modifier} is not served: ask again for what the included resources reference"
                    )
                }
                _ => format!("{base} takes no modifier; found :{modifier}"),
            };
            return unknown(message);
        }
        match base {
            "_id" => self.id(value)?,
            "_lastUpdated" => self.last_updated(value)?,
            "_include" => {
                let include = self.include(value, false)?;
                if !self.query.include.contains(&include) {
                    self.query.include.push(include);
                }
            }
            "_revinclude" => {
                let include = self.include(value, true)?;
                if !self.query.revinclude.contains(&include) {
                    self.query.revinclude.push(include);
                }
            }
            "_sort" => self.sort(value)?,
            "_count" => self.count(value)?,
            "_total" => self.total(value)?,
            // As `_total`, by the name that fhirpy sends with each count.
            "_totalMethod" => self.total(if value == "count" { "accurate" } else { value })?,
            "_summary" => self.summary(value)?,
            "_elements" => self.elements(value)?,
            "_cursor" => self.query.page = Some(value.to_owned()),
            // The edge has looked at them already.
            "_format" | "_pretty" => {}
            _ => return self.of_type(name, base, modifier, value),
        }
        Ok(())
    }

    /// A parameter of the type.
    fn of_type(&mut self, name: &str, base: &str, modifier: Option<&str>, value: &str) -> Read<()> {
        let kind = &self.query.kind;
        if name.contains('.') || base == "_has" {
            return unknown(format!(
                "chained parameters are not served ({name}); search for the other resource first, then ask with its id"
            ));
        }
        let Some((number, parameter)) = self.served.find(kind, base) else {
            let mut known: Vec<&str> = self.served.of_type(kind).map(|(_, known)| known.code.as_str()).collect();
            known.push(COMMON);
            return unknown(format!("{base} is not served for {kind}; served are {}", known.join(", ")));
        };
        let test = parameter::test(self.served, parameter, modifier, value)?;
        self.query.clauses.push(Clause { subject: Subject::Parameter(number), test });
        Ok(())
    }

    fn id(&mut self, value: &str) -> Read<()> {
        let mut conditions = Vec::new();
        for piece in split_unescaped(value, ',') {
            let id = unescaped(piece);
            if !primitive::is_id(&id) {
                return wrong(format!("'{id}' is no id; expected {}", primitive::describe("id")));
            }
            conditions.push(Condition::Id(id));
        }
        self.query.clauses.push(Clause { subject: Subject::Id, test: Test::Any(conditions) });
        Ok(())
    }

    fn last_updated(&mut self, value: &str) -> Read<()> {
        let conditions = split_unescaped(value, ',').map(value::changed).collect::<Read<Vec<_>>>()?;
        self.query.clauses.push(Clause { subject: Subject::LastUpdated, test: Test::Any(conditions) });
        Ok(())
    }

    /// `Task:focus`, `Task:patient:Patient`
    fn include(&self, value: &str, reverse: bool) -> Read<Include> {
        let mut parts = value.split(':');
        let (Some(kind), Some(code), target, None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return wrong(format!("expected Type:parameter or Type:parameter:Target, found '{value}'"));
        };
        let Some((number, parameter)) =
            self.served.find(kind, code).filter(|(_, parameter)| parameter.kind == ParameterKind::Reference)
        else {
            let known: Vec<&str> = self
                .served
                .of_type(kind)
                .filter(|(_, known)| known.kind == ParameterKind::Reference)
                .map(|(_, known)| known.code.as_str())
                .collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return unknown(format!("'{code}' is no reference that is served for {kind}; served are: {known}"));
        };
        let own = &self.query.kind;
        if !reverse && kind != own {
            return wrong(format!("_include is about what a {own} references; found {kind}"));
        }
        let wanted = if reverse { target.unwrap_or(own) } else { target.unwrap_or_default() };
        if reverse && wanted != own {
            return wrong(format!("_revinclude is about what references a {own}; found {wanted}"));
        }
        if !wanted.is_empty() && !parameter.targets.is_empty() && !parameter.targets.iter().any(|kind| kind == wanted) {
            let targets = parameter.targets.join(", ");
            return wrong(format!("{kind}:{code} references {targets}, never a {wanted}"));
        }
        Ok(Include { kind: kind.to_owned(), parameter: number, target: target.map(str::to_owned) })
    }

    fn sort(&mut self, value: &str) -> Read<()> {
        for key in value.split(',') {
            let (descending, name) = match key.strip_prefix('-') {
                Some(name) => (true, name),
                None => (false, key),
            };
            let by = match name {
                "_lastUpdated" => SortKey::LastUpdated,
                "_id" => SortKey::Id,
                _ => return unknown(format!("matches are sorted by _lastUpdated or _id, found '{name}'")),
            };
            self.query.sort.push(Sort { by, descending });
        }
        Ok(())
    }

    fn count(&mut self, value: &str) -> Read<()> {
        match whole_number(value) {
            Some(0) => self.query.count_only = true,
            Some(count) => self.query.count = count,
            None => return wrong(format!("_count is a whole number, found '{value}'")),
        }
        Ok(())
    }

    fn total(&mut self, value: &str) -> Read<()> {
        self.query.total = match value {
            "none" => Total::None,
            "estimate" => Total::Estimate,
            "accurate" => Total::Accurate,
            _ => return wrong(format!("_total is none, estimate or accurate, found '{value}'")),
        };
        Ok(())
    }

    fn summary(&mut self, value: &str) -> Read<()> {
        match value {
            "count" => self.query.count_only = true,
            "false" => {}
            "true" | "text" | "data" => {
                return unknown(format!("_summary={value} is not served; served are count and false"));
            }
            _ => return wrong(format!("_summary is count or false, found '{value}'")),
        }
        Ok(())
    }

    fn elements(&mut self, value: &str) -> Read<()> {
        for name in value.split(',') {
            let name = name.strip_prefix(&self.query.kind).and_then(|rest| rest.strip_prefix('.')).unwrap_or(name);
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return unknown(format!(
                    "_elements takes names of the top level, such as status,owner; found '{name}'"
                ));
            }
            self.query.elements.push(name.to_owned());
        }
        Ok(())
    }
}

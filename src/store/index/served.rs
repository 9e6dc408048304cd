//! The list of search parameters that are served, checked against the definitions when it is read.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use super::parameter::{Parameter, ParameterKind};
use super::place::Place;
use crate::definitions::{Definitions, SearchParameter};
use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key, SourcePosition};
use crate::fhirpath::Expression;

pub(super) const SHIPPED_FILE: &str = "profiles/handoff/search-parameters.yaml";
pub(super) const SHIPPED: &str = include_str!("../../../profiles/handoff/search-parameters.yaml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ParameterFile {
    /// For every type that has them
    #[serde(default)]
    every: Vec<Spanned<String>>,
    types: Vec<TypeParameters>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypeParameters {
    r#type: Spanned<String>,
    parameters: Vec<Spanned<String>>,
}

/// Reads and compiles a list: the parameters by type and code.
pub(super) fn compile(
    definitions: &Definitions,
    file: &str,
    text: &str,
) -> Result<BTreeMap<(String, String), Parameter>> {
    let list: ParameterFile = serde_saphyr::from_str(text).map_err(|error| {
        let message = error.without_snippet().to_string();
        let issue = Issue::error(Key::DefinitionInvalid, file, message.lines().next().unwrap_or_default());
        Error::new(Category::Unprocessable, error.location().map_or(issue.clone(), |found| issue.at(place(found))))
    })?;
    let mut reader = Reader { definitions, file, found: BTreeMap::new(), issues: Vec::new() };
    for code in &list.every {
        reader.every(code);
    }
    for group in &list.types {
        reader.group(group);
    }
    if !reader.issues.is_empty() {
        return Err(Error::unprocessable(reader.issues));
    }
    Ok(reader.found)
}

struct Reader<'a> {
    definitions: &'a Definitions,
    file: &'a str,
    found: BTreeMap<(String, String), Parameter>,
    issues: Vec<Issue>,
}

impl Reader<'_> {
    fn every(&mut self, code: &Spanned<String>) {
        let before = self.found.len();
        for resource_type in self.definitions.resource_types() {
            let parameters = self.definitions.search_parameters(resource_type);
            if let Some(definition) = parameters.iter().find(|known| known.code == code.value) {
                // What all types share is no bare code: its system need not be looked up in the definition of each.
                self.add(resource_type, definition, code, false);
            }
        }
        if self.found.len() == before && self.issues.is_empty() {
            self.refuse(code, format!("no resource type has a search parameter {}", code.value));
        }
    }

    fn group(&mut self, group: &TypeParameters) {
        let resource_type = &group.r#type.value;
        if !self.definitions.is_resource_type(resource_type) {
            self.refuse(&group.r#type, format!("{resource_type} is no resource type of R4"));
            return;
        }
        let parameters = self.definitions.search_parameters(resource_type);
        for code in &group.parameters {
            if let Some(definition) = parameters.iter().find(|known| known.code == code.value) {
                self.add(resource_type, definition, code, true);
                continue;
            }
            let mut known: Vec<&str> = parameters.iter().map(|known| known.code.as_str()).collect();
            known.sort_unstable();
            let known = known.join(", ");
            self.refuse(code, format!("{resource_type} has no search parameter {}; it has {known}", code.value));
        }
    }

    fn add(&mut self, resource_type: &str, definition: &SearchParameter, code: &Spanned<String>, bare_codes: bool) {
        match parameter(resource_type, definition) {
            Ok(mut parameter) => {
                if bare_codes && parameter.kind == ParameterKind::Token {
                    parameter.system = self.system(&parameter.places);
                }
                self.found.insert((resource_type.to_owned(), definition.code.clone()), parameter);
            }
            Err(message) => self.refuse(code, message),
        }
    }

    /// The code system that an element of type `code` takes its codes from, if it is one.
    fn system(&self, places: &[Place]) -> Option<String> {
        let [only] = places else { return None };
        let step = self.definitions.element_at(&only.expression().as_path()?)?;
        if step.type_name() != Some("code") {
            return None;
        }
        let value_set = step.element()?.binding.as_ref()?.value_set.as_deref()?.to_owned();
        let value_set = self.definitions.value_set(&value_set)?;
        let mut systems = value_set.systems();
        let first = systems.next()?.to_owned();
        systems.all(|system| system == first).then_some(first)
    }

    fn refuse(&mut self, at: &Spanned<String>, message: String) {
        self.issues.push(Issue::error(Key::DefinitionInvalid, self.file, message).at(place(at.referenced)));
    }
}

/// Compiles one parameter for one type.
fn parameter(resource_type: &str, definition: &SearchParameter) -> Result<Parameter, String> {
    let name = format!("{resource_type}.{}", definition.code);
    let Some(kind) = ParameterKind::parse(&definition.kind) else {
        return Err(format!("{name} is of kind {}, which is not served", definition.kind));
    };
    let text = definition.expression.as_deref().ok_or_else(|| format!("{name} has no expression"))?;
    let whole = Expression::parse(text).map_err(|issue| format!("{name}: {}", issue.text))?;
    // The expression is that of all types that share the parameter.
    let about = |branch: &Expression| {
        branch.first_name().is_none_or(|first| [resource_type, "Resource", "DomainResource"].contains(&first))
    };
    let branches = whole.branches().into_iter().filter(about);
    let places: Vec<Place> = branches.map(|branch| Place::new(branch, resource_type)).collect();
    if places.is_empty() {
        return Err(format!("{name} says nothing about {resource_type}: its expression is {text}"));
    }
    Ok(Parameter {
        resource_type: resource_type.to_owned(),
        code: definition.code.clone(),
        kind,
        targets: definition.targets.clone(),
        system: None,
        places,
    })
}

fn place(location: Location) -> SourcePosition {
    SourcePosition { line: location.line() as u32, column: location.column() as u32 }
}

//! What a stored resource is found by: the search parameters that are served, compiled once, and the entries that they
//! make of a resource (<https://hl7.org/fhir/R4/search.html>).
//!
//! Which parameters are served is data, `profiles/handoff/search-parameters.yaml`; what they look at comes from the
//! definitions. It must not know how entries are stored; the other half, what is asked, is in [`super::query`].

mod served;
mod values;

use std::collections::HashMap;
use std::fmt;

use crate::definitions::Definitions;
use crate::error::{Error, Result};
use crate::fhir::{Node, ResourceKey};
use crate::fhirpath::{Context, Expression};

/// The search parameters that are served, each with what it looks at. Made once, when the gateway starts.
#[derive(Debug)]
pub struct SearchParameters {
    parameters: Vec<Parameter>,
    /// By resource type; within a type by code
    types: HashMap<String, Vec<u16>>,
    base: Option<String>,
}

/// One search parameter of one resource type.
#[derive(Debug)]
pub struct Parameter {
    /// The type that it searches
    pub resource_type: String,
    /// Its name in a query
    pub code: String,
    /// What it looks for
    pub kind: ParameterKind,
    /// The types that a reference may point at, as the standard lists them
    pub targets: Vec<String>,
    /// The code system of a bare code, where the element's value set takes its codes from one
    system: Option<String>,
    expressions: Vec<Expression>,
}

/// The kinds of search parameter that are served (<https://hl7.org/fhir/R4/search.html#ptypes>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParameterKind {
    /// A code, identifier or boolean
    Token,
    /// Another resource
    Reference,
    /// A text that people wrote
    String,
    /// A date, time or period
    Date,
    /// A URI
    Uri,
}

/// One thing that a resource is found by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IndexEntry {
    /// Number of the parameter: see [`SearchParameters::parameter`]. Numbers may change with the list of parameters
    pub parameter: u16,
    /// What stands there
    pub value: IndexValue,
}

/// What stands at a search parameter's place in a resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IndexValue {
    /// A code or identifier; also the identifier of a logical reference, which `:identifier` asks for
    Token {
        /// Its system, where it has one
        system: Option<String>,
        /// The code or value; empty for an identifier that has only a system
        code: String,
    },
    /// A resource of this server
    Reference(ResourceKey),
    /// A resource elsewhere, by absolute URL, canonical URL or urn
    ReferenceUrl(String),
    /// A text in normal form: see [`normal`]
    Text(String),
    /// The same text as it is written, which `:exact` asks for
    Exact(String),
    /// The interval that a date means in its precision, or a period: first and last millisecond from 1970 in UTC
    Date {
        /// First millisecond; `i64::MIN` for a period without a start
        low: i64,
        /// Last millisecond; `i64::MAX` for a period without an end
        high: i64,
    },
    /// A URI
    Uri(String),
}

// ===

impl SearchParameters {
    /// Compiles the parameters that the gateway ships with.
    ///
    /// # Errors
    /// Everything that is wrong with the list: a fault of this program, or of a package that shadows R4's own.
    pub fn shipped(definitions: &Definitions) -> Result<Self> {
        served::compile(definitions, served::SHIPPED_FILE, served::SHIPPED)
    }

    /// Compiles the parameters that a list names; `file` is what findings call it.
    ///
    /// # Errors
    /// Everything that is wrong with the list, with file, line and column.
    pub fn compile(definitions: &Definitions, file: &str, text: &str) -> Result<Self> {
        served::compile(definitions, file, text)
    }

    /// Reads absolute references that begin with `base` as references to this server.
    #[must_use]
    pub fn with_base(mut self, base: impl Into<String>) -> Self {
        self.base = Some(base.into());
        self
    }

    /// What absolute references to this server begin with.
    pub fn base(&self) -> Option<&str> {
        self.base.as_deref()
    }

    /// The parameter with this number.
    pub fn parameter(&self, number: u16) -> Option<&Parameter> {
        self.parameters.get(usize::from(number))
    }

    /// The parameter of a type by its code, with its number.
    pub fn find(&self, resource_type: &str, code: &str) -> Option<(u16, &Parameter)> {
        self.of_type(resource_type).find(|(_, parameter)| parameter.code == code)
    }

    /// The parameters of a type, in alphabetical order, with their numbers.
    pub fn of_type(&self, resource_type: &str) -> impl Iterator<Item = (u16, &Parameter)> {
        let numbers = self.types.get(resource_type).map_or(&[][..], Vec::as_slice);
        numbers.iter().filter_map(|number| Some((*number, self.parameter(*number)?)))
    }

    /// What the index depends on, in short: an index made with another fingerprint has to be made anew.
    pub fn fingerprint(&self) -> String {
        use fmt::Write;
        use sha2::{Digest, Sha256};
        let mut digest = Sha256::new();
        // Raised when entries are made differently from the same parameters.
        digest.update("entries 1\n");
        for parameter in &self.parameters {
            digest.update(format!("{parameter} {:?} {:?}", parameter.kind, parameter.system));
            parameter.expressions.iter().for_each(|expression| digest.update(format!(" {expression}")));
            digest.update("\n");
        }
        digest.update(self.base.as_deref().unwrap_or_default());
        let mut text = String::with_capacity(32);
        for byte in digest.finalize().iter().take(16) {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// Everything that a resource is found by, each entry once.
    ///
    /// # Errors
    /// Where an expression meets data that it has no meaning for; no expression of R4 does.
    pub fn entries(&self, resource: Node<'_>) -> Result<Vec<IndexEntry>> {
        let Some(resource_type) = resource.str("resourceType") else { return Ok(Vec::new()) };
        let Some(numbers) = self.types.get(&*resource_type) else { return Ok(Vec::new()) };
        let context = Context::new(resource);
        let mut entries = Vec::with_capacity(numbers.len() + 4);
        for number in numbers {
            let Some(parameter) = self.parameter(*number) else { continue };
            let from = entries.len();
            for expression in &parameter.expressions {
                let found =
                    expression.evaluate(&context, resource).map_err(|issue| Error::unprocessable(vec![*issue]))?;
                for item in &found {
                    values::push(parameter, self.base(), item, &mut |value| {
                        let entry = IndexEntry { parameter: *number, value };
                        if !entries[from..].contains(&entry) {
                            entries.push(entry);
                        }
                    });
                }
            }
        }
        Ok(entries)
    }
}

impl ParameterKind {
    /// The code of the standard.
    pub fn code(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Reference => "reference",
            Self::String => "string",
            Self::Date => "date",
            Self::Uri => "uri",
        }
    }

    fn parse(code: &str) -> Option<Self> {
        [Self::Token, Self::Reference, Self::String, Self::Date, Self::Uri].into_iter().find(|kind| kind.code() == code)
    }
}

impl fmt::Display for Parameter {
    /// `Task.owner`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.resource_type, self.code)
    }
}

/// The form in which texts are compared: lower case, single spaces, none at the ends.
pub fn normal(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !result.is_empty() {
            result.push(' ');
        }
        result.extend(word.chars().flat_map(char::to_lowercase));
    }
    result
}

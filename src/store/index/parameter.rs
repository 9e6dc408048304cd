//! One search parameter, compiled.

use std::fmt;

use super::place::Place;

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
    pub(super) system: Option<String>,
    /// What it looks at
    pub(super) places: Vec<Place>,
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

    /// The kind of this code, if it is served.
    pub(super) fn parse(code: &str) -> Option<Self> {
        [Self::Token, Self::Reference, Self::String, Self::Date, Self::Uri].into_iter().find(|kind| kind.code() == code)
    }
}

impl Parameter {
    /// Does it look at one of these elements, at the top level of its type? Its expressions name what they look at.
    pub fn looks_at_any(&self, elements: &[String]) -> bool {
        self.places.iter().map(ToString::to_string).any(|text| {
            let mut words = text.split(|sign: char| !sign.is_ascii_alphanumeric());
            words.any(|word| elements.iter().any(|element| element == word))
        })
    }
}

impl fmt::Display for Parameter {
    /// `Task.owner`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.resource_type, self.code)
    }
}

//! What a SearchParameter says (<https://hl7.org/fhir/R4/searchparameter.html>).

/// One way to search a resource type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchParameter {
    /// Canonical URL
    pub url: String,
    /// The name in a query
    pub code: String,
    /// Resource types that it searches
    pub base: Vec<String>,
    /// `number`, `date`, `string`, `token`, `reference`, `composite`, `quantity`, `uri` or `special`
    pub kind: String,
    /// FHIRPath of what it looks at; for several base types their paths joined by `|`
    pub expression: Option<String>,
    /// Resource types that a reference may point at
    pub targets: Vec<String>,
    /// The parts of a composite
    pub components: Vec<Component>,
}

/// One part of a composite search parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Canonical URL of the parameter that it uses
    pub definition: String,
    /// FHIRPath, relative to the composite's own
    pub expression: String,
}

//! What is served under `/fhir`, as data: each method of each path, whom it is open to, and which action of the API it
//! asks for. The router, the entries of Bundles and the CapabilityStatement read this table.

use std::cmp::Reverse;
use std::sync::LazyLock;

use crate::server::Access::{self, Anyone, Auditor, Client, Party};
use crate::server::reply::Refusal;
use crate::server::unserved;

/// What a request asks for (<https://hl7.org/fhir/R4/http.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Capabilities,
    /// A transaction or batch
    Bundle,
    Search,
    SearchByPost,
    Create,
    Read,
    Update,
    History,
    Vread,
    /// `$validate` of a resource of any type
    ValidateAny,
    /// `$validate` of a resource of this type
    ValidateTyped,
    /// `$validate` of a resource as it is stored
    ValidateStored,
    /// `$validate` of a resource as a version of a stored one
    ValidateInstance,
    /// Of the definitions that come with the program
    SearchDefinitions,
    SearchDefinitionsByPost,
    ReadDefinition,
    /// Of the audit log
    SearchAudit,
    SearchAuditByPost,
    ReadAudit,
}

/// One method of one path.
#[derive(Debug, Clone, Copy)]
pub(super) struct ServedPath {
    pub(super) access: Access,
    pub(super) method: &'static str,
    /// The pattern; what varies stands in braces
    pub(super) pattern: &'static str,
    pub(super) action: Action,
}

/// A path as the table has it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PathMatch<'p> {
    pub(super) action: Action,
    pub(super) access: Access,
    /// The segments behind `/fhir`, as they were sent
    pub(super) segments: Vec<&'p str>,
}

const fn row(access: Access, method: &'static str, pattern: &'static str, action: Action) -> ServedPath {
    ServedPath { access, method, pattern, action }
}

/// Everything that is served.
pub(super) const PATHS: &[ServedPath] = &[
    // --- a resource
    row(Party, "GET", "/fhir/{type}/{id}", Action::Read),
    row(Party, "PUT", "/fhir/{type}/{id}", Action::Update),
    row(Party, "GET", "/fhir/{type}/{id}/_history", Action::History),
    row(Party, "GET", "/fhir/{type}/{id}/_history/{version}", Action::Vread),
    row(Client, "GET", "/fhir/{type}/{id}/$validate", Action::ValidateStored),
    row(Client, "POST", "/fhir/{type}/{id}/$validate", Action::ValidateInstance),
    // --- a type
    row(Party, "GET", "/fhir/{type}", Action::Search),
    row(Party, "POST", "/fhir/{type}", Action::Create),
    row(Party, "POST", "/fhir/{type}/_search", Action::SearchByPost),
    row(Client, "POST", "/fhir/{type}/$validate", Action::ValidateTyped),
    // --- the whole system
    row(Anyone, "GET", "/fhir/metadata", Action::Capabilities),
    row(Party, "POST", "/fhir", Action::Bundle),
    row(Party, "POST", "/fhir/", Action::Bundle),
    row(Client, "POST", "/fhir/$validate", Action::ValidateAny),
    // --- our own definitions, which everybody reads and nobody writes
    row(Client, "GET", "/fhir/StructureDefinition", Action::SearchDefinitions),
    row(Client, "POST", "/fhir/StructureDefinition/_search", Action::SearchDefinitionsByPost),
    row(Client, "POST", "/fhir/StructureDefinition/$validate", Action::ValidateTyped),
    row(Client, "GET", "/fhir/StructureDefinition/{id}", Action::ReadDefinition),
    row(Client, "GET", "/fhir/ValueSet", Action::SearchDefinitions),
    row(Client, "POST", "/fhir/ValueSet/_search", Action::SearchDefinitionsByPost),
    row(Client, "POST", "/fhir/ValueSet/$validate", Action::ValidateTyped),
    row(Client, "GET", "/fhir/ValueSet/{id}", Action::ReadDefinition),
    row(Client, "GET", "/fhir/CodeSystem", Action::SearchDefinitions),
    row(Client, "POST", "/fhir/CodeSystem/_search", Action::SearchDefinitionsByPost),
    row(Client, "POST", "/fhir/CodeSystem/$validate", Action::ValidateTyped),
    row(Client, "GET", "/fhir/CodeSystem/{id}", Action::ReadDefinition),
    // --- the audit log, which the gateway writes and auditors read
    row(Auditor, "GET", "/fhir/AuditEvent", Action::SearchAudit),
    row(Auditor, "POST", "/fhir/AuditEvent/_search", Action::SearchAuditByPost),
    row(Client, "POST", "/fhir/AuditEvent/$validate", Action::ValidateTyped),
    row(Auditor, "GET", "/fhir/AuditEvent/{id}", Action::ReadAudit),
];

/// A pattern, taken apart once.
struct Pattern {
    /// Nothing stands for a segment that varies
    segments: Vec<Option<&'static str>>,
    /// Which segments are literal: a bit each, the first one highest
    literals: u32,
    /// Its methods
    served: Vec<&'static ServedPath>,
}

/// The patterns, those first that say more with their first segments.
static PATTERNS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    let mut patterns: Vec<Pattern> = Vec::new();
    for rows in PATHS.chunk_by(|one, next| one.pattern == next.pattern) {
        let segments = rows[0].pattern.split('/').map(|segment| (!segment.starts_with('{')).then_some(segment));
        let segments: Vec<_> = segments.collect();
        let bits = segments.iter().zip((0..8).rev());
        let literals = bits.filter(|(segment, _)| segment.is_some()).map(|(_, bit)| 1 << bit).sum();
        match patterns.iter_mut().find(|known| known.segments == segments) {
            Some(known) => known.served.extend(rows),
            None => patterns.push(Pattern { segments, literals, served: rows.iter().collect() }),
        }
    }
    patterns.sort_by_key(|pattern| Reverse(pattern.literals));
    patterns
});

impl Pattern {
    /// Is a path of these segments one of this pattern?
    fn has(&self, segments: &[&str]) -> bool {
        self.segments.len() == segments.len()
            && self.segments.iter().zip(segments).all(|(part, segment)| match part {
                Some(literal) => literal == segment,
                None => !segment.is_empty(),
            })
    }
}

/// What this method of this path asks for. Of several patterns the one counts that says more with its first segments, as
/// it does in the router.
///
/// # Errors
/// 404 for a path that no pattern has, 405 for a method that the path does not serve.
pub(super) fn find<'p>(method: &str, path: &'p str) -> Result<PathMatch<'p>, Refusal> {
    let mut segments: Vec<&str> = path.split('/').collect();
    let best = PATTERNS.iter().find(|pattern| pattern.has(&segments));
    let Some(best) = best else { return Err(unserved::path().into()) };
    let served = best.served.iter().find(|served| served.method == method);
    let Some(served) = served else { return Err(Refusal::method(unserved::method(method))) };
    Ok(PathMatch { action: served.action, access: served.access, segments: segments.split_off(2) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(method: &str, path: &str) -> Result<Action, u16> {
        find(method, path).map(|found| found.action).map_err(|refusal| refusal.status().as_u16())
    }

    #[test]
    fn the_more_literal_pattern_counts() {
        for (method, path, expected) in [
            ("GET", "/fhir/metadata", Ok(Action::Capabilities)),
            ("GET", "/fhir/Task", Ok(Action::Search)),
            ("GET", "/fhir/Task/1", Ok(Action::Read)),
            ("GET", "/fhir/Task/1/_history", Ok(Action::History)),
            ("GET", "/fhir/Task/1/_history/2", Ok(Action::Vread)),
            ("GET", "/fhir/Task/1/$validate", Ok(Action::ValidateStored)),
            ("GET", "/fhir/ValueSet/a", Ok(Action::ReadDefinition)),
            ("GET", "/fhir/ValueSet/a/_history", Ok(Action::History)),
            ("POST", "/fhir/", Ok(Action::Bundle)),
            ("GET", "/fhir/", Err(405)),
            ("GET", "/fhir/$validate", Err(405)),
            ("GET", "/fhir/Task/_search", Err(405)),
            ("DELETE", "/fhir/Task/1", Err(405)),
            ("GET", "/fhir/Task/", Err(404)),
            ("GET", "/fhir/Task/1/$everything", Err(404)),
            ("GET", "/fhir/Task//_history", Err(404)),
            ("GET", "/agency/v1/referrals", Err(404)),
        ] {
            assert_eq!(action(method, path), expected, "{method} {path}");
        }
    }
}

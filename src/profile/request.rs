//! What a check is asked for besides the resource.

use std::collections::HashMap;

use crate::fhir::Resources;
use crate::fhirpath::Temporal;

/// What a check is asked for besides the resource.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own")]
pub struct Request<'a> {
    /// Profiles to check against besides those that it claims to meet: canonical URLs
    pub profiles: &'a [&'a str],
    /// Resources beside it: where references and canonicals may lead
    pub with: Option<&'a Resources>,
    /// Profiles that every resource of a type has to meet, wherever it stands in the document
    pub by_type: Option<&'a HashMap<String, Vec<String>>>,
    /// What `now()` and `today()` are in invariants, and what durations are counted from; without it they cannot be known
    pub now: Option<Temporal>,
    /// There is somebody to ask about codes that the value sets at hand cannot decide: leave questions open for them
    pub questions: bool,
    /// Say too which elements that must be supported are absent
    pub must_support: bool,
    /// Refuse plain texts that hold what looks like HTML, which a careless page would act upon
    pub security: bool,
    /// Refuse HTML in markdown, rather than warn of it
    pub no_html: bool,
    /// Refuse addresses that are made for examples (`example.org` and its like), which no real message has
    pub no_examples: bool,
    /// Say too where it keeps to the rules but not to what is recommended
    pub best_practice: bool,
}

//! Any JSON as a resource, against R4 and a profile: every finding has a text and stands within the document, and the
//! same document gives the same findings twice.

#![no_main]

use std::sync::{Arc, LazyLock};

use handoff::definitions::Definitions;
use handoff::fhir::{Document, Limits};
use handoff::profile::Checker;
use libfuzzer_sys::fuzz_target;

static CHECKER: LazyLock<Checker> =
    LazyLock::new(|| Checker::new(Arc::new(Definitions::r4().expect("the embedded pack"))));

/// Profiles of R4 itself: vital signs have slices, and bind values.
const PROFILES: &[&str] = &[
    "http://hl7.org/fhir/StructureDefinition/bodyweight",
    "http://hl7.org/fhir/StructureDefinition/shareablevalueset",
];

fuzz_target!(|bytes: &[u8]| {
    let Ok(document) = Document::parse_bytes(bytes, Limits::default()) else { return };
    let lines = document.text().split('\n').count();
    let first = CHECKER.check_against(document.root(), PROFILES);
    for issue in &first {
        assert!(!issue.text.is_empty());
        assert!(issue.position.is_none_or(|place| place.line as usize <= lines), "{issue}");
    }
    assert_eq!(first, CHECKER.check_against(document.root(), PROFILES));
});

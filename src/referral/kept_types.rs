//! Which resources are taken in: those that a referral is made of, and those that it may stand on: who takes part, what is
//! known of the person, what was asked, agreed and done. What would ask this gateway to do something that it does not do
//! (to notify, to book, to pay, to index), what defines something, and what no referral can lead to, is refused rather than
//! kept without effect.
//!
//! The doors, the CapabilityStatement and the tests read this table.

/// The types that are taken in, in alphabetical order.
pub const KEPT_TYPES: &[&str] = &[
    "AdverseEvent",
    "AllergyIntolerance",
    "Appointment",
    "Basic",
    "BodyStructure",
    "Bundle",
    "CarePlan",
    "CareTeam",
    "ClaimResponse",
    "ClinicalImpression",
    "Communication",
    "Composition",
    "Condition",
    "Consent",
    "Contract",
    "Coverage",
    "CoverageEligibilityResponse",
    "DetectedIssue",
    "Device",
    "DeviceRequest",
    "DeviceUseStatement",
    "DiagnosticReport",
    "DocumentReference",
    "Encounter",
    "EpisodeOfCare",
    "FamilyMemberHistory",
    "Flag",
    "Goal",
    "Group",
    "HealthcareService",
    "ImagingStudy",
    "Immunization",
    "ImmunizationRecommendation",
    "Location",
    "Media",
    "Medication",
    "MedicationAdministration",
    "MedicationDispense",
    "MedicationRequest",
    "MedicationStatement",
    "NutritionOrder",
    "Observation",
    "Organization",
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "Procedure",
    "Provenance",
    "Questionnaire",
    "QuestionnaireResponse",
    "RelatedPerson",
    "RequestGroup",
    "RiskAssessment",
    "ServiceRequest",
    "Specimen",
    "Task",
    "VisionPrescription",
];

/// What an agency may create through FHIR: what it did and found for a referral that it owns (SDOHCC, "direct light":
/// the target posts Procedures and what else its outputs reference). Referrals come from requesters.
pub const KEPT_OF_AGENCIES: &[&str] = &[
    "Procedure",
    "Observation",
    "DocumentReference",
    "QuestionnaireResponse",
    "Condition",
    "Goal",
    "CarePlan",
    "CareTeam",
    "Communication",
    "Encounter",
    "EpisodeOfCare",
    "Appointment",
    "Practitioner",
    "PractitionerRole",
    "RelatedPerson",
    "Provenance",
];

/// The types that the directory is made of by which referrals are routed. What clients send of them stays beside it.
pub const REFERENCE_DATA: &[&str] = &["HealthcareService", "Location", "Organization"];

/// What a client is told that sends [`REFERENCE_DATA`].
pub const REFERENCE_DATA_STAYS: &str = "kept as its sender's own reference data; referrals are routed by the directory of \
                                        this gateway, which its operator loads, and which this takes no part in";

/// Types that somebody may well send, each with why it is not taken in and what to do instead.
const REFUSED: &[(&str, &str)] = &[
    ("AuditEvent", "the gateway writes its own"),
    (
        "Binary",
        "no reference of a referral leads to it; put the content into DocumentReference.content.attachment.data",
    ),
    (
        "Endpoint",
        "nothing is sent by this gateway; ask for what is new with Task?_lastUpdated=gt and the newest time that you saw",
    ),
    (
        "List",
        "what it lists would not be shown to whoever takes part in a referral; let the referral reference the resources",
    ),
    ("MessageHeader", "messages are not processed; send a transaction to the base"),
    ("OperationOutcome", "it answers a request, and is no record"),
    ("Parameters", "it calls an operation, and is no record; $validate takes it"),
    (
        "Subscription",
        "nothing is sent by this gateway; ask for what is new with Task?_lastUpdated=gt and the newest time that you saw",
    ),
    ("StructureDefinition", "the definitions of this gateway come with its program"),
    ("ValueSet", "the definitions of this gateway come with its program"),
    ("CodeSystem", "the definitions of this gateway come with its program"),
];

/// Is a resource of this type taken in?
pub fn is_kept(kind: &str) -> bool {
    KEPT_TYPES.binary_search(&kind).is_ok()
}

/// Why a resource of this type is not taken in.
pub fn why_not(kind: &str) -> &'static str {
    let told = REFUSED.iter().find(|(refused, _)| *refused == kind);
    told.map_or("no referral is made of it or stands on it, so nothing would come of it here", |(_, why)| why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_agree() {
        assert!(KEPT_TYPES.is_sorted());
        assert!(REFUSED.iter().all(|(kind, _)| !is_kept(kind)));
        assert!(KEPT_OF_AGENCIES.iter().chain(REFERENCE_DATA).all(|kind| is_kept(kind)));
    }
}

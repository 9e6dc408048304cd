//! How the events of the audit log are told in FHIR (<https://hl7.org/fhir/R4/valueset-audit-event-type.html>,
//! <https://hl7.org/fhir/R4/valueset-audit-event-action.html>), as data: what is told and what is searched read this table.

use crate::fhir::authored::audit_event::AuditCode;

const REST: AuditCode = AuditCode { system: "http://terminology.hl7.org/CodeSystem/audit-event-type", code: "rest" };
const DISCLOSE: AuditCode =
    AuditCode { system: "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle", code: "disclose" };
const INTERACTIONS: &str = "http://hl7.org/fhir/restful-interaction";

const fn dicom(code: &'static str) -> AuditCode {
    AuditCode { system: "http://dicom.nema.org/resources/ontology/DCM", code }
}

/// How an event of the log is told in FHIR.
pub(super) struct EventForm {
    /// The event, as the log has it
    pub(super) event: &'static str,
    pub(super) kind: AuditCode,
    interaction: Option<&'static str>,
    pub(super) action: &'static str,
}

impl EventForm {
    /// The interaction of FHIR that it is, where it is one.
    pub(super) fn interaction(&self) -> Option<AuditCode> {
        self.interaction.map(|code| AuditCode { system: INTERACTIONS, code })
    }
}

const fn form(
    event: &'static str,
    kind: AuditCode,
    interaction: Option<&'static str>,
    action: &'static str,
) -> EventForm {
    EventForm { event, kind, interaction, action }
}

/// Every event that the log knows.
pub(super) const EVENTS: &[EventForm] = &[
    // --- what was seen
    form("read", REST, Some("read"), "R"),
    form("vread", REST, Some("vread"), "R"),
    form("history", REST, Some("history-instance"), "R"),
    form("search", REST, Some("search-type"), "E"),
    form("sheet", REST, None, "E"),
    form("poll", REST, Some("search-type"), "E"),
    form("record", REST, Some("read"), "R"),
    form("explanation", REST, Some("read"), "R"),
    form("status", REST, Some("read"), "R"),
    form("eligibility", REST, Some("read"), "R"),
    form("audit", dicom("110101"), Some("search-type"), "R"),
    // --- what was changed
    form("stored", REST, None, "C"),
    form("delivered", REST, None, "C"),
    form("unrouted", REST, None, "C"),
    form("forbidden", REST, None, "C"),
    form("consent", REST, None, "E"),
    form("moved", REST, None, "U"),
    form("recorded", REST, None, "U"),
    form("capacity", REST, None, "U"),
    // --- who sees it
    form("disclosed", DISCLOSE, None, "R"),
    form("withdrawn", REST, None, "U"),
    // --- what was refused
    form("refused", REST, None, "E"),
    form("rejected", dicom("110113"), None, "E"),
    form("bad-token", dicom("110114"), None, "E"),
    // --- the gateway itself
    form("client-added", dicom("110137"), None, "C"),
    form("client-bound", dicom("110137"), None, "U"),
    form("client-revoked", dicom("110137"), None, "U"),
    form("pruned", dicom("110101"), None, "D"),
    form("restored", dicom("110107"), None, "U"),
];

/// What an event is told as that this version does not know.
pub(super) const OTHER: EventForm = form("", REST, None, "E");

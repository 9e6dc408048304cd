//! The resources that we author ourselves, one file a type, built with the types of fhir-sdk; what we carry is never
//! read into them and stays as it came.
//!
//! fhir-sdk has no R4, but R4B (4.3.0), of which most resources have the shape of R4. Where they differ, or JSON that is
//! carried stands inside, plain JSON is written, and the module says so:
//! - R4B's list of resource types is closed and lacks some of R4 (`MedicinalProduct`, `EffectEvidenceSynthesis`), so
//!   what names any type of R4, as `CapabilityStatement.rest.resource`, is not typed;
//! - its instants leave out trailing zeros of a second, where ours always have three digits: what holds one is a type of
//!   our own, as `Bundle.entry.response`, or puts it in as JSON, as `AuditEvent.recorded`.
//!
//! `Default` is not there and `resourceType` is private in fhir-sdk, so resources are made with its builders.

pub mod audit_event;
pub mod basic;
pub mod bundle;
pub mod capability_statement;
pub mod code_system;
pub mod operation_outcome;

//! A Basic (<https://hl7.org/fhir/R4/basic.html>): what FHIR has no resource for.

use fhir_sdk::BuilderError;
use fhir_sdk::r4b::resources::Basic;
use fhir_sdk::r4b::types::{CodeableConcept, Coding, Extension, ExtensionValue, Reference};
use serde_json::Value;

use crate::error::{Error, Result};

/// A Basic of the kind `(system, code)` about `subject`, with the text of an extension `(url, text)`.
///
/// # Errors
/// A fault, should the resource not be complete.
pub fn to_value(kind: (&str, &str), subject: &str, extension: (&str, String)) -> Result<Value> {
    let basic = build(kind, subject, extension).map_err(Error::fault)?;
    serde_json::to_value(basic).map_err(Error::fault)
}

fn build((system, code): (&str, &str), subject: &str, (url, text): (&str, String)) -> Result<Basic, BuilderError> {
    let coding = Coding::builder().system(system.to_owned()).code(code.to_owned()).build()?;
    let code = CodeableConcept::builder().coding(vec![Some(coding)]).build()?;
    let subject = Reference::builder().reference(subject.to_owned()).build()?;
    let extension = Extension::builder().url(url.to_owned()).value(ExtensionValue::String(text)).build()?;
    Basic::builder().extension(vec![extension]).code(code).subject(subject).build()
}

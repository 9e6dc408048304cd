//! A map in words, for people and for tests: which place of the record is tied to which of the graph, and whose it is.

use super::model::{End, Field, Model, Source};

/// One field of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDescription {
    /// The places of the record: `services[].minutes`
    pub record: Vec<String>,
    /// The places of the graph, the expression, or nothing for a constant
    pub fhir: Vec<String>,
    /// The converter; "" where the values are the same on both sides
    pub via: String,
    /// Why a program cannot change it, if it cannot
    pub read_only: Option<&'static str>,
    /// Does it get a value where the record says nothing?
    pub has_default: bool,
}

/// The fields of a map, in its order.
pub(super) fn fields(model: &Model) -> Vec<FieldDescription> {
    model.fields.iter().map(|field| describe(model, field)).collect()
}

fn describe(model: &Model, field: &Field) -> FieldDescription {
    let (fhir, via, has_default) = match &field.source {
        Source::Constant(_) => (Vec::new(), String::new(), true),
        Source::Computed { expression, .. } => (vec![expression.text().to_owned()], String::new(), false),
        Source::Ends { choices, via, also } => {
            let ends = || choices.iter().flatten().chain(also.as_ref().map(|(end, _)| end));
            let name = if via.is_same() { String::new() } else { via.name().into_owned() };
            let given =
                name == "flag" || name == "referral-reason" || ends().any(|end| end.identity || is_filled(model, end));
            (ends().map(|end| end_text(model, end)).collect(), name, given)
        }
    };
    FieldDescription {
        record: field.record.iter().map(ToString::to_string).collect(),
        fhir,
        via,
        read_only: field.read_only().map(|(what, _)| what),
        has_default: has_default || field.default.is_some(),
    }
}

fn end_text(model: &Model, end: &End) -> String {
    format!("{}.{}", model.nodes[end.node].name, end.path.text)
}

/// Is something filled in where this end is, around it or inside it?
fn is_filled(model: &Model, end: &End) -> bool {
    model.nodes[end.node]
        .fills
        .iter()
        .any(|fill| fill.path.steps.iter().zip(&end.path.steps).all(|(one, two)| one.can_match(two)))
}

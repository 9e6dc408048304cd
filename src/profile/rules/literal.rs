//! When a value is what a definition says it is: exactly (`fixed[x]`), or with more beside it (`pattern[x]`)
//! (<https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.pattern_x_>).

use crate::fhir::{Kind, Node};
use crate::fhirpath::Decimal;

/// Is it exactly this? The order of members does not matter, that of items does.
pub(in crate::profile) fn equals(expected: Node<'_>, found: Node<'_>) -> bool {
    match (expected.kind(), found.kind()) {
        (Kind::Object, Kind::Object) => {
            expected.members().count() == found.members().count()
                && expected.members().all(|member| found.get(member.name()).is_some_and(|it| equals(member, it)))
        }
        (Kind::Array, Kind::Array) => {
            expected.items().count() == found.items().count()
                && expected.items().zip(found.items()).all(|(left, right)| equals(left, right))
        }
        _ => same(expected, found),
    }
}

/// Does it hold all of the pattern? Of a list each item of the pattern is somewhere among those found.
pub(in crate::profile) fn includes(pattern: Node<'_>, found: Node<'_>) -> bool {
    match (pattern.kind(), found.kind()) {
        (Kind::Object, Kind::Object) => {
            pattern.members().all(|member| found.get(member.name()).is_some_and(|it| includes(member, it)))
        }
        (Kind::Array, Kind::Array) => {
            pattern.items().all(|expected| found.items().any(|item| includes(expected, item)))
        }
        _ => same(pattern, found),
    }
}

/// Are two primitives the same? Numbers are compared by value.
fn same(left: Node<'_>, right: Node<'_>) -> bool {
    match (left.kind(), right.kind()) {
        (Kind::Number, Kind::Number) => {
            left.text() == right.text()
                || Decimal::parse(left.text())
                    .zip(Decimal::parse(right.text()))
                    .is_some_and(|(one, other)| one.trimmed() == other.trimmed())
        }
        (Kind::String, Kind::String) => left.text() == right.text() || left.as_str() == right.as_str(),
        (one, other) => one == other && left.text() == right.text(),
    }
}

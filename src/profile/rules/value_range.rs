//! The smallest and the largest value
//! (<https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.minValue_x_>): of numbers, dates, times
//! and quantities.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::{Rule, fixed};
use crate::fhir::{Document, Key, Node};
use crate::fhirpath::{Decimal, Temporal};
use crate::profile::compile::Definition;
use crate::profile::findings::Finding;
use crate::profile::walk::Walk;

/// A value that is not passed.
#[derive(Debug)]
pub(in crate::profile) struct Range {
    is_min: bool,
    bound: Document,
}

impl PartialEq for Range {
    fn eq(&self, other: &Self) -> bool {
        (self.is_min, self.bound.text()) == (other.is_min, other.bound.text())
    }
}

/// The bounds of an element.
pub(in crate::profile) fn compile(definition: Definition<'_>) -> Vec<Rule> {
    let element = definition.element;
    let bounds = [(true, &element.min_value), (false, &element.max_value)];
    bounds
        .into_iter()
        .filter_map(|(is_min, bound)| Some(Rule::Range(Range { is_min, bound: fixed::read(bound.as_ref()?)? })))
        .collect()
}

impl Range {
    pub(in crate::profile) fn check(&self, node: Node<'_>, walk: &mut Walk<'_, '_>) {
        let bound = self.bound.root();
        let shown = super::short(self.bound.text());
        match compare(node, bound) {
            Some(Ordering::Less) if self.is_min => {
                let text = format!("the value is smaller than the smallest that is allowed, {shown}");
                walk.report(Finding::error(Key::ValueRange, node, text));
            }
            Some(Ordering::Greater) if !self.is_min => {
                let text = format!("the value is larger than the largest that is allowed, {shown}");
                walk.report(Finding::error(Key::ValueRange, node, text));
            }
            Some(_) => {}
            None => {
                let text =
                    format!("the value cannot be compared with {shown}, so whether it is in bounds is not known");
                walk.report(Finding::not_checked(node, text));
            }
        }
    }

    pub(in crate::profile) fn describe(&self) -> String {
        format!("{} {}", if self.is_min { "minValue" } else { "maxValue" }, self.bound.text())
    }
}

fn number(quantity: Node<'_>) -> Option<Decimal> {
    quantity.get("value").and_then(|value| Decimal::parse(value.text()))
}

fn unit(quantity: Node<'_>) -> (Option<Cow<'_, str>>, Option<Cow<'_, str>>) {
    (quantity.str("system"), quantity.str("code").or_else(|| quantity.str("unit")))
}

/// How a value stands to a bound; nothing where the two cannot be compared.
fn compare(value: Node<'_>, bound: Node<'_>) -> Option<Ordering> {
    if value.is_object() {
        let (one, other) = (number(value)?, number(bound)?);
        return (unit(value) == unit(bound)).then(|| one.cmp(&other));
    }
    if let (Some(one), Some(other)) = (value.as_number(), bound.as_number()) {
        return Some(Decimal::parse(one)?.cmp(&Decimal::parse(other)?));
    }
    let (one, other) = (value.as_str()?, bound.as_str()?);
    let read = |text: &str| {
        Temporal::parse_date_time(text).or_else(|| Temporal::parse_date(text)).or_else(|| Temporal::parse_time(text))
    };
    read(&one)?.compare(&read(&other)?)
}

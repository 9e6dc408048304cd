//! The smallest and the largest value
//! (<https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.minValue_x_>): of numbers, dates, times
//! and quantities.

use std::cmp::Ordering;

use super::fixed;
use super::shorten::shorten;
use crate::fhir::{Document, Key, Node};
use crate::fhirpath::{Calendar, Decimal, Quantity, Temporal, TemporalKind};
use crate::profile::context::CheckContext;
use crate::profile::definition::Definition;
use crate::profile::finding::Finding;

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
pub(in crate::profile) fn compile(definition: Definition<'_>) -> Vec<Range> {
    let element = definition.element;
    let bounds = [(true, &element.min_value), (false, &element.max_value)];
    bounds
        .into_iter()
        .filter_map(|(is_min, bound)| Some(Range { is_min, bound: fixed::parse_literal(bound.as_ref()?)? }))
        .collect()
}

impl Range {
    pub(in crate::profile) fn check(&self, node: Node<'_>, context: &mut CheckContext<'_, '_>) {
        let shown = shorten(self.bound.text());
        match self.compare(node, context.request.now) {
            Some(Ordering::Less) if self.is_min => {
                let text = format!("the value is smaller than the smallest that is allowed, {shown}");
                context.report(Finding::error(Key::ValueRange, node, text));
            }
            Some(Ordering::Greater) if !self.is_min => {
                let text = format!("the value is larger than the largest that is allowed, {shown}");
                context.report(Finding::error(Key::ValueRange, node, text));
            }
            Some(_) => {}
            None => {
                let text =
                    format!("the value cannot be compared with {shown}, so whether it is in bounds is not known");
                context.report(Finding::not_checked(node, text));
            }
        }
    }

    /// How a value stands to the bound; nothing where the two cannot be compared.
    fn compare(&self, value: Node<'_>, now: Option<Temporal>) -> Option<Ordering> {
        let bound = self.bound.root();
        if value.is_object() {
            return Quantity::read(value)?.compare(&Quantity::read(bound)?);
        }
        if let (Some(one), Some(other)) = (value.as_number(), bound.as_number()) {
            return Some(Decimal::parse(one)?.cmp(&Decimal::parse(other)?));
        }
        let value = parse_temporal(&value.as_str()?)?;
        if bound.is_object() {
            return value.compare(&self.relative_to(now?, value)?);
        }
        value.compare(&parse_temporal(&bound.as_str()?)?)
    }

    /// A bound that is a duration reaches from now back into the past, if it is the smallest, or into the future.
    fn relative_to(&self, now: Temporal, like: Temporal) -> Option<Temporal> {
        let bound = self.bound.root();
        let unit = match &*bound.str("code")? {
            "a" => Calendar::Year,
            "mo" => Calendar::Month,
            code => Calendar::from_ucum(code)?,
        };
        let value = Decimal::parse(bound.get("value")?.text())?;
        let value = if self.is_min { Decimal::new(0, 0)?.checked_sub(value)? } else { value };
        let from = if like.kind() == TemporalKind::Date { now.date() } else { now };
        from.plus(value, unit)
    }

    pub(in crate::profile) fn describe(&self) -> String {
        format!("{} {}", if self.is_min { "minValue" } else { "maxValue" }, self.bound.text())
    }
}

fn parse_temporal(text: &str) -> Option<Temporal> {
    Temporal::parse_date_time(text).or_else(|| Temporal::parse_date(text)).or_else(|| Temporal::parse_time(text))
}

//! Comparison (<https://hl7.org/fhirpath/N1/#comparison>): numbers, texts, dates and quantities; nothing else.

use std::cmp::Ordering;

use super::super::collection::Collection;
use super::super::item::Item;
use super::super::tree::Operator;
use super::super::value::Value;
use super::equality::{are_days, as_decimal, as_quantity};
use super::evaluator::Evaluator;
use super::failure::{Outcome, fail};
use super::operand::{describe_item, only};

impl<'e, 'a: 'e> Evaluator<'_, 'e, 'a> {
    /// `a < b` and its kin.
    pub(super) fn compared(
        &self,
        at: u32,
        operator: Operator,
        left: &Collection<'e>,
        right: &Collection<'e>,
    ) -> Outcome<Collection<'e>> {
        let (Some(left), Some(right)) = (only(at, left)?, only(at, right)?) else { return Ok(Collection::Empty) };
        let order = self.order(at, left, right)?;
        let holds = order.map(|order| match operator {
            Operator::Less => order.is_lt(),
            Operator::LessOrEqual => order.is_le(),
            Operator::Greater => order.is_gt(),
            _ => order.is_ge(),
        });
        Ok(Collection::maybe(holds.map(Value::Boolean)))
    }

    /// Which of two items comes first; nothing where that cannot be known.
    pub(super) fn order(&self, at: u32, left: &Item<'e>, right: &Item<'e>) -> Outcome<Option<Ordering>> {
        self.charge_item(left, at)?;
        self.charge_item(right, at)?;
        let (left_value, right_value) = (left.value(), right.value());
        if let (Some(Value::String(left)), Some(Value::String(right))) = (&left_value, &right_value)
            && are_days(left, right)
        {
            return Ok(Some(left.cmp(right)));
        }
        if let (Some(left), Some(right)) =
            (left_value.as_ref().and_then(as_decimal), right_value.as_ref().and_then(as_decimal))
        {
            return Ok(Some(left.cmp(&right)));
        }
        if let Some((left, right)) = self.temporals(left, right) {
            return if (left.kind() == right.kind()) || left.compare(&right).is_some() || !times_mixed(&left, &right) {
                Ok(left.compare(&right))
            } else {
                Err(fail(at, "a time of day cannot be compared with a date"))
            };
        }
        if let (Some(Value::String(left)), Some(Value::String(right))) = (&left_value, &right_value) {
            return Ok(Some(left.cmp(right)));
        }
        let quantity = |item: &Item<'e>, value: &Option<Value<'e>>| {
            value.as_ref().and_then(as_quantity).or_else(|| self.quantity_of(item))
        };
        if let (Some(left), Some(right)) = (quantity(left, &left_value), quantity(right, &right_value)) {
            return Ok(left.compare(&right));
        }
        Err(fail(at, format!("{} cannot be compared with {}", describe_item(left), describe_item(right))))
    }
}

fn times_mixed(left: &super::super::date::Temporal, right: &super::super::date::Temporal) -> bool {
    use super::super::date::TemporalKind::Time;
    (left.kind() == Time) != (right.kind() == Time)
}

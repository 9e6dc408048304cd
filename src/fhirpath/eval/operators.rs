//! Operators that give values: arithmetic (<https://hl7.org/fhirpath/N1/#math>) and joining, and the way to comparison,
//! equivalence and union.

use std::borrow::Cow;

use super::super::collection::Collection;
use super::super::decimal::Decimal;
use super::super::item::Item;
use super::super::tree::{Operator, Part};
use super::super::value::{Quantity, Value};
use super::calendar::add_duration;
use super::equality::as_decimal;
use super::evaluator::{Evaluator, Scope};
use super::failure::{Outcome, fail};
use super::operand::{describe_item, only};

impl<'e, 'a: 'e> Evaluator<'_, 'e, 'a> {
    pub(super) fn binary(
        &self,
        at: u32,
        operator: Operator,
        left: &'e Part,
        right: &'e Part,
        scope: &Scope<'_, 'e>,
    ) -> Outcome<Collection<'e>> {
        use Operator as O;
        let left = self.eval(left, scope)?;
        let right = self.eval(right, scope)?;
        let truth = match operator {
            O::Equivalent => self.equivalent_all(at, &left, &right)?,
            O::NotEquivalent => !self.equivalent_all(at, &left, &right)?,
            O::Union => return self.union(at, left, right),
            O::Less | O::LessOrEqual | O::Greater | O::GreaterOrEqual => {
                return self.compared(at, operator, &left, &right);
            }
            O::Concatenate => return self.concatenation(at, &left, &right),
            _ => return self.arithmetic(at, operator, &left, &right),
        };
        Ok(Collection::boolean(truth))
    }

    /// `a & b`: nothing counts as the empty text.
    fn concatenation(&self, at: u32, left: &Collection<'e>, right: &Collection<'e>) -> Outcome<Collection<'e>> {
        let text = |side: &Collection<'e>| match only(at, side)? {
            None => Ok(Cow::Borrowed("")),
            Some(item) => {
                item.to_text().ok_or_else(|| fail(at, format!("& joins texts, found {}", describe_item(item))))
            }
        };
        let joined = format!("{}{}", text(left)?, text(right)?);
        self.charge_text(&joined, at)?;
        Ok(Collection::value(Value::text(joined)))
    }

    fn arithmetic(
        &self,
        at: u32,
        operator: Operator,
        left: &Collection<'e>,
        right: &Collection<'e>,
    ) -> Outcome<Collection<'e>> {
        let (Some(left), Some(right)) = (only(at, left)?, only(at, right)?) else { return Ok(Collection::Empty) };
        self.charge_item(left, at)?;
        self.charge_item(right, at)?;
        let (left_value, right_value) = (left.value(), right.value());
        let result = match (left_value.as_ref(), right_value.as_ref()) {
            (Some(Value::Integer(left)), Some(Value::Integer(right))) => integers(operator, *left, *right),
            (Some(Value::String(first)), Some(Value::String(second))) if operator == Operator::Add => {
                let joined = format!("{first}{second}");
                self.charge_text(&joined, at)?;
                Some(Value::text(joined))
            }
            (Some(left), Some(right)) if as_decimal(left).is_some() && as_decimal(right).is_some() => {
                as_decimal(left).zip(as_decimal(right)).and_then(|(left, right)| decimals(operator, left, right))
            }
            _ => return self.measured(at, operator, left, right),
        };
        Ok(Collection::maybe(result))
    }

    /// Arithmetic of quantities, and of dates with durations.
    fn measured(&self, at: u32, operator: Operator, left: &Item<'e>, right: &Item<'e>) -> Outcome<Collection<'e>> {
        let refusal = || {
            let message = format!("{} {} {}", describe_item(left), operator.symbol(), describe_item(right));
            fail(at, format!("there is no {message}"))
        };
        let quantity = |item: &Item<'e>| self.quantity_of(item);
        if let (Some(moment), Some(duration)) = (self.temporal_of(left), quantity(right)) {
            return match operator {
                Operator::Add => add_duration(at, &moment, &duration),
                Operator::Subtract => {
                    add_duration(at, &moment, &Quantity { value: -duration.value, unit: duration.unit })
                }
                _ => Err(refusal()),
            };
        }
        let number = |item: &Item<'e>| item.value().as_ref().and_then(as_decimal).map(Quantity::plain);
        let (first, second) = (quantity(left).or_else(|| number(left)), quantity(right).or_else(|| number(right)));
        match (first, second, operator) {
            (Some(left), Some(right), Operator::Multiply) => Ok(wrap(left.times(&right))),
            (Some(left), Some(right), Operator::Divide) => Ok(wrap(left.per(&right))),
            (Some(left), Some(right), Operator::Add) => Ok(wrap(left.plus(&right))),
            (Some(left), Some(right), Operator::Subtract) => {
                let right = Quantity { value: -right.value, unit: right.unit };
                Ok(wrap(left.plus(&right)))
            }
            _ => Err(refusal()),
        }
    }

    /// `+a`, `-a`
    pub(super) fn sign(&self, at: u32, negative: bool, operand: &Collection<'e>) -> Outcome<Collection<'e>> {
        let Some(item) = only(at, operand)? else { return Ok(Collection::Empty) };
        let value = match item.value() {
            Some(Value::Integer(number)) => Value::Integer(if negative { -number } else { number }),
            Some(Value::Decimal(number)) => Value::Decimal(if negative { -number } else { number }),
            _ => match self.quantity_of(item) {
                Some(quantity) => {
                    let value = if negative { -quantity.value } else { quantity.value };
                    Value::Quantity(Box::new(Quantity { value, unit: quantity.unit }))
                }
                None => return Err(fail(at, format!("a sign stands before a number, found {}", describe_item(item)))),
            },
        };
        Ok(Collection::value(value))
    }
}

fn wrap(quantity: Option<Quantity<'_>>) -> Collection<'_> {
    Collection::maybe(quantity.map(|quantity| Value::Quantity(Box::new(quantity))))
}

/// Nothing for a division by zero and beyond 32 bits.
fn integers<'e>(operator: Operator, left: i64, right: i64) -> Option<Value<'e>> {
    let result = match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::Div => left.checked_div(right),
        Operator::Mod => left.checked_rem(right),
        _ => return Decimal::from(left).checked_div(Decimal::from(right)).map(Value::Decimal),
    };
    result.filter(|number| i32::try_from(*number).is_ok()).map(Value::Integer)
}

fn decimals<'e>(operator: Operator, left: Decimal, right: Decimal) -> Option<Value<'e>> {
    let result = match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::Divide => left.checked_div(right),
        Operator::Div => return left.div_whole(right)?.as_integer().map(Value::Integer),
        _ => left.checked_rem(right),
    };
    result.map(Value::Decimal)
}

//! Math (<https://hl7.org/fhirpath/N1/#math-1>). Exact wherever a decimal can be; `exp`, `ln`, `log`, `sqrt` and powers
//! that are not whole are calculated in binary and rounded to 12 places.

use super::super::collection::Collection;
use super::super::decimal::{Decimal, Rounding};
use super::super::function::Function;
use super::super::value::{Quantity, Value};
use super::equality::as_decimal;
use super::evaluator::{Evaluator, Site};
use super::failure::{Outcome, fail};
use super::operand::{describe, name, only};

impl<'e, 'a: 'e> Evaluator<'_, 'e, 'a> {
    pub(super) fn math(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        use Function as F;
        let Some(item) = only(site.at, site.input)? else { return Ok(Collection::Empty) };
        self.charge_item(item, site.at)?;
        let value = item.value();
        if let (F::Abs, Some(Value::Integer(number))) = (site.call.function, &value) {
            return Ok(Collection::value(Value::Integer(number.abs())));
        }
        let Some(number) = value.as_ref().and_then(as_decimal) else { return self.abs_of_quantity(site) };
        let result = match site.call.function {
            F::Abs => Some(number.abs()),
            F::Ceiling => return Ok(whole(number, Rounding::Ceiling)),
            F::Floor => return Ok(whole(number, Rounding::Floor)),
            F::Truncate => return Ok(whole(number, Rounding::Down)),
            F::Round => {
                let places = self.integer_argument(site, 0)?.unwrap_or(0);
                let Ok(places) = u32::try_from(places) else {
                    return Err(fail(site.at, "round() expects a number of places from 0"));
                };
                if places < number.scale() { number.with_scale(places, Rounding::HalfUp) } else { Some(number) }
            }
            F::Exp => binary(number, f64::exp),
            F::Ln => binary(number, f64::ln),
            F::Sqrt => binary(number, f64::sqrt),
            F::Log => match self.decimal_argument(site)? {
                Some(base) => binary(number, f64::ln).zip(binary(base, f64::ln)).and_then(|(up, down)| {
                    up.checked_div(down)
                        .and_then(|quotient| quotient.with_scale(10, Rounding::HalfUp))
                        .map(Decimal::trimmed)
                }),
                None => None,
            },
            _ => match self.decimal_argument(site)? {
                Some(exponent) => {
                    let result = power(number, exponent);
                    let whole = matches!(value, Some(Value::Integer(_)));
                    match result.and_then(Decimal::as_integer).filter(|_| whole) {
                        Some(integer) => return Ok(Collection::value(Value::Integer(integer))),
                        None => result,
                    }
                }
                None => None,
            },
        };
        Ok(Collection::maybe(result.map(Value::Decimal)))
    }

    fn decimal_argument(&self, site: &Site<'_, 'e>) -> Outcome<Option<Decimal>> {
        let argument = self.argument(site, 0)?;
        let Some(item) = only(site.at, &argument)? else { return Ok(None) };
        match item.value().as_ref().and_then(as_decimal) {
            Some(number) => Ok(Some(number)),
            None => Err(fail(site.at, format!("{}() expects a number, found {}", name(site), describe(&argument)))),
        }
    }

    fn abs_of_quantity(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        match site.input.only().and_then(|item| self.quantity_of(item)) {
            Some(quantity) if site.call.function == Function::Abs => {
                let quantity = Quantity { value: quantity.value.abs(), unit: quantity.unit };
                Ok(Collection::value(Value::Quantity(Box::new(quantity))))
            }
            _ => Err(fail(site.at, format!("{}() is for numbers, found {}", name(site), describe(site.input)))),
        }
    }
}

fn whole<'e>(number: Decimal, rounding: Rounding) -> Collection<'e> {
    let rounded = number.with_scale(0, rounding).and_then(Decimal::as_integer);
    Collection::maybe(rounded.filter(|number| i32::try_from(*number).is_ok()).map(Value::Integer))
}

/// A function that no decimal can hold; nothing where it has no value.
fn binary(number: Decimal, function: fn(f64) -> f64) -> Option<Decimal> {
    from_binary(function(to_binary(number)?))
}

fn to_binary(number: Decimal) -> Option<f64> {
    number.to_string().parse().ok()
}

fn from_binary(number: f64) -> Option<Decimal> {
    if !number.is_finite() {
        return None;
    }
    Decimal::parse(&format!("{number:.12}")).map(Decimal::trimmed)
}

/// Whole exponents are exact.
fn power(base: Decimal, exponent: Decimal) -> Option<Decimal> {
    match exponent.as_integer() {
        Some(count @ 0..=1024) => (0..count).try_fold(Decimal::from(1), |product, _| product.checked_mul(base)),
        _ => from_binary(to_binary(base)?.powf(to_binary(exponent)?)),
    }
}

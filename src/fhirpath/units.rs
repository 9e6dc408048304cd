//! Units of UCUM (<https://ucum.org/ucum>): whether a code is one, what it measures, and how much of it.
//!
//! Reading and the tables are octofhir-ucum's; this file says what expressions and checks ask of them. No suggestion is
//! computed for a code that is none: codes come from strangers.

use std::cmp::Ordering;

use octofhir_ucum::{EvalResult, Number, SpecialKind, evaluate, parse_expression};

use super::decimal::Decimal;

/// Longest code that is read, in bytes; the longest that is in use has 40.
const MAX_LENGTH: usize = 256;

/// What a unit measures, and how much of it.
#[derive(Debug, Clone)]
pub(super) struct Measure(EvalResult);

/// Is it a code of UCUM (`mg/dL`, `{score}`, `10*3/uL`), in the case that UCUM writes it?
pub fn is_ucum(code: &str) -> bool {
    Measure::of(code).is_some()
}

impl Measure {
    /// Reads a code; nothing for one that is not of UCUM.
    pub(super) fn of(code: &str) -> Option<Self> {
        if code.len() > MAX_LENGTH {
            return None;
        }
        evaluate(&parse_expression(code).ok()?).ok().map(Self)
    }

    /// Do both measure the same?
    pub(super) fn is_commensurable(&self, other: &Self) -> bool {
        self.0.is_commensurable(&other.0)
    }

    /// So many of this unit, in base units; nothing for scales that are not linear (`[pH]`, `B`).
    fn base_value(&self, value: Decimal) -> Option<Number> {
        let value = Number::parse(&value.to_string())?;
        match self.0.special {
            None => value.checked_mul(self.0.factor),
            Some(special) => {
                let zero = zero_point(special.unit.special)?;
                value.checked_mul(special.scale)?.checked_add(zero)?.checked_mul(self.0.factor)
            }
        }
    }

    /// How many of this unit so many base units are.
    fn value_of_base(&self, base: Number) -> Option<Number> {
        let number = base.checked_div(self.0.factor)?;
        match self.0.special {
            None => Some(number),
            Some(special) => number.checked_sub(zero_point(special.unit.special)?)?.checked_div(special.scale),
        }
    }
}

/// Where a temperature scale has its zero, counted from absolute zero in its own degrees.
fn zero_point(kind: SpecialKind) -> Option<Number> {
    match kind {
        SpecialKind::Celsius => Number::parse("273.15"),
        SpecialKind::Fahrenheit => Number::parse("459.67"),
        SpecialKind::Reaumur => Number::parse("218.52"),
        _ => None,
    }
}

/// The number of `to`s that `value` of `from` is; nothing where they do not measure the same.
pub(super) fn convert(value: Decimal, from: &Measure, to: &Measure) -> Option<Decimal> {
    if !from.is_commensurable(to) {
        return None;
    }
    let (digits, exponent) = to.value_of_base(from.base_value(value)?)?.to_integer_and_exponent();
    Decimal::parse(&format!("{digits}e{exponent}"))
}

/// Which is more; nothing where they do not measure the same.
pub(super) fn compare(left: (Decimal, &Measure), right: (Decimal, &Measure)) -> Option<Ordering> {
    if !left.1.is_commensurable(right.1) {
        return None;
    }
    let (left, right) = (left.1.base_value(left.0)?, right.1.base_value(right.0)?);
    // Some factors do not end (a km/h is 0.277... m/s); what differs in the last of 28 digits only is the same.
    let near = left.abs().max(right.abs()).checked_mul(Number::power_of_ten(-24))?;
    let difference = left.checked_sub(right)?;
    Some(if difference.abs() <= near { Ordering::Equal } else { left.cmp(&right) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_codes() {
        for code in [
            "1", "%", "mg/dL", "mm[Hg]", "10*3/uL", "{score}", "kg/m2", "[in_i]", "Cel", "[degF]", "wk", "/min",
            "[IU]/mL",
        ] {
            assert!(is_ucum(code), "{code}");
        }
        for code in ["", "MG/DL", "foo", "kmin", "m//s", "(m", "mg / dL", "[s]", "pounds", "m99999"] {
            assert!(!is_ucum(code), "{code}");
        }
        assert!(!is_ucum(&"(".repeat(100_000)) && !is_ucum(&"m.".repeat(100_000)));
    }

    #[test]
    fn compares_and_converts() {
        let number = |text: &str| Decimal::parse(text).unwrap();
        let order = |left: &str, unit: &str, right: &str, other: &str| {
            compare((number(left), &Measure::of(unit).unwrap()), (number(right), &Measure::of(other).unwrap()))
        };
        assert_eq!(order("3.6", "km/h", "1", "m/s"), Some(Ordering::Equal));
        assert_eq!(order("212", "[degF]", "100", "Cel"), Some(Ordering::Equal));
        assert_eq!(order("180", "[lb_av]", "82", "kg"), Some(Ordering::Less));
        assert_eq!(order("1", "[IU]/mL", "1", "/mL"), None);
        assert_eq!(order("7", "[pH]", "7", "mol/L"), None);
        let into = |value: &str, from: &str, to: &str| {
            convert(number(value), &Measure::of(from).unwrap(), &Measure::of(to).unwrap())
                .map(|found| found.to_string())
        };
        assert_eq!(into("6", "[ft_i]", "cm").as_deref(), Some("182.88"));
        assert_eq!(into("98.6", "[degF]", "Cel").as_deref(), Some("37"));
        assert_eq!(into("1", "m", "kg"), None);
    }
}

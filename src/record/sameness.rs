//! When two JSON values say the same: members in any order, numbers by value (1.10 is 1.1), everything else exactly.
//!
//! Systems that read a record into floats and send it back change `1.10` to `1.1`; that is no change of the record.

use serde_json::Value;

/// Do both say the same?
pub fn same_value(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other
                || matches!((number(one.as_str()), number(other.as_str())), (Some(one), Some(other)) if one == other)
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_value(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, one)| other.get(name).is_some_and(|other| same_value(one, other)))
        }
        _ => one == other,
    }
}

/// Do both say the same, or both nothing?
pub fn same_optional_value(one: Option<&Value>, other: Option<&Value>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => same_value(one, other),
        (None, None) => true,
        _ => false,
    }
}

/// Do both say the same if the order of lists says nothing? What was taken out and filled in again has not changed.
pub fn same_in_any_order(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            let mut left: Vec<&Value> = other.iter().collect();
            one.len() == other.len()
                && one.iter().all(|item| {
                    let found = left.iter().position(|other| same_in_any_order(item, other));
                    found.map(|at| left.swap_remove(at)).is_some()
                })
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, one)| other.get(name).is_some_and(|other| same_in_any_order(one, other)))
        }
        _ => same_value(one, other),
    }
}

/// A decimal as sign, digits without zeros at either end, and the power of ten of the last digit.
fn number(text: &str) -> Option<(bool, String, i64)> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0');
    if significant.trim_start_matches('0').is_empty() {
        return Some((false, String::new(), 0));
    }
    let dropped = i64::try_from(digits.len() - significant.len()).ok()?;
    let power = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?.checked_add(dropped)?;
    Some((negative, significant.trim_start_matches('0').to_owned(), power))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_numbers_by_value() {
        let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        for (one, other) in
            [("1.10", "1.1"), ("1E+2", "100"), ("-0.0", "0"), ("0.010", "1e-2"), ("[{\"a\":1.0}]", "[{\"a\":1}]")]
        {
            assert!(same_value(&parse(one), &parse(other)), "{one} {other}");
        }
        for (one, other) in
            [("1.1", "1.11"), ("1", "-1"), ("10", "100"), ("\"1.10\"", "\"1.1\""), ("1", "\"1\""), ("{}", "null")]
        {
            assert!(!same_value(&parse(one), &parse(other)), "{one} {other}");
        }
    }
}

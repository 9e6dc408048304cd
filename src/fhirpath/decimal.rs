//! Decimals with every digit that was written (<https://hl7.org/fhirpath/N1/#decimal>).
//!
//! A whole number of up to 38 digits and a scale: `1.10` is 110 with scale 2, equal to `1.1` and printed as it came.
//! Sums, differences and products are exact; quotients are rounded half up at 16 places. Nothing is ever a binary
//! fraction, but for the four functions that no decimal can hold (see `eval/math.rs`).

use std::cmp::Ordering;
use std::fmt;

/// Quotients have at most this many places.
const QUOTIENT_SCALE: u32 = 16;
/// Products keep at most this many places, so that a chain of products does not run out of digits.
const PRODUCT_SCALE: u32 = 24;
/// Longest text that may be a number that we hold.
const MAX_LENGTH: usize = 128;
/// More places than this are not read.
const MAX_SCALE: u32 = 37;

/// A decimal number: `digits` divided by ten to the power of `scale`.
#[derive(Clone, Copy)]
pub struct Decimal {
    digits: i128,
    scale: u32,
}

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self { digits: 0, scale: 0 };

    /// `digits` divided by ten to the power of `scale`.
    pub fn new(digits: i128, scale: u32) -> Option<Self> {
        (scale <= MAX_SCALE).then_some(Self { digits, scale })
    }

    /// Reads a number as JSON and FHIRPath write it, an exponent included; nothing for other texts and for more
    /// digits than we hold.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_LENGTH {
            return None;
        }
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (sign, unsigned) = match mantissa.as_bytes().first()? {
            b'-' => (-1, &mantissa[1..]),
            b'+' => (1, &mantissa[1..]),
            _ => (1, mantissa),
        };
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        if whole.is_empty() || (fraction.is_empty() && unsigned.contains('.')) {
            return None;
        }
        let mut digits: i128 = 0;
        for digit in whole.bytes().chain(fraction.bytes()) {
            if !digit.is_ascii_digit() {
                return None;
            }
            digits = digits.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
        }
        let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        if let Ok(scale) = u32::try_from(scale) {
            return Self::new(sign * digits, scale);
        }
        Some(Self { digits: (sign * digits).checked_mul(power_of_ten(scale.unsigned_abs())?)?, scale: 0 })
    }

    /// How many places behind the point are written.
    pub fn scale(self) -> u32 {
        self.scale
    }

    /// Is it below zero?
    pub fn is_negative(self) -> bool {
        self.digits < 0
    }

    /// Is it zero?
    pub fn is_zero(self) -> bool {
        self.digits == 0
    }

    /// The whole number that it is, if it is one.
    pub fn as_integer(self) -> Option<i64> {
        let whole = self.with_scale(0, Rounding::Down)?;
        (whole == self).then(|| i64::try_from(whole.digits).ok()).flatten()
    }

    /// The sum, or nothing beyond 38 digits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let (left, right, scale) = align(self, other)?;
        Some(Self { digits: left.checked_add(right)?, scale })
    }

    /// The difference, or nothing beyond 38 digits.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.checked_add(-other)
    }

    /// The product, or nothing beyond 38 digits.
    pub fn checked_mul(self, other: Self) -> Option<Self> {
        let product = Self { digits: self.digits.checked_mul(other.digits)?, scale: self.scale + other.scale };
        if product.scale > PRODUCT_SCALE { product.with_scale(PRODUCT_SCALE, Rounding::HalfUp) } else { Some(product) }
    }

    /// The quotient without needless zeros, or nothing for a division by zero or beyond 38 digits.
    pub fn checked_div(self, other: Self) -> Option<Self> {
        if other.is_zero() {
            return None;
        }
        // As many places as fit: large operands leave less room.
        (0..=QUOTIENT_SCALE).rev().find_map(|scale| self.quotient(other, scale)).map(Self::trimmed)
    }

    fn quotient(self, other: Self, scale: u32) -> Option<Self> {
        let shift = scale + other.scale;
        let (dividend, divisor) = if shift >= self.scale {
            (self.digits.checked_mul(power_of_ten(shift - self.scale)?)?, other.digits)
        } else {
            (self.digits, other.digits.checked_mul(power_of_ten(self.scale - shift)?)?)
        };
        Some(Self { digits: half_up(dividend, divisor), scale })
    }

    /// The whole part of the quotient.
    pub fn div_whole(self, other: Self) -> Option<Self> {
        let (left, right, _) = align(self, other)?;
        Some(Self { digits: left.checked_div(right)?, scale: 0 })
    }

    /// What whole division leaves; its sign is that of the dividend.
    pub fn checked_rem(self, other: Self) -> Option<Self> {
        let (left, right, scale) = align(self, other)?;
        Some(Self { digits: left.checked_rem(right)?, scale })
    }

    /// Without its sign.
    #[must_use]
    pub fn abs(self) -> Self {
        Self { digits: self.digits.abs(), scale: self.scale }
    }

    /// With exactly this many places; nothing beyond 38 digits.
    pub fn with_scale(self, scale: u32, rounding: Rounding) -> Option<Self> {
        if scale >= self.scale {
            let digits = self.digits.checked_mul(power_of_ten(scale - self.scale)?)?;
            return Self::new(digits, scale);
        }
        let divisor = power_of_ten(self.scale - scale)?;
        let digits = match rounding {
            Rounding::HalfUp => half_up(self.digits, divisor),
            Rounding::Down => self.digits / divisor,
            Rounding::Floor => self.digits.div_euclid(divisor),
            Rounding::Ceiling => -(-self.digits).div_euclid(divisor),
        };
        Some(Self { digits, scale })
    }

    /// Without zeros at the end of the fraction.
    #[must_use]
    pub fn trimmed(mut self) -> Self {
        while self.scale > 0 && self.digits % 10 == 0 {
            self.digits /= 10;
            self.scale -= 1;
        }
        self
    }

    /// Half a unit of the last place: how far a written value may be from what was measured.
    pub fn half_unit(self) -> Option<Self> {
        Self::new(5, self.scale + 1)
    }
}

/// What becomes of places that are cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest; half goes away from zero
    HalfUp,
    /// Towards zero
    Down,
    /// Towards the smaller number
    Floor,
    /// Towards the larger number
    Ceiling,
}

fn power_of_ten(exponent: u32) -> Option<i128> {
    10_i128.checked_pow(exponent)
}

fn half_up(dividend: i128, divisor: i128) -> i128 {
    let (whole, rest) = (dividend / divisor, dividend % divisor);
    if rest.unsigned_abs() >= divisor.unsigned_abs().div_ceil(2) {
        whole + if (dividend < 0) == (divisor < 0) { 1 } else { -1 }
    } else {
        whole
    }
}

/// The digits of both at the larger of their scales.
fn align(left: Decimal, right: Decimal) -> Option<(i128, i128, u32)> {
    let scale = left.scale.max(right.scale);
    let raise = |number: Decimal| number.digits.checked_mul(power_of_ten(scale - number.scale)?);
    Some((raise(left)?, raise(right)?, scale))
}

impl std::ops::Neg for Decimal {
    type Output = Self;

    fn neg(self) -> Self {
        Self { digits: -self.digits, scale: self.scale }
    }
}

impl From<i64> for Decimal {
    fn from(whole: i64) -> Self {
        Self { digits: i128::from(whole), scale: 0 }
    }
}

impl PartialEq for Decimal {
    /// By value: 1.10 equals 1.1.
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match align(*self, *other) {
            Some((left, right, _)) => left.cmp(&right),
            // The one with fewer places could not be raised: it is the larger one, on its side of zero.
            None if self.scale < other.scale => self.digits.cmp(&0),
            None => 0.cmp(&other.digits),
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scale == 0 {
            return write!(f, "{}", self.digits);
        }
        let width = self.scale as usize + 1;
        let digits = format!("{:0width$}", self.digits.unsigned_abs());
        let (whole, fraction) = digits.split_at(digits.len() - self.scale as usize);
        write!(f, "{}{whole}.{fraction}", if self.digits < 0 { "-" } else { "" })
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn prints_what_it_read() {
        for text in ["0", "1.10", "-0.001", "1234567890987654321.0", "0.00000001"] {
            assert_eq!(decimal(text).to_string(), text);
        }
        assert_eq!(decimal("1.5E+2").to_string(), "150");
        assert_eq!(decimal("12e-3").to_string(), "0.012");
        for bad in ["", "-", ".5", "1.", "1.a", "1e", "1e99", "0x1", "9".repeat(40).as_str()] {
            assert!(Decimal::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn calculates_exactly() {
        assert_eq!(decimal("0.1").checked_add(decimal("0.2")), Some(decimal("0.3")));
        assert_eq!(decimal("1.8").checked_sub(decimal("1.2")), Some(decimal("0.6")));
        assert_eq!(decimal("1.2").checked_mul(decimal("1.8")), Some(decimal("2.16")));
        assert_eq!(decimal("1").checked_div(decimal("3")).unwrap().to_string(), "0.3333333333333333");
        assert_eq!(decimal("4.0").checked_div(decimal("2.0")).unwrap().to_string(), "2");
        assert_eq!(decimal("2.2").checked_rem(decimal("1.8")), Some(decimal("0.4")));
        assert_eq!(decimal("-5").div_whole(decimal("2")), Some(decimal("-2")));
        assert_eq!(decimal("1").checked_div(Decimal::ZERO), None);
        assert_eq!(decimal("1").checked_rem(Decimal::ZERO), None);
    }

    #[test]
    fn rounds_and_orders() {
        let round = |text: &str, scale, rounding| decimal(text).with_scale(scale, rounding).unwrap().to_string();
        assert_eq!(round("2.5", 0, Rounding::HalfUp), "3");
        assert_eq!(round("-2.5", 0, Rounding::HalfUp), "-3");
        assert_eq!(round("-2.1", 0, Rounding::Floor), "-3");
        assert_eq!(round("-1.1", 0, Rounding::Ceiling), "-1");
        assert_eq!(round("-1.56", 0, Rounding::Down), "-1");
        assert!(decimal("1.10") == decimal("1.1") && decimal("-2") < decimal("1e-30"));
        assert!(decimal("1e37") > decimal("1e-37") && decimal("1e-37") < decimal("1e37"));
        assert!(decimal("-1e37") < decimal("1e-37"));
    }
}

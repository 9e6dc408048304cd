//! The units that social care and its measurements meet, read by the grammar of UCUM (<https://ucum.org/ucum>): what
//! a unit measures and how much of it. Units that are not in the table compare with themselves only.

use super::decimal::Decimal;

/// What is counted, in powers of the base units: metre, second, gram, kelvin, coulomb, candela, radian, mole, and the
/// units that convert into no other.
type Dimensions = [i8; 12];

/// How much of what one unit is: `numerator / denominator` base units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Measure {
    pub(super) numerator: Decimal,
    pub(super) denominator: Decimal,
    pub(super) dimensions: Dimensions,
}

const ONE: Dimensions = [0; 12];
const METRE: Dimensions = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const SECOND: Dimensions = [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const GRAM: Dimensions = [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const VOLUME: Dimensions = [3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const FORCE: Dimensions = [1, -2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const PRESSURE: Dimensions = [-1, -2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const ENERGY: Dimensions = [2, -2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const POWER: Dimensions = [2, -3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const MOLE: Dimensions = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];

/// Code, whether prefixes go with it, size in base units, what it measures.
#[rustfmt::skip]
const ATOMS: &[(&str, bool, &str, Dimensions)] = &[
    ("m", true, "1", METRE), ("s", true, "1", SECOND), ("g", true, "1", GRAM),
    ("K", true, "1", [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
    ("C", true, "1", [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]),
    ("cd", true, "1", [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
    ("rad", true, "1", [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]),
    ("mol", true, "1", MOLE), ("eq", true, "1", MOLE), ("osm", true, "1", MOLE),
    ("Cel", true, "1", [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]),
    ("[degF]", false, "1", [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]),
    ("[iU]", true, "1", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]),
    ("[IU]", true, "1", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]),
    ("%", false, "0.01", ONE), ("10*", false, "10", ONE), ("10^", false, "10", ONE),
    ("min", false, "60", SECOND), ("h", false, "3600", SECOND), ("d", false, "86400", SECOND),
    ("wk", false, "604800", SECOND), ("mo", false, "2629800", SECOND), ("a", false, "31557600", SECOND),
    ("L", true, "0.001", VOLUME), ("l", true, "0.001", VOLUME), ("t", true, "1000000", GRAM),
    ("N", true, "1000", FORCE), ("Pa", true, "1000", PRESSURE), ("J", true, "1000", ENERGY), ("W", true, "1000", POWER),
    ("bar", true, "100000000", PRESSURE), ("m[Hg]", true, "133322000", PRESSURE), ("cal", true, "4184", ENERGY),
    ("Hz", true, "1", [0, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    ("[in_i]", false, "0.0254", METRE), ("[ft_i]", false, "0.3048", METRE), ("[yd_i]", false, "0.9144", METRE),
    ("[mi_i]", false, "1609.344", METRE), ("[lb_av]", false, "453.59237", GRAM), ("[oz_av]", false, "28.349523125", GRAM),
    ("[stone_av]", false, "6350.29318", GRAM), ("[gal_us]", false, "0.003785411784", VOLUME),
    ("[foz_us]", false, "0.0000295735295625", VOLUME),
];

const PREFIXES: &[(&str, &str)] = &[
    ("da", "10"),
    ("T", "1000000000000"),
    ("G", "1000000000"),
    ("M", "1000000"),
    ("k", "1000"),
    ("h", "100"),
    ("d", "0.1"),
    ("c", "0.01"),
    ("m", "0.001"),
    ("u", "0.000001"),
    ("n", "0.000000001"),
    ("p", "0.000000000001"),
];

/// Reads a unit; nothing if we do not know it.
pub(super) fn measure(code: &str) -> Option<Measure> {
    let mut reader = Reader { text: code, at: 0, nesting: 0 };
    let measure = reader.term()?;
    (reader.at == code.len()).then_some(measure)
}

impl Measure {
    fn unit(size: Decimal, dimensions: Dimensions) -> Self {
        Self { numerator: size, denominator: Decimal::from(1), dimensions }
    }

    fn times(self, other: Self, exponent: i8) -> Option<Self> {
        let mut result = self;
        for _ in 0..exponent.unsigned_abs() {
            let (up, down) =
                if exponent > 0 { (other.numerator, other.denominator) } else { (other.denominator, other.numerator) };
            result.numerator = result.numerator.checked_mul(up)?;
            result.denominator = result.denominator.checked_mul(down)?;
            for (sum, power) in result.dimensions.iter_mut().zip(other.dimensions) {
                *sum = sum.checked_add(power.checked_mul(exponent.signum())?)?;
            }
        }
        Some(result)
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    nesting: u8,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Components joined by `.` and `/`.
    fn term(&mut self) -> Option<Measure> {
        let mut result = Measure::unit(Decimal::from(1), ONE);
        let mut sign = 1;
        if self.rest().starts_with('/') {
            self.at += 1;
            sign = -1;
        }
        loop {
            let (component, exponent) = self.component()?;
            result = result.times(component, exponent.checked_mul(sign)?)?;
            sign = match self.rest().as_bytes().first() {
                Some(b'.') => 1,
                Some(b'/') => -1,
                _ => return Some(result),
            };
            self.at += 1;
        }
    }

    /// A unit or a number with its exponent, or a term in brackets; `{...}` says nothing about size.
    fn component(&mut self) -> Option<(Measure, i8)> {
        let rest = self.rest();
        if rest.starts_with('(') {
            self.nesting = self.nesting.checked_add(1).filter(|nesting| *nesting < 8)?;
            self.at += 1;
            let inner = self.term()?;
            if !self.rest().starts_with(')') {
                return None;
            }
            self.at += 1;
            self.nesting -= 1;
            return Some((inner, 1));
        }
        let length = rest.find(['.', '/', '(', ')', '{']).unwrap_or(rest.len());
        let word = &rest[..length];
        self.at += length;
        if self.rest().starts_with('{') {
            self.at += self.rest().find('}')? + 1;
            if word.is_empty() {
                return Some((Measure::unit(Decimal::from(1), ONE), 1));
            }
        }
        if word.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some((Measure::unit(Decimal::parse(word)?, ONE), 1));
        }
        let digits = word.trim_end_matches(|last: char| last.is_ascii_digit());
        let atom = digits.trim_end_matches(['+', '-']);
        let exponent = match &word[atom.len()..] {
            "" => 1,
            digits => digits.parse().ok().filter(|exponent| (-9..=9).contains(exponent))?,
        };
        Some((symbol(atom)?, exponent))
    }
}

/// An atom, alone or with a prefix.
fn symbol(code: &str) -> Option<Measure> {
    let find = |code: &str| ATOMS.iter().find(|(known, ..)| *known == code);
    if let Some((_, _, size, dimensions)) = find(code) {
        return Some(Measure::unit(Decimal::parse(size)?, *dimensions));
    }
    PREFIXES.iter().find_map(|(prefix, factor)| {
        let (_, _, size, dimensions) = find(code.strip_prefix(prefix)?).filter(|(_, metric, ..)| *metric)?;
        Some(Measure::unit(Decimal::parse(size)?.checked_mul(Decimal::parse(factor)?)?, *dimensions))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_units() {
        let same = |left: &str, right: &str| {
            let (left, right) = (measure(left).unwrap(), measure(right).unwrap());
            left.dimensions == right.dimensions
                && left.numerator.checked_mul(right.denominator) == right.numerator.checked_mul(left.denominator)
        };
        assert!(same("dl", "100.mL") && same("km/h", "1000.m/(60.min)") && same("m2", "m.m") && same("/s", "Hz"));
        assert!(same("10*3/uL", "10*9/L") && same("{score}", "1"));
        assert!(!same("cm", "[in_i]") && !same("cm", "s"));
        for unknown in ["[s]", "foo", "", "m//s", "(m", "kmin", "m99"] {
            assert!(measure(unknown).is_none(), "{unknown}");
        }
    }
}

//! One comparison of an eligibility rule: a criterion, an operator and values, checked when it is made, so that it can be
//! asked without fail.

use std::fmt;

use super::area;
use super::criterion::{Criterion, Form, Op};
use super::facts::{Facts, Interval};
use crate::fhir::Truth;

/// What a rule's value is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    /// True or false
    Flag(bool),
    /// A number
    Number(f64),
    /// A code or a name
    Text(String),
}

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    criterion: Criterion,
    op: Op,
    values: Vec<Given>,
    /// The texts among the values, in the form in which they are compared
    keys: Vec<String>,
}

/// The part of a comparison that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The criterion
    Criterion,
    /// The operator
    Op,
    /// The value, or one of several
    Value,
    /// The unit
    Unit,
}

/// Why a comparison cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// Which part is wrong
    pub part: Part,
    /// What is wrong and what was expected
    pub text: String,
}

// === making ===

impl Comparison {
    /// A comparison, if criterion, operator, values and unit go together.
    ///
    /// # Errors
    /// Which part does not fit and what would.
    pub fn new(criterion: &str, op: &str, mut values: Vec<Given>, unit: Option<&str>) -> Result<Self, Flaw> {
        let flaw = |part, text| Err(Flaw { part, text });
        let Some(known) = Criterion::from_code(criterion) else {
            let codes: Vec<&str> = Criterion::ALL.iter().map(|criterion| criterion.code()).collect();
            return flaw(Part::Criterion, format!("unknown criterion; expected one of {}", codes.join(", ")));
        };
        let suits: Vec<&str> = Op::ALL.iter().filter(|op| op.suits(known.form())).map(|op| op.code()).collect();
        let Some(op) = Op::from_code(op).filter(|op| op.suits(known.form())) else {
            return flaw(Part::Op, format!("{criterion} is compared with one of {}", suits.join(", ")));
        };
        if let Some(unit) = unit.filter(|unit| known.form() != Form::Free && *unit != known.unit()) {
            let expected = if known.unit().is_empty() { "no unit" } else { known.unit() };
            return flaw(Part::Unit, format!("the unit of {criterion} is {expected}, not {unit}"));
        }
        if op == Op::Exists {
            // `exists` with `value: true` says the same as without; `value: false` would ask for ignorance.
            values.retain(|value| *value != Given::Flag(true));
        }
        let (least, most, wanted) = match op {
            Op::Exists => (0, 0, "no value"),
            Op::Between => (2, 2, "two values, the lower one first"),
            Op::In | Op::NotIn => (1, usize::MAX, "a list of values"),
            _ => (1, 1, "one value"),
        };
        if !(least..=most).contains(&values.len()) {
            return flaw(Part::Value, format!("{} takes {wanted}", op.code()));
        }
        let keys = values.iter().map(|value| value.key(known)).collect::<Result<Vec<_>, _>>()?;
        if let (Op::Between, [Given::Number(low), Given::Number(high)]) = (op, &values[..])
            && low > high
        {
            return flaw(Part::Value, "between takes the lower value first".to_owned());
        }
        Ok(Self { criterion: known, op, values, keys: keys.into_iter().flatten().collect() })
    }
}

impl Given {
    /// The form in which a text is compared for `criterion`; nothing for numbers and flags.
    fn key(&self, criterion: Criterion) -> Result<Option<String>, Flaw> {
        let expected = match (criterion.form(), self) {
            (Form::Text, Self::Text(text)) => {
                return Ok(Some(match criterion {
                    Criterion::County => area::county(text),
                    Criterion::State => area::state(text),
                    Criterion::Zip => area::zip(text),
                    _ => text.trim().to_lowercase(),
                }));
            }
            (Form::Number, Self::Number(_)) | (Form::Flag, Self::Flag(_)) | (Form::Free, _) => return Ok(None),
            (Form::Number, _) => "a number",
            (Form::Flag, _) => "true or false",
            (Form::Text, _) if criterion == Criterion::Zip => {
                "a text; put ZIP codes in quotes, or they lose their zeros"
            }
            (Form::Text, _) => "a text",
        };
        Err(Flaw { part: Part::Value, text: format!("{} is compared with {expected}", criterion.code()) })
    }
}

// === asking ===

impl Comparison {
    /// What it asks about.
    pub fn criterion(&self) -> Criterion {
        self.criterion
    }

    /// Does the person meet it?
    pub fn ask(&self, facts: &Facts<'_>) -> Truth {
        match self.criterion {
            Criterion::Age => self.ask_number(facts.age),
            Criterion::Fpl => self.ask_number(facts.poverty),
            Criterion::County => self.ask_text(facts.place.county.as_deref()),
            Criterion::Zip => self.ask_text(facts.place.zip.as_deref()),
            Criterion::State => self.ask_state(facts.place.state.as_deref()),
            Criterion::Homeless => self.ask_flag(facts.homeless),
            _ => Truth::Unknown,
        }
    }

    fn ask_number(&self, known: Option<Interval>) -> Truth {
        let Some(known) = known else { return Truth::Unknown };
        let number = |position: usize| match self.values.get(position) {
            Some(Given::Number(number)) => *number,
            _ => f64::NAN,
        };
        let equals = |number: f64| known.at_least(number).and(known.at_most(number));
        let among = || Truth::any((0..self.values.len()).map(|position| equals(number(position))));
        match self.op {
            Op::Lt => !known.at_least(number(0)),
            Op::Le => known.at_most(number(0)),
            Op::Ge => known.at_least(number(0)),
            Op::Gt => !known.at_most(number(0)),
            Op::Eq | Op::In => among(),
            Op::NotIn => !among(),
            Op::Between => known.at_least(number(0)).and(known.at_most(number(1))),
            Op::Exists => Truth::Yes,
        }
    }

    fn ask_text(&self, known: Option<&str>) -> Truth {
        self.ask_each(known, |known, value| (known == value).into())
    }

    fn ask_state(&self, known: Option<&str>) -> Truth {
        self.ask_each(known, area::same_state)
    }

    fn ask_each(&self, known: Option<&str>, same: fn(&str, &str) -> Truth) -> Truth {
        let Some(known) = known else { return Truth::Unknown };
        let among = || Truth::any(self.keys.iter().map(|key| same(known, key)));
        match self.op {
            Op::Exists => Truth::Yes,
            Op::NotIn => !among(),
            _ => among(),
        }
    }

    fn ask_flag(&self, known: Truth) -> Truth {
        if self.values.contains(&Given::Flag(false)) { !known } else { known }
    }
}

// === telling ===

impl Comparison {
    /// Why a person does not meet it, for people.
    pub(super) fn explain_no(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = self.criterion.noun();
        match (self.op, &self.values[..]) {
            (Op::Ge, [value]) => write!(f, "{noun} is below the program's minimum of {value}"),
            (Op::Le, [value]) => write!(f, "{noun} is above the program's maximum of {value}"),
            (Op::Gt, [value]) => write!(f, "{noun} is not above the program's limit of {value}"),
            (Op::Lt, [value]) => write!(f, "{noun} is not below the program's limit of {value}"),
            _ => write!(f, "{noun} does not meet the program's rule: {self}"),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Op::Eq, [Given::Flag(flag)]) = (self.op, &self.values[..]) {
            return write!(f, "{}{}", if *flag { "" } else { "no " }, self.criterion.noun());
        }
        f.write_str(self.criterion.noun())?;
        if !self.op.words().is_empty() {
            write!(f, " {}", self.op.words())?;
        }
        for (position, value) in self.values.iter().enumerate() {
            let between = if self.op == Op::Between { " to " } else { ", " };
            write!(f, "{}{value}", if position > 0 { between } else { " " })?;
        }
        match self.criterion.unit() {
            "" => Ok(()),
            "%" => f.write_str(" %"),
            unit => write!(f, " {unit}"),
        }
    }
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(true) => f.write_str("yes"),
            Self::Flag(false) => f.write_str("no"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Truth::{No, Unknown, Yes};
    use super::*;

    #[test]
    fn every_operator_has_three_answers() {
        let known = Some(Interval::new(18.0, 19.0));
        for (op, values, expected) in [
            ("lt", &[20.0][..], Yes),
            ("lt", &[18.0], No),
            ("lt", &[19.0], Unknown),
            ("le", &[19.0], Yes),
            ("le", &[17.0], No),
            ("le", &[18.0], Unknown),
            ("ge", &[18.0], Yes),
            ("ge", &[20.0], No),
            ("ge", &[19.0], Unknown),
            ("gt", &[17.0], Yes),
            ("gt", &[19.0], No),
            ("gt", &[18.0], Unknown),
            ("eq", &[17.0], No),
            ("eq", &[18.0], Unknown),
            ("in", &[1.0, 17.0], No),
            ("not-in", &[1.0, 17.0], Yes),
            ("not-in", &[1.0, 18.0], Unknown),
            ("between", &[18.0, 19.0], Yes),
            ("between", &[19.0, 30.0], Unknown),
            ("between", &[20.0, 30.0], No),
            ("exists", &[], Yes),
        ] {
            let values: Vec<Given> = values.iter().copied().map(Given::Number).collect();
            let test = Comparison::new("age", op, values, None).unwrap();
            assert_eq!((test.ask_number(known), test.ask_number(None)), (expected, Unknown), "{test}");
        }
    }

    #[test]
    fn flags_and_texts_are_asked_too() {
        let flag = |op, value: &[bool]| {
            Comparison::new("homeless", op, value.iter().copied().map(Given::Flag).collect(), None).unwrap()
        };
        assert_eq!(flag("eq", &[true]).ask_flag(Yes), Yes);
        assert_eq!(flag("eq", &[false]).ask_flag(Yes), No);
        assert_eq!(flag("exists", &[]).ask_flag(Unknown), Unknown);
        assert_eq!(flag("eq", &[false]).to_string(), "no homelessness");
        let county = Comparison::new("county", "eq", vec![Given::Text("Fernhollow County".to_owned())], None).unwrap();
        assert_eq!(
            [county.ask_text(Some("fernhollow")), county.ask_text(Some("x")), county.ask_text(None)],
            [Yes, No, Unknown]
        );
        let language = Comparison::new("language", "in", vec![Given::Text("es".to_owned())], None).unwrap();
        assert_eq!(language.to_string(), "language one of es");
    }
}

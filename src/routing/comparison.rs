//! One comparison of an eligibility rule: a criterion, an operator and values, so checked (see [`super::comparison_check`]) that it can
//! be asked without fail.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use super::area;
use super::criterion::{Criterion, Op};
use super::facts::{FactSource, FactValue, Interval, Texts, Token};
use crate::fhir::Truth;

/// What a rule's value is compared with.
#[derive(Debug, Clone)]
pub enum ComparisonValue {
    /// True or false
    Flag(bool),
    /// A number
    Number(f64),
    /// A code or a name
    Text(String),
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Comparison {
    pub(super) criterion: Criterion,
    /// Which assessment, or which question, with the word for it
    pub(super) subject: Option<(Token, String)>,
    pub(super) op: Op,
    pub(super) values: Vec<ComparisonValue>,
    /// The texts among the values, in the form in which they are compared
    pub(super) keys: Vec<String>,
    /// What would say it, for people
    pub(super) missing: Option<Arc<str>>,
}

impl Comparison {
    /// What it asks about.
    pub fn criterion(&self) -> Criterion {
        self.criterion
    }

    /// Which assessment or question it is about.
    pub fn subject(&self) -> Option<&Token> {
        self.subject.as_ref().map(|(token, _)| token)
    }

    /// The word for that assessment or question.
    pub fn subject_word(&self) -> Option<&str> {
        self.subject.as_ref().map(|(_, word)| word.as_str())
    }

    /// What would say it, for people.
    pub fn missing(&self) -> Option<&Arc<str>> {
        self.missing.as_ref()
    }

    /// Does it ask about the same as `other`?
    pub fn is_about(&self, other: &Self) -> bool {
        (self.criterion, &self.subject) == (other.criterion, &other.subject)
    }

    /// Does the person meet it?
    pub fn ask<'r>(&self, facts: &impl FactSource<'r>) -> Truth {
        self.ask_value(&facts.fact(self.criterion, self.subject()).known)
    }

    /// Does this value meet it?
    pub fn ask_value(&self, known: &FactValue) -> Truth {
        match known {
            FactValue::Number(number) if self.asks_for_numbers() => self.ask_number(Some(*number)),
            FactValue::Texts(texts) if self.asks_for_texts() => self.ask_texts(texts),
            FactValue::Flag(flag) if self.asks_for_flags() => self.ask_flag((*flag).into()),
            // Nothing, or an answer of another kind than the rule compares with.
            _ => Truth::Unknown,
        }
    }

    fn asks_for_numbers(&self) -> bool {
        self.values.iter().all(|value| matches!(value, ComparisonValue::Number(_)))
    }

    fn asks_for_texts(&self) -> bool {
        self.values.iter().all(|value| matches!(value, ComparisonValue::Text(_)))
    }

    fn asks_for_flags(&self) -> bool {
        self.values.iter().all(|value| matches!(value, ComparisonValue::Flag(_)))
    }

    fn ask_number(&self, known: Option<Interval>) -> Truth {
        let Some(known) = known else { return Truth::Unknown };
        let number = |position: usize| match self.values.get(position) {
            Some(ComparisonValue::Number(number)) => *number,
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

    fn ask_texts(&self, texts: &Texts) -> Truth {
        let among = || Truth::any(self.keys.iter().map(|key| self.ask_text(texts, key)));
        match self.op {
            Op::Exists if texts.has.is_empty() => {
                if texts.closed {
                    Truth::No
                } else {
                    Truth::Unknown
                }
            }
            Op::Exists => Truth::Yes,
            Op::NotIn => !among(),
            _ => among(),
        }
    }

    /// Is this one of the codes? It is not where there are no others, or where it is over; else nobody knows.
    fn ask_text(&self, texts: &Texts, key: &str) -> Truth {
        let same = |known: &String| match self.criterion {
            Criterion::State => area::same_state(known, key),
            // A language is spoken in each of its regions: `es` is meant by `es-MX`.
            Criterion::Language => (known == key || known.split('-').next() == Some(key)).into(),
            _ => key.strip_suffix('*').map_or(known == key, |start| known.starts_with(start)).into(),
        };
        match Truth::any(texts.has.iter().map(same)) {
            Truth::No if texts.closed || texts.not.iter().any(|over| same(over) == Truth::Yes) => Truth::No,
            Truth::No => Truth::Unknown,
            known => known,
        }
    }

    fn ask_flag(&self, known: Truth) -> Truth {
        if self.values.contains(&ComparisonValue::Flag(false)) { !known } else { known }
    }
}

// === sameness: rules that say the same are kept once ===

impl Ord for ComparisonValue {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Flag(one), Self::Flag(other)) => one.cmp(other),
            // No rule compares with what is no number.
            (Self::Number(one), Self::Number(other)) => one.total_cmp(other),
            (Self::Text(one), Self::Text(other)) => one.cmp(other),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for ComparisonValue {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ComparisonValue {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for ComparisonValue {}

impl ComparisonValue {
    /// Flags before numbers before texts.
    fn rank(&self) -> u8 {
        match self {
            Self::Flag(_) => 0,
            Self::Number(_) => 1,
            Self::Text(_) => 2,
        }
    }
}

// === telling ===

impl Comparison {
    /// For people: the criterion, or the assessment or question that it is about.
    fn noun(&self) -> &str {
        self.subject.as_ref().map_or(self.criterion.noun(), |(_, word)| word)
    }

    /// Why a person does not meet it, for people.
    pub(super) fn explain_no(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = self.noun();
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
        if let (Op::Eq, [ComparisonValue::Flag(flag)]) = (self.op, &self.values[..]) {
            return write!(f, "{}{}", if *flag { "" } else { "no " }, self.noun());
        }
        f.write_str(self.noun())?;
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

impl fmt::Display for ComparisonValue {
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
    use crate::routing::comparison_check::{ComparisonText, Part};
    use crate::routing::facts::FactBook;

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
            let values: Vec<ComparisonValue> = values.iter().copied().map(ComparisonValue::Number).collect();
            let test = comparison("age", op, values);
            assert_eq!((test.ask_number(known), test.ask_number(None)), (expected, Unknown), "{test}");
        }
    }

    #[test]
    fn flags_and_texts_are_asked_too() {
        let flag =
            |op, value: &[bool]| comparison("homeless", op, value.iter().copied().map(ComparisonValue::Flag).collect());
        assert_eq!(flag("eq", &[true]).ask_flag(Yes), Yes);
        assert_eq!(flag("eq", &[false]).ask_flag(Yes), No);
        assert_eq!(flag("exists", &[]).ask_flag(Unknown), Unknown);
        assert_eq!(flag("eq", &[false]).to_string(), "no homelessness");
        let asked = |test: &Comparison, has: &[&str], closed| {
            let has = has.iter().map(|text| (*text).to_owned()).collect();
            test.ask_value(&FactValue::Texts(Texts { has, not: vec!["over".to_owned()], closed }))
        };
        let text = |criterion, op, text: &str| comparison(criterion, op, vec![ComparisonValue::Text(text.to_owned())]);
        let county = text("county", "eq", "Fernhollow County");
        assert_eq!(
            [asked(&county, &["fernhollow"], true), asked(&county, &["x"], true), asked(&county, &["x"], false)],
            [Yes, No, Unknown]
        );
        assert_eq!(asked(&text("coverage", "in", "over"), &["x"], false), No);
        assert_eq!(asked(&text("coverage", "not-in", "x"), &["x"], false), No);
        assert_eq!(asked(&text("coverage", "exists", "x"), &[], true), No);
        let language = text("language", "in", "es");
        assert_eq!((language.to_string().as_str(), asked(&language, &["es-mx"], true)), ("language one of es", Yes));
    }

    #[test]
    fn a_question_of_ones_own_is_asked_by_what_it_is_compared_with() {
        let of = |op, values| {
            let words = ComparisonText { criterion: "custom", of: Some("safe-in-community"), op, unit: None };
            Comparison::new(&FactBook::default(), words, values).unwrap()
        };
        let (flag, number) =
            (of("eq", vec![ComparisonValue::Flag(true)]), of("ge", vec![ComparisonValue::Number(2.0)]));
        assert_eq!((flag.ask_value(&FactValue::Flag(true)), flag.ask_value(&FactValue::Flag(false))), (Yes, No));
        let two = FactValue::Number(Interval::exactly(2.0));
        assert_eq!((number.ask_value(&two), flag.ask_value(&two)), (Yes, Unknown));
        assert_eq!(flag.to_string(), "safe in community");
        let words = ComparisonText { criterion: "age", of: Some("x"), op: "ge", unit: None };
        let flaw = Comparison::new(&FactBook::default(), words, vec![ComparisonValue::Number(1.0)]).unwrap_err();
        assert_eq!(flaw.part, Part::Of);
    }

    fn comparison(criterion: &str, op: &str, values: Vec<ComparisonValue>) -> Comparison {
        let values = if op == "exists" { Vec::new() } else { values };
        Comparison::new(&FactBook::default(), ComparisonText { criterion, op, ..ComparisonText::default() }, values)
            .unwrap()
    }
}

//! One comparison of an eligibility rule: a criterion, an operator and values, checked when it is made, so that it can be
//! asked without fail.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::area;
use super::criterion::{Criterion, CriterionType, Op};
use super::facts::{FactBook, FactValue, Facts, Interval, Texts, Token};
use crate::fhir::Truth;

/// The code system of our own Observations, which `of` means where it names none.
const OBSERVATIONS: &str = "urn:handoff:fhir:CodeSystem:observation";

/// What a rule's value is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum ComparisonValue {
    /// True or false
    Flag(bool),
    /// A number
    Number(f64),
    /// A code or a name
    Text(String),
}

/// A comparison as it is written, in a file or an extension.
#[derive(Debug, Clone, Copy, Default)]
pub struct ComparisonText<'w> {
    /// The criterion
    pub criterion: &'w str,
    /// Which assessment, or which question: the code of its Observation
    pub of: Option<&'w str>,
    /// The operator
    pub op: &'w str,
    /// The unit
    pub unit: Option<&'w str>,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    criterion: Criterion,
    /// Which assessment, or which question, with the word for it
    subject: Option<(Token, String)>,
    op: Op,
    values: Vec<ComparisonValue>,
    /// The texts among the values, in the form in which they are compared
    keys: Vec<String>,
    /// What would say it, for people
    missing: Option<Arc<str>>,
}

/// The part of a comparison that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The criterion
    Criterion,
    /// Which assessment or question
    Of,
    /// The operator
    Op,
    /// The value, or one of several
    Value,
    /// The unit
    Unit,
}

/// Why a comparison cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComparisonError {
    /// Which part is wrong
    pub part: Part,
    /// What is wrong and what was expected
    pub text: String,
}

// === making ===

impl Comparison {
    /// A comparison, if criterion, operator, values and unit go together and `facts` knows what they name.
    ///
    /// # Errors
    /// Which part does not fit and what would.
    pub fn new(
        facts: &FactBook,
        words: ComparisonText<'_>,
        mut values: Vec<ComparisonValue>,
    ) -> Result<Self, ComparisonError> {
        let ComparisonText { criterion, of, op, unit } = words;
        let flaw = |part, text| Err(ComparisonError { part, text });
        let Some(known) = Criterion::from_code(criterion) else {
            let codes: Vec<&str> = Criterion::ALL.iter().map(|criterion| criterion.code()).collect();
            return flaw(Part::Criterion, format!("unknown criterion; expected one of {}", codes.join(", ")));
        };
        let suits: Vec<&str> = Op::ALL.iter().filter(|op| op.suits(known.form())).map(|op| op.code()).collect();
        let Some(op) = Op::from_code(op).filter(|op| op.suits(known.form())) else {
            return flaw(Part::Op, format!("{criterion} is compared with one of {}", suits.join(", ")));
        };
        if let Some(unit) = unit.filter(|unit| known.form() != CriterionType::Free && *unit != known.unit()) {
            let expected = if known.unit().is_empty() { "no unit" } else { known.unit() };
            return flaw(Part::Unit, format!("the unit of {criterion} is {expected}, not {unit}"));
        }
        if op == Op::Exists {
            // `exists` with `value: true` says the same as without; `value: false` would ask for ignorance.
            values.retain(|value| *value != ComparisonValue::Flag(true));
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
        if let (Op::Between, [ComparisonValue::Number(low), ComparisonValue::Number(high)]) = (op, &values[..])
            && low > high
        {
            return flaw(Part::Value, "between takes the lower value first".to_owned());
        }
        let keys: Vec<String> = keys.into_iter().flatten().collect();
        if known == Criterion::Condition
            && let Some(unknown) =
                keys.iter().find(|key| !key.contains('|') && !facts.classes().any(|class| class == *key))
        {
            let classes: Vec<&str> = facts.classes().collect();
            let message =
                format!("there is no class {unknown}; expected one of {}, or SYSTEM|CODE", classes.join(", "));
            return flaw(Part::Value, message);
        }
        let subject = of.map(|of| subject(known, of)).transpose()?;
        Ok(Self { criterion: known, subject, op, values, keys, missing: facts.missing(known) })
    }
}

/// What a comparison is about besides its criterion.
fn subject(criterion: Criterion, of: &str) -> Result<(Token, String), ComparisonError> {
    let flaw = |text: &str| ComparisonError { part: Part::Of, text: text.to_owned() };
    if !criterion.takes_subject() {
        return Err(flaw("only score and custom say of what they are"));
    }
    if of.is_empty() || of.ends_with('*') {
        return Err(flaw("of is a code of our Observations, or SYSTEM|CODE"));
    }
    let (system, code) = of.split_once('|').unwrap_or((OBSERVATIONS, of));
    let token = Token::parse(&format!("{system}|{code}"), &HashMap::new());
    Ok((
        token.map_err(|_| flaw("of is a code of our Observations, or SYSTEM|CODE with the URI of the system"))?,
        code.replace('-', " "),
    ))
}

impl ComparisonValue {
    /// The form in which a text is compared for `criterion`; nothing for numbers and flags.
    fn key(&self, criterion: Criterion) -> Result<Option<String>, ComparisonError> {
        let expected = match (criterion.form(), self) {
            (CriterionType::Text, Self::Text(text)) => {
                return Ok(Some(match criterion {
                    Criterion::County => area::county(text),
                    Criterion::State => area::state(text),
                    Criterion::Zip => area::zip(text),
                    // The codes of conditions are compared as they are written.
                    Criterion::Condition => text.trim().to_owned(),
                    _ => text.trim().to_lowercase(),
                }));
            }
            (CriterionType::Free, Self::Text(text)) => return Ok(Some(text.trim().to_lowercase())),
            (CriterionType::Number, Self::Number(_))
            | (CriterionType::Flag, Self::Flag(_))
            | (CriterionType::Free, _) => return Ok(None),
            (CriterionType::Number, _) => "a number",
            (CriterionType::Flag, _) => "true or false",
            (CriterionType::Text, _) if criterion == Criterion::Zip => {
                "a text; put ZIP codes in quotes, or they lose their zeros"
            }
            (CriterionType::Text, _) => "a text",
        };
        Err(ComparisonError { part: Part::Value, text: format!("{} is compared with {expected}", criterion.code()) })
    }
}

// === asking ===

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
    pub fn ask(&self, facts: &Facts<'_>) -> Truth {
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

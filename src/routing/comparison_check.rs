//! A comparison as it is written, checked when it is made: criterion, operator, values and unit have to go together, and what
//! they name has to be known.

use std::collections::HashMap;

use super::area;
use super::comparison::{Comparison, ComparisonValue};
use super::criterion::{Criterion, CriterionType, Op};
use super::facts::{FactBook, Token};

/// The code system of our own Observations, which `of` means where it names none.
const OBSERVATIONS: &str = "urn:handoff:fhir:CodeSystem:observation";

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

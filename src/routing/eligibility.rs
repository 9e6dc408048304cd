//! The answer to "may this person have this program?": rule by rule, with the fact that was used, where it came from and
//! what is missing (EligibilityResult, section 9.1 of the facts).
//!
//! The answer holds values of the person. It goes to whoever may read the referral, and is never stored, logged or put into
//! a trail.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::facts::{Fact, FactOrigin, FactSource, FactValue, Facts, Interval};
use super::rule::{Rule, Strength};
use crate::fhir::Truth;

/// The answer.
#[derive(Debug)]
pub struct Eligibility<'r> {
    /// As of when
    pub at: Timestamp,
    /// Yes: every required rule is met; no: one is not; else unknown
    pub outcome: Truth,
    /// Rule by rule
    pub checks: Vec<Check<'r>>,
}

/// What came of one rule.
#[derive(Debug)]
pub struct Check<'r> {
    /// The rule
    pub rule: Arc<Rule>,
    /// Is it met?
    pub verdict: Truth,
    /// What was used, one for each comparison of the rule
    pub evidence: Vec<Evidence<'r>>,
    /// What would have to be known, where the verdict is unknown
    pub missing: Vec<Arc<str>>,
}

/// What came of one comparison.
#[derive(Debug)]
pub struct Evidence<'r> {
    /// The code of the criterion
    pub criterion: &'static str,
    /// Which assessment or question it is about
    pub of: Option<String>,
    /// What is asked, for people
    pub asks: String,
    /// Is it met?
    pub verdict: Truth,
    /// What it was compared with
    pub fact: Rc<Fact<'r>>,
}

/// Judges a person by these rules, as far as they are in force.
pub fn judge<'r>(facts: &Facts<'r>, rules: &[Arc<Rule>]) -> Eligibility<'r> {
    let in_force = rules.iter().filter(|rule| rule.is_in_force(facts.today));
    let checks: Vec<Check<'r>> = in_force.map(|rule| check(facts, rule)).collect();
    let required = checks.iter().filter(|check| check.rule.strength == Strength::Required);
    Eligibility { at: facts.at, outcome: Truth::all(required.map(|check| check.verdict)), checks }
}

fn check<'r>(facts: &Facts<'r>, rule: &Arc<Rule>) -> Check<'r> {
    let mut evidence = Vec::new();
    rule.test.each(&mut |comparison| {
        let fact = facts.fact(comparison.criterion(), comparison.subject());
        evidence.push(Evidence {
            criterion: comparison.criterion().code(),
            of: comparison.subject_word().map(str::to_owned),
            asks: comparison.to_string(),
            verdict: comparison.ask_value(&fact.known),
            fact,
        });
    });
    let mut missing = Vec::new();
    rule.test.missing(facts, &mut missing);
    Check { rule: rule.clone(), verdict: rule.ask(facts), evidence, missing }
}

// === telling

/// The word for a verdict.
pub fn word(verdict: Truth) -> &'static str {
    match verdict {
        Truth::Yes => "yes",
        Truth::No => "no",
        Truth::Unknown => "unknown",
    }
}

impl Eligibility<'_> {
    /// The code of the outcome.
    pub fn outcome_code(&self) -> &'static str {
        match self.outcome {
            Truth::Yes => "eligible",
            Truth::No => "not-eligible",
            Truth::Unknown => "unknown",
        }
    }

    /// What would have to be known for an answer: what the required rules miss.
    pub fn missing(&self) -> Vec<&str> {
        let mut missing: Vec<&str> = Vec::new();
        for check in self.checks.iter().filter(|check| check.rule.strength == Strength::Required) {
            for one in check.missing.iter().map(|one| &**one) {
                if !missing.contains(&one) {
                    missing.push(one);
                }
            }
        }
        missing
    }

    /// As JSON.
    pub fn to_value(&self) -> Value {
        json!({
            "at": self.at.to_string(),
            "outcome": self.outcome_code(),
            "checks": self.checks.iter().map(Check::to_value).collect::<Vec<_>>(),
            "missing": self.missing(),
        })
    }
}

impl Check<'_> {
    fn to_value(&self) -> Value {
        let mut value = json!({
            "ruleId": self.rule.id,
            "asks": self.rule.to_string(),
            "strength": self.rule.strength.code(),
            "verdict": word(self.verdict),
            "facts": self.evidence.iter().map(Evidence::to_value).collect::<Vec<_>>(),
        });
        if let Some(source) = &self.rule.source {
            value["source"] = source.as_str().into();
        }
        if !self.missing.is_empty() {
            value["missing"] = self.missing.iter().map(|one| &**one).collect::<Vec<_>>().into();
        }
        value
    }
}

impl Evidence<'_> {
    fn to_value(&self) -> Value {
        let mut value = json!({ "criterion": self.criterion, "asks": self.asks, "verdict": word(self.verdict) });
        if let Some(of) = &self.of {
            value["of"] = of.as_str().into();
        }
        let actual = actual(&self.fact.known);
        if !actual.is_null() {
            value["actual"] = actual;
            value["from"] = self.fact.from.iter().map(origin).collect::<Vec<_>>().into();
        }
        if let Some(table) = &self.fact.table {
            value["table"] = table.as_str().into();
        }
        value
    }
}

/// A value as JSON: a number, a flag, a code or several; an interval as its ends.
fn actual(known: &FactValue) -> Value {
    match known {
        FactValue::Nothing => Value::Null,
        FactValue::Flag(flag) => (*flag).into(),
        FactValue::Number(number) => interval_value(*number),
        FactValue::Texts(texts) if texts.not.is_empty() => texts.has.clone().into(),
        FactValue::Texts(texts) => json!({ "is": texts.has, "isNoLonger": texts.not }),
    }
}

fn interval_value(number: Interval) -> Value {
    let end = |number: f64| {
        let rounded = (number * 100.0).round() / 100.0;
        // Whole numbers are written as such; numbers of this size are exact.
        if rounded.fract().abs() < f64::EPSILON && rounded.abs() < 1e15 {
            json!(rounded as i64)
        } else {
            json!(rounded)
        }
    };
    let (low, high) = (number.low(), number.high());
    if low.to_bits() == high.to_bits() {
        end(low)
    } else if high.is_infinite() {
        json!({ "low": end(low) })
    } else {
        json!({ "low": end(low), "high": end(high) })
    }
}

fn origin(origin: &FactOrigin<'_>) -> Value {
    let mut value = json!({ "resource": origin.name(), "path": origin.path() });
    if origin.resource.version > 0 {
        value["version"] = origin.resource.version.into();
    }
    value
}

impl fmt::Display for Eligibility<'_> {
    /// One line for the outcome, and some for each rule.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.outcome_code())?;
        for check in &self.checks {
            let name = check.rule.id.as_deref().unwrap_or("(a rule of the program)");
            let strength = if check.rule.strength == Strength::Preferred { ", preferred" } else { "" };
            writeln!(f, "  {:<7} {name}{strength}: {}", word(check.verdict), check.rule)?;
            for one in &check.evidence {
                write_evidence(one, f)?;
            }
            for missing in &check.missing {
                writeln!(f, "            missing: {missing}")?;
            }
        }
        Ok(())
    }
}

fn write_evidence(one: &Evidence<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if one.fact.known == FactValue::Nothing {
        return Ok(());
    }
    let about = one.of.as_deref().unwrap_or(one.criterion);
    write!(f, "            {} {about}: {}", word(one.verdict), one.fact.known)?;
    for (position, origin) in one.fact.from.iter().enumerate() {
        let before = if position == 0 { " from" } else { "," };
        write!(f, "{before} {} of {}", origin.path(), origin.name())?;
        if origin.resource.version > 0 {
            write!(f, " version {}", origin.resource.version)?;
        }
    }
    match &one.fact.table {
        Some(table) => writeln!(f, ", by {table}"),
        None => writeln!(f),
    }
}

//! Is a question asked at all? `enableWhen` (<https://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.enableWhen>)
//! tests the answers to another question: that of the nearest item with its linkId, first among those around, then those
//! before, then those behind.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::elements::{choice, extension, value};
use super::form::Question;
use crate::fhir::{Key, Node};
use crate::fhirpath::{Decimal, Quantity, Temporal};
use crate::profile::context::CheckContext;
use crate::profile::finding::Finding;

/// Whether a question is answered is a matter of true or false (que-7).
pub(super) fn check<'d>(condition: Node<'d>, context: &mut CheckContext<'_, 'd>) {
    let is_about_existence = condition.get("operator").is_some_and(|operator| operator.is_str("exists"));
    if is_about_existence
        && let Some((kind, answer)) = choice(condition, "answer")
        && kind != "Boolean"
    {
        let text = "the operator exists asks whether there is an answer; expected answerBoolean (que-7)";
        let hint = "write answerBoolean, or another operator";
        context.report(Finding::error(Key::Invariant, answer, text).about_name().hint(hint));
    }
}

/// Is it asked?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Enabled {
    Yes,
    No,
    /// The condition is one that we cannot evaluate; then an answer is neither demanded nor refused
    Unknown,
}

/// The items of a response by linkId, those of one linkId in reading order.
pub(super) struct Occurrences<'d> {
    by_link_id: HashMap<String, Vec<Node<'d>>>,
}

impl<'d> Occurrences<'d> {
    pub(super) fn of(response: Node<'d>) -> Self {
        let mut found = Self { by_link_id: HashMap::new() };
        found.add(response);
        found
    }

    fn add(&mut self, container: Node<'d>) {
        for item in container.list("item") {
            if let Some(link_id) = item.str("linkId") {
                self.by_link_id.entry(link_id.into_owned()).or_default().push(item);
            }
            self.add(item);
            item.list("answer").for_each(|answer| self.add(answer));
        }
    }

    /// The item with this linkId that is nearest to a position in the document.
    fn nearest(&self, link_id: &str, at: u32) -> Option<Node<'d>> {
        let all = self.by_link_id.get(link_id)?;
        // What is around a position begins before it, and is the last that does.
        let before = all.partition_point(|item| item.index() < at);
        before.checked_sub(1).and_then(|last| all.get(last)).or_else(|| all.get(before)).copied()
    }
}

/// Are the conditions of a question met for an item at this position?
pub(super) fn is_enabled(question: &Question<'_>, at: u32, occurrences: &Occurrences<'_>) -> Enabled {
    if extension(question.node, "sdc-questionnaire-enableWhenExpression").is_some() {
        return Enabled::Unknown;
    }
    let all = question.node.str("enableBehavior").as_deref() == Some("all");
    let mut conditions = question.node.list("enableWhen").peekable();
    if conditions.peek().is_none() {
        return Enabled::Yes;
    }
    let decides = !all;
    let mut known = true;
    for condition in conditions {
        match is_met(condition, at, occurrences) {
            Some(holds) if holds == decides => return if decides { Enabled::Yes } else { Enabled::No },
            Some(_) => {}
            None => known = false,
        }
    }
    match (known, decides) {
        (false, _) => Enabled::Unknown,
        (true, true) => Enabled::No,
        (true, false) => Enabled::Yes,
    }
}

/// Does a condition hold? Nothing where that cannot be told.
fn is_met(condition: Node<'_>, at: u32, occurrences: &Occurrences<'_>) -> Option<bool> {
    let expected = choice(condition, "answer")?;
    let link_id = condition.str("question")?;
    let item = occurrences.nearest(&link_id, at);
    let answers: Vec<_> = item.map(|item| item.list("answer").filter_map(value).collect()).unwrap_or_default();
    let compared = |test: fn(Ordering) -> bool| any(answers.iter().map(|answer| order(*answer, expected).map(test)));
    let equal = || any(answers.iter().map(|answer| is_equal(*answer, expected)));
    match &*condition.str("operator")? {
        "exists" => Some(expected.1.as_bool()? != answers.is_empty()),
        "=" => equal(),
        // Readers differ on whether a question that nobody answered has another answer than this.
        "!=" if answers.is_empty() => None,
        "!=" => equal().map(|equal| !equal),
        ">" => compared(Ordering::is_gt),
        "<" => compared(Ordering::is_lt),
        ">=" => compared(Ordering::is_ge),
        "<=" => compared(Ordering::is_le),
        _ => None,
    }
}

/// Is one of these true? Nothing where none is known to be, and not all are known.
fn any(results: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut found = Some(false);
    for result in results {
        match result {
            Some(true) => return result,
            Some(false) => {}
            None => found = None,
        }
    }
    found
}

type Value<'a> = (&'a str, Node<'a>);

/// Are two values the same? Nothing where that cannot be told.
fn is_equal((kind, left): Value<'_>, (other, right): Value<'_>) -> Option<bool> {
    match (kind, other) {
        ("Coding", "Coding") => {
            if left.str("code")? != right.str("code")? {
                return Some(false);
            }
            // A code without its system may be any system's.
            Some(left.str("system")? == right.str("system")?)
        }
        ("Reference", "Reference") => Some(left.str("reference")? == right.str("reference")?),
        ("Boolean", "Boolean") => Some(left.as_bool()? == right.as_bool()?),
        ("String" | "Uri", "String" | "Uri") => Some(left.as_str()? == right.as_str()?),
        ("Coding", "String") | ("String", "Coding") => Some(false),
        _ => order((kind, left), (other, right)).map(Ordering::is_eq),
    }
}

/// Which is more; nothing where that cannot be told.
pub(super) fn order((kind, left): Value<'_>, (other, right): Value<'_>) -> Option<Ordering> {
    match (kind, other) {
        ("Integer" | "Decimal", "Integer" | "Decimal") => {
            Some(Decimal::parse(left.as_number()?)?.cmp(&Decimal::parse(right.as_number()?)?))
        }
        ("Date" | "DateTime", "Date" | "DateTime") => {
            Temporal::parse_date_time(&left.as_str()?)?.compare(&Temporal::parse_date_time(&right.as_str()?)?)
        }
        ("Time", "Time") => Temporal::parse_time(&left.as_str()?)?.compare(&Temporal::parse_time(&right.as_str()?)?),
        ("Quantity", "Quantity") => Quantity::read(left)?.compare(&Quantity::read(right)?),
        _ => None,
    }
}

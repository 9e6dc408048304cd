//! Evaluation: one file per family of operators and functions; this one walks the tree.
//!
//! Every part gives a collection. Where only its truth is asked for (`truth`) or its items are looked at one by one
//! (`each`), none is made.

mod boundary;
mod budget;
mod calendar;
mod combine;
mod convert;
mod each;
mod encode;
mod equality;
mod evaluator;
mod existence;
mod failure;
mod fhir;
mod lambda;
mod math;
mod operand;
mod operators;
mod order;
mod path;
mod quantity;
mod subset;
mod text;
mod truth;
mod types;

use super::collection::Collection;
use super::context::Context;
use super::function::Function;
use super::item::Item;
use super::tree::{Part, PartKind};
use super::value::{UCUM, Value};
use evaluator::{Evaluator, Scope, Site};
pub(super) use failure::Failure;
use failure::{Outcome, fail};
use operand::{count, name};

/// Evaluates a compiled expression.
pub(super) fn run<'e, 'a: 'e>(
    part: &'e Part,
    context: &'e Context<'a>,
    focus: &Collection<'e>,
) -> Outcome<Collection<'e>> {
    let evaluator = Evaluator::new(context, focus, None);
    let result = evaluator.eval(part, &Scope { this: focus, index: None, total: None })?;
    if result.is_empty() {
        evaluator.open.take().map_or(Ok(()), Err)?;
    }
    Ok(result)
}

/// Evaluates a compiled expression as a condition.
pub(super) fn evaluate_bool<'e, 'a: 'e>(
    part: &'e Part,
    context: &'e Context<'a>,
    focus: &Collection<'e>,
) -> Outcome<Option<bool>> {
    let evaluate = |assumed: Option<bool>| {
        let evaluator = Evaluator::new(context, focus, assumed);
        let truth = evaluator.truth(part, &Scope { this: focus, index: None, total: None })?;
        Ok((truth, evaluator.open.take()))
    };
    let (truth, open) = evaluate(None)?;
    let Some(open) = open else { return Ok(truth) };
    // A question that nobody can answer does not matter where either answer leads to the same.
    match (evaluate(Some(true)), evaluate(Some(false))) {
        (Ok((Some(if_true), _)), Ok((Some(if_false), _))) if if_true == if_false => Ok(Some(if_true)),
        _ => Err(open),
    }
}

impl<'e, 'a: 'e> Evaluator<'_, 'e, 'a> {
    fn eval(&self, part: &'e Part, scope: &Scope<'_, 'e>) -> Outcome<Collection<'e>> {
        self.charge(1, part.at)?;
        match &part.kind {
            PartKind::Empty => Ok(Collection::Empty),
            PartKind::Literal(value) => Ok(Collection::value(value.reborrow())),
            PartKind::Texts(texts) => {
                self.charge(texts.len(), part.at)?;
                Ok(texts.iter().map(|text| Item::Value(text.reborrow())).collect())
            }
            PartKind::This => Ok(scope.this.clone()),
            PartKind::Index => Ok(Collection::maybe(scope.index.map(count))),
            PartKind::Total => {
                let total = scope.total.cloned().unwrap_or_default();
                self.charge(total.len(), part.at)?;
                Ok(total)
            }
            PartKind::Variable(name) => self.variable(part.at, name),
            PartKind::Member { from: None, name } if name.may_be_type => self.first_member(part.at, scope.this, name),
            PartKind::Member { .. } => self.collect_items(part, scope),
            PartKind::Call { call, .. } if each::is_streamed(call) => self.collect_items(part, scope),
            PartKind::Call { call, .. } if truth::is_question(call.function) => {
                Ok(Collection::maybe(self.truth(part, scope)?.map(Value::Boolean)))
            }
            PartKind::Call { from, call } => match from {
                None => self.call(&Site { at: part.at, call, input: scope.this, scope }),
                Some(from) => {
                    let input = self.eval(from, scope)?;
                    self.call(&Site { at: part.at, call, input: &input, scope })
                }
            },
            PartKind::Indexer(from, index) => self.indexer(part.at, from, index, scope),
            PartKind::Sign { negative, of } => {
                let operand = self.eval(of, scope)?;
                self.sign(part.at, *negative, &operand)
            }
            PartKind::Binary(operator, ..) if truth::is_condition(*operator) => {
                Ok(Collection::maybe(self.truth(part, scope)?.map(Value::Boolean)))
            }
            PartKind::Binary(operator, left, right) => self.binary(part.at, *operator, left, right, scope),
            PartKind::Typed { from, test, name } => self.typed(part.at, from.as_deref(), *test, name, scope),
        }
    }

    fn call(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        use Function as F;
        match site.call.function {
            F::AllTrue
            | F::AnyTrue
            | F::AllFalse
            | F::AnyFalse
            | F::SubsetOf
            | F::SupersetOf
            | F::Count
            | F::Distinct
            | F::IsDistinct => self.existence(site),
            F::Repeat | F::Iif | F::Aggregate | F::Sort | F::Trace => self.lambda(site),
            F::Single | F::Last | F::Tail | F::Skip | F::Take => self.subset(site),
            F::Intersect | F::Exclude | F::Union | F::Combine => self.combined(site),
            F::ToBoolean
            | F::ConvertsToBoolean
            | F::ToInteger
            | F::ConvertsToInteger
            | F::ToDate
            | F::ConvertsToDate
            | F::ToDateTime
            | F::ConvertsToDateTime
            | F::ToTime
            | F::ConvertsToTime
            | F::ToDecimal
            | F::ConvertsToDecimal
            | F::ToQuantity
            | F::ConvertsToQuantity
            | F::ToText
            | F::ConvertsToText => self.conversion(site),
            F::IndexOf
            | F::LastIndexOf
            | F::Substring
            | F::StartsWith
            | F::EndsWith
            | F::Contains
            | F::Upper
            | F::Lower
            | F::Replace
            | F::Matches
            | F::MatchesFull
            | F::ReplaceMatches
            | F::Length
            | F::ToChars
            | F::Split
            | F::Join
            | F::Trim
            | F::Encode
            | F::Decode
            | F::Escape
            | F::Unescape => self.text(site),
            F::Abs | F::Ceiling | F::Exp | F::Floor | F::Ln | F::Log | F::Power | F::Round | F::Sqrt | F::Truncate => {
                self.math(site)
            }
            F::LowBoundary | F::HighBoundary | F::Precision => self.boundary(site),
            F::Now | F::Today | F::TimeOfDay => self.moment(site),
            F::Is | F::As | F::OfType | F::Type => self.type_info(site),
            F::Comparable => self.comparable(site),
            F::Extension
            | F::GetValue
            | F::Resolve
            | F::MemberOf
            | F::ConformsTo
            | F::Subsumes
            | F::SubsumedBy
            | F::HtmlChecks
            | F::ElementDefinition
            | F::Slice
            | F::CheckModifiers => self.fhir(site),
            // Answered where the tree is walked.
            F::Empty
            | F::Exists
            | F::All
            | F::Not
            | F::HasValue
            | F::Where
            | F::Select
            | F::First
            | F::Children
            | F::Descendants => Ok(Collection::Empty),
        }
    }

    fn variable(&self, at: u32, name: &'e str) -> Outcome<Collection<'e>> {
        if let Some((_, value)) = self.context.constants.iter().find(|(known, _)| *known == name) {
            self.charge(value.len(), at)?;
            return Ok(value.clone());
        }
        let text = |text: &'static str| Ok(Collection::value(Value::text(text)));
        match name {
            "context" => Ok(self.focus.clone()),
            "resource" => Ok(Collection::node(self.context.resource)),
            "rootResource" => Ok(Collection::node(self.context.root_resource)),
            "sct" => text("http://snomed.info/sct"),
            "loinc" => text("http://loinc.org"),
            "ucum" => text(UCUM),
            _ => {
                let url = match (name.strip_prefix("vs-"), name.strip_prefix("ext-")) {
                    (Some(set), _) => format!("http://hl7.org/fhir/ValueSet/{set}"),
                    (_, Some(extension)) => format!("http://hl7.org/fhir/StructureDefinition/{extension}"),
                    _ => return Err(fail(at, format!("there is no constant %{name}"))),
                };
                Ok(Collection::value(Value::text(url)))
            }
        }
    }

    /// `now()`, `today()`, `timeOfDay()`
    fn moment(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        let Some(now) = self.context.now else {
            return Err(fail(site.at, format!("{}() is not known here: no time was given", name(site))));
        };
        let moment = match site.call.function {
            Function::Today => now.date(),
            Function::TimeOfDay => now.time(),
            _ => now,
        };
        Ok(Collection::value(Value::Temporal(moment)))
    }
}

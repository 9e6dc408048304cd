//! Conditions: logic in three values (<https://hl7.org/fhirpath/N1/#boolean-logic>), existence, equality with a text.
//! They are answered without a collection of what they look at, and no further than to what decides.

use super::super::function::Function;
use super::super::item::Item;
use super::super::tree::{Call, Operator, Part, PartKind};
use super::super::value::Value;
use super::evaluator::{Evaluator, Scope};
use super::failure::Outcome;
use super::operand::{as_condition, only};

impl<'e, 'a: 'e> Evaluator<'_, 'e, 'a> {
    /// The truth of a part: nothing for an empty result; one item that is no boolean counts as true.
    pub(super) fn truth(&self, part: &'e Part, scope: &Scope<'_, 'e>) -> Outcome<Option<bool>> {
        match &part.kind {
            PartKind::Literal(Value::Boolean(value)) => Ok(Some(*value)),
            PartKind::Binary(operator, left, right) if is_condition(*operator) => {
                self.charge(1, part.at)?;
                self.compound(part.at, *operator, left, right, scope)
            }
            PartKind::Call { from, call } if is_question(call.function) => {
                self.charge(1, part.at)?;
                self.question(part.at, from.as_deref(), call, scope)
            }
            _ => as_condition(part.at, &self.eval(part, scope)?),
        }
    }

    fn compound(
        &self,
        at: u32,
        operator: Operator,
        left: &'e Part,
        right: &'e Part,
        scope: &Scope<'_, 'e>,
    ) -> Outcome<Option<bool>> {
        match operator {
            Operator::Equal => self.equal_parts(at, left, right, scope),
            Operator::NotEqual => Ok(self.equal_parts(at, left, right, scope)?.map(|equal| !equal)),
            Operator::In => self.is_member(at, left, right, scope),
            Operator::Contains => self.is_member(at, right, left, scope),
            _ => self.logic(operator, left, right, scope),
        }
    }

    /// The right side is not looked at where the left decides.
    fn logic(
        &self,
        operator: Operator,
        left: &'e Part,
        right: &'e Part,
        scope: &Scope<'_, 'e>,
    ) -> Outcome<Option<bool>> {
        let first = self.truth(left, scope)?;
        let decided = match (operator, first) {
            (Operator::And, Some(false)) => Some(false),
            (Operator::Or, Some(true)) | (Operator::Implies, Some(false)) => Some(true),
            _ => None,
        };
        if decided.is_some() {
            return Ok(decided);
        }
        let second = self.truth(right, scope)?;
        // The left side is unknown, or leaves it to the right one.
        Ok(match (operator, second) {
            (Operator::And, Some(false)) => Some(false),
            (Operator::Or | Operator::Implies, Some(true)) => Some(true),
            (Operator::Xor, Some(right)) => first.map(|left| left != right),
            (_, Some(right)) => first.map(|_| right),
            (_, None) => None,
        })
    }

    // === equality and membership ===

    /// `a = b`. A path beside a text is what conditions are mostly made of.
    fn equal_parts(&self, at: u32, left: &'e Part, right: &'e Part, scope: &Scope<'_, 'e>) -> Outcome<Option<bool>> {
        match (&left.kind, &right.kind) {
            (_, PartKind::Literal(Value::String(text))) => self.equals_text(left, text, scope),
            (PartKind::Literal(Value::String(text)), _) => self.equals_text(right, text, scope),
            _ => self.equal_all(at, &self.eval(left, scope)?, &self.eval(right, scope)?),
        }
    }

    /// Only a text equals a text of the expression: dates and quantities have literals of their own.
    fn equals_text(&self, part: &'e Part, text: &str, scope: &Scope<'_, 'e>) -> Outcome<Option<bool>> {
        let mut equal = None;
        self.each(part, scope, &mut |item| {
            let is_first = equal.is_none();
            equal = Some(is_first && is_text(item, text));
            Ok(is_first)
        })?;
        Ok(equal)
    }

    /// `a in b`
    fn is_member(&self, at: u32, item: &'e Part, items: &'e Part, scope: &Scope<'_, 'e>) -> Outcome<Option<bool>> {
        let item = self.eval(item, scope)?;
        let Some(item) = only(at, &item)? else { return Ok(None) };
        let mut found = false;
        self.each_united(Some(items), scope, &mut |other| {
            self.charge(1, at)?;
            found = self.equal(at, other, item)? == Some(true);
            Ok(!found)
        })?;
        Ok(Some(found))
    }

    // === existence ===

    fn question(
        &self,
        at: u32,
        from: Option<&'e Part>,
        call: &'e Call,
        scope: &Scope<'_, 'e>,
    ) -> Outcome<Option<bool>> {
        let criterion = call.arguments.first();
        match (call.function, criterion) {
            (Function::Not, _) => {
                let truth = match from {
                    Some(part) => self.truth(part, scope)?,
                    None => as_condition(at, scope.this)?,
                };
                Ok(truth.map(|value| !value))
            }
            (Function::HasValue, _) => self.has_value(from, scope).map(Some),
            (Function::All, Some(criterion)) => {
                let mut index = 0;
                let all = self.each_from(from, scope, &mut |item| {
                    index += 1;
                    self.meets_criterion(criterion, scope, index - 1, item)
                })?;
                Ok(Some(all))
            }
            (Function::Exists, Some(criterion)) => {
                let mut index = 0;
                let none = self.each_from(from, scope, &mut |item| {
                    index += 1;
                    Ok(!self.meets_criterion(criterion, scope, index - 1, item)?)
                })?;
                Ok(Some(!none))
            }
            (function, _) => {
                let is_empty = self.each_united(from, scope, &mut |_| Ok(false))?;
                Ok(Some(is_empty == (function == Function::Empty)))
            }
        }
    }

    /// `hasValue()`: one item, and that one has a value.
    fn has_value(&self, from: Option<&'e Part>, scope: &Scope<'_, 'e>) -> Outcome<bool> {
        let mut has_value = None;
        self.each_from(from, scope, &mut |item| {
            let is_first = has_value.is_none();
            has_value = Some(is_first && item.has_value());
            Ok(is_first)
        })?;
        Ok(has_value == Some(true))
    }
}

/// Operators that give a truth and are answered here.
pub(super) fn is_condition(operator: Operator) -> bool {
    use Operator as O;
    matches!(operator, O::And | O::Or | O::Xor | O::Implies | O::Equal | O::NotEqual | O::In | O::Contains)
}

/// Functions that give a truth and are answered here.
pub(super) fn is_question(function: Function) -> bool {
    use Function as F;
    matches!(function, F::Exists | F::Empty | F::All | F::Not | F::HasValue)
}

fn is_text(item: &Item<'_>, text: &str) -> bool {
    match item {
        Item::Element(element) => element.node().is_some_and(|node| node.is_str(text)),
        Item::Value(Value::String(found)) => found == text,
        Item::Value(_) => false,
    }
}

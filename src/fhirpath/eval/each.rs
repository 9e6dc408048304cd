//! Items one by one: paths, filters and projections hand on each item as they find it, so that a condition stops at the
//! first one that decides and no collection is made in between.

use super::super::collection::Collection;
use super::super::function::Function;
use super::super::item::Item;
use super::super::tree::{Call, Operator, Part, PartKind, TypeTest};
use super::evaluator::{Evaluator, Scope};
use super::failure::Outcome;

/// Takes an item, and says whether the next one is wanted.
pub(super) type Sink<'s, 'e> = dyn FnMut(&Item<'e>) -> Outcome<bool> + 's;

impl<'e, 'a: 'e> Evaluator<'_, 'e, 'a> {
    /// Hands on what a part gives. Says whether the sink would take more.
    pub(super) fn each(&self, part: &'e Part, scope: &Scope<'_, 'e>, sink: &mut Sink<'_, 'e>) -> Outcome<bool> {
        match &part.kind {
            PartKind::This => each_of(scope.this, sink),
            PartKind::Member { from, name } if from.is_some() || !name.may_be_type => {
                self.charge(1, part.at)?;
                self.each_from(from.as_deref(), scope, &mut |item| self.each_member(part.at, item, name, sink))
            }
            PartKind::Call { from, call } if is_streamed(call) => {
                self.charge(1, part.at)?;
                self.each_called(part.at, from.as_deref(), call, scope, sink)
            }
            PartKind::Typed { from: Some(from), test, name } if *test != TypeTest::Is && !self.context.strict => {
                self.charge(1, part.at)?;
                self.check_type(part.at, name)?;
                self.each(from, scope, &mut |item| if self.is_exactly(item, name) { sink(item) } else { Ok(true) })
            }
            _ => each_of(&self.eval(part, scope)?, sink),
        }
    }

    /// As [`Self::each`], for what something is applied to: `$this`, where nothing stands before the point.
    pub(super) fn each_from(
        &self,
        from: Option<&'e Part>,
        scope: &Scope<'_, 'e>,
        sink: &mut Sink<'_, 'e>,
    ) -> Outcome<bool> {
        match from {
            Some(part) => self.each(part, scope, sink),
            None => each_of(scope.this, sink),
        }
    }

    /// As [`Self::each_from`], where it does not matter whether an item comes twice: unions are not made distinct.
    pub(super) fn each_united(
        &self,
        from: Option<&'e Part>,
        scope: &Scope<'_, 'e>,
        sink: &mut Sink<'_, 'e>,
    ) -> Outcome<bool> {
        match from.map(|part| &part.kind) {
            Some(PartKind::Binary(Operator::Union, left, right)) => {
                Ok(self.each_united(Some(left), scope, sink)? && self.each_united(Some(right), scope, sink)?)
            }
            _ => self.each_from(from, scope, sink),
        }
    }

    fn each_called(
        &self,
        at: u32,
        from: Option<&'e Part>,
        call: &'e Call,
        scope: &Scope<'_, 'e>,
        sink: &mut Sink<'_, 'e>,
    ) -> Outcome<bool> {
        let mut index = 0;
        match call.function {
            Function::Where => self.each_from(from, scope, &mut |item| {
                let holds = self.meets_criterion(&call.arguments[0], scope, index, item)?;
                index += 1;
                if holds { sink(item) } else { Ok(true) }
            }),
            Function::Select => self.each_from(from, scope, &mut |item| {
                let this = Collection::One(item.clone());
                let inner = Scope { this: &this, index: Some(index), total: scope.total };
                index += 1;
                self.each(&call.arguments[0], &inner, sink)
            }),
            Function::First => {
                let mut wanted = true;
                self.each_from(from, scope, &mut |item| {
                    wanted = sink(item)?;
                    Ok(false)
                })?;
                Ok(wanted)
            }
            Function::Children => self.each_from(from, scope, &mut |item| self.each_child(at, item, sink)),
            _ => self.each_from(from, scope, &mut |item| self.each_descendant(at, item, sink)),
        }
    }

    /// Does a condition hold with one item as `$this`?
    pub(super) fn meets_criterion(
        &self,
        condition: &'e Part,
        scope: &Scope<'_, 'e>,
        index: usize,
        item: &Item<'e>,
    ) -> Outcome<bool> {
        self.charge(1, condition.at)?;
        let this = Collection::One(item.clone());
        Ok(self.truth(condition, &Scope { this: &this, index: Some(index), total: scope.total })? == Some(true))
    }

    /// All that a part gives.
    pub(super) fn collect_items(&self, part: &'e Part, scope: &Scope<'_, 'e>) -> Outcome<Collection<'e>> {
        let mut found = Collection::Empty;
        self.each(part, scope, &mut |item| {
            self.charge(1, part.at)?;
            found.push(item.clone());
            Ok(true)
        })?;
        Ok(found)
    }
}

fn each_of<'e>(items: &Collection<'e>, sink: &mut Sink<'_, 'e>) -> Outcome<bool> {
    for item in items {
        if !sink(item)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Functions that hand on item by item.
pub(super) fn is_streamed(call: &Call) -> bool {
    matches!(
        call.function,
        Function::Where | Function::Select | Function::First | Function::Children | Function::Descendants
    )
}

//! Functions that evaluate an argument for every item: filtering and projection
//! (<https://hl7.org/fhirpath/N1/#filtering-and-projection>)
//! as a whole: `repeat`, `iif`, `aggregate`, `sort`, `trace`.

use std::cmp::Ordering;

use super::super::collection::Collection;
use super::super::function::Function;
use super::super::item::Item;
use super::super::tree::{Part, PartKind};
use super::evaluator::{Evaluator, Scope, Site};
use super::failure::{Outcome, fail};
use super::operand::only;

impl<'e, 'a: 'e> Evaluator<'_, 'e, 'a> {
    pub(super) fn lambda(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        match site.call.function {
            Function::Repeat => self.repeat(site),
            Function::Iif => self.iif(site),
            Function::Aggregate => self.aggregate(site),
            Function::Sort => self.sort(site),
            _ => self.trace(site),
        }
    }

    /// Evaluates `part` with one item as `$this`.
    fn on_item(&self, site: &Site<'_, 'e>, part: &'e Part, index: usize, item: &Item<'e>) -> Outcome<Collection<'e>> {
        let this = Collection::One(item.clone());
        self.eval(part, &Scope { this: &this, index: Some(index), total: site.scope.total })
    }

    /// Projects again and again, as long as something new comes of it.
    fn repeat(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        let mut found: Vec<Item<'e>> = Vec::new();
        let mut waiting: Vec<Item<'e>> = site.input.iter().cloned().collect();
        while !waiting.is_empty() {
            let mut next = Vec::new();
            for (index, item) in waiting.iter().enumerate() {
                for item in self.on_item(site, &site.call.arguments[0], index, item)? {
                    if !self.contains_item(site.at, &found, &item)? {
                        found.push(item.clone());
                        next.push(item);
                    }
                }
            }
            waiting = next;
        }
        Ok(found.into())
    }

    /// Only the branch that is taken is evaluated.
    fn iif(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        if site.input.len() > 1 {
            return Err(fail(site.at, format!("iif() expects one item at most, found {}", site.input.len())));
        }
        let scope = Scope { this: site.input, ..*site.scope };
        let [condition, then, rest @ ..] = site.call.arguments.as_slice() else { return Ok(Collection::Empty) };
        let criterion = self.eval(condition, &scope)?;
        let holds = match only(condition.at, &criterion)? {
            None => false,
            Some(item) => {
                item.as_bool().ok_or_else(|| fail(condition.at, "the condition of iif() has to be a boolean"))?
            }
        };
        match (holds, rest.first()) {
            (true, _) => self.eval(then, &scope),
            (false, Some(otherwise)) => self.eval(otherwise, &scope),
            (false, None) => Ok(Collection::Empty),
        }
    }

    fn aggregate(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        let mut total = self.argument(site, 1)?;
        for (index, item) in site.input.iter().enumerate() {
            let this = Collection::One(item.clone());
            total =
                self.eval(&site.call.arguments[0], &Scope { this: &this, index: Some(index), total: Some(&total) })?;
        }
        Ok(total)
    }

    /// Sorts by the items themselves or by keys; a minus before a key reverses it, whatever its type. Items without a
    /// key come first either way.
    fn sort(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        let keys: Vec<(bool, &'e Part)> = site.call.arguments.iter().map(sort_key).collect();
        let mut rows = Vec::with_capacity(site.input.len());
        for (index, item) in site.input.iter().enumerate() {
            let mut row = Vec::with_capacity(keys.len());
            for (_, key) in &keys {
                let value = self.on_item(site, key, index, item)?;
                row.push(only(key.at, &value)?.cloned());
            }
            if keys.is_empty() {
                row.push(Some(item.clone()));
            }
            rows.push((row, item.clone()));
        }
        // Insertion keeps equal items in order, and can fail half way; sorts of the standard library cannot.
        let mut sorted: Vec<(Vec<Option<Item<'e>>>, Item<'e>)> = Vec::with_capacity(rows.len());
        for row in rows {
            let mut index = sorted.len();
            while index > 0 && self.order_rows(site, &keys, &row.0, &sorted[index - 1].0)? == Ordering::Less {
                index -= 1;
            }
            sorted.insert(index, row);
        }
        Ok(sorted.into_iter().map(|(_, item)| item).collect())
    }

    fn order_rows(
        &self,
        site: &Site<'_, 'e>,
        keys: &[(bool, &'e Part)],
        left: &[Option<Item<'e>>],
        right: &[Option<Item<'e>>],
    ) -> Outcome<Ordering> {
        self.charge(1, site.at)?;
        for (position, (left, right)) in left.iter().zip(right).enumerate() {
            let descending = keys.get(position).is_some_and(|(descending, _)| *descending);
            let order = match (left, right) {
                (Some(left), Some(right)) => {
                    let order = self.order(site.at, left, right)?.unwrap_or(Ordering::Equal);
                    if descending { order.reverse() } else { order }
                }
                (left, right) => left.is_some().cmp(&right.is_some()),
            };
            if order != Ordering::Equal {
                return Ok(order);
            }
        }
        Ok(Ordering::Equal)
    }

    /// Passes its input through and lets the context hear it.
    fn trace(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        let Some(hear) = self.context.trace else { return Ok(site.input.clone()) };
        let label = self.text_argument(site, 0)?.unwrap_or_default();
        match site.call.arguments.get(1) {
            None => hear(&label, site.input),
            Some(projection) => {
                let mut seen = Collection::Empty;
                for (index, item) in site.input.iter().enumerate() {
                    seen.append(self.on_item(site, projection, index, item)?);
                }
                hear(&label, &seen);
            }
        }
        Ok(site.input.clone())
    }
}

/// A sort key and whether it is reversed.
fn sort_key(part: &Part) -> (bool, &Part) {
    match &part.kind {
        PartKind::Sign { negative: true, of } => (true, of),
        _ => (false, part),
    }
}

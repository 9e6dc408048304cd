//! Existence (<https://hl7.org/fhirpath/N1/#existence>): the functions that need no condition.

use std::borrow::Cow;
use std::collections::HashSet;

use super::super::collection::Collection;
use super::super::function::Function;
use super::super::item::Item;
use super::evaluator::{Evaluator, Site};
use super::failure::{Outcome, fail};
use super::operand::{count, describe_item};

/// From so many items on, hashing is worth its while.
const MANY: usize = 16;

impl<'e, 'a: 'e> Evaluator<'_, 'e, 'a> {
    pub(super) fn existence(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        let input = site.input;
        let truth = match site.call.function {
            Function::Count => return Ok(Collection::value(count(input.len()))),
            Function::Distinct => return self.distinct(site.at, input.iter().cloned()),
            Function::IsDistinct => self.distinct(site.at, input.iter().cloned())?.len() == input.len(),
            Function::SubsetOf => self.is_subset(site.at, input, &self.argument(site, 0)?)?,
            Function::SupersetOf => self.is_subset(site.at, &self.argument(site, 0)?, input)?,
            Function::AllTrue => booleans(site)?.all(|value| value),
            Function::AnyTrue => booleans(site)?.any(|value| value),
            Function::AllFalse => booleans(site)?.all(|value| !value),
            _ => booleans(site)?.any(|value| !value),
        };
        Ok(Collection::boolean(truth))
    }

    fn is_subset(&self, at: u32, part: &Collection<'e>, whole: &Collection<'e>) -> Outcome<bool> {
        for item in part {
            if !self.contains_item(at, whole.items(), item)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Is an item among these that equals it?
    pub(super) fn contains_item(&self, at: u32, items: &[Item<'e>], item: &Item<'e>) -> Outcome<bool> {
        for other in items {
            self.charge(1, at)?;
            if self.equal(at, other, item)? == Some(true) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The items without those that equal an earlier one.
    pub(super) fn distinct(&self, at: u32, items: impl Iterator<Item = Item<'e>>) -> Outcome<Collection<'e>> {
        let items: Vec<Item<'e>> = items.collect();
        if let Some(texts) = texts(&items) {
            self.charge(items.len() + items.iter().map(Item::byte_size).sum::<usize>() / 64, at)?;
            let mut seen = HashSet::with_capacity(texts.len());
            let fresh: Vec<bool> = texts.into_iter().map(|text| seen.insert(text)).collect();
            return Ok(items.into_iter().zip(fresh).filter_map(|(item, fresh)| fresh.then_some(item)).collect());
        }
        let mut kept = Collection::Empty;
        for item in items {
            if !self.contains_item(at, kept.items(), &item)? {
                kept.push(item);
            }
        }
        Ok(kept)
    }
}

/// Many items as texts, if they are nothing but texts, so that they can be told apart without comparing each with each
/// (a bundle's `fullUrl`s). A text that begins with a digit may be a date, which is compared in another way.
fn texts<'e>(items: &[Item<'e>]) -> Option<Vec<Cow<'e, str>>> {
    if items.len() < MANY {
        return None;
    }
    let plain = |text: &Cow<'e, str>| !text.starts_with(|first: char| first.is_ascii_digit());
    items.iter().map(|item| item.as_str().filter(plain)).collect()
}

/// The booleans of the input; anything else among them is a failure.
fn booleans(site: &Site<'_, '_>) -> Outcome<std::vec::IntoIter<bool>> {
    let read = |item: &Item<'_>| {
        let message = || format!("{}() expects booleans, found {}", super::name(site), describe_item(item));
        item.as_bool().ok_or_else(|| fail(site.at, message()))
    };
    let booleans: Vec<bool> = site.input.iter().map(read).collect::<Outcome<_>>()?;
    Ok(booleans.into_iter())
}

//! Combining (<https://hl7.org/fhirpath/N1/#combining>): union, combine, intersect, exclude.

use super::super::collection::Collection;
use super::super::function::Function;
use super::evaluator::{Evaluator, Site};
use super::failure::Outcome;

impl<'e, 'a: 'e> Evaluator<'_, 'e, 'a> {
    pub(super) fn combined(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        let other = self.argument(site, 0)?;
        let (at, input) = (site.at, site.input);
        match site.call.function {
            Function::Union => self.union(at, input.clone(), other),
            Function::Combine => {
                let mut all = input.clone();
                all.append(other);
                self.charge(all.len(), at)?;
                Ok(all)
            }
            Function::Intersect => {
                let mut kept = Collection::Empty;
                for item in input {
                    if self.contains_item(at, other.items(), item)? && !self.contains_item(at, kept.items(), item)? {
                        kept.push(item.clone());
                    }
                }
                Ok(kept)
            }
            _ => {
                let mut kept = Collection::Empty;
                for item in input {
                    if !self.contains_item(at, other.items(), item)? {
                        kept.push(item.clone());
                    }
                }
                Ok(kept)
            }
        }
    }

    /// `a | b`: everything of both, once.
    pub(super) fn union(&self, at: u32, left: Collection<'e>, right: Collection<'e>) -> Outcome<Collection<'e>> {
        match (&left, &right) {
            (Collection::Empty | Collection::One(_), Collection::Empty) => Ok(left),
            (Collection::Empty, Collection::One(_)) => Ok(right),
            _ => self.distinct(at, left.into_iter().chain(right)),
        }
    }
}

//! Subsetting (<https://hl7.org/fhirpath/N1/#subsetting>).

use super::super::collection::Collection;
use super::super::function::Function;
use super::evaluator::{Evaluator, Site};
use super::failure::Outcome;
use super::operand::only;

impl<'e, 'a: 'e> Evaluator<'_, 'e, 'a> {
    pub(super) fn subset(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        let items = site.input.items();
        let kept = match site.call.function {
            Function::Single => {
                return Ok(only(site.at, site.input)?.cloned().map_or(Collection::Empty, Collection::One));
            }
            Function::Last => &items[items.len().saturating_sub(1)..],
            Function::Tail => items.get(1..).unwrap_or(&[]),
            Function::Skip => match self.integer_argument(site, 0)? {
                Some(count) => &items[clamp(count, items.len())..],
                None => &[],
            },
            _ => match self.integer_argument(site, 0)? {
                Some(count) => &items[..clamp(count, items.len())],
                None => &[],
            },
        };
        Ok(kept.iter().cloned().collect())
    }
}

fn clamp(count: i64, length: usize) -> usize {
    usize::try_from(count.max(0)).map_or(length, |count| count.min(length))
}

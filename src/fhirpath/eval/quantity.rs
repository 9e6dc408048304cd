//! Quantities among the items of an expression.

use super::super::collection::Collection;
use super::super::item::Item;
use super::super::value::{Quantity, Value};
use super::evaluator::{Evaluator, Site};
use super::failure::Outcome;
use super::operand::only;

impl<'e, 'a: 'e> Evaluator<'_, 'e, 'a> {
    /// An item as a quantity: a value of the language, or a FHIR Quantity.
    #[expect(clippy::unused_self, reason = "reads like the other ways to read an item")]
    pub(super) fn quantity_of(&self, item: &Item<'e>) -> Option<Quantity<'e>> {
        match item {
            Item::Value(Value::Quantity(quantity)) => Some((**quantity).clone()),
            Item::Value(_) => None,
            Item::Element(element) => Quantity::read(element.node()?),
        }
    }

    /// `comparable()`: do the units of two quantities measure the same?
    pub(super) fn comparable(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        let other = self.argument(site, 0)?;
        let (Some(left), Some(right)) = (only(site.at, site.input)?, only(site.at, &other)?) else {
            return Ok(Collection::Empty);
        };
        let (Some(left), Some(right)) = (self.quantity_of(left), self.quantity_of(right)) else {
            return Ok(Collection::boolean(false));
        };
        Ok(Collection::boolean(left.compare(&right).is_some()))
    }
}

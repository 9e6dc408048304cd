//! The operands of a function or operator: arguments as a function wants them, the one item of a collection, and what was
//! found instead, for people.

use std::borrow::Cow;

use super::super::collection::Collection;
use super::super::item::Item;
use super::super::value::Value;
use super::evaluator::{Evaluator, Site};
use super::failure::{Outcome, fail};

impl<'e, 'a: 'e> Evaluator<'_, 'e, 'a> {
    /// The value of an argument, evaluated where the function stands.
    pub(super) fn argument(&self, site: &Site<'_, 'e>, position: usize) -> Outcome<Collection<'e>> {
        site.call.arguments.get(position).map_or(Ok(Collection::Empty), |part| self.eval(part, site.scope))
    }

    /// A whole number as an argument; nothing if it is empty.
    pub(super) fn integer_argument(&self, site: &Site<'_, 'e>, position: usize) -> Outcome<Option<i64>> {
        let argument = self.argument(site, position)?;
        match only(site.at, &argument)?.map(Item::value) {
            None => Ok(None),
            Some(Some(Value::Integer(number))) => Ok(Some(number)),
            Some(_) => {
                let message = format!("{}() expects a whole number, found {}", name(site), describe(&argument));
                Err(fail(site.at, message))
            }
        }
    }

    /// A string as an argument; nothing if it is empty.
    pub(super) fn text_argument(&self, site: &Site<'_, 'e>, position: usize) -> Outcome<Option<Cow<'e, str>>> {
        let argument = self.argument(site, position)?;
        let Some(item) = only(site.at, &argument)? else { return Ok(None) };
        self.charge_item(item, site.at)?;
        let refusal = || fail(site.at, format!("{}() expects a string, found {}", name(site), describe(&argument)));
        item.as_str().ok_or_else(refusal).map(Some)
    }
}

/// The name of the function called.
pub(super) fn name(site: &Site<'_, '_>) -> &'static str {
    site.call.function.name()
}

/// How many there are, as a value.
pub(super) fn count<'e>(number: usize) -> Value<'e> {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

/// What a collection holds, for people; never a value.
pub(super) fn describe(collection: &Collection<'_>) -> String {
    match collection.items() {
        [] => "nothing".to_owned(),
        [item] => describe_item(item),
        items => format!("{} items", items.len()),
    }
}

pub(super) fn describe_item(item: &Item<'_>) -> String {
    match item {
        Item::Element(element) => match element.value() {
            Some(value) => format!("an element with a {}", value.kind()),
            None => "a complex element".to_owned(),
        },
        Item::Value(value) => format!("a {}", value.kind()),
    }
}

/// The only item of a collection, or nothing; several are a failure.
pub(super) fn only<'c, 'e>(at: u32, collection: &'c Collection<'e>) -> Outcome<Option<&'c Item<'e>>> {
    match collection.items() {
        [] => Ok(None),
        [item] => Ok(Some(item)),
        items => Err(fail(at, format!("expected one item, found {}", items.len()))),
    }
}

/// A condition's truth: one item that is no boolean counts as true
/// (<https://hl7.org/fhirpath/N1/#singleton-evaluation-of-collections>).
pub(super) fn as_condition(at: u32, collection: &Collection<'_>) -> Outcome<Option<bool>> {
    Ok(only(at, collection)?.map(|item| item.as_bool().unwrap_or(true)))
}

//! Types (<https://hl7.org/fhirpath/N1/#types>): `is`, `as`, `ofType`, `type()`.

use std::borrow::Cow;

use super::super::collection::Collection;
use super::super::function::Function;
use super::super::item::{Element, Item};
use super::super::model::{self, TypeFinder};
use super::super::tree::{Namespace, Part, PartKind, TypeSpecifier, TypeTest};
use super::super::value::{TypeName, Value};
use super::evaluator::{Evaluator, Scope, Site};
use super::failure::{Outcome, fail};

impl<'e, 'a: 'e> Evaluator<'_, 'e, 'a> {
    pub(super) fn typed(
        &self,
        at: u32,
        from: Option<&'e Part>,
        test: TypeTest,
        name: &'e TypeSpecifier,
        scope: &Scope<'_, 'e>,
    ) -> Outcome<Collection<'e>> {
        self.check_type(at, name)?;
        let owned;
        let input = match from {
            None => scope.this,
            Some(part) => {
                // `resolve() is Patient` can be answered from the reference itself.
                if let (TypeTest::Is, PartKind::Call { from, call }) = (test, &part.kind)
                    && call.function == Function::Resolve
                {
                    return self.refers_to(part.at, from.as_deref(), name, scope);
                }
                owned = self.eval(part, scope)?;
                &owned
            }
        };
        if input.len() > 1 && (test == TypeTest::Is || (test == TypeTest::As && self.context.strict)) {
            let word = if test == TypeTest::Is { "is" } else { "as" };
            return Err(fail(at, format!("{word} expects one item, found {}", input.len())));
        }
        Ok(match test {
            TypeTest::Is => Collection::maybe(input.first().map(|item| Value::Boolean(self.is_type(item, name)))),
            TypeTest::As | TypeTest::OfType => {
                input.iter().filter(|item| self.is_exactly(item, name)).cloned().collect()
            }
        })
    }

    pub(super) fn check_type(&self, at: u32, name: &TypeSpecifier) -> Outcome<()> {
        let known = name.is_known || self.context.model.is_type(&name.name);
        if known { Ok(()) } else { Err(fail(at, format!("there is no type {}", name.name))) }
    }

    /// Has the item the type, or one derived from it?
    pub(super) fn is_type(&self, item: &Item<'e>, name: &TypeSpecifier) -> bool {
        match item {
            Item::Value(value) => name.namespace != Some(Namespace::Fhir) && value.kind() == &*name.name,
            Item::Element(element) => {
                name.namespace != Some(Namespace::System)
                    && self.type_of(element).is_some_and(|kind| self.is_a(&kind, &name.name))
            }
        }
    }

    /// Is `kind` the type `ancestor`, or derived from it?
    pub(super) fn is_a(&self, kind: &str, ancestor: &str) -> bool {
        kind == ancestor
            || model::standard_is_a(kind, ancestor).unwrap_or_else(|| self.context.model.is_a(kind, ancestor))
    }

    /// As [`Self::is_type`], but a `code` is not taken for a `string`: that is how FHIR reads `as` and `ofType`.
    pub(super) fn is_exactly(&self, item: &Item<'e>, name: &TypeSpecifier) -> bool {
        match item {
            Item::Element(element) if model::is_primitive(&name.name) => {
                name.namespace != Some(Namespace::System) && self.type_of(element).as_deref() == Some(&*name.name)
            }
            _ => self.is_type(item, name),
        }
    }

    /// The type of an element, as far as it can be known.
    pub(super) fn type_of(&self, element: &Element<'e>) -> Option<Cow<'e, str>> {
        self.type_finder(|type_finder| type_finder.type_of(element))
    }

    /// The type that the model or the element's own name gives it, but not its JSON kind alone.
    pub(super) fn known_type(&self, element: &Element<'e>) -> Option<Cow<'e, str>> {
        self.type_finder(|type_finder| type_finder.known_type(element))
    }

    fn type_finder(&self, ask: impl FnOnce(&mut TypeFinder<'e>) -> Option<Cow<'e, str>>) -> Option<Cow<'e, str>> {
        let mut type_finder = TypeFinder {
            model: self.context.model,
            resources: [self.context.resource, self.context.root_resource],
            root_type: self.context.root_type,
            passed: 0,
        };
        let found = ask(&mut type_finder);
        self.charge_done(type_finder.passed);
        found
    }

    /// `type()`; `is`, `as` and `ofType` are no calls once they are parsed.
    pub(super) fn type_info(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        self.charge(site.input.len(), site.at)?;
        let named = |item: &Item<'e>| match item {
            Item::Value(value) => Some(TypeName { namespace: "System", name: Cow::Borrowed(value.kind()) }),
            Item::Element(element) => self.type_of(element).map(|name| TypeName { namespace: "FHIR", name }),
        };
        Ok(site.input.iter().filter_map(|item| named(item).map(|name| Item::Value(Value::Type(name)))).collect())
    }
}

//! The functions that FHIR adds (<https://hl7.org/fhir/R4/fhirpath.html#functions>).
//!
//! What needs value sets, profiles or other documents is asked of the context. Where nobody can answer, it is said to be
//! not known, unless the expression comes to the same end either way.

use std::borrow::Cow;

use crate::fhir::{Key, Kind, Node, Reference};

use super::super::collection::Collection;
use super::super::function::Function;
use super::super::item::{Element, Item};
use super::super::model;
use super::super::tree::{Part, TypeSpecifier};
use super::super::value::Value;
use super::evaluator::{Evaluator, Scope, Site};
use super::failure::{Failure, Outcome, fail};
use super::operand::{name, only};

impl<'e, 'a: 'e> Evaluator<'_, 'e, 'a> {
    pub(super) fn fhir(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        match site.call.function {
            Function::Extension => self.extension(site),
            Function::GetValue => Ok(Collection::maybe(site.input.only().and_then(Item::value))),
            Function::Resolve => self.resolve(site),
            Function::MemberOf | Function::ConformsTo => self.ask(site),
            Function::Subsumes | Function::SubsumedBy => self.relate(site),
            Function::ElementDefinition => self.element_definition(site),
            Function::Slice => self.slice(site),
            Function::CheckModifiers => self.check_modifiers(site),
            _ => self.html_checks(site),
        }
    }

    /// `extension(url)`
    fn extension(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        let Some(url) = self.text_argument(site, 0)? else { return Ok(Collection::Empty) };
        let mut found = Collection::Empty;
        for item in site.input {
            let Item::Element(element) = item else { continue };
            let Some(value_or_sibling) = element.value_or_sibling() else { continue };
            let list = self.seek(site.at, value_or_sibling, |name| name == "extension")?;
            for extension in list.into_iter().flat_map(Node::items) {
                self.charge(1, site.at)?;
                if extension.get("url").is_some_and(|known| known.is_str(&url)) {
                    found.push(Item::Element(Element::new(extension)));
                }
            }
        }
        Ok(found)
    }

    // === references ===

    /// `resolve()`: what cannot be found is left out.
    fn resolve(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        let mut found = Collection::Empty;
        for item in site.input {
            self.charge(1, site.at)?;
            self.charge_item(item, site.at)?;
            if let Some(node) = reference(item).map_or(Ok(None), |text| self.target(site.at, &text))? {
                found.push(Item::Element(Element::new(node)));
            }
        }
        Ok(found)
    }

    /// What a reference points at: a contained resource of this document, or what the context finds.
    fn target(&self, at: u32, text: &str) -> Outcome<Option<Node<'e>>> {
        let Some(id) = text.strip_prefix('#') else {
            return Ok(self.context.resolve.and_then(|resolve| resolve(text)));
        };
        let root = self.context.root_resource;
        if id.is_empty() {
            return Ok(Some(root));
        }
        let contained = self.seek(at, root, |name| name == "contained")?;
        for node in contained.into_iter().flat_map(Node::items) {
            if self.seek(at, node, |name| name == "id")?.is_some_and(|own| own.is_str(id)) {
                return Ok(Some(node));
            }
        }
        Ok(None)
    }

    /// `resolve() is T`: by the resource where it is found, else by the type that the reference itself names.
    pub(super) fn refers_to(
        &self,
        at: u32,
        from: Option<&'e Part>,
        name: &'e TypeSpecifier,
        scope: &Scope<'_, 'e>,
    ) -> Outcome<Collection<'e>> {
        let owned;
        let input = match from {
            None => scope.this,
            Some(part) => {
                owned = self.eval(part, scope)?;
                &owned
            }
        };
        let Some(item) = only(at, input)? else { return Ok(Collection::Empty) };
        let text = reference(item);
        if let Some(node) = text.as_deref().map_or(Ok(None), |text| self.target(at, text))? {
            return Ok(Collection::boolean(self.is_type(&Item::Element(Element::new(node)), name)));
        }
        let kind = match text.as_deref().and_then(Reference::parse).and_then(|reference| reference.kind()) {
            Some(kind) => Some(Cow::Borrowed(kind)),
            None => item.node().and_then(|node| node.str("type")),
        };
        let is = kind.map(|kind| Value::Boolean(self.is_a(&kind, &name.name)));
        Ok(Collection::maybe(is))
    }

    // === what others know ===

    /// `memberOf(valueSet)`, `conformsTo(profile)`
    fn ask(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        let Some(url) = self.text_argument(site, 0)? else { return Ok(Collection::Empty) };
        let Some(item) = only(site.at, site.input)? else { return Ok(Collection::Empty) };
        let (ask, what) = match site.call.function {
            Function::MemberOf => (self.context.member_of, "value set"),
            _ => (self.context.conforms_to, "profile"),
        };
        let answer = ask.and_then(|ask| ask(item, &url));
        Ok(self.answer(site, answer, || format!("the {what} {url} is not at hand")))
    }

    /// What was answered; a question that was not is left open.
    fn answer(&self, site: &Site<'_, 'e>, answer: Option<bool>, why: impl FnOnce() -> String) -> Collection<'e> {
        if answer.is_none() {
            self.leave_open(site.at, format!("{}() cannot be answered: {}", name(site), why()));
        }
        Collection::maybe(answer.or(self.assumed).map(Value::Boolean))
    }

    /// `subsumes(code)`, `subsumedBy(code)`
    fn relate(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        let other = self.argument(site, 0)?;
        let (Some(item), Some(other)) = (only(site.at, site.input)?, only(site.at, &other)?) else {
            return Ok(Collection::Empty);
        };
        let (above, below) = if site.call.function == Function::Subsumes { (item, other) } else { (other, item) };
        let answer = self.context.subsumes.and_then(|relate| relate(above, below));
        Ok(self.answer(site, answer, || "it is not known here how these codes contain each other".to_owned()))
    }

    /// `htmlChecks()`
    fn html_checks(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        let Some(item) = only(site.at, site.input)? else { return Ok(Collection::Empty) };
        let Some(text) = item.as_str() else {
            return Err(fail(site.at, format!("{}() expects XHTML as a string", name(site))));
        };
        let answer = self.context.html_checks.and_then(|judge| judge(&text));
        Ok(self.answer(site, answer, || "XHTML is not judged here".to_owned()))
    }

    // === what profiles say ===

    /// `elementDefinition()`
    fn element_definition(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        let mut found = Collection::Empty;
        for item in site.input {
            let Some(definition) = self.context.find_definition.and_then(|find_definition| find_definition(item))
            else {
                let message = format!("{}() cannot be answered: a definition is not at hand", name(site));
                return Err(Failure::new(Key::NotChecked, site.at, message));
            };
            found.push(Item::Element(Element::new(definition)));
        }
        Ok(found)
    }

    /// `slice(structure, name)`: the items that are in the slice.
    fn slice(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        let (Some(structure), Some(slice)) = (self.text_argument(site, 0)?, self.text_argument(site, 1)?) else {
            return Ok(Collection::Empty);
        };
        let mut found = Collection::Empty;
        for item in site.input {
            self.charge(1, site.at)?;
            match self.context.slice.and_then(|sort| sort(item, &structure, &slice)) {
                Some(true) => found.push(item.clone()),
                Some(false) => {}
                None => return Err(fail(site.at, format!("there is no slice {slice} of {structure} at hand"))),
            }
        }
        Ok(found)
    }

    /// `checkModifiers(url, ...)`: its input, if no other extension changes what that means.
    fn check_modifiers(&self, site: &Site<'_, 'e>) -> Outcome<Collection<'e>> {
        let mut known = Vec::with_capacity(site.call.arguments.len());
        for position in 0..site.call.arguments.len() {
            known.extend(self.text_argument(site, position)?);
        }
        for item in site.input {
            let Item::Element(element) = item else { continue };
            let Some(value_or_sibling) = element.value_or_sibling() else { continue };
            let list = self.seek(site.at, value_or_sibling, |name| name == "modifierExtension")?;
            for extension in list.into_iter().flat_map(Node::items) {
                self.charge(1, site.at)?;
                let url = extension.str("url").unwrap_or_default();
                if !known.contains(&url) {
                    return Err(fail(site.at, format!("the modifier extension {url} is not one of those expected")));
                }
            }
        }
        Ok(site.input.clone())
    }
}

/// The text of a reference: of a Reference, or a uri or canonical itself.
fn reference<'e>(item: &Item<'e>) -> Option<Cow<'e, str>> {
    match item {
        Item::Element(element) => {
            let node = element.node()?;
            if node.kind() == Kind::Object && model::resource_type(node).is_none() {
                node.str("reference")
            } else {
                node.as_str()
            }
        }
        Item::Value(_) => item.as_str(),
    }
}

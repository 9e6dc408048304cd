//! Where in a resource a search parameter looks. Most look at a path and nothing more, which is followed without evaluating
//! an expression; it leads to the same elements (<https://hl7.org/fhir/R4/searchparameter-registry.html>).

use std::fmt;

use crate::fhir::{Issue, Kind, Node};
use crate::fhirpath::{Context, Element, Expression, Item};

/// See the module head.
#[derive(Debug)]
pub(super) struct Place {
    expression: Expression,
    /// Where it is a path and nothing more, that
    path: Option<Path>,
}

/// A way into a resource.
#[derive(Debug)]
struct Path {
    /// The names of the elements on it
    names: Box<[Box<str>]>,
    /// The first of them may be written with the name of its type: `onsetDateTime`
    is_choice: bool,
}

impl Place {
    /// The place that an expression names in a resource of this type.
    pub(super) fn new(expression: Expression, resource_type: &str) -> Self {
        let path = expression.names_from(resource_type);
        let path = path.map(|(names, is_choice)| Path { names: names.into_iter().map(Box::from).collect(), is_choice });
        Self { expression, path }
    }

    /// The expression.
    pub(super) fn expression(&self) -> &Expression {
        &self.expression
    }

    /// Passes on what stands there in the resource of this context.
    ///
    /// # Errors
    /// Where the expression has no meaning for what it meets.
    pub(super) fn each<'e, 'a: 'e>(
        &'e self,
        context: &'e Context<'a>,
        resource: Node<'e>,
        say: &mut impl FnMut(&Item<'e>),
    ) -> Result<(), Box<Issue>> {
        let is_there = |name: &str| resource.get(name).is_some();
        if let Some(Path { names, is_choice }) = &self.path
            && (!is_choice || names.first().is_some_and(|name| is_there(name)))
        {
            follow(resource, names, say);
            return Ok(());
        }
        self.expression.evaluate(context, resource)?.iter().for_each(say);
        Ok(())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expression.fmt(f)
    }
}

/// Passes on the elements at the end of this way.
fn follow<'n>(from: Node<'n>, path: &[Box<str>], say: &mut impl FnMut(&Item<'n>)) {
    let Some((name, rest)) = path.split_first() else { return say(&Item::Element(Element::new(from))) };
    let Some(member) = from.get(name) else { return };
    for element in member.each().filter(|element| element.kind() != Kind::Null) {
        follow(element, rest, say);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::Document;

    #[test]
    fn a_path_leads_where_its_expression_does() {
        let text = r#"{"resourceType":"Patient","birthDate":"1990","_birthDate":{"id":"b"},"_gender":{"id":"g"},
            "telecom":[{"rank":1},{"system":"sms"},null,{"rank":2}],"name":[{"given":["N"]}],"generalPractitioner":[],
            "address":{"line":["A",null,"B"],"_line":[null,{"id":"x"}]},"contact":[{"address":{"line":["C"]}},{"address":{"line":"D"}}],
            "deceasedBoolean":true,"active":[[true]]}"#;
        let document = Document::parse(text).unwrap();
        let context = Context::new(document.root());
        for (expression, found, is_path) in [
            ("Patient.birthDate", 1, true),
            ("Patient.gender", 0, true),
            ("Patient.telecom", 3, true),
            ("Patient.telecom.rank", 2, true),
            ("Patient.address.line", 2, true),
            ("Patient.contact.address.line", 2, true),
            ("Patient.generalPractitioner", 0, true),
            ("Patient.photo.url", 0, true),
            ("Patient.active", 1, true),
            // Elsewhere in R4 there is a choice of this name.
            ("Patient.name.given", 1, true),
            ("Patient.deceased", 1, true),
            ("Patient.multipleBirth", 0, true),
            ("Patient.contact.name.text", 0, false),
            ("Patient.telecom.where(rank = 2)", 1, false),
            ("Resource.id", 0, false),
        ] {
            let place = Place::new(Expression::parse(expression).unwrap(), "Patient");
            assert_eq!(place.path.is_some(), is_path, "{expression}");
            let mut nodes = Vec::new();
            place.each(&context, document.root(), &mut |item| nodes.extend(item.node())).unwrap();
            let evaluated = place.expression.evaluate(&context, document.root()).unwrap();
            assert!(evaluated.iter().filter_map(Item::node).eq(nodes.iter().copied()), "{expression}");
            assert_eq!(nodes.len(), found, "{expression}");
        }
    }
}

//! Computed fields: what an expression gives, started from a node, and what a table makes of it.

use serde_json::Value;

use crate::fhir::{Issue, Key};
use crate::fhirpath::{Collection, Context, Element, Expression, Item};

use super::converter::Converted;
use super::crosswalk::Crosswalk;
use super::discover::Target;
use super::get::{Reader, path_text};
use super::model::{Field, Source};
use crate::record::same_value;

impl<'g, 'm> Reader<'g, 'm> {
    /// What a computed field gives.
    pub(super) fn computed(&mut self, field: &'m Field) -> Option<Value> {
        let Source::Computed { node, expression, named, translate, list, .. } = &field.source else { return None };
        let results = self.compute(expression, self.found.targets[*node]?, named)?;
        let results = match translate {
            None => results,
            Some(table) => self.translated(table, &results),
        };
        if *list { (!results.is_empty()).then_some(Value::Array(results)) } else { results.into_iter().next() }
    }

    /// Does a computed field give this?
    pub(super) fn is_computed(&mut self, field: &'m Field, value: &Value) -> bool {
        match &field.source {
            Source::Computed { plain: Some(end), .. } => {
                self.found.sites[end.site].is_some_and(|node| Converted::Node(node).says(value))
            }
            _ => self.computed(field).is_some_and(|own| same_value(&own, value)),
        }
    }

    /// What an expression gives, started from a node.
    fn compute(&mut self, expression: &Expression, target: Target<'g>, named: &[usize]) -> Option<Vec<Value>> {
        let graph = self.ground.graph;
        let resolve = |reference: &str| graph.resolve(reference).map(|resource| resource.node());
        let mut context = Context::new(target.resource.node()).resolve(&resolve);
        for node in named {
            let value = self.found.targets[*node]
                .map_or(Collection::Empty, |target| Collection::One(Item::Element(Element::new(target.node))));
            context = context.constant(&self.ground.model.nodes[*node].name, value);
        }
        let result = expression.evaluate(&context, target.node);
        match result {
            // An element without a value, which only has extensions, says nothing.
            Ok(items) => Some(items.items().iter().map(Item::to_json).filter(|value| !value.is_null()).collect()),
            Err(issue) => {
                self.issues.push(Issue::warning(Key::ExpressionInvalid, path_text(&self.place), issue.text));
                None
            }
        }
    }

    /// Every counterpart of these codes, each once. What has none is reported; a code of another system is not the
    /// table's to translate.
    fn translated(&mut self, table: &Crosswalk, codes: &[Value]) -> Vec<Value> {
        let mut targets: Vec<Value> = Vec::new();
        for asked in codes.iter().filter_map(|code| table.asked(code)) {
            let mut rows = table.all(asked.code).filter(|_| asked.fits).peekable();
            if rows.peek().is_none() {
                self.untranslated(table.without_row(asked.code, asked.version));
            }
            for target in rows.filter_map(|row| row.target.as_deref()) {
                if !targets.iter().any(|known| known == target) {
                    targets.push(target.into());
                }
            }
        }
        targets
    }
}

//! Computed fields: what an expression gives, started from a node, and what a table makes of it.

use serde_json::Value;

use crate::fhir::{Issue, Key};
use crate::fhirpath::{Collection, Context, Element, Expression, Item};

use super::converter::RecordValue;
use super::crosswalk::Crosswalk;
use super::fidelity::FieldOutcome;
use super::get::{Reader, path_text};
use super::model::{Field, Source};
use super::node_search::Target;
use crate::record::same_value;

impl<'g, 'm> Reader<'g, 'm> {
    /// Writes what a computed field gives; says whether it gives anything.
    pub(super) fn write_computed(&mut self, field: &'m Field) -> bool {
        let Source::Computed { node, expression, plain, .. } = &field.source else { return false };
        match plain {
            Some(end) => match self.found.slots[end.slot] {
                Some(element) => self.text.node(element),
                None => return false,
            },
            None => match self.computed(field) {
                Some(value) => self.text.value(&value),
                None => return false,
            },
        }
        let origin = self.found.targets[*node].map(|target| (target, target.node));
        self.count_outcome("", origin, || expression.text().into(), &FieldOutcome::Computed);
        true
    }

    /// What a computed field gives.
    fn computed(&mut self, field: &'m Field) -> Option<Value> {
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
                self.found.slots[end.slot].is_some_and(|node| RecordValue::Node(node).equals(value))
            }
            _ => self.computed(field).is_some_and(|own| same_value(&own, value)),
        }
    }

    /// What an expression gives, started from a node.
    fn compute(&mut self, expression: &Expression, target: Target<'g>, named: &[usize]) -> Option<Vec<Value>> {
        let graph = self.search.graph;
        let resolve = |reference: &str| graph.resolve(reference).map(|resource| resource.node());
        let mut context = Context::new(target.resource.node()).resolve(&resolve);
        for node in named {
            let value = self.found.targets[*node]
                .map_or(Collection::Empty, |target| Collection::One(Item::Element(Element::new(target.node))));
            context = context.constant(&self.search.model.nodes[*node].name, value);
        }
        let result = expression.evaluate(&context, target.node);
        match result {
            // An element without a value, which only has extensions, says nothing.
            Ok(items) => Some(items.items().iter().map(Item::to_json).filter(|value| !value.is_null()).collect()),
            Err(issue) => {
                self.issues.push(Issue::warning(Key::ExpressionInvalid, path_text(&self.path), issue.text));
                None
            }
        }
    }

    /// Every counterpart of these codes, each once. What has none is reported; a code of another system is not the
    /// table's to translate.
    fn translated(&mut self, table: &Crosswalk, codes: &[Value]) -> Vec<Value> {
        let mut targets: Vec<Value> = Vec::new();
        for code in codes.iter().filter_map(|code| table.source_code_of(code)) {
            let mut rows = table.rows_of(code.code).filter(|_| code.fits).peekable();
            if rows.peek().is_none() {
                self.untranslated(table.no_target_message(code.code, code.version));
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

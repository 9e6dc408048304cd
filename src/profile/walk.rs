//! Goes once through a resource, with the schema that belongs to each object, and lets the rules look at what it passes.

use std::rc::Rc;

use super::bundle_entries::BundleEntries;
use super::compile;
use super::context::{CheckContext, OpenObject, Walker};
use super::counts::{ElementCount, SliceCount};
use super::finding::{Finding, OpenQuestion};
use super::findings::Findings;
use super::part::SchemaRef;
use super::request::Request;
use super::rules::invariant::{self, Invariant, PendingInvariant};
use super::rules::rule::SourcedRule;
use super::rules::{
    cardinality, choice, claimed_profiles, empty, extension, inner_resource, json_kind, resource_type, sibling,
    unknown_element,
};
use super::schema::{Content, ElementSchema, Member, Schema, ValueSchema};
use super::schemas::Schemas;
use super::slicing::{self, SlicingSlots, SlicingState};
use crate::fhir::{Kind, Node};
use crate::yielding;

/// One walk under way.
struct Walk<'c, 'd> {
    schemas: &'c Schemas,
    context: CheckContext<'c, 'd>,
    /// How often the elements of the objects that are open have been met
    element_counts: Vec<ElementCount>,
    /// The same of their slices
    slice_counts: Vec<SliceCount>,
    /// How far the slicings at hand have come
    slicing_states: Vec<SlicingState>,
    /// Invariants that wait for the end of their resource
    pending: Vec<PendingInvariant<'c, 'd>>,
    /// The slices of the value at hand
    variant_key: Vec<u16>,
}

/// Where the counts of an open object begin.
#[derive(Clone, Copy)]
struct CountsStart {
    elements: usize,
    slices: usize,
}

/// What putting the values of an element into slices takes.
#[derive(Clone, Copy)]
struct SliceCounters {
    /// Position of the type among those of the element
    position: u16,
    /// Where the counts of the object's slices begin
    counts: usize,
    /// Where the states of the slicings begin
    states: usize,
}

/// Checks a document as a whole, which is a resource.
pub(super) fn check_document<'d>(
    schemas: &Schemas,
    root: Node<'d>,
    request: Request<'d>,
) -> (Findings, Vec<OpenQuestion>) {
    let mut walk = Walk::new(schemas, CheckContext::new(schemas.registry(), schemas, root, request));
    walk.document(root);
    (walk.context.findings, walk.context.questions)
}

impl Walker for Schemas {
    fn walk<'c, 'd>(&'c self, context: CheckContext<'c, 'd>, node: Node<'d>, schema: SchemaRef) -> Findings {
        let mut walk = Walk::new(self, context);
        walk.with_invariants(node, schema);
        walk.context.findings
    }
}

impl<'c, 'd> Walk<'c, 'd> {
    fn new(schemas: &'c Schemas, context: CheckContext<'c, 'd>) -> Self {
        Self {
            schemas,
            context,
            element_counts: Vec::new(),
            slice_counts: Vec::new(),
            slicing_states: Vec::new(),
            pending: Vec::new(),
            variant_key: Vec::new(),
        }
    }

    fn document(&mut self, node: Node<'d>) {
        let Some(mut schema) = resource_type::schema(node, &mut self.context) else { return };
        for profile in self.context.request.profiles {
            schema = claimed_profiles::add(node, schema, profile, &mut self.context);
        }
        self.resource(node, schema);
    }

    /// A resource that stands for itself: an entry of a bundle, a parameter.
    fn resource(&mut self, node: Node<'d>, schema: SchemaRef) {
        let schema = claimed_profiles::add_claimed(node, schema, &mut self.context);
        let is_bundle = node.get("resourceType").is_some_and(|kind| kind.is_str("Bundle"));
        let inner = self.context.scope.inside(node, is_bundle.then(|| Rc::new(BundleEntries::of(node))));
        let outer = std::mem::replace(&mut self.context.scope, inner);
        self.with_invariants(node, schema);
        self.context.scope = outer;
    }

    /// A resource inside another: references lead from it as they do from its container.
    fn contained(&mut self, node: Node<'d>, schema: SchemaRef) {
        let schema = claimed_profiles::add_claimed(node, schema, &mut self.context);
        self.with_invariants(node, schema);
    }

    /// A resource, or a value by itself, and the invariants of everything in it, which are about `%resource`.
    fn with_invariants(&mut self, node: Node<'d>, schema: SchemaRef) {
        let before = self.pending.len();
        self.object(node, schema, "");
        let pending = self.pending.split_off(before);
        invariant::run(node, &pending, &mut self.context);
    }

    /// An object and everything inside; `element` is where it stands.
    fn object(&mut self, node: Node<'d>, schema: SchemaRef, element: &'c str) {
        let Some(schema) = self.schemas.get(schema) else { return };
        yielding::count(20);
        self.context.trail.push(OpenObject { schema: &schema.name, element, is_resource: schema.is_resource });
        let start = CountsStart { elements: self.element_counts.len(), slices: self.slice_counts.len() };
        self.element_counts.resize(start.elements + schema.elements.len(), ElementCount::default());
        self.slice_counts.resize(start.slices + schema.slices as usize, SliceCount::default());
        let mut is_empty = true;
        for member in node.members() {
            is_empty = false;
            let name = member.name();
            if let Some(position) = schema.names.get(name) {
                self.member(node, member, schema, &schema.members[position], start);
            } else if !(schema.is_resource && name == "resourceType") {
                unknown_element::report(member, schema, &mut self.context);
            }
        }
        if is_empty {
            empty::object(node, &mut self.context);
        } else {
            self.counts(node, schema, start);
        }
        self.element_counts.truncate(start.elements);
        self.slice_counts.truncate(start.slices);
        self.rules(node, &schema.rules);
        self.queue_invariants(node, None, &schema.invariants);
        self.context.trail.pop();
    }

    /// Looks at how often the elements and slices of an object were met, once all its members were.
    fn counts(&mut self, node: Node<'d>, schema: &'c Schema, start: CountsStart) {
        let elements = &self.element_counts[start.elements..];
        cardinality::check(node, schema, elements, &mut self.context);
        slicing::check_counts(node, schema, &self.slice_counts[start.slices..], elements, &mut self.context);
        if self.context.request.must_support {
            cardinality::check_must_support(node, schema, elements, &mut self.context);
        }
    }

    fn member(&mut self, parent: Node<'d>, node: Node<'d>, schema: &'c Schema, member: &'c Member, start: CountsStart) {
        let position = usize::from(member.element);
        let element = &schema.elements[position];
        let value = &element.values[usize::from(member.value)];
        let at = start.elements + position;
        if element.values.len() > 1 && !choice::is_only(member.value, &mut self.element_counts[at]) {
            choice::report(node, element, &mut self.context);
        }
        if let Some(origin) = value.refused.as_ref().filter(|_| !member.is_sibling) {
            choice::report_refused(node, element, origin, &mut self.context);
        }
        let count = if member.is_sibling {
            self.sibling(parent, node, &member.name, element, value)
        } else {
            let before = self.slicing_states.len();
            self.slicing_states.resize(before + element.slicings.len(), SlicingState::default());
            let counters = (!element.slicings.is_empty()).then_some(SliceCounters {
                position: member.value,
                counts: start.slices,
                states: before,
            });
            let count = self.values(parent, node, element, value, counters);
            self.slicing_states.truncate(before);
            count
        };
        let known = &mut self.element_counts[at];
        known.count = known.count.max(count);
    }

    /// The value or values of an element; says how many there were.
    fn values(
        &mut self,
        parent: Node<'d>,
        node: Node<'d>,
        element: &'c ElementSchema,
        value: &'c ValueSchema,
        counters: Option<SliceCounters>,
    ) -> u32 {
        if node.kind() != Kind::Array {
            if element.is_list {
                json_kind::not_an_array(node, value, &mut self.context);
            }
            let value = self.slice(node, element, value, counters);
            self.value(node, element, value);
            self.queue_invariants(node, Some(parent), &value.invariants);
            return 1;
        }
        if !element.is_list {
            json_kind::not_one_value(node, value, &mut self.context);
        }
        let mut count = 0;
        let mut siblings = None;
        for item in node.items() {
            if item.kind() == Kind::Null && element.is_list {
                let siblings = siblings.get_or_insert_with(|| sibling::Siblings::of(parent, node, value));
                if !siblings.has_content_at(count) {
                    empty::null(item, &mut self.context);
                }
            } else {
                let value = self.slice(item, element, value, counters);
                self.value(item, element, value);
                self.queue_invariants(item, None, &value.invariants);
            }
            count += 1;
        }
        if count == 0 {
            empty::array(node, &mut self.context);
        }
        count
    }

    /// What a value holds, which the slices that it is in may say.
    fn slice(
        &mut self,
        node: Node<'d>,
        element: &'c ElementSchema,
        value: &'c ValueSchema,
        counters: Option<SliceCounters>,
    ) -> &'c ValueSchema {
        let Some(counters) = counters else { return value };
        let mut key = std::mem::take(&mut self.variant_key);
        key.clear();
        key.push(counters.position);
        for (number, slicing) in element.slicings.iter().enumerate() {
            let mut slots = SlicingSlots {
                number: number as u16,
                counts: &mut self.slice_counts[counters.counts + slicing.first as usize..],
                state: &mut self.slicing_states[counters.states + number],
                key: &mut key,
            };
            slicing.sort(&mut slots, node, &value.type_name, &mut self.context);
        }
        let found = if key.len() > 1 {
            element.variants.get(&key, || compile::variant(self.context.registry, element, &key))
        } else {
            value
        };
        self.variant_key = key;
        found
    }

    /// One value of an element.
    fn value(&mut self, node: Node<'d>, element: &'c ElementSchema, value: &'c ValueSchema) {
        match &value.content {
            Content::Primitive { json, .. } => {
                if !json_kind::check_primitive(node, *json, value, &mut self.context) {
                    return;
                }
            }
            Content::Object(schema) | Content::Extension(schema) => {
                if !json_kind::check_object(node, value, &mut self.context) {
                    return;
                }
                let schema = if value.type_name == "Extension" {
                    let is_open = matches!(value.content, Content::Extension(_));
                    extension::schema(node, *schema, is_open, &element.name, &mut self.context)
                } else {
                    *schema
                };
                self.object(node, schema, &element.name);
                if empty::is_only_an_id(node) {
                    empty::only_an_id(node, &mut self.context);
                }
            }
            Content::Resource { is_contained, rules } => {
                let Some(schema) = resource_type::schema(node, &mut self.context) else { return };
                let schema = inner_resource::add(node, schema, rules, &mut self.context);
                if *is_contained { self.contained(node, schema) } else { self.resource(node, schema) }
            }
            Content::Unknown => {
                self.context.report_once(&value.type_name, || {
                    Finding::not_checked(
                        node,
                        format!("the type {} is not at hand; its content is not checked", value.type_name),
                    )
                });
            }
        }
        self.rules(node, &value.rules);
    }

    /// The `_name` beside a primitive; says how many values it speaks of.
    fn sibling(
        &mut self,
        parent: Node<'d>,
        node: Node<'d>,
        name: &str,
        element: &'c ElementSchema,
        value: &ValueSchema,
    ) -> u32 {
        let Content::Primitive { sibling: Some(schema), .. } = value.content else { return 0 };
        match (node.kind(), element.is_list) {
            (Kind::Array, true) => {
                let values = parent.get(name.strip_prefix('_').unwrap_or(name));
                return self.sibling_list(node, values, schema, element, value);
            }
            (Kind::Array, false) => json_kind::not_one_value(node, value, &mut self.context),
            (_, is_list) => {
                if is_list {
                    json_kind::not_an_array(node, value, &mut self.context);
                }
                self.sibling_object(node, schema, &element.name, value);
            }
        }
        1
    }

    fn sibling_list(
        &mut self,
        node: Node<'d>,
        values: Option<Node<'d>>,
        schema: SchemaRef,
        element: &'c ElementSchema,
        value: &ValueSchema,
    ) -> u32 {
        let mut values = values.filter(|values| values.is_array()).map(Node::items);
        let (mut count, mut is_aligned) = (0, true);
        for item in node.items() {
            let beside = values.as_mut().map(Iterator::next);
            is_aligned &= beside != Some(None);
            if item.kind() != Kind::Null {
                self.sibling_object(item, schema, &element.name, value);
            } else if beside.flatten().is_none() {
                // Beside a null value the null is reported there.
                empty::null(item, &mut self.context);
            }
            count += 1;
        }
        if count == 0 {
            empty::array(node, &mut self.context);
        }
        if !is_aligned || values.is_some_and(|mut left| left.next().is_some()) {
            sibling::differs_in_length(node, &mut self.context);
        }
        count
    }

    fn sibling_object(&mut self, node: Node<'d>, schema: SchemaRef, element: &'c str, value: &ValueSchema) {
        if sibling::check_object(node, value, &mut self.context) {
            self.object(node, schema, element);
        }
    }

    fn rules(&mut self, node: Node<'d>, rules: &'c [SourcedRule]) {
        for rule in rules {
            rule.check(node, &mut self.context);
        }
    }

    /// Notes invariants about a value; `parent` is where the sibling of a primitive stands.
    fn queue_invariants(&mut self, node: Node<'d>, parent: Option<Node<'d>>, invariants: &'c [Invariant]) {
        for invariant in invariants {
            if !invariant.holds_without_running(node) {
                self.pending.push(PendingInvariant { invariant, node, parent });
            }
        }
    }
}

//! Goes once through a resource, with the schema that belongs to each object, and lets the rules look at what it passes.

use std::collections::HashSet;
use std::rc::Rc;

use super::bundle_entries::BundleEntries;
use super::conformance_cache::ConformanceCache;
use super::finding::{Finding, OpenQuestion};
use super::findings::Findings;
use super::part::SchemaRef;
use super::questionnaire::Forms;
use super::registry::Registry;
use super::report;
use super::request::Request;
use super::rules::demands;
use super::rules::invariant::{self, Obligation};
use super::rules::{
    Rule, cardinality, choice, claims, empty, extension, json_kind, resource_type, sibling, unknown_element,
};
use super::schema::{Content, ElementSchema, Member, Schema, Stated, ValueSchema};
use super::schemas::Schemas;
use super::scope::Scope;
use super::slicing::{self, Count, Sorted};
use crate::fhir::{Kind, Node};

/// One check under way.
pub(super) struct Walk<'c, 'd> {
    pub(super) schemas: &'c Schemas,
    pub(super) registry: &'c Registry,
    pub(super) request: Request<'d>,
    pub(super) findings: Findings,
    /// What the value sets at hand cannot decide
    pub(super) open: Vec<OpenQuestion>,
    /// Where references lead from here
    pub(super) scope: Scope<'d>,
    /// The objects that are open, the innermost last
    pub(super) trail: Vec<OpenObject<'c>>,
    /// Which resources are known to meet which profiles
    pub(super) known: Rc<ConformanceCache>,
    /// The forms that answers were checked against
    pub(super) forms: Forms<'d>,
    /// The rule that is looking
    stating: Option<&'c Stated>,
    /// What has been said once and needs no saying again
    told: HashSet<String>,
    /// How often the elements of the objects that are open have been met
    seen: Vec<Seen>,
    /// The same of their slices
    slices: Vec<Count>,
    /// How the values of the slicings at hand have stood
    pub(super) sorted: Vec<Sorted>,
    /// Invariants that wait for the end of their resource
    obligations: Vec<Obligation<'c, 'd>>,
    /// The slices of the value at hand
    key: Vec<u16>,
}

/// An object that is open.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenObject<'c> {
    /// What the object is called: `Task.restriction`, `CodeableConcept`
    pub(super) schema: &'c str,
    /// The element that it stands in; "" for a resource
    pub(super) element: &'c str,
    /// A resource begins here
    pub(super) is_resource: bool,
}

/// How often an element has been met in an object.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    pub(super) count: u32,
    /// Which of the types of a choice it was, counted from 1; 0 is none yet
    pub(super) choice: u16,
}

impl<'c, 'd> Walk<'c, 'd> {
    pub(super) fn new(schemas: &'c Schemas, root: Node<'d>, request: Request<'d>) -> Self {
        Self {
            schemas,
            registry: schemas.registry(),
            request,
            findings: Findings::default(),
            open: Vec::new(),
            scope: Scope::new(root),
            trail: Vec::new(),
            known: Rc::default(),
            forms: Forms::default(),
            stating: None,
            told: HashSet::new(),
            seen: Vec::new(),
            slices: Vec::new(),
            sorted: Vec::new(),
            obligations: Vec::new(),
            key: Vec::new(),
        }
    }

    /// Keeps a finding; of the rule that is looking it says what it demands and where it is written.
    pub(super) fn report(&mut self, finding: Finding) {
        let finding = match self.stating {
            Some(stated) => finding.or_from(|| stated.rule.describe(), &stated.origin),
            None => finding,
        };
        self.findings.push(finding);
    }

    /// Keeps a finding that is not worth repeating; `about` says what makes it the same.
    pub(super) fn report_once(&mut self, about: &str, finding: impl FnOnce() -> Finding) {
        if !self.told.contains(about) {
            self.told.insert(about.to_owned());
            let finding = finding();
            self.report(finding);
        }
    }

    /// The document as a whole, which is a resource.
    pub(super) fn root(&mut self, node: Node<'d>) {
        let Some(mut schema) = resource_type::schema(node, self) else { return };
        for profile in self.request.profiles {
            schema = claims::add(node, schema, profile, self);
        }
        self.resource(node, schema);
    }

    /// The resource that a reference leads to, as far as it is at hand.
    pub(super) fn target(&mut self, reference: &str) -> Option<Node<'d>> {
        if let Some(id) = reference.strip_prefix('#') {
            return if id.is_empty() { Some(self.scope.container) } else { self.scope.contained(id) };
        }
        self.scope.entry(reference).or_else(|| self.request.with?.find(reference))
    }

    /// Keeps a question that the value sets at hand cannot answer. Where there is nobody to ask, that is said once.
    pub(super) fn ask(&mut self, open: OpenQuestion) {
        if !self.request.questions {
            self.report_once(&open.value_set, || open.if_unknown);
            return;
        }
        let stated = self.stating;
        let state = |finding: Finding| match stated {
            Some(stated) => finding.or_from(|| stated.rule.describe(), &stated.origin),
            None => finding,
        };
        if self.open.len() < report::MAX_QUESTIONS {
            self.open.push(OpenQuestion { if_not: state(open.if_not), if_unknown: state(open.if_unknown), ..open });
        }
    }

    /// A resource that stands for itself: an entry of a bundle, a parameter.
    fn resource(&mut self, node: Node<'d>, schema: SchemaRef) {
        let schema = claims::claimed(node, schema, self);
        let is_bundle = node.get("resourceType").is_some_and(|kind| kind.is_str("Bundle"));
        let inner = self.scope.inside(node, is_bundle.then(|| Rc::new(BundleEntries::of(node))));
        let outer = std::mem::replace(&mut self.scope, inner);
        self.bounded(node, schema);
        self.scope = outer;
    }

    /// A resource, or a value by itself, and the invariants of everything in it, which are about `%resource`.
    pub(super) fn bounded(&mut self, node: Node<'d>, schema: SchemaRef) {
        let before = self.obligations.len();
        self.object(node, schema, "");
        let due = self.obligations.split_off(before);
        invariant::settle(node, &due, self);
    }

    /// A resource inside another: references lead from it as they do from its container.
    fn contained(&mut self, node: Node<'d>, schema: SchemaRef) {
        let schema = claims::claimed(node, schema, self);
        self.bounded(node, schema);
    }

    /// An object and everything inside; `element` is where it stands.
    pub(super) fn object(&mut self, node: Node<'d>, schema: SchemaRef, element: &'c str) {
        let Some(schema) = self.schemas.get(schema) else { return };
        self.trail.push(OpenObject { schema: &schema.name, element, is_resource: schema.is_resource });
        let (base, slices) = (self.seen.len(), self.slices.len());
        self.seen.resize(base + schema.elements.len(), Seen::default());
        self.slices.resize(slices + schema.slices as usize, Count::default());
        let mut is_empty = true;
        for member in node.members() {
            is_empty = false;
            let name = member.name();
            if let Some(position) = schema.names.get(name) {
                self.member(node, member, schema, &schema.members[position], base, slices);
            } else if !(schema.is_resource && name == "resourceType") {
                unknown_element::report(member, schema, self);
            }
        }
        if is_empty {
            empty::object(node, self);
        } else {
            cardinality::check(node, schema, base, self);
            slicing::check(node, schema, slices, base, self);
            if self.request.must_support {
                cardinality::supported(node, schema, base, self);
            }
        }
        self.seen.truncate(base);
        self.slices.truncate(slices);
        self.rules(node, &schema.rules);
        self.oblige(node, None, &schema.invariants);
        self.trail.pop();
    }

    /// How often the element at this position of the open object was met.
    pub(super) fn seen(&self, position: usize) -> Seen {
        self.seen.get(position).copied().unwrap_or_default()
    }

    /// The count of a slice of an object that is open.
    pub(super) fn slice_count(&mut self, position: usize) -> &mut Count {
        if self.slices.len() <= position {
            self.slices.resize(position + 1, Count::default());
        }
        &mut self.slices[position]
    }

    fn member(
        &mut self,
        parent: Node<'d>,
        node: Node<'d>,
        schema: &'c Schema,
        member: &'c Member,
        base: usize,
        slices: usize,
    ) {
        let position = usize::from(member.element);
        let element = &schema.elements[position];
        let value = &element.values[usize::from(member.value)];
        if element.values.len() > 1 && !choice::is_only(member.value, &mut self.seen[base + position]) {
            choice::report(node, element, self);
        }
        if let Some(origin) = value.refused.as_ref().filter(|_| !member.is_sibling) {
            choice::refused(node, element, origin, self);
        }
        let count = if member.is_sibling {
            sibling::check(parent, node, &member.name, element, value, self)
        } else {
            let before = self.sorted.len();
            self.sorted.resize(before + element.slicings.len(), Sorted::default());
            let sorter =
                (!element.slicings.is_empty()).then_some(Sorter { position: member.value, slices, states: before });
            let count = self.values(parent, node, element, value, sorter);
            self.sorted.truncate(before);
            count
        };
        let seen = &mut self.seen[base + position];
        seen.count = seen.count.max(count);
    }

    /// The value or values of an element; says how many there were.
    fn values(
        &mut self,
        parent: Node<'d>,
        node: Node<'d>,
        element: &'c ElementSchema,
        value: &'c ValueSchema,
        sorter: Option<Sorter>,
    ) -> u32 {
        if node.kind() != Kind::Array {
            if element.is_list {
                json_kind::not_an_array(node, value, self);
            }
            let value = self.sorted(node, element, value, sorter);
            self.value(node, element, value);
            self.oblige(node, Some(parent), &value.invariants);
            return 1;
        }
        if !element.is_list {
            json_kind::not_one_value(node, value, self);
        }
        let mut count = 0;
        let mut partner = None;
        for item in node.items() {
            if item.kind() == Kind::Null && element.is_list {
                let partner = partner.get_or_insert_with(|| sibling::Partner::of(parent, node, value));
                if !partner.has_content_at(count) {
                    empty::null(item, self);
                }
            } else {
                let value = self.sorted(item, element, value, sorter);
                self.value(item, element, value);
                self.oblige(item, None, &value.invariants);
            }
            count += 1;
        }
        if count == 0 {
            empty::array(node, self);
        }
        count
    }

    /// What a value holds, which slices may say.
    fn sorted(
        &mut self,
        node: Node<'d>,
        element: &'c ElementSchema,
        value: &'c ValueSchema,
        sorter: Option<Sorter>,
    ) -> &'c ValueSchema {
        let Some(sorter) = sorter else { return value };
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        key.push(sorter.position);
        for (number, slicing) in element.slicings.iter().enumerate() {
            let place =
                slicing::SourcePosition { number: number as u16, counts: sorter.slices, state: sorter.states + number };
            slicing.sort(&place, node, &value.type_name, &mut key, self);
        }
        let found = if key.len() > 1 {
            element.variants.get(&key, || slicing::variant(self.registry, element, &key))
        } else {
            value
        };
        self.key = key;
        found
    }

    /// One value of an element.
    fn value(&mut self, node: Node<'d>, element: &'c ElementSchema, value: &'c ValueSchema) {
        match &value.content {
            Content::Primitive { json, .. } => {
                if !json_kind::is_primitive(node, *json, value, self) {
                    return;
                }
            }
            Content::Object(schema) | Content::Extension(schema) => {
                if !json_kind::is_object(node, value, self) {
                    return;
                }
                let schema = if value.type_name == "Extension" {
                    let is_open = matches!(value.content, Content::Extension(_));
                    extension::schema(node, *schema, is_open, &element.name, self)
                } else {
                    *schema
                };
                self.object(node, schema, &element.name);
                if empty::is_only_an_id(node) {
                    empty::only_an_id(node, self);
                }
            }
            Content::Resource { is_contained, demands } => {
                let Some(schema) = resource_type::schema(node, self) else { return };
                let schema = demands::add(node, schema, demands, self);
                if *is_contained { self.contained(node, schema) } else { self.resource(node, schema) }
            }
            Content::Unknown => {
                self.report_once(&value.type_name, || {
                    Finding::not_checked(
                        node,
                        format!("the type {} is not at hand; its content is not checked", value.type_name),
                    )
                });
            }
        }
        self.rules(node, &value.rules);
    }

    fn rules(&mut self, node: Node<'d>, rules: &'c [Stated]) {
        for stated in rules {
            self.stating = Some(stated);
            stated.rule.check(node, self);
        }
        self.stating = None;
    }

    /// Notes invariants about a value; `parent` is where the sibling of a primitive stands.
    pub(super) fn oblige(&mut self, node: Node<'d>, parent: Option<Node<'d>>, invariants: &'c [Stated]) {
        for stated in invariants {
            if let Rule::Invariant(invariant) = &stated.rule
                && invariant.holds_at_sight(node)
            {
                continue;
            }
            self.obligations.push(Obligation { stated, node, parent });
        }
    }
}

/// What sorting the values of an element into slices takes.
#[derive(Clone, Copy)]
struct Sorter {
    /// Position of the type among those of the element
    position: u16,
    /// Where the counts of the object's slices begin
    slices: usize,
    /// Where the states of the slicings begin
    states: usize,
}

//! Goes once through a resource, with the schema that belongs to each object, and lets the rules look at what it passes.

use std::collections::{HashMap, HashSet};

use super::checker::Request;
use super::findings::{Finding, Findings};
use super::questionnaire::Forms;
use super::rules::bundle::Entries;
use super::rules::{cardinality, choice, empty, json_kind, resource_type, sibling, unknown_element};
use super::schema::{Content, ElementSchema, Member, Schema, SchemaRef, ValueSchema};
use super::schemas::Schemas;
use crate::fhir::{Kind, Node};

/// One check under way.
pub(super) struct Walk<'c, 'd> {
    pub(super) schemas: &'c Schemas,
    pub(super) request: Request<'d>,
    pub(super) findings: Findings,
    /// Where references lead from here
    pub(super) scope: Scope<'d>,
    /// The forms that answers were checked against
    pub(super) forms: Forms<'d>,
    /// What has been said once and needs no saying again
    told: HashSet<String>,
    /// How often the elements of the objects that are open have been met
    seen: Vec<Seen>,
}

/// Where references lead.
#[derive(Clone)]
pub(super) struct Scope<'d> {
    /// The resource that holds the contained ones: `#` leads to it
    pub(super) container: Node<'d>,
    /// The contained resources by id, once they were needed
    contained: Option<HashMap<String, Node<'d>>>,
    /// The bundle around it, if there is one
    pub(super) bundle: Option<std::rc::Rc<Entries<'d>>>,
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
        let scope = Scope { container: root, contained: None, bundle: None };
        Self {
            schemas,
            request,
            findings: Findings::default(),
            scope,
            forms: Forms::default(),
            told: HashSet::new(),
            seen: Vec::new(),
        }
    }

    /// Keeps a finding.
    pub(super) fn report(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Keeps a finding that is not worth repeating; `about` says what makes it the same.
    pub(super) fn report_once(&mut self, about: &str, finding: impl FnOnce() -> Finding) {
        if !self.told.contains(about) {
            self.told.insert(about.to_owned());
            self.findings.push(finding());
        }
    }

    /// A resource that stands for itself: the root, an entry of a bundle, a parameter.
    pub(super) fn resource(&mut self, node: Node<'d>) {
        let Some(schema) = resource_type::schema(node, self) else { return };
        let bundle = if node.get("resourceType").is_some_and(|kind| kind.is_str("Bundle")) {
            Some(std::rc::Rc::new(Entries::of(node)))
        } else {
            self.scope.bundle.clone()
        };
        let outer = std::mem::replace(&mut self.scope, Scope { container: node, contained: None, bundle });
        self.object(node, schema);
        self.scope = outer;
    }

    /// A resource inside another: references lead from it as they do from its container.
    pub(super) fn contained(&mut self, node: Node<'d>) {
        if let Some(schema) = resource_type::schema(node, self) {
            self.object(node, schema);
        }
    }

    /// An object and everything inside.
    pub(super) fn object(&mut self, node: Node<'d>, schema: SchemaRef) {
        let Some(schema) = self.schemas.get(schema) else { return };
        let base = self.seen.len();
        self.seen.resize(base + schema.elements.len(), Seen::default());
        let mut is_empty = true;
        for member in node.members() {
            is_empty = false;
            let name = member.name();
            if let Some(position) = schema.names.get(name) {
                self.member(node, member, schema, &schema.members[position], base);
            } else if !(schema.is_resource && name == "resourceType") {
                unknown_element::report(member, schema, self);
            }
        }
        if is_empty {
            empty::object(node, self);
        } else {
            cardinality::check(node, schema, base, self);
        }
        self.seen.truncate(base);
        for rule in &schema.rules {
            rule.check(node, self);
        }
    }

    /// How often the element at this position of the open object was met.
    pub(super) fn seen(&self, position: usize) -> Seen {
        self.seen.get(position).copied().unwrap_or_default()
    }

    fn member(&mut self, parent: Node<'d>, node: Node<'d>, schema: &'c Schema, member: &'c Member, base: usize) {
        let position = usize::from(member.element);
        let element = &schema.elements[position];
        let value = &element.values[usize::from(member.value)];
        if element.values.len() > 1 && !choice::is_only(member.value, &mut self.seen[base + position]) {
            choice::report(node, element, self);
        }
        let count = if member.is_sibling {
            sibling::check(parent, node, &member.name, element, value, self)
        } else {
            self.values(parent, node, element, value)
        };
        let seen = &mut self.seen[base + position];
        seen.count = seen.count.max(count);
    }

    /// The value or values of an element; says how many there were.
    fn values(&mut self, parent: Node<'d>, node: Node<'d>, element: &ElementSchema, value: &'c ValueSchema) -> u32 {
        if node.kind() != Kind::Array {
            if element.is_list {
                json_kind::not_an_array(node, value, self);
            }
            self.value(node, value);
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
                self.value(item, value);
            }
            count += 1;
        }
        if count == 0 {
            empty::array(node, self);
        }
        count
    }

    /// One value of an element.
    pub(super) fn value(&mut self, node: Node<'d>, value: &'c ValueSchema) {
        match &value.content {
            Content::Primitive { json, .. } => {
                if !json_kind::is_primitive(node, *json, value, self) {
                    return;
                }
            }
            Content::Object(schema) => {
                if !json_kind::is_object(node, value, self) {
                    return;
                }
                self.object(node, *schema);
                if empty::is_only_an_id(node) {
                    empty::only_an_id(node, self);
                }
            }
            Content::Resource { is_contained: true } => self.contained(node),
            Content::Resource { is_contained: false } => self.resource(node),
            Content::Unknown => {
                self.report_once(&value.type_name, || {
                    Finding::not_checked(
                        node,
                        format!("the type {} is not at hand; its content is not checked", value.type_name),
                    )
                });
            }
        }
        for rule in &value.rules {
            rule.check(node, self);
        }
    }
}

impl<'d> Scope<'d> {
    /// The contained resource with this id.
    pub(super) fn contained(&mut self, id: &str) -> Option<Node<'d>> {
        let resources = self.container.list("contained");
        let by_id = self.contained.get_or_insert_with(|| {
            resources.filter_map(|resource| Some((resource.str("id")?.into_owned(), resource))).collect()
        });
        by_id.get(id).copied()
    }
}

//! The resources: where each node is written, how it comes into being, is linked, completed, and written out.

use serde_json::{Map as Object, Value, json};

use super::super::draft::{Draft, View};
use super::super::fidelity::{FieldOutcome, ValueOrigin};
use super::super::graph_update::{Change, Created, GraphUpdate};
use super::super::locate::{find, find_all};
use super::super::model::{End, Expected, FillValue, Find, NodeRule};
use super::super::node_search::Target;
use super::super::path::Path;
use super::writer::{Mode, NewResource, WriteTarget, Writer};
use crate::fhir::{Document, Node, primitive};
use crate::record::{same_in_any_order, same_value};

/// What is filled in.
enum ResolvedFill<'g, 'm> {
    /// What stands somewhere else
    Source(Node<'g>),
    /// What the map says
    Value(&'m Value),
    /// A reference to this
    Reference(String),
    /// What was made for it
    Built(Value),
}

impl<'g, 'r> Writer<'g, '_, 'r> {
    // === found, created, removed

    /// Finds single nodes in the graph.
    pub(super) fn find(&mut self, singles: &[usize]) {
        self.reader.find(singles);
        for &node in singles {
            // A node that is found through one that is new or gone is not there.
            let found = self.reader.found.targets[node].is_some();
            self.write_targets[node] = if found { WriteTarget::Found } else { WriteTarget::Absent };
            self.touched[node] = false;
        }
    }

    /// Creates everything that the record has something for, where there is no graph yet.
    pub(super) fn create_singles(&mut self, singles: &[usize]) {
        for &node in singles {
            let rule = &self.reader.search.model.nodes[node];
            if matches!(rule.find, Find::Root) {
                let id = self.chosen_id(rule);
                self.write_targets[node] = self.create(node, id);
            } else {
                self.write_target(node);
            }
        }
    }

    /// Removes single nodes that the record has nothing for any more.
    pub(super) fn remove_singles(&mut self, singles: &[usize]) {
        for &node in singles {
            let rule = &self.reader.search.model.nodes[node];
            let Some(target) = self.reader.found.targets[node] else { continue };
            let removable = rule.is_creatable() && !rule.removal.is_empty() && rule.owner.read_only().is_none();
            if removable && !self.has_content(rule) && self.is_shown(rule, target) {
                self.remove(node, target);
                self.write_targets[node] = WriteTarget::Removed;
            }
        }
    }

    /// Does the record show anything of this node? What stands there and says nothing that a record could hold (a
    /// quantity without a value) was never shown, so that nobody took it out of the record.
    fn is_shown(&self, rule: &NodeRule, target: Target<'g>) -> bool {
        let model = self.reader.search.model;
        rule.shown.iter().map(|field| &model.fields[*field]).any(|field| {
            (0..field.members.len()).any(|which| {
                let (read, raw) = self.reader.read(field, which);
                read.value.is_some() && raw.target.is_some_and(|shown| shown.node == target.node)
            })
        })
    }

    /// Where a node is written; it is created if the record has something for it.
    pub(super) fn write_target(&mut self, node: usize) -> Option<WriteTarget> {
        match self.write_targets[node] {
            WriteTarget::Removed => None,
            WriteTarget::Absent => {
                let rule = &self.reader.search.model.nodes[node];
                if !self.has_content(rule) {
                    return None;
                }
                let id = self.chosen_id(rule);
                self.write_targets[node] = self.create(node, id);
                Some(self.write_targets[node])
            }
            write_target => Some(write_target),
        }
    }

    /// Has the record something where the node is created?
    pub(super) fn has_content(&self, rule: &NodeRule) -> bool {
        let Some(given) = self.given(rule.scope) else { return false };
        rule.create.iter().any(|path| {
            let mut value = None;
            let mut within = Some(given);
            for name in path {
                value = within.and_then(|object| object.get(&**name));
                within = value.and_then(Value::as_object);
            }
            match value {
                None | Some(Value::Null) => false,
                Some(Value::Object(members)) => !members.is_empty(),
                Some(Value::Array(items)) => !items.is_empty(),
                Some(_) => true,
            }
        })
    }

    /// The record, or the item at hand of a list.
    fn given(&self, scope: Option<usize>) -> Option<&'r Object<String, Value>> {
        self.scopes.iter().rev().find(|(list, _)| *list == scope).map(|(_, given)| *given)
    }

    /// The id of a new resource: what the record says where there is no graph yet, else one from the caller.
    fn chosen_id(&mut self, rule: &NodeRule) -> String {
        let chosen = self.given(rule.scope).zip(rule.identity.as_deref()).and_then(|(given, path)| {
            let (last, within) = path.split_last()?;
            let object = within.iter().try_fold(given, |object, name| object.get(&**name)?.as_object())?;
            object.get(&**last)?.as_str()
        });
        match chosen {
            Some(id) if self.mode == Mode::Create && primitive::is_id(id) => id.to_owned(),
            _ => (self.ids)(),
        }
    }

    /// Brings a resource into being, with what tells it apart and the links to it.
    pub(super) fn create(&mut self, node: usize, id: String) -> WriteTarget {
        let rule = &self.reader.search.model.nodes[node];
        let kind: Box<str> = rule.resource.as_deref().unwrap_or_default().into();
        // What two lists of a record name by one id is one resource: a condition that is the reason and a need.
        let before = self.created.iter().position(|new| new.kind == kind && new.id == id);
        let write_target = WriteTarget::Created(before.unwrap_or_else(|| {
            let draft = Draft::new(&json!({ "resourceType": &*kind, "id": id }));
            self.created.push(NewResource { kind, id, draft });
            self.created.len() - 1
        }));
        self.write_targets[node] = write_target;
        self.touched[node] = true;
        for test in &rule.tests {
            match &test.is {
                Expected::Value(value) => {
                    if let Some(draft) = self.draft(node, write_target) {
                        draft.ensure(&test.path.steps).set(value);
                    }
                }
                Expected::Node(other) => self.refer(node, &test.path, *other),
            }
        }
        for (path, value) in &rule.ours {
            if let Some(draft) = self.draft(node, write_target) {
                draft.ensure(&path.steps).set(value);
            }
        }
        // The first reference that is the program's to write.
        let at = match &rule.find {
            Find::At(ends) => {
                let own = |end: &&End| self.mode == Mode::Create || !self.is_foreign_node(end.node);
                ends.iter().find(own).or(ends.first())
            }
            _ => None,
        };
        for end in at.into_iter().chain(&rule.listed) {
            self.link(end, node);
        }
        write_target
    }

    /// Lets `from` reference `to`.
    fn refer(&mut self, from: usize, path: &Path, to: usize) {
        let (Some(url), Some(write_target)) = (self.url(to), self.write_target(from)) else { return };
        if let Some(draft) = self.draft(from, write_target) {
            draft.append(&path.steps).set_reference(&url);
        }
    }

    /// Lets the node of `end` reference `to`.
    pub(super) fn link(&mut self, end: &End, to: usize) {
        self.touched[end.node] = true;
        self.refer(end.node, &end.path, to);
    }

    /// How other resources name a node's resource.
    fn url(&mut self, node: usize) -> Option<String> {
        match self.write_target(node)? {
            WriteTarget::Found => self.reader.found.targets[node].map(|target| target.url()),
            WriteTarget::Created(at) => Some(format!("{}/{}", self.created[at].kind, self.created[at].id)),
            _ => None,
        }
    }

    /// A place in a node, for people.
    pub(super) fn origin(&self, node: usize, path: &str) -> Option<ValueOrigin> {
        let rule = &self.reader.search.model.nodes[node];
        let path = format!("{}.{path}", rule.start);
        match self.write_targets[node] {
            WriteTarget::Found => self.reader.found.targets[node].map(|target| ValueOrigin {
                resource: target.resource.url.clone(),
                version: target.resource.version,
                path,
            }),
            WriteTarget::Created(at) => {
                let new = &self.created[at];
                Some(ValueOrigin { resource: format!("{}/{}", new.kind, new.id), version: 0, path })
            }
            // An item that is being made: its resource is that of the list.
            _ => Some(ValueOrigin { resource: String::new(), version: 0, path }),
        }
    }

    /// Makes a resource as good as removed, and takes it out of where it is listed.
    pub(super) fn remove(&mut self, node: usize, target: Target<'g>) {
        let rule = &self.reader.search.model.nodes[node];
        let before = self.reader.set_target(node, Some(target));
        for (path, value) in &rule.removal {
            if let Some(draft) = self.draft(node, WriteTarget::Found) {
                draft.ensure(&path.steps).set(value);
            }
        }
        let links: Vec<&End> = match &rule.find {
            Find::At(ends) => ends.iter().chain(&rule.listed).collect(),
            _ => rule.listed.iter().collect(),
        };
        for end in links {
            let Some(WriteTarget::Found) = self.write_target(end.node) else { continue };
            let search = self.reader.search;
            let points = |view: View<'_, 'g>| match view {
                View::Source(reference) => search.points_at(reference, &target),
                View::Draft(_) => false,
            };
            let host = self.reader.found.targets[end.node];
            let is_linked = host.is_some_and(|host| {
                let mut points = false;
                find_all(host.node, &end.path.steps, &mut |reference| points |= search.points_at(reference, &target));
                points
            });
            if !is_linked {
                continue;
            }
            if self.mode == Mode::Update && self.is_foreign_node(end.node) {
                self.read_only(
                    "has an item that comes from whoever sent the referral",
                    "leave the item as it was; it cannot be removed here",
                );
                continue;
            }
            self.touched[end.node] = true;
            if let Some(draft) = self.draft(end.node, WriteTarget::Found) {
                draft.erase_where(&end.path.steps, &points);
            }
        }
        self.reader.set_target(node, before);
    }

    // === drafts

    /// The draft of what a node is.
    pub(super) fn draft(&mut self, node: usize, write_target: WriteTarget) -> Option<&mut Draft<'g>> {
        match write_target {
            WriteTarget::Created(at) => Some(&mut self.created[at].draft),
            WriteTarget::Pending(at) => self.pending[at].as_mut(),
            WriteTarget::Found => {
                let target = self.reader.found.targets[node]?;
                if self.must_copy_first(node, &target) {
                    return None;
                }
                let slot = self.drafts.get_mut(target.position?)?;
                slot.get_or_insert_with(|| Draft::of(target.resource.node())).descend(target.node)
            }
            WriteTarget::Absent | WriteTarget::Removed => None,
        }
    }

    /// Gives what was created or changed everything that it has to have.
    pub(super) fn fill(&mut self, nodes: &[usize]) {
        for &node in nodes {
            let write_target = self.write_targets[node];
            let is_new = matches!(write_target, WriteTarget::Created(_) | WriteTarget::Pending(_));
            if !(is_new || self.touched[node] && write_target == WriteTarget::Found) {
                continue;
            }
            for fill in &self.reader.search.model.nodes[node].fills {
                let is_there = |draft: &mut Draft<'g>| match &*fill.shown {
                    [] => draft.has(&fill.path.steps),
                    shown => shown.iter().any(|path| draft.has(&path.steps)),
                };
                let is_wanted = |draft: &mut Draft<'g>| {
                    !is_there(draft) && fill.only_in.as_ref().is_none_or(|around| draft.has(&around.steps))
                };
                if !self.draft(node, write_target).is_some_and(is_wanted) {
                    continue;
                }
                // What somebody else left out stays out; what this change took away does not.
                let was_there =
                    self.reader.found.targets[node].is_some_and(|target| find(target.node, &fill.path.steps).is_some());
                if !is_new && !was_there {
                    continue;
                }
                let value = match &fill.with {
                    FillValue::Value(value) => Some(ResolvedFill::Value(value)),
                    FillValue::Node(other) => self.url(*other).map(ResolvedFill::Reference),
                    FillValue::Copy(end) => self.copied(end),
                };
                if let (Some(value), Some(draft)) = (value, self.draft(node, write_target)) {
                    let element = draft.ensure(&fill.path.steps);
                    match value {
                        ResolvedFill::Source(node) if is_new => element.set_node(node),
                        ResolvedFill::Source(node) => element.set(&node.to_value()),
                        ResolvedFill::Value(value) => element.set(value),
                        ResolvedFill::Reference(url) => element.set_reference(&url),
                        ResolvedFill::Built(value) => element.set(&value),
                    }
                    self.row_at(node, &fill.path.text, "new", FieldOutcome::Defaulted);
                }
            }
        }
    }

    /// What stands at a place, as this change leaves it.
    fn copied(&mut self, end: &End) -> Option<ResolvedFill<'g, 'static>> {
        let write_target = self.write_targets[end.node];
        if write_target == WriteTarget::Found {
            let target = self.reader.found.targets[end.node]?;
            let is_changed = target.position.and_then(|at| self.drafts.get(at)).is_some_and(Option::is_some);
            if !is_changed {
                return find(target.node, &end.path.steps).map(ResolvedFill::Source);
            }
        }
        match find(self.draft(end.node, write_target)?.view(), &end.path.steps)? {
            View::Source(node) => Some(ResolvedFill::Source(node)),
            View::Draft(draft) => Document::value_of(&draft.finish()).ok().map(ResolvedFill::Built),
        }
    }

    /// What changed, as text.
    pub(super) fn finish(self, kept: Value, extras: &Value) -> GraphUpdate {
        let mut changes = Vec::new();
        for (resource, draft) in self.reader.search.graph.resources().iter().zip(&self.drafts) {
            let Some(draft) = draft else { continue };
            let json = draft.finish();
            let is_same = json == resource.node().text()
                || (draft.count() == resource.node().count()
                    && Document::value_of(&json)
                        .is_ok_and(|value| same_in_any_order(&value, &resource.node().to_value())));
            if !is_same {
                changes.push(Change { url: resource.url.clone(), version: resource.version, json });
            }
        }
        let created = self
            .created
            .into_iter()
            .map(|new| Created { kind: new.kind.into(), json: new.draft.finish(), id: new.id })
            .collect();
        GraphUpdate {
            changes,
            created,
            extras_changed: !same_value(&kept, extras),
            extras: kept,
            issues: self.notes,
            fidelity: self.fidelity,
        }
    }
}

impl<'g> View<'_, 'g> {
    /// Is it this value of the source, changed or not?
    pub(super) fn is_from(self, node: Node<'g>) -> bool {
        match self {
            Self::Source(own) => own == node,
            Self::Draft(draft) => draft.is_from(node),
        }
    }
}

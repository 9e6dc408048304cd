//! The items of a list: matched by key, never by position. Added, changed and removed ones are told apart; the order
//! of what was there stays.

use serde_json::{Map as Object, Value};

use crate::fhir::{Node, primitive};

use super::super::converter::{RecordValue, same_optional};
use super::super::draft::Draft;
use super::super::fidelity::FieldOutcome;
use super::super::get::PathSegment;
use super::super::model::{Find, Member, NodeRule, RecordList, Shape, Source};
use super::super::node_search::Target;
use super::writer::{Extras, Mode, WriteTarget, Writer};

/// An item of the graph, what tells it apart, and what is kept beside it.
struct KnownItem<'g, 'k, 'e> {
    target: Target<'g>,
    /// What the map reads of it
    slots: Box<[Option<Node<'g>>]>,
    key: Vec<Option<RecordValue<'k>>>,
    kept: Option<&'e Extras>,
    /// Does the record have it?
    matched: bool,
}

impl<'g, 'm, 'r> Writer<'g, 'm, 'r> {
    /// Compares and writes a list; gives what is kept beside its items.
    pub(super) fn list(
        &mut self,
        node: usize,
        item: &'m [Member],
        given: Option<&'r Vec<Value>>,
        old: Option<&Vec<Value>>,
    ) -> Vec<Value> {
        let model = self.reader.search.model;
        let rule = &model.nodes[node];
        let Some(each) = &rule.each else { return Vec::new() };
        let is_ours = self.host(node) != node && self.is_ours(node);
        let read_only = rule.owner.read_only().filter(|_| self.mode == Mode::Update && !is_ours);
        let mut used = vec![false; old.map_or(0, Vec::len)];
        let mut known = self.known_items(node, item, each, old, &mut used);
        // What is kept for items that the graph no longer has is kept on, for when they come back.
        let orphans = old.into_iter().flatten().zip(&used).filter(|(_, used)| !**used).map(|(entry, _)| entry.clone());
        let mut kept: Vec<Value> = orphans.collect();
        let silent = read_only.is_some() || self.is_left_out(node);
        if (given.is_none() && silent) || (self.mode == Mode::Create && matches!(rule.find, Find::Versions)) {
            return kept;
        }
        for (at, value) in given.into_iter().flatten().enumerate() {
            self.path.push(PathSegment::Item(at));
            match value.as_object() {
                None => self.invalid("expected an object".to_owned()),
                Some(object) => {
                    let key: Vec<Option<&Value>> = each.key.iter().map(|name| object.get(&**name)).collect();
                    let found = each.position(&known, &key).map(|at| &mut known[at]);
                    match (found, read_only) {
                        (Some(known), _) => {
                            known.matched = true;
                            let beside = known.kept;
                            self.reader.found.restore_found(model, node, known.target, &known.slots);
                            kept.extend(self.update_item(node, item, each, object, beside));
                        }
                        (None, Some((what, instead))) if rule.ours.is_empty() => self.read_only(what, instead),
                        (None, _) => kept.extend(self.add_item(node, item, each, object)),
                    }
                }
            }
            self.path.pop();
        }
        for known in known.iter().filter(|known| !known.matched) {
            match read_only.filter(|_| !self.is_item_ours(node, &known.target)) {
                Some((what, instead)) => self.read_only(what, instead),
                None => self.remove_item(node, rule, known.target),
            }
        }
        kept
    }

    /// The items that the graph has.
    fn known_items<'k, 'e>(
        &mut self,
        node: usize,
        item: &'m [Member],
        each: &'m RecordList,
        old: Option<&'e Vec<Value>>,
        used: &mut [bool],
    ) -> Vec<KnownItem<'g, 'k, 'e>>
    where
        'g: 'k,
        'm: 'k,
    {
        let model = self.reader.search.model;
        let mut known = Vec::new();
        if !self.is_found(&model.nodes[node]) {
            return known;
        }
        for target in self.reader.search.find_items(&model.nodes[node], &self.reader.found) {
            self.reader.set_target(node, Some(target));
            if !each.key_is_own {
                self.reader.find(&each.singles);
            }
            let kept = self.reader.kept_item(item, each, old, used);
            let key = self.reader.key(item, &each.key);
            let slots = self.reader.found.save_found(model, node);
            known.push(KnownItem { target, slots, key, kept, matched: false });
        }
        self.leave_item(node, each);
        known
    }

    /// Is what the list is found in part of the graph, rather than being made or removed?
    fn is_found(&self, rule: &NodeRule) -> bool {
        match &rule.find {
            Find::Items(end) => matches!(self.write_targets[end.node], WriteTarget::Found),
            Find::At(ends) => ends.iter().any(|end| matches!(self.write_targets[end.node], WriteTarget::Found)),
            Find::Search | Find::Versions | Find::Root => true,
        }
    }

    /// An item that both sides have, and that is at hand.
    fn update_item(
        &mut self,
        node: usize,
        item: &'m [Member],
        each: &'m RecordList,
        given: &'r Object<String, Value>,
        old: Option<&Extras>,
    ) -> Option<Value> {
        self.write_targets[node] = WriteTarget::Found;
        self.enter_item(node, each, given);
        let kept = self.object(item, Some(given), old);
        self.fill_item(node, each);
        self.leave_item(node, each);
        if kept.is_empty() {
            return None;
        }
        let key = each.key.iter().map(|name| given.get(&**name).cloned()).collect();
        entry(each, key, kept)
    }

    /// An item that only the record has.
    fn add_item(
        &mut self,
        node: usize,
        item: &'m [Member],
        each: &'m RecordList,
        given: &'r Object<String, Value>,
    ) -> Option<Value> {
        let rule = &self.reader.search.model.nodes[node];
        self.reader.set_target(node, None);
        let write_target = match &rule.find {
            Find::Items(end) => {
                let select = end.path.steps.last().map_or(&[][..], |step| &step.select);
                self.pending.push(Some(Draft::matching(select)));
                WriteTarget::Pending(self.pending.len() - 1)
            }
            _ => {
                let id = self.id_of_new(rule, given)?;
                self.enter_item(node, each, given);
                self.create(node, id)
            }
        };
        self.write_targets[node] = write_target;
        self.enter_item(node, each, given);
        if self.mode == Mode::Create {
            self.create_singles(&each.singles);
        }
        let kept = self.object(item, Some(given), None);
        let mut key: Vec<Option<Value>> = each.key.iter().map(|name| given.get(&**name).cloned()).collect();
        match write_target {
            WriteTarget::Created(at) => {
                let own = rule.identity.as_deref().and_then(<[_]>::last);
                let at_identity = each.key.iter().position(|name| Some(name) == own);
                if let Some(position) = at_identity {
                    key[position] = Some(self.created[at].id.clone().into());
                }
            }
            _ => self.name_item(node, item, each, &mut key),
        }
        self.touched[node] = true;
        self.fill_item(node, each);
        self.insert_item(rule, write_target);
        self.leave_item(node, each);
        entry(each, key, kept)
    }

    /// The id of a resource for a new item: the record chooses one only where there is no graph yet.
    fn id_of_new(&mut self, rule: &NodeRule, given: &Object<String, Value>) -> Option<String> {
        let member = rule.identity.as_deref().and_then(<[_]>::last);
        let chosen = member.and_then(|member| given.get(&**member)).filter(|id| !id.is_null());
        match (chosen, self.mode) {
            (None, _) => Some((self.ids)()),
            (Some(Value::String(id)), Mode::Create) if primitive::is_id(id) => Some(id.clone()),
            (Some(_), Mode::Create) => {
                self.invalid(format!("expected an id, {}", primitive::describe("id")));
                None
            }
            (Some(_), Mode::Update) => {
                self.read_only(
                    "has an id that no item here has",
                    "leave the id out to add an item; use the id of the item to change one",
                );
                None
            }
        }
    }

    /// Gives a new item of a list its key `id`, where the record leaves that to us.
    fn name_item(&mut self, node: usize, item: &'m [Member], each: &RecordList, key: &mut [Option<Value>]) {
        let Some(at) = each.id() else { return };
        let (name, key) = (&each.key[at], &mut key[at]);
        if key.is_some() {
            return;
        }
        let id = Value::String((self.ids)());
        let leaf = item.iter().find(|member| *member.name == **name).map(|member| &member.shape);
        if let Some(Shape::Leaf { field, which: 0, .. }) = leaf {
            let rule = &self.reader.search.model.fields[*field];
            if let Source::Ends { choices, .. } = &rule.source
                && let Some(end) = choices.first().and_then(|ends| ends.first()).filter(|end| end.node == node)
                && let WriteTarget::Pending(at) = self.write_targets[node]
                && let Some(draft) = self.pending[at].as_mut()
            {
                draft.ensure(&end.path.steps).set(&id);
                *key = Some(id);
                self.row_below(name, "", FieldOutcome::Defaulted);
            }
        }
    }

    /// Puts a finished item into the list that it belongs to.
    fn insert_item(&mut self, rule: &'m NodeRule, write_target: WriteTarget) {
        let (WriteTarget::Pending(at), Find::Items(end)) = (write_target, &rule.find) else { return };
        let Some(item) = self.pending[at].take() else { return };
        let Some(host) = self.write_target(end.node) else {
            return self.invalid("FHIR has no place for the item yet".to_owned());
        };
        self.touched[end.node] = true;
        match self.draft(end.node, host) {
            Some(draft) => draft.push(&end.path.steps, item),
            None => self.invalid("the element that it belongs to is replaced by the same change".to_owned()),
        }
    }

    /// An item that only the graph has.
    fn remove_item(&mut self, node: usize, rule: &'m NodeRule, target: Target<'g>) {
        match &rule.find {
            Find::Items(end) => {
                let Some(host) = self.write_target(end.node) else { return };
                self.touched[end.node] = true;
                if let Some(draft) = self.draft(end.node, host) {
                    draft.erase_where(&end.path.steps, &|view| view.is_from(target.node));
                }
            }
            _ => self.remove(node, target),
        }
        self.row("removed", FieldOutcome::Mapped);
    }

    // === in and out of an item

    /// The item at hand has these values.
    fn enter_item(&mut self, node: usize, each: &'m RecordList, given: &'r Object<String, Value>) {
        if self.scopes.last().is_none_or(|(list, _)| *list != Some(node)) {
            self.scopes.push((Some(node), given));
        } else if let Some(scope) = self.scopes.last_mut() {
            scope.1 = given;
        }
        self.touched[node] = false;
        self.find(&each.singles);
        self.remove_singles(&each.singles);
        self.evaluate_conditions(&each.conditional, given);
    }

    /// No item is at hand any more.
    fn leave_item(&mut self, node: usize, each: &RecordList) {
        if self.scopes.last().is_some_and(|(list, _)| *list == Some(node)) {
            self.scopes.pop();
        }
        for &at in each.singles.iter().chain([&node]) {
            self.reader.set_target(at, None);
            self.write_targets[at] = WriteTarget::Absent;
            self.touched[at] = false;
        }
    }

    fn fill_item(&mut self, node: usize, each: &'m RecordList) {
        self.write_deferred(Some(node));
        self.fill(&[node]);
        self.fill(&each.singles);
    }
}

/// What is kept beside an item, under what tells the item apart.
fn entry(each: &RecordList, key: Vec<Option<Value>>, kept: Extras) -> Option<Value> {
    if kept.is_empty() {
        return None;
    }
    let mut entry = Extras::new();
    for (name, value) in each.key.iter().zip(key) {
        if let Some(value) = value {
            entry.insert(name.to_string(), value);
        }
    }
    for (name, value) in kept {
        entry.insert(name, value);
    }
    Some(Value::Object(entry))
}

impl RecordList {
    /// Which of the items of the graph that no other item took is this one of the record? An id tells items apart by
    /// itself; without one, what else the key names does, and an item that has no id either comes first.
    fn position(&self, known: &[KnownItem<'_, '_, '_>], given: &[Option<&Value>]) -> Option<usize> {
        let id = self.id();
        let find =
            |is: &dyn Fn(&KnownItem<'_, '_, '_>) -> bool| known.iter().position(|known| !known.matched && is(known));
        if let Some(given) = id.and_then(|at| given[at]) {
            return find(&|known| id.is_some_and(|at| same_optional(known.key[at].as_ref(), Some(given))));
        }
        let alike = |known: &KnownItem<'_, '_, '_>| {
            let mut members = known.key.iter().zip(given).enumerate().filter(|(at, _)| Some(*at) != id);
            members.all(|(_, (own, given))| same_optional(own.as_ref(), *given))
        };
        let without = find(&|known| id.is_none_or(|at| known.key[at].is_none()) && alike(known));
        let is_told_apart_by_more = self.key.len() > usize::from(id.is_some());
        without.or_else(|| if is_told_apart_by_more { find(&alike) } else { None })
    }
}

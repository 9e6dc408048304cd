//! Changes to a resource as a tree over its document: what is not touched stays as it came, byte for byte.
//!
//! A draft opens only what is changed. Its text is the source with the changed members in their old places, new ones at
//! the end of the object or list that they belong to, and removed ones cut out with one comma. (The splices of
//! [`crate::fhir::edit`] serve single changes that do not touch; here any number of fields may meet in one list.)

use std::borrow::Cow;

use serde_json::Value;

use crate::fhir::{Children, Node};

use super::contained_reference;
use super::json_writer::JsonWriter;
use super::locate::{self, Tree};
use super::path::{Condition, PathStep, Repeats};

/// So many bytes more than before has what changed, mostly.
const EXTRA_CAPACITY: usize = 1024;

/// One value of a resource that may change, with its name where it is a member.
#[derive(Debug)]
pub(super) struct Draft<'g> {
    origin: Option<Node<'g>>,
    name: Cow<'g, str>,
    kind: DraftKind,
    children: Vec<Draft<'g>>,
}

#[derive(Debug, PartialEq, Eq)]
enum DraftKind {
    /// As in the source
    Kept,
    /// A new primitive, as JSON text
    Leaf(String),
    /// The children are members
    Object,
    /// The children are items
    Array,
    /// Removed
    Removed,
}

/// A value of a draft, or of the source below one that was not opened.
#[derive(Clone, Copy)]
pub(super) enum View<'d, 'g> {
    /// Not opened
    Source(Node<'g>),
    /// Opened or new
    Draft(&'d Draft<'g>),
}

// === making ===

impl<'g> Draft<'g> {
    fn with_kind(name: Cow<'g, str>, kind: DraftKind, children: Vec<Draft<'g>>) -> Self {
        Self { origin: None, name, kind, children }
    }

    /// A value as it is.
    pub(super) fn of(node: Node<'g>) -> Self {
        Self { origin: Some(node), ..Self::with_kind(Cow::Borrowed(node.name()), DraftKind::Kept, Vec::new()) }
    }

    /// A new value.
    pub(super) fn new(value: &Value) -> Self {
        let named = |(name, value): (&String, &Value)| Self { name: Cow::Owned(name.clone()), ..Self::new(value) };
        let (kind, children) = match value {
            Value::Object(members) => (DraftKind::Object, members.iter().map(named).collect()),
            Value::Array(items) => (DraftKind::Array, items.iter().map(Self::new).collect()),
            primitive => {
                let mut json = JsonWriter::default();
                json.value(primitive);
                (DraftKind::Leaf(json.finish()), Vec::new())
            }
        };
        Self::with_kind(Cow::Borrowed(""), kind, children)
    }

    /// A new object without members.
    pub(super) fn empty() -> Self {
        Self::with_kind(Cow::Borrowed(""), DraftKind::Object, Vec::new())
    }

    /// Takes the place of what was there.
    pub(super) fn set(&mut self, value: &Value) {
        let new = Self::new(value);
        self.kind = new.kind;
        self.children = new.children;
    }

    /// As [`Draft::set`], of a Reference to this.
    pub(super) fn set_reference(&mut self, url: &str) {
        if let Some(reference) = contained_reference::reference_to(url) {
            return self.set(&reference);
        }
        self.kind = DraftKind::Object;
        self.children.clear();
        let mut json = JsonWriter::default();
        json.string(url);
        self.children.push(Self::with_kind(Cow::Borrowed("reference"), DraftKind::Leaf(json.finish()), Vec::new()));
    }

    /// As [`Draft::set`], of a value that is JSON text already.
    pub(super) fn set_json(&mut self, json: &str) {
        self.kind = DraftKind::Leaf(json.to_owned());
        self.children.clear();
    }

    /// As [`Draft::set`], of a value of the source.
    pub(super) fn set_node(&mut self, node: Node<'g>) {
        self.origin = Some(node);
        self.kind = DraftKind::Kept;
        self.children.clear();
    }

    /// How many values there are in it, itself among them.
    pub(super) fn count(&self) -> usize {
        match (&self.kind, self.origin) {
            (DraftKind::Kept, Some(node)) => node.count(),
            (DraftKind::Object | DraftKind::Array, _) => {
                1 + self.children.iter().filter(|child| !child.is_removed()).map(Self::count).sum::<usize>()
            }
            _ => 1,
        }
    }

    fn remove(&mut self) {
        self.kind = DraftKind::Removed;
        self.children.clear();
    }

    /// It as something to read.
    pub(super) fn view(&self) -> View<'_, 'g> {
        match (&self.kind, self.origin) {
            (DraftKind::Kept, Some(node)) => View::Source(node),
            _ => View::Draft(self),
        }
    }

    fn is_removed(&self) -> bool {
        self.kind == DraftKind::Removed
    }

    /// Has it nothing in it?
    fn is_empty(&self) -> bool {
        match self.kind {
            DraftKind::Object | DraftKind::Array => self.children.iter().all(Self::is_removed),
            DraftKind::Removed => true,
            DraftKind::Kept | DraftKind::Leaf(_) => false,
        }
    }

    /// The children, each of which can then be changed.
    fn open(&mut self, as_list: bool) -> &mut Vec<Draft<'g>> {
        let wanted = if as_list { DraftKind::Array } else { DraftKind::Object };
        if self.kind == wanted {
            return &mut self.children;
        }
        match (std::mem::replace(&mut self.kind, wanted), self.origin) {
            (DraftKind::Kept, Some(node)) if as_list && node.is_array() => {
                self.children = Self::opened(node.items());
            }
            (DraftKind::Kept, Some(node)) if !as_list && node.is_object() => {
                self.children = Self::opened(node.members());
            }
            // What stood there was of another kind than the definitions demand. An only value becomes an only item.
            (kind, origin) => {
                let only = match (kind, origin) {
                    (DraftKind::Kept, Some(node)) if as_list => Some(Draft::new(&node.to_value())),
                    (kind @ (DraftKind::Leaf(_) | DraftKind::Object), _) if as_list => {
                        Some(Draft::with_kind(Cow::Borrowed(""), kind, std::mem::take(&mut self.children)))
                    }
                    _ => None,
                };
                self.origin = None;
                self.children = only.into_iter().collect();
            }
        }
        &mut self.children
    }

    /// The children, with room for one more.
    fn opened(children: Children<'g>) -> Vec<Draft<'g>> {
        let mut drafts = Vec::with_capacity(children.clone().count() + 1);
        drafts.extend(children.map(Draft::of));
        drafts
    }

    /// The member with this name, made where it is missing.
    pub(super) fn member_mut(&mut self, name: &str) -> &mut Draft<'g> {
        let members = self.open(false);
        let at = members.iter().position(|member| member.name == name && !member.is_removed());
        let at = at.unwrap_or_else(|| {
            members.push(Draft::with_kind(Cow::Owned(name.to_owned()), DraftKind::Removed, Vec::new()));
            members.len() - 1
        });
        &mut members[at]
    }

    /// The draft of a value inside this one, as the source has it.
    pub(super) fn descend(&mut self, node: Node<'g>) -> Option<&mut Draft<'g>> {
        if self.origin == Some(node) {
            return Some(self);
        }
        let within = |child: &&mut Draft<'g>| child.origin.is_some_and(|origin| is_in(node, origin));
        let list = self.origin?.is_array();
        self.open(list).iter_mut().find(within)?.descend(node)
    }
}

// === writing ===

impl<'g> Draft<'g> {
    /// The value that the path means, made where it is missing with everything that the path says about it.
    pub(super) fn ensure(&mut self, steps: &[PathStep]) -> &mut Draft<'g> {
        let Some((step, rest)) = steps.split_first() else { return self };
        let member = self.member_mut(&step.name);
        if step.repeats != Repeats::Item {
            return member.ensure(rest);
        }
        let chosen = member.choose(step, rest);
        let items = member.open(true);
        let at = chosen.unwrap_or(items.len());
        if at == items.len() {
            items.push(Draft::matching(&step.select));
        }
        items[at].ensure(rest)
    }

    /// Adds an item to the last list of the path, whatever is there already, and gives what the path means in it.
    pub(super) fn append(&mut self, steps: &[PathStep]) -> &mut Draft<'g> {
        let Some(last) = steps.iter().rposition(|step| step.repeats == Repeats::Item) else {
            return self.ensure(steps);
        };
        let items = self.ensure(&steps[..last]).member_mut(&steps[last].name).open(true);
        items.push(Draft::matching(&steps[last].select));
        let at = items.len() - 1;
        items[at].ensure(&steps[last + 1..])
    }

    /// A new item that meets the conditions.
    pub(super) fn matching(conditions: &[Condition]) -> Self {
        let mut item = Draft::empty();
        for condition in conditions {
            item.ensure(&condition.path).set(&condition.value);
        }
        item
    }

    /// Which item of this list a value belongs into; none: a new one.
    fn choose(&self, step: &PathStep, rest: &[PathStep]) -> Option<usize> {
        if self.is_removed() {
            return None;
        }
        let items = self.positions();
        let fitting = || items.iter().filter(|(_, item)| locate::selected(*item, &step.select));
        let found = fitting()
            .find(|(_, item)| locate::find(*item, rest).is_some())
            .or_else(|| fitting().find(|(_, item)| locate::has_chosen_item(*item, rest)));
        let reused = || fitting().next().filter(|_| !step.select.is_empty());
        found.or_else(reused).map(|(at, _)| *at)
    }

    /// The items that are there, each with its number among the children.
    fn positions(&self) -> Vec<(usize, View<'_, 'g>)> {
        if self.kind == DraftKind::Array {
            let items = self.children.iter().enumerate().filter(|(_, item)| !item.is_removed());
            return items.map(|(at, item)| (at, item.view())).collect();
        }
        self.view().items().enumerate().collect()
    }

    /// Removes every value that the path means, and what has no more content then. Says how many there were.
    pub(super) fn erase(&mut self, steps: &[PathStep]) -> usize {
        self.erase_where(steps, &|_| true)
    }

    /// Removes the values that the path means and that `should_remove` picks.
    pub(super) fn erase_where(&mut self, steps: &[PathStep], should_remove: &dyn Fn(View<'_, 'g>) -> bool) -> usize {
        let Some((step, rest)) = steps.split_first() else {
            if should_remove(self.view()) {
                self.remove();
                return 1;
            }
            return 0;
        };
        if self.view().member(&step.name).is_none() {
            return 0;
        }
        let member = self.member_mut(&step.name);
        let mut count = 0;
        if step.repeats == Repeats::Item {
            for item in member.open(true).iter_mut().filter(|item| !item.is_removed()) {
                if locate::selected(item.view(), &step.select) {
                    let erased = item.erase_where(rest, should_remove);
                    if erased > 0 && item.is_bare(&step.select) {
                        item.remove();
                    }
                    count += erased;
                }
            }
        } else {
            count = member.erase_where(rest, should_remove);
        }
        if count > 0 && member.is_empty() {
            member.remove();
        }
        count
    }

    /// Is nothing left but what the conditions demand?
    fn is_bare(&self, conditions: &[Condition]) -> bool {
        let demanded = |name: &str| {
            conditions.iter().any(|condition| condition.path.first().is_some_and(|step| *step.name == *name))
        };
        match self.kind {
            DraftKind::Object => self.children.iter().all(|member| member.is_removed() || demanded(&member.name)),
            _ => self.is_empty(),
        }
    }

    /// Removes the member `name` of this object.
    pub(super) fn drop_member(&mut self, name: &str) {
        if self.view().member(name).is_some() {
            self.member_mut(name).remove();
        }
    }

    /// Adds a finished item to the list that the path means.
    pub(super) fn push(&mut self, steps: &[PathStep], item: Draft<'g>) {
        let target = self.append(steps);
        target.kind = item.kind;
        target.children = item.children;
    }

    /// Is it this value of the source?
    pub(super) fn is_from(&self, node: Node<'g>) -> bool {
        self.origin == Some(node)
    }

    /// Does the path mean something here?
    pub(super) fn has(&self, steps: &[PathStep]) -> bool {
        locate::find(self.view(), steps).is_some()
    }
}

// === reading ===

impl<'d, 'g> Tree for View<'d, 'g> {
    fn member(self, name: &str) -> Option<Self> {
        match self {
            Self::Source(node) => node.member(name).map(Self::Source),
            Self::Draft(draft) if draft.kind == DraftKind::Object => {
                draft.children.iter().find(|member| member.name == name && !member.is_removed()).map(Draft::view)
            }
            Self::Draft(_) => None,
        }
    }

    fn items(self) -> impl Iterator<Item = Self> {
        let items: Vec<View<'d, 'g>> = match self {
            Self::Source(node) => Tree::items(node).map(Self::Source).collect(),
            Self::Draft(draft) => match draft.kind {
                DraftKind::Array => draft.children.iter().filter(|item| !item.is_removed()).map(Draft::view).collect(),
                DraftKind::Removed => Vec::new(),
                _ => vec![self],
            },
        };
        items.into_iter()
    }

    fn is(self, value: &Value) -> bool {
        match self {
            Self::Source(node) => node.is(value),
            Self::Draft(draft) => {
                matches!(&draft.kind, DraftKind::Leaf(text) if text.as_str() == value.to_string().as_str())
            }
        }
    }
}

// === text ===

impl Draft<'_> {
    /// The JSON text.
    pub(super) fn finish(&self) -> String {
        let mut text = String::with_capacity(self.origin.map_or(0, |node| node.range().len()) + EXTRA_CAPACITY);
        self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) {
        match (&self.kind, self.origin) {
            (DraftKind::Kept, Some(node)) => text.push_str(node.text()),
            (DraftKind::Leaf(json), _) => text.push_str(json),
            (DraftKind::Object, origin) => {
                write_children(&self.children, origin.filter(|node| node.is_object()), ['{', '}'], text);
            }
            (DraftKind::Array, origin) => {
                write_children(&self.children, origin.filter(|node| node.is_array()), ['[', ']'], text);
            }
            (DraftKind::Kept | DraftKind::Removed, _) => text.push_str("null"),
        }
    }

    /// The member's name and what the source has between it and the value.
    fn write_name(&self, text: &mut String) {
        match self.origin {
            // A copy may have another name than what it is made of.
            Some(node) if node.name() == self.name => {
                text.push_str(&node.document().text()[node.name_start()..node.range().start]);
            }
            _ => {
                text.push('"');
                text.push_str(&self.name);
                text.push_str("\":");
            }
        }
    }
}

/// Is one value another, or inside it?
fn is_in(one: Node<'_>, other: Node<'_>) -> bool {
    std::ptr::eq(one.document(), other.document()) && other.range().contains(&one.range().start)
}

/// Members or items with the white space and the commas of the source.
fn write_children(children: &[Draft<'_>], origin: Option<Node<'_>>, brackets: [char; 2], text: &mut String) {
    let source = origin.map(|node| (node.document().text(), node.range()));
    text.push(brackets[0]);
    let mut first = true;
    for child in children.iter().filter(|child| !child.is_removed()) {
        // A copy of something else stands among what the source has as what is new does.
        let own = child.origin.filter(|node| origin.is_some_and(|origin| is_in(*node, origin)));
        match (source.as_ref(), own) {
            (Some((whole, range)), Some(node)) => {
                let before = &whole[range.start + 1..node.name_start()];
                let (gap, space) = before.split_at(before.trim_ascii_end().len());
                // Between siblings stand white space, one comma, and white space.
                let lead = gap.strip_suffix(',').map_or("", |value| &value[value.trim_ascii_end().len()..]);
                if !first {
                    text.push_str(lead);
                    text.push(',');
                }
                text.push_str(space);
            }
            _ if !first => text.push(','),
            _ => {}
        }
        first = false;
        if brackets[0] == '{' {
            child.write_name(text);
        }
        child.write(text);
    }
    if let Some((whole, range)) = source {
        let inside = &whole[range.start + 1..range.end - 1];
        let tail = &inside[inside.trim_end().len()..];
        if !first || !inside.trim().is_empty() {
            text.push_str(tail);
        }
    }
    text.push(brackets[1]);
}

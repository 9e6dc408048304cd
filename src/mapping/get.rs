//! Graph to record: every element is walked once for what the fields read of it, then the record's shape is walked and
//! written down as it goes.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::{Map as Object, Value};

use crate::fhir::{Document, Issue, Key, Node};
use crate::fhirpath::Context;

use super::converter::{Conversion, Converter, FhirValue, RecordValue, same_optional};
use super::draft::Draft;
use super::fidelity::{Fidelity, FieldOutcome, Row, Trace, ValueOrigin};
use super::json_writer::JsonWriter;
use super::model::{End, Field, Member, RecordList, Shape, Source, Withhold};
use super::node_search::{FoundNodes, NodeSearch, Target};
use crate::record::same_value;
use crate::yielding;

/// The most values that a field has on either side.
pub(super) const MAX_ENDS: usize = 2;

/// Reads a record from a graph.
pub(super) struct Reader<'g, 'm> {
    /// Where nodes are found
    pub(super) search: NodeSearch<'g, 'm>,
    /// What they turned out to be
    pub(super) found: FoundNodes<'g>,
    /// What became of the values
    pub(super) fidelity: Fidelity,
    /// What is worth knowing
    pub(super) issues: Vec<Issue>,
    /// What an explanation gathers
    pub(super) trace: Option<Trace<'g>>,
    /// The record so far
    pub(super) text: JsonWriter,
    /// The rules under which something is left out
    withheld: Vec<&'m Withhold>,
    /// Where in the record we are
    pub(super) path: Vec<PathSegment<'m>>,
}

/// One step to a place in a record.
#[derive(Debug, Clone, Copy)]
pub(super) enum PathSegment<'m> {
    /// Into a member
    Name(&'m str),
    /// Into an item
    Item(usize),
}

/// A place in a record as people write it: `services[0].minutes`.
pub(super) fn path_text(path: &[PathSegment<'_>]) -> String {
    let mut text = String::new();
    for segment in path {
        match segment {
            PathSegment::Name(name) if text.is_empty() => text.push_str(name),
            PathSegment::Name(name) => {
                text.push('.');
                text.push_str(name);
            }
            // Writing into a text does not fail.
            PathSegment::Item(at) => drop(write!(text, "[{at}]")),
        }
    }
    text
}

/// What a field reads at its ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct EndValues<'g> {
    /// The elements, one for each end; none where the element is absent
    pub(super) nodes: [Option<Node<'g>>; MAX_ENDS],
    /// How many ends there are
    pub(super) count: usize,
    /// The resource, or the element, that the first end is in
    pub(super) target: Option<Target<'g>>,
    /// Does the resource's own identity answer?
    pub(super) identity: bool,
    /// Which of the alternatives it is; none: the second place that says the same
    pub(super) choice: Option<usize>,
}

impl<'g> EndValues<'g> {
    /// The elements.
    pub(super) fn nodes(&self) -> &[Option<Node<'g>>] {
        &self.nodes[..self.count]
    }

    /// The element that a value comes from.
    fn origin(&self, which: usize) -> Option<Node<'g>> {
        if self.identity {
            return self.target?.node.get("id");
        }
        self.nodes().get(which).copied().flatten().or_else(|| self.nodes().iter().copied().find_map(|node| node))
    }

    /// Is nothing there?
    pub(super) fn is_empty(&self) -> bool {
        !self.identity && self.nodes().iter().all(Option::is_none)
    }

    /// Would writing these values change nothing?
    pub(super) fn says(&self, written: &[FhirValue]) -> bool {
        self.nodes().iter().zip(written).all(|(node, written)| match (node, written) {
            (None, FhirValue::Absent) | (Some(_), FhirValue::Present) => true,
            (Some(node), FhirValue::Value(value)) => same_value(&node.to_value(), value),
            _ => false,
        })
    }
}

// ===

impl<'g, 'm> Reader<'g, 'm> {
    pub(super) fn new(search: NodeSearch<'g, 'm>, explained: bool) -> Self {
        Self {
            search,
            found: FoundNodes::empty(search.model),
            fidelity: Fidelity::default(),
            issues: Vec::new(),
            trace: explained.then(Trace::default),
            text: JsonWriter::default(),
            withheld: Vec::new(),
            path: Vec::new(),
        }
    }

    /// The record, as JSON text.
    pub(super) fn record(&mut self, extras: &Value) -> String {
        let model = self.search.model;
        self.find(&model.singles);
        self.withheld = self.withheld();
        self.text = JsonWriter::new();
        self.record_or_item(&model.shape, &model.conditional, extras.as_object());
        std::mem::take(&mut self.text).finish()
    }

    /// Finds single nodes, in order.
    pub(super) fn find(&mut self, singles: &[usize]) {
        for &node in singles {
            let target = self.search.find_single(&self.search.model.nodes[node], &self.found);
            self.set_target(node, target);
        }
    }

    /// A node is this now; gives what it was before.
    pub(super) fn set_target(&mut self, node: usize, target: Option<Target<'g>>) -> Option<Target<'g>> {
        self.found.set_target(self.search.model, node, target)
    }

    /// Can the graph say anything of this member?
    pub(super) fn may_have_value(&self, member: &Member) -> bool {
        match &member.shape {
            Shape::Leaf { slots, .. } => {
                slots.as_ref().is_none_or(|slots| slots.iter().any(|slot| self.found.slots[*slot].is_some()))
            }
            Shape::Object(_) | Shape::List { .. } => self.found.present.intersects(&member.from),
        }
    }

    /// The rules that apply.
    pub(super) fn withheld(&mut self) -> Vec<&'m Withhold> {
        let mut active = Vec::new();
        for rule in &self.search.model.withhold {
            let Some(target) = self.found.targets[rule.node] else { continue };
            let context = Context::new(target.node);
            match rule.when.evaluate_bool(&context, target.node) {
                Ok(Some(true)) => active.push(rule),
                Ok(_) => {}
                // What cannot be judged is withheld.
                Err(issue) => {
                    self.issues.push(Issue::warning(Key::ExpressionInvalid, rule.rule.as_ref(), issue.text));
                    active.push(rule);
                }
            }
        }
        active
    }

    /// The record, or an item of a list: its members, and those that hold only under a condition on it.
    fn record_or_item(
        &mut self,
        members: &'m [Member],
        conditional: &'m [usize],
        extras: Option<&Object<String, Value>>,
    ) {
        let start = self.text.len();
        self.text.open('{');
        self.object(members, extras);
        self.text.close('}');
        if !conditional.is_empty() {
            self.conditional(conditional, start, extras);
        }
    }

    /// The members of an object, and what is kept beside them.
    fn object(&mut self, members: &'m [Member], extras: Option<&Object<String, Value>>) {
        yielding::count(10 * members.len() as u32);
        for member in members {
            let kept = extras.and_then(|extras| extras.get(&*member.name));
            if kept.is_none() && !self.may_have_value(member) {
                continue;
            }
            self.path.push(PathSegment::Name(&member.name));
            let start = self.text.len();
            let before = self.before_withheld();
            self.text.label(&member.label);
            let is_said = match &member.shape {
                Shape::Leaf { slots: Some(slots), plain: true, .. } if kept.is_none() && self.trace.is_none() => {
                    self.plain(slots)
                }
                Shape::Leaf { field, which, .. } => self.leaf(*field, *which, extras),
                Shape::Object(members) => {
                    self.text.open('{');
                    let empty = self.text.len();
                    self.object(members, kept.and_then(Value::as_object));
                    let is_said = self.text.len() > empty;
                    self.text.close('}');
                    is_said
                }
                Shape::List { node, item } => self.list(*node, item, kept.and_then(Value::as_array)),
            };
            if !is_said {
                self.text.truncate(start);
                // Something of another kind stands here, which only extras can have.
                if let Some(kept) = kept.filter(|kept| !fits(&member.shape, kept)) {
                    self.text.label(&member.label);
                    self.text.value(kept);
                }
            }
            if let Some(before) = before {
                self.withhold(&before);
                self.text.truncate(start);
            }
            self.path.pop();
        }
        for (name, value) in extras.into_iter().flatten() {
            if !members.iter().any(|member| *member.name == **name) {
                self.text.name(name);
                self.text.value(value);
                self.count_outcome(name, None, || "".into(), &FieldOutcome::Kept);
            }
        }
    }

    /// The items of a list; says whether there are any.
    fn list(&mut self, node: usize, item: &'m [Member], extras: Option<&Vec<Value>>) -> bool {
        let model = self.search.model;
        let Some(each) = &model.nodes[node].each else { return false };
        self.text.open('[');
        let mut count = 0;
        let mut used = vec![false; extras.map_or(0, Vec::len)];
        for target in self.search.find_items(&model.nodes[node], &self.found) {
            self.set_target(node, Some(target));
            self.find(&each.singles);
            self.path.push(PathSegment::Item(count));
            let kept = self.kept_item(item, each, extras, &mut used);
            self.text.next();
            self.record_or_item(item, &each.conditional, kept);
            self.path.pop();
            count += 1;
        }
        self.set_target(node, None);
        self.text.close(']');
        count > 0
    }

    /// What is kept beside the item at hand: the first entry with its key that no earlier item took.
    pub(super) fn kept_item<'e>(
        &mut self,
        item: &'m [Member],
        each: &RecordList,
        extras: Option<&'e Vec<Value>>,
        used: &mut [bool],
    ) -> Option<&'e Object<String, Value>> {
        let extras = extras?;
        let own = self.key(item, &each.key);
        let id = each.id().filter(|at| own[*at].is_some());
        let at = extras.iter().enumerate().position(|(at, entry)| {
            let mut members = each.key.iter().zip(&own).enumerate().filter(|(at, _)| id.is_none_or(|id| id == *at));
            !used[at] && members.all(|(_, (name, own))| same_optional(own.as_ref(), entry.get(&**name)))
        })?;
        used[at] = true;
        extras[at].as_object()
    }

    /// The values of the item at hand that tell it apart.
    pub(super) fn key<'k>(&self, item: &'m [Member], key: &[Box<str>]) -> Vec<Option<RecordValue<'k>>>
    where
        'g: 'k,
        'm: 'k,
    {
        let mut values = Vec::with_capacity(key.len());
        for name in key {
            let leaf = item.iter().find(|member| member.name == *name).map(|member| &member.shape);
            values.push(match leaf {
                Some(Shape::Leaf { field, which, .. }) => self.read(&self.search.model.fields[*field], *which).0.value,
                _ => None,
            });
        }
        values
    }

    // === leaves

    /// The value of a leaf that is said the same on both sides.
    fn plain(&mut self, slots: &[usize]) -> bool {
        let value = slots.iter().find_map(|slot| self.found.slots[*slot]);
        if let Some(value) = value {
            self.text.node(value);
            self.fidelity.mapped += 1;
        }
        value.is_some()
    }

    /// The value of a leaf, or what is kept for it; says whether there is one.
    fn leaf(&mut self, field: usize, which: usize, extras: Option<&Object<String, Value>>) -> bool {
        let rule = &self.search.model.fields[field];
        rule.when.is_none() && self.value(rule, which, extras)
    }

    fn value(&mut self, field: &'m Field, which: usize, extras: Option<&Object<String, Value>>) -> bool {
        match &field.source {
            Source::Constant(value) => {
                self.text.value(value);
                self.count_outcome("", None, || "value".into(), &FieldOutcome::Defaulted);
                true
            }
            Source::Computed { .. } => self.write_computed(field),
            Source::Ends { via, .. } => {
                let (read, raw) = self.read(field, which);
                if let Some(kept) = extras.and_then(|extras| extras.get(&*field.members[which]))
                    && !read.equals(Some(kept))
                    && Self::still_holds(field, &raw, extras)
                {
                    self.text.value(kept);
                    self.count_outcome("", None, || via.name(), &FieldOutcome::Kept);
                    return true;
                }
                if read.untranslated
                    && let Converter::Crosswalk(table) = via
                {
                    let code = read.value.as_ref().and_then(RecordValue::text).unwrap_or_default();
                    self.untranslated(format!("{}; the code passed as it is", table.no_source_message(code)));
                }
                let Some(value) = &read.value else { return false };
                value.write(&mut self.text);
                let outcome = if read.defaulted { FieldOutcome::Defaulted } else { FieldOutcome::Mapped };
                let origin = raw.target.map(|target| (target, raw.origin(which).unwrap_or(target.node)));
                self.count_outcome("", origin, || via.name(), &outcome);
                true
            }
        }
    }

    pub(super) fn untranslated(&mut self, message: String) {
        self.fidelity.untranslated += 1;
        self.issues.push(Issue::information(Key::NotTranslated, path_text(&self.path), message));
    }

    /// Does the value that is kept for a field still mean what FHIR says?
    fn still_holds(field: &'m Field, raw: &EndValues<'g>, extras: Option<&Object<String, Value>>) -> bool {
        let Source::Ends { via, .. } = &field.source else { return false };
        if raw.is_empty() {
            return true;
        }
        let own: Vec<Option<Value>> = (0..field.members.len())
            .map(|which| via.read(raw.nodes(), which).value.map(RecordValue::into_value))
            .collect();
        let kept = field.members.iter().map(|name| extras.and_then(|extras| extras.get(&**name)));
        let values: Vec<Option<&Value>> = kept.zip(&own).map(|(kept, own)| kept.or(own.as_ref())).collect();
        via.write(&values).is_ok_and(|written| raw.says(&written))
    }

    /// What a field's converter makes of what the graph says, and where it says it.
    pub(super) fn read<'v>(&self, field: &'v Field, which: usize) -> (Conversion<'v>, EndValues<'g>)
    where
        'g: 'v,
    {
        let Source::Ends { choices, via, also } = &field.source else { return (Conversion::default(), no_values()) };
        let mut first = None;
        for (at, ends) in choices.iter().enumerate() {
            let raw = EndValues { choice: Some(at), ..self.end_values(ends) };
            let read = Self::convert(via, &raw, which);
            if !raw.is_empty() && read.value.is_some() {
                return (read, raw);
            }
            first.get_or_insert((read, raw));
        }
        if let Some((end, via)) = also.as_ref().filter(|_| field.reads_also) {
            let raw = self.end_values(std::slice::from_ref(end));
            let read = Self::convert(via, &raw, which);
            if !raw.is_empty() && read.value.is_some() {
                return (read, raw);
            }
        }
        let (mut read, raw) = first.unwrap_or_else(|| (Conversion::default(), no_values()));
        if let Some(default) = field.default.as_ref().filter(|_| read.value.is_none() && raw.target.is_some()) {
            read = Conversion { value: Some(RecordValue::Value(default.clone())), defaulted: true, ..read };
        }
        (read, raw)
    }

    fn convert<'v>(via: &'v Converter, raw: &EndValues<'g>, which: usize) -> Conversion<'v>
    where
        'g: 'v,
    {
        if raw.identity {
            let value = raw.target.map(|target| RecordValue::Text(resource_id(&target)));
            return Conversion { value, ..Conversion::default() };
        }
        via.read(raw.nodes(), which)
    }

    /// What stands at the ends of a field.
    pub(super) fn end_values(&self, ends: &[End]) -> EndValues<'g> {
        let mut raw = EndValues { count: ends.len().min(MAX_ENDS), ..no_values() };
        for (at, end) in ends.iter().enumerate().take(MAX_ENDS) {
            let Some(target) = self.found.targets[end.node] else { continue };
            if at == 0 {
                raw.target = Some(target);
                raw.identity = end.identity;
            }
            if !end.identity {
                raw.nodes[at] = self.found.slots[end.slot];
            }
        }
        raw
    }

    // === conditions and rules

    /// The fields of the object that begins at `start` which hold only under a condition on it.
    fn conditional(&mut self, fields: &'m [usize], start: usize, extras: Option<&Object<String, Value>>) {
        let document = match Document::parse(self.text.since(start)) {
            Ok(document) => document,
            // Larger than a document may be: nothing can be asked of it.
            Err(issue) => return self.issues.push(*issue),
        };
        let mut draft = Draft::of(document.root());
        for &field in fields {
            let rule = &self.search.model.fields[field];
            let holds = condition_holds(rule, &document);
            let kept = rule.within.iter().try_fold(extras, |extras, name| Some(extras?.get(&**name)?.as_object()));
            let kept = kept.flatten();
            for (which, name) in rule.members.iter().enumerate() {
                let depth = self.path.len();
                self.path.extend(rule.within.iter().chain([name]).map(|name| PathSegment::Name(name)));
                let before = self.before_withheld();
                let end = self.text.len();
                let mut is_said = holds && self.value(rule, which, kept);
                if let Some(kept) = kept.and_then(|kept| kept.get(&**name)).filter(|_| !is_said) {
                    self.text.value(kept);
                    is_said = true;
                }
                if let Some(before) = before {
                    self.withhold(&before);
                } else if is_said {
                    let object = rule.within.iter().fold(&mut draft, |object, name| object.member_mut(name));
                    object.member_mut(name).set_json(self.text.since(end));
                }
                self.text.truncate(end);
                self.path.truncate(depth);
            }
        }
        self.text.truncate(start);
        self.text.push(&draft.finish());
    }

    /// How things stand before what is written at the place at hand, where a rule leaves it out.
    fn before_withheld(&self) -> Option<BeforeWithheld<'m>> {
        if self.withheld.is_empty() {
            return None;
        }
        let rule = self.withheld.iter().find(|rule| rule.record.iter().any(|path| is_at(path, &self.path)))?;
        Some(BeforeWithheld {
            rule: &rule.rule,
            fidelity: self.fidelity.totals(),
            rows: self.trace.as_ref().map_or(0, |trace| trace.rows.len()),
        })
    }

    /// What was written at the place at hand is left out.
    fn withhold(&mut self, before: &BeforeWithheld<'m>) {
        if self.fidelity.withhold_since(&before.fidelity) > 0
            && let Some(trace) = &mut self.trace
        {
            let outcome = FieldOutcome::Withheld(before.rule.to_owned());
            trace.rows.iter_mut().skip(before.rows).for_each(|row| row.outcome = outcome.clone());
            trace.withheld.push((path_text(&self.path), before.rule.to_owned()));
        }
    }

    // === outcomes

    /// Counts what became of the value at hand, and explains it where that was asked for.
    pub(super) fn count_outcome<'v>(
        &mut self,
        below: &str,
        origin: Option<(Target<'g>, Node<'g>)>,
        via: impl FnOnce() -> Cow<'v, str>,
        outcome: &FieldOutcome,
    ) {
        self.fidelity.count(outcome);
        if let Some(trace) = &mut self.trace {
            let mut record = path_text(&self.path);
            if !below.is_empty() {
                record = if record.is_empty() { below.to_owned() } else { format!("{record}.{below}") };
            }
            // A whole resource (a computed value's, one without an id) is where a value comes from, not what was read.
            if let Some((_, node)) =
                origin.filter(|(target, node)| *outcome == FieldOutcome::Mapped && *node != target.node)
            {
                trace.read.push((node, record.clone()));
            }
            let origin = origin.map(|(target, node)| ValueOrigin::of(target.resource, node));
            trace.rows.push(Row { record, origin, via: via().into_owned(), outcome: outcome.clone() });
        }
    }
}

/// How things stood before something that is left out.
struct BeforeWithheld<'m> {
    rule: &'m str,
    fidelity: Fidelity,
    rows: usize,
}

/// Is this the place?
pub(super) fn is_at(names: &[Box<str>], path: &[PathSegment<'_>]) -> bool {
    names.len() == path.len()
        && names.iter().zip(path).all(|(name, segment)| matches!(segment, PathSegment::Name(own) if **own == **name))
}

/// Does a field's condition hold for this object?
pub(super) fn condition_holds(field: &Field, document: &Document) -> bool {
    field.when.as_ref().is_none_or(|when| {
        matches!(when.evaluate_bool(&Context::new(document.root()), document.root()), Ok(Some(true)))
    })
}

fn no_values<'g>() -> EndValues<'g> {
    EndValues { nodes: [None; MAX_ENDS], count: 1, target: None, identity: false, choice: None }
}

/// The id of a resource: its own, or what its URL ends with.
pub(super) fn resource_id<'g>(target: &Target<'g>) -> Cow<'g, str> {
    target.node.str("id").unwrap_or_else(|| {
        let url = &target.resource.url;
        url.rsplit(['/', ':']).next().unwrap_or(url).into()
    })
}

fn fits(shape: &Shape, value: &Value) -> bool {
    match shape {
        Shape::Leaf { .. } => true,
        Shape::Object(_) => value.is_object(),
        Shape::List { .. } => value.is_array(),
    }
}

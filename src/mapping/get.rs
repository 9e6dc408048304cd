//! Graph to record: the record's shape is walked once, and every leaf is read where its field says.

use std::borrow::Cow;

use serde_json::{Map as Object, Value};

use crate::fhir::{Document, Issue, Key, Node};
use crate::fhirpath::{Collection, Context, Element, Expression, Item};

use super::converter::{Converter, Read, Written};
use super::crosswalk::Crosswalk;
use super::discover::{Ground, Links, Target, Targets};
use super::fidelity::{Fate, Fidelity, Origin, Row, Trace, is_within};
use super::locate::{Tree, find};
use super::model::{Each, End, Field, Member, Shape, Source};
use super::node_set::NodeSet;
use super::same::{same, same_option};

/// The most values that a field has on the side of FHIR.
const ENDS: usize = 2;

/// Reads a record from a graph.
pub(super) struct Reader<'g, 'm> {
    /// Where nodes are found
    pub(super) ground: Ground<'g, 'm>,
    /// What they turned out to be
    pub(super) targets: Targets<'g>,
    /// Which of them are there
    present: NodeSet,
    /// What references lead to
    pub(super) links: Links<'g>,
    /// What became of the values
    pub(super) fidelity: Fidelity,
    /// What is worth knowing
    pub(super) issues: Vec<Issue>,
    /// What an explanation gathers
    pub(super) trace: Option<Trace<'g>>,
    /// Where in the record we are
    place: Vec<Segment<'m>>,
}

/// One step to a place in a record.
#[derive(Debug, Clone, Copy)]
pub(super) enum Segment<'m> {
    /// Into a member
    Name(&'m str),
    /// Into an item
    Item(usize),
}

/// A place in a record as people write it: `services[0].minutes`.
pub(super) fn said(place: &[Segment<'_>]) -> String {
    let mut text = String::new();
    for segment in place {
        match segment {
            Segment::Name(name) if text.is_empty() => text.push_str(name),
            Segment::Name(name) => {
                text.push('.');
                text.push_str(name);
            }
            Segment::Item(at) => text = format!("{text}[{at}]"),
        }
    }
    text
}

/// What a field reads at its ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raw<'g> {
    /// The elements, one for each end; none where the element is absent
    pub(super) nodes: [Option<Node<'g>>; ENDS],
    /// How many ends there are
    pub(super) count: usize,
    /// The resource, or the element, that the first end is in
    pub(super) target: Option<Target<'g>>,
    /// Does the resource's own identity answer?
    pub(super) identity: bool,
    /// Which of the alternatives it is; none: the second place that says the same
    pub(super) choice: Option<usize>,
}

impl<'g> Raw<'g> {
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
    pub(super) fn says(&self, written: &[Written]) -> bool {
        self.nodes().iter().zip(written).all(|(node, written)| match (node, written) {
            (None, Written::Nothing) | (Some(_), Written::There) => true,
            (Some(node), Written::Value(value)) => same(&node.to_value(), value),
            _ => false,
        })
    }
}

// ===

impl<'g, 'm> Reader<'g, 'm> {
    pub(super) fn new(ground: Ground<'g, 'm>, explained: bool) -> Self {
        Self {
            ground,
            targets: vec![None; ground.model.nodes.len()],
            present: NodeSet::default(),
            links: Links::of(ground.model),
            fidelity: Fidelity::default(),
            issues: Vec::new(),
            trace: explained.then(Trace::default),
            place: Vec::new(),
        }
    }

    /// The record.
    pub(super) fn record(&mut self, extras: &Value) -> Value {
        let model = self.ground.model;
        self.find(&model.singles);
        let mut record = self.object(&model.shape, extras.as_object());
        self.conditional(&model.conditional, &mut record, extras.as_object());
        for rule in self.withheld() {
            for path in &rule.record {
                if let Some(value) = remove(&mut record, path) {
                    self.withhold(&rule.rule, path, &value);
                }
            }
        }
        Value::Object(record)
    }

    /// Finds single nodes, in order.
    pub(super) fn find(&mut self, singles: &[usize]) {
        for &node in singles {
            let target = self.ground.single(&self.ground.model.nodes[node], &self.targets, &self.links);
            self.place_at(node, target);
        }
    }

    /// A node is this now; gives what it was before.
    pub(super) fn place_at(&mut self, node: usize, target: Option<Target<'g>>) -> Option<Target<'g>> {
        if target.is_some() {
            self.present.insert(node);
        } else {
            self.present.remove(node);
        }
        std::mem::replace(&mut self.targets[node], target)
    }

    /// Can the graph say anything of this member?
    pub(super) fn may_say(&self, member: &Member) -> bool {
        self.present.meets(&member.from)
    }

    /// The rules that apply.
    pub(super) fn withheld(&mut self) -> Vec<&'m super::model::Withhold> {
        let mut active = Vec::new();
        for rule in &self.ground.model.withhold {
            let Some(target) = self.targets[rule.node] else { continue };
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

    fn withhold(&mut self, rule: &str, path: &[Box<str>], value: &Value) {
        let fate = Fate::Withheld(rule.to_owned());
        for _ in 0..leaves(value) {
            self.fidelity.count(&fate);
            self.fidelity.mapped = self.fidelity.mapped.saturating_sub(1);
        }
        if let Some(trace) = &mut self.trace {
            let place = path.join(".");
            let rows = trace.rows.iter_mut().filter(|row| is_within(&row.record, &place));
            rows.for_each(|row| row.fate = fate.clone());
            trace.withheld.push((place, rule.to_owned()));
        }
    }

    /// The members of an object, and what is kept beside them.
    fn object(&mut self, members: &'m [Member], extras: Option<&Object<String, Value>>) -> Object<String, Value> {
        let expected = members.iter().filter(|member| self.may_say(member)).count();
        let mut object = Object::with_capacity(expected + extras.map_or(0, Object::len));
        for member in members {
            let kept = extras.and_then(|extras| extras.get(&*member.name));
            if kept.is_none() && !self.may_say(member) {
                continue;
            }
            self.place.push(Segment::Name(&member.name));
            let value = match &member.shape {
                Shape::Leaf { field, which } => self.leaf(*field, *which, extras),
                Shape::Object(members) => Some(self.object(members, kept.and_then(Value::as_object)))
                    .filter(|inner| !inner.is_empty())
                    .map(Value::Object),
                Shape::List { node, item } => self.list(*node, item, kept.and_then(Value::as_array)),
            };
            // Something of another kind stands here, which only extras can have.
            let value = value.or_else(|| kept.filter(|kept| !fits(&member.shape, kept)).cloned());
            self.place.pop();
            if let Some(value) = value {
                object.insert(member.name.to_string(), value);
            }
        }
        for (name, value) in extras.into_iter().flatten() {
            if !members.iter().any(|member| *member.name == **name) {
                object.insert(name.clone(), value.clone());
                self.fate(name, None, || "".into(), &Fate::Kept);
            }
        }
        object
    }

    /// The items of a list.
    fn list(&mut self, node: usize, item: &'m [Member], extras: Option<&Vec<Value>>) -> Option<Value> {
        let model = self.ground.model;
        let each = model.nodes[node].each.as_ref()?;
        let mut items: Vec<Value> = Vec::new();
        let mut used = vec![false; extras.map_or(0, Vec::len)];
        for target in self.ground.each(&model.nodes[node], &self.targets, &self.links) {
            self.place_at(node, Some(target));
            self.find(&each.singles);
            self.place.push(Segment::Item(items.len()));
            let kept = self.kept_item(item, each, extras, &mut used);
            let mut object = self.object(item, kept);
            self.conditional(&each.conditional, &mut object, kept);
            self.place.pop();
            items.push(Value::Object(object));
        }
        self.place_at(node, None);
        (!items.is_empty()).then_some(Value::Array(items))
    }

    /// What is kept beside the item at hand: the first entry with its key that no earlier item took.
    pub(super) fn kept_item<'e>(
        &mut self,
        item: &'m [Member],
        each: &Each,
        extras: Option<&'e Vec<Value>>,
        used: &mut [bool],
    ) -> Option<&'e Object<String, Value>> {
        let extras = extras?;
        let own = self.key(item, &each.key);
        let id = each.id().filter(|at| own[*at].is_some());
        let at = extras.iter().enumerate().position(|(at, entry)| {
            let mut members = each.key.iter().zip(&own).enumerate().filter(|(at, _)| id.is_none_or(|id| id == *at));
            !used[at] && members.all(|(_, (name, own))| same_option(entry.get(&**name), own.as_ref()))
        })?;
        used[at] = true;
        extras[at].as_object()
    }

    /// The values of the item at hand that tell it apart.
    pub(super) fn key(&mut self, item: &'m [Member], key: &[Box<str>]) -> Vec<Option<Value>> {
        let mut values = Vec::with_capacity(key.len());
        for name in key {
            let leaf = item.iter().find(|member| member.name == *name).map(|member| &member.shape);
            values.push(match leaf {
                Some(Shape::Leaf { field, which }) => self.read(&self.ground.model.fields[*field], *which).0.value,
                _ => None,
            });
        }
        values
    }

    // === leaves

    /// The value of a leaf, or what is kept for it.
    fn leaf(&mut self, field: usize, which: usize, extras: Option<&Object<String, Value>>) -> Option<Value> {
        let rule = &self.ground.model.fields[field];
        if rule.when.is_some() {
            return None;
        }
        self.value(rule, which, extras)
    }

    fn value(&mut self, field: &'m Field, which: usize, extras: Option<&Object<String, Value>>) -> Option<Value> {
        match &field.source {
            Source::Constant(value) => {
                self.fate("", None, || "value".into(), &Fate::Defaulted);
                Some(value.clone())
            }
            Source::Computed { node, expression, .. } => {
                let value = self.computed(field)?;
                let target = self.targets[*node]?;
                self.fate("", Some((target, target.node)), || expression.text().into(), &Fate::Computed);
                Some(value)
            }
            Source::Ends { via, .. } => {
                let (read, raw) = self.read(field, which);
                if let Some(kept) = extras.and_then(|extras| extras.get(&*field.members[which]))
                    && !same_option(Some(kept), read.value.as_ref())
                    && Self::still_holds(field, &raw, extras)
                {
                    self.fate("", None, || via.name(), &Fate::Kept);
                    return Some(kept.clone());
                }
                let fate = if read.defaulted { Fate::Defaulted } else { Fate::Mapped };
                let origin = raw.target.map(|target| (target, raw.origin(which).unwrap_or(target.node)));
                if read.untranslated {
                    self.report_untranslated(via, read.value.as_ref());
                }
                if read.value.is_some() {
                    self.fate("", origin, || via.name(), &fate);
                }
                read.value
            }
        }
    }

    fn report_untranslated(&mut self, via: &Converter, code: Option<&Value>) {
        let code = code.and_then(Value::as_str).unwrap_or_default();
        if let Converter::Crosswalk(table) = via {
            self.untranslated(format!("{}; the code passed as it is", table.without_source(code)));
        }
    }

    fn untranslated(&mut self, said: String) {
        self.fidelity.untranslated += 1;
        self.issues.push(Issue::information(Key::NotTranslated, said_place(&self.place), said));
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

    /// Does the value that is kept for a field still mean what FHIR says?
    fn still_holds(field: &'m Field, raw: &Raw<'g>, extras: Option<&Object<String, Value>>) -> bool {
        let Source::Ends { via, .. } = &field.source else { return false };
        if raw.is_empty() {
            return true;
        }
        let own: Vec<Option<Value>> =
            (0..field.members.len()).map(|which| via.read(raw.nodes(), which).value).collect();
        let kept = field.members.iter().map(|name| extras.and_then(|extras| extras.get(&**name)));
        let values: Vec<Option<&Value>> = kept.zip(&own).map(|(kept, own)| kept.or(own.as_ref())).collect();
        via.write(&values).is_ok_and(|written| raw.says(&written))
    }

    /// What a field's converter makes of what the graph says, and where it says it.
    pub(super) fn read(&self, field: &'m Field, which: usize) -> (Read, Raw<'g>) {
        let Source::Ends { choices, via, also } = &field.source else { return (Read::default(), nothing()) };
        let mut first = None;
        for (at, ends) in choices.iter().enumerate() {
            let raw = Raw { choice: Some(at), ..self.raw(ends) };
            let read = Self::convert(via, &raw, which);
            if !raw.is_empty() && read.value.is_some() {
                return (read, raw);
            }
            first.get_or_insert((read, raw));
        }
        if let Some((end, via)) = also.as_ref().filter(|_| field.reads_also) {
            let raw = self.raw(std::slice::from_ref(end));
            let read = Self::convert(via, &raw, which);
            if !raw.is_empty() && read.value.is_some() {
                return (read, raw);
            }
        }
        let (mut read, raw) = first.unwrap_or_else(|| (Read::default(), nothing()));
        if let Some(default) = field.default.as_ref().filter(|_| read.value.is_none() && raw.target.is_some()) {
            read = Read { value: Some(default.clone()), defaulted: true, ..read };
        }
        (read, raw)
    }

    /// Does a field whose values are the same on both sides say just this? It is asked before anything is copied; no means
    /// that it has to be looked at.
    pub(super) fn says_plainly(&self, field: &Field, value: Option<&Value>) -> bool {
        let Source::Ends { choices, via: Converter::Same(_), also: None } = &field.source else { return false };
        if field.default.is_some() {
            return false;
        }
        for ends in choices {
            let [end] = &ends[..] else { return false };
            if end.identity {
                return false;
            }
            if let Some(node) = self.targets[end.node].and_then(|target| find(target.node, &end.path.steps)) {
                return value.is_some_and(|value| node.is(value));
            }
        }
        value.is_none()
    }

    fn convert(via: &Converter, raw: &Raw<'g>, which: usize) -> Read {
        if raw.identity {
            let value = raw.target.map(|target| identity(&target).into());
            return Read { value, ..Read::default() };
        }
        via.read(raw.nodes(), which)
    }

    /// What stands at the ends of a field.
    pub(super) fn raw(&self, ends: &[End]) -> Raw<'g> {
        let mut raw = Raw { count: ends.len().min(ENDS), ..nothing() };
        for (at, end) in ends.iter().enumerate().take(ENDS) {
            let Some(target) = self.targets[end.node] else { continue };
            if at == 0 {
                raw.target = Some(target);
                raw.identity = end.identity;
            }
            if !end.identity {
                raw.nodes[at] = find(target.node, &end.path.steps);
            }
        }
        raw
    }

    /// What a computed field gives.
    pub(super) fn computed(&mut self, field: &'m Field) -> Option<Value> {
        let Source::Computed { node, expression, named, translate, list } = &field.source else { return None };
        let results = self.compute(expression, self.targets[*node]?, named)?;
        let results = match translate {
            None => results,
            Some(table) => self.translated(table, &results),
        };
        if *list { (!results.is_empty()).then_some(Value::Array(results)) } else { results.into_iter().next() }
    }

    // === expressions

    /// What an expression gives, started from a node.
    fn compute(&mut self, expression: &Expression, target: Target<'g>, named: &[usize]) -> Option<Vec<Value>> {
        let graph = self.ground.graph;
        let resolve = |reference: &str| graph.resolve(reference).map(|resource| resource.node());
        let mut context = Context::new(target.resource.node()).resolve(&resolve);
        for node in named {
            let value = self.targets[*node]
                .map_or(Collection::Empty, |target| Collection::One(Item::Element(Element::new(target.node))));
            context = context.constant(&self.ground.model.nodes[*node].name, value);
        }
        let result = expression.evaluate(&context, target.node);
        match result {
            // An element without a value, which only has extensions, says nothing.
            Ok(items) => Some(items.items().iter().map(Item::to_json).filter(|value| !value.is_null()).collect()),
            Err(issue) => {
                let said = issue.text;
                self.issues.push(Issue::warning(Key::ExpressionInvalid, said_place(&self.place), said));
                None
            }
        }
    }

    /// The fields of an object that hold only under a condition on it.
    fn conditional(
        &mut self,
        fields: &[usize],
        object: &mut Object<String, Value>,
        extras: Option<&Object<String, Value>>,
    ) {
        if fields.is_empty() {
            return;
        }
        let document = Document::from_value(&Value::Object(object.clone()));
        for &field in fields {
            let rule = &self.ground.model.fields[field];
            let holds = document.as_ref().is_ok_and(|document| holds(rule, document));
            let kept = rule.within.iter().try_fold(extras, |extras, name| Some(extras?.get(&**name)?.as_object()));
            for which in 0..rule.members.len() {
                let value = if holds { self.value(rule, which, kept.flatten()) } else { None };
                let value = value.or_else(|| kept.flatten()?.get(&*rule.members[which]).cloned());
                if let Some(value) = value {
                    put_in(object, &rule.within, &rule.members[which], value);
                }
            }
        }
    }

    // === fates

    /// Counts what became of the value at hand, and explains it where that was asked for.
    fn fate<'v>(
        &mut self,
        below: &str,
        origin: Option<(Target<'g>, Node<'g>)>,
        via: impl FnOnce() -> Cow<'v, str>,
        fate: &Fate,
    ) {
        self.fidelity.count(fate);
        if let Some(trace) = &mut self.trace {
            let mut record = said(&self.place);
            if !below.is_empty() {
                record = if record.is_empty() { below.to_owned() } else { format!("{record}.{below}") };
            }
            // A whole resource (a computed value's, one without an id) is where a value comes from, not what was read.
            if let Some((_, node)) = origin.filter(|(target, node)| *fate == Fate::Mapped && *node != target.node) {
                trace.read.push((node, record.clone()));
            }
            let origin = origin.map(|(target, node)| Origin::of(target.resource, node));
            trace.rows.push(Row { record, origin, via: via().into_owned(), fate: fate.clone() });
        }
    }
}

/// Does a field's condition hold for this object?
pub(super) fn holds(field: &Field, document: &Document) -> bool {
    field.when.as_ref().is_none_or(|when| {
        matches!(when.evaluate_bool(&Context::new(document.root()), document.root()), Ok(Some(true)))
    })
}

fn said_place(place: &[Segment<'_>]) -> String {
    said(place)
}

fn nothing<'g>() -> Raw<'g> {
    Raw { nodes: [None; ENDS], count: 1, target: None, identity: false, choice: None }
}

/// The id of a resource: its own, or what its URL ends with.
pub(super) fn identity(target: &Target<'_>) -> String {
    if let Some(id) = target.node.str("id") {
        return id.into_owned();
    }
    let url = &target.resource.url;
    url.rsplit(['/', ':']).next().unwrap_or(url).to_owned()
}

fn fits(shape: &Shape, value: &Value) -> bool {
    match shape {
        Shape::Leaf { .. } => true,
        Shape::Object(_) => value.is_object(),
        Shape::List { .. } => value.is_array(),
    }
}

/// How many values there are inside a value.
fn leaves(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(leaves).sum(),
        Value::Object(members) => members.values().map(leaves).sum(),
        _ => 1,
    }
}

/// Takes what stands at a place out of an object.
fn remove(object: &mut Object<String, Value>, path: &[Box<str>]) -> Option<Value> {
    match path {
        [] => None,
        [name] => object.shift_remove(&**name),
        [name, rest @ ..] => remove(object.get_mut(&**name)?.as_object_mut()?, rest),
    }
}

/// Puts a value at a place in an object.
fn put_in(object: &mut Object<String, Value>, within: &[Box<str>], name: &str, value: Value) {
    let Some((first, rest)) = within.split_first() else {
        object.insert(name.to_owned(), value);
        return;
    };
    let inner = object.entry(first.to_string()).or_insert_with(|| Value::Object(Object::new()));
    if let Some(inner) = inner.as_object_mut() {
        put_in(inner, rest, name, value);
    }
}

//! Graph to record: every element is walked once for what the fields read of it, then the record's shape is walked and
//! written down as it goes.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::{Map as Object, Value};

use crate::fhir::{Document, Issue, Key, Node};
use crate::fhirpath::Context;

use super::converter::{Converted, Converter, Read, Written, said_option};
use super::discover::{Found, NodeSearch, Target};
use super::draft::Draft;
use super::fidelity::{Fidelity, FieldOutcome, Row, Trace, ValueOrigin};
use super::model::{Each, End, Field, Member, Shape, Source, Withhold};
use super::text::Text;
use crate::record::same_value;

/// The most values that a field has on either side.
pub(super) const ENDS: usize = 2;

/// Reads a record from a graph.
pub(super) struct Reader<'g, 'm> {
    /// Where nodes are found
    pub(super) ground: NodeSearch<'g, 'm>,
    /// What they turned out to be
    pub(super) found: Found<'g>,
    /// What became of the values
    pub(super) fidelity: Fidelity,
    /// What is worth knowing
    pub(super) issues: Vec<Issue>,
    /// What an explanation gathers
    pub(super) trace: Option<Trace<'g>>,
    /// The record so far
    text: Text,
    /// The rules under which something is left out
    withheld: Vec<&'m Withhold>,
    /// Where in the record we are
    pub(super) place: Vec<Segment<'m>>,
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
pub(super) fn path_text(place: &[Segment<'_>]) -> String {
    let mut text = String::new();
    for segment in place {
        match segment {
            Segment::Name(name) if text.is_empty() => text.push_str(name),
            Segment::Name(name) => {
                text.push('.');
                text.push_str(name);
            }
            // Writing into a text does not fail.
            Segment::Item(at) => drop(write!(text, "[{at}]")),
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
            (Some(node), Written::Value(value)) => same_value(&node.to_value(), value),
            _ => false,
        })
    }
}

// ===

impl<'g, 'm> Reader<'g, 'm> {
    pub(super) fn new(ground: NodeSearch<'g, 'm>, explained: bool) -> Self {
        Self {
            ground,
            found: Found::nothing(ground.model),
            fidelity: Fidelity::default(),
            issues: Vec::new(),
            trace: explained.then(Trace::default),
            text: Text::default(),
            withheld: Vec::new(),
            place: Vec::new(),
        }
    }

    /// The record, as JSON text.
    pub(super) fn record(&mut self, extras: &Value) -> String {
        let model = self.ground.model;
        self.find(&model.singles);
        self.withheld = self.withheld();
        self.text = Text::new();
        self.whole(&model.shape, &model.conditional, extras.as_object());
        std::mem::take(&mut self.text).finish()
    }

    /// Finds single nodes, in order.
    pub(super) fn find(&mut self, singles: &[usize]) {
        for &node in singles {
            let target = self.ground.single(&self.ground.model.nodes[node], &self.found);
            self.place_at(node, target);
        }
    }

    /// A node is this now; gives what it was before.
    pub(super) fn place_at(&mut self, node: usize, target: Option<Target<'g>>) -> Option<Target<'g>> {
        self.found.place(self.ground.model, node, target)
    }

    /// Can the graph say anything of this member?
    pub(super) fn may_say(&self, member: &Member) -> bool {
        match &member.shape {
            Shape::Leaf { sites, .. } => {
                sites.as_ref().is_none_or(|sites| sites.iter().any(|site| self.found.sites[*site].is_some()))
            }
            Shape::Object(_) | Shape::List { .. } => self.found.present.meets(&member.from),
        }
    }

    /// The rules that apply.
    pub(super) fn withheld(&mut self) -> Vec<&'m Withhold> {
        let mut active = Vec::new();
        for rule in &self.ground.model.withhold {
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
    fn whole(&mut self, members: &'m [Member], conditional: &'m [usize], extras: Option<&Object<String, Value>>) {
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
        for member in members {
            let kept = extras.and_then(|extras| extras.get(&*member.name));
            if kept.is_none() && !self.may_say(member) {
                continue;
            }
            self.place.push(Segment::Name(&member.name));
            let start = self.text.len();
            let before = self.before_withheld();
            self.text.label(&member.label);
            let is_said = match &member.shape {
                Shape::Leaf { sites: Some(sites), plain: true, .. } if kept.is_none() && self.trace.is_none() => {
                    self.plain(sites)
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
                self.text.cut(start);
                // Something of another kind stands here, which only extras can have.
                if let Some(kept) = kept.filter(|kept| !fits(&member.shape, kept)) {
                    self.text.label(&member.label);
                    self.text.value(kept);
                }
            }
            if let Some(before) = before {
                self.withhold(&before);
                self.text.cut(start);
            }
            self.place.pop();
        }
        for (name, value) in extras.into_iter().flatten() {
            if !members.iter().any(|member| *member.name == **name) {
                self.text.name(name);
                self.text.value(value);
                self.fate(name, None, || "".into(), &FieldOutcome::Kept);
            }
        }
    }

    /// The items of a list; says whether there are any.
    fn list(&mut self, node: usize, item: &'m [Member], extras: Option<&Vec<Value>>) -> bool {
        let model = self.ground.model;
        let Some(each) = &model.nodes[node].each else { return false };
        self.text.open('[');
        let mut count = 0;
        let mut used = vec![false; extras.map_or(0, Vec::len)];
        for target in self.ground.each(&model.nodes[node], &self.found) {
            self.place_at(node, Some(target));
            self.find(&each.singles);
            self.place.push(Segment::Item(count));
            let kept = self.kept_item(item, each, extras, &mut used);
            self.text.next();
            self.whole(item, &each.conditional, kept);
            self.place.pop();
            count += 1;
        }
        self.place_at(node, None);
        self.text.close(']');
        count > 0
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
            !used[at] && members.all(|(_, (name, own))| said_option(own.as_ref(), entry.get(&**name)))
        })?;
        used[at] = true;
        extras[at].as_object()
    }

    /// The values of the item at hand that tell it apart.
    pub(super) fn key<'k>(&self, item: &'m [Member], key: &[Box<str>]) -> Vec<Option<Converted<'k>>>
    where
        'g: 'k,
        'm: 'k,
    {
        let mut values = Vec::with_capacity(key.len());
        for name in key {
            let leaf = item.iter().find(|member| member.name == *name).map(|member| &member.shape);
            values.push(match leaf {
                Some(Shape::Leaf { field, which, .. }) => self.read(&self.ground.model.fields[*field], *which).0.value,
                _ => None,
            });
        }
        values
    }

    // === leaves

    /// The value of a leaf that is said the same on both sides.
    fn plain(&mut self, sites: &[usize]) -> bool {
        let value = sites.iter().find_map(|site| self.found.sites[*site]);
        if let Some(value) = value {
            self.text.node(value);
            self.fidelity.mapped += 1;
        }
        value.is_some()
    }

    /// The value of a leaf, or what is kept for it; says whether there is one.
    fn leaf(&mut self, field: usize, which: usize, extras: Option<&Object<String, Value>>) -> bool {
        let rule = &self.ground.model.fields[field];
        rule.when.is_none() && self.value(rule, which, extras)
    }

    fn value(&mut self, field: &'m Field, which: usize, extras: Option<&Object<String, Value>>) -> bool {
        match &field.source {
            Source::Constant(value) => {
                self.text.value(value);
                self.fate("", None, || "value".into(), &FieldOutcome::Defaulted);
                true
            }
            Source::Computed { node, expression, plain, .. } => {
                match plain {
                    Some(end) => match self.found.sites[end.site] {
                        Some(node) => self.text.node(node),
                        None => return false,
                    },
                    None => match self.computed(field) {
                        Some(value) => self.text.value(&value),
                        None => return false,
                    },
                }
                let origin = self.found.targets[*node].map(|target| (target, target.node));
                self.fate("", origin, || expression.text().into(), &FieldOutcome::Computed);
                true
            }
            Source::Ends { via, .. } => {
                let (read, raw) = self.read(field, which);
                if let Some(kept) = extras.and_then(|extras| extras.get(&*field.members[which]))
                    && !read.says(Some(kept))
                    && Self::still_holds(field, &raw, extras)
                {
                    self.text.value(kept);
                    self.fate("", None, || via.name(), &FieldOutcome::Kept);
                    return true;
                }
                if read.untranslated
                    && let Converter::Crosswalk(table) = via
                {
                    let code = read.value.as_ref().and_then(Converted::text).unwrap_or_default();
                    self.untranslated(format!("{}; the code passed as it is", table.without_source(code)));
                }
                let Some(value) = &read.value else { return false };
                value.write(&mut self.text);
                let fate = if read.defaulted { FieldOutcome::Defaulted } else { FieldOutcome::Mapped };
                let origin = raw.target.map(|target| (target, raw.origin(which).unwrap_or(target.node)));
                self.fate("", origin, || via.name(), &fate);
                true
            }
        }
    }

    pub(super) fn untranslated(&mut self, said: String) {
        self.fidelity.untranslated += 1;
        self.issues.push(Issue::information(Key::NotTranslated, self::path_text(&self.place), said));
    }

    /// Does the value that is kept for a field still mean what FHIR says?
    fn still_holds(field: &'m Field, raw: &Raw<'g>, extras: Option<&Object<String, Value>>) -> bool {
        let Source::Ends { via, .. } = &field.source else { return false };
        if raw.is_empty() {
            return true;
        }
        let own: Vec<Option<Value>> = (0..field.members.len())
            .map(|which| via.read(raw.nodes(), which).value.map(Converted::into_value))
            .collect();
        let kept = field.members.iter().map(|name| extras.and_then(|extras| extras.get(&**name)));
        let values: Vec<Option<&Value>> = kept.zip(&own).map(|(kept, own)| kept.or(own.as_ref())).collect();
        via.write(&values).is_ok_and(|written| raw.says(&written))
    }

    /// What a field's converter makes of what the graph says, and where it says it.
    pub(super) fn read<'v>(&self, field: &'v Field, which: usize) -> (Read<'v>, Raw<'g>)
    where
        'g: 'v,
    {
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
            read = Read { value: Some(Converted::Value(default.clone())), defaulted: true, ..read };
        }
        (read, raw)
    }

    fn convert<'v>(via: &'v Converter, raw: &Raw<'g>, which: usize) -> Read<'v>
    where
        'g: 'v,
    {
        if raw.identity {
            let value = raw.target.map(|target| Converted::Text(identity(&target)));
            return Read { value, ..Read::default() };
        }
        via.read(raw.nodes(), which)
    }

    /// What stands at the ends of a field.
    pub(super) fn raw(&self, ends: &[End]) -> Raw<'g> {
        let mut raw = Raw { count: ends.len().min(ENDS), ..nothing() };
        for (at, end) in ends.iter().enumerate().take(ENDS) {
            let Some(target) = self.found.targets[end.node] else { continue };
            if at == 0 {
                raw.target = Some(target);
                raw.identity = end.identity;
            }
            if !end.identity {
                raw.nodes[at] = self.found.sites[end.site];
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
            let rule = &self.ground.model.fields[field];
            let holds = holds(rule, &document);
            let kept = rule.within.iter().try_fold(extras, |extras, name| Some(extras?.get(&**name)?.as_object()));
            let kept = kept.flatten();
            for (which, name) in rule.members.iter().enumerate() {
                let depth = self.place.len();
                self.place.extend(rule.within.iter().chain([name]).map(|name| Segment::Name(name)));
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
                self.text.cut(end);
                self.place.truncate(depth);
            }
        }
        self.text.cut(start);
        self.text.push(&draft.finish());
    }

    /// How things stand before what is written at the place at hand, where a rule leaves it out.
    fn before_withheld(&self) -> Option<BeforeWithheld<'m>> {
        if self.withheld.is_empty() {
            return None;
        }
        let rule = self.withheld.iter().find(|rule| rule.record.iter().any(|path| is_at(path, &self.place)))?;
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
            let fate = FieldOutcome::Withheld(before.rule.to_owned());
            trace.rows.iter_mut().skip(before.rows).for_each(|row| row.fate = fate.clone());
            trace.withheld.push((path_text(&self.place), before.rule.to_owned()));
        }
    }

    // === fates

    /// Counts what became of the value at hand, and explains it where that was asked for.
    fn fate<'v>(
        &mut self,
        below: &str,
        origin: Option<(Target<'g>, Node<'g>)>,
        via: impl FnOnce() -> Cow<'v, str>,
        fate: &FieldOutcome,
    ) {
        self.fidelity.count(fate);
        if let Some(trace) = &mut self.trace {
            let mut record = path_text(&self.place);
            if !below.is_empty() {
                record = if record.is_empty() { below.to_owned() } else { format!("{record}.{below}") };
            }
            // A whole resource (a computed value's, one without an id) is where a value comes from, not what was read.
            if let Some((_, node)) =
                origin.filter(|(target, node)| *fate == FieldOutcome::Mapped && *node != target.node)
            {
                trace.read.push((node, record.clone()));
            }
            let origin = origin.map(|(target, node)| ValueOrigin::of(target.resource, node));
            trace.rows.push(Row { record, origin, via: via().into_owned(), fate: fate.clone() });
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
pub(super) fn is_at(path: &[Box<str>], place: &[Segment<'_>]) -> bool {
    path.len() == place.len()
        && path.iter().zip(place).all(|(name, segment)| matches!(segment, Segment::Name(own) if **own == **name))
}

/// Does a field's condition hold for this object?
pub(super) fn holds(field: &Field, document: &Document) -> bool {
    field.when.as_ref().is_none_or(|when| {
        matches!(when.evaluate_bool(&Context::new(document.root()), document.root()), Ok(Some(true)))
    })
}

fn nothing<'g>() -> Raw<'g> {
    Raw { nodes: [None; ENDS], count: 1, target: None, identity: false, choice: None }
}

/// The id of a resource: its own, or what its URL ends with.
pub(super) fn identity<'g>(target: &Target<'g>) -> Cow<'g, str> {
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

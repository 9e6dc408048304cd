//! The shape of the record that the fields of a map make up: its objects, lists and values, which nodes each gets its
//! values from, and what of each node the record shows.

use serde_json::Value;

use super::super::converter::Converter;
use super::super::model::{End, Field, Find, Member, Model, NodeRule, Shape, Source};
use super::super::node_set::NodeSet;
use super::super::path::Path;
use super::record_position::RecordPosition;

/// Completes the shape once all fields are in it.
pub(super) fn complete(model: &mut Model) {
    mapped_displays(model);
    assign_slots(model);
    let mut shape = std::mem::take(&mut model.shape);
    for member in &mut shape {
        member.complete(model);
    }
    mark_own_keys(model, &shape);
    model.shape = shape;
    for at in 0..model.nodes.len() {
        model.nodes[at].shown = shown_fields(model, at);
        for fill in 0..model.nodes[at].fills.len() {
            model.nodes[at].fills[fill].shown = shown_paths(model, at, &model.nodes[at].fills[fill].path);
        }
    }
}

impl Member {
    /// Says which nodes it gets values from.
    fn complete(&mut self, model: &Model) {
        let mut from = NodeSet::default();
        match &mut self.shape {
            Shape::Leaf { field, slots, plain, .. } => {
                let field = &model.fields[*field];
                from = source_nodes(field);
                *slots = slots_of(model, field);
                *plain = is_plain(field);
            }
            Shape::Object(members) => {
                for member in members {
                    member.complete(model);
                    from.extend(member.from);
                }
            }
            Shape::List { node, item } => {
                for member in item {
                    member.complete(model);
                }
                match &model.nodes[*node].find {
                    Find::Items(end) => from.insert(end.node),
                    Find::At(ends) => ends.iter().for_each(|end| from.insert(end.node)),
                    Find::Root | Find::Search | Find::Versions => from = NodeSet::ALL,
                }
            }
        }
        self.from = from;
    }
}

/// Says of each list whether its own node tells its items apart.
fn mark_own_keys(model: &mut Model, members: &[Member]) {
    for member in members {
        match &member.shape {
            Shape::Object(members) => mark_own_keys(model, members),
            Shape::List { node, item } => {
                mark_own_keys(model, item);
                let Model { nodes, fields, .. } = model;
                let is_own = |name: &str| {
                    let leaf = item.iter().find(|member| *member.name == *name).map(|member| &member.shape);
                    let Some(Shape::Leaf { field, .. }) = leaf else { return false };
                    let field = &fields[*field];
                    matches!(field.source, Source::Ends { .. }) && field.ends().all(|end| end.node == *node)
                };
                if let Some(each) = &mut nodes[*node].each {
                    each.key_is_own = each.key.iter().all(|name| is_own(name));
                }
            }
            Shape::Leaf { .. } => {}
        }
    }
}

/// Gives every place that the fields read its number.
fn assign_slots(model: &mut Model) {
    let Model { nodes, fields, slot_count, .. } = model;
    let enter = |nodes: &mut Vec<NodeRule>, end: &mut End| {
        let steps = if end.identity { &[][..] } else { &end.path.steps };
        end.slot = nodes[end.node].path_tree.add(steps);
    };
    for field in fields.iter_mut() {
        field.read_mut().for_each(|end| enter(nodes, end));
    }
    for at in 0..nodes.len() {
        let begin = |end: &End| Some((end.node, end.path.steps.first()?.name.clone()));
        let begins: Vec<(usize, Box<str>)> = nodes[at].found_at().filter_map(begin).collect();
        let entered: Vec<usize> = begins.iter().map(|(host, name)| nodes[*host].path_tree.add_member(name)).collect();
        nodes[at].found_at_mut().zip(entered).for_each(|(end, slot)| end.slot = slot);
    }
    for node in nodes.iter_mut() {
        *slot_count = node.path_tree.assign_slots(*slot_count);
    }
    for at in 0..nodes.len() {
        let firsts: Vec<usize> = nodes[at].found_at().map(|end| nodes[end.node].path_tree.first()).collect();
        nodes[at].found_at_mut().zip(firsts).for_each(|(end, first)| end.slot += first);
    }
    for field in fields.iter_mut() {
        field.read_mut().for_each(|end| end.slot += nodes[end.node].path_tree.first());
    }
}

/// The places that a field gets values from; none where it has one in any case.
fn slots_of(model: &Model, field: &Field) -> Option<Box<[usize]>> {
    let itself = |node: usize| model.nodes[node].path_tree.first();
    let slots: Vec<usize> = match &field.source {
        Source::Constant(_) | Source::Ends { via: Converter::Flag, .. } => return None,
        Source::Computed { plain: Some(end), .. } => vec![end.slot],
        Source::Computed { node, .. } => vec![itself(*node)],
        // Where there is a node, silence says what the default says.
        Source::Ends { .. } if field.default.is_some() => field.ends().map(|end| itself(end.node)).collect(),
        Source::Ends { .. } => field.ends().map(|end| end.slot).collect(),
    };
    Some(slots.into())
}

/// Does a field say what the first of its places says, as it stands there?
fn is_plain(field: &Field) -> bool {
    let says_so = matches!(&field.source, Source::Ends { via: Converter::Same(_), also: None, .. });
    says_so && field.when.is_none() && field.default.is_none() && field.ends().all(|end| !end.identity)
}

/// The nodes that a field gets values from.
fn source_nodes(field: &Field) -> NodeSet {
    let mut from = NodeSet::default();
    match &field.source {
        // The absence of the element is a value too.
        Source::Ends { via: Converter::Flag, .. } | Source::Constant(_) => from = NodeSet::ALL,
        Source::Ends { .. } => field.ends().for_each(|end| from.insert(end.node)),
        Source::Computed { node, .. } => from.insert(*node),
    }
    from
}

/// A display that a field of its own carries does not go with its code.
fn mapped_displays(model: &mut Model) {
    let parent = |end: &End| end.path.text.rsplit_once('.').map(|(parent, _)| (end.node, parent.to_owned()));
    let displays: Vec<_> = model
        .fields
        .iter()
        .flat_map(Field::ends)
        .filter(|end| end.path.steps.last().is_some_and(|step| &*step.name == "display"))
        .filter_map(parent)
        .collect();
    for field in &mut model.fields {
        let Source::Ends { choices, also, .. } = &mut field.source else { continue };
        for end in choices.iter_mut().flatten().chain(also.as_mut().map(|(end, _)| end)) {
            end.path.coded &= !parent(end).is_some_and(|parent| displays.contains(&parent));
        }
    }
}

/// What the record shows of a node where that is created.
fn shown_fields(model: &Model, node: usize) -> Vec<usize> {
    let rule = &model.nodes[node];
    if !rule.is_creatable() {
        return Vec::new();
    }
    let mut shown = Vec::new();
    for (at, field) in model.fields.iter().enumerate() {
        let below = |member: &str| {
            let position: Vec<&str> = field.within.iter().map(AsRef::as_ref).chain([member]).collect();
            rule.create.iter().any(|create| {
                position.len() >= create.len() && create.iter().zip(&position).all(|(one, two)| **one == **two)
            })
        };
        if field.members.iter().any(|member| below(member)) && field.ends().any(|end| end.node == node) {
            shown.push(at);
        }
    }
    shown
}

/// What the record shows of what stands at a path of a node.
fn shown_paths(model: &Model, node: usize, path: &Path) -> Vec<Path> {
    let ends = model.fields.iter().flat_map(Field::ends);
    let inside = |end: &&End| {
        end.node == node
            && end.path.steps.len() >= path.steps.len()
            && end.path.steps.iter().zip(&path.steps).all(|(one, two)| one.can_match(two))
    };
    ends.filter(inside).map(|end| end.path.clone()).collect()
}

/// Puts a field into the record's shape, and among what its list or the record holds under a condition.
pub(super) fn add_field(model: &mut Model, at: usize, field: &Field, position: &RecordPosition) {
    let list = position.list.as_deref().and_then(|list| list_named(model, list));
    if field.when.is_some() {
        match list.and_then(|list| model.nodes[list].each.as_mut()) {
            Some(each) => each.conditional.push(at),
            None => model.conditional.push(at),
        }
    }
    for (which, member) in field.members.iter().enumerate() {
        let path = position.path.sibling(member);
        let names: Vec<String> = path.names().into_iter().map(str::to_owned).collect();
        let lists: Vec<Option<usize>> = (0..names.len())
            .map(|at| (names.get(at + 1).is_some_and(|next| next == "[]")).then(|| names[..=at].to_vec()))
            .map(|prefix| prefix.and_then(|names| list_named(model, &joined(&names))))
            .collect();
        insert(&mut model.shape, &names, &lists, at, which);
        if let Some(end) = identity(field) {
            let mut path = position.names.clone();
            path.pop();
            path.push(member.clone());
            model.nodes[end].identity.get_or_insert(path.into());
        }
    }
}

/// The node whose id a field carries.
fn identity(field: &Field) -> Option<usize> {
    match &field.source {
        Source::Ends { choices, .. } => choices.first()?.first().filter(|end| end.identity).map(|end| end.node),
        _ => None,
    }
}

/// `a.b[].c` of names with `[]` as names of their own.
fn joined(names: &[String]) -> String {
    let mut text = String::new();
    for name in names {
        if name != "[]" && !text.is_empty() {
            text.push('.');
        }
        text.push_str(name);
    }
    text
}

pub(super) fn list_named(model: &Model, list: &str) -> Option<usize> {
    model.nodes.iter().position(|node| node.each.as_ref().is_some_and(|each| &*each.record == list))
}

/// Puts a leaf into a shape, with the objects and lists around it.
fn insert(members: &mut Vec<Member>, names: &[String], lists: &[Option<usize>], field: usize, which: usize) {
    let Some((name, rest)) = names.split_first() else { return };
    let at = members.iter().position(|member| *member.name == **name).unwrap_or_else(|| {
        let shape = match (rest, lists.first().copied().flatten()) {
            ([], _) => Shape::Leaf { field, which, slots: None, plain: false },
            (_, Some(node)) => Shape::List { node, item: Vec::new() },
            (_, None) => Shape::Object(Vec::new()),
        };
        let label = format!("{}:", Value::from(name.as_str())).into();
        members.push(Member { name: name.as_str().into(), label, shape, from: NodeSet::default() });
        members.len() - 1
    });
    match &mut members[at].shape {
        Shape::Object(members) => insert(members, rest, &lists[1..], field, which),
        Shape::List { item, .. } => {
            insert(item, rest.get(1..).unwrap_or_default(), lists.get(2..).unwrap_or_default(), field, which);
        }
        Shape::Leaf { .. } => {}
    }
}

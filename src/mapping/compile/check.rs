//! What has to hold between fields and nodes: one writer for every place, a source for every required element, keys
//! that the items have.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::model::{End, Expected, Field, FillValue, Find, Member, Model, NodeRule, Shape};
use super::super::path::{Path, PathStep};
use super::super::source::FieldFile;
use super::context::CompileContext;
use super::declarations::{Declaration, Declarations};
use super::findings::Findings;
use crate::referral::task_step::KEPT;

/// Adds what does not hold.
pub(super) fn check(
    model: &Model,
    context: &CompileContext<'_>,
    declared: &Declarations<'_>,
    sources: &[Declaration<'_, FieldFile>],
    findings: &mut Findings,
) {
    check_single_writer(model, sources, findings);
    check_history(model, sources, findings);
    for (at, rule) in model.nodes.iter().enumerate() {
        let Some((_, node)) = declared.nodes.iter().find(|(name, _)| **name == *rule.name) else { continue };
        let mut add = |message: String, fix: &str| findings.add(node.file, node.at, message, fix);
        check_keys(model, at, rule, &mut add);
        if !rule.foreign_ends.is_empty() && rule.identity.is_some() {
            let message =
                format!("{} gets another id when it is adopted, so the record cannot be held to one", rule.name);
            add(message, "show its id one way: get: id");
        }
        let is_made = match rule.find {
            Find::Root => true,
            Find::At(_) | Find::Search => rule.each.is_some() || rule.is_creatable(),
            // Elements are looked at with their resource.
            Find::Items(_) | Find::Versions => false,
        };
        if is_made {
            check_required(model, context, at, rule, &mut add);
        }
    }
}

// === one writer

/// Two fields that can write the same place need conditions that cannot both hold.
fn check_single_writer(model: &Model, sources: &[Declaration<'_, FieldFile>], findings: &mut Findings) {
    let places: Vec<Vec<(usize, Vec<&PathStep>)>> =
        model.fields.iter().map(|field| written(field).map(|end| full_path(model, end)).collect()).collect();
    for later in 0..places.len() {
        for earlier in 0..later {
            let overlap = places[later].iter().any(|one| places[earlier].iter().any(|two| same_place(one, two)));
            if overlap && !exclusive(&model.fields[later], &model.fields[earlier]) {
                let (one, two) = (&model.fields[later].record[0], &model.fields[earlier].record[0]);
                let source = &sources[later];
                findings.add(
                    source.file,
                    source.content.fhir.as_ref().map_or(source.at, |fhir| fhir.referenced),
                    format!("{one} and {two} can write the same place"),
                    "make one of them one way (get:), choose other items, or give both a when: that excludes the other",
                );
            }
        }
    }
}

/// The places that a field writes.
fn written(field: &Field) -> impl Iterator<Item = &End> {
    field.ends().filter(|end| !end.identity)
}

/// Of earlier versions of a Task only some members are kept.
fn check_history(model: &Model, sources: &[Declaration<'_, FieldFile>], findings: &mut Findings) {
    for (field, source) in model.fields.iter().zip(sources) {
        let of_version = |end: &&End| matches!(model.nodes[end.node].find, Find::Versions);
        for end in field.ends().filter(of_version) {
            let member = end.path.steps.first().map_or("", |step| &step.name);
            if !end.identity && !KEPT.contains(&member) {
                let message = format!("{member} is not kept of the earlier versions of a Task");
                findings.add(source.file, source.at, message, format!("read one of {}", KEPT[2..].join(", ")));
            }
        }
    }
}

/// A place from its resource on: items of lists are part of where the list stands.
fn full_path<'m>(model: &'m Model, end: &'m End) -> (usize, Vec<&'m PathStep>) {
    let (node, mut steps) = match &model.nodes[end.node].find {
        Find::Items(items) => full_path(model, items),
        _ => (end.node, Vec::new()),
    };
    steps.extend(&end.path.steps);
    (node, steps)
}

fn same_place(one: &(usize, Vec<&PathStep>), two: &(usize, Vec<&PathStep>)) -> bool {
    one.0 == two.0 && one.1.iter().zip(&two.1).all(|(one, two)| one.can_match(two))
}

/// Do both fields hold under conditions on one place that cannot both be true: `type = 'a'` and `type = 'b'`?
fn exclusive(one: &Field, two: &Field) -> bool {
    let condition = |field: &Field| -> Option<(String, String)> {
        let (position, value) = field.when.as_ref()?.text().split_once('=')?;
        let value = value.trim().strip_prefix('\'')?.strip_suffix('\'')?;
        let plain = !value.contains('\'')
            && position.trim().chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '.');
        plain.then(|| (position.trim().to_owned(), value.to_owned()))
    };
    match (condition(one), condition(two)) {
        (Some((position, value)), Some((other_place, other_value))) => position == other_place && value != other_value,
        _ => false,
    }
}

// === keys

/// The members that tell items apart are values of the items.
fn check_keys(model: &Model, at: usize, rule: &NodeRule, add: &mut dyn FnMut(String, &str)) {
    let Some(each) = &rule.each else { return };
    let Some(item) = item_of(&model.shape, at) else {
        let message = format!("no field stands in {}", each.record);
        return add(message, "add fields for the items of the list, or remove the node");
    };
    for key in &each.key {
        let is_leaf = |member: &Member| member.name == *key && matches!(member.shape, Shape::Leaf { .. });
        if !item.iter().any(is_leaf) {
            let message = format!("no field is {}[].{key}, which is to tell the items apart", each.record);
            add(message, "add the field, or choose another key");
        }
    }
}

fn item_of(members: &[Member], node: usize) -> Option<&[Member]> {
    members.iter().find_map(|member| match &member.shape {
        Shape::List { node: own, item } if *own == node => Some(item.as_slice()),
        Shape::List { item: members, .. } | Shape::Object(members) => item_of(members, node),
        Shape::Leaf { .. } => None,
    })
}

// === required elements

/// Every required element of what can be created has a source.
fn check_required(
    model: &Model,
    context: &CompileContext<'_>,
    at: usize,
    rule: &NodeRule,
    add: &mut dyn FnMut(String, &str),
) {
    let mut sourced = BTreeSet::new();
    let mut whole_values = BTreeSet::new();
    for field in &model.fields {
        for end in written(field) {
            let (node, steps) = full_path(model, end);
            if node == at {
                add_prefixes(&steps, &mut sourced);
                whole_values.insert(names(&steps));
            }
        }
    }
    for test in &rule.tests {
        let is_node = matches!(test.is, Expected::Node(_));
        add_value(
            &test.path,
            if let Expected::Value(value) = &test.is { Some(value) } else { None },
            is_node,
            &mut sourced,
            &mut whole_values,
        );
    }
    for fill in &rule.fills {
        let value = if let FillValue::Value(value) = &fill.with { Some(value) } else { None };
        add_value(&fill.path, value, value.is_none(), &mut sourced, &mut whole_values);
    }
    // What new items of its lists have.
    for items in &model.nodes {
        let Find::Items(end) = &items.find else { continue };
        let (node, steps) = full_path(model, end);
        if node == at {
            for fill in &items.fills {
                let steps: Vec<&PathStep> = steps.iter().copied().chain(fill.path.steps.iter()).collect();
                add_prefixes(&steps, &mut sourced);
                match &fill.with {
                    FillValue::Value(value) => add_members(&mut names(&steps), value, &mut sourced),
                    FillValue::Node(_) | FillValue::Copy(_) => {
                        whole_values.insert(names(&steps));
                    }
                }
            }
        }
    }
    for other in &model.nodes {
        // A created node is linked where others are found or listed.
        let links = match &other.find {
            Find::At(ends) => ends.as_slice(),
            _ => &[],
        };
        for end in links.iter().chain(&other.listed).filter(|end| end.node == at) {
            let steps: Vec<&PathStep> = end.path.steps.iter().collect();
            add_prefixes(&steps, &mut sourced);
            whole_values.insert(names(&steps));
        }
    }
    let mut missing = Vec::new();
    collect_missing(context, &rule.start, &[], &sourced, &whole_values, &mut missing);
    for element in missing {
        let message = format!("a created {} needs {element}, and nothing gives it", rule.start);
        add(message, "add a field that writes it, or new: with a value");
    }
}

fn names(steps: &[&PathStep]) -> Vec<String> {
    steps.iter().map(|step| step.name.to_string()).collect()
}

/// Remembers the elements on the way to a place, and those that choosing items makes.
fn add_prefixes(steps: &[&PathStep], sourced: &mut BTreeSet<Vec<String>>) {
    for length in 1..=steps.len() {
        let prefix = names(&steps[..length]);
        for condition in &steps[length - 1].select {
            for deep in 1..=condition.path.len() {
                let mut path = prefix.clone();
                path.extend(condition.path[..deep].iter().map(|step| step.name.to_string()));
                sourced.insert(path);
            }
        }
        sourced.insert(prefix);
    }
}

fn add_value(
    path: &Path,
    value: Option<&Value>,
    is_whole: bool,
    sourced: &mut BTreeSet<Vec<String>>,
    whole_values: &mut BTreeSet<Vec<String>>,
) {
    let steps: Vec<&PathStep> = path.steps.iter().collect();
    add_prefixes(&steps, sourced);
    if is_whole {
        whole_values.insert(names(&steps));
    }
    if let Some(value) = value {
        add_members(&mut names(&steps), value, sourced);
    }
}

/// Remembers the members of a literal.
fn add_members(at: &mut Vec<String>, value: &Value, sourced: &mut BTreeSet<Vec<String>>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| add_members(at, item, sourced)),
        Value::Object(members) => {
            for (name, value) in members {
                at.push(name.clone());
                sourced.insert(at.clone());
                add_members(at, value, sourced);
                at.pop();
            }
        }
        _ => {}
    }
}

/// The required elements, at this place and at those below that are written, which nothing gives.
fn collect_missing(
    context: &CompileContext<'_>,
    start: &str,
    at: &[String],
    sourced: &BTreeSet<Vec<String>>,
    whole_values: &BTreeSet<Vec<String>>,
    missing: &mut Vec<String>,
) {
    let path: Vec<&str> = [start].into_iter().chain(at.iter().map(String::as_str)).collect();
    let Some(step) = context.definitions.element_at(&path.join(".")) else { return };
    let given: BTreeSet<&str> = sourced
        .iter()
        .filter(|path| path.len() == at.len() + 1 && path.starts_with(at))
        .filter_map(|path| path.last())
        .map(String::as_str)
        .collect();
    if !whole_values.contains(at) {
        let structure = step.structure();
        let mut own: Vec<_> = structure.children(step.index()).map(|(_, element)| element.clone()).collect();
        if own.is_empty()
            && let Some(of_type) = step.type_name().and_then(|kind| context.definitions.structure(kind))
        {
            own = of_type.children(0).map(|(_, element)| element.clone()).collect();
        }
        for element in own.iter().filter(|element| element.min > 0) {
            let stem = element.stem();
            let found =
                given.iter().any(|name| if element.is_choice() { name.starts_with(stem) } else { *name == stem });
            if !found {
                let mut position: Vec<&str> = at.iter().map(String::as_str).collect();
                position.push(&element.name);
                missing.push(position.join("."));
            }
        }
    }
    for name in given {
        let mut below = at.to_vec();
        below.push(name.to_owned());
        collect_missing(context, start, &below, sourced, whole_values, missing);
    }
}

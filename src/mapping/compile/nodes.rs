//! Nodes: how each part of the graph is found, created and linked.

use serde_json::Value;
use serde_saphyr::{Location, Spanned};

use super::super::model::{End, Expected, Fill, FillValue, Find, Model, NodeRule, Owner, RecordList, Test};
use super::super::path::{Path, Paths, Repeats};
use super::super::path_tree::PathTree;
use super::super::source::{NodeFile, Ordered};
use super::declarations::{Declaration, Declarations};
use super::ends::{NodeIndex, end, ends, literal};
use super::findings::Findings;
use super::record_position::RecordPosition;

/// Compiles the nodes in their order, each knowing those before it; then what they are created with, which may name
/// any.
pub(super) fn compile(
    model: &mut Model,
    kind: &str,
    declared: &Declarations<'_>,
    paths: Paths<'_>,
    findings: &mut Findings,
) -> NodeIndex {
    let mut known = NodeIndex::new();
    for (name, node) in &declared.nodes {
        if let Some(rule) = compile_node(model, name, node, paths, &known, findings) {
            known.insert((*name).to_owned(), model.nodes.len());
            model.nodes.push(rule);
        }
    }
    let creation = Creation { kind, paths, known: &known };
    for (name, node) in &declared.nodes {
        if let Some(&at) = known.get(*name) {
            creation.compile(model, at, node, findings);
        }
    }
    for at in 0..model.nodes.len() {
        let rule = &model.nodes[at];
        if rule.each.is_some() {
            continue;
        }
        match rule.scope {
            None => model.singles.push(at),
            Some(list) => {
                if let Some(each) = &mut model.nodes[list].each {
                    each.singles.push(at);
                }
            }
        }
    }
    number_references(model);
    known
}

/// Numbers the references that nodes are found at, so that what several nodes are found at is followed once. Those in
/// items of lists lead elsewhere from each item.
fn number_references(model: &mut Model) {
    let is_still: Vec<bool> = model.nodes.iter().map(|rule| rule.each.is_none() && rule.scope.is_none()).collect();
    let mut known: Vec<(usize, Box<str>)> = Vec::new();
    for rule in &mut model.nodes {
        let at = if let Find::At(ends) = &mut rule.find { ends.as_mut_slice() } else { &mut [] };
        for end in at.iter_mut().chain(&mut rule.foreign_ends).filter(|end| is_still[end.node]) {
            let same = known.iter().position(|(node, text)| *node == end.node && *text == end.path.text);
            end.reference = same.or_else(|| {
                known.push((end.node, end.path.text.clone()));
                Some(known.len() - 1)
            });
        }
    }
    model.reference_count = known.len();
}

/// How a node is found.
fn compile_node(
    model: &Model,
    name: &str,
    node: &Declaration<'_, NodeFile>,
    paths: Paths<'_>,
    known: &NodeIndex,
    findings: &mut Findings,
) -> Option<NodeRule> {
    let Declaration { file, at, content } = *node;
    let kind = content.kind.as_ref().map(|kind| (kind.value.as_str(), kind.referenced));
    if let Some((kind, at)) = kind
        && !paths.definitions.is_resource_type(kind)
    {
        findings.add(
            file,
            at,
            format!("{kind} is no resource type of FHIR R4"),
            "name a resource type, such as Procedure",
        );
        return None;
    }
    let (find, start) = match compile_find(model, content, paths, known) {
        Ok(found) => found,
        Err((position, message, fix)) => {
            findings.add(file, position.unwrap_or(at), message, fix);
            return None;
        }
    };
    let is_items = matches!(find, Find::Items(_));
    let mut rule = NodeRule {
        name: name.into(),
        resource: (!is_items).then(|| start.as_str().into()),
        start,
        scope: scope_of(model, content, &find, known),
        owner: owner(model, content, &find, file, findings),
        host: match &find {
            Find::Items(end) => model.nodes[end.node].host,
            _ => model.nodes.len(),
        },
        find,
        tests: Vec::new(),
        each: None,
        create: Vec::new(),
        foreign_ends: foreign_ends(model, content, paths, known, file, findings),
        origin: None,
        ours: Vec::new(),
        shown: Vec::new(),
        listed: None,
        fills: Vec::new(),
        removal: Vec::new(),
        identity: None,
        path_tree: PathTree::default(),
    };
    rule.each = each(model, file, content, &rule, findings);
    if is_items && rule.each.is_none() {
        findings.add(file, at, "items make a list of the record", "add each: and the list's place in the record");
    }
    Some(rule)
}

/// Where else a node is found, as somebody else's.
fn foreign_ends(
    model: &Model,
    node: &NodeFile,
    paths: Paths<'_>,
    known: &NodeIndex,
    file: &str,
    findings: &mut Findings,
) -> Vec<End> {
    let Some(adopt) = &node.adopt else { return Vec::new() };
    if node.at.is_none() || node.each.is_some() {
        let fix = "give the node an at:, where a copy is linked, and no each:";
        findings.add(file, adopt.referenced, "what is adopted is one resource that is found at a reference", fix);
        return Vec::new();
    }
    match ends(model, paths, known, &adopt.value) {
        Ok(ends) => ends.into_iter().filter(|end| is_reference(end, file, adopt.referenced, findings)).collect(),
        Err(message) => {
            findings.add(
                file,
                adopt.referenced,
                message,
                "name nodes that stand above, and elements that the type has",
            );
            Vec::new()
        }
    }
}

type NodeIssue = (Option<Location>, String, &'static str);

/// The one way in which a node is found, and the type that paths in it start from.
fn compile_find(
    model: &Model,
    node: &NodeFile,
    paths: Paths<'_>,
    known: &NodeIndex,
) -> Result<(Find, String), NodeIssue> {
    const FIX: &str = "name nodes that stand above, and elements that the type has";
    let position = |text: &Spanned<String>| Some(text.referenced);
    match (&node.root, &node.at, &node.items, &node.versions, &node.kind) {
        (Some(root), None, None, None, None) => match root.value.as_str() {
            "Task" => Ok((Find::Root, "Task".to_owned())),
            other => Err((
                position(root),
                format!("a referral is read from its Task, not from a {other}"),
                "write root: Task",
            )),
        },
        (None, Some(at), None, None, Some(kind)) => {
            let ends = ends(model, paths, known, &at.value).map_err(|message| (position(at), message, FIX))?;
            match ends.iter().find(|end| &*end.path.kind != "Reference") {
                Some(end) => Err((
                    position(at),
                    format!("{} is a {}, not a Reference", end.path.text, end.path.kind),
                    "name an element that holds a Reference, or use items: for the items of a list",
                )),
                None => Ok((Find::At(ends), kind.value.clone())),
            }
        }
        (None, None, Some(items), None, None) => {
            let end = end(model, paths, known, &items.value).map_err(|message| (position(items), message, FIX))?;
            let base = &model.nodes[end.node];
            let names: Vec<&str> = end.path.steps.iter().map(|step| &*step.name).collect();
            let start = format!("{}.{}", base.start, names.join("."));
            match end.path.steps.last() {
                Some(step) if step.repeats == Repeats::Item => Ok((Find::Items(end), start)),
                _ => Err((
                    position(items),
                    format!("{} is no list", end.path.text),
                    "name an element that repeats, or write its elements as fields",
                )),
            }
        }
        (None, None, None, Some(versions), None) => match known.get(&versions.value) {
            Some(&node) if matches!(model.nodes[node].find, Find::Root) => Ok((Find::Versions, "Task".to_owned())),
            _ => Err((
                position(versions),
                "only the Task's versions are known".to_owned(),
                "name the node that is root: Task",
            )),
        },
        (None, None, None, None, Some(kind)) => {
            if node.conditions.0.is_empty() {
                let message = format!("which {} is meant is not said", kind.value);
                return Err((
                    position(kind),
                    message,
                    "add where: and what its resources say, or at: and the reference to it",
                ));
            }
            Ok((Find::Search, kind.value.clone()))
        }
        _ => Err((
            None,
            "a node is found in one way".to_owned(),
            "give it one of root:, at: with type:, type: with where:, items:, versions:",
        )),
    }
}

/// The list whose items a node is found in: that of the innermost node that finding it needs.
fn scope_of(model: &Model, node: &NodeFile, find: &Find, known: &NodeIndex) -> Option<usize> {
    let needed: Vec<usize> = match find {
        Find::Root | Find::Versions => Vec::new(),
        Find::At(ends) => ends.iter().map(|end| end.node).collect(),
        Find::Items(end) => vec![end.node],
        Find::Search => {
            let named = node.conditions.0.iter().filter_map(|(_, value)| value.value.as_str()?.strip_prefix('@'));
            named.filter_map(|name| known.get(name).copied()).collect()
        }
    };
    needed.into_iter().filter_map(|node| list_of(model, node)).max_by_key(|list| depth(model, *list))
}

/// The list whose items a node's values belong to: its own, or the one that it is found in.
pub(super) fn list_of(model: &Model, node: usize) -> Option<usize> {
    if model.is_list(node) { Some(node) } else { model.nodes[node].scope }
}

/// How many lists stand around a list.
fn depth(model: &Model, list: usize) -> usize {
    model.nodes[list].scope.map_or(0, |outer| 1 + depth(model, outer))
}

/// Whose it is: as it says, or as what it is part of.
fn owner(model: &Model, node: &NodeFile, find: &Find, file: &str, findings: &mut Findings) -> Owner {
    match &node.owner {
        Some(code) => Owner::from_code(&code.value).unwrap_or_else(|| {
            findings.add(file, code.referenced, format!("{} owns nothing", code.value), "write program, ehr or events");
            Owner::ProgramType
        }),
        None => match find {
            Find::Items(end) => model.nodes[end.node].owner,
            Find::Versions => Owner::Events,
            _ => Owner::ProgramType,
        },
    }
}

/// The list of the record.
fn each(model: &Model, file: &str, node: &NodeFile, rule: &NodeRule, findings: &mut Findings) -> Option<RecordList> {
    let list = node.each.as_ref()?;
    let path = match RecordPosition::parse(&list.value) {
        Ok(path) => path,
        Err(wrong) => {
            findings.add(file, list.referenced, wrong, "write the list's place, such as services");
            return None;
        }
    };
    let outer = rule.scope.and_then(|list| model.nodes[list].each.as_ref()).map(|each| &*each.record);
    if path.list.as_deref() != outer {
        let wrong = match outer {
            Some(outer) => format!("it is found in each item of {outer}, so its list belongs in there"),
            None => "it is found once, so its list is not inside another".to_owned(),
        };
        findings.add(file, list.referenced, wrong, "let the list of the record stand where the graph has it");
        return None;
    }
    let key = node.key.as_ref().map(|key| key.value.0.clone()).unwrap_or_default();
    if key.is_empty() {
        findings.add(
            file,
            list.referenced,
            "what tells the items of the list apart is not said",
            "add key: and the members of an item that tell it apart, such as id",
        );
    }
    Some(RecordList {
        record: list.value.as_str().into(),
        key: key.into_iter().map(String::into_boxed_str).collect(),
        key_is_own: false,
        singles: Vec::new(),
        conditional: Vec::new(),
    })
}

/// What the creation of any node may name: the program type, and every node of the map.
struct Creation<'c> {
    kind: &'c str,
    paths: Paths<'c>,
    known: &'c NodeIndex,
}

impl Creation<'_> {
    /// What a node says, has to have, and is created and linked with.
    fn compile(&self, model: &mut Model, at: usize, node: &Declaration<'_, NodeFile>, findings: &mut Findings) {
        let Self { kind, paths, known } = *self;
        let Declaration { file, content, .. } = *node;
        let start = model.nodes[at].start.clone();
        let tests = pairs(&content.conditions, paths, &start, file, findings);
        let tests: Vec<Test> = tests
            .into_iter()
            .filter_map(|(path, value, position)| {
                let is = match value.as_str().and_then(|text| text.strip_prefix('@')) {
                    Some(name) => Expected::Node(node_named(name, known, file, position, findings)?),
                    None => Expected::Value(literal(paths, value)),
                };
                Some(Test { path, is })
            })
            .collect();
        let fills = filled(&content.new, paths, &start, file, findings);
        let fills: Vec<Fill> = fills
            .into_iter()
            .filter_map(|(path, only_in, value, position)| {
                let with = match value.as_str().and_then(|text| text.strip_prefix('@')) {
                    Some("type") => FillValue::Value(kind.into()),
                    Some(text) if text.contains('.') => {
                        FillValue::Copy(found_end(end(model, paths, known, text), file, position, findings)?)
                    }
                    Some(name) => FillValue::Node(node_named(name, known, file, position, findings)?),
                    None => FillValue::Value(literal(paths, value)),
                };
                Some(new_fill(path, only_in, with))
            })
            .collect();
        let removal = pairs(&content.gone, paths, &start, file, findings);
        let removal = removal.into_iter().map(|(path, value, _)| (path, literal(paths, value))).collect();
        let listed = content.listed.as_ref().and_then(|text| {
            found_end(end(model, paths, known, &text.value), file, text.referenced, findings)
                .filter(|end| is_reference(end, file, text.referenced, findings))
        });
        let create = content.create.iter().flat_map(|places| {
            let places =
                places.value.0.iter().map(|text| created_at(model, at, file, text, places.referenced, findings));
            places.collect::<Vec<_>>()
        });
        let create = create.flatten().collect();
        let ours = pairs(&content.ours, paths, &start, file, findings);
        let ours: Vec<(Path, Value)> = ours.into_iter().map(|(path, value, _)| (path, literal(paths, value))).collect();
        if let Some(first) = content.ours.0.first().filter(|_| model.nodes[at].each.is_none()) {
            findings.add(
                file,
                first.0.referenced,
                "ours: tells items of a list apart",
                "add each:, or leave ours: out",
            );
        }
        let origin = content.origin.as_ref().and_then(|text| match paths.compile(&start, &text.value) {
            Ok(path) if &*path.kind == "Reference" => Some(path),
            Ok(path) => {
                let message = format!("{} is a {}, not a Reference", path.text, path.kind);
                findings.add(file, text.referenced, message, "name an element that holds a Reference");
                None
            }
            Err(message) => {
                findings.add(file, text.referenced, message, "name an element that the type has");
                None
            }
        });
        let rule = &mut model.nodes[at];
        rule.origin = origin;
        rule.ours = ours;
        rule.tests = tests;
        rule.fills = fills;
        rule.removal = removal;
        rule.listed = listed;
        rule.create = create;
    }
}

/// What fills a whole list is written as one; what fills a list with one value becomes an item.
fn new_fill(mut path: Path, only_in: Option<Path>, mut with: FillValue) -> Fill {
    let is_list = match &with {
        FillValue::Copy(end) => end.path.list,
        FillValue::Value(value) => value.is_array(),
        FillValue::Node(_) => false,
    };
    if is_list && path.list {
        let all =
            |path: &mut Path| path.steps.iter_mut().last().into_iter().for_each(|step| step.repeats = Repeats::Whole);
        all(&mut path);
        if let FillValue::Copy(end) = &mut with {
            all(&mut end.path);
        }
    }
    Fill { path, with, only_in, shown: Vec::new() }
}

fn is_reference(end: &End, file: &str, at: Location, findings: &mut Findings) -> bool {
    let fits = &*end.path.kind == "Reference";
    if !fits {
        let message = format!("{} is a {}, not a Reference", end.path.text, end.path.kind);
        findings.add(file, at, message, "name an element that holds a Reference");
    }
    fits
}

fn node_named(name: &str, known: &NodeIndex, file: &str, at: Location, findings: &mut Findings) -> Option<usize> {
    let node = known.get(name).copied();
    if node.is_none() {
        findings.add(file, at, format!("there is no node {name}"), "name a node of this map behind the @");
    }
    node
}

/// An end that was read, or the finding that says why it was not.
fn found_end(end: Result<End, String>, file: &str, at: Location, findings: &mut Findings) -> Option<End> {
    match end {
        Ok(end) => Some(end),
        Err(message) => {
            findings.add(file, at, message, "name a node of this map and an element that its type has");
            None
        }
    }
}

/// Paths with what they say.
fn pairs<'f>(
    members: &'f Ordered<Spanned<Value>>,
    paths: Paths<'_>,
    start: &str,
    file: &str,
    findings: &mut Findings,
) -> Vec<(Path, &'f Value, Location)> {
    let mut pairs = Vec::new();
    for (path, value) in &members.0 {
        match paths.compile(start, &path.value) {
            Ok(compiled) => pairs.push((compiled, &value.value, value.referenced)),
            Err(message) => findings.add(file, path.referenced, message, "name an element that the type has"),
        }
    }
    pairs
}

/// Paths with what they are filled with; `detail?.status` only where there is a detail.
fn filled<'f>(
    members: &'f Ordered<Spanned<Value>>,
    paths: Paths<'_>,
    start: &str,
    file: &str,
    findings: &mut Findings,
) -> Vec<(Path, Option<Path>, &'f Value, Location)> {
    let mut filled = Vec::new();
    for (path, value) in &members.0 {
        let only_in = path.value.split_once("?.").map(|(around, _)| paths.compile(start, around)).transpose();
        match (paths.compile(start, &path.value.replace("?.", ".")), only_in) {
            (Ok(compiled), Ok(only_in)) => filled.push((compiled, only_in, &value.value, value.referenced)),
            (Err(message), _) | (_, Err(message)) => {
                findings.add(file, path.referenced, message, "name an element that the type has");
            }
        }
    }
    filled
}

/// Where the record has something when a node is created.
fn created_at(
    model: &Model,
    at: usize,
    file: &str,
    text: &str,
    position: Location,
    findings: &mut Findings,
) -> Option<Box<[Box<str>]>> {
    let rule = &model.nodes[at];
    let scope = rule.scope.and_then(|list| model.nodes[list].each.as_ref()).map(|each| each.record.to_string());
    match RecordPosition::parse(text) {
        Ok(path) if path.list == scope && rule.each.is_none() => Some(path.names.into()),
        Ok(_) if rule.each.is_some() => {
            findings.add(file, position, "each item of a list creates its own", "leave create: out");
            None
        }
        Ok(_) => {
            findings.add(
                file,
                position,
                format!(
                    "{} is found {}",
                    rule.name,
                    scope.map_or("once".to_owned(), |list| format!("in each item of {list}"))
                ),
                "name a place of the record that stands there",
            );
            None
        }
        Err(message) => {
            findings.add(file, position, message, "write a place of the record, such as enrollment");
            None
        }
    }
}

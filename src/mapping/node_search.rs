//! Finds the nodes of a map in the graph of a referral.

use std::cell::OnceCell;

use crate::fhir::Node;
use crate::referral::task_step::stands_alike;
use crate::referral::{Graph, Referral, Resource};

use super::contained_reference;
use super::locate::{find_all, find_all_in, has_value};
use super::model::{End, Expected, Find, Model, NodeRule, Test};
use super::node_set::NodeSet;
use super::path_tree::Slots;

/// What a node turned out to be: a resource, or an element in one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'g> {
    /// The resource
    pub(super) resource: &'g Resource,
    /// Where it stands in the graph; none for earlier versions
    pub(super) position: Option<usize>,
    /// The resource's own node, that of a resource contained in it, or the element
    pub(super) node: Node<'g>,
    /// Is it, or what it stands in, somebody else's, of which a copy is made before it is changed?
    pub(super) is_foreign: bool,
}

/// What the nodes of a map turned out to be so far; lists have the item at hand.
pub(super) type Targets<'g> = Vec<Option<Target<'g>>>;

impl<'g> Target<'g> {
    /// A resource of the graph.
    pub(super) fn at(graph: &'g Graph, position: usize) -> Self {
        let resource = &graph.resources()[position];
        Self { resource, position: Some(position), node: resource.node(), is_foreign: false }
    }

    /// A resource that one of the graph contains.
    fn contained(graph: &'g Graph, contained: &'g Resource) -> Option<Self> {
        let position = graph.container(contained).and_then(|container| graph.position(&container.url))?;
        Some(Self { node: contained.node(), ..Self::at(graph, position) })
    }

    /// Is it contained in its resource?
    pub(super) fn is_contained(&self) -> bool {
        self.node != self.resource.node() && self.node.get("resourceType").is_some()
    }

    /// How other resources name it, and what it contains: `Task/7`, `Task/7#request`.
    pub(super) fn url(&self) -> String {
        match self.node.str("id").filter(|_| self.is_contained()) {
            Some(id) => format!("{}#{id}", self.resource.url),
            None => self.resource.url.clone(),
        }
    }

    /// Is it a resource, and this one?
    fn is(&self, other: &Self) -> bool {
        std::ptr::eq(self.resource, other.resource) && self.node == other.node
    }
}

/// What was found so far.
#[derive(Debug)]
pub(super) struct FoundNodes<'g> {
    /// What the nodes are
    pub(super) targets: Targets<'g>,
    /// Which of them are there
    pub(super) present: NodeSet,
    /// What stands in them, where the map reads it
    pub(super) slots: Slots<'g>,
    /// What references lead to, each followed once
    referenced: Vec<OnceCell<Vec<Target<'g>>>>,
}

impl<'g> FoundNodes<'g> {
    /// Nothing yet.
    pub(super) fn empty(model: &Model) -> Self {
        Self {
            targets: vec![None; model.nodes.len()],
            present: NodeSet::default(),
            slots: vec![None; model.slot_count],
            referenced: (0..model.reference_count).map(|_| OnceCell::new()).collect(),
        }
    }

    /// A node is this now; gives what it was before.
    pub(super) fn set_target(&mut self, model: &Model, node: usize, target: Option<Target<'g>>) -> Option<Target<'g>> {
        let before = self.replace(node, target);
        if target.is_some() || before.is_some() {
            model.nodes[node].path_tree.fill(target.map(|target| target.node), &mut self.slots);
        }
        before
    }

    fn replace(&mut self, node: usize, target: Option<Target<'g>>) -> Option<Target<'g>> {
        if target.is_some() {
            self.present.insert(node);
        } else {
            self.present.remove(node);
        }
        std::mem::replace(&mut self.targets[node], target)
    }

    /// What the map reads of a node, to be put back later.
    pub(super) fn save_found(&self, model: &Model, node: usize) -> Box<[Option<Node<'g>>]> {
        self.slots.get(model.nodes[node].path_tree.range()).unwrap_or_default().into()
    }

    /// A node is this again, with what was kept of it.
    pub(super) fn restore_found(&mut self, model: &Model, node: usize, target: Target<'g>, kept: &[Option<Node<'g>>]) {
        self.replace(node, Some(target));
        if let Some(slots) = self.slots.get_mut(model.nodes[node].path_tree.range()) {
            slots.copy_from_slice(kept);
        }
    }
}

/// Where nodes are looked for.
#[derive(Clone, Copy)]
pub(super) struct NodeSearch<'g, 'm> {
    /// The map
    pub(super) model: &'m Model,
    /// The graph
    pub(super) graph: &'g Graph,
    /// The Task; none where the graph is yet to be made
    pub(super) task: Option<&'g Resource>,
}

impl<'g, 'm> NodeSearch<'g, 'm> {
    /// The search in the graph of a referral.
    pub(super) fn of(model: &'m Model, referral: &Referral<'g>) -> Self {
        Self { model, graph: referral.graph, task: Some(referral.task) }
    }

    /// A single node.
    pub(super) fn find_single(&self, rule: &NodeRule, found: &FoundNodes<'g>) -> Option<Target<'g>> {
        match &rule.find {
            Find::Root => self.task.map(|task| Target {
                resource: task,
                position: self.graph.position(&task.url),
                node: task.node(),
                is_foreign: false,
            }),
            Find::At(ends) => {
                let foreign = || Some(Target { is_foreign: true, ..self.referenced(rule, &rule.foreign_ends, found)? });
                self.referenced(rule, ends, found).or_else(foreign)
            }
            Find::Search => self.search(rule, &found.targets).next(),
            Find::Items(_) | Find::Versions => None,
        }
    }

    /// The first resource that one of these references points at.
    fn referenced(&self, rule: &NodeRule, ends: &[End], found: &FoundNodes<'g>) -> Option<Target<'g>> {
        let is_meant = |target: &&Target<'g>| self.is_meant(rule, target, &found.targets);
        ends.iter().find_map(|end| {
            let (host, member) = (found.targets[end.node]?, found.slots[end.slot]?);
            match end.reference.and_then(|reference| found.referenced.get(reference)) {
                Some(targets) => {
                    targets.get_or_init(|| self.resolve_references(end, &host, member)).iter().find(is_meant).copied()
                }
                None => self.resolve_references(end, &host, member).iter().find(is_meant).copied(),
            }
        })
    }

    /// Everything that the references at a place of a resource lead to, in order; `member` is where the place begins.
    fn resolve_references(&self, end: &End, host: &Target<'g>, member: Node<'g>) -> Vec<Target<'g>> {
        let mut targets = Vec::new();
        find_all_in(member, &end.path.steps, &mut |reference| targets.extend(self.follow(host, reference)));
        targets
    }

    /// The items of a list node, in order.
    pub(super) fn find_items(&self, rule: &NodeRule, found: &FoundNodes<'g>) -> Vec<Target<'g>> {
        match &rule.find {
            Find::Search => self.search(rule, &found.targets).collect(),
            Find::At(ends) => {
                let mut items: Vec<Target<'g>> = Vec::new();
                for end in ends {
                    let (Some(host), Some(member)) = (found.targets[end.node], found.slots[end.slot]) else { continue };
                    let own;
                    let targets = match end.reference.and_then(|reference| found.referenced.get(reference)) {
                        Some(targets) => targets.get_or_init(|| self.resolve_references(end, &host, member)),
                        None => {
                            own = self.resolve_references(end, &host, member);
                            &own
                        }
                    };
                    for target in targets.iter().filter(|target| self.is_meant(rule, target, &found.targets)) {
                        if !items.iter().any(|known| known.is(target)) {
                            items.push(*target);
                        }
                    }
                }
                items
            }
            Find::Items(end) => {
                let mut items = Vec::new();
                if let (Some(host), Some(member)) = (found.targets[end.node], found.slots[end.slot]) {
                    find_all_in(member, &end.path.steps, &mut |item| items.push(Target { node: item, ..host }));
                }
                items
            }
            Find::Versions => {
                let mut versions: Vec<Target<'g>> = Vec::new();
                for version in self.graph.history().steps.iter().chain(self.task) {
                    let target = Target { resource: version, position: None, node: version.node(), is_foreign: false };
                    // A version that left everything as it stood is no step of the history.
                    if !versions.last().is_some_and(|last| stands_alike(last.node, target.node)) {
                        versions.push(target);
                    }
                }
                versions
            }
            Find::Root => Vec::new(),
        }
    }

    /// The resource that a reference points at.
    fn follow(&self, from: &Target<'g>, reference: Node<'g>) -> Option<Target<'g>> {
        let Some(text) = reference.str("reference") else {
            let url = contained_reference::named(reference)?;
            return Target::contained(self.graph, self.graph.contained().iter().find(|one| one.url == url)?);
        };
        match text.strip_prefix('#') {
            Some(id) => {
                let within = from.resource.node().list("contained");
                let node = within.into_iter().find(|node| node.get("id").is_some_and(|own| own.is_str(id)))?;
                Some(Target { resource: from.resource, position: from.position, node, is_foreign: false })
            }
            None => Some(Target::at(self.graph, self.graph.position(&text)?)),
        }
    }

    /// Is it of the node's type, with what the node's resources say, and not as good as removed?
    fn is_meant(&self, rule: &NodeRule, target: &Target<'g>, targets: &Targets<'g>) -> bool {
        is_kind(rule, target.node) && self.passes(rule, target, targets)
    }

    /// The resources that pass the node's tests, or that are listed where it is.
    fn search<'t>(&'t self, rule: &'t NodeRule, targets: &'t Targets<'g>) -> impl Iterator<Item = Target<'g>> + 't {
        let graph = self.graph;
        let own = (0..graph.resources().len()).map(move |position| Target::at(graph, position));
        let contained = graph.contained().iter().filter_map(move |one| Target::contained(graph, one));
        own.chain(contained).filter(move |target| self.is_meant(rule, target, targets))
    }

    fn passes(&self, rule: &NodeRule, target: &Target<'g>, targets: &Targets<'g>) -> bool {
        rule.tests.iter().all(|test| self.passes_test(test, target, targets))
            && !rule.removal.iter().any(|(path, value)| has_value(target.node, &path.steps, value))
    }

    fn passes_test(&self, test: &Test, target: &Target<'g>, targets: &Targets<'g>) -> bool {
        match &test.is {
            Expected::Value(value) => has_value(target.node, &test.path.steps, value),
            Expected::Node(node) => {
                let Some(wanted) = targets[*node] else { return false };
                let mut points = false;
                find_all(target.node, &test.path.steps, &mut |reference| points |= self.points_at(reference, &wanted));
                points
            }
        }
    }

    /// Does a Reference point at this resource?
    pub(super) fn points_at(&self, reference: Node<'g>, target: &Target<'g>) -> bool {
        let found = self.graph.target(reference);
        if !target.is_contained() {
            return found.is_some_and(|resource| std::ptr::eq(resource, target.resource));
        }
        found.is_some_and(|resource| resource.node() == target.node)
            || contained_reference::named(reference).is_some_and(|url| url == target.url())
    }
}

fn is_kind(rule: &NodeRule, node: Node<'_>) -> bool {
    rule.resource.as_deref().is_some_and(|kind| node.get("resourceType").is_some_and(|own| own.is_str(kind)))
}

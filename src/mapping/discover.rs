//! Finds the nodes of a map in the graph of a referral.

use crate::fhir::Node;
use crate::referral::{Graph, Referral, Resource};

use super::locate::{find_all, says};
use super::model::{End, Find, Is, Model, NodeRule, Test};

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
    pub(super) adopted: bool,
}

/// What the nodes of a map turned out to be so far; lists have the item at hand.
pub(super) type Targets<'g> = Vec<Option<Target<'g>>>;

impl<'g> Target<'g> {
    /// A resource of the graph.
    pub(super) fn at(graph: &'g Graph, position: usize) -> Self {
        let resource = &graph.resources()[position];
        Self { resource, position: Some(position), node: resource.node(), adopted: false }
    }

    /// Is it a resource, and this one?
    fn is(&self, other: &Self) -> bool {
        std::ptr::eq(self.resource, other.resource) && self.node == other.node
    }
}

/// Where nodes are looked for.
#[derive(Clone, Copy)]
pub(super) struct Ground<'g, 'm> {
    /// The map
    pub(super) model: &'m Model,
    /// The graph
    pub(super) graph: &'g Graph,
    /// The Task; none where the graph is yet to be made
    pub(super) task: Option<&'g Resource>,
}

impl<'g, 'm> Ground<'g, 'm> {
    /// The ground of a referral.
    pub(super) fn of(model: &'m Model, referral: &Referral<'g>) -> Self {
        Self { model, graph: referral.graph, task: Some(referral.task) }
    }

    /// A single node.
    pub(super) fn single(&self, rule: &NodeRule, targets: &Targets<'g>) -> Option<Target<'g>> {
        match &rule.find {
            Find::Root => self.task.map(|task| Target {
                resource: task,
                position: self.graph.position(&task.url),
                node: task.node(),
                adopted: false,
            }),
            Find::At(ends) => {
                let adopted = || Some(Target { adopted: true, ..self.referenced(rule, &rule.adopt, targets)? });
                self.referenced(rule, ends, targets).or_else(adopted)
            }
            Find::Search => self.search(rule, targets).next(),
            Find::Items(_) | Find::Versions => None,
        }
    }

    /// The first resource that one of these references points at.
    fn referenced(&self, rule: &NodeRule, ends: &[End], targets: &Targets<'g>) -> Option<Target<'g>> {
        ends.iter().find_map(|end| {
            let node = targets[end.node]?;
            let mut references = Vec::new();
            find_all(node.node, &end.path.steps, &mut references);
            references.into_iter().find_map(|reference| self.follow(rule, &node, reference, targets))
        })
    }

    /// The items of a list node, in order.
    pub(super) fn each(&self, rule: &NodeRule, targets: &Targets<'g>) -> Vec<Target<'g>> {
        match &rule.find {
            Find::Search => self.search(rule, targets).collect(),
            Find::At(ends) => {
                let mut found: Vec<Target<'g>> = Vec::new();
                for end in ends {
                    let Some(node) = targets[end.node] else { continue };
                    let mut references = Vec::new();
                    find_all(node.node, &end.path.steps, &mut references);
                    for reference in references {
                        let target = self.follow(rule, &node, reference, targets);
                        found.extend(target.filter(|target| !found.iter().any(|known| known.is(target))));
                    }
                }
                found
            }
            Find::Items(end) => {
                let Some(node) = targets[end.node] else { return Vec::new() };
                let mut items = Vec::new();
                find_all(node.node, &end.path.steps, &mut items);
                items.into_iter().map(|item| Target { node: item, ..node }).collect()
            }
            Find::Versions => {
                let mut versions: Vec<Target<'g>> = Vec::new();
                for version in self.graph.history().iter().chain(self.task) {
                    let target = Target { resource: version, position: None, node: version.node(), adopted: false };
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

    /// The resource that a reference points at, if it is of the node's type and not as good as removed.
    fn follow(
        &self,
        rule: &NodeRule,
        from: &Target<'g>,
        reference: Node<'g>,
        targets: &Targets<'g>,
    ) -> Option<Target<'g>> {
        let text = reference.str("reference")?;
        let target = match text.strip_prefix('#') {
            Some(id) => {
                let within = from.resource.node().list("contained");
                let node = within.into_iter().find(|node| node.get("id").is_some_and(|own| own.is_str(id)))?;
                Target { resource: from.resource, position: from.position, node, adopted: false }
            }
            None => Target::at(self.graph, self.graph.position(&text)?),
        };
        (is_kind(rule, target.node) && self.passes(rule, &target, targets)).then_some(target)
    }

    /// The resources that pass the node's tests, or that are listed where it is.
    fn search<'t>(&'t self, rule: &'t NodeRule, targets: &'t Targets<'g>) -> impl Iterator<Item = Target<'g>> + 't {
        (0..self.graph.resources().len()).filter_map(move |position| {
            let target = Target::at(self.graph, position);
            (is_kind(rule, target.node) && self.passes(rule, &target, targets)).then_some(target)
        })
    }

    fn passes(&self, rule: &NodeRule, target: &Target<'g>, targets: &Targets<'g>) -> bool {
        rule.tests.iter().all(|test| self.says(test, target, targets))
            && !rule.gone.iter().any(|(path, value)| says(target.node, &path.steps, value))
    }

    fn says(&self, test: &Test, target: &Target<'g>, targets: &Targets<'g>) -> bool {
        match &test.is {
            Is::Value(value) => says(target.node, &test.path.steps, value),
            Is::Node(node) => {
                let Some(wanted) = targets[*node] else { return false };
                let mut references = Vec::new();
                find_all(target.node, &test.path.steps, &mut references);
                references.iter().any(|reference| self.points_at(*reference, &wanted))
            }
        }
    }

    /// Does a Reference point at this resource?
    pub(super) fn points_at(&self, reference: Node<'g>, target: &Target<'g>) -> bool {
        let Some(text) = reference.str("reference") else { return false };
        self.graph.resolve(&text).is_some_and(|resource| std::ptr::eq(resource, target.resource))
    }
}

fn is_kind(rule: &NodeRule, node: Node<'_>) -> bool {
    rule.resource.as_deref().is_some_and(|kind| node.get("resourceType").is_some_and(|own| own.is_str(kind)))
}

/// Do two versions of a Task stand at the same place, for the same reason?
fn stands_alike(one: Node<'_>, other: Node<'_>) -> bool {
    let said = |task: Node<'_>, name: &str| task.get(name).map(super::super::fhir::document::Node::to_value);
    ["status", "businessStatus", "statusReason"].iter().all(|name| said(one, name) == said(other, name))
}

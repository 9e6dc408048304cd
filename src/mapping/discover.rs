//! Finds the nodes of a map in the graph of a referral.

use std::cell::OnceCell;

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

/// What the references of a map lead to, each followed once.
#[derive(Debug)]
pub(super) struct Links<'g>(Vec<OnceCell<Vec<Target<'g>>>>);

impl Links<'_> {
    /// Nothing followed yet.
    pub(super) fn of(model: &Model) -> Self {
        Self((0..model.links).map(|_| OnceCell::new()).collect())
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
    pub(super) fn single(&self, rule: &NodeRule, targets: &Targets<'g>, links: &Links<'g>) -> Option<Target<'g>> {
        match &rule.find {
            Find::Root => self.task.map(|task| Target {
                resource: task,
                position: self.graph.position(&task.url),
                node: task.node(),
                adopted: false,
            }),
            Find::At(ends) => {
                let adopted = || Some(Target { adopted: true, ..self.referenced(rule, &rule.adopt, targets, links)? });
                self.referenced(rule, ends, targets, links).or_else(adopted)
            }
            Find::Search => self.search(rule, targets).next(),
            Find::Items(_) | Find::Versions => None,
        }
    }

    /// The first resource that one of these references points at.
    fn referenced(
        &self,
        rule: &NodeRule,
        ends: &[End],
        targets: &Targets<'g>,
        links: &Links<'g>,
    ) -> Option<Target<'g>> {
        ends.iter().find_map(|end| {
            let host = targets[end.node]?;
            match end.link.and_then(|link| links.0.get(link)) {
                Some(link) => {
                    let led = link.get_or_init(|| self.led(end, &host));
                    led.iter().find(|target| self.is_meant(rule, target, targets)).copied()
                }
                None => self.led(end, &host).into_iter().find(|target| self.is_meant(rule, target, targets)),
            }
        })
    }

    /// Everything that the references at a place of a resource lead to, in order.
    fn led(&self, end: &End, host: &Target<'g>) -> Vec<Target<'g>> {
        let mut led = Vec::new();
        find_all(host.node, &end.path.steps, &mut |reference| led.extend(self.follow(host, reference)));
        led
    }

    /// The items of a list node, in order.
    pub(super) fn each(&self, rule: &NodeRule, targets: &Targets<'g>, links: &Links<'g>) -> Vec<Target<'g>> {
        match &rule.find {
            Find::Search => self.search(rule, targets).collect(),
            Find::At(ends) => {
                let mut found: Vec<Target<'g>> = Vec::new();
                for end in ends {
                    let Some(host) = targets[end.node] else { continue };
                    let own;
                    let led = match end.link.and_then(|link| links.0.get(link)) {
                        Some(link) => link.get_or_init(|| self.led(end, &host)),
                        None => {
                            own = self.led(end, &host);
                            &own
                        }
                    };
                    for target in led.iter().filter(|target| self.is_meant(rule, target, targets)) {
                        if !found.iter().any(|known| known.is(target)) {
                            found.push(*target);
                        }
                    }
                }
                found
            }
            Find::Items(end) => {
                let Some(node) = targets[end.node] else { return Vec::new() };
                let mut items = Vec::new();
                find_all(node.node, &end.path.steps, &mut |item| items.push(Target { node: item, ..node }));
                items
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

    /// The resource that a reference points at.
    fn follow(&self, from: &Target<'g>, reference: Node<'g>) -> Option<Target<'g>> {
        let text = reference.str("reference")?;
        match text.strip_prefix('#') {
            Some(id) => {
                let within = from.resource.node().list("contained");
                let node = within.into_iter().find(|node| node.get("id").is_some_and(|own| own.is_str(id)))?;
                Some(Target { resource: from.resource, position: from.position, node, adopted: false })
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
        (0..self.graph.resources().len()).filter_map(move |position| {
            let target = Target::at(self.graph, position);
            self.is_meant(rule, &target, targets).then_some(target)
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
                let mut points = false;
                find_all(target.node, &test.path.steps, &mut |reference| points |= self.points_at(reference, &wanted));
                points
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

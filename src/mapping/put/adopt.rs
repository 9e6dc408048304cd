//! What is somebody else's: a resource that the program makes its own by a copy before it is changed (an EHR's CarePlan
//! becomes the plan of the program), and items of a list of which some are the program's and some are not.

use serde_json::Value;

use super::super::discover::Target;
use super::super::draft::Draft;
use super::super::graph_update::Put;
use super::super::locate::says;
use super::super::model::{Expected, Find, Owner};
use super::writer::{Home, New, Writer};

/// What a copy does not take over: what names and dates the original, and the narrative of what it said.
const NOT_COPIED: &[&str] = &["meta", "identifier", "text"];

impl<'g, 'm> Writer<'g, 'm, '_> {
    /// Makes a copy of what these nodes are, links it where the program's own would be found, and lets it name what it
    /// was made from. The record says the same before and after.
    pub(in crate::mapping) fn adopt(mut self, nodes: &[usize], extras: &Value) -> Put {
        let model = self.reader.ground.model;
        self.find(&model.singles);
        for &node in nodes {
            let rule = &model.nodes[node];
            let (Some(target), Find::At(ends)) = (self.reader.found.targets[node], &rule.find) else { continue };
            let id = (self.ids)();
            let mut draft = Draft::of(target.node);
            for name in NOT_COPIED {
                draft.drop_member(name);
            }
            draft.member_mut("id").set(&id.as_str().into());
            for test in &rule.tests {
                if let Expected::Value(value) = &test.is
                    && !says(draft.view(), &test.path.steps, value)
                {
                    draft.ensure(&test.path.steps).set(value);
                }
            }
            let is_contained = target.node != target.resource.node();
            if let Some(origin) = rule.origin.as_ref().filter(|_| !is_contained) {
                draft.append(&origin.steps).set_reference(&target.resource.url);
            }
            self.created.push(New { kind: rule.resource.as_deref().unwrap_or_default().into(), id, draft });
            self.homes[node] = Home::Created(self.created.len() - 1);
            if let Some(end) = ends.first() {
                self.link(end, node);
            }
        }
        self.finish(extras.clone(), extras)
    }

    /// The node whose resource a node's items stand in, or the node itself.
    pub(super) fn host(&self, node: usize) -> usize {
        self.reader.ground.model.nodes[node].host
    }

    /// Does it have to be adopted before it is changed? It is noted then.
    pub(super) fn is_waiting_for_adoption(&mut self, node: usize, target: &Target<'g>) -> bool {
        if target.adopted {
            let host = self.host(node);
            if !self.wanted.contains(&host) {
                self.wanted.push(host);
            }
        }
        target.adopted
    }

    /// Is it somebody else's, and does the record say nothing of it at all? Then nothing is meant by the silence.
    pub(super) fn is_left_out(&self, node: usize) -> bool {
        let host = self.host(node);
        self.reader.found.targets[host].is_some_and(|target| target.adopted)
            && !self.has_content(&self.reader.ground.model.nodes[host])
    }

    /// Is the item at hand of a node the program's, where others of its list are not?
    pub(super) fn is_ours(&self, node: usize) -> bool {
        let host = self.host(node);
        if self.reader.ground.model.nodes[host].ours.is_empty() {
            return false;
        }
        match self.homes[host] {
            Home::Created(_) | Home::Pending(_) => true,
            _ => self.reader.found.targets[host].is_some_and(|target| self.is_item_ours(host, &target)),
        }
    }

    /// Is this item of a node the program's?
    pub(super) fn is_item_ours(&self, node: usize, target: &Target<'g>) -> bool {
        let ours: &'m [_] = &self.reader.ground.model.nodes[node].ours;
        !ours.is_empty() && ours.iter().all(|(path, value)| says(target.node, &path.steps, value))
    }

    /// Is a node's resource somebody else's, and not to be changed?
    pub(super) fn is_foreign_node(&self, node: usize) -> bool {
        self.reader.ground.model.nodes[node].owner == Owner::Ehr && !self.is_ours(node)
    }
}

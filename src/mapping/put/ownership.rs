//! What is somebody else's: a resource that the program makes its own by a copy before it is changed (an EHR's CarePlan
//! becomes the plan of the program), and items of a list of which some are the program's and some are not.

use serde_json::Value;

use super::super::draft::Draft;
use super::super::graph_update::GraphUpdate;
use super::super::locate::has_value;
use super::super::model::{Expected, Find, Owner};
use super::super::node_search::Target;
use super::writer::{NewResource, WriteTarget, Writer};

/// What a copy does not take over: what names and dates the original, and the narrative of what it said.
const NOT_COPIED: &[&str] = &["meta", "identifier", "text"];

impl<'g, 'm> Writer<'g, 'm, '_> {
    /// Makes a copy of what these nodes are, links it where the program's own would be found, and lets it name what it
    /// was made from. The record says the same before and after.
    pub(in crate::mapping) fn copy_foreign(mut self, nodes: &[usize], extras: &Value) -> GraphUpdate {
        let model = self.reader.search.model;
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
                    && !has_value(draft.view(), &test.path.steps, value)
                {
                    draft.ensure(&test.path.steps).set(value);
                }
            }
            let is_contained = target.node != target.resource.node();
            if let Some(origin) = rule.origin.as_ref().filter(|_| !is_contained) {
                draft.append(&origin.steps).set_reference(&target.resource.url);
            }
            self.created.push(NewResource { kind: rule.resource.as_deref().unwrap_or_default().into(), id, draft });
            self.write_targets[node] = WriteTarget::Created(self.created.len() - 1);
            if let Some(end) = ends.first() {
                self.link(end, node);
            }
        }
        self.finish(extras.clone(), extras)
    }

    /// The node whose resource a node's items stand in, or the node itself.
    pub(super) fn host(&self, node: usize) -> usize {
        self.reader.search.model.nodes[node].host
    }

    /// Does it have to be copied before it is changed? It is noted then.
    pub(super) fn must_copy_first(&mut self, node: usize, target: &Target<'g>) -> bool {
        if target.is_foreign {
            let host = self.host(node);
            if !self.to_copy.contains(&host) {
                self.to_copy.push(host);
            }
        }
        target.is_foreign
    }

    /// Is it somebody else's, and does the record say nothing of it at all? Then nothing is meant by the silence.
    pub(super) fn is_left_out(&self, node: usize) -> bool {
        let host = self.host(node);
        self.reader.found.targets[host].is_some_and(|target| target.is_foreign)
            && !self.has_content(&self.reader.search.model.nodes[host])
    }

    /// Is the item at hand of a node the program's, where others of its list are not?
    pub(super) fn is_ours(&self, node: usize) -> bool {
        let host = self.host(node);
        if self.reader.search.model.nodes[host].ours.is_empty() {
            return false;
        }
        match self.write_targets[host] {
            WriteTarget::Created(_) | WriteTarget::Pending(_) => true,
            _ => self.reader.found.targets[host].is_some_and(|target| self.is_item_ours(host, &target)),
        }
    }

    /// Is this item of a node the program's?
    pub(super) fn is_item_ours(&self, node: usize, target: &Target<'g>) -> bool {
        let ours: &'m [_] = &self.reader.search.model.nodes[node].ours;
        !ours.is_empty() && ours.iter().all(|(path, value)| has_value(target.node, &path.steps, value))
    }

    /// Is a node's resource somebody else's, and not to be changed?
    pub(super) fn is_foreign_node(&self, node: usize) -> bool {
        self.reader.search.model.nodes[node].owner == Owner::Ehr && !self.is_ours(node)
    }
}

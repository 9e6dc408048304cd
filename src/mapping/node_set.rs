//! Which nodes of a map: those that a member of the record gets its values from, those that a graph has.

/// So many nodes can be told apart; a set of a map with more means all of them.
const MAX_NODES: usize = 256;

/// A set of nodes, by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct NodeSet([u64; MAX_NODES / 64]);

impl NodeSet {
    /// All nodes.
    pub(super) const ALL: Self = Self([u64::MAX; MAX_NODES / 64]);

    /// Adds a node.
    pub(super) fn insert(&mut self, node: usize) {
        match self.0.get_mut(node / 64) {
            Some(part) => *part |= 1 << (node % 64),
            None => *self = Self::ALL,
        }
    }

    /// Takes a node out.
    pub(super) fn remove(&mut self, node: usize) {
        if let Some(part) = self.0.get_mut(node / 64) {
            *part &= !(1 << (node % 64));
        }
    }

    /// Adds the nodes of another set.
    pub(super) fn extend(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(own, other)| *own |= other);
    }

    /// Have both a node in common?
    pub(super) fn intersects(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(own, other)| own & other != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_its_nodes() {
        let (mut one, mut two) = (NodeSet::default(), NodeSet::default());
        one.insert(3);
        one.insert(200);
        two.insert(200);
        assert!(one.intersects(&two) && NodeSet::ALL.intersects(&one));
        two.remove(200);
        assert!(!one.intersects(&two));
        two.insert(MAX_NODES);
        assert_eq!(two, NodeSet::ALL);
    }
}

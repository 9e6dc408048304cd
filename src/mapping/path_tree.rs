//! What is read of a node: the paths of all fields as one tree, so that an element is walked once, however many fields
//! stand in it. What a path means is what [`super::locate::find`] finds.

use std::ops::Range;

use crate::fhir::{Kind, Node};

use super::locate::selected;
use super::path::{Condition, PathStep, Repeats};

/// The tree of a node's paths, and where what they mean is put.
#[derive(Debug, Default)]
pub(super) struct PathTree {
    /// The first of the node's slots among those of the map; it is the node itself
    first: usize,
    /// How many slots it has, the node itself among them
    count: usize,
    root: PathTreeNode,
}

/// What paths with the same beginning mean behind it.
#[derive(Debug, Default)]
struct PathTreeNode {
    /// The slot of the path that ends here, within the node's
    slot: Option<usize>,
    /// Where others go on, by the member's name; shorter names first
    members: Vec<(Box<str>, Vec<ItemBranch>)>,
    /// Where the names of each length begin among them
    lengths: Vec<usize>,
}

/// What of a member is meant, and what paths mean in it.
type ItemBranch = (ItemChoice, PathTreeNode);

/// What of a member is meant.
#[derive(Debug, Clone, PartialEq)]
enum ItemChoice {
    /// The member, which is a list or not
    All,
    /// The first item, whatever is found in it
    First,
    /// The first item that meets the conditions and in which something is found
    Matching(Box<[Condition]>),
}

/// What the paths of a map mean in a graph, so far; by slot.
pub(super) type Slots<'g> = Vec<Option<Node<'g>>>;

// ===

impl PathTree {
    /// Adds a path; gives its slot within the node's.
    pub(super) fn add(&mut self, steps: &[PathStep]) -> usize {
        self.count = self.count.max(1);
        if steps.is_empty() {
            return 0;
        }
        let mut branch = &mut self.root;
        for (at, step) in steps.iter().enumerate() {
            let chooses = steps[at..].iter().any(|step| !step.select.is_empty());
            let choice = match step.repeats {
                Repeats::Never | Repeats::Whole => ItemChoice::All,
                Repeats::Item if chooses => ItemChoice::Matching(step.select.clone()),
                Repeats::Item => ItemChoice::First,
            };
            branch = branch.member(&step.name, choice);
        }
        let slot = *branch.slot.get_or_insert(self.count);
        self.count = self.count.max(slot + 1);
        slot
    }

    /// Adds a member as a whole; gives its slot within the node's.
    pub(super) fn add_member(&mut self, name: &str) -> usize {
        self.count = self.count.max(1);
        let slot = *self.root.member(name, ItemChoice::All).slot.get_or_insert(self.count);
        self.count = self.count.max(slot + 1);
        slot
    }

    /// Gives the node its place among the slots of the map; says where the next one's begin.
    pub(super) fn assign_slots(&mut self, first: usize) -> usize {
        self.first = first;
        self.count = self.count.max(1);
        first + self.count
    }

    /// The slot of the node itself.
    pub(super) fn first(&self) -> usize {
        self.first
    }

    /// The slots of the node.
    pub(super) fn range(&self) -> Range<usize> {
        self.first..self.first + self.count
    }

    /// What the paths mean in this element; nothing where it is none.
    pub(super) fn fill<'g>(&self, node: Option<Node<'g>>, slots: &mut Slots<'g>) {
        let Some(slots) = slots.get_mut(self.range()) else { return };
        slots.fill(None);
        if let Some(node) = node {
            slots[0] = Some(node);
            self.root.fill(node, slots);
        }
    }
}

impl PathTreeNode {
    fn member(&mut self, name: &str, choice: ItemChoice) -> &mut PathTreeNode {
        let at = self.members.iter().position(|(known, _)| **known == *name).unwrap_or_else(|| {
            let at = self.members.partition_point(|(known, _)| known.len() <= name.len());
            self.members.insert(at, (name.into(), Vec::new()));
            let longest = self.members.last().map_or(0, |(name, _)| name.len());
            let shorter = |length: usize| self.members.partition_point(|(known, _)| known.len() < length);
            self.lengths = (0..=longest + 1).map(shorter).collect();
            at
        });
        let branches = &mut self.members[at].1;
        let at = branches.iter().position(|(known, _)| *known == choice).unwrap_or_else(|| {
            branches.push((choice, PathTreeNode::default()));
            branches.len() - 1
        });
        &mut branches[at].1
    }

    /// Where paths go on in this member.
    fn branches(&self, name: &[u8]) -> Option<&[ItemBranch]> {
        let &[start, end] = self.lengths.get(name.len()..name.len() + 2)? else { return None };
        let of_length = self.members.get(start..end)?;
        of_length.iter().find(|(known, _)| known.as_bytes() == name).map(|(_, branches)| branches.as_slice())
    }

    /// Puts what is meant where nothing was found before: of several items the first counts.
    fn fill<'g>(&self, node: Node<'g>, slots: &mut [Option<Node<'g>>]) {
        if let Some(slot) = self.slot {
            slots[slot].get_or_insert(node);
        }
        if self.members.is_empty() {
            return;
        }
        for member in node.members() {
            let Some(branches) = self.branches(member.name_bytes()) else { continue };
            if member.kind() == Kind::Null {
                continue;
            }
            for (choice, branch) in branches {
                match choice {
                    ItemChoice::All => branch.fill(member, slots),
                    ItemChoice::First => member.each().take(1).for_each(|item| branch.fill(item, slots)),
                    ItemChoice::Matching(conditions) => {
                        let meant = member.each().filter(|item| selected(*item, conditions));
                        meant.for_each(|item| branch.fill(item, slots));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::Document;
    use crate::mapping::locate::find;

    fn step(name: &str, repeats: Repeats, select: &[(&str, &str)]) -> PathStep {
        let condition = |(path, value): &(&str, &str)| Condition {
            path: [step(path, Repeats::Never, &[])].into(),
            text: (*path).into(),
            value: (*value).into(),
        };
        PathStep { name: name.into(), repeats, select: select.iter().map(condition).collect() }
    }

    #[test]
    fn one_walk_finds_what_each_path_finds() {
        use Repeats::{Item, Never, Whole};
        let paths: Vec<Vec<PathStep>> = vec![
            vec![],
            vec![step("status", Never, &[])],
            vec![step("code", Never, &[]), step("coding", Item, &[]), step("code", Never, &[])],
            vec![step("code", Never, &[]), step("coding", Item, &[("system", "b")]), step("code", Never, &[])],
            vec![step("code", Never, &[]), step("coding", Item, &[("system", "c")]), step("code", Never, &[])],
            vec![step("category", Item, &[]), step("coding", Item, &[("system", "b")]), step("code", Never, &[])],
            vec![step("category", Item, &[]), step("coding", Item, &[]), step("code", Never, &[])],
            vec![step("category", Item, &[]), step("text", Never, &[])],
            vec![step("name", Whole, &[])],
            vec![step("name", Item, &[])],
            vec![step("note", Item, &[]), step("text", Never, &[])],
            vec![step("gone", Never, &[]), step("text", Never, &[])],
        ];
        for text in [
            r#"{"status":"x","code":{"coding":[{"system":"a"},{"system":"b","code":"1"}]},"name":["n","m"],
                "category":[{"coding":[{"system":"b"}]},{"text":"t","coding":[{"system":"b","code":"2"}]}],
                "note":{"text":"not a list"},"gone":null}"#,
            r#"{"code":{"coding":[{"system":"c","code":"3"},{"system":"c","code":"4"}],"text":[]},"category":[],
                "name":"n","other":{"status":"y"}}"#,
            r#"{"status":null,"code":"3","category":[{"coding":[]},{"coding":[{"code":"5"}]}]}"#,
            "[]",
        ] {
            let document = Document::parse(text).unwrap();
            let mut tree = PathTree::default();
            let slots: Vec<usize> = paths.iter().map(|path| tree.add(path)).collect();
            let member = tree.add_member("category");
            let end = tree.assign_slots(2);
            let mut found: Slots<'_> = vec![None; end];
            tree.fill(Some(document.root()), &mut found);
            for (path, slot) in paths.iter().zip(&slots) {
                assert_eq!(found[2 + slot], find(document.root(), path), "{path:?} in {text}");
            }
            assert_eq!(found[2 + member], document.root().get("category"));
            tree.fill(None, &mut found);
            assert!(found.iter().all(Option::is_none));
        }
    }
}

//! What is read of a node: the paths of all fields as one tree, so that an element is walked once, however many fields
//! stand in it. What a path means is what [`super::locate::find`] finds.

use std::ops::Range;

use crate::fhir::{Kind, Node};

use super::locate::selected;
use super::path::{Condition, PathStep, Repeats};

/// The tree of a node's paths, and where what they mean is put.
#[derive(Debug, Default)]
pub(super) struct Reads {
    /// The first of the node's sites among those of the map; it is the node itself
    first: usize,
    /// How many sites it has, the node itself among them
    count: usize,
    root: Branch,
}

/// What paths with the same beginning mean behind it.
#[derive(Debug, Default)]
struct Branch {
    /// The site of the path that ends here, within the node's
    site: Option<usize>,
    /// Where others go on, by the member's name; shorter names first
    members: Vec<(Box<str>, Vec<Way>)>,
    /// Where the names of each length begin among them
    lengths: Vec<usize>,
}

/// What of a member is meant, and what paths mean in it.
type Way = (Pick, Branch);

/// What of a member is meant.
#[derive(Debug, Clone, PartialEq)]
enum Pick {
    /// The member, which is a list or not
    All,
    /// The first item, whatever is found in it
    First,
    /// The first item that meets the conditions and in which something is found
    Each(Box<[Condition]>),
}

/// What the paths of a map mean in a graph, so far; by site.
pub(super) type Sites<'g> = Vec<Option<Node<'g>>>;

// ===

impl Reads {
    /// Adds a path; gives its site within the node's.
    pub(super) fn enter(&mut self, steps: &[PathStep]) -> usize {
        self.count = self.count.max(1);
        if steps.is_empty() {
            return 0;
        }
        let mut branch = &mut self.root;
        for (at, step) in steps.iter().enumerate() {
            let chooses = steps[at..].iter().any(|step| !step.select.is_empty());
            let pick = match step.repeats {
                Repeats::Never | Repeats::Whole => Pick::All,
                Repeats::Item if chooses => Pick::Each(step.select.clone()),
                Repeats::Item => Pick::First,
            };
            branch = branch.member(&step.name, pick);
        }
        let site = *branch.site.get_or_insert(self.count);
        self.count = self.count.max(site + 1);
        site
    }

    /// Adds a member as a whole; gives its site within the node's.
    pub(super) fn enter_member(&mut self, name: &str) -> usize {
        self.count = self.count.max(1);
        let site = *self.root.member(name, Pick::All).site.get_or_insert(self.count);
        self.count = self.count.max(site + 1);
        site
    }

    /// Gives the node its place among the sites of the map; says where the next one's begin.
    pub(super) fn settle(&mut self, first: usize) -> usize {
        self.first = first;
        self.count = self.count.max(1);
        first + self.count
    }

    /// The site of the node itself.
    pub(super) fn first(&self) -> usize {
        self.first
    }

    /// The sites of the node.
    pub(super) fn range(&self) -> Range<usize> {
        self.first..self.first + self.count
    }

    /// What the paths mean in this element; nothing where it is none.
    pub(super) fn fill<'g>(&self, node: Option<Node<'g>>, sites: &mut Sites<'g>) {
        let Some(sites) = sites.get_mut(self.range()) else { return };
        sites.fill(None);
        if let Some(node) = node {
            sites[0] = Some(node);
            self.root.fill(node, sites);
        }
    }
}

impl Branch {
    fn member(&mut self, name: &str, pick: Pick) -> &mut Branch {
        let at = self.members.iter().position(|(known, _)| **known == *name).unwrap_or_else(|| {
            let at = self.members.partition_point(|(known, _)| known.len() <= name.len());
            self.members.insert(at, (name.into(), Vec::new()));
            let longest = self.members.last().map_or(0, |(name, _)| name.len());
            let shorter = |length: usize| self.members.partition_point(|(known, _)| known.len() < length);
            self.lengths = (0..=longest + 1).map(shorter).collect();
            at
        });
        let picks = &mut self.members[at].1;
        let at = picks.iter().position(|(known, _)| *known == pick).unwrap_or_else(|| {
            picks.push((pick, Branch::default()));
            picks.len() - 1
        });
        &mut picks[at].1
    }

    /// Where paths go on in this member.
    fn picks(&self, name: &[u8]) -> Option<&[Way]> {
        let &[start, end] = self.lengths.get(name.len()..name.len() + 2)? else { return None };
        let of_length = self.members.get(start..end)?;
        of_length.iter().find(|(known, _)| known.as_bytes() == name).map(|(_, picks)| picks.as_slice())
    }

    /// Puts what is meant where nothing was found before: of several items the first counts.
    fn fill<'g>(&self, node: Node<'g>, sites: &mut [Option<Node<'g>>]) {
        if let Some(site) = self.site {
            sites[site].get_or_insert(node);
        }
        if self.members.is_empty() {
            return;
        }
        for member in node.members() {
            let Some(picks) = self.picks(member.name_bytes()) else { continue };
            if member.kind() == Kind::Null {
                continue;
            }
            for (pick, branch) in picks {
                match pick {
                    Pick::All => branch.fill(member, sites),
                    Pick::First => member.each().take(1).for_each(|item| branch.fill(item, sites)),
                    Pick::Each(conditions) => {
                        let meant = member.each().filter(|item| selected(*item, conditions));
                        meant.for_each(|item| branch.fill(item, sites));
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
            let mut reads = Reads::default();
            let sites: Vec<usize> = paths.iter().map(|path| reads.enter(path)).collect();
            let member = reads.enter_member("category");
            let end = reads.settle(2);
            let mut found: Sites<'_> = vec![None; end];
            reads.fill(Some(document.root()), &mut found);
            for (path, site) in paths.iter().zip(&sites) {
                assert_eq!(found[2 + site], find(document.root(), path), "{path:?} in {text}");
            }
            assert_eq!(found[2 + member], document.root().get("category"));
            reads.fill(None, &mut found);
            assert!(found.iter().all(Option::is_none));
        }
    }
}

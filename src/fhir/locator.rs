//! Where values of a document stand: their paths, lines and columns, for many of them in one pass. What is asked for in
//! the order of the document costs one walk down it, however much it is; going back begins anew.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::document::{Children, Node, StringPlace, is_name};
use super::source_position::SourcePosition;

/// Goes down the document from value to value, and knows path and line of where it is.
pub struct Locator<'d> {
    root: Node<'d>,
    path: String,
    /// From the root to the current node
    trail: Vec<OpenNode<'d>>,
    offset: usize,
    position: SourcePosition,
    /// How far a string was read of which parts are asked for
    text: (u32, StringPlace),
}

struct OpenNode<'d> {
    node: Node<'d>,
    children: Children<'d>,
    /// How many children were passed
    passed: usize,
    /// Length of the path up to here
    length: usize,
}

impl OpenNode<'_> {
    fn new(node: Node<'_>, length: usize) -> OpenNode<'_> {
        OpenNode { node, children: children(node), passed: 0, length }
    }
}

impl<'d> Locator<'d> {
    /// Stands at `root`, with which the paths begin.
    pub fn new(root: Node<'d>) -> Self {
        // What is no name of a type is not repeated.
        let kind = root.str("resourceType").filter(|kind| is_name(kind));
        let path = kind.unwrap_or(Cow::Borrowed("$this")).into_owned();
        let trail = vec![OpenNode::new(root, path.len())];
        let position = SourcePosition { line: 1, column: 1 };
        Self { root, path, trail, offset: 0, position, text: (0, StringPlace::default()) }
    }

    /// Where the paths begin.
    pub fn root(&self) -> Node<'d> {
        self.root
    }

    /// The path of a value. `_given[0].extension[0]` is inside the element `given`.
    pub fn path(&mut self, node: Node<'d>) -> &str {
        if self.trail.last().is_some_and(|open| node.index() < open.node.index()) {
            self.trail.truncate(1);
            if let Some(root) = self.trail.first_mut() {
                *root = OpenNode::new(self.root, root.length);
            }
        }
        self.go_to(node);
        &self.path
    }

    /// Line and column where a value begins.
    pub fn position(&mut self, node: Node<'d>) -> SourcePosition {
        self.position_of(node.range().start)
    }

    /// Line and column of a part of a string, so many bytes into its content.
    pub fn position_inside(&mut self, node: Node<'d>, offset: usize) -> SourcePosition {
        if self.text.0 != node.index() {
            self.text = (node.index(), StringPlace::default());
        }
        let offset = node.offset_of(offset, &mut self.text.1);
        self.position_of(offset)
    }

    /// Line and column of a byte of the document.
    pub fn position_of(&mut self, offset: usize) -> SourcePosition {
        if offset < self.offset {
            (self.offset, self.position) = (0, SourcePosition { line: 1, column: 1 });
        }
        let text = self.root.document().text().as_bytes();
        self.position = self.position.after(text.get(self.offset..offset).unwrap_or_default());
        self.offset = offset;
        self.position
    }

    /// Goes to a node at or behind the one where it is.
    fn go_to(&mut self, target: Node<'d>) {
        while self.trail.len() > 1 && self.trail.last().is_some_and(|open| open.node.after() <= target.index()) {
            self.trail.pop();
        }
        while let Some(open) = self.trail.last_mut() {
            self.path.truncate(open.length);
            if open.node == target {
                return;
            }
            let Some(child) =
                open.children.by_ref().inspect(|_| open.passed += 1).find(|child| target.index() < child.after())
            else {
                return;
            };
            if open.node.is_array() {
                let _ = write!(self.path, "[{}]", open.passed - 1);
            } else {
                let name = child.name();
                let name = if child == target { name } else { name.strip_prefix('_').unwrap_or(name) };
                let _ = write!(self.path, ".{name}");
            }
            self.trail.push(OpenNode::new(child, self.path.len()));
        }
    }
}

fn children(node: Node<'_>) -> Children<'_> {
    if node.is_array() { node.items() } else { node.members() }
}

#[cfg(test)]
mod tests {
    use super::super::document::Document;
    use super::*;

    #[test]
    fn knows_where_values_stand_in_whatever_order_they_are_asked_for() {
        let document =
            Document::parse("{\"resourceType\":\"Task\",\n\"a\":[{\"b\":1},{\"b\":[2,\n3]}],\"c\":4}").unwrap();
        let nodes: Vec<Node<'_>> = document.root().descendants().collect();
        let mut locator = Locator::new(document.root());
        for node in nodes.iter().chain(nodes.iter().rev()).chain([&nodes[7], &nodes[2], &nodes[5]]) {
            assert_eq!(locator.path(*node), node.path());
            assert_eq!(locator.position(*node), node.position(), "{}", node.path());
        }
    }

    #[test]
    fn goes_to_a_value_inside_the_one_where_it_is() {
        let document = Document::parse(r#"{"a":{"b":{"c":[1,2]}}}"#).unwrap();
        let mut locator = Locator::new(document.root());
        let outer = document.root().get("a").unwrap();
        assert_eq!(locator.path(outer), "$this.a");
        let inner = outer.get("b").unwrap().get("c").unwrap();
        assert_eq!(locator.path(inner.items().nth(1).unwrap()), "$this.a.b.c[1]");
        assert_eq!(locator.path(inner.items().next().unwrap()), "$this.a.b.c[0]");
    }
}

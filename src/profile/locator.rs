//! Where findings are in the document: their paths, lines and columns, for all of them in one pass.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::finding::{Finding, FindingTarget};
use crate::fhir::document::{Children, is_name};
use crate::fhir::{Issue, Node, SourcePosition};

/// Goes down the document once, from finding to finding, and knows path and line of where it is.
pub(super) struct Locator<'d> {
    root: Node<'d>,
    path: String,
    /// From the root to the current node
    trail: Vec<OpenNode<'d>>,
    offset: usize,
    position: SourcePosition,
}

struct OpenNode<'d> {
    node: Node<'d>,
    children: Children<'d>,
    /// How many children were passed
    passed: usize,
    /// Length of the path up to here
    length: usize,
}

impl<'d> Locator<'d> {
    pub(super) fn new(root: Node<'d>) -> Self {
        // What is no name of a type is not repeated.
        let kind = root.str("resourceType").filter(|kind| is_name(kind));
        let path = kind.unwrap_or(Cow::Borrowed("$this")).into_owned();
        let outermost = OpenNode { node: root, children: children(root), passed: 0, length: path.len() };
        Self { root, path, trail: vec![outermost], offset: 0, position: SourcePosition { line: 1, column: 1 } }
    }

    pub(super) fn issue(&mut self, finding: Finding) -> Issue {
        let node = self.root.document().node(finding.node);
        self.go_to(node);
        let offset = match finding.target {
            FindingTarget::Name => node.name_start(),
            FindingTarget::Part(offset) => offset as usize,
            FindingTarget::Value | FindingTarget::Inside(_) => node.range().start,
        };
        let path = match &finding.target {
            FindingTarget::Inside(name) => format!("{}.{name}", self.path),
            _ => self.path.clone(),
        };
        let position = self.position_of(offset);
        Issue {
            severity: finding.severity,
            key: finding.key,
            path,
            text: finding.text,
            hint: finding.hint,
            position: Some(position),
            expected: finding.expected,
            origin: finding.origin,
        }
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
                // `_given[0].extension[0]` is inside the element `given`.
                let name = child.name();
                let name = if child == target { name } else { name.strip_prefix('_').unwrap_or(name) };
                let _ = write!(self.path, ".{name}");
            }
            self.trail.push(OpenNode { node: child, children: children(child), passed: 0, length: self.path.len() });
        }
    }

    /// Line and column of an offset at or behind the last one.
    fn position_of(&mut self, offset: usize) -> SourcePosition {
        let text = self.root.document().text().as_bytes();
        for byte in text.get(self.offset..offset).unwrap_or_default() {
            match byte {
                b'\n' => self.position = SourcePosition { line: self.position.line + 1, column: 1 },
                // Characters are counted, not bytes: continuation bytes do not count.
                0x80..=0xbf => {}
                _ => self.position.column += 1,
            }
        }
        self.offset = offset;
        self.position
    }
}

fn children(node: Node<'_>) -> Children<'_> {
    if node.is_array() { node.items() } else { node.members() }
}

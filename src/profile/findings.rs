//! What a check has found so far. A finding remembers its node; path, line and column are worked out at the end, for all
//! of them in one pass over the document, so that they cost nothing while nothing is wrong and little when much is.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::report::{Open, Question, Report};
use super::schema::Stated;
use crate::fhir::document::{Children, is_name};
use crate::fhir::{Issue, Key, Node, RuleSource, Severity, SourcePosition};

/// More than this nobody reads; a document that breaks every rule must not fill the memory.
const MAX_FINDINGS: usize = 2_000;

/// One finding, not yet located.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    node: u32,
    anchor: Anchor,
    severity: Severity,
    key: Key,
    text: String,
    hint: Option<Cow<'static, str>>,
    /// The rule as the definition states it
    expected: Option<Box<str>>,
    /// Where the rule is written
    origin: Option<Arc<RuleSource>>,
}

/// What of a node the finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Anchor {
    /// Its member name, which should not be there
    Name,
    /// Its value
    Value,
    /// A part of its text: where in the document that begins
    Part(u32),
    /// An element that is missing inside it
    Inside(String),
}

/// All findings of a check.
#[derive(Debug, Default)]
pub(super) struct Findings {
    found: Vec<Finding>,
    /// The worst of those that found no room
    unlisted: Option<Severity>,
}

impl Finding {
    /// An error about a value.
    pub(super) fn error(key: Key, node: Node<'_>, text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            node: node.index(),
            anchor: Anchor::Value,
            severity: Severity::Error,
            key,
            text,
            hint: None,
            expected: None,
            origin: None,
        }
    }

    /// Something that cannot be checked here.
    pub(super) fn not_checked(node: Node<'_>, text: impl Into<String>) -> Self {
        Self { severity: Severity::Information, ..Self::error(Key::NotChecked, node, text) }
    }

    /// It is as bad as this.
    pub(super) fn severity(self, severity: Severity) -> Self {
        Self { severity, ..self }
    }

    /// It is about the member's name rather than its value.
    pub(super) fn about_name(self) -> Self {
        Self { anchor: Anchor::Name, ..self }
    }

    /// It is about an element that is not there.
    pub(super) fn about_missing(self, name: impl Into<String>) -> Self {
        Self { anchor: Anchor::Inside(name.into()), ..self }
    }

    /// It is about a part of a string, so many bytes into its content.
    pub(super) fn about_part(self, node: Node<'_>, offset: usize) -> Self {
        Self { anchor: Anchor::Part(node.offset_of(offset) as u32), ..self }
    }

    /// How to mend it.
    pub(super) fn hint(self, hint: impl Into<Cow<'static, str>>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The rule, as the definition states it.
    pub(super) fn expected(self, rule: impl Into<Box<str>>) -> Self {
        Self { expected: Some(rule.into()), ..self }
    }

    /// Where the rule is written.
    pub(super) fn from(self, origin: &Arc<RuleSource>) -> Self {
        Self { origin: Some(Arc::clone(origin)), ..self }
    }

    /// The rule that found it: what it demands and where it is written, unless that is known better.
    pub(super) fn stated(self, stated: &Stated) -> Self {
        let expected = self.expected.unwrap_or_else(|| stated.rule.describe().into());
        let origin = self.origin.unwrap_or_else(|| Arc::clone(&stated.origin));
        Self { expected: Some(expected), origin: Some(origin), ..self }
    }

    /// How to mend it, if something is known.
    pub(super) fn hint_if(self, hint: Option<String>) -> Self {
        Self { hint: hint.map(Cow::Owned), ..self }
    }
}

impl Finding {
    /// Does it say the same about the same place? Two profiles may both say it.
    fn is_same(&self, other: &Self) -> bool {
        (self.node, &self.anchor, self.severity, self.key, &self.text)
            == (other.node, &other.anchor, other.severity, other.key, &other.text)
    }
}

impl Findings {
    /// Is there no room for more? Then there is no use in working out what a further one would say.
    pub(super) fn is_full(&self) -> bool {
        self.found.len() >= MAX_FINDINGS
    }

    /// How many errors there are.
    pub(super) fn errors(&self) -> usize {
        let errors = self.found.iter().filter(|finding| finding.severity >= Severity::Error).count();
        errors + usize::from(self.unlisted >= Some(Severity::Error))
    }

    /// What the first error says.
    pub(super) fn first_error(&self) -> Option<String> {
        let errors = self.found.iter().filter(|finding| finding.severity >= Severity::Error);
        errors.min_by_key(|finding| finding.node).map(|finding| finding.text.clone())
    }

    /// Keeps a finding.
    pub(super) fn push(&mut self, finding: Finding) {
        if self.is_full() {
            self.unlisted = self.unlisted.max(Some(finding.severity));
        } else {
            self.found.push(finding);
        }
    }

    /// The findings as issues, each once, in the order of the document, and the questions as they will be asked.
    pub(super) fn locate(mut self, open: Vec<Open>, root: Node<'_>) -> Report {
        if self.found.is_empty() && open.is_empty() {
            return Report::default();
        }
        self.found.sort_by(|left, right| (left.node, &left.anchor).cmp(&(right.node, &right.anchor)));
        let mut kept: Vec<Finding> = Vec::with_capacity(self.found.len());
        for finding in self.found {
            let same = kept.iter().rev().take_while(|other| other.node == finding.node).any(|it| it.is_same(&finding));
            if !same {
                kept.push(finding);
            }
        }
        keep_worst_of_codes(&mut kept);
        let mut locator = Locator::new(root);
        let mut issues: Vec<Issue> = kept.into_iter().map(|finding| locator.issue(finding)).collect();
        if let Some(severity) = self.unlisted {
            let text = format!("there are more than {MAX_FINDINGS} findings; the rest is not listed");
            issues.push(Issue::new(severity, Key::MoreFindings, "", text));
        }
        Report { issues, questions: questions(open, root) }
    }
}

/// One wrong code may break several bindings, and not be in its code system either; the worst of that is enough.
fn keep_worst_of_codes(kept: &mut Vec<Finding>) {
    let is_about_code = |finding: &Finding| matches!(finding.key, Key::Binding | Key::Coding);
    let rank = |finding: &Finding| (finding.severity, finding.key == Key::Binding);
    let mut worst: HashMap<u32, (Severity, bool)> = HashMap::new();
    for finding in kept.iter().filter(|finding| is_about_code(finding)) {
        let known = worst.entry(finding.node).or_insert_with(|| rank(finding));
        *known = rank(finding).max(*known);
    }
    kept.retain(|finding| !is_about_code(finding) || worst.get(&finding.node) == Some(&rank(finding)));
}

fn questions(mut open: Vec<Open>, root: Node<'_>) -> Vec<Question> {
    open.sort_by_key(|open| open.if_not.node);
    let mut locator = Locator::new(root);
    open.into_iter()
        .map(|Open { value_set, codes, if_not, if_unknown }| {
            let if_unknown = Finding { node: if_not.node, ..if_unknown };
            Question { value_set, codes, if_not: locator.issue(if_not), if_unknown: locator.issue(if_unknown) }
        })
        .collect()
}

/// Goes down the document once, from finding to finding, and knows path and line of where it is.
struct Locator<'d> {
    root: Node<'d>,
    path: String,
    /// From the root to the current node
    frames: Vec<Frame<'d>>,
    offset: usize,
    place: SourcePosition,
}

struct Frame<'d> {
    node: Node<'d>,
    children: Children<'d>,
    /// How many children were passed
    passed: usize,
    /// Length of the path up to here
    length: usize,
}

impl<'d> Locator<'d> {
    fn new(root: Node<'d>) -> Self {
        // What is no name of a type is not repeated.
        let kind = root.str("resourceType").filter(|kind| is_name(kind));
        let path = kind.unwrap_or(Cow::Borrowed("$this")).into_owned();
        let frame = Frame { node: root, children: children(root), passed: 0, length: path.len() };
        Self { root, path, frames: vec![frame], offset: 0, place: SourcePosition { line: 1, column: 1 } }
    }

    fn issue(&mut self, finding: Finding) -> Issue {
        let node = self.root.document().node(finding.node);
        self.go_to(node);
        let offset = match finding.anchor {
            Anchor::Name => node.name_start(),
            Anchor::Part(offset) => offset as usize,
            Anchor::Value | Anchor::Inside(_) => node.range().start,
        };
        let path = match &finding.anchor {
            Anchor::Inside(name) => format!("{}.{name}", self.path),
            _ => self.path.clone(),
        };
        let place = self.place_of(offset);
        Issue {
            severity: finding.severity,
            key: finding.key,
            path,
            text: finding.text,
            hint: finding.hint,
            position: Some(place),
            expected: finding.expected,
            origin: finding.origin,
        }
    }

    /// Goes to a node at or behind the one where it is.
    fn go_to(&mut self, target: Node<'d>) {
        while self.frames.len() > 1 && self.frames.last().is_some_and(|frame| frame.node.after() <= target.index()) {
            self.frames.pop();
        }
        while let Some(frame) = self.frames.last_mut() {
            self.path.truncate(frame.length);
            if frame.node == target {
                return;
            }
            let Some(child) =
                frame.children.by_ref().inspect(|_| frame.passed += 1).find(|child| target.index() < child.after())
            else {
                return;
            };
            if frame.node.is_array() {
                let _ = write!(self.path, "[{}]", frame.passed - 1);
            } else {
                // `_given[0].extension[0]` is inside the element `given`.
                let name = child.name();
                let name = if child == target { name } else { name.strip_prefix('_').unwrap_or(name) };
                let _ = write!(self.path, ".{name}");
            }
            self.frames.push(Frame { node: child, children: children(child), passed: 0, length: self.path.len() });
        }
    }

    /// Line and column of an offset at or behind the last one.
    fn place_of(&mut self, offset: usize) -> SourcePosition {
        let text = self.root.document().text().as_bytes();
        for byte in text.get(self.offset..offset).unwrap_or_default() {
            match byte {
                b'\n' => self.place = SourcePosition { line: self.place.line + 1, column: 1 },
                // Characters are counted, not bytes: continuation bytes do not count.
                0x80..=0xbf => {}
                _ => self.place.column += 1,
            }
        }
        self.offset = offset;
        self.place
    }
}

fn children(node: Node<'_>) -> Children<'_> {
    if node.is_array() { node.items() } else { node.members() }
}

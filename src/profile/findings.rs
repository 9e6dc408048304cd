//! What a check has found so far. Path, line and column are worked out at the end, for all findings in one pass over the
//! document, so that they cost nothing while nothing is wrong and little when much is.

use std::collections::HashMap;

use super::finding::{Finding, FindingTarget, OpenQuestion};
use super::report::{Question, Report};
use crate::fhir::issue::MAX_FINDINGS;
use crate::fhir::{Issue, Key, Locator, Node, Severity};

/// All findings of a check.
#[derive(Debug, Default)]
pub(super) struct Findings {
    found: Vec<Finding>,
    /// The worst of those that found no room
    unlisted: Option<Severity>,
}

impl Findings {
    /// Is there no room for more? Then there is no use in working out what a further one would say.
    pub(super) fn is_full(&self) -> bool {
        self.found.len() >= MAX_FINDINGS
    }

    /// How many are listed.
    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    /// Those that are listed from this position on.
    pub(super) fn since(&mut self, position: usize) -> &mut [Finding] {
        self.found.get_mut(position..).unwrap_or_default()
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
    pub(super) fn locate(mut self, open: Vec<OpenQuestion>, root: Node<'_>) -> Report {
        if self.found.is_empty() && open.is_empty() {
            return Report::default();
        }
        self.found.sort_by(|left, right| (left.node, &left.target).cmp(&(right.node, &right.target)));
        let mut kept: Vec<Finding> = Vec::with_capacity(self.found.len());
        for finding in self.found {
            let same = kept.iter().rev().take_while(|other| other.node == finding.node).any(|it| it.is_same(&finding));
            if !same {
                kept.push(finding);
            }
        }
        retain_worst_of_codes(&mut kept);
        let mut locator = Locator::new(root);
        let mut issues: Vec<Issue> = kept.into_iter().map(|finding| issue(&mut locator, finding)).collect();
        if let Some(severity) = self.unlisted {
            issues.push(Issue::more_findings(severity));
        }
        Report { issues, questions: questions(open, root) }
    }
}

/// One wrong code may break several bindings, and not be in its code system either; the worst of that is enough.
fn retain_worst_of_codes(kept: &mut Vec<Finding>) {
    let is_about_code = |finding: &Finding| matches!(finding.key, Key::Binding | Key::Coding);
    let rank = |finding: &Finding| (finding.severity, finding.key == Key::Binding);
    let mut worst: HashMap<u32, (Severity, bool)> = HashMap::new();
    for finding in kept.iter().filter(|finding| is_about_code(finding)) {
        let known = worst.entry(finding.node).or_insert_with(|| rank(finding));
        *known = rank(finding).max(*known);
    }
    kept.retain(|finding| !is_about_code(finding) || worst.get(&finding.node) == Some(&rank(finding)));
}

fn questions(mut open: Vec<OpenQuestion>, root: Node<'_>) -> Vec<Question> {
    open.sort_by_key(|open| open.if_not.node);
    let mut locator = Locator::new(root);
    open.into_iter()
        .map(|OpenQuestion { value_set, codes, if_not, if_unknown }| {
            let if_unknown = Finding { node: if_not.node, ..if_unknown };
            Question {
                value_set,
                codes,
                if_not: issue(&mut locator, if_not),
                if_unknown: issue(&mut locator, if_unknown),
            }
        })
        .collect()
}

/// The finding with its place. Of findings in the order of the document each is found from the one before it.
fn issue(locator: &mut Locator<'_>, finding: Finding) -> Issue {
    let node = locator.root().document().node(finding.node);
    let mut path = locator.path(node).to_owned();
    let position = match &finding.target {
        FindingTarget::Name => locator.position_of(node.name_start()),
        FindingTarget::Part(offset) => locator.position_inside(node, *offset as usize),
        FindingTarget::Value => locator.position(node),
        FindingTarget::Inside(name) => {
            path = format!("{path}.{name}");
            locator.position(node)
        }
    };
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

//! A compiled expression: the face of the language.

use std::borrow::Cow;
use std::fmt;

use crate::fhir::{Issue, Key, Node, Severity, SourcePosition};

use super::check;
use super::collection::Collection;
use super::context::Context;
use super::eval::{self, Failure};
use super::guard;
use super::item::{Element, Item};
use super::model::Model;
use super::parser;
use super::tree::{Operator, Part, PartKind};

/// A compiled expression. Cheap to evaluate any number of times, from any number of threads.
#[derive(Clone)]
pub struct Expression {
    text: Box<str>,
    part: Part,
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({:?})", self.text)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Expression {
    /// Compiles an expression.
    ///
    /// # Errors
    /// One issue with line and column in the expression and what was expected there.
    pub fn parse(text: &str) -> Result<Self, Box<Issue>> {
        match parser::parse(text) {
            Ok(part) => Ok(Self { text: text.into(), part }),
            Err((at, message)) => Err(Box::new(issue(Key::ExpressionInvalid, text, at, &message))),
        }
    }

    /// The text that it was compiled from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Evaluates it with `focus` as `$this` and `%context`.
    ///
    /// # Errors
    /// One issue with line and column in the expression: an operation on values that it has no meaning for, or more
    /// steps than the context allows. An information (`not-checked`), where the result is empty because a question of a
    /// value set or profile could not be answered.
    pub fn evaluate<'e, 'a: 'e>(
        &'e self,
        context: &'e Context<'a>,
        focus: Node<'e>,
    ) -> Result<Collection<'e>, Box<Issue>> {
        self.evaluate_item(context, Item::Element(Element::new(focus)))
    }

    /// Evaluates it with any item as focus: an element with its sibling, or a value.
    ///
    /// # Errors
    /// As [`Expression::evaluate`].
    pub fn evaluate_item<'e, 'a: 'e>(
        &'e self,
        context: &'e Context<'a>,
        focus: Item<'e>,
    ) -> Result<Collection<'e>, Box<Issue>> {
        eval::run(&self.part, context, &Collection::One(focus)).map_err(|failure| Box::new(self.issue_of(&failure)))
    }

    /// Evaluates it as a condition: nothing for an empty result; one item that is no boolean counts as true.
    ///
    /// # Errors
    /// As [`Expression::evaluate`], and for a result of several items. An information (`not-checked`), where it depends
    /// on a question that nobody could answer.
    pub fn evaluate_bool<'e, 'a: 'e>(
        &'e self,
        context: &'e Context<'a>,
        focus: Node<'e>,
    ) -> Result<Option<bool>, Box<Issue>> {
        self.condition(context, Item::Element(Element::new(focus)))
    }

    /// As [`Expression::evaluate_bool`] with any item as focus.
    ///
    /// # Errors
    /// As [`Expression::evaluate_bool`].
    pub fn condition<'e, 'a: 'e>(
        &'e self,
        context: &'e Context<'a>,
        focus: Item<'e>,
    ) -> Result<Option<bool>, Box<Issue>> {
        eval::evaluate_bool(&self.part, context, &Collection::One(focus))
            .map_err(|failure| Box::new(self.issue_of(&failure)))
    }

    fn issue_of(&self, failure: &Failure) -> Issue {
        let (key, at, message) = failure.parts();
        let mut issue = issue(key, &self.text, at, message);
        if key == Key::NotChecked {
            issue.severity = Severity::Information;
        }
        issue
    }

    /// Holds the expression against the types: what can never be found, evaluated on a `start` (`Patient`, `HumanName`,
    /// `Patient.contact`). Nothing is said where the model does not know.
    pub fn check(&self, model: &dyn Model, start: &str) -> Vec<Issue> {
        let found = check::check(&self.part, model, start);
        found.into_iter().map(|(at, message)| issue(Key::ExpressionInvalid, &self.text, at, &message)).collect()
    }

    /// The elements of the focus without which it is true, whatever else there is: `start` for
    /// `start.empty() or start <= end`. A choice is named by its stem, and a `_name` sibling is such an element too.
    /// Nothing for an expression that may be otherwise.
    pub fn true_without(&self) -> Option<Vec<&str>> {
        guard::true_without(&self.part)
    }

    /// The operands of the union that it is, each an expression of its own; itself, if it is none. Search parameters
    /// of several types are such unions.
    pub fn branches(&self) -> Vec<Self> {
        let mut branches = Vec::new();
        each_branch(&self.part, &mut |part| branches.push(Self { text: self.text.clone(), part: part.clone() }));
        branches
    }

    /// The path that it is, if it is nothing more than names: `Task.status`.
    pub fn as_path(&self) -> Option<String> {
        let mut names = Vec::new();
        let mut part = Some(&self.part);
        while let Some(next) = part {
            let PartKind::Member { from, name } = &next.kind else { return None };
            names.push(&*name.text);
            part = from.as_deref();
        }
        names.reverse();
        Some(names.join("."))
    }

    /// The elements that it leads through from a `start`, where it is a path from there and nothing more: `name` and `given` for
    /// `Patient.name.given`. Besides, is the first one's name that of a choice somewhere? Then an element that is not there by
    /// that very name may be there by another (`onsetDateTime`); of those behind it none is such a name.
    pub fn names_from(&self, start: &str) -> Option<(Vec<&str>, bool)> {
        let (mut names, mut is_choice) = (Vec::new(), false);
        let mut part = &self.part;
        while let PartKind::Member { from, name } = &part.kind {
            let Some(from) = from else {
                names.reverse();
                return (*name.text == *start && !names.is_empty()).then_some((names, is_choice));
            };
            if is_choice {
                return None;
            }
            is_choice = !name.choices.is_empty();
            names.push(&*name.text);
            part = from;
        }
        None
    }

    /// The name that its path begins with: `Task` of `Task.for.where(resolve() is Patient)`.
    pub fn first_name(&self) -> Option<&str> {
        let mut part = &self.part;
        loop {
            part = match &part.kind {
                PartKind::Member { from: None, name } => return Some(&name.text),
                PartKind::Member { from: Some(from), .. }
                | PartKind::Call { from: Some(from), .. }
                | PartKind::Typed { from: Some(from), .. }
                | PartKind::Indexer(from, _) => from,
                _ => return None,
            };
        }
    }
}

fn each_branch<'p>(part: &'p Part, found: &mut impl FnMut(&'p Part)) {
    if let PartKind::Binary(Operator::Union, left, right) = &part.kind {
        each_branch(left, found);
        each_branch(right, found);
    } else {
        found(part);
    }
}

/// An issue about a place in an expression.
fn issue(key: Key, text: &str, at: usize, message: &str) -> Issue {
    let position = SourcePosition::of_offset(text, at);
    let shown: Cow<'_, str> = match text.char_indices().nth(120) {
        Some((end, _)) => format!("{}...", &text[..end]).into(),
        None => text.into(),
    };
    let message = format!("{message} at {position} of the expression {shown}");
    Issue::error(key, "", message).at(position)
}

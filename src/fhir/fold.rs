//! The same finding at many places, said once.
//!
//! A mistake in a program that writes messages comes back in every entry of a Bundle. Whoever reads what was found wants
//! to see it once, with the places; whoever counts works with the issues themselves.

use std::collections::HashMap;

use super::issue::Issue;

/// One finding, and where else it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold<'i> {
    /// The first of them
    pub issue: &'i Issue,
    /// The others, in order
    pub others: Vec<&'i Issue>,
}

/// The issues, those that differ in nothing but the repetition of the element as one; in the order of the first ones.
pub fn fold(issues: &[Issue]) -> Vec<Fold<'_>> {
    let mut folds: Vec<Fold<'_>> = Vec::new();
    let mut known: HashMap<_, usize> = HashMap::new();
    for issue in issues {
        let message = (issue.severity, issue.key, &issue.text, &issue.hint, &issue.expected, &issue.origin);
        let index = *known.entry((message, element(&issue.path))).or_insert(folds.len());
        match folds.get_mut(index) {
            Some(fold) => fold.others.push(issue),
            None => folds.push(Fold { issue, others: Vec::new() }),
        }
    }
    folds
}

/// The path without the numbers of repetitions: `Bundle.entry.resource`.
pub fn element(path: &str) -> String {
    let mut element = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, behind)) = rest.split_once('[') {
        element.push_str(before);
        rest = match behind.split_once(']') {
            Some((number, after)) if number.bytes().all(|byte| byte.is_ascii_digit()) => after,
            // `value[x]`
            _ => {
                element.push('[');
                behind
            }
        };
    }
    element.push_str(rest);
    element
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::Key;

    #[test]
    fn only_repetitions_are_one() {
        let paths = ["Bundle.entry[0].resource.name", "Bundle.entry[1].resource.name", "Bundle.entry[0].resource.id"];
        let issues: Vec<Issue> = paths
            .iter()
            .map(|path| Issue::error(Key::Empty, *path, "empty"))
            .chain([Issue::warning(Key::Empty, paths[0], "empty"), Issue::error(Key::Empty, paths[0], "not empty")])
            .collect();
        let folds = fold(&issues);
        assert_eq!(folds.iter().map(|fold| fold.others.len()).collect::<Vec<_>>(), [1, 0, 0, 0]);
        assert_eq!((folds[0].issue, folds[0].others[0]), (&issues[0], &issues[1]));
        assert_eq!(folds[1].issue, &issues[2]);
    }

    #[test]
    fn a_choice_is_no_repetition() {
        assert_eq!(element("Task.input[12].value[x]"), "Task.input.value[x]");
        assert_eq!(element("a[b[3]"), "a[b");
    }
}

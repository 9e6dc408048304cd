//! The elements of a differential, and the way to each of them from the root.
//!
//! The way is written in the id (`Observation.component:systolic.code`); where ids are missing it follows from the paths,
//! the slice names and the order: what is inside a slice stands behind the slice.

use std::collections::HashMap;

use crate::definitions::differential::DifferentialElement;
use crate::definitions::structure::Element;

/// One element of a differential.
#[derive(Debug)]
pub(super) struct Difference {
    pub(super) stated: DifferentialElement,
    /// From the root, which is the first
    pub(super) steps: Vec<PathStep>,
}

/// One step on the way to an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PathStep {
    pub(super) name: String,
    pub(super) slice: Option<String>,
}

/// Finds the way to every element.
pub(super) fn locate_differences(stated: Vec<DifferentialElement>) -> Vec<Difference> {
    let mut last: HashMap<String, Vec<PathStep>> = HashMap::new();
    let mut found = Vec::with_capacity(stated.len());
    for stated in stated {
        let element = &stated.element;
        let steps = by_id(element).filter(|_| stated.has_id).unwrap_or_else(|| by_path(element, &last));
        let inside = format!("{}.", element.path);
        last.retain(|path, _| !path.starts_with(&inside));
        last.insert(element.path.clone(), steps.clone());
        found.push(Difference { stated, steps });
    }
    found
}

/// The way that the id writes; nothing where id and path do not agree.
fn by_id(element: &Element) -> Option<Vec<PathStep>> {
    let (ids, names): (Vec<&str>, Vec<&str>) = (element.id.split('.').collect(), element.path.split('.').collect());
    if ids.len() != names.len() {
        return None;
    }
    let step = |(id, name): (&str, &str)| {
        let (step, slice) = match id.split_once(':') {
            Some((step, slice)) => (step, Some(slice.to_owned())),
            None => (id, None),
        };
        // The path may write `valueQuantity` where the id writes `value[x]:valueQuantity`.
        let agrees = step == name || step.strip_suffix("[x]").is_some_and(|stem| name.starts_with(stem));
        agrees.then(|| PathStep { name: step.to_owned(), slice })
    };
    let mut steps: Vec<PathStep> = ids.into_iter().zip(names).map(step).collect::<Option<_>>()?;
    if let (Some(last), Some(name)) = (steps.last_mut(), &element.slice_name) {
        last.slice = Some(name.clone());
    }
    Some(steps)
}

/// The way that follows from what stood before.
fn by_path(element: &Element, last: &HashMap<String, Vec<PathStep>>) -> Vec<PathStep> {
    let (mut above, mut names) = (element.path.as_str(), Vec::new());
    let mut steps = loop {
        let Some((outer, name)) = above.rsplit_once('.') else {
            break vec![PathStep { name: above.to_owned(), slice: None }];
        };
        names.push(name);
        above = outer;
        if let Some(known) = last.get(outer) {
            break known.clone();
        }
    };
    steps.extend(names.into_iter().rev().map(|name| PathStep { name: name.to_owned(), slice: None }));
    if let (Some(last), Some(name)) = (steps.last_mut(), &element.slice_name) {
        last.slice = Some(name.clone());
    }
    steps
}

//! Puts the values of an element into slices and counts them, and says where there are too few, too many, or some that
//! belong nowhere.

use super::{Openness, Slice, SliceMatch, Slicing};
use crate::fhir::{Key, Node, Severity};
use crate::profile::finding::Finding;
use crate::profile::schema::{ElementSchema, Schema};
use crate::profile::walk::Walk;

/// How the values of one slicing have stood so far.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::profile) struct Sorted {
    /// The last slice met, counted from 1
    last: u16,
    /// A value in no slice was met
    unsliced: bool,
}

/// How often a slice was met, and how often nobody could say.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::profile) struct Count {
    pub(in crate::profile) met: u32,
    pub(in crate::profile) unknown: u32,
}

/// Where the counts and states of a slicing stand while its values are sorted.
pub(in crate::profile) struct SourcePosition {
    /// Its position among the slicings of its element
    pub(in crate::profile) number: u16,
    /// Where the counts of the object's slices begin
    pub(in crate::profile) counts: usize,
    /// Where its state stands
    pub(in crate::profile) state: usize,
}

impl Slicing {
    /// Puts a value into the slices that it belongs to: for each, a pair of the slicing's number and its own is added to
    /// `key`.
    pub(in crate::profile) fn sort<'d>(
        &self,
        place: &SourcePosition,
        node: Node<'d>,
        type_name: &str,
        key: &mut Vec<u16>,
        walk: &mut Walk<'_, 'd>,
    ) {
        if let Some(problem) = &self.problem {
            walk.report_once(problem, || {
                Finding::not_checked(node, format!("{problem}; which slice a value is in cannot be told"))
                    .from(&self.origin)
            });
        }
        let before = key.len();
        let unknown = self.sort_into(None, place, node, type_name, key, walk);
        let outermost = key[before..].chunks_exact(2).map(|pair| pair[1]).next();
        match outermost {
            Some(slice) => self.keep_order(slice, node, place, walk),
            None if unknown => {}
            None => {
                if let Some(state) = walk.sorted.get_mut(place.state) {
                    state.unsliced = true;
                }
                if self.openness == Openness::Closed {
                    self.say_unsliced(None, node, type_name, walk);
                }
            }
        }
    }

    /// The slices inside `parent`, or the outermost.
    fn inside(&self, parent: Option<u16>) -> impl Iterator<Item = (u16, &Slice)> {
        let numbered = self.slices.iter().enumerate().map(|(at, slice)| (at as u16, slice));
        numbered.filter(move |(_, slice)| slice.parent == parent)
    }

    /// Sorts among the slices inside `parent`; says whether a slice could not be told.
    fn sort_into<'d>(
        &self,
        parent: Option<u16>,
        place: &SourcePosition,
        node: Node<'d>,
        type_name: &str,
        key: &mut Vec<u16>,
        walk: &mut Walk<'_, 'd>,
    ) -> bool {
        let (mut found, mut unknown) = (false, false);
        for (at, slice) in self.inside(parent).filter(|(_, slice)| !slice.is_default) {
            match slice.judge(node, type_name, walk) {
                SliceMatch::Yes => {
                    found = true;
                    self.enter(at, place, node, type_name, key, walk);
                }
                SliceMatch::Unknown => {
                    unknown = true;
                    walk.slice_count(place.counts + self.first as usize + usize::from(at)).unknown += 1;
                }
                SliceMatch::No => {}
            }
        }
        if !found && !unknown {
            if let Some((at, _)) = self.inside(parent).find(|(_, slice)| slice.is_default) {
                self.enter(at, place, node, type_name, key, walk);
                return false;
            }
            let is_closed = parent.and_then(|at| self.slices.get(usize::from(at))).is_some_and(|it| it.is_closed);
            if is_closed && self.inside(parent).next().is_some() {
                self.say_unsliced(parent, node, type_name, walk);
            }
        }
        unknown && !found
    }

    fn enter<'d>(
        &self,
        at: u16,
        place: &SourcePosition,
        node: Node<'d>,
        type_name: &str,
        key: &mut Vec<u16>,
        walk: &mut Walk<'_, 'd>,
    ) {
        key.extend([place.number, at]);
        walk.slice_count(place.counts + self.first as usize + usize::from(at)).met += 1;
        if self.inside(Some(at)).next().is_some() {
            self.sort_into(Some(at), place, node, type_name, key, walk);
        }
    }

    fn keep_order(&self, slice: u16, node: Node<'_>, place: &SourcePosition, walk: &mut Walk<'_, '_>) {
        let Some(sorted) = walk.sorted.get(place.state).copied() else { return };
        let name = &self.slices[usize::from(slice)].name;
        if self.is_ordered && slice + 1 < sorted.last {
            let before = &self.slices[usize::from(sorted.last - 1)].name;
            let text = format!("the slice {name} stands behind the slice {before}; their order is fixed");
            let hint = format!("put it in front of those of the slice {before}");
            walk.report(Finding::error(Key::Slice, node, text).hint(hint).from(&self.origin));
        }
        if self.openness == Openness::AtEnd && sorted.unsliced {
            let text = format!("the slice {name} stands behind values that are in no slice; those come last");
            walk.report(Finding::error(Key::Slice, node, text).hint("move it up").from(&self.origin));
        }
        if let Some(state) = walk.sorted.get_mut(place.state) {
            state.last = state.last.max(slice + 1);
        }
    }

    /// A value that is in no slice where all have to be.
    fn say_unsliced<'d>(&self, parent: Option<u16>, node: Node<'d>, type_name: &str, walk: &mut Walk<'_, 'd>) {
        let names: Vec<&str> =
            self.slices.iter().filter(|slice| slice.parent == parent).map(|slice| slice.name.as_str()).collect();
        let text = format!("the value is in none of the slices {}, and there may be no others", names.join(", "));
        let near = self.nearest(parent, node, type_name, walk);
        let hint = near.map(|(slice, missed)| match missed {
            Some(missed) => format!("the slice {} comes nearest; its {missed} is different", slice.name),
            None => format!("remove it, or make it one of the slice {}", slice.name),
        });
        walk.report(Finding::error(Key::Slice, node, text).hint_if(hint).from(&self.origin));
    }

    /// The slice of which a value meets the most conditions, and the first that it does not meet.
    fn nearest<'d>(
        &self,
        parent: Option<u16>,
        node: Node<'d>,
        type_name: &str,
        walk: &mut Walk<'_, 'd>,
    ) -> Option<(&Slice, Option<&str>)> {
        let mut best: Option<(usize, &Slice, Option<&str>)> = None;
        for slice in self.slices.iter().filter(|slice| slice.parent == parent && !slice.is_default) {
            let (met, missed) = slice.score(node, type_name, walk);
            if best.is_none_or(|(most, _, _)| met > most) {
                best = Some((met, slice, missed));
            }
        }
        best.map(|(_, slice, missed)| (slice, missed))
    }
}

impl Slice {
    fn judge<'d>(&self, node: Node<'d>, type_name: &str, walk: &mut Walk<'_, 'd>) -> SliceMatch {
        let mut least = SliceMatch::Yes;
        for condition in &self.conditions {
            least = least.min(condition.judge(node, type_name, walk));
            if least == SliceMatch::No {
                break;
            }
        }
        least
    }

    /// How many conditions a value meets, and the first that it does not meet.
    fn score<'d>(&self, node: Node<'d>, type_name: &str, walk: &mut Walk<'_, 'd>) -> (usize, Option<&str>) {
        let (mut met, mut missed) = (0, None);
        for condition in &self.conditions {
            if condition.judge(node, type_name, walk) == SliceMatch::Yes {
                met += 1;
            } else if missed.is_none() {
                missed = Some(condition.description.as_str());
            }
        }
        (met, missed)
    }
}

/// Looks at the counts of an object's slices once all its members were met; they begin at `base`, and those of its
/// elements at `seen`.
pub(in crate::profile) fn check<'d>(
    node: Node<'d>,
    schema: &Schema,
    base: usize,
    seen: usize,
    walk: &mut Walk<'_, 'd>,
) {
    for position in &schema.sliced {
        let element = &schema.elements[usize::from(*position)];
        // That the whole element is missing has been said, and says it all.
        let is_missing = element.min.count > 0 && walk.seen(seen + usize::from(*position)).count == 0;
        for slicing in &element.slicings {
            for (at, slice) in slicing.slices.iter().enumerate() {
                let count = *walk.slice_count(base + slicing.first as usize + at);
                if slice.max.is_some_and(|max| count.met > max) {
                    too_many(node, element, slice, count, walk);
                }
                let is_due = slice
                    .parent
                    .is_none_or(|parent| walk.slice_count(base + slicing.first as usize + usize::from(parent)).met > 0);
                if count.met < slice.min && is_due && !is_missing {
                    too_few(node, element, slicing, slice, count, walk);
                }
            }
        }
    }
}

fn too_many(node: Node<'_>, element: &ElementSchema, slice: &Slice, count: Count, walk: &mut Walk<'_, '_>) {
    let text = match slice.max {
        Some(0) | None => format!("the slice {} of {} is not allowed here", slice.name, element.name),
        Some(max) => {
            let found = count.met;
            format!("there are {found} of the slice {} of {}, at most {max} are allowed", slice.name, element.name)
        }
    };
    let present = values(node, element).next();
    walk.report(Finding::error(Key::TooMany, present.unwrap_or(node), text).from(&slice.origin));
}

fn too_few<'d>(
    node: Node<'d>,
    element: &ElementSchema,
    slicing: &Slicing,
    slice: &Slice,
    count: Count,
    walk: &mut Walk<'_, 'd>,
) {
    let ElementSchema { name, .. } = element;
    if count.met + count.unknown >= slice.min {
        let text = format!("whether the slice {} of {name} is there cannot be told here", slice.name);
        walk.report(Finding::not_checked(node, text).from(&slice.origin));
        return;
    }
    let text = match (slice.min, count.met) {
        (1, _) => format!("the slice {} of {name} is required", slice.name),
        (min, 0) => format!("at least {min} of the slice {} of {name} are required", slice.name),
        (min, met) => format!("at least {min} of the slice {} of {name} are required, there are {met}", slice.name),
    };
    // The value that comes nearest to it, of those that are in no slice.
    let mut nearest: Option<(usize, usize, &str)> = None;
    for (at, value) in values(node, element).flat_map(Node::each).enumerate() {
        if slicing.slices.iter().any(|other| !other.is_default && other.judge(value, "", walk) == SliceMatch::Yes) {
            continue;
        }
        let (met, missed) = slice.score(value, "", walk);
        if let Some(missed) = missed.filter(|_| nearest.is_none_or(|(most, _, _)| met > most)) {
            nearest = Some((met, at, missed));
        }
    }
    let hint = nearest.map(|(_, at, missed)| match missed {
        "$this" | "" => format!("{name}[{at}] comes nearest to it, and differs from what it has to be"),
        missed => format!("{name}[{at}] comes nearest to it; its {missed} is different"),
    });
    let finding = Finding::error(Key::Slice, node, text).about_missing(format!("{name}:{}", slice.name));
    walk.report(finding.hint_if(hint).from(&slice.origin).severity(Severity::Error));
}

/// The members of an object that hold this element.
fn values<'d>(node: Node<'d>, element: &ElementSchema) -> impl Iterator<Item = Node<'d>> {
    node.members().filter(move |member| element.instance_names().any(|name| name == member.name()))
}

//! Puts the values of an element into slices and counts them, and says where there are too few, too many, or some that
//! belong nowhere.

use super::slice_match::SliceMatch;
use super::slices::{Openness, Slice, Slicing};
use crate::fhir::{Key, Node, Severity};
use crate::profile::context::CheckContext;
use crate::profile::counts::{ElementCount, SliceCount};
use crate::profile::finding::Finding;
use crate::profile::schema::{ElementSchema, Schema};

/// How the values of one slicing have stood so far.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::profile) struct SlicingState {
    /// The last slice met, counted from 1
    last: u16,
    /// A value in no slice was met
    unsliced: bool,
}

/// Where the counts and the state of a slicing stand while its values are sorted.
pub(in crate::profile) struct SlicingSlots<'s> {
    /// Its position among the slicings of its element
    pub(in crate::profile) number: u16,
    /// The counts of its slices
    pub(in crate::profile) counts: &'s mut [SliceCount],
    pub(in crate::profile) state: &'s mut SlicingState,
    /// The slices of the value: pairs of the number of a slicing and the position of a slice
    pub(in crate::profile) key: &'s mut Vec<u16>,
}

impl Slicing {
    /// Puts a value into the slices that it belongs to.
    pub(in crate::profile) fn sort<'d>(
        &self,
        slots: &mut SlicingSlots<'_>,
        node: Node<'d>,
        type_name: &str,
        context: &mut CheckContext<'_, 'd>,
    ) {
        if let Some(problem) = &self.problem {
            context.report_once(problem, || {
                Finding::not_checked(node, format!("{problem}; which slice a value is in cannot be told"))
                    .from(&self.origin)
            });
        }
        let before = slots.key.len();
        let unknown = self.sort_into(None, slots, node, type_name, context);
        let outermost = slots.key[before..].chunks_exact(2).map(|pair| pair[1]).next();
        match outermost {
            Some(slice) => self.check_order(slice, node, slots.state, context),
            None if unknown => {}
            None => {
                slots.state.unsliced = true;
                if self.openness == Openness::Closed {
                    self.report_unsliced(None, node, type_name, context);
                }
            }
        }
    }

    /// The slices inside `parent`, or the outermost.
    fn slices_in(&self, parent: Option<u16>) -> impl Iterator<Item = (u16, &Slice)> {
        let numbered = self.slices.iter().enumerate().map(|(at, slice)| (at as u16, slice));
        numbered.filter(move |(_, slice)| slice.parent == parent)
    }

    /// Sorts among the slices inside `parent`; says whether a slice could not be told.
    fn sort_into<'d>(
        &self,
        parent: Option<u16>,
        slots: &mut SlicingSlots<'_>,
        node: Node<'d>,
        type_name: &str,
        context: &mut CheckContext<'_, 'd>,
    ) -> bool {
        let (mut found, mut unknown) = (false, false);
        for (at, slice) in self.slices_in(parent).filter(|(_, slice)| !slice.is_default) {
            match slice.matches(node, type_name, context) {
                SliceMatch::Yes => {
                    found = true;
                    self.put_into(at, slots, node, type_name, context);
                }
                SliceMatch::Unknown => {
                    unknown = true;
                    slots.counts[usize::from(at)].unknown += 1;
                }
                SliceMatch::No => {}
            }
        }
        if !found && !unknown {
            if let Some((at, _)) = self.slices_in(parent).find(|(_, slice)| slice.is_default) {
                self.put_into(at, slots, node, type_name, context);
                return false;
            }
            let is_closed = parent.and_then(|at| self.slices.get(usize::from(at))).is_some_and(|it| it.is_closed);
            if is_closed && self.slices_in(parent).next().is_some() {
                self.report_unsliced(parent, node, type_name, context);
            }
        }
        unknown && !found
    }

    fn put_into<'d>(
        &self,
        at: u16,
        slots: &mut SlicingSlots<'_>,
        node: Node<'d>,
        type_name: &str,
        context: &mut CheckContext<'_, 'd>,
    ) {
        slots.key.extend([slots.number, at]);
        slots.counts[usize::from(at)].met += 1;
        if self.slices_in(Some(at)).next().is_some() {
            self.sort_into(Some(at), slots, node, type_name, context);
        }
    }

    fn check_order(&self, slice: u16, node: Node<'_>, state: &mut SlicingState, context: &mut CheckContext<'_, '_>) {
        let name = &self.slices[usize::from(slice)].name;
        if self.is_ordered && slice + 1 < state.last {
            let before = &self.slices[usize::from(state.last - 1)].name;
            let text = format!("the slice {name} stands behind the slice {before}; their order is fixed");
            let hint = format!("put it in front of those of the slice {before}");
            context.report(Finding::error(Key::Slice, node, text).hint(hint).from(&self.origin));
        }
        if self.openness == Openness::AtEnd && state.unsliced {
            let text = format!("the slice {name} stands behind values that are in no slice; those come last");
            context.report(Finding::error(Key::Slice, node, text).hint("move it up").from(&self.origin));
        }
        state.last = state.last.max(slice + 1);
    }

    /// A value that is in no slice where all have to be.
    fn report_unsliced<'d>(
        &self,
        parent: Option<u16>,
        node: Node<'d>,
        type_name: &str,
        context: &mut CheckContext<'_, 'd>,
    ) {
        let names: Vec<&str> =
            self.slices.iter().filter(|slice| slice.parent == parent).map(|slice| slice.name.as_str()).collect();
        let text = format!("the value is in none of the slices {}, and there may be no others", names.join(", "));
        let near = self.nearest(parent, node, type_name, context);
        let hint = near.map(|(slice, missed)| match missed {
            Some(missed) => format!("the slice {} comes nearest; its {missed} is different", slice.name),
            None => format!("remove it, or make it one of the slice {}", slice.name),
        });
        context.report(Finding::error(Key::Slice, node, text).hint_if(hint).from(&self.origin));
    }

    /// The slice of which a value meets the most conditions, and the first that it does not meet.
    fn nearest<'d>(
        &self,
        parent: Option<u16>,
        node: Node<'d>,
        type_name: &str,
        context: &mut CheckContext<'_, 'd>,
    ) -> Option<(&Slice, Option<&str>)> {
        let mut best: Option<(usize, &Slice, Option<&str>)> = None;
        for slice in self.slices.iter().filter(|slice| slice.parent == parent && !slice.is_default) {
            let (met, missed) = slice.score(node, type_name, context);
            if best.is_none_or(|(most, _, _)| met > most) {
                best = Some((met, slice, missed));
            }
        }
        best.map(|(_, slice, missed)| (slice, missed))
    }
}

impl Slice {
    fn matches<'d>(&self, node: Node<'d>, type_name: &str, context: &mut CheckContext<'_, 'd>) -> SliceMatch {
        let mut least = SliceMatch::Yes;
        for condition in &self.conditions {
            least = least.min(condition.matches(node, type_name, context));
            if least == SliceMatch::No {
                break;
            }
        }
        least
    }

    /// How many conditions a value meets, and the first that it does not meet.
    fn score<'d>(&self, node: Node<'d>, type_name: &str, context: &mut CheckContext<'_, 'd>) -> (usize, Option<&str>) {
        let (mut met, mut missed) = (0, None);
        for condition in &self.conditions {
            if condition.matches(node, type_name, context) == SliceMatch::Yes {
                met += 1;
            } else if missed.is_none() {
                missed = Some(condition.description.as_str());
            }
        }
        (met, missed)
    }
}

/// Looks at how often an object's slices and elements were met, once all its members were.
pub(in crate::profile) fn check_counts<'d>(
    node: Node<'d>,
    schema: &Schema,
    slices: &[SliceCount],
    elements: &[ElementCount],
    context: &mut CheckContext<'_, 'd>,
) {
    for position in &schema.sliced {
        let element = &schema.elements[usize::from(*position)];
        // That the whole element is missing has been said, and says it all.
        let is_missing = element.min.count > 0 && elements[usize::from(*position)].count == 0;
        for slicing in &element.slicings {
            let counts = &slices[slicing.first as usize..];
            for (slice, count) in slicing.slices.iter().zip(counts) {
                if slice.max.is_some_and(|max| count.met > max) {
                    too_many(node, element, slice, *count, context);
                }
                let is_due = slice.parent.is_none_or(|parent| counts[usize::from(parent)].met > 0);
                if count.met < slice.min && is_due && !is_missing {
                    too_few(node, element, slicing, slice, *count, context);
                }
            }
        }
    }
}

fn too_many(
    node: Node<'_>,
    element: &ElementSchema,
    slice: &Slice,
    count: SliceCount,
    context: &mut CheckContext<'_, '_>,
) {
    let text = match slice.max {
        Some(0) | None => format!("the slice {} of {} is not allowed here", slice.name, element.name),
        Some(max) => {
            let found = count.met;
            format!("there are {found} of the slice {} of {}, at most {max} are allowed", slice.name, element.name)
        }
    };
    let present = values(node, element).next();
    context.report(Finding::error(Key::TooMany, present.unwrap_or(node), text).from(&slice.origin));
}

fn too_few<'d>(
    node: Node<'d>,
    element: &ElementSchema,
    slicing: &Slicing,
    slice: &Slice,
    count: SliceCount,
    context: &mut CheckContext<'_, 'd>,
) {
    let ElementSchema { name, .. } = element;
    if count.met + count.unknown >= slice.min {
        let text = format!("whether the slice {} of {name} is there cannot be told here", slice.name);
        context.report(Finding::not_checked(node, text).from(&slice.origin));
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
        if slicing.slices.iter().any(|other| !other.is_default && other.matches(value, "", context) == SliceMatch::Yes)
        {
            continue;
        }
        let (met, missed) = slice.score(value, "", context);
        if let Some(missed) = missed.filter(|_| nearest.is_none_or(|(most, _, _)| met > most)) {
            nearest = Some((met, at, missed));
        }
    }
    let hint = nearest.map(|(_, at, missed)| match missed {
        "$this" | "" => format!("{name}[{at}] comes nearest to it, and differs from what it has to be"),
        missed => format!("{name}[{at}] comes nearest to it; its {missed} is different"),
    });
    let finding = Finding::error(Key::Slice, node, text).about_missing(format!("{name}:{}", slice.name));
    context.report(finding.hint_if(hint).from(&slice.origin).severity(Severity::Error));
}

/// The members of an object that hold this element.
fn values<'d>(node: Node<'d>, element: &ElementSchema) -> impl Iterator<Item = Node<'d>> {
    node.members().filter(move |member| element.instance_names().any(|name| name == member.name()))
}

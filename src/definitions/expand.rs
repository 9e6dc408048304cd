//! Makes a [`ValueSet`] of a ValueSet resource: `compose` over the code systems at hand, or the expansion as given
//! (<https://hl7.org/fhir/R4/valueset.html#compositions>).
//!
//! What cannot be told (a filter over a system that is not at hand) becomes [`Codes::Unknown`], never an empty list.

use super::View;
use super::code_system::CodeSystem;
use super::value_set::{Codes, Part, ValueSet};
use crate::fhir::Node;

/// The value set that a ValueSet resource describes.
pub(super) fn compose(view: View<'_>, node: Node<'_>) -> ValueSet {
    let maker = Maker { view };
    let mut set = ValueSet {
        url: node.str("url").unwrap_or_default().into_owned(),
        version: node.str("version").map(std::borrow::Cow::into_owned),
        parts: Vec::new(),
        excluded: Vec::new(),
    };
    if let Some(compose) = node.get("compose") {
        set.parts = compose.list("include").flat_map(|include| maker.include(include)).collect();
        set.excluded = compose.list("exclude").flat_map(|exclude| maker.include(exclude)).collect();
    }
    if let Some(expansion) = node.get("expansion").filter(|_| set.parts.is_empty() || !set.is_complete()) {
        set.parts = expanded(expansion);
        set.excluded.clear();
    }
    merge(&mut set.parts);
    set
}

/// The value set of all codes of a system, which no ValueSet resource describes.
pub(super) fn implicit(_view: View<'_>, _canonical: &str) -> Option<ValueSet> {
    None
}

struct Maker<'a> {
    view: View<'a>,
}

impl Maker<'_> {
    /// One include: the codes of a system, those of imported sets, or what both have.
    fn include(&self, node: Node<'_>) -> Vec<Part> {
        let imports: Vec<Vec<Part>> =
            node.list("valueSet").filter_map(Node::as_str).map(|canonical| self.import(&canonical)).collect();
        let own = node
            .str("system")
            .map(|system| vec![Part { codes: self.codes(node, &system), system: system.into_owned() }]);
        let mut all = imports.into_iter().chain(own);
        let first = all.next().unwrap_or_default();
        all.fold(first, |left, right| intersect(&left, &right))
    }

    fn import(&self, canonical: &str) -> Vec<Part> {
        let unknown = || vec![Part { system: Part::ANY.to_owned(), codes: Codes::Unknown }];
        match self.view.value_set(canonical) {
            Some(set) if set.excluded.is_empty() => set.parts.clone(),
            Some(set) => subtract(&set.parts, &set.excluded),
            None => unknown(),
        }
    }

    fn codes(&self, node: Node<'_>, system: &str) -> Codes {
        if node.get("concept").is_some() {
            return Codes::listed(node.list("concept").filter_map(|concept| Some(concept.str("code")?.into_owned())));
        }
        let Some(known) = self.view.code_system(system).filter(|known| known.is_complete) else {
            return Codes::of_system(system);
        };
        let mut keep = vec![true; known.concepts().len()];
        for filter in node.list("filter") {
            let Some(kept) = filtered(&known, filter) else { return Codes::Unknown };
            keep.iter_mut().zip(kept).for_each(|(keep, kept)| *keep &= kept);
        }
        let kept = known.concepts().iter().zip(keep).filter(|(_, keep)| *keep);
        Codes::listed(kept.map(|(concept, _)| concept.code.clone()))
    }
}

/// Which concepts pass a filter (<https://hl7.org/fhir/R4/valueset-filter-operator.html>); nothing for one that we do
/// not know.
fn filtered(system: &CodeSystem, filter: Node<'_>) -> Option<Vec<bool>> {
    let (property, value) = (filter.str("property")?, filter.str("value")?);
    let operator = filter.str("op")?;
    let positions = 0..system.concepts().len() as u32;
    match (&*property, &*operator) {
        ("concept" | "code", "is-a" | "descendent-of" | "is-not-a") => {
            let above = system.position(&value)?;
            let passes = |at: u32| match &*operator {
                "is-a" => system.is_a(at, above),
                "descendent-of" => at != above && system.is_a(at, above),
                _ => !system.is_a(at, above),
            };
            Some(positions.map(passes).collect())
        }
        ("concept" | "code", "=") => Some(system.concepts().iter().map(|concept| *concept.code == *value).collect()),
        ("concept" | "code", "in") => Some(
            system.concepts().iter().map(|concept| value.split(',').any(|one| one.trim() == concept.code)).collect(),
        ),
        ("parent", "=") => {
            let above = system.position(&value)?;
            Some(system.concepts().iter().map(|concept| concept.parents.contains(&above)).collect())
        }
        (_, "=") => {
            let has = |known: &(String, String)| known.0 == *property && known.1 == *value;
            Some(system.concepts().iter().map(|concept| concept.properties.iter().any(has)).collect())
        }
        _ => None,
    }
}

/// The codes of an expansion, the nested ones included; abstract ones are for grouping only.
fn expanded(expansion: Node<'_>) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut open: Vec<Node<'_>> = expansion.list("contains").collect();
    while let Some(entry) = open.pop() {
        open.extend(entry.list("contains"));
        let grouping = entry.get("abstract").and_then(Node::as_bool).unwrap_or(false);
        if let (Some(system), Some(code), false) = (entry.str("system"), entry.str("code"), grouping) {
            parts.push(Part { system: system.into_owned(), codes: Codes::listed([code.into_owned()]) });
        }
    }
    parts
}

/// Joins the lists that belong to one system.
fn merge(parts: &mut Vec<Part>) {
    parts.sort_by(|left, right| left.system.cmp(&right.system));
    let mut merged: Vec<Part> = Vec::with_capacity(parts.len());
    for part in parts.drain(..) {
        match (merged.last_mut(), part.codes) {
            (Some(Part { system, codes: Codes::Listed(codes) }), Codes::Listed(more)) if *system == part.system => {
                codes.extend(more);
            }
            (_, codes) => merged.push(Part { system: part.system, codes }),
        }
    }
    for part in &mut merged {
        if let Codes::Listed(codes) = &mut part.codes {
            codes.sort_unstable();
            codes.dedup();
        }
    }
    *parts = merged;
}

/// What both have, system by system.
fn intersect(left: &[Part], right: &[Part]) -> Vec<Part> {
    let mut both = Vec::new();
    for part in left {
        for other in right.iter().filter(|other| part.is_about(&other.system) || other.is_about(&part.system)) {
            let system = if part.system.is_empty() { &other.system } else { &part.system };
            both.push(Part { system: system.clone(), codes: picked(&part.codes, &other.codes, true) });
        }
    }
    both
}

/// What `left` has and `right` has not.
fn subtract(left: &[Part], right: &[Part]) -> Vec<Part> {
    let without = |part: &Part| {
        let against = right.iter().filter(|other| other.is_about(&part.system));
        against.fold(part.clone(), |part, other| Part { codes: picked(&part.codes, &other.codes, false), ..part })
    };
    left.iter().map(without).collect()
}

/// The codes that the other list has (`wanted`) or has not.
fn picked(codes: &Codes, other: &Codes, wanted: bool) -> Codes {
    match (codes, other) {
        (Codes::Listed(codes), Codes::Listed(other)) => {
            Codes::Listed(codes.iter().filter(|code| other.binary_search(code).is_ok() == wanted).cloned().collect())
        }
        (codes, other) if wanted && codes == other => codes.clone(),
        _ => Codes::Unknown,
    }
}

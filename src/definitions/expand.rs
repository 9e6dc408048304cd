//! Makes a [`ValueSet`] of a ValueSet resource: `compose` over the code systems at hand, or the expansion as given
//! (<https://hl7.org/fhir/R4/valueset.html#compositions>).
//!
//! What cannot be told (a filter over a system that is not at hand) becomes [`Codes::Unknown`], never an empty list.

use super::code_system::Content;
use super::filter;
use super::language::LanguagePart;
use super::value_set::{Codes, Part, ValueSet};
use super::view::View;
use crate::fhir::Node;

/// The value set that a ValueSet resource describes.
pub(super) fn compose(view: View<'_>, node: Node<'_>) -> ValueSet {
    let mut set = ValueSet {
        url: node.str("url").unwrap_or_default().into_owned(),
        version: node.str("version").map(std::borrow::Cow::into_owned),
        parts: Vec::new(),
        excluded: Vec::new(),
    };
    if let Some(compose) = node.get("compose") {
        let composer = Composer { view, active_only: compose.get("inactive").and_then(Node::as_bool) == Some(false) };
        set.parts = compose.list("include").flat_map(|include| composer.include(include)).collect();
        set.excluded = compose.list("exclude").flat_map(|exclude| composer.include(exclude)).collect();
    }
    if let Some(expansion) = node.get("expansion").filter(|_| set.parts.is_empty() || !set.is_complete()) {
        set.parts = expansion_parts(expansion);
        set.excluded.clear();
    }
    merge(&mut set.parts);
    merge(&mut set.excluded);
    set
}

/// The value set of all codes of a system, which no ValueSet resource describes: what a code system at hand names as that
/// (<https://hl7.org/fhir/R4/codesystem-definitions.html#CodeSystem.valueSet>), or what the standard gives a large system
/// (<https://hl7.org/fhir/R4/terminologies-systems.html>).
pub(super) fn implicit(view: View<'_>, canonical: &str) -> Option<ValueSet> {
    let (url, version) = super::resolve::split_canonical(canonical);
    let set =
        |parts| ValueSet { url: url.to_owned(), version: version.map(str::to_owned), parts, excluded: Vec::new() };
    let of_system = |system: &str| set(vec![Part { system: system.to_owned(), codes: Codes::of_system(system) }]);
    match url {
        "http://snomed.info/sct?fhir_vs" => return Some(of_system("http://snomed.info/sct")),
        "http://loinc.org/vs" => return Some(of_system("http://loinc.org")),
        "http://unitsofmeasure.org/vs" => return Some(of_system("http://unitsofmeasure.org")),
        _ => {}
    }
    // The two ways in which such sets are named after their systems.
    let systems = ["/CodeSystem/", "/"].map(|instead| url.replacen("/ValueSet/", instead, 1));
    let found = systems.iter().find_map(|system| {
        let system = view.code_system(system)?;
        system.value_set.as_deref().is_some_and(|all| super::resolve::split_canonical(all).0 == url).then_some(system)
    })?;
    Some(set(Composer { view, active_only: false }.of_system(&found.url, None)))
}

struct Composer<'a> {
    view: View<'a>,
    /// Codes that are not in use any more are left out
    active_only: bool,
}

impl Composer<'_> {
    /// One include: the codes of a system, those of imported sets, or what all of them have.
    fn include(&self, node: Node<'_>) -> Vec<Part> {
        let imports = node.list("valueSet").filter_map(Node::as_str).map(|canonical| self.import(&canonical));
        let own = node.str("system").map(|system| self.codes(node, &system));
        let mut all = imports.chain(own);
        let first = all.next().unwrap_or_default();
        all.fold(first, |left, right| intersect(&left, &right))
    }

    fn import(&self, canonical: &str) -> Vec<Part> {
        match self.view.value_set(canonical) {
            Some(set) if set.excluded.is_empty() => set.parts.clone(),
            Some(set) => subtract(&set.parts, &set.excluded),
            None => vec![Part { system: Part::ANY.to_owned(), codes: Codes::Unknown }],
        }
    }

    /// The codes that an include takes from a system.
    fn codes(&self, node: Node<'_>, system: &str) -> Vec<Part> {
        let part = |codes| vec![Part { system: system.to_owned(), codes }];
        let version = node.str("version");
        let known = match &version {
            Some(version) => self.view.code_system(&format!("{system}|{version}")),
            None => self.view.code_system(system),
        };
        if node.get("concept").is_some() {
            let is_active = |code: &str| {
                let concept = known.as_ref().and_then(|known| known.concepts().get(known.position(code)? as usize));
                !(self.active_only && concept.is_some_and(|concept| concept.is_inactive))
            };
            let listed = node.list("concept").filter_map(|concept| Some(concept.str("code")?.into_owned()));
            let listed = listed.filter(|code| is_active(code));
            let any_case = known.as_ref().is_some_and(|known| !known.is_case_sensitive);
            return part(if any_case { Codes::any_case(listed) } else { Codes::listed(listed) });
        }
        match (known, node.get("filter")) {
            (Some(_), None) => self.of_system(system, version.as_deref()),
            (Some(_), Some(_)) => {
                self.filtered_codes(node, system, version.as_deref()).unwrap_or_else(|| part(Codes::Unknown))
            }
            (None, None) => part(Codes::of_system(system)),
            (None, Some(_)) => part(languages(node, system).unwrap_or(Codes::Unknown)),
        }
    }

    /// All codes of a system.
    fn of_system(&self, system: &str, version: Option<&str>) -> Vec<Part> {
        self.passing_codes(system, version, &[]).unwrap_or_default()
    }

    /// The codes of a system that pass the filters of an include.
    fn filtered_codes(&self, node: Node<'_>, system: &str, version: Option<&str>) -> Option<Vec<Part>> {
        let filters: Vec<Node<'_>> = node.list("filter").collect();
        self.passing_codes(system, version, &filters)
    }

    /// The codes of a system at hand that pass these filters; where it does not list all that it has, it is not known which
    /// others do.
    fn passing_codes(&self, system: &str, version: Option<&str>, filters: &[Node<'_>]) -> Option<Vec<Part>> {
        let canonical = version.map_or_else(|| system.to_owned(), |version| format!("{system}|{version}"));
        let known = self.view.code_system(&canonical)?;
        let mut keep: Vec<bool> =
            known.concepts().iter().map(|concept| !(self.active_only && concept.is_inactive)).collect();
        for filter in filters {
            let passing = filter::matching_concepts(&known, *filter)?;
            keep.iter_mut().zip(passing).for_each(|(keep, passes)| *keep &= passes);
        }
        let kept = known.concepts().iter().zip(keep).filter(|(_, keep)| *keep).map(|(concept, _)| concept.code.clone());
        let codes = if known.is_case_sensitive { Codes::listed(kept) } else { Codes::any_case(kept) };
        let mut parts = vec![Part { system: system.to_owned(), codes }];
        if known.content != Content::Complete {
            let codes = if filters.is_empty() { Codes::of_system(system) } else { Codes::Unknown };
            parts.push(Part { system: system.to_owned(), codes });
        }
        Some(parts)
    }
}

/// Language tags without certain parts: the only filters over tags that can be judged by their form.
fn languages(node: Node<'_>, system: &str) -> Option<Codes> {
    let without = |filter: Node<'_>| {
        let is = |name: &str, value: &str| filter.get(name).is_some_and(|member| member.is_str(value));
        let part = LanguagePart::of_property(&filter.str("property")?)?;
        (is("op", "exists") && is("value", "false")).then_some(part)
    };
    let parts = node.list("filter").map(without).collect::<Option<Vec<_>>>()?;
    (Codes::of_system(system) == Codes::Languages).then_some(Codes::LanguagesWithout(parts))
}

/// The codes of an expansion, the nested ones included; abstract ones are for grouping only. One that holds a part of the
/// codes says so by their total.
fn expansion_parts(expansion: Node<'_>) -> Vec<Part> {
    let (mut parts, mut count) = (Vec::new(), 0);
    let mut open: Vec<Node<'_>> = expansion.list("contains").collect();
    while let Some(entry) = open.pop() {
        open.extend(entry.list("contains"));
        count += 1;
        let grouping = entry.get("abstract").and_then(Node::as_bool).unwrap_or(false);
        if let (Some(system), Some(code), false) = (entry.str("system"), entry.str("code"), grouping) {
            parts.push(Part { system: system.into_owned(), codes: Codes::listed([code.into_owned()]) });
        }
    }
    let total = expansion.get("total").and_then(Node::as_number).and_then(|total| total.parse::<u64>().ok());
    if total.is_some_and(|total| total > count) || count == 0 {
        parts.push(Part { system: Part::ANY.to_owned(), codes: Codes::Unknown });
    }
    parts
}

/// Joins the lists that belong to one system.
fn merge(parts: &mut Vec<Part>) {
    parts.sort_by(|left, right| left.system.cmp(&right.system));
    let mut merged: Vec<Part> = Vec::with_capacity(parts.len());
    for part in parts.drain(..) {
        let same = merged.iter_mut().rev().take_while(|known| known.system == part.system);
        let mut open = Some(part.codes);
        for known in same {
            match (&mut known.codes, open.take()) {
                (Codes::Listed(codes), Some(Codes::Listed(more)))
                | (Codes::AnyCase(codes), Some(Codes::AnyCase(more))) => codes.extend(more),
                (known, Some(codes)) if *known == codes => {}
                (_, rest) => open = rest,
            }
        }
        if let Some(codes) = open {
            merged.push(Part { system: part.system, codes });
        }
    }
    for part in &mut merged {
        if let Codes::Listed(codes) | Codes::AnyCase(codes) = &mut part.codes {
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
            both.push(Part { system: system.clone(), codes: intersect_codes(&part.codes, &other.codes) });
        }
    }
    // Sets that are intersected with many others would grow with each of them.
    merge(&mut both);
    both
}

fn intersect_codes(left: &Codes, right: &Codes) -> Codes {
    use super::value_set::Membership::In;
    match (left, right) {
        (left, right) if left == right => left.clone(),
        (_, Codes::Unknown) | (Codes::Unknown, _) => Codes::Unknown,
        (Codes::Listed(codes), other) | (other, Codes::Listed(codes)) => {
            Codes::Listed(codes.iter().filter(|code| other.contains(code) == In).cloned().collect())
        }
        (Codes::AnyCase(codes), other) | (other, Codes::AnyCase(codes)) => {
            Codes::AnyCase(codes.iter().filter(|code| other.contains(code) == In).cloned().collect())
        }
        (Codes::Languages, rest @ Codes::LanguagesWithout(_))
        | (rest @ Codes::LanguagesWithout(_), Codes::Languages) => rest.clone(),
        _ => Codes::Unknown,
    }
}

/// What `left` has and `right` has not.
fn subtract(left: &[Part], right: &[Part]) -> Vec<Part> {
    let without = |part: &Part| {
        let against = right.iter().filter(|other| other.is_about(&part.system));
        against.fold(part.clone(), |part, other| Part { codes: subtract_codes(part.codes, &other.codes), ..part })
    };
    left.iter().map(without).collect()
}

fn subtract_codes(codes: Codes, other: &Codes) -> Codes {
    use super::value_set::Membership::Out;
    let left_over = |codes: Vec<Box<str>>| codes.into_iter().filter(|code| other.contains(code) == Out).collect();
    match (codes, other) {
        (codes, Codes::Listed(none) | Codes::AnyCase(none)) if none.is_empty() => codes,
        (_, Codes::Unknown) => Codes::Unknown,
        (Codes::Listed(codes), _) => Codes::Listed(left_over(codes)),
        (Codes::AnyCase(codes), _) => Codes::AnyCase(left_over(codes)),
        _ => Codes::Unknown,
    }
}

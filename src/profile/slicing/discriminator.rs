//! Discriminators (<https://hl7.org/fhir/R4/profiling.html#discriminator>): what tells a slice from the others, made into
//! conditions when the profile is compiled.
//!
//! A discriminator names a path inside the value; what the slice says there (a fixed value, a pattern, codes, types,
//! profiles, whether it is there at all) is what the value has to meet to be in the slice.

use std::sync::Arc;

use super::condition::{Check, Condition, PathStep};
use crate::definitions::structure::{Element, Literal, Structure};
use crate::definitions::{Strength, View};
use crate::fhir::Document;
use crate::profile::definition::Definition;
use crate::profile::part::structure_key;
use crate::profile::registry::Registry;

/// Fixed values inside an element are looked for so deep.
const MAX_DEPTH: u32 = 5;

/// Where a discriminator has led: an element of a structure.
struct ElementPosition {
    structure: Arc<Structure>,
    index: u32,
}

/// The conditions of a slice; why there are none, where its discriminators cannot be understood.
pub(super) fn conditions(sliced: &Definition<'_>, slice: &Definition<'_>) -> Result<Vec<Condition>, String> {
    let Some(slicing) = &sliced.element.slicing else {
        return Err(format!("{} has slices and says nothing of how to tell them apart", sliced.element.id));
    };
    if slicing.discriminators.is_empty() {
        return Err(format!("the slicing of {} names no discriminator", sliced.element.id));
    }
    let mut found = Vec::new();
    for discriminator in &slicing.discriminators {
        let mut builder =
            ConditionBuilder { registry: slice.registry, description: discriminator.path.clone(), found: &mut found };
        let position = ElementPosition { structure: Arc::clone(slice.structure), index: slice.index };
        builder.follow(&position, &discriminator.kind, &discriminator.path, Vec::new());
    }
    if found.iter().all(|condition| matches!(condition.check, Check::Never)) {
        return Err(format!("the slice {} says nothing where its discriminators look", slice.element.id));
    }
    // A slice need not use every discriminator: what it leaves open may be anything.
    found.retain(|condition| !matches!(condition.check, Check::Never));
    Ok(found)
}

struct ConditionBuilder<'m> {
    registry: &'m Registry,
    description: String,
    found: &'m mut Vec<Condition>,
}

impl ConditionBuilder<'_> {
    fn add(&mut self, path: Vec<PathStep>, check: Check) {
        self.found.push(Condition { path, check, description: self.description.clone() });
    }

    /// Goes along the path; at its end the slice's words become a check.
    fn follow(&mut self, position: &ElementPosition, kind: &str, path: &str, mut steps: Vec<PathStep>) {
        let (first, rest) = split_path(path);
        if first.is_empty() {
            return self.add_at_end(position, kind, steps);
        }
        if first == "$this" {
            return self.follow(position, kind, rest, steps);
        }
        if let Some(found) = self.condition_from_above(position, kind, path, &steps) {
            self.found.push(found);
            return;
        }
        if first == "resolve()" {
            steps.push(PathStep::Resolve);
            return self.follow_reference(position, kind, rest, steps);
        }
        if let Some(url) = call_argument(first, "extension") {
            steps.push(PathStep::Extension(url.to_owned()));
            return match extension(position, url) {
                Some(position) => self.follow(&position, kind, rest, steps),
                None => self.add(steps, if kind == "exists" { Check::Exists(false) } else { Check::Never }),
            };
        }
        if let Some(type_name) = call_argument(first, "ofType").or_else(|| call_argument(first, "as")) {
            if let Some(PathStep::Member(names)) = steps.last_mut() {
                names.retain(|name| ends_with_type(name, type_name));
            }
            return self.follow(position, kind, rest, steps);
        }
        match self.child(position, first) {
            Some((position, names)) => {
                steps.push(PathStep::Member(names));
                self.follow(&position, kind, rest, steps);
            }
            None => self.add(steps, Check::Never),
        }
    }

    /// What the element says about a path inside it without describing the inside: by a fixed value or pattern as a
    /// whole, or, of an extension, by naming its definition.
    fn condition_from_above(
        &self,
        position: &ElementPosition,
        kind: &str,
        path: &str,
        steps: &[PathStep],
    ) -> Option<Condition> {
        let element = position.structure.element(position.index)?;
        let names: Vec<&str> = path.split('.').collect();
        if !matches!(kind, "value" | "pattern") || names.iter().any(|name| name.contains('(')) {
            return None;
        }
        let check =
            if names == ["url"] && element.types.iter().any(|it| it.code == "Extension" && !it.profiles.is_empty()) {
                let profile = element.types.iter().flat_map(|it| &it.profiles).next()?;
                let json = serde_json::Value::from(without_version(profile)).to_string();
                Check::Fixed(Arc::new(Document::parse(json).ok()?))
            } else {
                let whole = element.fixed.as_ref().or(element.pattern.as_ref())?;
                let whole = Document::parse(whole.json.clone()).ok()?;
                let inner = names.iter().try_fold(whole.root(), |node, name| node.get(name))?;
                // Values of a list are tested one by one, so the one that the list has to hold is what they are held to.
                let mut items = inner.items();
                let inner = match (items.next(), items.next()) {
                    (Some(only), None) => only,
                    _ => inner,
                };
                let inner = Arc::new(Document::parse(inner.text()).ok()?);
                if element.fixed.is_some() { Check::Fixed(inner) } else { Check::Pattern(inner) }
            };
        let step = |name: &&str| PathStep::Member(vec![(*name).to_owned()]);
        let path = steps.iter().cloned().chain(names.iter().map(step)).collect();
        Some(Condition { path, check, description: self.description.clone() })
    }

    /// The element of this name inside, and the names that it has in JSON.
    fn child(&self, position: &ElementPosition, name: &str) -> Option<(ElementPosition, Vec<String>)> {
        let at = |structure: &Arc<Structure>, index: u32| {
            let child = structure.child(index, name)?;
            let names = if child.choice.is_none() && child.element.is_choice() {
                self.names(child.element, structure)
            } else {
                vec![name.to_owned()]
            };
            Some((ElementPosition { structure: Arc::clone(structure), index: child.index }, names))
        };
        if let Some(found) = at(&position.structure, position.index) {
            return Some(found);
        }
        let view = self.registry.definitions().view_for(&position.structure);
        let (structure, index) = view.content(&position.structure, position.index);
        let element = structure.element(index)?;
        element.types.iter().find_map(|allowed| {
            let definitions = self.registry.definitions().view_for(&position.structure);
            let profile = match &allowed.profiles[..] {
                [only] => definitions.structure(only),
                _ => None,
            };
            at(&profile.or_else(|| definitions.structure(&allowed.code))?, 0)
        })
    }

    /// The names of a choice by all types that the standard gives it: what a profile leaves out is for other rules.
    fn names(&self, element: &Element, structure: &Structure) -> Vec<String> {
        let base = self.registry.definitions().structure(&structure.type_name);
        let all = base.as_ref().and_then(|base| base.element(base.position(&element.path)?)).unwrap_or(element);
        all.types.iter().map(|allowed| element.name_for(&allowed.code)).collect()
    }

    /// What is said about the resource that a reference leads to is in the profiles that it may meet.
    fn follow_reference(&mut self, position: &ElementPosition, kind: &str, rest: &str, steps: Vec<PathStep>) {
        let Some(element) = position.structure.element(position.index) else { return };
        let targets: Vec<String> = element.types.iter().flat_map(|allowed| allowed.target_profiles.clone()).collect();
        let definitions = self.registry.definitions().view_for(&position.structure);
        let targets: Vec<String> = targets.iter().map(|it| with_version(&definitions, it)).collect();
        if !rest.is_empty() {
            let only = if let [only] = &targets[..] { definitions.structure(only) } else { None };
            return match only {
                Some(structure) => self.follow(&ElementPosition { structure, index: 0 }, kind, rest, steps),
                None => self.add(steps, Check::Never),
            };
        }
        let check = match kind {
            "profile" => Check::Conforms(targets),
            "type" => Check::Type(
                targets.iter().filter_map(|profile| Some(definitions.structure(profile)?.type_name.clone())).collect(),
            ),
            "exists" => Check::Exists(element.min > 0),
            _ => Check::Never,
        };
        self.add(steps, check);
    }

    fn add_at_end(&mut self, position: &ElementPosition, kind: &str, mut steps: Vec<PathStep>) {
        let structure = Arc::clone(&position.structure);
        let Some(element) = structure.element(position.index) else { return self.add(steps, Check::Never) };
        match kind {
            "exists" => {
                let check = match (element.min, element.max) {
                    (_, Some(0)) => Check::Exists(false),
                    (0, _) => return,
                    _ => Check::Exists(true),
                };
                self.add(steps, check);
            }
            "type" => {
                let types = types(&structure, position.index, element);
                match steps.last_mut() {
                    Some(PathStep::Member(names)) if element.is_choice() => {
                        names.retain(|name| types.iter().any(|type_name| ends_with_type(name, type_name)));
                        self.add(steps, Check::Exists(true));
                    }
                    _ => self.add(steps, Check::Type(types)),
                }
            }
            "profile" => {
                let definitions = self.registry.definitions().view_for(&structure);
                let profiles = element.types.iter().flat_map(|allowed| &allowed.profiles);
                let profiles = profiles.map(|profile| with_version(&definitions, profile)).collect();
                self.add(steps, Check::Conforms(profiles));
            }
            // In R4 value and pattern mean the same: what the slice says there.
            _ => {
                let before = self.found.len();
                self.add_conditions(position, steps.clone(), MAX_DEPTH);
                if self.found.len() == before {
                    self.add(steps, Check::Never);
                }
            }
        }
    }

    /// Every fixed value, pattern and required code at an element and inside it.
    fn add_conditions(&mut self, position: &ElementPosition, steps: Vec<PathStep>, depth: u32) {
        let structure = &position.structure;
        let Some(element) = structure.element(position.index) else { return };
        if let Some(check) = check_of(structure, element, self.registry) {
            return self.add(steps, check);
        }
        if let (Some(PathStep::Member(_)), Some(url)) =
            (steps.last(), extension_url(structure, position.index, element))
        {
            return self.add(steps, Check::Fixed(url));
        }
        // An extension is known by the URL of its definition, whether that is at hand or not.
        if depth == 0 {
            return;
        }
        let mut children: Vec<u32> = element.children.clone();
        let mut inside = Arc::clone(structure);
        if children.is_empty()
            && let [allowed] = &element.types[..]
            && let [profile] = &allowed.profiles[..]
            && let Some(of_profile) = self.registry.definitions().view_for(structure).structure(profile)
        {
            children = of_profile.root().map_or_else(Vec::new, |root| root.children.clone());
            inside = of_profile;
        }
        for child in children {
            let Some(of_child) = inside.element(child).filter(|it| it.max != Some(0)) else { continue };
            // What may be absent, and what is inside a slice of the inside, does not tell this slice from others.
            if of_child.slice_name.is_some() && of_child.min == 0 || of_child.name == "extension" {
                continue;
            }
            let names = if of_child.is_choice() { self.names(of_child, &inside) } else { vec![of_child.name.clone()] };
            let steps = [&steps[..], &[PathStep::Member(names)]].concat();
            self.add_conditions(&ElementPosition { structure: Arc::clone(&inside), index: child }, steps, depth - 1);
        }
    }
}

/// The extension with this URL inside.
fn extension(position: &ElementPosition, url: &str) -> Option<ElementPosition> {
    let structure = &position.structure;
    let children = &structure.element(position.index)?.children;
    let index = children.iter().copied().find(|child| {
        structure.element(*child).is_some_and(|element| {
            element.name == "extension"
                && element
                    .types
                    .iter()
                    .flat_map(|allowed| &allowed.profiles)
                    .any(|profile| without_version(profile) == url)
        })
    })?;
    Some(ElementPosition { structure: Arc::clone(structure), index })
}

/// What an element itself says about its value.
fn check_of(structure: &Structure, element: &Element, registry: &Registry) -> Option<Check> {
    let document = |literal: &Literal| Document::parse(literal.json.clone()).ok().map(Arc::new);
    if let Some(fixed) = &element.fixed {
        return document(fixed).map(Check::Fixed);
    }
    if let Some(pattern) = &element.pattern {
        return document(pattern).map(Check::Pattern);
    }
    let binding = element.binding.as_ref().filter(|binding| binding.strength == Strength::Required)?;
    let set = registry.definitions().view_for(structure).value_set(binding.value_set.as_deref()?);
    Some(Check::In(set))
}

/// The URL of an extension, where the element is the `url` of one.
fn extension_url(structure: &Structure, index: u32, element: &Element) -> Option<Arc<Document>> {
    let parent = element.parent.and_then(|parent| structure.element(parent));
    if element.name != "url" || parent.is_none() || index == 0 {
        return None;
    }
    let profile = parent?.types.iter().flat_map(|allowed| &allowed.profiles).next()?;
    let json = serde_json::Value::from(without_version(profile)).to_string();
    Document::parse(json).ok().map(Arc::new)
}

/// The types that a slice leaves to an element. Where it slices a choice again by type, those of the slices.
fn types(structure: &Structure, index: u32, element: &Element) -> Vec<String> {
    let codes = |element: &Element| element.types.iter().map(|it| it.code.clone()).collect::<Vec<_>>();
    let siblings = element.parent.and_then(|parent| structure.element(parent));
    let slices = siblings.map_or(&[][..], |parent| &parent.children).iter().filter(|child| **child != index);
    let slices = slices.filter_map(|child| structure.element(*child));
    let of_slices: Vec<String> = slices
        .filter(|slice| slice.path == element.path && slice.slice_name.is_some() && element.slice_name.is_none())
        .flat_map(codes)
        .collect();
    if element.is_choice() && !of_slices.is_empty() { of_slices } else { codes(element) }
}

/// The first step of a path and the rest; a call's argument may hold dots.
fn split_path(path: &str) -> (&str, &str) {
    let mut depth = 0;
    for (at, byte) in path.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            b'.' if depth == 0 => return (&path[..at], &path[at + 1..]),
            _ => {}
        }
    }
    (path, "")
}

/// The argument of a call of this function.
fn call_argument<'p>(step: &'p str, function: &str) -> Option<&'p str> {
    let argument = step.strip_prefix(function)?.strip_prefix('(')?.strip_suffix(')')?;
    Some(argument.trim_matches(['\'', '"']))
}

/// Is it the name of a choice for this type: `valueCodeableConcept`?
fn ends_with_type(name: &str, type_name: &str) -> bool {
    name.len() > type_name.len() && {
        let (front, back) = name.split_at(name.len() - type_name.len());
        front.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && back.as_bytes()[0].is_ascii_uppercase()
            && back[..1].eq_ignore_ascii_case(&type_name[..1])
            && back[1..] == type_name[1..]
    }
}

/// The canonical URL with the version that is meant where it was written, as far as that is known.
fn with_version(definitions: &View<'_>, canonical: &str) -> String {
    definitions.structure(canonical).map_or_else(|| canonical.to_owned(), |it| structure_key(&it))
}

/// A canonical URL without its version.
fn without_version(canonical: &str) -> &str {
    canonical.split('|').next().unwrap_or(canonical)
}

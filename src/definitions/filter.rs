//! Which codes of a system pass a filter of a value set (<https://hl7.org/fhir/R4/valueset-filter-operator.html>).

use super::code_system::{CodeSystem, Concept};
use crate::fhir::Node;
use crate::fhirpath::{Extent, Pattern};

/// For every concept whether it passes; nothing for a filter that cannot be judged by what the code system says.
pub(super) fn matching_concepts(system: &CodeSystem, filter: Node<'_>) -> Option<Vec<bool>> {
    let (property, operator, value) = (filter.str("property")?, filter.str("op")?, filter.str("value")?);
    if matches!(&*property, "concept" | "code") {
        by_code(system, &operator, &value)
    } else {
        by_property(system, &property, &operator, &value)
    }
}

/// Filters by the code itself and where it stands in the hierarchy.
fn by_code(system: &CodeSystem, operator: &str, value: &str) -> Option<Vec<bool>> {
    let concepts = system.concepts();
    let positions = 0..concepts.len() as u32;
    let each = |passes: &dyn Fn(u32) -> bool| Some(positions.clone().map(passes).collect());
    // A filter about a code that the system has not got cannot be judged.
    let named = || system.position(value);
    match operator {
        "is-a" => named().and_then(|above| each(&|at| system.is_a(at, above))),
        "descendent-of" => named().and_then(|above| each(&|at| at != above && system.is_a(at, above))),
        "is-not-a" => named().and_then(|above| each(&|at| !system.is_a(at, above))),
        "generalizes" => named().and_then(|below| each(&|at| system.is_a(below, at))),
        "child-of" => named().and_then(|above| each(&|at| concepts[at as usize].parents.contains(&above))),
        "descendent-leaf" => {
            let mut has_children = vec![false; concepts.len()];
            for parent in concepts.iter().flat_map(|concept| &concept.parents) {
                has_children[*parent as usize] = true;
            }
            named().and_then(|above| each(&|at| !has_children[at as usize] && system.is_a(at, above)))
        }
        "=" => named().and_then(|same| each(&|at| at == same)),
        "in" | "not-in" => {
            let listed: Vec<u32> = value.split(',').filter_map(|code| system.position(code.trim())).collect();
            each(&|at| listed.contains(&at) == (operator == "in"))
        }
        "regex" => {
            let pattern = Pattern::parse(value, Extent::Whole).ok()?;
            each(&|at| pattern.is_match(&concepts[at as usize].code))
        }
        _ => None,
    }
}

/// Filters by a property of the concepts, or by what follows from their place and state.
fn by_property(system: &CodeSystem, property: &str, operator: &str, value: &str) -> Option<Vec<bool>> {
    let values = |concept: &Concept| -> Vec<String> {
        let own = concept.properties.iter().filter(|(name, _)| name == property).map(|(_, value)| value.clone());
        let mut found: Vec<String> = own.collect();
        match property {
            "parent" => {
                let parents = concept.parents.iter().map(|parent| system.concepts()[*parent as usize].code.clone());
                found.extend(parents);
            }
            "inactive" if found.is_empty() => found.push(concept.is_inactive.to_string()),
            "notSelectable" if found.is_empty() => found.push(concept.is_abstract.to_string()),
            _ => {}
        }
        found
    };
    let each = |passes: &dyn Fn(&[String]) -> bool| {
        Some(system.concepts().iter().map(|concept| passes(&values(concept))).collect())
    };
    let listed: Vec<&str> = value.split(',').map(str::trim).collect();
    match operator {
        "=" => each(&|own| own.iter().any(|one| one == value)),
        "in" => each(&|own| own.iter().any(|one| listed.contains(&one.as_str()))),
        "not-in" => each(&|own| !own.iter().any(|one| listed.contains(&one.as_str()))),
        "exists" => each(&|own| own.is_empty() != (value == "true")),
        "regex" => {
            let pattern = Pattern::parse(value, Extent::Whole).ok()?;
            each(&|own| own.iter().any(|one| pattern.is_match(one)))
        }
        _ => None,
    }
}

//! A value that has to meet one of several profiles of its type
//! (<https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.type.profile>). Where there is only one,
//! what it says is part of the schema and needs no rule.

use crate::definitions::TypeRef;
use crate::fhir::{Key, Node};
use crate::profile::context::CheckContext;
use crate::profile::definition::Definition;
use crate::profile::finding::Finding;

/// The profiles of which the value meets one.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::profile) struct ProfileChoice {
    profiles: Vec<String>,
}

/// The profiles of a type, where there are several.
pub(in crate::profile) fn compile(definition: Definition<'_>, allowed: &TypeRef) -> Option<ProfileChoice> {
    let is_due = definition.structure.is_profile && allowed.profiles.len() > 1 && allowed.code != "Resource";
    is_due.then(|| ProfileChoice { profiles: definition.with_versions(&allowed.profiles) })
}

impl ProfileChoice {
    pub(in crate::profile) fn check<'d>(&self, node: Node<'d>, context: &mut CheckContext<'_, 'd>) {
        if let Some(hint) = context.nearest_unmet(node, self.profiles.iter().map(String::as_str)) {
            let text = "the value meets none of the profiles that are allowed here";
            context.report(Finding::error(Key::Profile, node, text).hint(hint));
        }
    }

    pub(in crate::profile) fn describe(&self) -> String {
        format!("one of the profiles {}", self.profiles.join(" | "))
    }
}

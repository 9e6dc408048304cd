//! Which profiles the gateway demands of what is sent to it, by resource type.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::definitions::Definitions;
use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key};

/// Resource types, each with canonical URLs. Written as a table in a file, and in one line elsewhere:
/// `Task=URL,URL;ServiceRequest=URL`; a type without URLs (`Task=`) is asked for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct RequiredProfiles(BTreeMap<String, Vec<String>>);

impl RequiredProfiles {
    /// What is demanded where nothing else is said: our own profiles, which refuse nothing that SDOH Clinical Care allows.
    pub fn defaults() -> Self {
        let of = |kind: &str, id: &str| (kind.to_owned(), vec![format!("urn:handoff:fhir:StructureDefinition:{id}")]);
        Self(BTreeMap::from([of("Task", "task"), of("ServiceRequest", "referral-request")]))
    }

    /// These, and for the types that they do not name those of `other`.
    #[must_use]
    pub fn with_defaults_from(mut self, other: Self) -> Self {
        for (kind, profiles) in other.0 {
            self.0.entry(kind).or_insert(profiles);
        }
        self
    }

    /// By type, for the check; types that are asked for nothing are left out.
    ///
    /// # Errors
    /// A type that is none, and a profile that is of another type or not at hand: what is demanded has to be checked.
    pub fn resolve(&self, definitions: &Definitions) -> Result<HashMap<String, Vec<String>>> {
        let mut issues = Vec::new();
        let mut refuse = |message: String| {
            issues.push(Issue::error(Key::SettingInvalid, "profiles", message));
        };
        for (kind, profiles) in &self.0 {
            if !definitions.is_resource_type(kind) {
                refuse(format!("{kind} is no resource type of FHIR R4"));
            }
            for profile in profiles {
                match definitions.structure(profile) {
                    None => {
                        refuse(format!("the profile {profile} is not at hand, so it cannot be demanded of a {kind}"));
                    }
                    Some(structure) if structure.type_name != *kind => {
                        refuse(format!("the profile {profile} is of {}, not of {kind}", structure.type_name));
                    }
                    Some(_) => {}
                }
            }
        }
        if !issues.is_empty() {
            return Err(Error { category: Category::Usage, issues });
        }
        Ok(self.0.iter().filter(|(_, profiles)| !profiles.is_empty()).map(|(k, v)| (k.clone(), v.clone())).collect())
    }
}

impl FromStr for RequiredProfiles {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let mut required = BTreeMap::new();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (kind, profiles) = part.split_once('=').ok_or("expected TYPE=URL,URL; ...")?;
            let profiles = profiles.split(',').map(str::trim).filter(|profile| !profile.is_empty());
            let known = required.insert(kind.trim().to_owned(), profiles.map(str::to_owned).collect());
            if known.is_some() {
                return Err(format!("{} stands twice", kind.trim()));
            }
        }
        Ok(Self(required))
    }
}

impl fmt::Display for RequiredProfiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> =
            self.0.iter().map(|(kind, profiles)| format!("{kind}={}", profiles.join(","))).collect();
        f.write_str(&parts.join(";"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_says_what_a_table_does() {
        let line: RequiredProfiles = "Task=urn:a,urn:b; ServiceRequest=".parse().unwrap();
        let table: RequiredProfiles = toml::from_str("Task = [\"urn:a\", \"urn:b\"]\nServiceRequest = []").unwrap();
        assert_eq!(line, table);
        assert_eq!(line.to_string().parse(), Ok(line.clone()));
        for bad in ["Task", "Task=a;Task=b"] {
            assert!(bad.parse::<RequiredProfiles>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_nearer_source_wins_type_by_type() {
        let definitions = Definitions::shipped().unwrap();
        let defaults = RequiredProfiles::defaults().resolve(&definitions).unwrap();
        assert_eq!(defaults.len(), 2);
        let relaxed: RequiredProfiles = "Task=".parse().unwrap();
        let required = relaxed.with_defaults_from(RequiredProfiles::defaults()).resolve(&definitions).unwrap();
        assert_eq!(required.keys().collect::<Vec<_>>(), ["ServiceRequest"]);
    }

    #[test]
    fn what_cannot_be_checked_cannot_be_demanded() {
        let definitions = Definitions::shipped().unwrap();
        for (bad, message) in [
            ("Dog=urn:x", "no resource type"),
            ("Task=https://example.org/p", "not at hand"),
            ("Task=urn:handoff:fhir:StructureDefinition:referral-request", "of ServiceRequest"),
        ] {
            let error = bad.parse::<RequiredProfiles>().unwrap().resolve(&definitions).unwrap_err();
            assert!(error.issues.iter().any(|issue| issue.text.contains(message)), "{error}");
        }
    }
}

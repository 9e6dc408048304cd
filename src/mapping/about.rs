//! What a program type says of itself: the codes that ask for it, and its own words.
//!
//! The words of the type that a record may use (its phases, roles, reviews and closures) are said once, in
//! `program.yaml`, and become part of the record's schema.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What a program type says of itself besides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
    /// The codes of ServiceRequest.code that ask for this type
    pub request_codes: Vec<RequestCode>,
    /// The phases of an enrollment, in order; empty: any
    pub phases: Vec<Term>,
    /// The roles in a care team; empty: any
    pub roles: Vec<Role>,
    /// The reviews that are due; empty: any
    pub reviews: Vec<ReviewKind>,
    /// The reasons for which an enrollment ends; empty: any
    pub closure: Vec<Closure>,
    /// What has to be kept from whom
    pub privacy: Privacy,
    /// Who pays for such programs, for people
    pub payers: Vec<String>,
    /// Where the facts of the folder come from
    pub sources: Vec<String>,
    /// What of it nobody has checked
    pub unverified: Vec<String>,
}

/// A code that asks for a type of program.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RequestCode {
    /// Its code system
    pub system: String,
    /// The code
    pub code: String,
    /// What it is called
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
}

/// A word of the type.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// As records write it
    pub code: String,
    /// For people
    pub title: String,
}

/// A role in the team.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// A code of `urn:handoff:fhir:CodeSystem:care-team-role`
    pub code: String,
    /// For people
    pub title: String,
    /// Does who has it lead the team?
    #[serde(default)]
    pub lead: bool,
}

/// A review that is due.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewKind {
    /// As records write it
    pub kind: String,
    /// For people
    pub title: String,
    /// How long after the enrollment the first is due, as `P30D`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// How long after each the next is due
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<String>,
}

/// A reason for which an enrollment ends.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Closure {
    /// As records write it
    pub code: String,
    /// For people
    pub title: String,
    /// Is it a matter of paper alone: the person goes on elsewhere?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub administrative: Option<bool>,
    /// Did the person want it?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voluntary: Option<bool>,
    /// The segments that it can end; empty: any
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<String>,
}

/// What has to be kept from whom.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
#[allow(clippy::struct_excessive_bools)] // Each is a law of its own.
pub struct Privacy {
    /// It serves victims of violence: nothing of a person goes into an HMIS (34 U.S.C. 12291(b)(2))
    pub victim_services: bool,
    /// Its records are about substance use (42 CFR Part 2)
    pub part2: bool,
    /// Its records are education records (FERPA)
    pub ferpa: bool,
    /// It takes part in an HMIS
    pub hmis: bool,
    /// It serves people without asking who they are
    pub anonymous: bool,
}

impl About {
    /// The part of the record's schema that the type's own words make.
    pub(super) fn vocabulary(&self) -> Value {
        let mut part = json!({});
        let mut allow = |path: &[&str], codes: Vec<&str>| {
            if !codes.is_empty() {
                path.iter().fold(&mut part, |at, name| &mut at[*name])["enum"] = codes.into();
            }
        };
        allow(
            &["properties", "enrollment", "properties", "phase"],
            self.phases.iter().map(|it| it.code.as_str()).collect(),
        );
        allow(
            &["properties", "enrollment", "properties", "exit", "properties", "reasonCode"],
            self.closure.iter().map(|it| it.code.as_str()).collect(),
        );
        allow(
            &["properties", "careTeam", "items", "properties", "role"],
            self.roles.iter().map(|it| it.code.as_str()).collect(),
        );
        allow(
            &["properties", "reviews", "items", "properties", "kind"],
            self.reviews.iter().map(|it| it.kind.as_str()).collect(),
        );
        part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_type_become_part_of_its_schema() {
        let about =
            About { phases: vec![Term { code: "intake".to_owned(), title: "Intake".to_owned() }], ..About::default() };
        let part = about.vocabulary();
        assert_eq!(
            part,
            json!({ "properties": { "enrollment": { "properties": { "phase": { "enum": ["intake"] } } } } })
        );
        assert_eq!(About::default().vocabulary(), json!({}));
    }
}

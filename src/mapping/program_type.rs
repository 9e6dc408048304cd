//! A program type: what it is (`program.yaml`), what its record looks like, and the map that ties the record to FHIR.
//!
//! The words of the type that a record may use (its phases, roles, reviews and closures) are said once, in
//! `program.yaml`, and become part of the record's schema.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use serde_saphyr::{Location, Spanned};

use crate::definitions::Definitions;
use crate::fhir::{Issue, Key};

use super::map::Map;
use super::source::{self, ProgramFile};

/// The roles of a care team.
const TEAM_ROLES: &str = "urn:handoff:fhir:CodeSystem:care-team-role";

/// One program type.
#[derive(Debug)]
pub struct ProgramType {
    /// Its name, which is its folder's: `supportive-housing`
    pub kind: String,
    /// Its name for people
    pub title: String,
    /// What such programs do
    pub description: String,
    /// The SDOHCC categories of need that it serves
    pub need_categories: Vec<String>,
    /// What else `program.yaml` says
    pub about: About,
    /// Between the graph of a referral and this program's record
    pub map: Map,
}

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

// ===

impl ProgramType {
    /// The JSON Schema (2020-12) of its record, complete in itself.
    pub fn schema_json(&self) -> &Value {
        self.map.schema().json()
    }

    /// What is wrong with a record by its schema; each issue's path is a JSON pointer into the record.
    pub fn check(&self, record: &Value) -> Vec<Issue> {
        self.map.schema().check(record)
    }
}

impl ProgramFile {
    /// What it says besides name, title and needs.
    ///
    /// # Errors
    /// Every word that stands twice, role that nobody knows, and time that is none; with file, line and column.
    pub(super) fn about(&self, file: &str, definitions: &Definitions) -> Result<About, Vec<Issue>> {
        let mut wrong = Wrong { file, issues: Vec::new() };
        let about = About {
            request_codes: wrong.once(&self.request_codes, |it| format!("{}|{}", it.system, it.code)),
            phases: wrong.once(&self.phases, |it| it.code.clone()),
            roles: wrong.once(&self.roles, |it| it.code.clone()),
            reviews: wrong.once(&self.reviews, |it| it.kind.clone()),
            closure: wrong.once(&self.closure, |it| it.code.clone()),
            privacy: self.privacy,
            payers: self.payers.clone(),
            sources: self.sources.clone(),
            unverified: self.unverified.clone(),
        };
        let known = team_roles(definitions);
        for role in &self.roles {
            let code = &role.value.code;
            if !known.is_empty() && !known.contains(code) {
                let fix = format!("use one of {}, or add it to the CodeSystem", known.join(", "));
                wrong.add(role.referenced, format!("{code} is no role of a care team"), fix);
            }
        }
        for review in &self.reviews {
            for time in [&review.value.within, &review.value.every].into_iter().flatten() {
                if !is_period(time) {
                    let message = format!("{time} is no length of time");
                    wrong.add(review.referenced, message, "write it as P30D, P6M or P1Y".to_owned());
                }
            }
        }
        if wrong.issues.is_empty() { Ok(about) } else { Err(wrong.issues) }
    }
}

impl About {
    /// The part of the record's schema that the type's own words make.
    pub(super) fn vocabulary(&self) -> Value {
        let mut part = json!({});
        let mut allow = |place: &[&str], codes: Vec<&str>| {
            if !codes.is_empty() {
                place.iter().fold(&mut part, |at, name| &mut at[*name])["enum"] = codes.into();
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

/// What is wrong with a file.
struct Wrong<'f> {
    file: &'f str,
    issues: Vec<Issue>,
}

impl Wrong<'_> {
    fn add(&mut self, at: Location, message: String, fix: String) {
        self.issues.push(Issue::error(Key::MapInvalid, self.file, message).at(source::place(at)).hint(fix));
    }

    /// The items, none of which stands twice.
    fn once<T: Clone>(&mut self, items: &[Spanned<T>], name: impl Fn(&T) -> String) -> Vec<T> {
        for (at, item) in items.iter().enumerate() {
            let own = name(&item.value);
            if items[..at].iter().any(|earlier| name(&earlier.value) == own) {
                self.add(item.referenced, format!("{own} stands twice"), "keep one of them".to_owned());
            }
        }
        items.iter().map(|item| item.value.clone()).collect()
    }
}

/// The codes of the roles, where our definitions are at hand.
fn team_roles(definitions: &Definitions) -> Vec<String> {
    let Some(system) = definitions.code_system(TEAM_ROLES) else { return Vec::new() };
    system.concepts().iter().map(|concept| concept.code.clone()).collect()
}

/// A length of time in one unit: `P30D`, `P6W`, `P6M`, `P1Y`.
fn is_period(text: &str) -> bool {
    let count = text.strip_prefix('P').and_then(|rest| rest.strip_suffix(['D', 'W', 'M', 'Y']));
    count.is_some_and(|count| count.parse::<u16>().is_ok_and(|count| count > 0))
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

    #[test]
    fn knows_lengths_of_time() {
        assert!(["P30D", "P6M", "P1Y", "P2W"].iter().all(|text| is_period(text)));
        assert!(["30D", "P0D", "PT5H", "P1Y6M", "P", ""].iter().all(|text| !is_period(text)));
    }
}

//! What is checked in `program.yaml` beyond its shape: words that stand once, roles that are known, times that are times.

use serde_saphyr::{Location, Spanned};

use crate::definitions::Definitions;
use crate::fhir::{Issue, Key};

use super::about::About;
use super::source::{self, ProgramFile};

/// The roles of a care team.
const TEAM_ROLES: &str = "urn:handoff:fhir:CodeSystem:care-team-role";

impl ProgramFile {
    /// What it says besides name, title and needs.
    ///
    /// # Errors
    /// Every word that stands twice, role that nobody knows, and time that is none; with file, line and column.
    pub(super) fn about(&self, file: &str, definitions: &Definitions) -> Result<About, Vec<Issue>> {
        let mut wrong = FileIssues { file, issues: Vec::new() };
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

/// What is wrong with a file.
struct FileIssues<'f> {
    file: &'f str,
    issues: Vec<Issue>,
}

impl FileIssues<'_> {
    fn add(&mut self, at: Location, message: String, fix: String) {
        self.issues.push(Issue::error(Key::MapInvalid, self.file, message).at(source::position(at)).hint(fix));
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
    fn knows_lengths_of_time() {
        assert!(["P30D", "P6M", "P1Y", "P2W"].iter().all(|text| is_period(text)));
        assert!(["30D", "P0D", "PT5H", "P1Y6M", "P", ""].iter().all(|text| !is_period(text)));
    }
}

//! What the rules of a guide mean where they do not say it: `profiles/handoff/guide-defects.yaml`.
//!
//! A rule is checked as it is printed, so that our result is that of every other validator. Where the printed rule is
//! kept, an [`Amendment`] of the same key says what was meant; breaking that is a warning which names the defect.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key, SourcePosition};
use crate::fhirpath::Expression;
use crate::shipped;

/// The file that comes with the program.
const SHIPPED_FILE: &str = "profiles/handoff/guide-defects.yaml";

/// Amendments by profile.
#[derive(Debug, Clone, Default)]
pub struct Amendments {
    by_profile: HashMap<String, Vec<Amendment>>,
}

/// What one printed rule means.
#[derive(Debug, Clone)]
pub struct Amendment {
    /// Id of the element that the rule is about
    pub element: String,
    /// Key of the printed rule
    pub key: String,
    /// What is meant, for people
    pub human: String,
    /// What is meant
    pub expression: Expression,
    /// What kind of defect the printed rule has: `three-way-xor`
    pub defect: String,
    /// The defect, for people
    pub description: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Canonical URL of the guide, for people who read the file
    #[serde(rename = "guide")]
    _guide: String,
    #[serde(default)]
    names: BTreeMap<String, String>,
    defects: Vec<Spanned<AmendmentEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AmendmentEntry {
    profile: Spanned<String>,
    element: Spanned<String>,
    key: String,
    defect: String,
    description: String,
    human: String,
    expression: Spanned<String>,
}

impl Amendments {
    /// Those that come with the program.
    ///
    /// # Errors
    /// As [`Amendments::read`].
    pub fn shipped() -> Result<Self> {
        let file = shipped::files().iter().find(|(path, _)| *path == SHIPPED_FILE);
        let text = file.and_then(|(_, bytes)| std::str::from_utf8(bytes).ok());
        Self::read(
            SHIPPED_FILE,
            text.ok_or_else(|| Error::fault(format!("{SHIPPED_FILE} does not come with the program")))?,
        )
    }

    /// Reads a file of amendments; `file` is what findings call it.
    ///
    /// # Errors
    /// Everything that is wrong with it, with line and column; an expression that cannot be compiled, for one.
    pub fn read(file: &str, text: &str) -> Result<Self> {
        let read: File = serde_saphyr::from_str(text).map_err(|error| {
            let description = error.without_snippet().to_string();
            let issue = Issue::error(Key::DefinitionInvalid, file, description.lines().next().unwrap_or_default());
            let position = error.location().and_then(|at| SourcePosition::counted(at.line(), at.column()));
            Error::new(Category::Unprocessable, issue.maybe_at(position))
        })?;
        let mut issues = Vec::new();
        let mut by_profile: HashMap<String, Vec<Amendment>> = HashMap::new();
        for entry in read.defects {
            match amendment(file, &read.names, entry.value) {
                Ok((profile, amendment)) => by_profile.entry(profile).or_default().push(amendment),
                Err(issue) => issues.push(*issue),
            }
        }
        if issues.is_empty() { Ok(Self { by_profile }) } else { Err(Error::unprocessable(issues)) }
    }

    /// What is meant by the rules of the profile with this canonical URL, of whatever version.
    pub fn of(&self, profile: &str) -> &[Amendment] {
        let url = profile.split('|').next().unwrap_or(profile);
        self.by_profile.get(url).map_or(&[], Vec::as_slice)
    }

    /// The profiles that have any, in no order.
    pub fn profiles(&self) -> impl Iterator<Item = &str> {
        self.by_profile.keys().map(String::as_str)
    }
}

/// One amendment, and the profile that it belongs to.
fn amendment(
    file: &str,
    names: &BTreeMap<String, String>,
    entry: AmendmentEntry,
) -> Result<(String, Amendment), Box<Issue>> {
    let AmendmentEntry { profile, element, key, defect, description, human, expression } = entry;
    if profile.value.contains('|') || !profile.value.contains(':') {
        return Err(Box::new(invalid(file, profile.referenced, "profile is a canonical URL without a version")));
    }
    if element.value.is_empty() {
        let description = "element is the id of the element that the rule is about";
        return Err(Box::new(invalid(file, element.referenced, description)));
    }
    let text = expand_names(&expression.value, names);
    let expression = Expression::parse(&text).map_err(|issue| {
        Box::new(invalid(file, expression.referenced, format!("the expression of {key}: {}", issue.text)))
    })?;
    Ok((profile.value, Amendment { element: element.value, key, human, expression, defect, description }))
}

/// The expression with the strings that its names stand for.
fn expand_names(expression: &str, names: &BTreeMap<String, String>) -> String {
    // From the last name on, so that one that begins like another is not replaced by it.
    names.iter().rev().fold(expression.to_owned(), |text, (name, value)| {
        text.replace(&format!("%{name}"), &format!("'{}'", value.replace('\'', "\\'")))
    })
}

fn invalid(file: &str, at: Location, description: impl Into<String>) -> Issue {
    Issue::error(Key::DefinitionInvalid, file, description).maybe_at(SourcePosition::counted(at.line(), at.column()))
}

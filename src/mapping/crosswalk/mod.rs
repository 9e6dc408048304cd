//! Crosswalks: which code of one system is which of another (<https://hl7.org/fhir/R4/conceptmap.html>, in shape).
//!
//! A code that is in no row passes as it is: the caller reports it, nobody guesses. On the way back only those rows
//! count whose target says no more and no less than the source. Where a system gives its codes other meanings from
//! version to version (<https://hl7.org/fhir/R4/codesystem-definitions.html#CodeSystem.versionNeeded>), a code of
//! another version, or of none, is a code that the table does not have.

mod files;
mod load;

use std::collections::HashMap;

use serde_json::Value;

use crate::referral::state::{self, State};
use crate::referral::vocabulary::{Vocabulary, VocabularyRow};

pub(super) use files::{AskedTables, CrosswalkFiles};

/// A table of codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crosswalk {
    /// Its name
    pub name: String,
    /// What it is for
    pub description: String,
    /// What it translates from
    pub source: System,
    /// What it translates to
    pub target: System,
    /// What of it nobody has checked
    pub unverified: Vec<String>,
    /// The rows, in the order of the file
    pub rows: Vec<Row>,
    /// Source to its rows that may be written
    by_source: HashMap<String, Vec<usize>>,
    /// Target to the row that leads back
    source_of: HashMap<String, usize>,
    /// Target to all of its rows
    by_target: HashMap<String, Vec<usize>>,
}

/// A code system in one of its versions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct System {
    /// Its URL
    pub url: String,
    /// Its version
    pub version: String,
    /// Does a code mean nothing without its version?
    pub version_needed: bool,
}

/// One pair of codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The code that is translated
    pub source: String,
    /// What it becomes; none: it is known, and the other system has no such thing
    pub target: Option<String>,
    /// How the target relates to the source
    pub equivalence: Equivalence,
    /// What the target is called
    pub display: Option<String>,
    /// May the target be written? A code that is understood and no longer in use is read only
    pub written: bool,
    /// Is it said by nobody whom we could check?
    pub unverified: bool,
}

/// How a target relates to its source (<https://hl7.org/fhir/R4/valueset-concept-map-equivalence.html>), as far as
/// translating needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Equivalence {
    /// The same
    Equal,
    /// The same in meaning
    Equivalent,
    /// The target says less
    Wider,
    /// The target says more
    Narrower,
    /// They overlap
    Inexact,
    /// They have to do with each other
    RelatedTo,
    /// There is no target
    Unmatched,
}

impl Equivalence {
    /// All codes, for messages.
    pub const CODES: &str = "equal, equivalent, wider, narrower, inexact, relatedto, unmatched";

    /// Reads the code of the standard.
    pub fn from_code(code: &str) -> Option<Self> {
        Some(match code {
            "equal" => Self::Equal,
            "equivalent" => Self::Equivalent,
            "wider" => Self::Wider,
            "narrower" => Self::Narrower,
            "inexact" => Self::Inexact,
            "relatedto" => Self::RelatedTo,
            "unmatched" => Self::Unmatched,
            _ => return None,
        })
    }

    /// Does the target stand for the source alone?
    pub fn is_reversible(self) -> bool {
        matches!(self, Self::Equal | Self::Equivalent)
    }
}

impl System {
    /// Is a code of this system and version one that this means? Nothing said is taken for this system, and for this
    /// version where versions agree on what codes mean.
    pub fn is(&self, system: Option<&str>, version: Option<&str>) -> bool {
        system.is_none_or(|system| system == self.url)
            && (!self.version_needed || version.is_some_and(|version| version == self.version))
    }
}

impl std::fmt::Display for System {
    /// `urn:example:codes|3.0`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}|{}", self.url, self.version)
    }
}

impl Crosswalk {
    /// A table with these rows.
    pub fn new(name: String, source: System, target: System, rows: Vec<Row>) -> Self {
        let (mut by_source, mut source_of) = (HashMap::<String, Vec<usize>>::new(), HashMap::new());
        let mut by_target = HashMap::<String, Vec<usize>>::new();
        for (at, row) in rows.iter().enumerate() {
            if row.written {
                by_source.entry(row.source.clone()).or_default().push(at);
            }
            let Some(target) = &row.target else { continue };
            by_target.entry(target.clone()).or_default().push(at);
            if row.equivalence.is_reversible() {
                source_of.entry(target.clone()).or_insert(at);
            }
        }
        Self {
            name,
            description: String::new(),
            source,
            target,
            unverified: Vec::new(),
            rows,
            by_source,
            source_of,
            by_target,
        }
    }

    /// The first row of a source code; its target is the one that is written.
    pub fn preferred_row(&self, code: &str) -> Option<&Row> {
        self.rows_of(code).next()
    }

    /// What a source code becomes.
    pub fn target_of(&self, code: &str) -> Option<&str> {
        self.preferred_row(code)?.target.as_deref()
    }

    /// The source code that a target stands for.
    pub fn source_of(&self, code: &str) -> Option<&str> {
        self.source_of.get(code).map(|at| self.rows[*at].source.as_str())
    }

    /// Every row of a source code that may be written, in order.
    pub fn rows_of(&self, code: &str) -> impl Iterator<Item = &Row> {
        self.by_source.get(code).into_iter().flatten().map(|at| &self.rows[*at])
    }

    /// Every row that has this target, in order: what the code may be about.
    pub fn rows_with_target(&self, code: &str) -> impl Iterator<Item = &Row> {
        self.by_target.get(code).into_iter().flatten().map(|at| &self.rows[*at])
    }

    /// What a code of this system and version becomes, in order; nothing where it is of another one.
    pub fn targets_of(&self, system: &str, version: Option<&str>, code: &str) -> Vec<&str> {
        let fits = self.source.is(Some(system), version);
        self.rows_of(code).filter(|_| fits).filter_map(|row| row.target.as_deref()).collect()
    }

    /// What a code of this system and version on the other side may be about, in order; nothing where it is of another
    /// one.
    pub fn sources_of(&self, system: &str, version: Option<&str>, code: &str) -> Vec<&str> {
        let fits = self.target.is(Some(system), version);
        self.rows_with_target(code).filter(|_| fits).map(|row| row.source.as_str()).collect()
    }

    /// The vocabulary of statuses that the table is one of, if it translates from the referral states. Its name is what
    /// stands behind `referral-state-`.
    pub(super) fn vocabulary(&self) -> Option<Vocabulary> {
        if self.source.url != state::SYSTEM {
            return None;
        }
        let rows = self.rows.iter().filter_map(|row| {
            Some(VocabularyRow {
                state: State::from_code(&row.source)?,
                code: row.target.clone()?,
                display: row.display.clone(),
                own: row.equivalence.is_reversible(),
                used: row.written,
            })
        });
        let name = self.name.strip_prefix("referral-state-").unwrap_or(&self.name);
        let (system, version) = (self.target.url.clone(), self.target.version.clone());
        let mut vocabulary = Vocabulary::new(name.to_owned(), system, version, rows);
        vocabulary.unverified.clone_from(&self.unverified);
        Some(vocabulary)
    }

    /// The source code that a value of a resource or record is: a Coding, or a code alone. Nothing where it is of another
    /// system.
    pub(super) fn source_code_of<'v>(&self, value: &'v Value) -> Option<SourceCode<'v>> {
        match value {
            Value::String(code) => Some(SourceCode { code, version: None, fits: self.source.is(None, None) }),
            Value::Object(coding) => {
                let text = |name: &str| coding.get(name).and_then(Value::as_str);
                let (system, version) = (text("system"), text("version"));
                if system.is_some_and(|system| system != self.source.url) {
                    return None;
                }
                Some(SourceCode { code: text("code")?, version, fits: self.source.is(system, version) })
            }
            _ => None,
        }
    }

    /// The message about a source code without a row.
    pub(super) fn no_target_message(&self, code: &str, version: Option<&str>) -> String {
        self.no_counterpart_message(code, &self.source, version)
    }

    /// The message about a target code that stands for no source.
    pub(super) fn no_source_message(&self, code: &str) -> String {
        self.no_counterpart_message(code, &self.target, None)
    }

    fn no_counterpart_message(&self, code: &str, system: &System, version: Option<&str>) -> String {
        let of = match version {
            Some(version) if version != system.version => {
                format!("{}|{version}; it is for {}|{}", system.url, system.url, system.version)
            }
            None if system.version_needed => {
                format!("{} without a version, which says what the code means; it is for {system}", system.url)
            }
            _ => system.to_string(),
        };
        format!("crosswalk {} has no counterpart for {code} of {of}", self.name)
    }
}

/// A code that is to be translated.
#[derive(Debug, Clone, Copy)]
pub(super) struct SourceCode<'v> {
    /// The code
    pub(super) code: &'v str,
    /// The version that is said of its system
    pub(super) version: Option<&'v str>,
    /// Is it of the table's version?
    pub(super) fits: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(source: &str, target: &str, equivalence: Equivalence) -> Row {
        let target = Some(target.to_owned()).filter(|target| !target.is_empty());
        Row { source: source.to_owned(), target, equivalence, display: None, written: true, unverified: false }
    }

    fn system(url: &str, version_needed: bool) -> System {
        System { url: url.to_owned(), version: "3.0".to_owned(), version_needed }
    }

    #[test]
    fn is_reversible_only_where_nothing_is_added() {
        let rows = vec![
            row("outreach", "planned", Equivalence::Wider),
            row("pending", "planned", Equivalence::Equivalent),
            row("street", "homeless", Equivalence::Wider),
            row("draft", "", Equivalence::Unmatched),
            Row { written: false, ..row("street", "roofless", Equivalence::Wider) },
        ];
        let table = Crosswalk::new("t".to_owned(), system("a", false), system("b", false), rows);
        assert_eq!(table.target_of("outreach"), Some("planned"));
        assert_eq!((table.source_of("planned"), table.source_of("homeless")), (Some("pending"), None));
        assert_eq!((table.preferred_row("draft").is_some(), table.target_of("draft")), (true, None));
        let about = |code| table.rows_with_target(code).map(|row| row.source.as_str()).collect::<Vec<_>>();
        assert_eq!((about("planned"), about("roofless")), (vec!["outreach", "pending"], vec!["street"]));
        assert_eq!(table.rows_of("street").count(), 1, "what is read only is not written");
    }

    #[test]
    fn a_code_of_another_version_is_another_code_where_versions_disagree() {
        let rows = || vec![row("4c", "homelessness", Equivalence::RelatedTo)];
        let strict = Crosswalk::new("t".to_owned(), system("srv", true), system("b", false), rows());
        let fits = |table: &Crosswalk, value: Value| table.source_code_of(&value).map(|asked| asked.fits);
        let coding = |version: &str| serde_json::json!({ "system": "srv", "version": version, "code": "4c" });
        assert_eq!(fits(&strict, coding("3.0")), Some(true));
        assert_eq!(fits(&strict, coding("2")), Some(false));
        assert_eq!(fits(&strict, "4c".into()), Some(false), "a code alone says no version");
        assert_eq!(fits(&strict, serde_json::json!({ "system": "other", "code": "4c" })), None);
        let message = strict.no_target_message("4c", Some("2"));
        assert_eq!(message, "crosswalk t has no counterpart for 4c of srv|2; it is for srv|3.0");
        let lenient = Crosswalk::new("t".to_owned(), system("srv", false), system("b", false), rows());
        assert_eq!(fits(&lenient, coding("2")), Some(true));
        assert_eq!(fits(&lenient, "4c".into()), Some(true));
    }
}

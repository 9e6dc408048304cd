//! Crosswalks: which code of one system is which of another (<https://hl7.org/fhir/R4/conceptmap.html>, in shape).
//!
//! A code that is in no row passes as it is: the caller reports it, nobody guesses. On the way back only those rows
//! count whose target says no more and no less than the source.

use std::collections::HashMap;

/// A table of codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crosswalk {
    /// Its name
    pub name: String,
    /// The system and version that it translates from
    pub source: (String, String),
    /// The system and version that it translates to
    pub target: (String, String),
    /// The rows, in the order of the file
    pub rows: Vec<Row>,
    forth: HashMap<String, usize>,
    back: HashMap<String, usize>,
}

/// One pair of codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The code that is translated
    pub source: String,
    /// What it becomes
    pub target: String,
    /// How the target relates to the source
    pub equivalence: Equivalence,
    /// What the target is called
    pub display: Option<String>,
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
}

impl Equivalence {
    /// All codes, for messages.
    pub const CODES: &str = "equal, equivalent, wider, narrower, inexact, relatedto";

    /// Reads the code of the standard.
    pub fn from_code(code: &str) -> Option<Self> {
        Some(match code {
            "equal" => Self::Equal,
            "equivalent" => Self::Equivalent,
            "wider" => Self::Wider,
            "narrower" => Self::Narrower,
            "inexact" => Self::Inexact,
            "relatedto" => Self::RelatedTo,
            _ => return None,
        })
    }

    /// Does the target stand for the source alone?
    fn leads_back(self) -> bool {
        matches!(self, Self::Equal | Self::Equivalent)
    }
}

impl Crosswalk {
    /// A table with these rows.
    pub fn new(name: String, source: (String, String), target: (String, String), rows: Vec<Row>) -> Self {
        let (mut forth, mut back) = (HashMap::new(), HashMap::new());
        for (at, row) in rows.iter().enumerate() {
            forth.entry(row.source.clone()).or_insert(at);
            if row.equivalence.leads_back() {
                back.entry(row.target.clone()).or_insert(at);
            }
        }
        Self { name, source, target, rows, forth, back }
    }

    /// The first row of a source code.
    pub fn forth(&self, code: &str) -> Option<&Row> {
        self.forth.get(code).map(|at| &self.rows[*at])
    }

    /// The source code that a target stands for.
    pub fn back(&self, code: &str) -> Option<&str> {
        self.back.get(code).map(|at| self.rows[*at].source.as_str())
    }

    /// Every target of a source code, in order.
    pub fn all<'c>(&'c self, code: &'c str) -> impl Iterator<Item = &'c Row> {
        self.rows.iter().filter(move |row| row.source == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leads_back_only_where_nothing_is_added() {
        let row = |source: &str, target: &str, equivalence| Row {
            source: source.to_owned(),
            target: target.to_owned(),
            equivalence,
            display: None,
        };
        let rows = vec![
            row("outreach", "planned", Equivalence::Wider),
            row("pending", "planned", Equivalence::Equivalent),
            row("street", "homeless", Equivalence::Wider),
        ];
        let system = || (String::new(), String::new());
        let table = Crosswalk::new("t".to_owned(), system(), system(), rows);
        assert_eq!(table.forth("outreach").map(|row| row.target.as_str()), Some("planned"));
        assert_eq!((table.back("planned"), table.back("homeless")), (Some("pending"), None));
    }
}

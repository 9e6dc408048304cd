//! What a check has to say: its findings, and the questions that the definitions at hand leave open.
//!
//! This layer asks nobody. Whoever can reach a terminology server asks it, and settles the report with the answers.

use crate::fhir::Issue;

/// More questions than this nobody asks.
pub(super) const MAX_QUESTIONS: usize = 2_000;

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What is wrong, in the order of the document
    pub issues: Vec<Issue>,
    /// What could not be decided, in the order of the document
    pub questions: Vec<Question>,
}

/// Is this code in this value set? The value sets at hand cannot say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Canonical URL of the value set, with its version where the binding gives one
    pub value_set: String,
    /// The codes, of which one suffices: system (nothing where the value set has to tell it) and code
    pub codes: Vec<(Option<String>, String)>,
    /// What is wrong if none of them is in it
    pub if_not: Issue,
    /// What is said if nobody knows; the same for every question about this binding
    pub if_unknown: Issue,
}

impl Report {
    /// The findings, with those that the answers bring: `answer` says whether one of the codes is in the set, or nothing
    /// where it does not know, which is said once for each value set.
    pub fn settle(self, mut answer: impl FnMut(&Question) -> Option<bool>) -> Vec<Issue> {
        let mut issues = self.issues;
        if self.questions.is_empty() {
            return issues;
        }
        let mut unknown: Vec<String> = Vec::new();
        for question in self.questions {
            match answer(&question) {
                Some(true) => {}
                Some(false) => issues.push(question.if_not),
                None if unknown.contains(&question.value_set) => {}
                None => {
                    issues.push(question.if_unknown);
                    unknown.push(question.value_set);
                }
            }
        }
        // What has no position is about the document as a whole, and comes last.
        issues.sort_by_key(|issue| (issue.position.is_none(), issue.position));
        issues
    }
}

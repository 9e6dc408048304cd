//! A search that is a condition: of a conditional create (<https://hl7.org/fhir/R4/http.html#ccreate>), of a reference that
//! says by a search what it means. It asks whether there is none, one or several; parameters about the answer (`_count`,
//! `_sort`, ...) choose nothing and take no part, so that `_count=1` makes no one of several.

use crate::fhir::{Issue, Key};

use super::super::index::SearchParameters;
use super::model::Query;

/// What says how an answer looks, whatever its modifier.
const ABOUT_ANSWER: &[&str] = &[
    "_count",
    "_sort",
    "_elements",
    "_summary",
    "_total",
    "_totalMethod",
    "_include",
    "_revinclude",
    "_contained",
    "_containedType",
    "_cursor",
    "_format",
    "_pretty",
];

/// So many matches are looked at: the second says that the condition names no one resource.
const COUNT: usize = 2;

/// See the module head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchCondition {
    /// Finds at most two
    pub query: Query,
    /// What it asks, without what takes no part
    pub parameters: Vec<(String, String)>,
}

impl SearchCondition {
    /// Reads the parameters of a condition.
    ///
    /// # Errors
    /// What is wrong with them; and if none of them chooses anything: everything would match.
    pub fn parse(served: &SearchParameters, kind: &str, parameters: Vec<(String, String)>) -> Result<Self, Vec<Issue>> {
        let chooses = |(name, _): &(String, String)| {
            let base = name.split_once(':').map_or(name.as_str(), |(base, _)| base);
            !ABOUT_ANSWER.contains(&base)
        };
        let parameters: Vec<_> = parameters.into_iter().filter(chooses).collect();
        if parameters.is_empty() {
            let text = "the condition has no search parameter, so every resource would match";
            let hint = "name what tells the resource from others, as identifier=SYSTEM|VALUE";
            return Err(vec![Issue::error(Key::Parameter, "", text).hint(hint)]);
        }
        let query = Query::parse(served, kind, &parameters)?;
        Ok(Self { query: Query { count: COUNT, ..query }, parameters })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::Definitions;

    #[test]
    fn what_is_about_the_answer_takes_no_part() {
        let served = SearchParameters::shipped(&Definitions::r4().unwrap()).unwrap();
        let read = |text: &str| {
            let parameters = crate::fhir::query_string::parse(text).unwrap();
            SearchCondition::parse(&served, "Task", parameters)
        };
        let alone = read("identifier=urn:a|1").unwrap();
        for about in
            ["_count=0", "_count=x", "_summary=count", "_sort=-code", "_include:iterate=Task:focus", "_format=xml"]
        {
            assert_eq!(read(&format!("{about}&identifier=urn:a|1")).as_ref(), Ok(&alone), "{about}");
            assert_eq!(read(about).unwrap_err()[0].key, Key::Parameter, "{about}");
        }
        assert_eq!((alone.query.count, alone.query.clauses.len(), alone.query.count_only), (2, 1, false));
        assert!(read("").is_err() && read("famly=x").is_err() && read("identifier=").is_err());
    }
}

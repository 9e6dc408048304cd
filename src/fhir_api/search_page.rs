//! A page of what a search found, as a searchset (<https://hl7.org/fhir/R4/search.html>).

use crate::error::Result;
use crate::fhir::authored::bundle::{BundleWriter, SearchMode};
use crate::fhir::{Issue, Severity, query_string};
use crate::store::{Stored, Unreadable};

use super::rendered::Rendered;
use super::stored_entry;

/// Parameters about the answer's form; they choose nothing.
const ABOUT_FORM: &[&str] = &["_format", "_pretty"];

/// The parameter in which the address of a further page carries where to go on.
pub(super) const CURSOR: &str = "_cursor";

/// Is it a parameter about the answer's form?
pub(super) fn is_about_form(name: &str) -> bool {
    ABOUT_FORM.contains(&name)
}

/// What is said of a parameter that was left out because the client is lenient: the search is answered, and not quite the
/// one that was asked.
pub(super) fn left_out(issue: Issue) -> Issue {
    Issue { severity: Severity::Warning, text: format!("{}; it was left out", issue.text), ..issue }
        .hint("correct the parameter, or ask with Prefer: handling=strict to have it refused")
}

/// What a page holds, and what was asked for.
pub(super) struct SearchPage<'s> {
    /// The resource type
    pub(super) kind: &'s str,
    /// What was asked, as it was understood
    pub(super) parameters: &'s [(String, String)],
    /// Of matches only these elements are shown, if any are named
    pub(super) elements: &'s [String],
    /// What was left out because nobody knows it
    pub(super) ignored: &'s [Issue],
    /// How many match in all, where it is known
    pub(super) total: Option<u64>,
    /// What matches
    pub(super) matches: Vec<&'s Stored>,
    /// What is stored and cannot be read, each with its place among the matches
    pub(super) unreadable: &'s [Unreadable],
    /// What comes with it
    pub(super) included: &'s [Stored],
    /// Where to go on
    pub(super) next: Option<&'s str>,
}

impl SearchPage<'_> {
    /// The page as a searchset.
    pub(super) fn render(&self, base: &str) -> Result<Rendered> {
        let links = links(&format!("{base}/{}", self.kind), self.parameters, self.next);
        let links: Vec<(&str, &str)> = links.iter().map(|(name, url)| (*name, url.as_str())).collect();
        let mut bundle = BundleWriter::searchset(self.total, &links)?;
        for found in stored_entry::in_place(self.matches.iter().copied(), self.unreadable) {
            match found {
                Ok(stored) => stored_entry::add_found(&mut bundle, base, stored, SearchMode::Match, self.elements)?,
                Err(unreadable) => stored_entry::add_unreadable(&mut bundle, unreadable)?,
            }
        }
        for stored in self.included {
            stored_entry::add_found(&mut bundle, base, stored, SearchMode::Include, &[])?;
        }
        if !self.ignored.is_empty() {
            bundle.add_outcome(self.ignored)?;
        }
        Ok(Rendered::ok(bundle.finish()))
    }
}

/// The address of this page as it was understood, and of the next one.
pub(super) fn links(address: &str, parameters: &[(String, String)], next: Option<&str>) -> Vec<(&'static str, String)> {
    let kept = || {
        let pairs = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        pairs.filter(|(name, _)| !is_about_form(name))
    };
    let to = |query: String| if query.is_empty() { address.to_owned() } else { format!("{address}?{query}") };
    let mut links = vec![("self", to(query_string::write(kept())))];
    if let Some(cursor) = next {
        let before = kept().filter(|(name, _)| *name != CURSOR);
        links.push(("next", to(query_string::write(before.chain([(CURSOR, cursor)])))));
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_repeat_what_was_asked_and_lead_on() {
        let parameters = [("status", "requested"), ("_count", "2"), ("_format", "json"), ("_cursor", "1")];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let links = links("http://a/fhir/Task", &parameters, Some("2"));
        assert_eq!(links[0], ("self", "http://a/fhir/Task?status=requested&_count=2&_cursor=1".to_owned()));
        assert_eq!(links[1], ("next", "http://a/fhir/Task?status=requested&_count=2&_cursor=2".to_owned()));
        assert_eq!(super::links("http://a/fhir/Task", &[], None), [("self", "http://a/fhir/Task".to_owned())]);
    }
}

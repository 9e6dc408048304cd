//! Bundles that answer (<https://hl7.org/fhir/R4/bundle.html>): searchset, history, and what a transaction or a batch is
//! answered.
//!
//! Resources go in as the JSON that is stored, byte for byte; nothing of them is parsed or written anew. So the frame is
//! built and written without entries, and the entries are put in as text: this is the one place that does so. What stands
//! beside the resource in an entry are small types of our own, because an entry of fhir-sdk holds no text and its
//! `response.lastModified` would lose the zeros at its end.

use fhir_sdk::r4b::codes::{BundleType, HTTPVerb, SearchEntryMode};
use fhir_sdk::r4b::resources::{Bundle, BundleLink, OperationOutcome};
use jiff::Timestamp;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::fhir::Issue;
use crate::fhir::edit::change_instant;
use crate::limits::MEGABYTE;

use super::operation_outcome;

/// A Bundle that is being written.
#[derive(Debug)]
pub struct BundleWriter {
    text: String,
    /// Is there an entry? A Bundle without any has no member for them: an array is never empty
    /// (<https://hl7.org/fhir/R4/json.html>).
    has_entry: bool,
}

/// A place in the writing of a Bundle.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    length: usize,
    has_entry: bool,
}

/// One entry; what is not given is not written.
#[derive(Debug, Default)]
pub struct Entry<'a> {
    /// The address of the resource
    pub full_url: Option<String>,
    /// The resource, as JSON
    pub resource: Option<&'a str>,
    /// Why a search found it
    pub search: Option<SearchMode>,
    /// The request that made this version
    pub request: Option<Request>,
    /// What became of the request
    pub response: Option<Response<'a>>,
}

/// Why an entry is among what a search found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchMode {
    /// It is what was asked for
    Match,
    /// It comes with what was asked for
    Include,
    /// It speaks about the search itself
    Outcome,
}

/// The request that made a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// `POST` to this type
    Create(String),
    /// `PUT` to this `Type/id`
    Update(String),
}

/// What became of a request.
#[derive(Debug, Default)]
pub struct Response<'a> {
    /// The HTTP status, with or without its words
    pub status: &'a str,
    /// Where the version is, relative to the base
    pub location: Option<String>,
    /// The version that is there now, and when it was made
    pub version: Option<(u64, Timestamp)>,
    /// What there is to say; an OperationOutcome
    pub outcome: Option<&'a [Issue]>,
}

impl BundleWriter {
    /// What a search found: how many match in all, where that is known, and links as `(relation, url)`.
    ///
    /// # Errors
    /// A fault, should the frame not be complete. So in all that write here.
    pub fn searchset(total: Option<u64>, links: &[(&str, &str)]) -> Result<Self> {
        Self::start(BundleType::Searchset, total, links)
    }

    /// The versions of a resource.
    pub fn history(total: Option<u64>, links: &[(&str, &str)]) -> Result<Self> {
        Self::start(BundleType::History, total, links)
    }

    /// The answer to a transaction.
    pub fn transaction_response() -> Result<Self> {
        Self::start(BundleType::TransactionResponse, None, &[])
    }

    /// The answer to a batch.
    pub fn batch_response() -> Result<Self> {
        Self::start(BundleType::BatchResponse, None, &[])
    }

    fn start(kind: BundleType, total: Option<u64>, links: &[(&str, &str)]) -> Result<Self> {
        let link = |(relation, url): &(&str, &str)| {
            BundleLink::builder().relation((*relation).to_owned()).url((*url).to_owned()).build().map(Some)
        };
        let links = links.iter().map(link).collect::<Result<Vec<_>, _>>().map_err(Error::fault)?;
        let mut frame = Bundle::builder().r#type(kind).link(links);
        if let Some(total) = total {
            frame = frame.total(u32::try_from(total).unwrap_or(u32::MAX));
        }
        let mut text = json(&frame.build().map_err(Error::fault)?)?;
        text.pop();
        Ok(Self { text, has_entry: false })
    }

    /// How many bytes are written.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Never true: there is a frame.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Where the writing stands, for [`BundleWriter::go_back`].
    pub fn mark(&self) -> Mark {
        Mark { length: self.text.len(), has_entry: self.has_entry }
    }

    /// Takes back what was added since.
    pub fn go_back(&mut self, mark: Mark) {
        self.text.truncate(mark.length);
        self.has_entry = mark.has_entry;
    }

    /// Adds an entry.
    pub fn add(&mut self, entry: &Entry<'_>) -> Result<()> {
        self.text.push_str(if self.has_entry { ",{" } else { ",\"entry\":[{" });
        self.has_entry = true;
        if let Some(url) = &entry.full_url {
            self.member("fullUrl", &json(url)?);
        }
        if let Some(resource) = entry.resource {
            self.member("resource", resource);
        }
        if let Some(mode) = entry.search {
            self.member("search", &mode.json()?);
        }
        if let Some(request) = &entry.request {
            self.member("request", &request.json()?);
        }
        if let Some(response) = &entry.response {
            self.member("response", &response.json()?);
        }
        self.text.push('}');
        Ok(())
    }

    /// Adds what there is to say about the search itself.
    pub fn add_outcome(&mut self, issues: &[Issue]) -> Result<()> {
        let outcome = operation_outcome::to_text(issues);
        self.add(&Entry { resource: Some(&outcome), search: Some(SearchMode::Outcome), ..Entry::default() })
    }

    fn member(&mut self, name: &str, json: &str) {
        if !self.text.ends_with('{') {
            self.text.push(',');
        }
        for part in ["\"", name, "\":", json] {
            self.text.push_str(part);
        }
    }

    /// The text of the Bundle.
    pub fn finish(mut self) -> String {
        self.text.push_str(if self.has_entry { "]}" } else { "}" });
        // A long answer is held until it is taken, and not what it was given to grow into.
        if self.text.capacity() - self.text.len() > MEGABYTE {
            self.text.shrink_to_fit();
        }
        self.text
    }
}

impl SearchMode {
    fn json(self) -> Result<String> {
        #[derive(Serialize)]
        struct Members {
            mode: SearchEntryMode,
        }
        let mode = match self {
            Self::Match => SearchEntryMode::Match,
            Self::Include => SearchEntryMode::Include,
            Self::Outcome => SearchEntryMode::Outcome,
        };
        json(&Members { mode })
    }
}

impl Request {
    fn json(&self) -> Result<String> {
        #[derive(Serialize)]
        struct Members<'m> {
            method: HTTPVerb,
            url: &'m str,
        }
        let (method, url) = match self {
            Self::Create(url) => (HTTPVerb::Post, url),
            Self::Update(url) => (HTTPVerb::Put, url),
        };
        json(&Members { method, url })
    }
}

impl Response<'_> {
    fn json(&self) -> Result<String> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Members<'m> {
            status: &'m str,
            #[serde(skip_serializing_if = "Option::is_none")]
            location: Option<&'m str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            etag: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            last_modified: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            outcome: Option<OperationOutcome>,
        }
        json(&Members {
            status: self.status,
            location: self.location.as_deref(),
            etag: self.version.map(|(version, _)| format!("W/\"{version}\"")),
            last_modified: self.version.map(|(_, at)| change_instant(at)),
            outcome: self.outcome.map(operation_outcome::build).transpose().map_err(Error::fault)?,
        })
    }
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(Error::fault)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::Key;

    #[test]
    fn carries_resources_byte_for_byte() {
        let mut bundle = BundleWriter::searchset(Some(1), &[("self", "http://a/Task?x=\"")]).unwrap();
        let entry = Entry {
            full_url: Some("http://a/Task/1".to_owned()),
            resource: Some("{ \"n\":1.10 }"),
            search: Some(SearchMode::Match),
            ..Entry::default()
        };
        bundle.add(&entry).unwrap();
        bundle.add(&Entry { full_url: None, search: Some(SearchMode::Include), ..entry }).unwrap();
        assert_eq!(
            bundle.finish(),
            r#"{"resourceType":"Bundle","type":"searchset","total":1,"link":[{"relation":"self","url":"http://a/Task?x=\""}],"entry":[{"fullUrl":"http://a/Task/1","resource":{ "n":1.10 },"search":{"mode":"match"}},{"resource":{ "n":1.10 },"search":{"mode":"include"}}]}"#
        );
    }

    #[test]
    fn a_list_is_never_empty() {
        for (bundle, expected) in [
            (BundleWriter::history(Some(0), &[]), r#"{"resourceType":"Bundle","type":"history","total":0}"#),
            (BundleWriter::searchset(None, &[]), r#"{"resourceType":"Bundle","type":"searchset"}"#),
            (BundleWriter::batch_response(), r#"{"resourceType":"Bundle","type":"batch-response"}"#),
            (BundleWriter::transaction_response(), r#"{"resourceType":"Bundle","type":"transaction-response"}"#),
        ] {
            assert_eq!(bundle.unwrap().finish(), expected);
        }
    }

    #[test]
    fn says_what_became_of_a_request() {
        let issues = [Issue::warning(Key::Binding, "Task.code", "unusual")];
        let at: Timestamp = "2026-11-21T10:00:00.5Z".parse().unwrap();
        let mut bundle = BundleWriter::batch_response().unwrap();
        let response = Response {
            status: "201 Created",
            location: Some("Task/1/_history/1".to_owned()),
            version: Some((1, at)),
            outcome: Some(&issues),
        };
        bundle.add(&Entry { response: Some(response), ..Entry::default() }).unwrap();
        let request = Some(Request::Update("Task/1".to_owned()));
        bundle.add(&Entry { request, ..Entry::default() }).unwrap();
        let outcome = operation_outcome::to_text(&issues);
        assert_eq!(
            bundle.finish(),
            format!(
                r#"{{"resourceType":"Bundle","type":"batch-response","entry":[{{"response":{{"status":"201 Created","location":"Task/1/_history/1","etag":"W/\"1\"","lastModified":"2026-11-21T10:00:00.500000Z","outcome":{outcome}}}}},{{"request":{{"method":"PUT","url":"Task/1"}}}}]}}"#
            )
        );
    }
}

//! What became of a resource that was sent, and how that is remembered so that a repetition is answered alike.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Category, Error, Result};
use crate::fhir::{Document, Issue, Key, ResourceKey, RuleSource, Severity, SourcePosition};
use crate::referral::Scope;
use crate::referral::plan::Write;
use crate::store::{Resources, Stored};

use super::message::{Entry, EntryRequest};
use super::write_target::WriteTarget;

/// What became of one resource that was sent.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Type and id
    pub key: ResourceKey,
    /// The version that is now the newest
    pub version: u64,
    /// Its `meta.lastUpdated`
    pub updated: Timestamp,
    /// Is it new? False also where a condition found it
    pub created: bool,
    /// The resource as it is stored, without what is withheld from the writer
    pub document: Arc<Document>,
    /// Findings that did not stand in the way
    pub issues: Vec<Issue>,
    /// Is it what is stored about a person, and not what was sent?
    pub(super) was_read: bool,
}

/// An outcome, as it is remembered: all else is read where it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Remembered {
    /// `Type/id`
    resource: String,
    version: u64,
    created: bool,
    /// What was told with it
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    issues: Vec<RememberedIssue>,
}

/// A finding, as it is remembered.
#[derive(Debug, Serialize, Deserialize)]
struct RememberedIssue {
    severity: String,
    key: String,
    path: String,
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// Line and column
    #[serde(default, skip_serializing_if = "Option::is_none")]
    position: Option<(u32, u32)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    /// Profile, element and constraint of the rule
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<(String, String, Option<String>)>,
}

impl RememberedIssue {
    fn of(issue: &Issue) -> Self {
        let origin = issue.origin.as_deref();
        Self {
            severity: issue.severity.code().to_owned(),
            key: issue.key.name().to_owned(),
            path: issue.path.clone(),
            text: issue.text.clone(),
            hint: issue.hint.as_deref().map(str::to_owned),
            position: issue.position.map(|position| (position.line, position.column)),
            expected: issue.expected.as_deref().map(str::to_owned),
            origin: origin.map(|rule| (rule.profile.clone(), rule.element.clone(), rule.constraint.clone())),
        }
    }

    /// The finding; none of a rule that there is no longer.
    fn read(self) -> Option<Issue> {
        let (severity, key) = (Severity::from_code(&self.severity)?, Key::of_name(&self.key)?);
        let origin = self.origin.map(|(profile, element, constraint)| RuleSource { profile, element, constraint });
        Some(Issue {
            hint: self.hint.map(Into::into),
            position: self.position.map(|(line, column)| SourcePosition { line, column }),
            expected: self.expected.map(Into::into),
            origin: origin.map(Arc::new),
            ..Issue::new(severity, key, self.path, self.text)
        })
    }
}

impl Outcome {
    /// What became of the resource that `write` stored at this place; nothing for an entry that only asked.
    pub(super) fn of(target: &WriteTarget, write: Option<&Write>, findings: Vec<Issue>) -> Option<Self> {
        match target {
            WriteTarget::Nowhere => None,
            WriteTarget::Found(stored) => Some(Self::found(stored, false)),
            WriteTarget::New { .. } | WriteTarget::Next(_) | WriteTarget::Repeated(_) => {
                let write = write?;
                Some(Self {
                    key: write.key.clone(),
                    version: write.version,
                    updated: write.updated,
                    created: matches!(target, WriteTarget::New { .. }),
                    document: target.seen(&write.document),
                    issues: findings,
                    was_read: false,
                })
            }
        }
    }

    fn found(stored: &Stored, created: bool) -> Self {
        Self {
            key: stored.key.clone(),
            version: stored.version,
            updated: stored.updated,
            created,
            document: stored.document.clone(),
            issues: Vec::new(),
            was_read: !stored.public,
        }
    }
}

/// The outcomes of a message's entries, as they are remembered.
pub(super) fn to_text(outcomes: &[Option<Outcome>]) -> String {
    let remembered = |outcome: &Outcome| Remembered {
        resource: outcome.key.to_string(),
        version: outcome.version,
        created: outcome.created,
        issues: outcome.issues.iter().map(RememberedIssue::of).collect(),
    };
    let all: Vec<Option<Remembered>> = outcomes.iter().map(|outcome| outcome.as_ref().map(remembered)).collect();
    serde_json::to_string(&all).unwrap_or_default()
}

/// The outcomes that were remembered of a message with these entries. Read with the gateway's eyes: they were the
/// caller's own then, and only their names and versions are told.
///
/// # Errors
/// A fault, where what was remembered cannot be read.
pub(super) async fn recall(store: &dyn Resources, text: &str, entries: &[Entry<'_>]) -> Result<Vec<Option<Outcome>>> {
    let mut outcomes = Vec::with_capacity(entries.len());
    for remembered in remembered(text, entries)? {
        let Some(Remembered { resource, version, created, issues }) = remembered else {
            outcomes.push(None);
            continue;
        };
        let key = ResourceKey::parse(&resource).ok_or_else(|| Error::fault("an answer names no resource"))?;
        let stored = match store.read(&Scope::Gateway, &key, Some(version)).await {
            // That version is not kept any more: what was made then is told as it is now.
            Err(error) if error.category == Category::NotFound => store.read(&Scope::Gateway, &key, None).await?,
            found => found?,
        };
        let stored = stored.ok_or_else(|| Error::fault("an answer names a version that is not stored"))?;
        let issues = issues.into_iter().filter_map(RememberedIssue::read).collect();
        outcomes.push(Some(Outcome { issues, ..Outcome::found(&stored, created) }));
    }
    Ok(outcomes)
}

/// What is remembered of each entry. Before there were outcomes, the response Bundle was kept, with an entry for each
/// that wrote.
fn remembered(text: &str, entries: &[Entry<'_>]) -> Result<Vec<Option<Remembered>>> {
    if !text.starts_with('{') {
        return serde_json::from_str(text).map_err(Error::fault);
    }
    let bundle = Document::parse(text)?;
    let mut answered = bundle.root().list("entry").filter_map(|entry| entry.get("response"));
    let mut all = Vec::with_capacity(entries.len());
    for entry in entries {
        if matches!(entry.ask, EntryRequest::Read(_) | EntryRequest::Nothing) {
            all.push(None);
            continue;
        }
        let response = answered.next().ok_or_else(|| Error::fault("an answer has too few entries"))?;
        let location = response.str("location").unwrap_or_default();
        let (resource, version) =
            location.split_once("/_history/").ok_or_else(|| Error::fault("an answer has no location"))?;
        all.push(Some(Remembered {
            resource: resource.to_owned(),
            version: version.parse().map_err(Error::fault)?,
            created: response.get("status").is_some_and(|status| status.is_str("201 Created")),
            issues: Vec::new(),
        }));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::referral::Read;

    fn entry(ask: EntryRequest) -> Entry<'static> {
        Entry { ask, full_url: None, resource: None, request: None }
    }

    #[test]
    fn an_answer_of_before_there_were_outcomes_is_remembered() {
        let text = r#"{"resourceType":"Bundle","type":"transaction-response","entry":[
            {"response":{"status":"201 Created","location":"Patient/1/_history/1","etag":"W/\"1\""}},
            {"response":{"status":"200 OK","location":"Task/2/_history/3","etag":"W/\"3\""}}]}"#;
        let create = || entry(EntryRequest::Create { if_none_exist: None });
        let get = || entry(EntryRequest::Read(Read::Resource { key: ResourceKey::new("Task", "2"), version: None }));
        let entries = [get(), create(), entry(EntryRequest::Nothing), create()];
        let told: Vec<_> = remembered(text, &entries)
            .unwrap()
            .into_iter()
            .map(|one| one.map(|one| (one.resource, one.version, one.created)))
            .collect();
        let patient = Some(("Patient/1".to_owned(), 1, true));
        assert_eq!(told, [None, patient, None, Some(("Task/2".to_owned(), 3, false))]);
        assert!(remembered(text, &[create(), create(), create()]).is_err());
        let now = r#"[null,{"resource":"Task/2","version":3,"created":false}]"#;
        assert_eq!(remembered(now, &[]).unwrap().len(), 2);
    }
}

//! What a file of cases says. See `fixtures/cases/exchange/README.md`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::Spanned;

/// A file of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CaseFile {
    /// Steps that are done before each case, and go well
    #[serde(default)]
    pub(super) given: Vec<CaseStep>,
    pub(super) cases: Vec<Spanned<Case>>,
}

/// One case: what is asked, and what has to come of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    /// What it shows, for people
    #[serde(rename = "case")]
    pub(super) title: String,
    /// More steps before it
    #[serde(default)]
    pub(super) given: Vec<CaseStep>,
    pub(super) step: CaseStep,
    /// What somebody else does between the building of the step's plan and its commit; in a poll, once it is known which
    /// referrals have something new
    pub(super) meanwhile: Option<CaseStep>,
    pub(super) expect: Expectation,
}

/// Something that a client asks for. One of the members behind `by` says what.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct CaseStep {
    /// A client of the demo, as `NAME`, or another client of the same organization, as `NAME/2`
    pub(super) by: String,
    /// Organizations that the client acts for beside its own
    #[serde(default)]
    pub(super) acts_for: Vec<String>,
    /// When it happens, and what follows
    pub(super) at: Option<String>,
    /// A transaction: the name of one of the demo, or a Bundle
    pub(super) send: Option<Value>,
    /// With `send`: merge patches of its resources, by type; null leaves the entry out
    #[serde(default)]
    pub(super) change: BTreeMap<String, Value>,
    /// With `send`: merge patches of the requests of its entries, by type
    #[serde(default)]
    pub(super) request: BTreeMap<String, Value>,
    /// With `send`: more entries
    #[serde(default)]
    pub(super) add: Vec<Value>,
    /// A new resource, alone
    pub(super) create: Option<Value>,
    pub(super) if_none_exist: Option<String>,
    /// A new version of stored resources: their names, each with a merge patch of what is stored
    pub(super) update: Option<BTreeMap<String, Value>>,
    /// An event on a referral
    pub(super) event: Option<Value>,
    /// A merge patch of a referral's record
    pub(super) record: Option<Value>,
    /// With `record`: put as changed from this version of it (`first` is the one that was first seen)
    pub(super) base: Option<String>,
    /// A sheet, as CSV text
    pub(super) sheet: Option<String>,
    /// The program type of the sheet
    pub(super) kind: Option<String>,
    /// With `sheet`: only say what would become of it
    #[serde(default)]
    pub(super) check: bool,
    /// What a program can take on
    pub(super) capacity: Option<Value>,
    /// With `capacity`: the program
    pub(super) program: Option<String>,
    /// What is new since the client's last poll
    #[serde(default)]
    pub(super) poll: bool,
    /// A resource by its name
    pub(super) read: Option<String>,
    /// The versions of a resource that the client is shown, by its name
    pub(super) history: Option<String>,
    /// The record of a referral, by the name of its Task
    pub(super) view: Option<String>,
    /// `Type?parameters`
    pub(super) search: Option<String>,
    /// With `event` and `record`: the Task, if it is not the first
    pub(super) of: Option<String>,
    /// The version that it is based on; the newest if nothing is said, none where it is 0
    pub(super) if_match: Option<u64>,
    /// The client's key for the request
    pub(super) key: Option<String>,
}

/// What has to come of a step. What is not named is not compared.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Expectation {
    /// It is refused, for these rules
    pub(super) refused: Option<Vec<String>>,
    /// Path of the first finding of a refusal
    pub(super) at: Option<String>,
    /// It goes well and nothing is committed
    #[serde(default)]
    pub(super) nothing: bool,
    /// The resources that are written, in order, each once a version
    pub(super) writes: Option<Vec<String>>,
    /// Who is the author of what was written
    #[serde(default)]
    pub(super) authors: BTreeMap<String, String>,
    /// What is true of resources as they then stand, in FHIRPath
    #[serde(default)]
    pub(super) has: BTreeMap<String, Vec<String>>,
    /// Who takes part in referrals, as `party organization`; `former party organization` where that has ended
    #[serde(default)]
    pub(super) parties: BTreeMap<String, Vec<String>>,
    /// The types that are shared through referrals, in order, each once
    #[serde(default)]
    pub(super) shares: BTreeMap<String, Vec<String>>,
    /// The organizations that have something new to read
    pub(super) feed: Option<Vec<String>>,
    /// What is remembered: actions, each with the beginning of its detail
    pub(super) audit: Option<Vec<String>>,
    /// Conditions of the commit, in words
    pub(super) guards: Option<Vec<String>>,
    /// Resources that clients can read then
    #[serde(default)]
    pub(super) sees: BTreeMap<String, Vec<String>>,
    /// Resources that clients cannot read then
    #[serde(default)]
    pub(super) sees_not: BTreeMap<String, Vec<String>>,
    /// What is true of resources as clients read them then, in FHIRPath
    #[serde(default)]
    pub(super) shows: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// Parts of the first referral's record as clients see it then, by JSON pointer; null where it has no such part
    #[serde(default)]
    pub(super) views: BTreeMap<String, BTreeMap<String, Value>>,
    /// The numbers of the versions of a history, newest first
    pub(super) versions: Option<Vec<u64>>,
    /// The records of a poll: `TASK STATE`, or `TASK withdrawn`
    pub(super) records: Option<Vec<String>>,
    /// The records of the poll that the same client makes then
    pub(super) next_records: Option<Vec<String>>,
    /// The names of what a search finds
    pub(super) found: Option<Vec<String>>,
    /// Parts of the answer, by JSON pointer
    #[serde(default)]
    pub(super) answer: BTreeMap<String, Value>,
    /// Rules of the remarks of the answer
    pub(super) remarks: Option<Vec<String>>,
}

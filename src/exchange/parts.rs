//! What the exchange is made of; `app` puts it together.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::limits::ContentLimits;
use crate::mapping::ProgramTypes;
use crate::profile::Checker;
use crate::routing::Rulebook;
use crate::security::consent::Policy;
use crate::store::index::SearchParameters;
use crate::store::{AuditLog, Feed, Resources, Store};
use crate::terminology::Terminology;

/// What time it is. Given to the exchange, so that tests decide.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Where ids come from. Given to the exchange, so that tests decide.
pub trait Ids: Send + Sync {
    /// A new id that was never given before.
    fn next(&self) -> String;
}

/// What the exchange is told about the house that it works in.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Does a missing consent block?
    pub consent: Policy,
    /// The URL under which FHIR is served, so that absolute references to it are known as local
    pub base: Option<String>,
    /// The profiles that every resource of a type has to meet which is sent: type to canonical URLs
    pub profiles: HashMap<String, Vec<String>>,
    /// How long an agency sees what changes of a referral that it completed
    pub retention: SignedDuration,
    /// What one request may ask for
    pub limits: ContentLimits,
}

/// Where everything is kept, by what it is used for.
#[derive(Clone)]
pub struct Stores {
    /// Resources, with who sees them
    pub resources: Arc<dyn Resources>,
    /// What organizations have to read
    pub feed: Arc<dyn Feed>,
    /// What is remembered of requests that changed nothing
    pub audit_log: Arc<dyn AuditLog>,
}

impl Stores {
    /// All of it in one.
    pub fn of(store: &Arc<dyn Store>) -> Self {
        Self { resources: store.clone(), feed: store.clone(), audit_log: store.clone() }
    }
}

/// The parts that an exchange is made of.
pub struct Parts {
    /// Where everything is kept
    pub stores: Stores,
    /// What payloads are checked with
    pub checker: Arc<Checker>,
    /// Who is asked about codes that the definitions at hand do not know
    pub terminology: Terminology,
    /// The program types and their maps
    pub programs: Arc<ProgramTypes>,
    /// The eligibility rules of program types
    pub rules: Arc<Rulebook>,
    /// What resources are found by
    pub parameters: Arc<SearchParameters>,
    /// What time it is
    pub clock: Arc<dyn Clock>,
    /// Where ids come from
    pub ids: Arc<dyn Ids>,
    /// The house
    pub settings: Settings,
}

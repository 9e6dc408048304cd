//! Eligibility: whether the person of a referral may have its program, rule by rule, for whoever may read the referral.
//!
//! The answer holds values of the person, of what the caller may read anyway. It is made anew for each question and is
//! nowhere stored, logged or audited.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::error::Result;
use crate::fhir::ResourceKey;
use crate::referral::{Referral, task_edits};
use crate::routing::{Facts, Rulebook, judge};
use crate::security::Caller;

use super::directory::CurrentDirectory;
use super::referrals::{Referrals, task_of};

/// What answers it.
pub(super) struct Eligibility {
    pub(super) referrals: Arc<Referrals>,
    pub(super) directory: Arc<CurrentDirectory>,
    pub(super) rules: Arc<Rulebook>,
}

impl Eligibility {
    /// The eligibility of the person for the program that the referral of this Task was routed to; for the type of its
    /// record, where it has no program of the directory.
    ///
    /// # Errors
    /// If the caller sees no such referral.
    pub(super) async fn of(&self, caller: &Caller, key: &ResourceKey, at: Timestamp) -> Result<Value> {
        let stored = self.referrals.referral(caller, key).await?;
        let task = task_of(&stored, key)?;
        let referral = Referral::read(&stored.graph, task)?;
        let directory = self.directory.get().await?;
        let kind = task_edits::program_type(task.node()).unwrap_or_default();
        let program = task_edits::program(task.node()).and_then(|id| directory.program(&id));
        let rules = program.map_or_else(|| self.rules.rules(&kind), |program| program.rules());
        let facts = Facts::of(&referral, self.rules.facts(), at);
        let mut value = judge(&facts, rules).to_value();
        value["referral"] = key.to_string().into();
        value["programType"] = program.map_or(kind, |program| program.kind().to_owned()).into();
        if let Some(program) = program {
            value["program"] = format!("HealthcareService/{}", program.id).into();
        }
        Ok(value)
    }
}

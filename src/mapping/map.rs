//! A compiled map and what it answers.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::fhir::Issue;
use crate::referral::Referral;

use super::fidelity::Fidelity;

/// A compiled map: a lens between the graph of a referral and the record of a program.
///
/// - get-put: putting back what was got changes nothing, byte for byte
/// - put-get: what was put is what is got
/// - put-put: putting twice is putting once
/// - merge: changes of different fields commute
#[derive(Debug)]
pub struct Map {}

/// A record, and what became of everything.
#[derive(Debug, Clone)]
pub struct Translation {
    /// The record
    pub record: Value,
    /// Codes that had no counterpart and passed as they were, and the like; never an error
    pub issues: Vec<Issue>,
    /// The totals, and the rows where they were asked for
    pub fidelity: Fidelity,
}

/// What a changed record changes. Empty where the record says what the graph says.
#[derive(Debug, Clone)]
pub struct Put {
    /// Resources of the graph that change
    pub changes: Vec<Change>,
    /// Resources that come into being; they are referenced by what changed
    pub created: Vec<Created>,
    /// What the record holds that FHIR has no place for; null where there is nothing
    pub extras: Value,
    /// Are the extras others than before?
    pub extras_changed: bool,
    /// What is worth knowing; never an error
    pub issues: Vec<Issue>,
    /// The totals, and the rows where they were asked for
    pub fidelity: Fidelity,
}

/// A resource of the graph that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// How the graph names it: `Task/7`
    pub url: String,
    /// The version that the change was made to
    pub version: u64,
    /// The whole resource; what did not change is there byte for byte
    pub json: String,
}

/// A resource that comes into being.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The resource type
    pub kind: String,
    /// Its id, from the caller's source of ids
    pub id: String,
    /// The whole resource
    pub json: String,
}

impl Map {
    /// The record of a referral. `extras` is what [`Put::extras`] was when the record was last put, null if never.
    pub fn get(&self, referral: &Referral<'_>, extras: &Value) -> Translation {
        let _ = (referral, extras);
        Translation { record: Value::Null, issues: Vec::new(), fidelity: Fidelity::default() }
    }

    /// What changes in the graph so that it says what `record` says. Only what differs from [`Map::get`] is written.
    ///
    /// # Errors
    /// If the record breaks its schema, or changes what belongs to the other side; all findings.
    pub fn put(
        &self,
        record: &Value,
        referral: &Referral<'_>,
        extras: &Value,
        ids: &mut dyn FnMut() -> String,
    ) -> Result<Put> {
        let _ = (record, referral, extras, ids);
        Err(Error::fault("not built yet"))
    }

    /// What changes when `item` is added to the list `name` of the record (`services`, `outcomes`) or becomes the object
    /// `name` (`enrollment`, `referral.appointment`), where its members are laid over those that are there.
    ///
    /// # Errors
    /// As [`Map::put`].
    pub fn add_item(
        &self,
        name: &str,
        item: &Value,
        referral: &Referral<'_>,
        extras: &Value,
        ids: &mut dyn FnMut() -> String,
    ) -> Result<Put> {
        let _ = (name, item, referral, extras, ids);
        Err(Error::fault("not built yet"))
    }

    /// The graph that a record tells of by itself, where there was none before.
    ///
    /// # Errors
    /// As [`Map::put`].
    pub fn make(&self, record: &Value, ids: &mut dyn FnMut() -> String) -> Result<Put> {
        let _ = (record, ids);
        Err(Error::fault("not built yet"))
    }
}

impl Put {
    /// Does nothing change, neither in the graph nor beside it?
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.created.is_empty() && !self.extras_changed
    }
}

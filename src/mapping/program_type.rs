//! A program type: what it is (`program.yaml`), what its record looks like, and the map that ties the record to FHIR.

use serde_json::Value;

use crate::fhir::Issue;

use super::about::About;
use super::map::Map;

/// One program type.
#[derive(Debug)]
pub struct ProgramType {
    /// Its name, which is its folder's: `supportive-housing`
    pub kind: String,
    /// Its name for people
    pub title: String,
    /// What such programs do
    pub description: String,
    /// The SDOHCC categories of need that it serves
    pub need_categories: Vec<String>,
    /// What else `program.yaml` says
    pub about: About,
    /// Between the graph of a referral and this program's record
    pub map: Map,
}

impl ProgramType {
    /// The JSON Schema (2020-12) of its record, complete in itself.
    pub fn schema_json(&self) -> &Value {
        self.map.schema().json()
    }

    /// What is wrong with a record by its schema; each issue's path is a JSON pointer into the record.
    pub fn check(&self, record: &Value) -> Vec<Issue> {
        self.map.schema().check(record)
    }
}

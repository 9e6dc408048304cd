//! What a gateway thinks with, compiled once: definitions, checks, program types, rules. It is the same whatever store
//! stands below it.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::SignedDuration;

use crate::definitions::Definitions;
use crate::error::Result;
use crate::exchange::{self, Clock, Exchange, Ids, Stores};
use crate::limits::ContentLimits;
use crate::mapping::ProgramTypes;
use crate::profile::{Amendments, Checker};
use crate::routing::Rulebook;
use crate::security::consent::Policy;
use crate::sheet::ColumnSets;
use crate::store::index::SearchParameters;
use crate::terminology::Terminology;

use super::Settings;

/// See the module head.
pub struct Engines {
    /// What payloads are checked with
    pub checker: Arc<Checker>,
    /// The program types
    pub programs: Arc<ProgramTypes>,
    /// The columns of their sheets
    pub sheets: Arc<ColumnSets>,
    /// What resources are found by
    pub parameters: Arc<SearchParameters>,
    rules: Arc<Rulebook>,
    terminology: Terminology,
    consent: Policy,
    base: Option<String>,
    profiles: HashMap<String, Vec<String>>,
    retention: SignedDuration,
    limits: ContentLimits,
}

impl Engines {
    /// Compiles what comes with the program, and what the settings name besides.
    ///
    /// # Errors
    /// If a package cannot be opened, or what comes with the program is damaged.
    pub fn load(settings: &Settings) -> Result<Self> {
        let definitions = Arc::new(settings.packages.load(&Definitions::shipped()?)?);
        let parameters = settings.search_parameters_of(&definitions)?;
        let checker = Arc::new(Checker::new(definitions.clone()).amended(Amendments::shipped()?));
        let types = settings.programs.files()?;
        let programs = Arc::new(types.programs(&definitions)?);
        let sheets = Arc::new(types.sheets(programs.iter(), programs.crosswalks())?);
        let rules = Arc::new(types.rules()?);
        rules.check(&*definitions)?;
        Ok(Self {
            checker,
            programs,
            sheets,
            parameters,
            rules,
            terminology: settings.terminology.as_ref().map_or(Ok(Terminology::none()), Terminology::of)?,
            consent: settings.consent,
            base: settings.fhir_base(),
            profiles: settings.profiles.resolve(&definitions)?,
            retention: settings.completed,
            limits: settings.limits.content,
        })
    }

    /// An exchange over these stores.
    ///
    /// # Errors
    /// If the directory in the store cannot be used.
    pub async fn exchange(&self, stores: Stores, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Result<Exchange> {
        let parts = exchange::Parts {
            stores,
            checker: self.checker.clone(),
            terminology: self.terminology.clone(),
            programs: self.programs.clone(),
            rules: self.rules.clone(),
            parameters: self.parameters.clone(),
            clock,
            ids,
            settings: exchange::Settings {
                consent: self.consent,
                base: self.base.clone(),
                profiles: self.profiles.clone(),
                retention: self.retention,
                limits: self.limits,
            },
        };
        Exchange::new(parts).await
    }
}

//! A check of a resource as it is stored.

use crate::error::Result;
use crate::exchange::Exchange;
use crate::fhir::{Issue, Key, ResourceKey};
use crate::server::unserved::NO_DELETE;
use crate::store::Stored;

use super::content::check_content;
use super::refusal::{absent, misplaced};
use super::request::{Mode, ValidateRequest};

/// What is asked about which resource.
#[derive(Debug)]
pub(in crate::fhir_api) struct StoredValidation {
    pub(in crate::fhir_api) key: ResourceKey,
    mode: Mode,
    profiles: Vec<String>,
}

impl StoredValidation {
    /// What a GET asks for.
    ///
    /// # Errors
    /// For a parameter that the operation does not have, and for a mode that is not asked of what is stored.
    pub(in crate::fhir_api) fn read(key: ResourceKey, query: Option<&str>) -> Result<Self> {
        Self::new(key, &ValidateRequest::read(None, query)?)
    }

    pub(super) fn new(key: ResourceKey, request: &ValidateRequest<'_>) -> Result<Self> {
        match request.mode {
            Mode::Create => Err(misplaced(Mode::Create, "the type, as in POST [base]/Task/$validate")),
            Mode::Update => Err(absent("resource")),
            Mode::Profile if request.profiles.is_empty() => Err(absent("profile")),
            Mode::Delete | Mode::General | Mode::Profile => {
                Ok(Self { key, mode: request.mode, profiles: request.profiles.clone() })
            }
        }
    }

    /// What there is to say about the resource.
    pub(in crate::fhir_api) async fn issues(&self, exchange: &Exchange, stored: &Stored) -> Vec<Issue> {
        if self.mode == Mode::Delete {
            return vec![Issue::error(Key::NotSupported, "", NO_DELETE)];
        }
        check_content(exchange, None, &self.profiles, stored.document.root()).await
    }
}

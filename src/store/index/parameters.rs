//! The search parameters that are served, and the entries that they make of a resource.

use std::collections::{BTreeMap, HashMap};

use crate::definitions::Definitions;
use crate::error::{Error, Result};
use crate::fhir::Node;
use crate::fhirpath::{Context, Item};

use super::entry::IndexEntry;
use super::parameter::Parameter;
use super::{served, values};

/// The search parameters that are served, each with what it looks at. Made once, when the gateway starts.
#[derive(Debug)]
pub struct SearchParameters {
    parameters: Vec<Parameter>,
    /// By resource type; within a type by code
    types: HashMap<String, Vec<u16>>,
    base: Option<String>,
}

impl SearchParameters {
    /// Compiles the parameters that the gateway ships with.
    ///
    /// # Errors
    /// Everything that is wrong with the list: a fault of this program, or of a package that shadows R4's own.
    pub fn shipped(definitions: &Definitions) -> Result<Self> {
        Self::compile(definitions, served::SHIPPED_FILE, served::SHIPPED)
    }

    /// Compiles the parameters that a list names; `file` is what findings call it.
    ///
    /// # Errors
    /// Everything that is wrong with the list, with file, line and column.
    pub fn compile(definitions: &Definitions, file: &str, text: &str) -> Result<Self> {
        Ok(Self::numbered(served::compile(definitions, file, text)?))
    }

    /// Numbers the parameters in alphabetical order of type and code.
    fn numbered(found: BTreeMap<(String, String), Parameter>) -> Self {
        let mut types: HashMap<String, Vec<u16>> = HashMap::new();
        for (number, (resource_type, _)) in found.keys().enumerate() {
            types.entry(resource_type.clone()).or_default().push(number as u16);
        }
        Self { parameters: found.into_values().collect(), types, base: None }
    }

    /// Reads absolute references that begin with `base` as references to this server.
    #[must_use]
    pub fn with_base(mut self, base: impl Into<String>) -> Self {
        self.base = Some(base.into());
        self
    }

    /// What absolute references to this server begin with.
    pub fn base(&self) -> Option<&str> {
        self.base.as_deref()
    }

    /// The parameter with this number.
    pub fn parameter(&self, number: u16) -> Option<&Parameter> {
        self.parameters.get(usize::from(number))
    }

    /// The parameter of a type by its code, with its number.
    pub fn find(&self, resource_type: &str, code: &str) -> Option<(u16, &Parameter)> {
        self.of_type(resource_type).find(|(_, parameter)| parameter.code == code)
    }

    /// The parameters of a type, in alphabetical order, with their numbers.
    pub fn of_type(&self, resource_type: &str) -> impl Iterator<Item = (u16, &Parameter)> {
        let numbers = self.types.get(resource_type).map_or(&[][..], Vec::as_slice);
        numbers.iter().filter_map(|number| Some((*number, self.parameter(*number)?)))
    }

    /// What the index depends on, in short: an index made with another fingerprint has to be made anew. Under which URL FHIR
    /// is served is not of it: see [`SearchParameters::entries_at`].
    pub fn fingerprint(&self) -> String {
        self.digest("")
    }

    /// The fingerprint as it was while it depended on the URL.
    pub fn fingerprint_at_base(&self) -> String {
        self.digest(self.base().unwrap_or_default())
    }

    fn digest(&self, base: &str) -> String {
        use sha2::{Digest, Sha256};
        use std::fmt::Write;
        let mut digest = Sha256::new();
        // Raised when entries are made differently from the same parameters.
        digest.update("entries 2\n");
        for parameter in &self.parameters {
            digest.update(format!("{parameter} {:?} {:?}", parameter.kind, parameter.system));
            parameter.places.iter().for_each(|place| digest.update(format!(" {place}")));
            digest.update("\n");
        }
        digest.update(base);
        let mut text = String::with_capacity(32);
        for byte in digest.finalize().iter().take(16) {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// Everything that a resource is found by, each entry once.
    ///
    /// # Errors
    /// Where an expression meets data that it has no meaning for; no expression of R4 does.
    pub fn entries(&self, resource: Node<'_>) -> Result<Vec<IndexEntry>> {
        self.entries_at(resource, self.base.as_slice())
    }

    /// The same, where absolute references that begin with any of these are references to this server.
    ///
    /// # Errors
    /// As [`SearchParameters::entries`].
    pub fn entries_at(&self, resource: Node<'_>, bases: &[String]) -> Result<Vec<IndexEntry>> {
        let Some(resource_type) = resource.str("resourceType") else { return Ok(Vec::new()) };
        let Some(numbers) = self.types.get(&*resource_type) else { return Ok(Vec::new()) };
        let context = Context::new(resource);
        let mut entries = Vec::with_capacity(numbers.len() + 4);
        for number in numbers {
            let Some(parameter) = self.parameter(*number) else { continue };
            let from = entries.len();
            for place in &parameter.places {
                let mut push = |item: &Item<'_>| {
                    values::push(parameter, bases, item, &mut |value| {
                        let entry = IndexEntry { parameter: *number, value };
                        if !entries[from..].contains(&entry) {
                            entries.push(entry);
                        }
                    });
                };
                let found = place.each(&context, resource, &mut push);
                found.map_err(|issue| Error::unprocessable(vec![*issue]))?;
            }
        }
        Ok(entries)
    }
}

//! The definitions that are ours: everything under `profiles/handoff/` that is a FHIR resource. They come with the
//! program and are at hand wherever R4 core is. So is the CodeSystem of findings, which is made of their table.

use super::loaded::Definitions;
use super::package::Package;
use crate::error::{Error, Result};
use crate::fhir::authored::code_system;
use crate::fhir::{Issue, Key};
use crate::shipped;

/// Where our own definitions stand.
pub const FOLDER: &str = "profiles/handoff/";

/// Where the code system of findings would stand, if it were a file.
const ISSUE_CODE_SYSTEM: &str = "profiles/handoff/CodeSystem-issue.json";

/// What the canonical URLs of our own definitions begin with.
pub const OWN_URL: &str = "urn:handoff:fhir:";

impl Definitions {
    /// FHIR R4 core and our own definitions: what is at hand without any package.
    ///
    /// # Errors
    /// A fault, if what comes with the program is damaged; every finding about a definition of ours, with its file.
    pub fn shipped() -> Result<Self> {
        let issue_code_system = issue_code_system()?;
        Self::r4()?
            .with_own(shipped::files().iter().copied().chain([(ISSUE_CODE_SYSTEM, issue_code_system.as_bytes())]))
    }

    /// These definitions and those of ours among `files` (path and bytes).
    ///
    /// # Errors
    /// Every finding, with its file: a definition that cannot be used, or one with a URL that is not ours.
    pub fn with_own<'f>(&self, files: impl IntoIterator<Item = (&'f str, &'f [u8])>) -> Result<Self> {
        let mut package = Package::named("handoff", env!("CARGO_PKG_VERSION"));
        for (path, bytes) in own_resources(files) {
            package.add_file(path, bytes);
        }
        let foreign = package.definitions.iter().filter(|definition| !definition.url.starts_with(OWN_URL));
        let message = |url: &str| format!("the URL of a definition of ours begins with {OWN_URL}, not {url}");
        let foreign = foreign.map(|definition| Issue::error(Key::DefinitionInvalid, "", message(&definition.url)));
        let issues: Vec<Issue> =
            foreign.collect::<Vec<_>>().into_iter().chain(std::mem::take(&mut package.issues)).collect();
        if issues.is_empty() { Ok(self.with(package)) } else { Err(Error::unprocessable(issues)) }
    }
}

/// The code system of findings.
///
/// # Errors
/// A fault, should it not be complete.
pub fn issue_code_system() -> Result<String> {
    code_system::issues_to_text()
}

/// The resources among files of ours.
pub fn own_resources<'f>(
    files: impl IntoIterator<Item = (&'f str, &'f [u8])>,
) -> impl Iterator<Item = (&'f str, &'f [u8])> {
    let is_json = |path: &str| std::path::Path::new(path).extension().is_some_and(|it| it == "json");
    files.into_iter().filter(move |(path, _)| path.starts_with(FOLDER) && is_json(path))
}

/// The types of our definitions. They come with the program, and nobody sends others.
pub const KINDS: &[&str] = &["StructureDefinition", "ValueSet", "CodeSystem"];

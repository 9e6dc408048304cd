//! What a request asks for by its code: a type of program (`requestCodes` of `TYPE/program.yaml`) or somebody in a role of the
//! care team (`crosswalks/request-code-role.yaml`); section 6.3 of the facts.
//!
//! It reads no more of those files than that; what else they say is checked where it is used.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::fhir::Node;
use crate::yaml;

/// The CodeSystem of roles in a care team.
pub const TEAM_ROLES: &str = "urn:handoff:fhir:CodeSystem:care-team-role";

/// Codes of requests, and what they ask for.
#[derive(Debug, Clone, Default)]
pub struct RequestedServices {
    /// By system and code
    codes: HashMap<(String, String), ServiceRequirements>,
}

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceRequirements {
    /// Types of programs
    pub types: Vec<String>,
    /// Roles in the care team
    pub roles: Vec<String>,
}

/// As much of `program.yaml` as is read here.
#[derive(Deserialize)]
struct ProgramFile {
    program: String,
    #[serde(default, rename = "requestCodes")]
    request_codes: Vec<Code>,
}

#[derive(Deserialize)]
struct Code {
    system: String,
    code: String,
}

/// As much of the crosswalk as is read here.
#[derive(Deserialize)]
struct RoleFile {
    source: System,
    codes: Vec<Row>,
}

#[derive(Deserialize)]
struct System {
    system: String,
}

#[derive(Deserialize)]
struct Row {
    source: String,
    target: String,
}

impl RequestedServices {
    /// The codes in these files (path and bytes); of two for the same the later counts.
    pub(super) fn load<'f>(files: impl IntoIterator<Item = (&'f str, &'f [u8])>) -> Result<Self> {
        let mut programs: BTreeMap<String, ProgramFile> = BTreeMap::new();
        let mut roles: Option<RoleFile> = None;
        let mut issues = Vec::new();
        for (file, bytes) in files {
            if file.ends_with("/program.yaml") {
                match yaml::read::<ProgramFile>(file, bytes) {
                    Ok(read) => {
                        programs.insert(read.program.clone(), read);
                    }
                    Err(issue) => issues.push(*issue),
                }
            } else if file.ends_with("crosswalks/request-code-role.yaml") {
                match yaml::read(file, bytes) {
                    Ok(read) => roles = Some(read),
                    Err(issue) => issues.push(*issue),
                }
            }
        }
        if !issues.is_empty() {
            return Err(Error::unprocessable(issues));
        }
        let mut asked = Self::default();
        for (kind, program) in programs {
            for code in program.request_codes {
                asked.codes.entry((code.system, code.code)).or_default().types.push(kind.clone());
            }
        }
        if let Some(file) = roles {
            for row in file.codes {
                asked.codes.entry((file.source.system.clone(), row.source)).or_default().roles.push(row.target);
            }
        }
        Ok(asked)
    }

    /// What a request asks for by its code.
    pub fn of(&self, request: Node<'_>) -> ServiceRequirements {
        let mut wanted = ServiceRequirements::default();
        for coding in request.get("code").into_iter().flat_map(|code| code.list("coding")) {
            let (Some(system), Some(code)) = (coding.str("system"), coding.str("code")) else { continue };
            if let Some(found) = self.codes.get(&(system.into_owned(), code.into_owned())) {
                wanted.types.extend(
                    found.types.iter().filter(|kind| !wanted.types.contains(kind)).cloned().collect::<Vec<_>>(),
                );
                wanted.roles.extend(
                    found.roles.iter().filter(|role| !wanted.roles.contains(role)).cloned().collect::<Vec<_>>(),
                );
            }
        }
        wanted
    }
}

impl ServiceRequirements {
    /// Is nothing asked for that is known?
    pub fn is_empty(&self) -> bool {
        self.types.is_empty() && self.roles.is_empty()
    }
}

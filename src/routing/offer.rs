//! What a program offers, to whom and where. Programs that offer the same share one, and are judged once.

use std::sync::Arc;

use super::area::Area;
use super::asked::ServiceRequirements;
use super::rule::Rule;

/// What a program is for.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Purpose {
    /// SDOHCC category codes of the needs that it helps with
    pub needs: Vec<Arc<str>>,
    /// Code of its type: the folder under `profiles/programs/`
    pub kind: Arc<str>,
    /// The roles of the care team that it offers
    pub roles: Vec<Arc<str>>,
}

/// What a program offers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offer {
    /// What it is for
    pub purpose: Arc<Purpose>,
    /// Where it serves
    pub area: Area,
    /// Who is eligible: its own rules, and those of its type about other criteria
    pub rules: Vec<Arc<Rule>>,
}

impl Purpose {
    /// Is it what a request asks for: of that type, or with somebody in that role?
    pub fn is_asked_for(&self, wanted: &ServiceRequirements) -> bool {
        wanted.types.iter().any(|kind| **kind == *self.kind)
            || wanted.roles.iter().any(|role| self.roles.iter().any(|ours| **ours == **role))
    }

    /// With how many of these needs does it help?
    pub fn covers(&self, needs: &[impl AsRef<str>]) -> usize {
        needs.iter().filter(|need| self.needs.iter().any(|ours| **ours == *need.as_ref())).count()
    }
}

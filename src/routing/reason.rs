//! Why a program was kept, dropped or chosen: a code for programs, a sentence for people. Sentences are made when somebody
//! reads them, and say rules and what was read, never what a person's data is.

use std::fmt;
use std::sync::Arc;

use super::area::Reach;
use super::program::Capacity;
use super::rule::{Rule, Strength};
use crate::fhir::Truth;

/// One reason, of a candidate or of the whole decision.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    // --- of a candidate
    /// Helps with so many of the needs asked for
    NeedOffered {
        /// How many it helps with
        covered: u8,
        /// How many are asked for
        of: u8,
    },
    /// Helps with none of the needs asked for
    NeedNotOffered,
    /// The ServiceRequest names it, or its organization, as performer
    Preferred,
    /// The code of the ServiceRequest asks for such a program, or for somebody whom it offers
    AskedFor,
    /// Does not run
    Inactive,
    /// Serves the person's address
    InArea(Reach),
    /// Does not serve the person's address
    OutOfArea,
    /// The address or the area does not say enough
    AreaUnknown,
    /// What it can take
    Capacity(Capacity),
    /// What came of an eligibility rule
    Rule(Arc<Rule>, Truth),

    // --- of the decision
    /// Task.owner names the organization
    OwnerNamed,
    /// Task.owner names the program
    ProgramNamed,
    /// The owner has no program in the directory
    OwnerWithoutProgram,
    /// The rules would have dropped the owner's program
    RulesSetAside,
    /// The best of those that fit
    BestOfFitting,
    /// The request names no need
    NeedUnknown,
    /// No program helps with the need, or is what is asked for
    NothingOffered,
    /// Programs help with the need, and none of them fits
    NobodyFits,
    /// A performer that the directory does not know
    PerformerUnknown,
}

impl Reason {
    /// The code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NeedOffered { .. } => "need-offered",
            Self::NeedNotOffered => "need-not-offered",
            Self::Preferred => "preferred",
            Self::AskedFor => "asked-for",
            Self::Inactive => "inactive",
            Self::InArea(_) => "in-area",
            Self::OutOfArea => "out-of-area",
            Self::AreaUnknown => "area-unknown",
            Self::Capacity(Capacity::Free) => "has-capacity",
            Self::Capacity(Capacity::AssessmentRequired) => "assessment-required",
            Self::Capacity(Capacity::Waitlist) => "waitlist",
            Self::Capacity(Capacity::Full) => "no-capacity",
            Self::Capacity(Capacity::Unknown) => "capacity-unknown",
            Self::Rule(_, Truth::Yes) => "eligible",
            Self::Rule(_, Truth::Unknown) => "eligibility-unknown",
            Self::Rule(rule, Truth::No) => match rule.strength {
                Strength::Required => "ineligible",
                Strength::Preferred => "not-preferred",
            },
            Self::OwnerNamed => "owner-named",
            Self::ProgramNamed => "program-named",
            Self::OwnerWithoutProgram => "owner-without-program",
            Self::RulesSetAside => "rules-set-aside",
            Self::BestOfFitting => "best-of-fitting",
            Self::NeedUnknown => "need-unknown",
            Self::NothingOffered => "nothing-offered",
            Self::NobodyFits => "nobody-fits",
            Self::PerformerUnknown => "performer-unknown",
        }
    }

    /// Does it keep a program from being chosen?
    pub fn excludes(&self) -> bool {
        match self {
            Self::NeedNotOffered | Self::Inactive | Self::OutOfArea | Self::Capacity(Capacity::Full) => true,
            Self::Rule(rule, Truth::No) => rule.strength == Strength::Required,
            _ => false,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NeedOffered { covered, of } if of > covered => {
                return write!(f, "helps with {covered} of the {of} needs asked for");
            }
            Self::Rule(rule, answer) => return rule.explain(*answer, f),
            Self::NeedOffered { .. } => "helps with the need",
            Self::NeedNotOffered => "does not help with the need",
            Self::Preferred => "named as performer in the request",
            Self::AskedFor => "is what the request's code asks for",
            Self::Inactive => "the program or its organization is not active",
            Self::InArea(Reach::Anywhere) => "serves everywhere",
            Self::InArea(Reach::State) => "serves the state of the current address",
            Self::InArea(Reach::County) => "serves the county of the current address",
            Self::InArea(Reach::Zip) => "serves the ZIP code of the current address",
            Self::OutOfArea => "the current address is outside the service area",
            Self::AreaUnknown => {
                "the current address or the service area does not say enough to tell whether it is served"
            }
            Self::Capacity(Capacity::Free) => "has capacity",
            Self::Capacity(Capacity::AssessmentRequired) => "takes people after an assessment",
            Self::Capacity(Capacity::Waitlist) => "has a waiting list",
            Self::Capacity(Capacity::Full) => "has no capacity",
            Self::Capacity(Capacity::Unknown) => "does not say whether it has capacity",
            Self::OwnerNamed => "the Task names this organization as its owner",
            Self::ProgramNamed => "the Task names this program as its owner",
            Self::OwnerWithoutProgram => "the owner has no program in the directory, so the generic record is used",
            Self::RulesSetAside => "the owner's program would not have been chosen by its rules; the owner decides",
            Self::BestOfFitting => "the best of the programs that fit",
            Self::NeedUnknown => {
                "neither the request's categories nor its Conditions name a need of the SDOHCC categories, and its code asks \
                 for no type of program"
            }
            Self::NothingOffered => "no program of the directory helps with this need",
            Self::NobodyFits => "programs help with this need, and none of them fits",
            Self::PerformerUnknown => "the performer that the request names is not in the directory",
        })
    }
}

//! Layer 2: who should get a referral, and why. A directory of organizations and programs, compiled once from FHIR
//! resources; eligibility with three answers, yes, no and unknown; a decision that carries its whole trail.
//!
//! Pure: the time is passed in. It must not know maps, stores, callers or consent.

pub mod area;
pub mod asked;
mod assessment;
pub mod comparison;
pub mod comparison_check;
pub mod criterion;
pub mod decision;
pub mod directory;
pub mod eligibility;
pub mod facts;
pub mod offer;
pub mod organization;
pub mod program;
mod program_rules;
pub mod reason;
pub mod rule;
pub mod rulebook;
mod search;
mod shared_map;
mod trail;

pub use assessment::Fit;
pub use decision::{Candidate, Decision, decide};
pub use directory::Directory;
pub use directory::update::DirectoryUpdate;
pub use eligibility::{Eligibility, judge};
pub use facts::{FactBook, Facts};
pub use offer::{Offer, Purpose};
pub use organization::Organization;
pub use program::{Capacity, Program, Standing};
pub use reason::Reason;
pub use rulebook::Rulebook;
pub use search::MAX_CANDIDATES;
pub use trail::trail_value;

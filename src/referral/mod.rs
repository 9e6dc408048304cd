//! Layer 1: the domain. A referral is a ServiceRequest, the Task that carries it, and what they reference; it moves
//! through the states of one table; what a step will commit is a `Plan`.
//!
//! Pure: time and ids are passed in. It must not know profiles, programs, stores or callers.

pub mod care_plan;
pub mod claim;
pub mod consent_rule;
pub mod graph;
pub mod kept_types;
pub mod modifiers;
pub mod party;
pub mod plan;
pub mod read;
pub mod reason;
pub mod scope;
pub mod source_status;
pub mod state;
pub mod task;
pub mod task_edits;
pub mod task_step;
pub mod vocabulary;
pub mod withheld;

pub use graph::{Graph, History, Resource};
pub use party::Party;
pub use plan::Plan;
pub use read::{Read, VersionRange};
pub use scope::Scope;
pub use source_status::SourceStatus;
pub use state::{Actor, Event, Position, State, TaskStatus};
pub use task::{Referral, is_referral_task};
pub use vocabulary::{Vocabularies, Vocabulary};
pub use withheld::{HiddenElement, Withheld};

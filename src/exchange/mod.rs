//! Layer 4: a message's way in, back and out. **Read this first.**
//!
//! - `step`: every change goes through [`step::Steps::run`]: build a plan from what is stored, add what follows for other
//!   referrals (`consequences`) and who has to read it (`owed`), commit.
//! - `intake` builds the plan of everything that is sent; `raise_event` that of an event; `write_record` and `sheet` those
//!   of what agencies write in their own kind of document; `capacity` that of a program.
//! - `renewal`: a change of what very many referrals share is brought to them in groups, each a step of its own.
//! - `audit` says what is remembered of a change, in its commit; `audit_trail` what is of reads and refusals.
//! - `poll`, `referrals`: what an agency gets to see of it; `eligibility`: whether the person may have the program.
//!
//! Nothing here opens a socket or writes SQL. Clock and ids are given to it.

mod audit;
mod audit_trail;
mod bundle;
mod capacity;
mod check;
mod conditional_reference;
mod consent;
mod consequences;
mod contained;
mod context;
mod directory;
mod disclosure;
mod disposition;
mod draft;
mod eligibility;
mod entry_error;
mod event_message;
mod feed_position;
mod idempotency;
mod intake;
mod load_context;
mod message;
mod narrative_links;
mod outcome;
mod owed;
mod poll;
mod raise_event;
mod record;
mod referrals;
mod refusals;
mod remarks;
mod renewal;
mod report;
mod rights;
mod set_parts;
mod sheet;
mod size;
mod source_status;
mod stale;
mod step;
mod task_change;
mod timeline;
mod write_record;
mod write_target;
mod written_move;

mod parts;
mod service;

pub use audit_trail::AuditTrail;
pub use bundle::EntryAnswer;
pub use directory::{DirectoryWork, compile_directory};
pub use idempotency::RepeatKey;
pub use message::{Entry, EntryRequest, Message};
pub use outcome::Outcome;
pub use parts::{Clock, Ids, Parts, Settings, Stores};
pub use poll::{ChangedRecord, PollSize, Records};
pub use record::{Base, Record};
pub use remarks::Remarks;
pub use service::Exchange;
pub use set_parts::{CountingIds, SetClock};
pub use sheet::{SentSheet, SheetReport};

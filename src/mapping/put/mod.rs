//! Record to graph: what the record says otherwise than the graph is written, and nothing else.
//!
//! ```text
//! field       one field: compared, converted, written
//! list        the items of a list: matched by key, added, changed, removed
//! ownership   what is somebody else's: copied before it is changed; and what of a list is whose
//! record      the record and its objects, member by member
//! resource    the resources: found or created, linked, filled, written out
//! writer      what is open while a record is written
//! ```

mod field;
mod list;
mod ownership;
mod record;
mod resource;
mod writer;

pub(super) use record::WriteOutcome;
pub(super) use writer::{Mode, Writer};

//! Layer 2: maps. One declaration ties the graph of a referral to the record of a program, in both directions, and
//! loses nothing (see [`Map`] for the laws). Below is what can be written in the files of a program type.
//!
//! ```text
//! map              what a map answers: get, put, merge, create
//! program_types    the program types at hand; program_type_files: their folders; program_file, about: what program.yaml says
//! compile          from the files of a map to the model
//! model            the compiled map, as data
//! node_search      finds the nodes of a map in a graph; path_tree: what is read of each; locate: what one path means
//! get compute      graph to record
//! put              record to graph; draft: changes to a resource; graph_update: what comes of it
//! converter        between values of a record and of a resource; crosswalk: between codes
//! fidelity         what became of every value and element
//! ```
//!
//! Pure: files come in as bytes, ids from the caller; no clock, no store. It must not know who is asking, or why.
//!
#![doc = include_str!("../../profiles/programs/README.md")]

mod about;
mod compile;
mod compute;
mod contained_reference;
mod converter;
pub mod crosswalk;
mod describe;
mod draft;
pub mod extras;
pub mod fidelity;
mod get;
mod graph_update;
mod json_writer;
mod locate;
mod map;
mod merge;
mod model;
mod node_search;
mod node_set;
mod path;
mod path_tree;
mod program_file;
mod program_type;
mod program_type_files;
mod program_types;
mod put;
mod schema;
mod source;
mod withholding;

pub use about::{About, Closure, Privacy, RequestCode, ReviewKind, Role, Term};
pub use crosswalk::{Crosswalk, Equivalence};
pub use describe::FieldDescription;
pub use fidelity::Fidelity;
pub use graph_update::{Change, Created, Detail, GraphUpdate};
pub use map::{Map, Translation};
pub use model::WithheldElement;
pub use program_type::ProgramType;
pub use program_type_files::{GENERIC, ProgramTypeFiles};
pub use program_types::ProgramTypes;
pub use schema::RecordSchema;

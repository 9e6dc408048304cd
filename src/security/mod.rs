//! Layer 3: who may what. Clients and their tokens, the caller of a request, consent.
//!
//! Secrets are kept hashed. It must not know SQL or sockets.

pub mod caller;
pub mod consent;
mod provision;

pub use caller::{Caller, Role};

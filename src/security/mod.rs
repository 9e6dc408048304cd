//! Layer 3: who may what. Clients and their tokens, the caller of a request, consent.
//!
//! Secrets are kept hashed. It must not know SQL or sockets.

pub mod caller;
pub mod clients;
mod condition;
pub mod consent;
mod disclosure;
mod fingerprint;
mod provision;
mod recipient;
pub mod token;

pub use caller::{Caller, RefusalMark, Role};
pub use clients::{Client, Clients};
pub use consent::{ConsentDecision, Policy, permits};
pub use disclosure::Recipient;
pub use fingerprint::Fingerprint;

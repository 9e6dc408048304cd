//! Layer 3: who may what. Clients and their tokens, the caller of a request, consent.
//!
//! Secrets are kept hashed. It must not know SQL or sockets.

pub mod caller;
<<<<<<< HEAD
pub mod clients;
pub mod token;

pub use caller::{Caller, Role};
pub use clients::{Client, Clients};
=======
pub mod consent;
mod provision;

pub use caller::{Caller, Role};
pub use consent::{ConsentPolicy, Recipient, Verdict, permits};
>>>>>>> h-route

//! TLS (<https://www.rfc-editor.org/rfc/rfc8446>): what is spoken with ([`TlsConfig`], read from PEM files), what is spoken
//! with at the moment ([`Tls`]), and how a connection begins ([`handshake`]).
//!
//! It must not know where the files lie or when they change.

mod config;
mod current;
pub(super) mod handshake;
mod validity;

pub use config::{PemFile, PemFiles, TlsConfig, first_certificate};
pub use current::Tls;

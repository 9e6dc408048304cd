//! Where a request comes from: the other side of its connection, and whom that speaks for.

use std::net::{IpAddr, Ipv4Addr};

use axum::http::{Extensions, HeaderValue};

use crate::security::Fingerprint;

/// The other side of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    pub(super) address: IpAddr,
    /// Is the connection encrypted?
    pub(super) is_tls: bool,
    /// The certificate that it showed
    pub(super) certificate: Option<Fingerprint>,
}

/// Where a request comes from.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    /// The address of the client
    pub(super) address: IpAddr,
    /// Did the client ask over TLS?
    pub(super) is_tls: bool,
    /// The host that the client asked, where a proxy tells
    pub(super) host: Option<HeaderValue>,
    /// The certificate that was shown on the connection
    pub(super) certificate: Option<Fingerprint>,
}

impl Origin {
    /// Of a request that came over no connection.
    const UNKNOWN: Self =
        Self { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), is_tls: false, host: None, certificate: None };

    /// That of a request with these extensions.
    pub(super) fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or(Self::UNKNOWN)
    }
}

impl From<Peer> for Origin {
    /// The peer speaks for itself.
    fn from(peer: Peer) -> Self {
        let Peer { address, is_tls, certificate } = peer;
        Self { address, is_tls, host: None, certificate }
    }
}

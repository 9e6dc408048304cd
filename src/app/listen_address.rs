//! Where is listened: an IP address or the name of a host, with a port. A name may stand for several addresses, and all of
//! them are listened on.

use std::fmt;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use serde::Deserialize;
use tokio::net::TcpListener;

use crate::error::{Error, Result};

/// The longest name of a host (<https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4>).
const MAX_NAME: usize = 253;

/// See the module head.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ListenAddress {
    host: Host,
    port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Address(IpAddr),
    Name(String),
}

impl ListenAddress {
    /// The same host at another port: the one that the system picked, where 0 was asked for.
    #[must_use]
    pub fn at_port(&self, port: u16) -> Self {
        Self { host: self.host.clone(), port }
    }

    /// Can it be reached under this address? Not where it is every address of the machine.
    pub fn is_specified(&self) -> bool {
        match &self.host {
            Host::Address(address) => !address.is_unspecified(),
            Host::Name(_) => true,
        }
    }

    /// The addresses that it stands for.
    ///
    /// # Errors
    /// A name that is not known here.
    pub fn resolve(&self) -> Result<Vec<SocketAddr>> {
        let name = match &self.host {
            Host::Address(address) => return Ok(vec![SocketAddr::new(*address, self.port)]),
            Host::Name(name) => name,
        };
        let unknown = |why: &dyn fmt::Display| {
            Error::unreachable(format!("cannot listen on {self}: no address is found for the name {name}: {why}"))
        };
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for address in (name.as_str(), self.port).to_socket_addrs().map_err(|error| unknown(&error))? {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        if addresses.is_empty() { Err(unknown(&"the answer is empty")) } else { Ok(addresses) }
    }

    /// Listens there: on every address of the name that this machine has, all at one port.
    ///
    /// # Errors
    /// A name that is not known, an address that somebody else listens on, and a name none of whose addresses is this
    /// machine's.
    pub async fn bind(&self) -> Result<Vec<(TcpListener, SocketAddr)>> {
        let mut bound: Vec<(TcpListener, SocketAddr)> = Vec::new();
        let mut unusable = Vec::new();
        let addresses = self.resolve()?;
        for mut address in addresses.iter().copied() {
            if let Some((_, first)) = bound.first() {
                address.set_port(first.port());
            }
            let listened = TcpListener::bind(address).await;
            match listened.and_then(|listener| listener.local_addr().map(|address| (listener, address))) {
                Ok(listening) => bound.push(listening),
                Err(error) if addresses.len() > 1 && is_absent(&error) => unusable.push((address, error)),
                Err(error) => return Err(self.unusable(address, &error)),
            }
        }
        match (bound.is_empty(), unusable.first()) {
            (true, Some((address, error))) => return Err(self.unusable(*address, error)),
            (false, _) => {
                for (address, error) in &unusable {
                    tracing::warn!(%address, %error, "an address of the name that is listened on cannot be used");
                }
            }
            (true, None) => {}
        }
        Ok(bound)
    }

    /// The port that is asked for; 0 for any.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn unusable(&self, address: SocketAddr, error: &std::io::Error) -> Error {
        let holder =
            if error.kind() == std::io::ErrorKind::AddrInUse { ", perhaps by a gateway that runs" } else { "" };
        let of_name = match self.host {
            Host::Address(_) => String::new(),
            Host::Name(_) => format!(" ({address})"),
        };
        Error::unreachable(format!("cannot listen on {self}{of_name}: {error}{holder}"))
    }
}

/// Does this machine not have the address, or no addresses of its kind?
fn is_absent(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{AddrInUse, PermissionDenied};
    !matches!(error.kind(), AddrInUse | PermissionDenied)
}

impl From<SocketAddr> for ListenAddress {
    fn from(address: SocketAddr) -> Self {
        Self { host: Host::Address(address.ip()), port: address.port() }
    }
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(address.into());
        }
        let expected = || {
            format!(
                "\"{text}\" is no address with a port; expected an IP address or the name of a host and a port, as \
                 127.0.0.1:8080, [::1]:8080 or gateway.example:8443"
            )
        };
        let (host, port) = text.rsplit_once(':').ok_or_else(expected)?;
        let port = port.parse().ok().filter(|_| port.bytes().all(|byte| byte.is_ascii_digit())).ok_or_else(expected)?;
        if is_host_name(host) { Ok(Self { host: Host::Name(host.to_owned()), port }) } else { Err(expected()) }
    }
}

/// Letters, digits and hyphens in labels (<https://www.rfc-editor.org/rfc/rfc1123#section-2.1>); what ends in a number is an
/// IP address that is wrong. An underline is let through, as resolvers do.
fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let mut labels = text.strip_suffix('.').unwrap_or(text).split('.');
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= MAX_NAME && labels.clone().all(is_label) && !labels.next_back().is_some_and(is_number)
}

impl TryFrom<String> for ListenAddress {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Address(address) => SocketAddr::new(*address, self.port).fmt(f),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names_are_read_and_written() {
        for text in
            ["127.0.0.1:8080", "[::1]:80", "0.0.0.0:0", "localhost:8080", "gateway.example:8443", "a_b.example.:1"]
        {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "nowhere",
            "8080",
            ":8080",
            "localhost:",
            "localhost:http",
            "localhost:99999",
            "localhost:+80",
            "127.0.0.300:80",
            "1:80",
            "http://gateway.example:80",
            "gate way:80",
            "gateway..example:80",
            "::1:80",
            "::1",
        ] {
            let error = text.parse::<ListenAddress>().unwrap_err();
            assert!(error.contains("gateway.example:8443"), "{text}: {error}");
        }
        let any: ListenAddress = "0.0.0.0:80".parse().unwrap();
        assert!(!any.is_specified() && "localhost:80".parse::<ListenAddress>().unwrap().is_specified());
    }

    #[tokio::test]
    async fn every_address_of_a_name_is_listened_on_at_one_port() {
        let name: ListenAddress = "localhost:0".parse().unwrap();
        let bound = name.bind().await.unwrap();
        let ports: Vec<u16> = bound.iter().map(|(_, address)| address.port()).collect();
        assert!(ports[0] != 0 && ports.iter().all(|port| *port == ports[0]), "{bound:?}");
        assert!(bound.iter().all(|(_, address)| address.ip().is_loopback()), "{bound:?}");
        let taken = name.at_port(ports[0]);
        let text = taken.bind().await.map(|_| ()).unwrap_err().to_string();
        assert!(text.contains(&format!("localhost:{}", ports[0])) && text.contains("perhaps by a gateway"), "{text}");
    }

    #[tokio::test]
    async fn a_name_that_is_nobodys_is_told() {
        let error = "gateway.invalid:0".parse::<ListenAddress>().unwrap().bind().await.unwrap_err();
        assert!(error.to_string().contains("no address is found for the name gateway.invalid"), "{error}");
    }
}

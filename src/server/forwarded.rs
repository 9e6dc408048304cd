//! What proxies say of the clients that they speak for: `Forwarded` (<https://www.rfc-editor.org/rfc/rfc7239>), and the older
//! `X-Forwarded-For`, `-Proto` and `-Host`. It is believed of the addresses that the settings name, and of nobody else: the
//! headers are read from the nearest proxy on, as far as those that are named go; what stands before it the client may have
//! written itself.
//!
//! A proxy writes one kind of header and may pass the other through as the client sent it. So where both are there and name
//! different clients, neither is believed.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use serde::Deserialize;

use super::origin::{Origin, Peer};

const FORWARDED: HeaderName = axum::http::header::FORWARDED;
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The addresses of the proxies that are believed. Written as a list in a file, and with commas elsewhere:
/// `10.0.0.5,192.168.0.0/16`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct TrustedProxies(Vec<IpNet>);

/// What is said of the client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Said {
    address: Option<IpAddr>,
    proto: Option<String>,
    host: Option<String>,
}

impl TrustedProxies {
    /// Is nobody believed?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Is a proxy at this address believed?
    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&address))
    }

    /// Where a request with these headers comes from that came over a connection with `peer`.
    pub(super) fn origin(&self, peer: Peer, headers: &HeaderMap) -> Origin {
        let direct = Origin::from(peer);
        if !self.trusts(peer.address) {
            return direct;
        }
        let said = match (self.standard(peer.address, headers), self.older(peer.address, headers)) {
            (Some(standard), Some(older)) if standard.address != older.address => return direct,
            (Some(said), _) | (None, Some(said)) => said,
            (None, None) => return direct,
        };
        Origin {
            address: said.address.unwrap_or(direct.address),
            is_tls: said.proto.map_or(direct.is_tls, |proto| proto.eq_ignore_ascii_case("https")),
            host: said.host.and_then(|host| HeaderValue::from_str(&host).ok()),
            // The proxy's own: it shows none of its client's.
            certificate: direct.certificate,
        }
    }

    /// What `Forwarded` says.
    fn standard(&self, peer: IpAddr, headers: &HeaderMap) -> Option<Said> {
        let elements = list(headers, &FORWARDED)?;
        let mut said = Said { address: Some(peer), ..Said::default() };
        for element in elements.iter().rev() {
            let pairs: Vec<(&str, String)> = split(element, ';')
                .into_iter()
                .filter_map(|pair| pair.split_once('=').map(|(name, value)| (name.trim(), unquoted(value.trim()))))
                .collect();
            let value = |name: &str| {
                pairs.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
            };
            (said.proto, said.host) = (value("proto"), value("host"));
            // A client that is not told is not guessed: the last one that is known stands for it.
            let Some(node) = value("for").and_then(|node| node_address(&node)) else { break };
            said.address = Some(node);
            if !self.trusts(node) {
                break;
            }
        }
        Some(said)
    }

    /// What the older headers say.
    fn older(&self, peer: IpAddr, headers: &HeaderMap) -> Option<Said> {
        let last = |name: &HeaderName| list(headers, name).and_then(|mut values| values.pop());
        let (proto, host) = (last(&FORWARDED_PROTO), last(&FORWARDED_HOST));
        let nodes = list(headers, &FORWARDED_FOR);
        if nodes.is_none() && proto.is_none() && host.is_none() {
            return None;
        }
        let mut address = peer;
        for node in nodes.unwrap_or_default().iter().rev() {
            let Some(node) = node_address(node) else { break };
            address = node;
            if !self.trusts(node) {
                break;
            }
        }
        Some(Said { address: Some(address), proto, host })
    }
}

/// The elements of a header that is a list, however many fields it stands in; none where it is not there.
fn list(headers: &HeaderMap, name: &HeaderName) -> Option<Vec<String>> {
    let mut elements = Vec::new();
    for value in headers.get_all(name) {
        // A field that cannot be read is an element that says nothing.
        let text = value.to_str().unwrap_or_default();
        elements.extend(split(text, ',').into_iter().map(|element| element.trim().to_owned()));
    }
    (!elements.is_empty()).then_some(elements)
}

/// What stands between the separators that are not within quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut is_quoted, mut is_escaped) = (Vec::new(), 0, false, false);
    for (position, character) in text.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if character == separator && !is_quoted => {
                parts.push(&text[start..position]);
                start = position + character.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return value.to_owned() };
    let mut is_escaped = false;
    let kept: String = inner
        .chars()
        .filter(|character| {
            is_escaped = !is_escaped && *character == '\\';
            !is_escaped
        })
        .collect();
    // Where the last quote is escaped itself, the text has no end.
    if is_escaped { String::new() } else { kept }
}

/// The address of a node, which may have a port; none for one that is hidden (`unknown`, `_gate`).
fn node_address(node: &str) -> Option<IpAddr> {
    let literal = node.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let address = match literal {
        Some((address, "")) => address.parse().ok(),
        Some(_) => node.parse().ok().map(|socket: SocketAddr| socket.ip()),
        None => node.parse().ok().or_else(|| node.parse().ok().map(|socket: SocketAddr| socket.ip())),
    };
    address.map(|address: IpAddr| address.to_canonical())
}

impl FromStr for TrustedProxies {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(network).collect::<Result<_, _>>().map(Self)
    }
}

impl TryFrom<Vec<String>> for TrustedProxies {
    type Error = String;

    fn try_from(texts: Vec<String>) -> Result<Self, String> {
        texts.iter().map(|text| network(text)).collect::<Result<_, _>>().map(Self)
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let single = || text.parse::<IpAddr>().ok().map(|address| IpNet::from(address.to_canonical()));
    text.parse().ok().or_else(single).ok_or_else(|| {
        format!("\"{text}\" is no address of a proxy; expected an IP address or a network, as 10.0.0.5 or 10.0.0.0/8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "10.0.0.5";

    fn origin(peer: &str, fields: &[(&str, &str)]) -> (String, bool, Option<String>) {
        let proxies: TrustedProxies = "10.0.0.0/8, fd00::1".parse().unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_str(name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let peer = Peer { address: peer.parse().unwrap(), is_tls: false, certificate: None };
        let found = proxies.origin(peer, &headers);
        (found.address.to_string(), found.is_tls, found.host.map(|host| host.to_str().unwrap().to_owned()))
    }

    #[test]
    fn proxies_that_are_named_are_believed_and_nobody_else() {
        let fields =
            [("x-forwarded-for", "192.0.2.7"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "g.example")];
        assert_eq!(origin(PROXY, &fields), ("192.0.2.7".to_owned(), true, Some("g.example".to_owned())));
        assert_eq!(origin("203.0.113.9", &fields), ("203.0.113.9".to_owned(), false, None));
        assert_eq!(origin(PROXY, &[]), (PROXY.to_owned(), false, None));
        let standard = [("forwarded", "for=\"[2001:db8::7]:4711\";proto=https;host=\"g.example:8443\"")];
        assert_eq!(origin("fd00::1", &standard), ("2001:db8::7".to_owned(), true, Some("g.example:8443".to_owned())));
    }

    #[test]
    fn the_client_is_the_last_one_before_those_that_are_named() {
        for (field, value, expected) in [
            ("x-forwarded-for", "1.2.3.4, 192.0.2.7, 10.9.9.9", "192.0.2.7"),
            ("x-forwarded-for", "10.1.1.1, 10.2.2.2", "10.1.1.1"),
            ("x-forwarded-for", "192.0.2.7:5060", "192.0.2.7"),
            ("x-forwarded-for", "::ffff:192.0.2.7", "192.0.2.7"),
            ("x-forwarded-for", "192.0.2.7, unknown, 10.9.9.9", "10.9.9.9"),
            ("x-forwarded-for", "192.0.2.7, ", PROXY),
            ("x-forwarded-for", "garbage", PROXY),
            ("forwarded", "for=1.2.3.4, for=192.0.2.7;by=_x, For=10.9.9.9", "192.0.2.7"),
            ("forwarded", "for=192.0.2.7, for=_hidden", PROXY),
            ("forwarded", "for=\"192.0.2.7\\\"", PROXY),
            ("forwarded", "for=\"a, for=192.0.2.7\"", PROXY),
            ("forwarded", "by=10.0.0.5", PROXY),
        ] {
            assert_eq!(origin(PROXY, &[(field, value)]).0, expected, "{field}: {value}");
        }
        let twice = [("x-forwarded-for", "1.2.3.4"), ("x-forwarded-for", "192.0.2.7")];
        assert_eq!(origin(PROXY, &twice).0, "192.0.2.7");
    }

    #[test]
    fn two_headers_that_differ_are_not_believed() {
        let mut fields = vec![("x-forwarded-for", "192.0.2.7"), ("forwarded", "for=1.2.3.4;proto=https")];
        assert_eq!(origin(PROXY, &fields), (PROXY.to_owned(), false, None));
        fields[1].1 = "for=192.0.2.7;proto=https";
        assert_eq!(origin(PROXY, &fields), ("192.0.2.7".to_owned(), true, None));
    }

    #[test]
    fn addresses_and_networks_are_read() {
        assert!("".parse::<TrustedProxies>().unwrap().is_empty());
        for text in ["10.0.0.0/33", "proxy.example", "10.0.0.1-10.0.0.9"] {
            assert!(text.parse::<TrustedProxies>().unwrap_err().contains(text), "{text}");
        }
        let proxies = TrustedProxies::try_from(vec!["10.0.0.5".to_owned(), "fd00::/8".to_owned()]).unwrap();
        assert!(proxies.trusts("10.0.0.5".parse().unwrap()) && !proxies.trusts("10.0.0.6".parse().unwrap()));
        assert!(proxies.trusts("fd12::1".parse().unwrap()));
    }
}

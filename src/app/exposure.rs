//! What is to be said of addresses that others than this machine reach.

use std::net::SocketAddr;

use super::settings::Settings;

/// Says where a gateway with these settings is open to others in a way that its operator may not have meant: it listens on
/// these addresses, for clients and for operators.
pub fn remarks(settings: &Settings, api: &[SocketAddr], operations: &[SocketAddr]) -> Vec<String> {
    let public =
        |addresses: &[SocketAddr]| addresses.iter().find(|address| !address.ip().to_canonical().is_loopback()).copied();
    let mut remarks = Vec::new();
    if let Some(address) = public(api)
        && settings.tls.is_none()
        && settings.forwarded.is_empty()
    {
        remarks.push(format!(
            "others reach {address}, and TLS is not spoken there: tokens and what is told of people can be read on the way; \
             set tls.certificate and tls.key, or name the proxy that speaks TLS in forwarded"
        ));
    }
    if let Some(address) = public(operations) {
        remarks.push(format!(
            "others reach {address}, the address for operators: whoever does reads figures there without a token, and \
             without TLS"
        ));
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Options;

    #[test]
    fn an_address_that_others_reach_is_told_of() {
        let told = |text: &str| {
            let settings = Options::read(text, "f").unwrap().into_settings().unwrap();
            let addresses = settings.listen.resolve().unwrap();
            remarks(&settings, &addresses, &[]).len()
        };
        for (text, expected) in [
            ("listen = \"127.0.0.1:80\"", 0),
            ("listen = \"localhost:80\"", 0),
            ("listen = \"[::ffff:127.0.0.1]:80\"", 0),
            ("listen = \"0.0.0.0:80\"", 1),
            ("listen = \"[::]:80\"", 1),
            ("listen = \"192.0.2.1:80\"", 1),
            ("listen = \"0.0.0.0:80\"\nforwarded = [\"10.0.0.5\"]", 0),
            ("listen = \"0.0.0.0:80\"\n[tls]\ncertificate = \"c\"\nkey = \"k\"", 0),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
        let operations = remarks(&Settings::default(), &[], &["0.0.0.0:9080".parse().unwrap()]);
        assert!(operations[0].contains("0.0.0.0:9080"), "{operations:?}");
    }
}

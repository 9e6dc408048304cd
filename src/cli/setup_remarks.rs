//! What a gateway that works still lacks: told when it starts, and by `handoff check`.

use crate::app::Settings;
use crate::store::ClientRow;

/// Nothing was loaded yet.
pub(super) const EMPTY_DIRECTORY: &str =
    "the directory is empty, so no referral finds a program; load organizations and programs";

/// What is to be said of the clients.
pub(super) fn of_clients(settings: &Settings, clients: &[ClientRow]) -> Vec<String> {
    let mut remarks: Vec<String> = bound_in_vain(settings, clients).into_iter().collect();
    if clients.iter().all(|client| client.revoked.is_some()) {
        remarks.push("nobody is let in yet; add clients with: handoff client add".to_owned());
    }
    remarks
}

/// Clients are bound to certificates and none is asked for: nobody of them gets in.
fn bound_in_vain(settings: &Settings, clients: &[ClientRow]) -> Option<String> {
    if settings.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some()) {
        return None;
    }
    let bound = clients.iter().filter(|client| client.revoked.is_none() && !client.certificates.is_empty()).count();
    (bound > 0).then(|| {
        format!("{bound} clients are bound to a certificate, and no client is asked for one; set tls.client-ca")
    })
}

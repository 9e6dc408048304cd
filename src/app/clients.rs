//! The clients of the store, in memory, each time with the version that the store had come to: a request that finds a newer one has
//! them read anew before it is let in.

use std::sync::Arc;
use std::time::Duration;

use crate::error::Result;
use crate::security::{Client, Clients, Fingerprint, Role};
use crate::server::ClientUpdates;
use crate::store::{ClientRow, Credentials};

/// How long to wait before a store that failed is asked again.
const RETRY_DELAY: Duration = Duration::from_millis(250);

/// Reads the clients that are let in.
///
/// # Errors
/// Those of the store.
pub async fn load(store: &dyn Credentials) -> Result<Clients> {
    // Asked first: what is read then is of this version, or of a newer one.
    let version = *store.clients_version().borrow();
    Ok(Clients::new(store.clients().await?.into_iter().filter_map(client)).with_version(version))
}

/// Follows the store's clients, for as long as it is polled; reads them at once when asked to.
pub(super) async fn refresh(store: Arc<dyn Credentials>, mut updates: ClientUpdates) {
    let mut version = store.clients_version();
    // A change between the first reading and now is not missed.
    version.mark_changed();
    loop {
        let waiting = tokio::select! {
            changed = version.changed() => if changed.is_ok() { None } else { return },
            waiting = updates.asked() => if waiting.is_some() { waiting } else { return },
        };
        while let Err(error) = load(store.as_ref()).await.map(|fresh| updates.replace(fresh)) {
            tracing::error!(%error, "the clients cannot be read anew; asking again");
            tokio::time::sleep(RETRY_DELAY).await;
        }
        drop(waiting);
    }
}

fn client(row: ClientRow) -> Option<Client> {
    let Some(role) = Role::from_name(&row.role) else {
        tracing::warn!(client = row.id, "a client has a role that is not known here; it is not let in");
        return None;
    };
    // One that is not understood would leave the client bound to nothing.
    let Ok(certificates) = row.certificates.iter().map(|text| text.parse()).collect::<Result<Vec<Fingerprint>, _>>()
    else {
        tracing::warn!(client = row.id, "a client is bound to a certificate that is not understood; it is not let in");
        return None;
    };
    let ClientRow { id, name, organization, acts_for, hash, created, revoked, .. } = row;
    Some(Client { id, name, role, organization, acts_for, hash, certificates, created, revoked })
}

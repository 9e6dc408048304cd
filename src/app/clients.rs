//! The clients of the store, in memory, and fresh: one that is revoked is refused a moment later.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot};

use crate::error::Result;
use crate::security::{Client, Clients, Role};
use crate::store::{ClientRow, Credentials};

/// How long to wait before a store that failed is asked again.
const RETRY_DELAY: Duration = Duration::from_millis(250);

/// Reads the clients that are let in.
///
/// # Errors
/// Those of the store.
pub async fn load(store: &dyn Credentials) -> Result<Clients> {
    Ok(Clients::new(store.clients().await?.into_iter().filter_map(client)))
}

/// Follows the store's clients, for as long as it is polled; reads them at once when asked to.
pub(super) async fn refresh(
    store: Arc<dyn Credentials>,
    clients: Arc<ArcSwap<Clients>>,
    mut asked: mpsc::Receiver<oneshot::Sender<()>>,
) {
    let mut version = store.clients_version();
    // A change between the first reading and now is not missed.
    version.mark_changed();
    loop {
        let answer = tokio::select! {
            changed = version.changed() => if changed.is_ok() { None } else { return },
            asked = asked.recv() => if asked.is_some() { asked } else { return },
        };
        while let Err(error) = load(store.as_ref()).await.map(|fresh| clients.store(Arc::new(fresh))) {
            tracing::error!(%error, "the clients cannot be read anew; asking again");
            tokio::time::sleep(RETRY_DELAY).await;
        }
        if let Some(answer) = answer {
            // Who asked may have gone.
            let _ = answer.send(());
        }
    }
}

fn client(row: ClientRow) -> Option<Client> {
    let Some(role) = Role::from_name(&row.role) else {
        tracing::warn!(client = row.id, "a client has a role that is not known here; it is not let in");
        return None;
    };
    let ClientRow { id, name, organization, acts_for, hash, created, revoked, .. } = row;
    Some(Client { id, name, role, organization, acts_for, hash, created, revoked })
}

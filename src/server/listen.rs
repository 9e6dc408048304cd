//! Takes connections in, as many as may be open, and serves each until it ends or the server stops. Nothing is waited for
//! here but the next one.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::connection::{self, Serving};
use super::connection_slots::ConnectionSlots;
use super::origin::Peer;

/// How many connections are told at a time that there are too many; more are closed without a word.
const MAX_REFUSING: usize = 64;
/// How long nobody is taken in after the system had no socket left.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves connections until `stopping` turns true; then until those that are open have ended.
pub(super) async fn serve(
    listener: TcpListener,
    serving: Serving,
    slots: ConnectionSlots,
    mut stopping: watch::Receiver<bool>,
) {
    let (mut open, mut refusing) = (JoinSet::new(), JoinSet::new());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // A sender that is gone means that nobody will serve much longer.
            _ = stopping.wait_for(|stopping| *stopping) => break,
            Some(_) = open.join_next() => continue,
            Some(_) = refusing.join_next() => continue,
        };
        match accepted {
            Ok((stream, address)) => {
                let peer = peer(address);
                // A proxy speaks for many: its connections are counted with all, and not with those of one address.
                let taken = if serving.proxies.trusts(peer.address) {
                    slots.take_for_proxy()
                } else {
                    slots.take(peer.address)
                };
                match taken {
                    Ok(slot) => {
                        send_at_once(&stream);
                        open.spawn(connection::serve(stream, peer, serving.clone(), slot, stopping.clone()));
                    }
                    Err(refused) if refusing.len() < MAX_REFUSING => {
                        refusing.spawn(connection::refuse(stream, refused, serving.tls.clone()));
                    }
                    Err(_) => {}
                }
            }
            Err(error) if is_of_the_client(error.kind()) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be taken in");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    while open.join_next().await.is_some() {}
}

/// Who is at this address, as far as is known before anything was said.
fn peer(address: SocketAddr) -> Peer {
    // A listener for both kinds of addresses writes the older kind in the newer one.
    Peer { address: address.ip().to_canonical(), is_tls: false, certificate: None }
}

/// An answer is small and waited for: it goes out at once.
fn send_at_once(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
}

/// Did the client end the connection before it was taken in?
fn is_of_the_client(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionAborted | ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset)
}

//! Takes connections in, as many as may be open, and serves each until it ends or the server stops. What stands between
//! the socket and HTTP (TLS, one day) is put in here.

use std::io::ErrorKind;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::connection;
use super::connection_slots::ConnectionSlots;

/// How many connections are told at a time that there are too many; more are closed without a word.
const MAX_REFUSING: usize = 64;
/// How long nobody is taken in after the system had no socket left.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves connections until `stopping` turns true; then until those that are open have ended.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
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
            Ok((stream, peer)) => match slots.take(peer.ip()) {
                Ok(slot) => {
                    send_at_once(&stream);
                    let (router, stopping) = (router.clone(), stopping.clone());
                    open.spawn(connection::serve(stream, peer.ip(), router, slot, stopping));
                }
                Err(refused) if refusing.len() < MAX_REFUSING => {
                    refusing.spawn(connection::refuse(stream, refused));
                }
                Err(_) => {}
            },
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

/// An answer is small and waited for: it goes out at once.
fn send_at_once(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
}

/// Did the client end the connection before it was taken in?
fn is_of_the_client(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionAborted | ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset)
}

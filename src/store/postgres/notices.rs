//! What the gateways on one database tell each other when they have committed, so that whoever waits at one is woken by what was
//! written through another. A notice may be lost; that one is missing is seen by the numbers, and then the database is asked.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls};
use tracing::debug;

use super::limits::DatabaseLimits;
use super::tls::{MakeConnector, client_config};
use super::url::{DatabaseUrl, TlsMode};
use crate::store::newest::{ChangeNotice, NewestSequences};

/// Where they are told.
pub(super) const CHANNEL: &str = "handoff";
/// How many bytes a notice has at most: PostgreSQL takes fewer than 8,000.
const MAX_BYTES: usize = 7000;
/// How long it takes until a listener that was lost listens again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Up to which commit it is known what is new for whom, without a gap; and how far the database was seen to have come.
#[derive(Debug, Clone, Default)]
pub(super) struct Announced(Arc<Reached>);

#[derive(Debug, Default)]
struct Reached {
    announced: AtomicI64,
    seen: AtomicI64,
}

impl Announced {
    pub(super) fn newest(&self) -> i64 {
        self.0.announced.load(Ordering::Acquire)
    }

    /// It is known up to here, whatever came before.
    pub(super) fn raise(&self, seq: i64) {
        self.0.announced.fetch_max(seq, Ordering::AcqRel);
    }

    /// So far the database has come.
    pub(super) fn see(&self, seq: i64) {
        self.0.seen.fetch_max(seq, Ordering::AcqRel);
    }

    /// Is it known of everything that the database was seen to hold?
    pub(super) fn is_complete(&self) -> bool {
        self.0.seen.load(Ordering::Acquire) <= self.newest()
    }

    /// What came behind `previous`, up to `newest`, is known: that reaches further where nothing is missing before it.
    pub(super) fn follow(&self, previous: i64, newest: i64) {
        if previous <= self.newest() {
            self.raise(newest);
        }
    }
}

/// The notices of a group of commits behind `previous`. Each has a line of the two numbers, the second in the last one only, and
/// the version of the clients, and then one a commit: its number, whether it changed the directory, and whom it concerns.
pub(super) fn write(previous: i64, newest: i64, commits: &[ChangeNotice], clients: Option<i64>) -> Vec<String> {
    if previous == newest && clients.is_none() {
        return Vec::new();
    }
    let clients = clients.unwrap_or_default();
    let head = |newest: i64| format!("{previous} {newest} {clients}");
    let mut notices = Vec::new();
    let mut lines = String::new();
    for commit in commits {
        let begin = format!("\n{} {}", commit.seq, u8::from(commit.directory));
        lines.push_str(&begin);
        for organization in &commit.organizations {
            if lines.len() + organization.len() > MAX_BYTES {
                // There is more to come, so nothing is complete with this one.
                notices.push(format!("{}{}", head(previous), std::mem::take(&mut lines)));
                lines.push_str(&begin);
            }
            lines.push(' ');
            lines.push_str(organization);
        }
        if lines.len() > MAX_BYTES {
            notices.push(format!("{}{}", head(previous), std::mem::take(&mut lines)));
        }
    }
    notices.push(format!("{}{lines}", head(newest)));
    notices
}

/// Takes a notice; nothing of one that cannot be read, which another version may have written: what it says is missing then.
fn take(notice: &str, newest_sequences: &NewestSequences, announced: &Announced) -> Option<()> {
    let mut lines = notice.lines();
    let head: Vec<i64> = lines.next()?.split(' ').map(|number| number.parse().ok()).collect::<Option<_>>()?;
    let [previous, newest, clients] = head.as_slice() else { return None };
    for line in lines {
        let mut words = line.split(' ');
        let seq = words.next()?.parse().ok()?;
        let directory = words.next()? == "1";
        let organizations = words.map(str::to_owned).collect();
        newest_sequences.announce(&ChangeNotice { seq, organizations, directory });
    }
    newest_sequences.raise_clients(clients.cast_unsigned());
    announced.follow(*previous, *newest);
    Some(())
}

/// Listens for as long as the store is open.
pub(super) async fn listen(
    url: DatabaseUrl,
    limits: DatabaseLimits,
    newest_sequences: Arc<NewestSequences>,
    announced: Announced,
) {
    let config = url.with_options("", &limits);
    loop {
        let ended = listen_once(&config, &url.tls, |notice| {
            take(notice, &newest_sequences, &announced);
        });
        if let Err(cause) = ended.await {
            debug!(%cause, "the connection that listens was lost; another is made");
        }
        tokio::time::sleep(RETRY_INTERVAL).await;
    }
}

async fn listen_once(config: &Config, tls: &TlsMode, take: impl FnMut(&str)) -> crate::error::Result<()> {
    match tls {
        TlsMode::Disable => {
            let (client, connection) = config.connect(NoTls).await?;
            Ok(receive(client, connection, take).await?)
        }
        mode => {
            let (client, connection) = config.connect(MakeConnector(Arc::new(client_config(mode)?))).await?;
            Ok(receive(client, connection, take).await?)
        }
    }
}

/// Hands on what is told on a connection, until it ends.
async fn receive<S, T>(
    client: Client,
    mut connection: Connection<S, T>,
    mut take: impl FnMut(&str),
) -> Result<(), tokio_postgres::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let listen = format!("LISTEN {CHANNEL}");
    let mut listening = Box::pin(client.batch_execute(&listen));
    let mut listens = false;
    loop {
        tokio::select! {
            begun = &mut listening, if !listens => {
                begun?;
                listens = true;
            }
            message = poll_fn(|cx| connection.poll_message(cx)) => match message {
                Some(Ok(AsyncMessage::Notification(notice))) => take(notice.payload()),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                None => return Ok(()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(seq: u64, organizations: impl IntoIterator<Item = String>, directory: bool) -> ChangeNotice {
        ChangeNotice { seq, organizations: organizations.into_iter().collect(), directory }
    }

    #[test]
    fn what_is_told_is_what_is_taken() {
        let many = (0..3000).map(|number| format!("organization-{number}"));
        let commits = [commit(5, ["a".to_owned()], false), commit(6, many, false), commit(7, [], true)];
        let notices = write(4, 7, &commits, Some(9));
        assert!(notices.len() > 3 && notices.iter().all(|notice| notice.len() < 8000));
        let (newest, announced) = (NewestSequences::default(), Announced::default());
        announced.raise(4);
        for notice in &notices {
            assert!(announced.newest() == 4);
            take(notice, &newest, &announced).unwrap();
        }
        let of = |organization: &str| *newest.organization(organization).borrow();
        assert_eq!((of("a"), of("organization-0"), of("organization-2999"), of("b")), (5, 6, 6, 0));
        assert_eq!((*newest.directory().borrow(), *newest.clients().borrow(), announced.newest()), (7, 9, 7));
        // One that is missing is told by the numbers.
        take(&write(8, 9, &[commit(9, [], false)], None)[0], &newest, &announced).unwrap();
        assert_eq!(announced.newest(), 7);
        for (seen, complete) in [(7, true), (9, false)] {
            announced.see(seen);
            assert_eq!(announced.is_complete(), complete);
        }
        announced.raise(9);
        assert!(announced.is_complete());
        assert!(write(9, 9, &[], None).is_empty());
        assert_eq!(take("of another version", &newest, &announced), None);
    }
}

//! The limits of a gateway, all in one place: how much it takes, holds and does for anybody before it says no.
//!
//! Each is set in the group `[limits]` of the settings (`app/limit_options`), under the name of its field; the README
//! has a table of them. Whoever keeps a limit is handed the group that it needs and knows nothing of settings.

use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::Duration;

use crate::fhir::Limits as DocumentLimits;

/// Bytes of a kilobyte.
pub const KILOBYTE: usize = 1024;
/// Bytes of a megabyte.
pub const MEGABYTE: usize = 1024 * 1024;

/// Every limit, by what it bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// One body: its bytes (`body-mb`, 16) and the nesting of its JSON (`depth`, 100)
    pub document: DocumentLimits,
    /// What one request may ask for
    pub content: ContentLimits,
    /// Connections, and how long they may take
    pub connections: ConnectionLimits,
    /// Requests that are served at a time, and those of one client
    pub requests: RequestLimits,
}

/// What one request may ask for. One that asks for more is refused whole, with 413 or 422; `count` alone is capped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentLimits {
    /// Entries of a Bundle that is sent (`bundle-entries`, 1000)
    pub bundle_entries: usize,
    /// Values of one search parameter, separated by commas (`parameter-values`, 100)
    pub parameter_values: usize,
    /// Bytes of one parameter's value (`parameter-kb`, 16)
    pub parameter_bytes: usize,
    /// Parameters of one query (`parameters`, 100)
    pub parameters: usize,
    /// Conditions of one Bundle: conditional creates, updates and references (`conditions`, 200)
    pub conditions: usize,
    /// Resources outside of a message that it stands on: those that it references, and what they reference (`references`,
    /// 1000)
    pub references: usize,
    /// Bytes of those (`references-mb`, 64 MB)
    pub reference_bytes: usize,
    /// Items of one list in a record (`record-items`, 1000)
    pub record_items: usize,
    /// Rows of a sheet (`sheet-rows`, 10000)
    pub sheet_rows: usize,
    /// Columns of a sheet (`sheet-columns`, 500)
    pub sheet_columns: usize,
    /// Bytes of one row of a sheet (`sheet-row-kb`, 256 KB)
    pub sheet_row_bytes: usize,
    /// Bytes of a Task that is sent; by what happens to it, it comes to twice as much (`task-kb`, 512 KB)
    pub task_bytes: usize,
    /// GETs of one Bundle (`bundle-reads`, 50)
    pub bundle_reads: usize,
    /// Bytes of one answer (`answer-mb`, 16 MB)
    pub answer_bytes: usize,
    /// The most that `_count` and `limit` give on one page (`count`, 1000)
    pub count: usize,
    /// Steps of the database that one search may take (`search-steps`, 200 million; a million is some ten milliseconds)
    pub search_steps: u64,
}

impl Default for ContentLimits {
    fn default() -> Self {
        Self {
            bundle_entries: 1000,
            parameter_values: 100,
            parameter_bytes: 16 * KILOBYTE,
            parameters: 100,
            conditions: 200,
            references: 1000,
            reference_bytes: 64 * MEGABYTE,
            record_items: 1000,
            sheet_rows: 10_000,
            sheet_columns: 500,
            sheet_row_bytes: 256 * KILOBYTE,
            task_bytes: 512 * KILOBYTE,
            bundle_reads: 50,
            answer_bytes: 16 * MEGABYTE,
            count: 1000,
            search_steps: 200_000_000,
        }
    }
}

/// Connections, and how long they may take. One that takes longer is closed; before its first byte of a request without a
/// word, within a head with 408.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections that are open at a time (`connections`, 1000); one more is answered 503 and closed
    pub total: usize,
    /// Those of one address among them (`address-connections`, 500); one more is answered 429 and closed. A proxy that is
    /// believed speaks for many, and is counted with all alone
    pub of_address: usize,
    /// From the first byte of a request to the end of its head, and for a handshake of TLS (`head-seconds`, 10)
    pub head_time: Duration,
    /// Without a request (`idle-seconds`, 75)
    pub idle_time: Duration,
    /// While no byte of an answer is taken (`answer-seconds`, 30)
    pub answer_time: Duration,
    /// Bytes of a request's head: its target and its fields (`head-kb`, 32); more is 431
    pub head_bytes: usize,
    /// Fields of a request's head (`head-fields`, 100); more is 431
    pub head_fields: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            total: 1000,
            of_address: 500,
            head_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(75),
            answer_time: Duration::from_secs(30),
            head_bytes: 32 * KILOBYTE,
            head_fields: 100,
        }
    }
}

/// Requests that are served at a time, and those of one client. More of a client's is 429, more of all 503, both with
/// Retry-After.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// From a request's head to the end of its body (`body-seconds`, 30); longer is 408
    pub body_time: Duration,
    /// Bodies and answers that are held in memory (`held-mb`, 64 MB), half of it for one client; a body beyond it waits
    pub held_bytes: usize,
    /// Long requests (checks, bundles, sheets, large bodies) that are worked on at a time, each on a thread of its own
    /// (`long-requests`, one fewer than there are processors); one more waits its client's turn
    pub long: usize,
    /// Searches, histories and lists that are worked on at a time (`list-requests`, 2), all but one for one client; one
    /// more waits its client's turn
    pub lists: usize,
    /// Writes with short bodies that are worked on at a time (`write-requests`, 64), three quarters for one client; one more
    /// waits its client's turn
    pub writes: usize,
    /// Requests that wait for any of these (`waiting`, 1000)
    pub waiting: usize,
    /// Those of one client among them (`client-waiting`, 250)
    pub client_waiting: usize,
    /// How long one waits (`waiting-seconds`, 30)
    pub waiting_time: Duration,
    /// Requests of one client at a time, polls that are held among them (`client-requests`, 500)
    pub of_client: usize,
    /// Requests of one client in a minute, which it may also send at once (`client-minute`, 60000)
    pub client_minute: u32,
    /// Tokens from one address in a minute that are nobody's (`wrong-tokens-minute`, 300)
    pub wrong_tokens_minute: u32,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            body_time: Duration::from_secs(30),
            held_bytes: 64 * MEGABYTE,
            long: available_parallelism().map_or(1, NonZero::get).saturating_sub(1).max(1),
            lists: 2,
            writes: 64,
            waiting: 1000,
            client_waiting: 250,
            waiting_time: Duration::from_secs(30),
            of_client: 500,
            client_minute: 60_000,
            wrong_tokens_minute: 300,
        }
    }
}

//! The limits as they are set: the group `[limits]` of the settings file, flags and variables of the environment. What
//! each bounds, and what it is where nobody sets it, says [`crate::limits`].
//!
//! `[limits] bundle-entries = 10`, `--limits-bundle-entries 10` and `HANDOFF_LIMITS_BUNDLE_ENTRIES=10` are the same. The two
//! oldest keep the names that they had: `--body-limit-mb` and `--depth-limit`.

use std::time::Duration;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::fhir::Limits as DocumentLimits;
use crate::limits::{ConnectionLimits, ContentLimits, KILOBYTE, Limits, MEGABYTE, RequestLimits};

/// The limits that are set; what is absent is left to the next source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, clap::Args)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[command(next_help_heading = "Limits")]
pub struct LimitOptions {
    /// Largest accepted body, in megabytes [default: 16]
    #[arg(long = "body-limit-mb", env = "HANDOFF_BODY_LIMIT_MB", value_name = "NUMBER")]
    pub body_mb: Option<u32>,
    /// Deepest accepted nesting of JSON [default: 100]
    #[arg(long = "depth-limit", env = "HANDOFF_DEPTH_LIMIT", value_name = "NUMBER")]
    pub depth: Option<u32>,
    /// Entries of a Bundle [default: 1000]
    #[arg(long = "limits-bundle-entries", env = "HANDOFF_LIMITS_BUNDLE_ENTRIES", value_name = "NUMBER")]
    pub bundle_entries: Option<u32>,
    /// Values of one search parameter [default: 100]
    #[arg(long = "limits-parameter-values", env = "HANDOFF_LIMITS_PARAMETER_VALUES", value_name = "NUMBER")]
    pub parameter_values: Option<u32>,
    /// Length of the value of one search parameter, in kilobytes [default: 16]
    #[arg(long = "limits-parameter-kb", env = "HANDOFF_LIMITS_PARAMETER_KB", value_name = "NUMBER")]
    pub parameter_kb: Option<u32>,
    /// Parameters of one query [default: 100]
    #[arg(long = "limits-parameters", env = "HANDOFF_LIMITS_PARAMETERS", value_name = "NUMBER")]
    pub parameters: Option<u32>,
    /// Conditional creates, updates and references of a Bundle [default: 200]
    #[arg(long = "limits-conditions", env = "HANDOFF_LIMITS_CONDITIONS", value_name = "NUMBER")]
    pub conditions: Option<u32>,
    /// Stored resources that a message refers to, and what they refer to [default: 1000]
    #[arg(long = "limits-references", env = "HANDOFF_LIMITS_REFERENCES", value_name = "NUMBER")]
    pub references: Option<u32>,
    /// Those, in megabytes [default: 64]
    #[arg(long = "limits-references-mb", env = "HANDOFF_LIMITS_REFERENCES_MB", value_name = "NUMBER")]
    pub references_mb: Option<u32>,
    /// Items of one list in a record [default: 1000]
    #[arg(long = "limits-record-items", env = "HANDOFF_LIMITS_RECORD_ITEMS", value_name = "NUMBER")]
    pub record_items: Option<u32>,
    /// Rows of a sheet [default: 10000]
    #[arg(long = "limits-sheet-rows", env = "HANDOFF_LIMITS_SHEET_ROWS", value_name = "NUMBER")]
    pub sheet_rows: Option<u32>,
    /// Columns of a sheet [default: 500]
    #[arg(long = "limits-sheet-columns", env = "HANDOFF_LIMITS_SHEET_COLUMNS", value_name = "NUMBER")]
    pub sheet_columns: Option<u32>,
    /// Length of one row of a sheet, in kilobytes [default: 256]
    #[arg(long = "limits-sheet-row-kb", env = "HANDOFF_LIMITS_SHEET_ROW_KB", value_name = "NUMBER")]
    pub sheet_row_kb: Option<u32>,
    /// Length of a Task that is sent, in kilobytes; notes and updates may double it [default: 512]
    #[arg(long = "limits-task-kb", env = "HANDOFF_LIMITS_TASK_KB", value_name = "NUMBER")]
    pub task_kb: Option<u32>,
    /// GETs of a Bundle [default: 50]
    #[arg(long = "limits-bundle-reads", env = "HANDOFF_LIMITS_BUNDLE_READS", value_name = "NUMBER")]
    pub bundle_reads: Option<u32>,
    /// Largest answer, in megabytes [default: 16]
    #[arg(long = "limits-answer-mb", env = "HANDOFF_LIMITS_ANSWER_MB", value_name = "NUMBER")]
    pub answer_mb: Option<u32>,
    /// Resources or records on one page; more are never given [default: 1000]
    #[arg(long = "limits-count", env = "HANDOFF_LIMITS_COUNT", value_name = "NUMBER")]
    pub count: Option<u32>,
    /// Steps of a store in a file that one search may take, in millions; PostgreSQL is bound by postgres.read-seconds
    /// [default: 200]
    #[arg(long = "limits-search-steps", env = "HANDOFF_LIMITS_SEARCH_STEPS", value_name = "NUMBER")]
    pub search_steps: Option<u32>,
    /// Open connections [default: 1000]
    #[arg(long = "limits-connections", env = "HANDOFF_LIMITS_CONNECTIONS", value_name = "NUMBER")]
    pub connections: Option<u32>,
    /// Open connections of one address; proxies of forwarded have no share of their own [default: 500]
    #[arg(long = "limits-address-connections", env = "HANDOFF_LIMITS_ADDRESS_CONNECTIONS", value_name = "NUMBER")]
    pub address_connections: Option<u32>,
    /// From the first byte of a request to the end of its head; a handshake of TLS [default: 10]
    #[arg(long = "limits-head-seconds", env = "HANDOFF_LIMITS_HEAD_SECONDS", value_name = "NUMBER")]
    pub head_seconds: Option<u32>,
    /// How long a connection may stay open without a request [default: 75]
    #[arg(long = "limits-idle-seconds", env = "HANDOFF_LIMITS_IDLE_SECONDS", value_name = "NUMBER")]
    pub idle_seconds: Option<u32>,
    /// How long a client may take no byte of its answer [default: 30]
    #[arg(long = "limits-answer-seconds", env = "HANDOFF_LIMITS_ANSWER_SECONDS", value_name = "NUMBER")]
    pub answer_seconds: Option<u32>,
    /// Largest head of a request, in kilobytes [default: 32]
    #[arg(long = "limits-head-kb", env = "HANDOFF_LIMITS_HEAD_KB", value_name = "NUMBER")]
    pub head_kb: Option<u32>,
    /// Fields of a request's head [default: 100]
    #[arg(long = "limits-head-fields", env = "HANDOFF_LIMITS_HEAD_FIELDS", value_name = "NUMBER")]
    pub head_fields: Option<u32>,
    /// How long a body may take to arrive [default: 30]
    #[arg(long = "limits-body-seconds", env = "HANDOFF_LIMITS_BODY_SECONDS", value_name = "NUMBER")]
    pub body_seconds: Option<u32>,
    /// Bodies and answers held in memory, in megabytes; half for one client [default: 64]
    #[arg(long = "limits-held-mb", env = "HANDOFF_LIMITS_HELD_MB", value_name = "NUMBER")]
    pub held_mb: Option<u32>,
    /// Checks, bundles, sheets and large bodies worked on at a time [default: processors less one]
    #[arg(long = "limits-long-requests", env = "HANDOFF_LIMITS_LONG_REQUESTS", value_name = "NUMBER")]
    pub long_requests: Option<u32>,
    /// Searches, histories and lists worked on at a time [default: 2]
    #[arg(long = "limits-list-requests", env = "HANDOFF_LIMITS_LIST_REQUESTS", value_name = "NUMBER")]
    pub list_requests: Option<u32>,
    /// Writes with short bodies worked on at a time [default: 64]
    #[arg(long = "limits-write-requests", env = "HANDOFF_LIMITS_WRITE_REQUESTS", value_name = "NUMBER")]
    pub write_requests: Option<u32>,
    /// Requests that wait for their turn [default: 1000]
    #[arg(long = "limits-waiting", env = "HANDOFF_LIMITS_WAITING", value_name = "NUMBER")]
    pub waiting: Option<u32>,
    /// Those of one client among them [default: 250]
    #[arg(long = "limits-client-waiting", env = "HANDOFF_LIMITS_CLIENT_WAITING", value_name = "NUMBER")]
    pub client_waiting: Option<u32>,
    /// How long a request waits for its turn [default: 30]
    #[arg(long = "limits-waiting-seconds", env = "HANDOFF_LIMITS_WAITING_SECONDS", value_name = "NUMBER")]
    pub waiting_seconds: Option<u32>,
    /// Requests of one client at a time, held polls among them [default: 500]
    #[arg(long = "limits-client-requests", env = "HANDOFF_LIMITS_CLIENT_REQUESTS", value_name = "NUMBER")]
    pub client_requests: Option<u32>,
    /// Requests of one client in a minute [default: 60000]
    #[arg(long = "limits-client-minute", env = "HANDOFF_LIMITS_CLIENT_MINUTE", value_name = "NUMBER")]
    pub client_minute: Option<u32>,
    /// Unknown tokens from one address in a minute [default: 300]
    #[arg(long = "limits-wrong-tokens-minute", env = "HANDOFF_LIMITS_WRONG_TOKENS_MINUTE", value_name = "NUMBER")]
    pub wrong_tokens_minute: Option<u32>,
}

impl LimitOptions {
    /// These, and where they are silent, those of `other`.
    #[must_use]
    pub fn with_defaults_from(self, other: Self) -> Self {
        Self {
            body_mb: self.body_mb.or(other.body_mb),
            depth: self.depth.or(other.depth),
            bundle_entries: self.bundle_entries.or(other.bundle_entries),
            parameter_values: self.parameter_values.or(other.parameter_values),
            parameter_kb: self.parameter_kb.or(other.parameter_kb),
            parameters: self.parameters.or(other.parameters),
            conditions: self.conditions.or(other.conditions),
            references: self.references.or(other.references),
            references_mb: self.references_mb.or(other.references_mb),
            record_items: self.record_items.or(other.record_items),
            sheet_rows: self.sheet_rows.or(other.sheet_rows),
            sheet_columns: self.sheet_columns.or(other.sheet_columns),
            sheet_row_kb: self.sheet_row_kb.or(other.sheet_row_kb),
            task_kb: self.task_kb.or(other.task_kb),
            bundle_reads: self.bundle_reads.or(other.bundle_reads),
            answer_mb: self.answer_mb.or(other.answer_mb),
            count: self.count.or(other.count),
            search_steps: self.search_steps.or(other.search_steps),
            connections: self.connections.or(other.connections),
            address_connections: self.address_connections.or(other.address_connections),
            head_seconds: self.head_seconds.or(other.head_seconds),
            idle_seconds: self.idle_seconds.or(other.idle_seconds),
            answer_seconds: self.answer_seconds.or(other.answer_seconds),
            head_kb: self.head_kb.or(other.head_kb),
            head_fields: self.head_fields.or(other.head_fields),
            body_seconds: self.body_seconds.or(other.body_seconds),
            held_mb: self.held_mb.or(other.held_mb),
            long_requests: self.long_requests.or(other.long_requests),
            list_requests: self.list_requests.or(other.list_requests),
            write_requests: self.write_requests.or(other.write_requests),
            waiting: self.waiting.or(other.waiting),
            client_waiting: self.client_waiting.or(other.client_waiting),
            waiting_seconds: self.waiting_seconds.or(other.waiting_seconds),
            client_requests: self.client_requests.or(other.client_requests),
            client_minute: self.client_minute.or(other.client_minute),
            wrong_tokens_minute: self.wrong_tokens_minute.or(other.wrong_tokens_minute),
        }
    }

    /// Decides what was left open.
    ///
    /// # Errors
    /// A limit of nothing, under which nobody could be served.
    pub fn into_limits(self) -> Result<Limits> {
        let Limits { document, content, connections, requests } = Limits::default();
        Ok(Limits {
            document: DocumentLimits {
                bytes: scaled("body-mb", self.body_mb, MEGABYTE, document.bytes)?,
                depth: number("depth", self.depth, document.depth)?,
            },
            content: ContentLimits {
                bundle_entries: number("bundle-entries", self.bundle_entries, content.bundle_entries)?,
                parameter_values: number("parameter-values", self.parameter_values, content.parameter_values)?,
                parameter_bytes: scaled("parameter-kb", self.parameter_kb, KILOBYTE, content.parameter_bytes)?,
                parameters: number("parameters", self.parameters, content.parameters)?,
                conditions: number("conditions", self.conditions, content.conditions)?,
                references: number("references", self.references, content.references)?,
                reference_bytes: scaled("references-mb", self.references_mb, MEGABYTE, content.reference_bytes)?,
                record_items: number("record-items", self.record_items, content.record_items)?,
                sheet_rows: number("sheet-rows", self.sheet_rows, content.sheet_rows)?,
                sheet_columns: number("sheet-columns", self.sheet_columns, content.sheet_columns)?,
                sheet_row_bytes: scaled("sheet-row-kb", self.sheet_row_kb, KILOBYTE, content.sheet_row_bytes)?,
                task_bytes: scaled("task-kb", self.task_kb, KILOBYTE, content.task_bytes)?,
                bundle_reads: number("bundle-reads", self.bundle_reads, content.bundle_reads)?,
                answer_bytes: scaled("answer-mb", self.answer_mb, MEGABYTE, content.answer_bytes)?,
                count: number("count", self.count, content.count)?,
                search_steps: set("search-steps", self.search_steps)?
                    .map_or(content.search_steps, |millions| u64::from(millions) * 1_000_000),
            },
            connections: ConnectionLimits {
                total: number("connections", self.connections, connections.total)?,
                of_address: number("address-connections", self.address_connections, connections.of_address)?,
                head_time: seconds("head-seconds", self.head_seconds, connections.head_time)?,
                idle_time: seconds("idle-seconds", self.idle_seconds, connections.idle_time)?,
                answer_time: seconds("answer-seconds", self.answer_seconds, connections.answer_time)?,
                head_bytes: scaled("head-kb", self.head_kb, KILOBYTE, connections.head_bytes)?,
                head_fields: number("head-fields", self.head_fields, connections.head_fields)?,
            },
            requests: RequestLimits {
                body_time: seconds("body-seconds", self.body_seconds, requests.body_time)?,
                held_bytes: scaled("held-mb", self.held_mb, MEGABYTE, requests.held_bytes)?,
                long: number("long-requests", self.long_requests, requests.long)?,
                lists: number("list-requests", self.list_requests, requests.lists)?,
                writes: number("write-requests", self.write_requests, requests.writes)?,
                waiting: number("waiting", self.waiting, requests.waiting)?,
                client_waiting: number("client-waiting", self.client_waiting, requests.client_waiting)?,
                waiting_time: seconds("waiting-seconds", self.waiting_seconds, requests.waiting_time)?,
                of_client: number("client-requests", self.client_requests, requests.of_client)?,
                client_minute: set("client-minute", self.client_minute)?.unwrap_or(requests.client_minute),
                wrong_tokens_minute: set("wrong-tokens-minute", self.wrong_tokens_minute)?
                    .unwrap_or(requests.wrong_tokens_minute),
            },
        })
    }
}

/// What is set, if it is more than nothing.
pub(super) fn set(name: &str, value: Option<u32>) -> Result<Option<u32>> {
    if value == Some(0) {
        return Err(Error::setting(name, "a limit is a whole number from 1"));
    }
    Ok(value)
}

pub(super) fn number(name: &str, value: Option<u32>, default: usize) -> Result<usize> {
    scaled(name, value, 1, default)
}

/// A number of bytes that is set in larger units.
fn scaled(name: &str, value: Option<u32>, unit: usize, default: usize) -> Result<usize> {
    // Documents count their positions in 32 bits, and nothing else needs more.
    Ok(set(name, value)?.map_or(default, |value| (value as usize).saturating_mul(unit).min(u32::MAX as usize)))
}

pub(super) fn seconds(name: &str, value: Option<u32>, default: Duration) -> Result<Duration> {
    Ok(set(name, value)?.map_or(default, |value| Duration::from_secs(value.into())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::Key;

    #[test]
    fn what_is_set_replaces_the_default_and_nothing_else() {
        assert_eq!(LimitOptions::default().into_limits().unwrap(), Limits::default());
        let near = LimitOptions { bundle_entries: Some(3), ..LimitOptions::default() };
        let far = LimitOptions { bundle_entries: Some(4), idle_seconds: Some(5), ..LimitOptions::default() };
        let limits = near.with_defaults_from(far).into_limits().unwrap();
        let mut wanted = Limits::default();
        wanted.content.bundle_entries = 3;
        wanted.connections.idle_time = Duration::from_secs(5);
        assert_eq!(limits, wanted);
    }

    #[test]
    fn a_limit_of_nothing_is_refused_by_name() {
        let error = LimitOptions { head_kb: Some(0), ..LimitOptions::default() }.into_limits().unwrap_err();
        assert_eq!((error.issues[0].key, error.issues[0].path.as_str()), (Key::SettingInvalid, "head-kb"));
    }
}

//! What the gateway counts about itself, as OpenMetrics text
//! (<https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md>).
//!
//! Labels are routes, methods, statuses, types and states of our own tables; nothing that a client sent becomes one.
//! A series of requests is there once a request was counted in it; everything else is there from the start.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::error::{Error, Result};
use crate::fhir::Key;
use crate::limits::KILOBYTE;
use crate::referral::state::State;
use crate::store::Statistics;

use super::unanswered_metrics::UnansweredMetrics;

/// The media type of what [`Metrics::encode`] writes.
pub(crate) const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The statuses that are told apart; all others are counted as one.
const STATUSES: [u16; 22] =
    [200, 201, 204, 304, 400, 401, 403, 404, 405, 406, 408, 409, 412, 413, 415, 422, 428, 429, 431, 500, 501, 503];

/// The upper bounds of the duration buckets, in seconds. A held poll takes up to a minute.
const BOUNDS: [f64; 13] = [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 10.0, 61.0];

/// What stands for everything that has no name of its own.
const OTHER: &str = "other";

/// All metrics of one server.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram>,
    polls: Counter,
    polls_held: Gauge,
    refusals: Family<RuleLabel, Counter>,
    connections: ConnectionMetrics,
    tls: TlsMetrics,
    work: WorkMetrics,
    unreadable: Family<RuleLabel, Counter>,
    unreadable_resources: Counter,
    store: StoreMetrics,
    unanswered: UnansweredMetrics,
}

/// A limit, by its name in the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitLabel {
    limit: &'static str,
}

/// What is counted of connections. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConnectionMetrics {
    open: NumberGauge,
    refused: Family<LimitLabel, Counter>,
}

impl ConnectionMetrics {
    fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("handoff_connections", "Open connections", metrics.open.clone());
        let help = "Connections refused or ended, by the limit that was met";
        registry.register("handoff_connections_refused", help, metrics.refused.clone());
        metrics
    }

    /// So many are open.
    pub(crate) fn set_open(&self, open: usize) {
        self.open.set(open as u64);
    }

    /// One was refused, or ended, by this limit.
    pub(crate) fn count_refused(&self, limit: &'static str) {
        self.refused.get_or_create(&LimitLabel { limit }).inc();
    }
}

/// How a handshake of TLS ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HandshakeLabel {
    outcome: &'static str,
}

/// What is counted of handshakes. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct HandshakeMetrics(Family<HandshakeLabel, Counter>);

impl HandshakeMetrics {
    /// One ended so.
    pub(crate) fn count(&self, outcome: &'static str) {
        self.0.get_or_create(&HandshakeLabel { outcome }).inc();
    }
}

/// The labels of what is there once, or not at all.
type NoLabels = [(&'static str, &'static str); 0];

/// What is known of TLS. The certificate is asked when the metrics are read; where there is none its gauges have no series.
#[derive(Debug, Default)]
struct TlsMetrics {
    handshakes: HandshakeMetrics,
    expires: Family<NoLabels, Gauge>,
    not_reloaded: Family<NoLabels, Gauge>,
}

impl TlsMetrics {
    fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let help = "Handshakes of TLS, by how they ended";
        registry.register("handoff_tls_handshakes", help, metrics.handshakes.0.clone());
        let help = "When the certificate ends, in seconds since 1970";
        let expires = metrics.expires.clone();
        registry.register_with_unit("handoff_tls_certificate_expires_timestamp", help, Unit::Seconds, expires);
        let help = "1 while newer files of TLS are there that cannot be used";
        registry.register("handoff_tls_not_reloaded", help, metrics.not_reloaded.clone());
        metrics
    }
}

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WorkLabel {
    work: &'static str,
}

/// What is worked on and waits. It is asked when the metrics are read.
#[derive(Debug, Default)]
struct WorkMetrics {
    running: Family<WorkLabel, NumberGauge>,
    waiting: Family<WorkLabel, NumberGauge>,
    held: NumberGauge,
}

impl WorkMetrics {
    fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("handoff_requests_running", "Requests that are worked on", metrics.running.clone());
        registry.register("handoff_requests_waiting", "Requests that wait for their turn", metrics.waiting.clone());
        registry.register_with_unit("handoff_held", "Bodies and answers in memory", Unit::Bytes, metrics.held.clone());
        metrics
    }
}

/// A method of a path pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RouteLabels {
    pub(crate) method: &'static str,
    pub(crate) route: &'static str,
}

impl RouteLabels {
    /// Requests that no route takes.
    pub(crate) const UNKNOWN: Self = Self { method: OTHER, route: OTHER };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: &'static str,
    status: StatusLabel,
}

/// The name of a rule of [`Key`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RuleLabel {
    rule: &'static str,
}

/// A status of [`STATUSES`], or any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct StatusLabel(Option<u16>);

impl EncodeLabelValue for StatusLabel {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        match self.0 {
            Some(status) => EncodeLabelValue::encode(&status, encoder),
            None => EncodeLabelValue::encode(&OTHER, encoder),
        }
    }
}

/// A long poll that is being held; it counts until dropped, however the request ends.
pub(crate) struct HeldPoll(Gauge);

impl Drop for HeldPoll {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::default();
        let requests = Family::default();
        registry.register("handoff_requests", "HTTP requests answered", requests.clone());
        let durations = Family::new_with_constructor(duration_histogram as fn() -> Histogram);
        let help = "From the request's head to the answer's";
        registry.register_with_unit("handoff_request_duration", help, Unit::Seconds, durations.clone());
        let polls = Counter::default();
        registry.register("handoff_polls", "Polls of the agency API", polls.clone());
        let polls_held = Gauge::default();
        registry.register("handoff_polls_held", "Polls that wait for something to say", polls_held.clone());
        let refusals = Family::default();
        registry.register(
            "handoff_refusals",
            "Requests refused before they came to their handler, by rule",
            refusals.clone(),
        );
        let connections = ConnectionMetrics::new(&mut registry);
        let tls = TlsMetrics::new(&mut registry);
        let work = WorkMetrics::new(&mut registry);
        let unreadable = Family::default();
        let help = "Referrals of which a poll was told that no record can be made";
        registry.register("handoff_records_unreadable", help, unreadable.clone());
        let unreadable_resources = Counter::default();
        let help = "Stored resources that cannot be read, each time a search or a history told it in their place";
        registry.register("handoff_resources_unreadable", help, unreadable_resources.clone());
        let store = StoreMetrics::new(&mut registry);
        let unanswered = UnansweredMetrics::new(&mut registry);
        Self {
            registry,
            requests,
            durations,
            polls,
            polls_held,
            refusals,
            connections,
            tls,
            work,
            unreadable,
            unreadable_resources,
            store,
            unanswered,
        }
    }

    /// Counts a request that this route answered.
    pub(crate) fn count_request(&self, route: RouteLabels, status: u16, duration: Duration) {
        let RouteLabels { method, route: path } = route;
        let status = StatusLabel(Some(status).filter(|status| STATUSES.contains(status)));
        self.requests.get_or_create(&RequestLabels { method, route: path, status }).inc();
        self.durations.get_or_create(&route).observe(duration.as_secs_f64());
    }

    /// Counts a request that this rule refused before it came to its handler.
    pub(crate) fn count_refusal(&self, rule: Key) {
        self.refusals.get_or_create(&RuleLabel { rule: rule.name() }).inc();
    }

    /// Where connections are counted.
    pub(crate) fn connections(&self) -> ConnectionMetrics {
        self.connections.clone()
    }

    /// Where handshakes are counted.
    pub(crate) fn handshakes(&self) -> HandshakeMetrics {
        self.tls.handshakes.clone()
    }

    /// Takes over when the certificate ends, and whether a newer one is there that cannot be used.
    pub(crate) fn set_certificate(&self, expires: Timestamp, is_not_reloaded: bool) {
        self.tls.expires.get_or_create(&[]).set(expires.as_second());
        self.tls.not_reloaded.get_or_create(&[]).set(is_not_reloaded.into());
    }

    /// Takes over how many requests of this kind are worked on, and how many wait.
    pub(crate) fn set_work(&self, work: &'static str, (running, waiting): (usize, usize)) {
        self.work.running.get_or_create(&WorkLabel { work }).set(running as u64);
        self.work.waiting.get_or_create(&WorkLabel { work }).set(waiting as u64);
    }

    /// Takes over how many kilobytes of bodies and answers are held, and how many bodies wait for room.
    pub(crate) fn set_held(&self, (kilobytes, waiting): (usize, usize)) {
        self.work.held.set((kilobytes * KILOBYTE) as u64);
        self.work.waiting.get_or_create(&WorkLabel { work: "body" }).set(waiting as u64);
    }

    /// Counts a poll.
    pub(crate) fn count_poll(&self) {
        self.polls.inc();
    }

    /// Counts a referral of which no record can be made, for this rule.
    pub(crate) fn count_unreadable(&self, rule: Key) {
        self.unreadable.get_or_create(&RuleLabel { rule: rule.name() }).inc();
    }

    /// Takes over how often something was told in its place that is stored and cannot be read.
    pub(crate) fn set_unreadable_resources(&self, count: u64) {
        self.unreadable_resources.inner().store(count, Relaxed);
    }

    /// Counts a long poll as held as long as the answer lives.
    pub(crate) fn track_poll(&self) -> HeldPoll {
        self.polls_held.inc();
        HeldPoll(self.polls_held.clone())
    }

    /// Takes over what the store counts, how many referrals there are in each state, and at what time that is.
    pub(crate) fn set_store(&self, statistics: &Statistics, referrals: &[(State, u64)], now: Timestamp) {
        self.store.set(statistics, referrals);
        self.unanswered.set(&statistics.unanswered, now);
    }

    /// Writes all metrics.
    ///
    /// # Errors
    /// If one of them cannot be written.
    pub(crate) fn encode(&self) -> Result<String> {
        let mut text = String::with_capacity(16 * 1024);
        text::encode(&mut text, &self.registry).map_err(Error::fault)?;
        Ok(text)
    }
}

fn duration_histogram() -> Histogram {
    Histogram::new(BOUNDS)
}

/// A number that is counted elsewhere and taken over as it is.
type NumberGauge = Gauge<u64, AtomicU64>;

/// What the store counts. It is asked when the metrics are read, and the numbers are taken over as they are.
#[derive(Debug, Default)]
struct StoreMetrics {
    commits: Counter,
    groups: Counter,
    conflicts: Counter,
    newest: NumberGauge,
    bytes: NumberGauge,
    room: NumberGauge,
    renewals: NumberGauge,
    resources: Family<TypeLabel, NumberGauge>,
    referrals: Family<StateLabel, NumberGauge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TypeLabel {
    r#type: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

impl StoreMetrics {
    fn new(registry: &mut Registry) -> Self {
        let store = Self::default();
        let help = "Plans committed since the store was opened";
        registry.register("handoff_commits", help, store.commits.clone());
        let help = "Transactions that they were committed in";
        registry.register("handoff_commit_groups", help, store.groups.clone());
        let help = "Plans refused because another was faster";
        registry.register("handoff_commit_conflicts", help, store.conflicts.clone());
        registry.register("handoff_commit_sequence", "The newest commit", store.newest.clone());
        registry.register_with_unit("handoff_store", "Size of the database", Unit::Bytes, store.bytes.clone());
        let help = "How much more the database can take, by its disk and its largest size";
        registry.register_with_unit("handoff_store_room", help, Unit::Bytes, store.room.clone());
        let help = "Changes of widely shared resources that are still to be brought to all referrals that share them";
        registry.register("handoff_shared_changes_waiting", help, store.renewals.clone());
        registry.register("handoff_resources", "Resources stored, by type", store.resources.clone());
        registry.register("handoff_referrals", "Referrals, by their state", store.referrals.clone());
        store
    }

    fn set(&self, statistics: &Statistics, referrals: &[(State, u64)]) {
        self.commits.inner().store(statistics.commits, Relaxed);
        self.groups.inner().store(statistics.groups, Relaxed);
        self.conflicts.inner().store(statistics.conflicts, Relaxed);
        self.newest.set(statistics.newest);
        self.bytes.set(statistics.bytes);
        self.room.set(statistics.room);
        self.renewals.set(statistics.renewals);
        for (kind, count) in &statistics.resources {
            self.resources.get_or_create(&TypeLabel { r#type: kind.clone() }).set(*count);
        }
        for (state, count) in referrals {
            self.referrals.get_or_create(&StateLabel { state: state.code() }).set(*count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEALTH: RouteLabels = RouteLabels { method: "GET", route: "/healthz" };

    #[test]
    fn counts_and_writes() {
        let metrics = Metrics::new();
        metrics.count_request(HEALTH, 200, Duration::from_micros(700));
        metrics.count_request(HEALTH, 418, Duration::from_secs(100));
        metrics.count_request(RouteLabels::UNKNOWN, 404, Duration::from_micros(1));
        let held = metrics.track_poll();
        metrics.count_unreadable(Key::ReferenceDangling);
        let text = metrics.encode().unwrap();
        for line in [
            "# TYPE handoff_requests counter",
            "handoff_requests_total{method=\"GET\",route=\"/healthz\",status=\"200\"} 1",
            "handoff_requests_total{method=\"GET\",route=\"/healthz\",status=\"other\"} 1",
            "handoff_requests_total{method=\"other\",route=\"other\",status=\"404\"} 1",
            "# UNIT handoff_request_duration_seconds seconds",
            "handoff_request_duration_seconds_bucket{le=\"0.0005\",method=\"GET\",route=\"/healthz\"} 0",
            "handoff_request_duration_seconds_bucket{le=\"0.001\",method=\"GET\",route=\"/healthz\"} 1",
            "handoff_request_duration_seconds_bucket{le=\"61.0\",method=\"GET\",route=\"/healthz\"} 1",
            "handoff_request_duration_seconds_bucket{le=\"+Inf\",method=\"GET\",route=\"/healthz\"} 2",
            "handoff_request_duration_seconds_sum{method=\"GET\",route=\"/healthz\"} 100.0007",
            "handoff_request_duration_seconds_count{method=\"GET\",route=\"/healthz\"} 2",
            "handoff_polls_held 1",
            "handoff_records_unreadable_total{rule=\"reference-dangling\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
        assert!(text.ends_with("\n# EOF\n"), "{text}");
        drop(held);
        assert!(metrics.encode().unwrap().contains("handoff_polls_held 0\n"));
    }

    #[test]
    fn a_duration_on_a_bound_is_within_it() {
        let metrics = Metrics::new();
        metrics.count_request(HEALTH, 200, Duration::from_micros(500));
        let text = metrics.encode().unwrap();
        assert!(text.contains("_bucket{le=\"0.0005\",method=\"GET\",route=\"/healthz\"} 1\n"), "{text}");
    }

    #[test]
    fn takes_over_what_the_store_counts() {
        let metrics = Metrics::new();
        let resources = vec![("Patient".to_owned(), 7)];
        let statistics = Statistics {
            newest: 5,
            resources,
            bytes: 4096,
            room: 8192,
            commits: 3,
            groups: 2,
            ..Statistics::default()
        };
        let referrals: Vec<(State, u64)> = State::ALL.iter().map(|state| (*state, 0)).collect();
        metrics.set_store(&statistics, &referrals, Timestamp::UNIX_EPOCH);
        // Asked again, the numbers are the store's, and not added up.
        metrics.set_store(&statistics, &referrals, Timestamp::UNIX_EPOCH);
        let text = metrics.encode().unwrap();
        for line in [
            "handoff_polls_total 0",
            "handoff_commits_total 3",
            "handoff_commit_groups_total 2",
            "handoff_commit_conflicts_total 0",
            "handoff_commit_sequence 5",
            "handoff_store_bytes 4096",
            "handoff_store_room_bytes 8192",
            "handoff_resources{type=\"Patient\"} 7",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
        for state in State::ALL {
            assert!(text.contains(&format!("handoff_referrals{{state=\"{}\"}} 0\n", state.code())), "{text}");
        }
    }
}

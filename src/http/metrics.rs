//! What the gateway counts about itself, in the text format of Prometheus
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
//!
//! Counting a request is a few additions to numbers in a fixed place. Labels are routes, methods, statuses and codes of
//! our own tables; nothing that a client sent becomes one.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The statuses that are answered; the last place counts all others.
const STATUSES: [u16; 19] =
    [200, 201, 204, 304, 400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 428, 500, 501, 503];

/// The upper bounds of the duration buckets, in microseconds. A held poll takes up to a minute.
const BOUNDS: [u64; 13] =
    [250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 1_000_000, 10_000_000, 61_000_000];

/// All counters of one server.
#[derive(Debug)]
pub(super) struct Metrics {
    routes: Vec<RouteMetrics>,
    polls: AtomicU64,
    held: AtomicU64,
}

/// The counters of one route.
#[derive(Debug)]
struct RouteMetrics {
    method: &'static str,
    path: &'static str,
    statuses: [AtomicU64; STATUSES.len() + 1],
    buckets: [AtomicU64; BOUNDS.len() + 1],
    microseconds: AtomicU64,
}

/// A long poll that is being held; it counts until dropped, however the request ends.
pub(super) struct HeldPoll<'f>(&'f AtomicU64);

impl Drop for HeldPoll<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Metrics {
    /// Counters for these routes (method and path), and one more for requests that no route takes.
    pub(super) fn new(routes: impl Iterator<Item = (&'static str, &'static str)>) -> Self {
        let routes = routes.chain([("other", "other")]).map(|(method, path)| RouteMetrics {
            method,
            path,
            statuses: std::array::from_fn(|_| AtomicU64::new(0)),
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
            microseconds: AtomicU64::new(0),
        });
        Self { routes: routes.collect(), polls: AtomicU64::new(0), held: AtomicU64::new(0) }
    }

    /// Counts a request that the route with this number answered; none: no route took it.
    pub(super) fn count(&self, route: Option<usize>, status: u16, took: Duration) {
        let last = self.routes.len() - 1;
        let metrics = &self.routes[route.unwrap_or(last).min(last)];
        let status = STATUSES.iter().position(|known| *known == status).unwrap_or(STATUSES.len());
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|bound| took <= *bound).unwrap_or(BOUNDS.len());
        metrics.statuses[status].fetch_add(1, Relaxed);
        metrics.buckets[bucket].fetch_add(1, Relaxed);
        metrics.microseconds.fetch_add(took, Relaxed);
    }

    /// Counts a poll.
    pub(super) fn polled(&self) {
        self.polls.fetch_add(1, Relaxed);
    }

    /// Counts a long poll as held as long as the answer lives.
    pub(super) fn track_poll(&self) -> HeldPoll<'_> {
        self.held.fetch_add(1, Relaxed);
        HeldPoll(&self.held)
    }

    /// Writes the counters.
    pub(super) fn write(&self, text: &mut String) {
        head(text, "handoff_requests_total", "counter", "HTTP requests answered");
        for route in self.routes.iter().filter(|route| route.requests() > 0) {
            for (position, count) in route.statuses.iter().enumerate() {
                let (count, status) = (count.load(Relaxed), STATUSES.get(position));
                if count > 0 {
                    let status = status.map_or_else(|| "other".to_owned(), u16::to_string);
                    let labels = [("method", route.method), ("route", route.path), ("status", &status)];
                    sample(text, "handoff_requests_total", &labels, count);
                }
            }
        }
        head(text, "handoff_request_duration_seconds", "histogram", "from the request's head to the answer's");
        for route in self.routes.iter().filter(|route| route.requests() > 0) {
            route.write_durations(text);
        }
        head(text, "handoff_polls_total", "counter", "polls of the agency API");
        sample(text, "handoff_polls_total", &[], self.polls.load(Relaxed));
        head(text, "handoff_polls_held", "gauge", "polls that wait for something to say");
        sample(text, "handoff_polls_held", &[], self.held.load(Relaxed));
    }
}

impl RouteMetrics {
    fn requests(&self) -> u64 {
        self.statuses.iter().map(|count| count.load(Relaxed)).sum()
    }

    fn write_durations(&self, text: &mut String) {
        let mut sum = 0;
        for (position, count) in self.buckets.iter().enumerate() {
            sum += count.load(Relaxed);
            let bound = BOUNDS.get(position).map_or_else(|| "+Inf".to_owned(), |bound| seconds(*bound));
            let labels = [("method", self.method), ("route", self.path), ("le", &bound)];
            sample(text, "handoff_request_duration_seconds_bucket", &labels, sum);
        }
        let labels = [("method", self.method), ("route", self.path)];
        let total = seconds(self.microseconds.load(Relaxed));
        sample(text, "handoff_request_duration_seconds_sum", &labels, total);
        sample(text, "handoff_request_duration_seconds_count", &labels, sum);
    }
}

/// Announces a metric.
pub(super) fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
}

/// Writes one value of a metric. Label values are our own words and need no escape.
pub(super) fn sample(text: &mut String, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
    text.push_str(name);
    for (position, (label, message)) in labels.iter().enumerate() {
        let before = if position == 0 { '{' } else { ',' };
        let _ = write!(text, "{before}{label}=\"{message}\"");
    }
    text.push_str(if labels.is_empty() { " " } else { "} " });
    let _ = writeln!(text, "{value}");
}

fn seconds(microseconds: u64) -> String {
    let text = format!("{}.{:06}", microseconds / 1_000_000, microseconds % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_writes() {
        let metrics = Metrics::new([("GET", "/healthz")].into_iter());
        metrics.count(Some(0), 200, Duration::from_micros(700));
        metrics.count(Some(0), 418, Duration::from_secs(100));
        metrics.count(None, 404, Duration::from_micros(1));
        let held = metrics.track_poll();
        let mut text = String::new();
        metrics.write(&mut text);
        for line in [
            "handoff_requests_total{method=\"GET\",route=\"/healthz\",status=\"200\"} 1",
            "handoff_requests_total{method=\"GET\",route=\"/healthz\",status=\"other\"} 1",
            "handoff_requests_total{method=\"other\",route=\"other\",status=\"404\"} 1",
            "handoff_request_duration_seconds_bucket{method=\"GET\",route=\"/healthz\",le=\"0.0005\"} 0",
            "handoff_request_duration_seconds_bucket{method=\"GET\",route=\"/healthz\",le=\"0.001\"} 1",
            "handoff_request_duration_seconds_bucket{method=\"GET\",route=\"/healthz\",le=\"+Inf\"} 2",
            "handoff_request_duration_seconds_sum{method=\"GET\",route=\"/healthz\"} 100.0007",
            "handoff_polls_held 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
        drop(held);
        text.clear();
        metrics.write(&mut text);
        assert!(text.contains("handoff_polls_held 0\n"));
    }
}

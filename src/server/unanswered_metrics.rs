//! Figures for whoever operates a network: how many referrals wait for an answer at which program, and how long.
//!
//! Programs are told by their id in the directory. Of a large network they are told where people wait longest, and the others
//! of a state as one: whoever looks at figures has so many lines, and no more.

use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::store::Unanswered;

/// So many states of programs are told one by one.
const MAX_TOLD: usize = 200;

type NumberGauge = Gauge<u64, AtomicU64>;

/// See the module head. The store is asked when the metrics are read, and the numbers are taken over as they are.
#[derive(Debug, Default)]
pub(super) struct UnansweredMetrics {
    referrals: Family<ProgramLabels, NumberGauge>,
    oldest: Family<ProgramLabels, NumberGauge>,
}

/// A state, at a program of the directory; `other` for those that are not told, `none` for none.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProgramLabels {
    state: &'static str,
    program: String,
}

impl UnansweredMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let help = "Referrals that their program has answered with neither yes nor no, by state and program";
        registry.register("handoff_referrals_unanswered", help, metrics.referrals.clone());
        let help = "How long the oldest of them is at the program";
        registry.register_with_unit("handoff_referrals_unanswered_age", help, Unit::Seconds, metrics.oldest.clone());
        metrics
    }

    pub(super) fn set(&self, found: &[Unanswered], now: Timestamp) {
        // Whoever has answered all is not told any more.
        self.referrals.clear();
        self.oldest.clear();
        let mut oldest_first: Vec<&Unanswered> = found.iter().collect();
        oldest_first.sort_by_key(|unanswered| unanswered.since);
        for (place, Unanswered { state, program, referrals, since }) in oldest_first.into_iter().enumerate() {
            let program = match program {
                Some(program) if place < MAX_TOLD => program,
                Some(_) => "other",
                None => "none",
            };
            let labels = ProgramLabels { state: state.code(), program: program.to_owned() };
            self.referrals.get_or_create(&labels).inc_by(*referrals);
            let age = now.as_second().saturating_sub(since.as_second()).max(0).cast_unsigned();
            let oldest = self.oldest.get_or_create(&labels);
            oldest.set(oldest.get().max(age));
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;
    use crate::referral::state::State;

    fn at(program: Option<&str>, since: &str) -> Unanswered {
        let since = since.parse().unwrap();
        Unanswered { state: State::Sent, program: program.map(str::to_owned), referrals: 2, since }
    }

    #[test]
    fn those_who_wait_longest_are_told_by_name() {
        let mut registry = Registry::default();
        let metrics = UnansweredMetrics::new(&mut registry);
        let mut found: Vec<Unanswered> =
            (0..250).map(|number| at(Some(&format!("program-{number}")), "2026-11-20T09:00:00Z")).collect();
        found.push(at(Some("slow"), "2026-11-01T10:00:00Z"));
        found.push(at(None, "2026-11-21T08:00:00Z"));
        let now = "2026-11-21T10:00:00Z".parse().unwrap();
        // Asked again, the numbers are the store's, and not added up.
        metrics.set(&found, now);
        metrics.set(&found, now);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "handoff_referrals_unanswered{state=\"sent\",program=\"slow\"} 2",
            "handoff_referrals_unanswered_age_seconds{state=\"sent\",program=\"slow\"} 1728000",
            "handoff_referrals_unanswered_age_seconds{state=\"sent\",program=\"none\"} 7200",
            "handoff_referrals_unanswered{state=\"sent\",program=\"other\"} 102",
            "handoff_referrals_unanswered_age_seconds{state=\"sent\",program=\"other\"} 90000",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
        metrics.set(&[], now);
        text.clear();
        encode(&mut text, &registry).unwrap();
        assert!(!text.contains("slow"), "{text}");
    }
}

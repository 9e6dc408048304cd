//! The same refusal again and again: the first of its kind is remembered by itself, the others of the same minute are counted
//! and remembered together. So who is refused a thousand times a second writes two rows a minute, and an auditor still reads who
//! was refused what, by which rule and how often.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::fhir::ResourceKey;
use crate::referral::plan::AuditEntry;

/// How long refusals of a kind are counted, from the first on.
const COUNTED_FOR: SignedDuration = SignedDuration::from_mins(1);

/// How many kinds of refusals of one client are told apart within that time, and how many resources that it was refused.
const MAX_KINDS: usize = 100;
const MAX_SUBJECTS: usize = 10_000;

/// What a refusal says when there were too many kinds to tell it apart.
const OTHER_RULES: &str = "other";

/// What was done, to what, and the rules that refused it.
type RefusalKind = (String, Option<ResourceKey>, String);

/// See the module head.
#[derive(Debug, Default)]
pub(super) struct RepeatedRefusals {
    /// By client
    kinds: HashMap<String, HashMap<RefusalKind, Repetitions>>,
}

#[derive(Debug)]
struct Repetitions {
    since: Timestamp,
    more: u64,
    last: AuditEntry,
}

impl RepeatedRefusals {
    /// The refusal, if it is to be remembered by itself; otherwise it is counted.
    pub(super) fn first_of_its_kind(&mut self, mut entry: AuditEntry) -> Option<AuditEntry> {
        let kinds = self.kinds.entry(entry.client.clone()).or_default();
        let mut kind = (entry.action.to_string(), entry.subject.clone(), entry.detail.clone());
        let most = if entry.subject.is_some() { MAX_SUBJECTS } else { MAX_KINDS };
        if kinds.len() >= most && !kinds.contains_key(&kind) {
            (entry.subject, entry.detail) = (None, OTHER_RULES.to_owned());
            kind = (entry.action.to_string(), None, OTHER_RULES.to_owned());
        }
        if let Some(repetitions) = kinds.get_mut(&kind) {
            repetitions.more += 1;
            repetitions.last = entry;
            return None;
        }
        kinds.insert(kind, Repetitions { since: entry.at, more: 0, last: entry.clone() });
        Some(entry)
    }

    /// What was counted and is over by now, or all of it: an entry for each kind that came again, which says how often.
    pub(super) fn take_counted(&mut self, now: Timestamp, all: bool) -> Vec<AuditEntry> {
        let mut counted = Vec::new();
        self.kinds.retain(|_, kinds| {
            kinds.retain(|_, Repetitions { since, more, last }| {
                // A clock that was set back ends it, too.
                let is_over = all || !(SignedDuration::ZERO..COUNTED_FOR).contains(&now.duration_since(*since));
                if is_over && *more > 0 {
                    let detail = format!("{}; {more} more", last.detail);
                    counted.push(AuditEntry { detail, ..last.clone() });
                }
                !is_over
            });
            !kinds.is_empty()
        });
        counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::referral::plan::AuditOutcome;

    fn refusal(second: i64, detail: &str, subject: Option<&str>) -> AuditEntry {
        let at = Timestamp::from_second(second).unwrap();
        let subject = subject.map(|id| ResourceKey::new("Task", id));
        let refused = AuditEntry::of_nobody("refused", AuditOutcome::Refused, detail.to_owned(), at);
        AuditEntry { client: "c".to_owned(), subject, ..refused }
    }

    #[test]
    fn what_repeats_is_counted_by_the_minute() {
        let mut refusals = RepeatedRefusals::default();
        let first = |refusals: &mut RepeatedRefusals, entry| refusals.first_of_its_kind(entry).is_some();
        assert!(first(&mut refusals, refusal(0, "binding", None)));
        for second in 1..50 {
            assert!(!first(&mut refusals, refusal(second, "binding", None)));
        }
        assert!(first(&mut refusals, refusal(50, "missing", None)));
        assert!(first(&mut refusals, refusal(50, "binding", Some("1"))));
        assert!(refusals.take_counted(Timestamp::from_second(59).unwrap(), false).is_empty());
        let counted = refusals.take_counted(Timestamp::from_second(60).unwrap(), false);
        assert_eq!(counted, [refusal(49, "binding; 49 more", None)]);
        assert!(first(&mut refusals, refusal(61, "binding", None)), "another minute");
        assert!(!first(&mut refusals, refusal(62, "missing", None)));
        let rest = refusals.take_counted(Timestamp::from_second(63).unwrap(), true);
        assert_eq!(rest, [refusal(62, "missing; 1 more", None)]);
    }

    #[test]
    fn whoever_is_refused_in_ever_new_ways_writes_no_more_rows_for_it() {
        let mut refusals = RepeatedRefusals::default();
        let remembered = |refusals: &mut RepeatedRefusals, name: &str, subject: fn(&str) -> Option<&str>| {
            let all = (0..30_000).map(|number| format!("{name}-{number}"));
            all.filter(|way| refusals.first_of_its_kind(refusal(1, way, subject(way))).is_some()).count()
        };
        assert_eq!(remembered(&mut refusals, "way", |_| None), MAX_KINDS + 1);
        assert_eq!(remembered(&mut refusals, "task", |way| Some(way)), MAX_SUBJECTS - MAX_KINDS - 1);
        let counted = refusals.take_counted(Timestamp::from_second(99).unwrap(), false);
        let expected = 60_000 - MAX_SUBJECTS;
        assert_eq!(
            counted.iter().map(|entry| entry.detail.as_str()).collect::<Vec<_>>(),
            [format!("other; {expected} more")]
        );
        assert!(refusals.kinds.is_empty());
    }
}

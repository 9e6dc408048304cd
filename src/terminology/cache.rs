//! What the server answered before. Bounded: the oldest answer makes room for a new one.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A code, and the value set that it is in or not.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Question {
    /// Canonical URL, with its version where the binding gives one
    pub(super) value_set: String,
    /// Nothing where the value set has to tell it
    pub(super) system: Option<String>,
    pub(super) code: String,
}

/// Yes, no, or that the server does not know.
pub(super) type Answer = Option<bool>;

/// Answers, each with the time at which it is forgotten.
#[derive(Debug)]
pub(super) struct Cache {
    capacity: usize,
    answer_ttl: Duration,
    unknown_ttl: Duration,
    answers: Mutex<Answers>,
}

#[derive(Debug, Default)]
struct Answers {
    known: HashMap<Arc<Question>, (Answer, Instant)>,
    /// In the order in which they came; each once
    order: VecDeque<Arc<Question>>,
}

impl Cache {
    pub(super) fn new(capacity: usize, answer_ttl: Duration, unknown_ttl: Duration) -> Self {
        Self { capacity: capacity.max(1), answer_ttl, unknown_ttl, answers: Mutex::default() }
    }

    /// The answer, if there was one that is still good.
    pub(super) fn get(&self, question: &Question, now: Instant) -> Option<Answer> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.known.get(question).filter(|(_, until)| now < *until).map(|(answer, _)| *answer)
    }

    /// Remembers an answer.
    pub(super) fn put(&self, question: Question, answer: Answer, now: Instant) {
        let until = now + if answer.is_some() { self.answer_ttl } else { self.unknown_ttl };
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = answers.known.get_mut(&question) {
            *known = (answer, until);
            return;
        }
        let question = Arc::new(question);
        answers.known.insert(question.clone(), (answer, until));
        answers.order.push_back(question);
        if answers.order.len() > self.capacity
            && let Some(oldest) = answers.order.pop_front()
        {
            answers.known.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(code: &str) -> Question {
        Question { value_set: "urn:set".into(), system: None, code: code.into() }
    }

    #[test]
    fn forgets_in_time_and_keeps_no_more_than_it_may() {
        let start = Instant::now();
        let cache = Cache::new(2, Duration::from_secs(10), Duration::from_secs(1));
        cache.put(question("a"), Some(true), start);
        cache.put(question("b"), None, start);
        assert_eq!(cache.get(&question("a"), start), Some(Some(true)));
        assert_eq!(cache.get(&question("b"), start), Some(None));
        assert_eq!(cache.get(&question("c"), start), None);
        let later = start + Duration::from_secs(1);
        assert_eq!(cache.get(&question("b"), later), None, "not knowing is kept a shorter time");
        cache.put(question("b"), Some(false), later);
        assert_eq!(cache.get(&question("b"), later), Some(Some(false)));
        cache.put(question("c"), Some(true), later);
        assert_eq!(cache.get(&question("a"), later), None, "the oldest made room");
        assert_eq!(cache.get(&question("c"), later), Some(Some(true)));
    }
}

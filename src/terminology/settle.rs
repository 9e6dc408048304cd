//! The questions of a report to answers, in time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::cache::{Answer, Question};
use super::server_state::ServerState;
use crate::fhir::Issue;
use crate::profile::{self, Report};

/// The findings of a report, with those that the answers bring.
pub(super) async fn settle(asked: &Arc<ServerState>, report: Report) -> Vec<Issue> {
    let answers = answers(asked, &report.questions).await;
    report.settle(|question| {
        let answers = each(question).map(|one| answers.get(&one).copied().flatten());
        any(answers)
    })
}

/// One code suffices; none of them is the answer only if that is known of every one.
fn any(answers: impl Iterator<Item = Answer>) -> Answer {
    let mut found = Some(false);
    for answer in answers {
        match answer {
            Some(true) => return answer,
            None => found = None,
            Some(false) => {}
        }
    }
    found
}

/// The question about each of the codes.
fn each(question: &profile::Question) -> impl Iterator<Item = Question> {
    question.codes.iter().map(|(system, code)| Question {
        value_set: question.value_set.clone(),
        system: system.clone(),
        code: code.clone(),
    })
}

/// What is known about each code when the time is over. Requests that still run go on: the next report has use for their
/// answers.
async fn answers(asked: &Arc<ServerState>, questions: &[profile::Question]) -> HashMap<Question, Answer> {
    let now = Instant::now();
    let mut known = HashMap::new();
    let mut open = HashSet::new();
    for question in questions.iter().flat_map(each) {
        match asked.cache.get(&question, now) {
            Some(answer) => {
                known.insert(question, answer);
            }
            None => {
                open.insert(question);
            }
        }
    }
    let until = now + asked.limit;
    let mut running = JoinSet::new();
    for question in open {
        let asked = asked.clone();
        running.spawn(async move {
            let answer = ask(&asked, &question, until).await;
            (question, answer)
        });
    }
    while let Ok(Some(ended)) = timeout_at(until, running.join_next()).await {
        if let Ok((question, answer)) = ended {
            known.insert(question, answer);
        }
    }
    running.detach_all();
    known
}

/// Asks about one code, unless somebody did meanwhile or the server is down. Who finds no room until then gives up.
async fn ask(asked: &ServerState, question: &Question, until: Instant) -> Answer {
    let _room = timeout_at(until, asked.room.acquire()).await.ok()?.ok()?;
    if let Some(answer) = asked.cache.get(question, Instant::now()) {
        return answer;
    }
    if !asked.breaker.may_ask(Instant::now()) {
        return None;
    }
    match asked.server.ask(question).await {
        Ok(answer) => {
            asked.breaker.answered();
            asked.cache.put(question.clone(), answer, Instant::now());
            answer
        }
        Err(silence) => {
            // The code stays out of the log: it may say what somebody suffers from.
            tracing::debug!(value_set = question.value_set, why = silence.0, "the terminology server gave no answer");
            if asked.breaker.failed(Instant::now()) {
                tracing::warn!(
                    why = silence.0,
                    "the terminology server is down; codes that it would judge are not checked"
                );
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_yes_suffices_and_a_no_needs_all() {
        for (answers, expected) in [
            (&[Some(false), Some(true)][..], Some(true)),
            (&[None, Some(true)], Some(true)),
            (&[Some(false), None], None),
            (&[Some(false), Some(false)], Some(false)),
        ] {
            assert_eq!(any(answers.iter().copied()), expected, "{answers:?}");
        }
    }
}

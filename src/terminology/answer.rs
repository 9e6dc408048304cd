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
pub(super) async fn answer_questions(state: &Arc<ServerState>, report: Report) -> Vec<Issue> {
    let answers = find_answers(state, &report.questions).await;
    report.settle(|question| {
        let answers = questions_about(question).map(|one| answers.get(&one).copied().flatten());
        any_code(answers)
    })
}

/// One code suffices; none of them is the answer only if that is known of every one.
fn any_code(answers: impl Iterator<Item = Answer>) -> Answer {
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
fn questions_about(question: &profile::Question) -> impl Iterator<Item = Question> {
    question.codes.iter().map(|(system, code)| Question {
        value_set: question.value_set.clone(),
        system: system.clone(),
        code: code.clone(),
    })
}

/// What is known about each code when the time is over. Requests that still run go on: the next report has use for their
/// answers.
async fn find_answers(state: &Arc<ServerState>, questions: &[profile::Question]) -> HashMap<Question, Answer> {
    let now = Instant::now();
    let mut known = HashMap::new();
    let mut open = HashSet::new();
    for question in questions.iter().flat_map(questions_about) {
        match state.cache.get(&question, now) {
            Some(answer) => {
                known.insert(question, answer);
            }
            None => {
                open.insert(question);
            }
        }
    }
    let until = now + state.timeout;
    let mut running = JoinSet::new();
    for question in open {
        let state = state.clone();
        running.spawn(async move {
            let answer = ask_server(&state, &question, until).await;
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
async fn ask_server(state: &ServerState, question: &Question, until: Instant) -> Answer {
    let _permit = timeout_at(until, state.permits.acquire()).await.ok()?.ok()?;
    if let Some(answer) = state.cache.get(question, Instant::now()) {
        return answer;
    }
    if !state.breaker.allows_request(Instant::now()) {
        return None;
    }
    match state.server.validate_code(question).await {
        Ok(answer) => {
            state.breaker.record_success();
            state.cache.put(question.clone(), answer, Instant::now());
            answer
        }
        Err(unavailable) => {
            // The code stays out of the log: it may say what somebody suffers from.
            tracing::debug!(
                value_set = question.value_set,
                why = unavailable.0,
                "the terminology server gave no answer"
            );
            if state.breaker.record_failure(Instant::now()) {
                tracing::warn!(
                    why = unavailable.0,
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
            assert_eq!(any_code(answers.iter().copied()), expected, "{answers:?}");
        }
    }
}

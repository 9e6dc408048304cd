//! Asking a terminology server, a made-up one on this machine: what it says, what it leaves open, and when it is not
//! asked at all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::response::{IntoResponse, Response};
use handoff::fhir::{Issue, Key};
use handoff::profile::{Question, Report};
use handoff::terminology::{Settings, Terminology, Token};
use tokio::net::TcpListener;

const SET: &str = "http://codes.example/ValueSet/help";
const SYSTEM: &str = "http://codes.example/help";

/// A server that answers by the code that it is asked about, and remembers what it was asked.
struct Fake {
    url: String,
    asked: Arc<Mutex<Vec<RequestedServices>>>,
}

/// One request that it got.
#[derive(Debug, Clone)]
struct RequestedServices {
    target: String,
    token: Option<String>,
    has_body: bool,
}

impl Fake {
    async fn start() -> Self {
        let asked: Arc<Mutex<Vec<RequestedServices>>> = Arc::default();
        let router = Router::new().fallback(answer).with_state(asked.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/r4", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, asked }
    }

    fn terminology(&self) -> Terminology {
        self.terminology_with(|_| {})
    }

    fn terminology_with(&self, change: impl FnOnce(&mut Settings)) -> Terminology {
        let mut settings = Settings::of(&self.url);
        // Long enough for a busy machine: only those tests wait for it that ask what never comes.
        settings.timeout = Duration::from_mins(1);
        change(&mut settings);
        Terminology::of(&settings).unwrap()
    }

    fn asked(&self) -> Vec<RequestedServices> {
        self.asked.lock().unwrap().clone()
    }

    fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

async fn answer(State(asked): State<Arc<Mutex<Vec<RequestedServices>>>>, request: Request) -> Response {
    let target = request.uri().to_string();
    let token = request.headers().get(AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
    let has_body = request.headers().contains_key("content-length");
    asked.lock().unwrap().push(RequestedServices { target: target.clone(), token, has_body });
    let code = target.split("&code=").nth(1).unwrap_or_default();
    let result = |result: bool| {
        format!(r#"{{"resourceType":"Parameters","parameter":[{{"name":"result","valueBoolean":{result}}}]}}"#)
    };
    match code {
        "yes" => result(true).into_response(),
        "no" => result(false).into_response(),
        "never" => std::future::pending().await,
        "garbage" => "<html>it works</html>".into_response(),
        "unknown" => {
            let outcome = r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"not-found"}]}"#;
            (StatusCode::NOT_FOUND, outcome).into_response()
        }
        "long" => vec![b' '; 1 << 20].into_response(),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "").into_response(),
    }
}

/// A report that asks, for each item, whether one of these codes is in the set.
fn report(questions: &[&[&str]]) -> Report {
    let question = |codes: &&[&str]| Question {
        value_set: SET.to_owned(),
        codes: codes.iter().map(|code| (Some(SYSTEM.to_owned()), (*code).to_owned())).collect(),
        if_not: Issue::error(Key::Binding, "Task.code", format!("not in the set: {}", codes.join(" "))),
        if_unknown: Issue::information(Key::NotChecked, "Task.code", "the set is not at hand"),
    };
    let found = Issue::error(Key::Missing, "Task.focus", "found before");
    Report { issues: vec![found], questions: questions.iter().map(question).collect() }
}

/// The findings that a settled report has besides what was found before.
fn message(issues: Vec<Issue>) -> Vec<String> {
    let mut message: Vec<String> = issues.into_iter().map(|issue| issue.text).collect();
    let position = message.iter().position(|text| text == "found before").expect("what was found before stays");
    message.remove(position);
    message
}

const UNKNOWN: &str = "the set is not at hand";

#[tokio::test]
async fn a_yes_is_silent_and_a_no_is_what_the_rule_says() {
    let fake = Fake::start().await;
    let terminology = fake.terminology();
    assert_eq!(message(terminology.answer_questions(report(&[&["yes"]])).await), [""; 0]);
    assert_eq!(message(terminology.answer_questions(report(&[&["no"]])).await), ["not in the set: no"]);
    // One code of several suffices.
    assert_eq!(message(terminology.answer_questions(report(&[&["no", "yes"], &["no"]])).await), ["not in the set: no"]);
}

#[tokio::test]
async fn nothing_is_sent_but_set_system_and_code() {
    let fake = Fake::start().await;
    let terminology = fake.terminology_with(|settings| settings.token = Some(Token::new("secret")));
    terminology.answer_questions(report(&[&["yes"]])).await;
    let asked = fake.asked();
    assert_eq!(asked.len(), 1);
    let expected = "/r4/ValueSet/$validate-code?url=http%3A%2F%2Fcodes.example%2FValueSet%2Fhelp\
                    &system=http%3A%2F%2Fcodes.example%2Fhelp&code=yes";
    assert_eq!(asked[0].target, expected);
    assert_eq!(asked[0].token.as_deref(), Some("Bearer secret"));
    assert!(!asked[0].has_body);
    assert!(!format!("{:?}", Settings { token: Some(Token::new("secret")), ..Settings::of("x") }).contains("secret"));
}

#[tokio::test]
async fn a_question_is_asked_once() {
    let fake = Fake::start().await;
    let terminology = fake.terminology();
    terminology.answer_questions(report(&[&["yes"], &["yes"], &["no"], &["unknown"]])).await;
    assert_eq!(fake.count(), 3, "the same question within a report is one");
    let again = terminology.clone().answer_questions(report(&[&["unknown"], &["no"], &["yes"]])).await;
    let mut again = message(again);
    again.sort_unstable();
    assert_eq!(again, ["not in the set: no", UNKNOWN]);
    assert_eq!(fake.count(), 3, "yes, no and not knowing are all remembered");
}

#[tokio::test]
async fn an_answer_grows_old() {
    let fake = Fake::start().await;
    let terminology = fake.terminology_with(|settings| settings.answer_ttl = Duration::ZERO);
    for count in 1..=2 {
        terminology.answer_questions(report(&[&["yes"]])).await;
        assert_eq!(fake.count(), count);
    }
}

#[tokio::test]
async fn trouble_is_never_a_no_and_is_said_once() {
    let fake = Fake::start().await;
    for code in ["garbage", "unknown", "broken", "long"] {
        let terminology = fake.terminology();
        assert_eq!(message(terminology.answer_questions(report(&[&[code], &[code, "no"]])).await), [UNKNOWN], "{code}");
    }
    // Nobody listens there.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let terminology = Terminology::of(&Settings::of(url)).unwrap();
    assert_eq!(message(terminology.answer_questions(report(&[&["yes"]])).await), [UNKNOWN]);
    // Nobody is asked at all.
    assert_eq!(message(Terminology::none().answer_questions(report(&[&["yes"]])).await), [UNKNOWN]);
}

#[tokio::test]
async fn what_comes_too_late_stays_open_and_the_rest_counts() {
    let fake = Fake::start().await;
    // The quick answer is here before the slow one is waited for.
    let terminology = fake.terminology_with(|settings| settings.timeout = Duration::from_millis(500));
    terminology.answer_questions(report(&[&["no"]])).await;
    let mut message = message(terminology.answer_questions(report(&[&["never"], &["no"]])).await);
    message.sort_unstable();
    assert_eq!(message, ["not in the set: no", UNKNOWN]);
}

#[tokio::test]
async fn a_server_that_is_down_is_left_alone() {
    let fake = Fake::start().await;
    let terminology = fake.terminology_with(|settings| {
        settings.max_failures = 2;
        settings.max_requests = 1;
    });
    for code in ["a", "b", "c", "d"] {
        assert_eq!(message(terminology.answer_questions(report(&[&[code]])).await), [UNKNOWN]);
    }
    assert_eq!(fake.count(), 2, "after two failures in a row nobody asks");
    let many: Vec<String> = (0..50).map(|number| format!("x{number}")).collect();
    let many: Vec<[&str; 1]> = many.iter().map(|code| [code.as_str()]).collect();
    let many: Vec<&[&str]> = many.iter().map(<[&str; 1]>::as_slice).collect();
    assert_eq!(message(terminology.answer_questions(report(&many)).await), [UNKNOWN]);
    assert_eq!(fake.count(), 2);

    // Once the pause is over, one tries, and when it is answered all may ask again.
    let terminology = fake.terminology_with(|settings| {
        settings.max_failures = 1;
        settings.pause = Duration::ZERO;
    });
    assert_eq!(message(terminology.answer_questions(report(&[&["broken"]])).await), [UNKNOWN]);
    assert_eq!(message(terminology.answer_questions(report(&[&["no"]])).await), ["not in the set: no"]);
}

#[tokio::test]
async fn many_reports_at_once_ask_one_by_one_where_that_is_wanted() {
    let fake = Fake::start().await;
    let terminology = fake.terminology_with(|settings| settings.max_requests = 1);
    let running: Vec<_> = (0..40)
        .map(|_| {
            let terminology = terminology.clone();
            tokio::spawn(async move { message(terminology.answer_questions(report(&[&["no"]])).await) })
        })
        .collect();
    for report in running {
        assert_eq!(report.await.unwrap(), ["not in the set: no"]);
    }
    assert_eq!(fake.count(), 1, "who waited for room finds the answer that came meanwhile");
}

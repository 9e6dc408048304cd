//! Whatever is accepted reads back in every view, for everybody who takes part in it; whatever is not is refused with
//! what is wrong and where. Random messages, events, records and sheets of many parties; large numbers come from `scale`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod gateway;
mod messages;
mod moves;
mod odd;
mod random;
#[path = "../scale/mod.rs"]
mod scale;
mod views;

use std::collections::BTreeMap;

use handoff::security::Role;
use serde_json::Value;

use gateway::{Answer, Ask, Gateway};
use messages::Messages;
use moves::Moves;
use random::Random;
use views::{Seen, Story};

/// How many steps are taken in one gateway: what it holds is looked at by everybody, all of it.
const STEPS: usize = 40;

/// What may come of a request that changes something.
const REFUSALS: &[u16] = &[400, 403, 404, 405, 409, 412, 413, 415, 422, 428, 429];

/// How often each kind of step was accepted, of how many.
type Counts = BTreeMap<&'static str, (usize, usize)>;

#[tokio::test]
async fn whatever_is_accepted_reads_back_in_every_view() {
    let (messages, moves) = (Messages::load(), Moves::load());
    let worlds = u64::from(scale::scaled(100_000)).div_ceil(STEPS as u64);
    let first = std::env::var("HANDOFF_TEST_SEED").ok().map(|seed| seed.parse().unwrap());
    let mut counts = Counts::new();
    let (mut reads, mut owned) = (0, 0);
    for seed in first.map_or(0..worlds, |seed: u64| seed..seed + 1) {
        let Seen { reads: read, owned: told } = world(seed, &messages, &moves, &mut counts).await;
        reads += read;
        owned += told;
    }
    println!("{worlds} gateways, {reads} reads, {owned} referrals with their owners; accepted: {counts:?}");
    if first.is_none() {
        // What is refused at the door shows nothing of what reads back.
        for (step, (accepted, asked)) in counts {
            assert!(accepted * 10 >= asked, "{step}: only {accepted} of {asked} were accepted");
        }
        assert!(owned > usize::try_from(worlds).unwrap(), "only {owned} referrals came to an owner");
    }
}

/// Takes the steps of one gateway, and looks at all of it.
async fn world(seed: u64, messages: &Messages, moves: &Moves, counts: &mut Counts) -> Seen {
    let gateway = Gateway::new().await;
    let includes = views::includes(&gateway).await;
    let (mut random, mut story) = (Random::new(seed), Story::new(seed));
    for number in 0..STEPS {
        gateway.tick();
        if let Some((name, by, ask)) = step(&gateway, &mut random, &story, (messages, moves), number).await {
            let answer = gateway.ask(&gateway.clients[by], &ask).await;
            let count = counts.entry(name).or_default();
            count.1 += 1;
            if is_accepted(&gateway, &story, by, &ask, &answer) {
                count.0 += 1;
                let put = if name == "record" { serde_json::from_str(&ask.body).ok() } else { None };
                if let Some(word) = put.and_then(|put| moves::lost_word(&put, &answer.json())) {
                    let why = format!("{word} is not as it was put");
                    story.fail(&why, &gateway.clients[by], &ask, &answer, &ask.path);
                }
                story.accept(by, &ask, &answer);
            }
        }
    }
    views::look(&gateway, &story, &includes).await
}

/// The next request: of what kind, by which client. None where it would be about what is not there.
async fn step(
    gateway: &Gateway,
    random: &mut Random,
    story: &Story,
    (messages, moves): (&Messages, &Moves),
    number: usize,
) -> Option<(&'static str, usize, Ask)> {
    let of_role = |role: Role| -> Vec<usize> {
        (0..gateway.clients.len()).filter(|at| gateway.clients[*at].role == role).collect()
    };
    let (ehrs, agencies) = (of_role(Role::Ehr), of_role(Role::Agency));
    match random.below(20) {
        0..=5 => Some(("message", *random.pick(&ehrs), messages.ask(random, number))),
        6..=7 => Some(("resource", *random.pick(&ehrs), messages.single(random))),
        8..=9 => {
            let (address, by) = random.pick(Some(&*story.written).filter(|written| !written.is_empty())?).clone();
            let ask = moves::update(gateway, random, &gateway.clients[by], &address).await?;
            Some(("update", by, ask))
        }
        10 => {
            let (by, id) = owned(gateway, random, &agencies).await?;
            let ask = moves::update(gateway, random, &gateway.clients[by], &format!("Task/{id}")).await?;
            Some(("update of the owner", by, ask))
        }
        11..=14 => {
            let (by, id) = owned(gateway, random, &agencies).await?;
            Some(("event", by, moves.event(random, &id)))
        }
        15..=17 => {
            let (by, id) = owned(gateway, random, &agencies).await?;
            let own = Ask::get(format!("/agency/v1/referrals/{id}"));
            let seen = gateway.ask(&gateway.clients[by], &own).await;
            (seen.status == 200).then(|| ("record", by, moves.record(random, &id, &seen)))
        }
        _ => {
            let (by, id) = owned(gateway, random, &agencies).await?;
            let own = Ask::get(format!("/agency/v1/referrals/{id}"));
            let record = gateway.ask(&gateway.clients[by], &own).await;
            let sheet = gateway.ask(&gateway.clients[by], &own.header("accept", "text/csv")).await;
            if record.status != 200 || sheet.status != 200 {
                return None;
            }
            let kind = record.json()["type"].as_str().unwrap().to_owned();
            Some(("sheet", by, Moves::sheet(random, &kind, &sheet.text)))
        }
    }
}

/// A referral of an agency that has any.
async fn owned(gateway: &Gateway, random: &mut Random, agencies: &[usize]) -> Option<(usize, String)> {
    let from = random.below(agencies.len());
    for at in 0..agencies.len() {
        let by = agencies[(from + at) % agencies.len()];
        let list = gateway.ask(&gateway.clients[by], &Ask::get("/agency/v1/referrals")).await.json();
        let records = list["records"].as_array().unwrap();
        let ids: Vec<&str> = records.iter().filter_map(|record| record["id"].as_str()).collect();
        if !ids.is_empty() {
            return Some((by, (*random.pick(&ids)).to_owned()));
        }
    }
    None
}

/// Was it accepted? Ends the test where the answer is neither, or a refusal does not say what is wrong.
fn is_accepted(gateway: &Gateway, story: &Story, by: usize, ask: &Ask, answer: &Answer) -> bool {
    let client = &gateway.clients[by];
    if matches!(answer.status, 200 | 201) {
        let refused =
            |entry: &Value| entry["response"]["status"].as_str().is_some_and(|status| status.starts_with('5'));
        if answer.json()["entry"].as_array().is_some_and(|entries| entries.iter().any(refused)) {
            story.fail("an entry is not answered", client, ask, answer, "");
        }
        return true;
    }
    if !REFUSALS.contains(&answer.status) {
        story.fail("a request is not answered", client, ask, answer, "");
    }
    let body = answer.json();
    let issues = body["issue"].as_array().or(body["issues"].as_array()).or(body["findings"].as_array());
    if issues.is_none_or(Vec::is_empty) {
        story.fail("a refusal says nothing", client, ask, answer, "");
    }
    false
}

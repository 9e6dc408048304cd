//! Every view of everything that was accepted, by everybody who takes part: each is answered, and says what it is of.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;

use handoff::security::Role;
use serde_json::Value;

use crate::gateway::{Answer, Ask, BASE, Client, Gateway};

/// How much of a body is printed.
const SHOWN: usize = 6000;

/// What was done so far, so that whoever reads a failure can do it again.
pub(crate) struct Story {
    pub(crate) seed: u64,
    /// What was accepted, with its answer
    accepted: Vec<(Ask, String)>,
    /// What was accepted of whom: address, and number of the client
    pub(crate) written: Vec<(String, usize)>,
}

impl Story {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, accepted: Vec::new(), written: Vec::new() }
    }

    /// Remembers what was accepted, and what it made.
    pub(crate) fn accept(&mut self, by: usize, ask: &Ask, answer: &Answer) {
        for address in addresses(answer) {
            if !self.written.iter().any(|(known, _)| *known == address) {
                self.written.push((address, by));
            }
        }
        self.accepted.push((ask.clone(), answer.text.clone()));
    }

    /// Ends the test: what was asked and answered, and the accepted requests that name the resource.
    pub(crate) fn fail(&self, why: &str, client: &Client, ask: &Ask, answer: &Answer, address: &str) -> ! {
        let id = address.rsplit('/').next().unwrap_or(address);
        let marked = [format!("/{id}/"), format!("/{id}\""), format!("\"{id}\"")];
        let names = |text: &str| marked.iter().any(|mark| text.contains(mark));
        let mut told = String::new();
        let about = self.accepted.iter().filter(|(ask, answer)| {
            names(&ask.body) || names(answer) || ask.path.ends_with(id) || ask.path.contains(&marked[0])
        });
        for (ask, _) in about {
            let _ = write!(told, "\n--- {} {} {:?}\n{}", ask.method, ask.path, ask.headers, shown(&ask.body));
        }
        panic!(
            "{why}: seed {}\n{} {} {:?} by {} of {}\n{}\nanswer {}: {}\naccepted before, of {address}:{told}",
            self.seed,
            ask.method,
            ask.path,
            ask.headers,
            client.role,
            client.organization,
            shown(&ask.body),
            answer.status,
            shown(&answer.text)
        );
    }
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

/// What an answer says was made or changed.
fn addresses(answer: &Answer) -> Vec<String> {
    let mut found: Vec<String> = answer.header("location").and_then(address).into_iter().collect();
    let body: Value = serde_json::from_str(&answer.text).unwrap_or_default();
    for entry in body["entry"].as_array().into_iter().flatten() {
        let done = entry["response"]["status"].as_str().is_some_and(|status| status.starts_with('2'));
        found.extend(entry["response"]["location"].as_str().filter(|_| done).and_then(address));
    }
    found
}

/// `Type/id` of a location.
fn address(location: &str) -> Option<String> {
    let location = location.strip_prefix(BASE).unwrap_or(location);
    let mut parts = location.trim_start_matches("/fhir/").split('/');
    Some(format!("{}/{}", parts.next()?, parts.next()?))
}

/// What a look at everything found.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) reads: usize,
    /// Referrals whose owner has a record of them
    pub(crate) owned: usize,
}

/// Somebody who looks.
struct Look<'l> {
    gateway: &'l Gateway,
    story: &'l Story,
    client: &'l Client,
    reads: usize,
}

impl Look<'_> {
    /// The answer, which is good.
    async fn good(&mut self, ask: Ask, address: &str) -> Answer {
        self.one_of(ask, address, &[200]).await
    }

    async fn one_of(&mut self, ask: Ask, address: &str, statuses: &[u16]) -> Answer {
        self.reads += 1;
        let answer = self.gateway.ask(self.client, &ask).await;
        if !statuses.contains(&answer.status) {
            self.story.fail("a view is not answered", self.client, &ask, &answer, address);
        }
        if answer.status == 200 && answer.header("content-type").is_some_and(|kind| kind.contains("json")) {
            answer.json();
        }
        answer
    }

    // --- FHIR

    /// Everything of a type that the client sees, page by page, with what belongs to it.
    async fn search(&mut self, kind: &str, with: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut next = Some(format!("/fhir/{kind}?_count=20{with}"));
        while let Some(path) = next {
            let page = self.good(Ask::get(path), kind).await.json();
            for entry in page["entry"].as_array().into_iter().flatten() {
                found.extend(entry["fullUrl"].as_str().and_then(address));
            }
            let link = page["link"].as_array().into_iter().flatten().find(|link| link["relation"] == "next");
            next = link.map(|link| link["url"].as_str().unwrap().trim_start_matches(BASE).to_owned());
        }
        found
    }

    /// A resource, alone, at each version and with its history.
    async fn resource(&mut self, address: &str) {
        let read = self.good(Ask::get(format!("/fhir/{address}")), address).await;
        let version = read.json()["meta"]["versionId"].as_str().unwrap().to_owned();
        self.good(Ask::get(format!("/fhir/{address}/_history/{version}")), address).await;
        let history = self.good(Ask::get(format!("/fhir/{address}/_history")), address).await.json();
        let versions = history["entry"].as_array().into_iter().flatten();
        let versions: Vec<&str> = versions.filter_map(|it| it["resource"]["meta"]["versionId"].as_str()).collect();
        if !versions.contains(&&*version) {
            let ask = Ask::get(format!("/fhir/{address}/_history"));
            self.story.fail("a history is without its newest version", self.client, &ask, &read, address);
        }
    }

    // --- records

    /// The newest that the agency is told of each referral, from the beginning; as sheets it is told the same.
    async fn list(&mut self) -> BTreeMap<String, Value> {
        let mut told = BTreeMap::new();
        let mut since = String::new();
        loop {
            let path = format!("/agency/v1/referrals?limit=7&since={since}");
            let page = self.good(Ask::get(&path), "the list").await;
            let sheet = self.good(Ask::get(&path).header("accept", "text/csv"), "the list").await;
            let body = page.json();
            let records = body["records"].as_array().unwrap();
            if records.is_empty() {
                return told;
            }
            let first = csv::Reader::from_reader(sheet.text.as_bytes()).into_records();
            let ids: BTreeSet<String> = first.map(|row| row.unwrap()[0].trim_start_matches('\'').to_owned()).collect();
            for record in records {
                let id = record["id"].as_str().unwrap().to_owned();
                if !ids.contains(&id) || !record["unreadable"].is_null() {
                    let why =
                        if ids.contains(&id) { "a record cannot be made" } else { "a sheet is without a referral" };
                    let answer = if ids.contains(&id) { &page } else { &sheet };
                    self.story.fail(why, self.client, &Ask::get(&path), answer, &format!("Task/{id}"));
                }
                told.insert(id, record.clone());
            }
            body["cursor"].as_str().unwrap().clone_into(&mut since);
        }
    }

    /// Every view of one referral.
    async fn referral(&mut self, id: &str, is_withdrawn: bool) {
        let statuses: &[u16] = if is_withdrawn { &[200, 404] } else { &[200] };
        let (address, own) = (format!("Task/{id}"), format!("/agency/v1/referrals/{id}"));
        let record = self.one_of(Ask::get(&own), &address, statuses).await;
        let sheet = self.one_of(Ask::get(&own).header("accept", "text/csv"), &address, statuses).await;
        if record.status == 200 {
            self.comes_back(&address, &own, &record, &sheet).await;
        }
        for view in ["explanation", "eligibility", "timeline", "status"] {
            self.one_of(Ask::get(format!("{own}/{view}")), &address, statuses).await;
        }
    }

    /// What was read can be sent back as it is: the record changes nothing, and no row of the sheet is refused. Whoever
    /// takes part no longer sends nothing.
    async fn comes_back(&mut self, address: &str, own: &str, record: &Answer, sheet: &Answer) {
        let put = Ask::put(own, record.text.as_str()).header("if-match", record.header("etag").unwrap());
        let again = self.one_of(put.clone(), address, &[200, 403]).await;
        if again.status == 200 && again.text != record.text {
            self.story.fail("a record put back is another", self.client, &put, &again, address);
        }
        let kind = record.json()["type"].as_str().unwrap().to_owned();
        let take = Ask::post(format!("/agency/v1/sheets/{kind}?check=true"), sheet.text.as_str());
        let report = self.good(take.clone(), address).await;
        let is_refused = report.json()["counts"]["refused"] != Value::Null;
        if again.status == 200 && is_refused {
            self.story.fail("a sheet sent back is refused", self.client, &take, &report, address);
        }
    }
}

/// Parameters that ask for everything that belongs to resources of a type, by what the gateway says that it serves.
pub(crate) async fn includes(gateway: &Gateway) -> HashMap<String, String> {
    let statement = gateway.ask(&gateway.clients[0], &Ask::get("/fhir/metadata")).await.json();
    let mut includes = HashMap::new();
    for resource in statement["rest"][0]["resource"].as_array().unwrap() {
        let mut query = String::new();
        for (list, name) in [("searchInclude", "_include"), ("searchRevInclude", "_revinclude")] {
            for value in resource[list].as_array().into_iter().flatten() {
                let _ = write!(query, "&{name}={}", value.as_str().unwrap().replace(':', "%3A"));
            }
        }
        includes.insert(resource["type"].as_str().unwrap().to_owned(), query);
    }
    includes
}

/// Looks at everything.
pub(crate) async fn look(gateway: &Gateway, story: &Story, includes: &HashMap<String, String>) -> Seen {
    let kinds: BTreeSet<&str> = story.written.iter().map(|(address, _)| address.split('/').next().unwrap()).collect();
    let mut seen = Seen::default();
    let mut lists: BTreeMap<&str, BTreeMap<String, Value>> = BTreeMap::new();
    for (number, client) in gateway.clients.iter().enumerate() {
        let mut look = Look { gateway, story, client, reads: 0 };
        let mut found = BTreeSet::new();
        for kind in &kinds {
            let own = look.search(kind, "").await;
            let with = look.search(kind, includes.get(*kind).map_or("", String::as_str)).await;
            if let Some(address) = own.difference(&with).next() {
                let ask = Ask::get(format!("/fhir/{kind}"));
                let answer = gateway.ask(client, &ask).await;
                story.fail("a search with more is without", client, &ask, &answer, address);
            }
            found.extend(with);
        }
        for (address, _) in story.written.iter().filter(|(_, by)| *by == number) {
            if !found.contains(address) {
                let ask = Ask::get(format!("/fhir/{address}"));
                let answer = gateway.ask(client, &ask).await;
                story.fail("its sender does not find it", client, &ask, &answer, address);
            }
        }
        // Ids of the directory are words; what is in it was there before.
        for address in found.iter().filter(|address| address.contains("/id-")) {
            look.resource(address).await;
        }
        if client.role == Role::Agency {
            let told = look.list().await;
            for (id, record) in &told {
                look.referral(id, record["withdrawn"] == true).await;
            }
            lists.insert(&client.organization, told);
        } else {
            for (address, _) in story.written.iter().filter(|(address, by)| *by == number && is_task(address)) {
                let id = address.trim_start_matches("Task/");
                look.good(Ask::get(format!("/agency/v1/referrals/{id}/timeline")), address).await;
            }
        }
        seen.reads += look.reads;
        gateway.write_audit().await;
    }
    for (address, sender) in story.written.iter().filter(|(address, _)| is_task(address)) {
        seen.owned += usize::from(is_with_owner(gateway, story, &lists, address, *sender).await);
    }
    seen
}

fn is_task(address: &str) -> bool {
    address.starts_with("Task/")
}

/// Has the agency that owns a referral a record of it? Ends the test where it should.
async fn is_with_owner(
    gateway: &Gateway,
    story: &Story,
    lists: &BTreeMap<&str, BTreeMap<String, Value>>,
    address: &str,
    sender: usize,
) -> bool {
    let (client, ask) = (&gateway.clients[sender], Ask::get(format!("/fhir/{address}")));
    let answer = gateway.ask(client, &ask).await;
    let task = answer.json();
    let state = task["businessStatus"]["coding"].as_array().into_iter().flatten();
    let mut codes = state.filter_map(|coding| coding["code"].as_str());
    let is_sent = task["status"] != "draft" && codes.clone().next().is_some();
    let is_forbidden = codes.any(|code| code == "not-permitted");
    let owner = task["owner"]["reference"].as_str().and_then(|owner| owner.strip_prefix("Organization/"));
    let Some(list) = owner.and_then(|owner| lists.get(owner)).filter(|_| is_sent && !is_forbidden) else {
        return false;
    };
    match list.get(address.trim_start_matches("Task/")) {
        Some(record) => record["withdrawn"] != true,
        None => story.fail("its owner is not told of it", client, &ask, &answer, address),
    }
}

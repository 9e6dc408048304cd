//! Any search of any content finds what [`Query::matches`] says in memory, in the order asked for, page by page.

use std::collections::BTreeSet;

use handoff::referral::Scope;
use handoff::referral::plan::{Plan, Share, Write};
use handoff::store::Store;
use handoff::store::index::{IndexEntry, IndexValue};
use handoff::store::query::{Query, SortKey, Total};
use jiff::SignedDuration;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::backend::{Backend, parameters};
use crate::referral::{CLINIC, PANTRY, SHELTER, key, noon, observers, share, sharing, write};
use crate::search::query;

const ORGANIZATIONS: [&str; 3] = [CLINIC, PANTRY, SHELTER];
const NAMES: [&str; 14] = [
    "Task/a",
    "Task/b",
    "Task/c",
    "Task/d",
    "Task/e",
    "Task/f",
    "Patient/a",
    "Patient/b",
    "Patient/c",
    "Patient/d",
    "Condition/a",
    "Condition/b",
    "Condition/c",
    "Condition/d",
];

fn reference(name: &str) -> impl Strategy<Value = String> + use<> {
    let name = name.to_owned();
    let targets = [
        "Organization/harbor-pantry",
        "Organization/north-shelter",
        "Patient/a",
        "Patient/b",
        "Task/a",
        "Practitioner/harbor-pantry",
        "https://elsewhere.example/fhir/Patient/a",
        "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
    ];
    prop_oneof![
        Just(String::new()),
        select(targets.to_vec()).prop_map({
            let name = name.clone();
            move |target| format!(r#","{name}":{{"reference":"{target}"}}"#)
        }),
        Just(format!(r#","{name}":{{"identifier":{{"system":"urn:s","value":"x"}}}}"#)),
    ]
}

fn concept(name: &'static str) -> impl Strategy<Value = String> {
    let coding = select(
        &[
            r#"{"system":"urn:s","code":"x"}"#,
            r#"{"system":"urn:t","code":"x"}"#,
            r#"{"code":"x"}"#,
            r#"{"system":"urn:s","code":"y"}"#,
            r#"{"system":"urn:s"}"#,
        ][..],
    );
    vec(coding, 0..3).prop_map(move |codings| match &codings[..] {
        [] => String::new(),
        _ => format!(r#","{name}":{{"coding":[{}]}}"#, codings.join(",")),
    })
}

fn optional(choices: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop_oneof![1 => Just(String::new()), 3 => select(choices).prop_map(|choice| format!(",{choice}"))]
}

/// The members of a resource of this type.
fn body(kind: &str) -> BoxedStrategy<String> {
    let parts = match kind {
        "Task" => vec![
            optional(&[r#""status":"requested""#, r#""status":"accepted""#, r#""status":"completed""#]).boxed(),
            reference("owner").boxed(),
            reference("for").boxed(),
            concept("code").boxed(),
            optional(&[
                r#""authoredOn":"2026""#,
                r#""authoredOn":"2026-11-20""#,
                r#""authoredOn":"2026-11-20T23:30:00-05:00""#,
            ])
            .boxed(),
        ],
        "Patient" => vec![
            optional(&[
                r#""name":[{"family":"Fennimore","given":["Ada","Q."]}]"#,
                r#""name":[{"text":"ada  FENN"}]"#,
                r#""name":[{"family":"Élan \u00fc"},{"family":"fen"}]"#,
            ])
            .boxed(),
            optional(&[
                r#""birthDate":"1987""#,
                r#""birthDate":"1987-02""#,
                r#""birthDate":"1987-02-20""#,
                r#""birthDate":"2001-01-01""#,
            ])
            .boxed(),
            optional(&[
                r#""identifier":[{"system":"urn:s","value":"x"}]"#,
                r#""identifier":[{"value":"x"},{"system":"urn:t","value":"y"}]"#,
            ])
            .boxed(),
        ],
        _ => vec![
            concept("code").boxed(),
            concept("clinicalStatus").boxed(),
            reference("subject").boxed(),
            optional(&[
                r#""onsetDateTime":"1987-02""#,
                r#""onsetPeriod":{"start":"1987-01-01"}"#,
                r#""onsetPeriod":{"start":"1986","end":"1987-02-10"}"#,
                r#""onsetPeriod":{"end":"2001"}"#,
            ])
            .boxed(),
        ],
    };
    parts.prop_map(|parts| parts.concat()).boxed()
}

/// One thing that happens to the store.
#[derive(Debug, Clone)]
enum Operation {
    Put { name: &'static str, minute: i64, author: Option<&'static str>, public: bool, body: String },
    Share { task: &'static str, organizations: Vec<&'static str>, resources: Vec<&'static str> },
}

fn step() -> impl Strategy<Value = Operation> {
    let put = select(&NAMES[..]).prop_flat_map(|name| {
        let (kind, _) = name.split_once('/').unwrap();
        let author = prop_oneof![3 => select(&ORGANIZATIONS[..]).prop_map(Some), 1 => Just(None)];
        (body(kind), 0..4_i64, author, prop::bool::weighted(0.1))
            .prop_map(move |(body, minute, author, public)| Operation::Put { name, minute, author, public, body })
    });
    let organizations = subsequence(&ORGANIZATIONS[..], 0..=3);
    let share = (select(&NAMES[..6]), organizations, subsequence(&NAMES[..], 0..=10))
        .prop_map(|(task, organizations, resources)| Operation::Share { task, organizations, resources });
    prop_oneof![4 => put, 1 => share]
}

/// The parameters of a search, each as `name=value`.
#[allow(clippy::too_many_lines)] // a table of searches
fn asked(kind: &'static str) -> impl Strategy<Value = Vec<&'static str>> {
    let of_type: &[&str] = match kind {
        "Task" => &[
            "status=requested",
            "status=requested,accepted",
            "status:not=requested",
            "status:missing=true",
            "owner=Organization/harbor-pantry",
            "owner=harbor-pantry",
            "owner:Organization=harbor-pantry",
            "owner=Organization/harbor-pantry,Organization/north-shelter",
            "owner:missing=true",
            "owner:missing=false",
            "owner=Organization/nobody",
            "owner:identifier=urn:s|x",
            "owner:identifier=x",
            "owner=Practitioner/harbor-pantry",
            "patient=Patient/a",
            "patient=a,b",
            "subject=https://elsewhere.example/fhir/Patient/a",
            "subject=Task/a",
            "code=x",
            "code=urn:s|x",
            "code=|x",
            "code=urn:s|",
            "code=urn:nowhere|x",
            "code:not=urn:s|x",
            "code=x,y",
            "authored-on=2026-11-20",
            "authored-on=ge2026-11-21",
            "authored-on=lt2026-11-21",
            "authored-on=ne2026-11-20",
            "authored-on:missing=true",
            "_id=a,b,nobody",
            "_include=Task:patient",
            "_include=Task:owner:Organization",
            "_revinclude=Task:focus",
            "_include=Task:owner",
        ],
        "Patient" => &[
            "name=fenn",
            "name=ada",
            "name=Q.",
            "name:contains=nn",
            "name:exact=Fennimore",
            "name:exact=fennimore",
            "name=ada fenn",
            "name=élan",
            "name:missing=true",
            "family=FEN",
            "family=x,fen",
            "given:contains=.",
            "birthdate=1987",
            "birthdate=1987-02-20",
            "birthdate=gt1987",
            "birthdate=ge1987-02-20",
            "birthdate=lt1987-02-20",
            "birthdate=le1987-02",
            "birthdate=sa1987",
            "birthdate=eb1987-02-20",
            "birthdate=ap1987-02",
            "birthdate=ne1987",
            "identifier=x",
            "identifier=urn:s|x",
            "identifier=|x",
            "identifier=urn:t|",
            "_revinclude=Task:patient",
            "_revinclude=Condition:patient:Patient",
            "_id=a,c",
        ],
        _ => &[
            "code=x",
            "code=urn:t|x",
            "code:not=y",
            "clinical-status=x",
            "clinical-status:missing=true",
            "patient=a",
            "subject=Patient/b",
            "subject=Organization/harbor-pantry",
            "subject:missing=false",
            "onset-date=1987",
            "onset-date=1987-02",
            "onset-date=gt1987-01-15",
            "onset-date=le1987-02-10",
            "onset-date=sa1986",
            "onset-date=eb2001-06",
            "onset-date=ap1999",
            "onset-date=ge2001",
            "_include=Condition:patient",
            "_id=a",
        ],
    };
    let common: &[&str] = &[
        "_lastUpdated=gt2026-11-21T12:01:00Z",
        "_lastUpdated=ge2026-11-21T12:01:00Z",
        "_lastUpdated=2026-11-21",
        "_lastUpdated=le2026-11-21T12:01:00Z,2026-11-21T12:03:00Z",
        "_lastUpdated=ne2026-11-21T12:02:00Z",
        "_sort=_id",
        "_sort=-_id",
        "_sort=_lastUpdated",
        "_sort=-_lastUpdated",
        "_sort=-_lastUpdated,_id",
        "_count=1",
        "_count=2",
        "_count=3",
        "_total=accurate",
        "_total=estimate",
    ];
    // A subject or owner that may not be of that type is refused when it is read, so it is never asked.
    let served = |part: &&str| Query::parse(parameters(), kind, &pairs(&[part])).is_ok();
    let of_type: Vec<&'static str> = of_type.iter().copied().filter(|part| served(part)).collect();
    (vec(select(of_type), 0..4), vec(select(common), 0..3)).prop_map(|(mut asked, common)| {
        asked.extend(common);
        asked
    })
}

fn pairs(parts: &[&str]) -> Vec<(String, String)> {
    parts
        .iter()
        .map(|part| part.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// What should be in the store.
#[derive(Default)]
struct World {
    resources: Vec<(Write, Vec<IndexEntry>)>,
    shares: Vec<Share>,
}

impl World {
    async fn put(&mut self, store: &dyn Store, step: Operation) {
        match step {
            Operation::Put { name, minute, author, public, body } => {
                let version = 1 + self
                    .resources
                    .iter()
                    .find(|(write, _)| write.key == key(name))
                    .map_or(0, |(write, _)| write.version);
                let mut write = write(name, version, noon() + SignedDuration::from_mins(minute), &body);
                (write.author, write.public) = (author.map(str::to_owned), public);
                let committed = store.commit(Plan { writes: vec![write], ..Plan::default() }).await.unwrap();
                let write = committed.writes[0].clone();
                let entries = parameters().entries(write.document.root()).unwrap();
                // What was put last is last in the order, as it is among equals in the store.
                self.resources.retain(|(old, _)| old.key != write.key);
                self.resources.push((write, entries));
            }
            Operation::Share { task, organizations, resources } => {
                let before = self.shares.iter().find(|old| old.task == key(task)).map(|old| old.after.clone());
                let share = share(task, before.unwrap_or_default(), sharing(observers(&organizations), &resources));
                store.commit(Plan { shares: vec![share.clone()], ..Plan::default() }).await.unwrap();
                self.shares.retain(|old| old.task != share.task);
                self.shares.push(share);
            }
        }
    }

    fn sees(&self, scope: &Scope, write: &Write) -> bool {
        let Scope::Organization(organization) = scope else { return true };
        write.public
            || write.author.as_ref() == Some(organization)
            || self
                .shares
                .iter()
                .filter(|share| share.after.resources.iter().any(|given| given.resource == write.key))
                .any(|share| share.after.parties.iter().any(|with| with.organization == *organization))
    }

    /// The matches, with the values that they are ordered by.
    fn matches(&self, scope: &Scope, query: &Query) -> Vec<&(Write, Vec<IndexEntry>)> {
        let all = self.resources.iter().filter(|(write, _)| write.key.kind == query.kind && self.sees(scope, write));
        all.filter(|(write, entries)| query.matches(&write.key.id, write.updated.as_microsecond(), entries)).collect()
    }

    /// What the query adds to all of its matches.
    fn included(&self, scope: &Scope, query: &Query) -> BTreeSet<String> {
        let matches = self.matches(scope, query);
        let points = |entries: &[IndexEntry], parameter: u16, target: &Write| {
            entries
                .iter()
                .any(|entry| entry.parameter == parameter && entry.value == IndexValue::Reference(target.key.clone()))
        };
        let mut included = BTreeSet::new();
        for (write, entries) in &self.resources {
            let forward = query.include.iter().any(|include| {
                include.target.as_ref().is_none_or(|kind| *kind == write.key.kind)
                    && matches.iter().any(|(_, entries)| points(entries, include.parameter, write))
            });
            let backward = query
                .revinclude
                .iter()
                .any(|include| matches.iter().any(|(matched, _)| points(entries, include.parameter, matched)));
            if (forward || backward) && self.sees(scope, write) {
                included.insert(write.key.to_string());
            }
        }
        included
    }
}

/// Asks page by page; everything that was found, checked for the order.
async fn all_pages(
    store: &dyn Store,
    scope: &Scope,
    query: &Query,
    expected: usize,
) -> (Vec<String>, BTreeSet<String>) {
    let (mut query, mut found, mut included) = (query.clone(), Vec::new(), BTreeSet::new());
    loop {
        let page = store.search(scope, &query).await.unwrap();
        assert!(page.matches.len() <= query.count);
        let total = page.total.is_none_or(|total| total as usize == expected);
        assert!(total, "{:?} instead of {expected}", page.total);
        assert!(page.total.is_some() || query.total != Total::Accurate);
        found.extend(page.matches);
        included.extend(page.included.iter().map(|stored| stored.key.to_string()));
        query.page = page.next;
        if query.page.is_none() {
            break;
        }
    }
    let ordered = found.is_sorted_by(|one, other| {
        for sort in &query.sort {
            let order = match sort.by {
                SortKey::Id => one.key.id.cmp(&other.key.id),
                SortKey::LastUpdated => one.updated.cmp(&other.updated),
            };
            let order = if sort.descending { order.reverse() } else { order };
            if order.is_ne() {
                return order.is_lt();
            }
        }
        !query.sort.is_empty() || one.updated <= other.updated
    });
    assert!(ordered, "{:?}", found.iter().map(|stored| stored.key.to_string()).collect::<Vec<_>>());
    let found = found.iter().map(|stored| stored.key.to_string()).collect();
    (found, included)
}

fn searches() -> impl Strategy<Value = Vec<(&'static str, Vec<&'static str>)>> {
    vec(
        select(&["Task", "Patient", "Condition"][..])
            .prop_flat_map(|kind| asked(kind).prop_map(move |asked| (kind, asked))),
        12,
    )
}

/// The operations on one backend, then the searches, each with every scope.
async fn check(backend: &Backend, operations: Vec<Operation>, searches: &[(&'static str, Vec<&'static str>)]) -> World {
    let store = backend.open();
    let mut world = World::default();
    for operation in operations {
        world.put(&*store, operation).await;
    }
    ask(&*store, &world, searches).await;
    world
}

/// The searches, each with every scope.
async fn ask(store: &dyn Store, world: &World, searches: &[(&'static str, Vec<&'static str>)]) {
    let scopes = ORGANIZATIONS.map(|organization| Scope::Organization(organization.to_owned()));
    for (kind, asked) in searches {
        let url = format!("{kind}?{}", asked.join("&"));
        let query = query(&url);
        for scope in scopes.iter().chain([&Scope::Gateway]) {
            let mut expected: Vec<String> =
                world.matches(scope, &query).iter().map(|(write, _)| write.key.to_string()).collect();
            let (mut found, included) = all_pages(store, scope, &query, expected.len()).await;
            expected.sort();
            found.sort();
            assert_eq!(found, expected, "{url} for {scope:?}");
            // Over all pages, what one page includes another may have as a match.
            let named = world.included(scope, &query);
            let matched: BTreeSet<String> = expected.into_iter().collect();
            let beside = |all: &BTreeSet<String>| all.difference(&matched).cloned().collect::<Vec<_>>();
            assert_eq!(beside(&included), beside(&named), "{url}");
            assert!(included.is_subset(&named), "{url}");
        }
        let empty = store.search(&Scope::Organization("nobody-ever-named".to_owned()), &query).await.unwrap();
        assert!(empty.matches.iter().all(|stored| stored.public));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::scale::scaled(1000), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_search_finds_what_the_oracle_says(operations in vec(step(), 4..30), searches in searches()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for backend in [Backend::sqlite_file(), Backend::sqlite_memory()] {
            runtime.block_on(check(&backend, operations.clone(), &searches));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::scale::scaled(1000) / 2, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_search_of_a_store_that_was_moved_finds_the_same(operations in vec(step(), 10..40), searches in vec(searches(), 4)) {
        let Some(server) = crate::postgres::server() else { return Ok(()) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (backend, database) = (Backend::sqlite_file(), server.database());
            let searches = searches.concat();
            let world = check(&backend, operations.clone(), &searches).await;
            let moved = crate::moved::copied(&backend.path(), &database).await;
            ask(&moved, &world, &searches).await;
        });
    }
}

//! The search cases of `fixtures/cases/search/`, which are run in memory as well (`tests/store/search_cases.rs`).

use std::path::Path;
use std::sync::Arc;

use handoff::definitions::Definitions;
use handoff::fhir::{Document, ResourceKey};
use handoff::referral::Scope;
use handoff::referral::plan::{Plan, Write};
use handoff::store::index::SearchParameters;
use handoff::store::query::Query;
use serde_json::Value;

use crate::backend::{Backend, open_with};

fn write(value: &Value) -> Write {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Write {
        key: ResourceKey::new(text(&value["resourceType"]), text(&value["id"])),
        version: 1,
        document: Arc::new(Document::from_value(value).unwrap()),
        updated: text(&value["meta"]["lastUpdated"]).parse().unwrap(),
        author: None,
        public: true,
        replaces: None,
    }
}

#[tokio::test]
async fn a_store_finds_what_the_cases_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cases/search/referrals.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let served = SearchParameters::shipped(&Definitions::r4().unwrap()).unwrap();
    let served = Arc::new(served.with_base(file["base"].as_str().unwrap()));
    let backend = Backend::sqlite_file();
    let store = open_with(&backend.path(), &served);
    let given: Vec<Write> = file["given"].as_array().unwrap().iter().map(write).collect();
    let mut writes = given.clone();
    // Time runs forwards in a store.
    writes.sort_by_key(|write| write.updated);
    store.commit(Plan { writes, ..Plan::default() }).await.unwrap();
    let (mut asked, mut wrong) = (0, Vec::new());
    for case in file["expect"].as_array().unwrap() {
        let Some(expected) = case["finds"].as_array() else { continue };
        let search = case["search"].as_str().unwrap();
        let (kind, rest) = search.split_once('?').unwrap_or((search, ""));
        let pairs = rest.split('&').filter(|part| !part.is_empty()).map(|part| part.split_once('=').unwrap());
        let pairs: Vec<_> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let query = Query::parse(&served, kind, &pairs).unwrap();
        let page = store.search(&Scope::Organization("anyone".to_owned()), &query).await.unwrap();
        let is_found = |write: &&Write| page.matches.iter().any(|stored| stored.key == write.key);
        let found: Vec<&str> = given.iter().filter(is_found).map(|write| write.key.id.as_str()).collect();
        // A store gives a page; what it leaves for the next one is found as well.
        let most =
            pairs.iter().find(|(name, _)| name == "_count").map_or(usize::MAX, |(_, count)| count.parse().unwrap());
        let whole = found.len() == expected.len().min(most);
        if !whole || !found.iter().all(|id| expected.contains(&(*id).into())) || page.matches.len() != found.len() {
            wrong.push(format!("{search}: found {found:?}, expected {expected:?}"));
        }
        asked += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(asked > 50, "only {asked} cases");
}

//! How often the store is read for what somebody asks. Each read is one state of the database, and may be waited for on another
//! thread: what can be read together is, and what is known already is not asked.

use std::sync::Arc;
use std::time::Duration;

use handoff::exchange::{Entry, EntryRequest, Message};
use handoff::fhir::Document;
use handoff::referral::TaskStatus;
use serde_json::{Value, json};

use crate::world::{World, agency, ehr, permit, request, task};

impl World {
    fn reads(&self) -> u64 {
        self.store.statement_counts().reads
    }
}

/// A referral of a person who is not known yet, in one transaction.
async fn send_new(world: &World) {
    let [person, own, asked, work] =
        ["1", "2", "3", "4"].map(|end| format!("urn:uuid:c757873d-ec9a-4326-a141-55600000000{end}"));
    let resources = [
        (&person, json!({ "resourceType": "Patient", "name": [{ "family": "Marlowe", "given": ["Ines"] }] })),
        (&own, permit(&person, "2026-10-01")),
        (&asked, request(&person)),
        (&work, task(&person, &asked, TaskStatus::Requested)),
    ];
    let entries: Vec<Value> = resources
        .into_iter()
        .map(|(url, resource)| {
            let request = json!({ "method": "POST", "url": resource["resourceType"] });
            json!({ "fullUrl": url, "resource": resource, "request": request })
        })
        .collect();
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
    let bundle = Arc::new(Document::from_value(&bundle).unwrap());
    let entries: Vec<Entry<'_>> = bundle
        .root()
        .list("entry")
        .map(|entry| Entry {
            ask: EntryRequest::Create { if_none_exist: None },
            full_url: entry.str("fullUrl"),
            resource: entry.get("resource"),
            request: entry.get("request"),
        })
        .collect();
    let message = Message { document: &bundle, root: bundle.root(), entries: &entries };
    world.exchange.transaction(&ehr(), message, None).await.unwrap_or_else(|error| panic!("{error}"));
}

#[tokio::test]
async fn what_is_sent_is_looked_up_in_few_reads() {
    let world = World::new().await;
    let before = world.reads();
    let person = json!({ "resourceType": "Patient", "name": [{ "family": "Marlowe", "given": ["Ines"] }] });
    let (person, _) = world.create(&ehr(), &person).await;
    assert_eq!(world.reads() - before, 0, "nothing is said of anybody who is stored");
    let before = world.reads();
    world.create(&ehr(), &permit(&person, "2026-10-01")).await;
    assert_eq!(world.reads() - before, 2, "the person, and the referrals that may rest on it");
    let before = world.reads();
    send_new(&world).await;
    assert_eq!(world.reads() - before, 1, "of a person who comes with it only the organizations");
}

#[tokio::test]
async fn what_is_new_is_told_in_few_reads() {
    let world = World::new().await;
    for _ in 0..20 {
        send_new(&world).await;
    }
    let before = world.reads();
    let told = world.exchange.poll(&agency(), None, 20, Duration::ZERO).await.unwrap();
    assert_eq!(
        (told.records.len(), world.reads() - before),
        (20, 4),
        "what changed, and the referrals eight at a time"
    );
    let before = world.reads();
    let nothing = world.exchange.poll(&agency(), Some(&told.cursor), 20, Duration::ZERO).await.unwrap();
    assert_eq!((nothing.records.len(), world.reads() - before), (0, 0), "what is new is known without a look");
    let before = world.reads();
    world.exchange.record(&agency(), told.records[0].id()).await.unwrap();
    assert_eq!(world.reads() - before, 1);
}

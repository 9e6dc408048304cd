//! What one of several gateways does alone: which one is said by the database, until when by its clock, and when again by theirs.

use std::time::Duration;

use handoff::store::postgres::{DatabaseUrl, PostgresStore};
use handoff::store::{Lease, Leases};
use jiff::SignedDuration;

use crate::backend::parameters;
use crate::postgres::server;
use crate::referral::noon;

fn lease(name: &'static str, holder: &str) -> Lease {
    Lease { name, holder: holder.to_owned(), length: Duration::from_mins(1) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_gateway_has_it_until_it_is_through_or_gone() {
    let Some(server) = server() else { return };
    let database = server.database();
    let url = DatabaseUrl::parse(&database.url()).unwrap();
    let (one, other) = tokio::join!(PostgresStore::open(&url, parameters()), PostgresStore::open(&url, parameters()));
    let (one, other) = (one.unwrap(), other.unwrap());
    let (of_one, of_other) = (lease("retention", "one"), lease("retention", "other"));
    let taken = tokio::join!(one.take_lease(&of_one, noon()), other.take_lease(&of_other, noon()));
    let (first, second) = (taken.0.unwrap(), taken.1.unwrap());
    assert_ne!(first, second, "one of both has it");
    let ((has, mine), (has_not, theirs)) =
        if first { ((&one, &of_one), (&other, &of_other)) } else { ((&other, &of_other), (&one, &of_one)) };
    // Who has it keeps it, whatever time its own clock says; another thing is another lease.
    assert!(has.take_lease(mine, noon() + SignedDuration::from_hours(1)).await.unwrap());
    assert!(!has_not.take_lease(theirs, noon() + SignedDuration::from_hours(1)).await.unwrap());
    assert!(has_not.take_lease(&lease("renewal", "any"), noon()).await.unwrap());
    // It is through: nobody does it again before its time by the clock of the gateways.
    let tomorrow = noon() + SignedDuration::from_hours(24);
    has_not.end_lease(theirs, noon()).await.unwrap();
    assert!(!has_not.take_lease(theirs, noon()).await.unwrap(), "who does not have it cannot give it up");
    has.end_lease(mine, tomorrow).await.unwrap();
    for (store, lease) in [(has, mine), (has_not, theirs)] {
        assert!(!store.take_lease(lease, tomorrow - SignedDuration::from_secs(1)).await.unwrap());
    }
    assert!(has_not.take_lease(theirs, tomorrow).await.unwrap());
    // It is gone without a word: when its time is over by the clock of the database, another one takes over.
    assert!(!has.take_lease(mine, tomorrow).await.unwrap());
    database.sql("UPDATE lease SET until = until - interval '61 seconds' WHERE name = 'retention'");
    assert!(has.take_lease(mine, tomorrow).await.unwrap());
    assert!(!has_not.take_lease(theirs, tomorrow).await.unwrap());
}

//! Which gateway does alone what one of them has to do, as PostgreSQL keeps it: until when by the clock of the database, and when it
//! is due again by the clock of the gateways.

use jiff::Timestamp;

use crate::store::{Lease, Leases, StoreFuture};

use super::PostgresStore;
use super::writing::within;

impl Leases for PostgresStore {
    fn take_lease<'a>(&'a self, lease: &'a Lease, now: Timestamp) -> StoreFuture<'a, bool> {
        let Lease { name, holder, length } = lease.clone();
        let (seconds, now) = (i64::try_from(length.as_secs()).unwrap_or(i64::MAX), now.as_microsecond());
        self.jobs.submit(within(move |session| {
            session.connection.execute(
                "INSERT INTO lease (name, holder, until, due) VALUES ($1, '', '-infinity', 0) ON CONFLICT DO NOTHING",
                &[&name],
            )?;
            let taken = session.connection.execute(
                "UPDATE lease SET holder = $2, until = clock_timestamp() + make_interval(secs => $3::bigint)
                 WHERE name IN (SELECT name FROM lease
                                WHERE name = $1 AND due <= $4 AND (holder = $2 OR until < clock_timestamp())
                                FOR UPDATE SKIP LOCKED)",
                &[&name, &holder, &seconds, &now],
            )?;
            Ok(taken > 0)
        }))
    }

    fn end_lease<'a>(&'a self, lease: &'a Lease, due: Timestamp) -> StoreFuture<'a, ()> {
        let Lease { name, holder, .. } = lease.clone();
        let due = due.as_microsecond();
        self.jobs.submit(within(move |session| {
            let end = "UPDATE lease SET until = '-infinity', due = $3 WHERE name = $1 AND holder = $2";
            session.connection.execute(end, &[&name, &holder, &due]).map(drop)
        }))
    }
}

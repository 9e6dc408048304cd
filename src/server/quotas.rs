//! What one client may ask for, and what one address may try: requests at a time, requests in a minute, and tokens that are
//! nobody's. The time is given.
//!
//! A minute's requests may be sent at once; from then on there is one more each time that a minute has brought one
//! (a token bucket: what was not used is not added up).

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key};
use crate::limits::RequestLimits;

/// How many addresses are remembered. When there are more, those are forgotten that have done nothing lately.
const MAX_ADDRESSES: usize = 10_000;
/// One minute.
const MINUTE: Duration = Duration::from_mins(1);

/// See the module head.
#[derive(Debug)]
pub(crate) struct Quotas {
    limits: RequestLimits,
    /// Requests that are running, by client
    running: Arc<Mutex<HashMap<String, usize>>>,
    requests: Mutex<HashMap<String, Bucket>>,
    wrong_tokens: Mutex<HashMap<IpAddr, Bucket>>,
}

/// What is left of a minute's allowance.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

/// A request that is running, until this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    client: String,
    running: Arc<Mutex<HashMap<String, usize>>>,
}

impl Quotas {
    pub(crate) fn new(limits: RequestLimits) -> Self {
        Self { limits, running: Arc::default(), requests: Mutex::default(), wrong_tokens: Mutex::default() }
    }

    /// Counts a request of this client.
    ///
    /// # Errors
    /// `TooManyRequests`, with when to come again.
    pub(crate) fn enter(&self, client: &str, now: Instant) -> Result<Running> {
        let most = self.limits.client_minute;
        if let Some(after) = take(&mut lock(&self.requests), client, most, now) {
            return Err(too_many(after, format!("a client may send {most} requests a minute (limit client-minute)")));
        }
        let most = self.limits.of_client;
        let mut running = lock(&self.running);
        let count = running.entry(client.to_owned()).or_default();
        if *count >= most {
            let message = format!("a client may have {most} requests at a time (limit client-requests)");
            return Err(too_many(Duration::from_secs(1), message));
        }
        *count += 1;
        Ok(Running { client: client.to_owned(), running: self.running.clone() })
    }

    /// Counts a token that is nobody's, from this address.
    ///
    /// # Errors
    /// `TooManyRequests`, with when to come again.
    pub(crate) fn count_wrong_token(&self, address: IpAddr, now: Instant) -> Result<()> {
        let most = self.limits.wrong_tokens_minute;
        let mut addresses = lock(&self.wrong_tokens);
        if addresses.len() >= MAX_ADDRESSES && !addresses.contains_key(&address) {
            addresses.retain(|_, bucket| bucket.at + MINUTE > now);
            if addresses.len() >= MAX_ADDRESSES {
                addresses.clear();
            }
        }
        match take(&mut addresses, &address, most, now) {
            None => Ok(()),
            Some(after) => {
                let message = format!("an address may try {most} unknown tokens a minute (limit wrong-tokens-minute)");
                Err(too_many(after, message))
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut running = lock(&self.running);
        match running.get_mut(&self.client) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                running.remove(&self.client);
            }
        }
    }
}

/// Takes one of so many a minute; where there is none, says when there is.
fn take<K, Q>(buckets: &mut HashMap<K, Bucket>, key: &Q, per_minute: u32, now: Instant) -> Option<Duration>
where
    K: Eq + Hash + std::borrow::Borrow<Q>,
    Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
{
    let most = f64::from(per_minute);
    let Some(bucket) = buckets.get_mut(key) else {
        buckets.insert(key.to_owned(), Bucket { left: most - 1.0, at: now });
        return None;
    };
    let rate = most / MINUTE.as_secs_f64();
    bucket.left = (bucket.left + now.saturating_duration_since(bucket.at).as_secs_f64() * rate).min(most);
    bucket.at = now;
    if bucket.left >= 1.0 {
        bucket.left -= 1.0;
        return None;
    }
    Some(Duration::from_secs_f64((1.0 - bucket.left) / rate))
}

/// More than a client may ask for, to be sent again later.
pub(super) fn too_many(after: Duration, message: String) -> Error {
    Error::new(Category::TooManyRequests { after }, Issue::error(Key::TooManyRequests, "", message))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotas() -> Quotas {
        Quotas::new(RequestLimits {
            of_client: 2,
            client_minute: 4,
            wrong_tokens_minute: 1,
            ..RequestLimits::default()
        })
    }

    fn after(error: &Error) -> Duration {
        let Category::TooManyRequests { after } = error.category else { panic!("{error}") };
        after
    }

    #[test]
    fn a_client_has_so_many_requests_at_a_time() {
        let (quotas, now) = (quotas(), Instant::now());
        let (first, _second) = (quotas.enter("a", now).unwrap(), quotas.enter("a", now).unwrap());
        assert!(quotas.enter("a", now).unwrap_err().issues[0].text.contains("client-requests"));
        assert!(quotas.enter("b", now).is_ok(), "another client has its own");
        drop(first);
        assert!(quotas.enter("a", now).is_ok());
    }

    #[test]
    fn a_minute_brings_so_many_more() {
        let (quotas, now) = (quotas(), Instant::now());
        for _ in 0..4 {
            quotas.enter("a", now).unwrap();
        }
        assert_eq!(after(&quotas.enter("a", now).unwrap_err()), Duration::from_secs(15));
        let later = now + Duration::from_secs(10);
        assert_eq!(after(&quotas.enter("a", later).unwrap_err()), Duration::from_secs(5));
        quotas.enter("a", now + Duration::from_secs(15)).unwrap();
        quotas.enter("a", now + Duration::from_secs(15)).unwrap_err();
        let next_day = now + Duration::from_secs(86_400);
        for _ in 0..4 {
            quotas.enter("a", next_day).unwrap();
        }
        quotas.enter("a", next_day).unwrap_err();
    }

    #[test]
    fn an_address_tries_so_many_tokens() {
        let (quotas, now) = (quotas(), Instant::now());
        let of = |last: u8| IpAddr::from([192, 0, 2, last]);
        quotas.count_wrong_token(of(1), now).unwrap();
        assert_eq!(after(&quotas.count_wrong_token(of(1), now).unwrap_err()), MINUTE);
        quotas.count_wrong_token(of(2), now).unwrap();
        for number in 0..2 * MAX_ADDRESSES as u32 {
            quotas.count_wrong_token(IpAddr::from(number.to_be_bytes()), now).unwrap();
        }
        assert!(lock(&quotas.wrong_tokens).len() <= MAX_ADDRESSES);
    }
}

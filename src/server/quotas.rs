//! What one client may ask for, and what one address may try: requests at a time, requests in a minute, and tokens that are
//! nobody's. The time is given.
//!
//! A minute's requests may be sent at once; from then on there is one more each time that a minute has brought one
//! (a token bucket: what was not used is not added up).

use std::collections::HashMap;
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
    clients: Arc<Mutex<HashMap<Arc<str>, ClientUse>>>,
    wrong_tokens: Mutex<HashMap<IpAddr, Bucket>>,
}

/// What a client has used.
#[derive(Debug)]
struct ClientUse {
    client: Arc<str>,
    /// Of its requests in a minute
    bucket: Bucket,
    /// How many of its requests are running
    running: usize,
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
    client: Arc<str>,
    clients: Arc<Mutex<HashMap<Arc<str>, ClientUse>>>,
}

impl Quotas {
    pub(crate) fn new(limits: RequestLimits) -> Self {
        Self { limits, clients: Arc::default(), wrong_tokens: Mutex::default() }
    }

    /// Counts a request of this client.
    ///
    /// # Errors
    /// `TooManyRequests`, with when to come again.
    pub(crate) fn enter(&self, client: &str, now: Instant) -> Result<Running> {
        let mut clients = lock(&self.clients);
        let used = match clients.get_mut(client) {
            Some(used) => used,
            None => {
                let bucket = Bucket::full(self.limits.client_minute, now);
                let client: Arc<str> = client.into();
                clients.entry(client.clone()).or_insert(ClientUse { client, bucket, running: 0 })
            }
        };
        let most = self.limits.client_minute;
        if let Some(after) = used.bucket.take(most, now) {
            return Err(too_many(after, format!("a client may send {most} requests a minute (limit client-minute)")));
        }
        let most = self.limits.of_client;
        if used.running >= most {
            let message = format!("a client may have {most} requests at a time (limit client-requests)");
            return Err(too_many(Duration::from_secs(1), message));
        }
        used.running += 1;
        Ok(Running { client: used.client.clone(), clients: self.clients.clone() })
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
        match addresses.entry(address).or_insert(Bucket::full(most, now)).take(most, now) {
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
        if let Some(used) = lock(&self.clients).get_mut(&self.client) {
            used.running -= 1;
        }
    }
}

impl Bucket {
    /// With so many in it.
    fn full(per_minute: u32, now: Instant) -> Self {
        Self { left: f64::from(per_minute), at: now }
    }

    /// Takes one of so many a minute; where there is none, says when there is.
    fn take(&mut self, per_minute: u32, now: Instant) -> Option<Duration> {
        let most = f64::from(per_minute);
        let rate = most / MINUTE.as_secs_f64();
        self.left = (self.left + now.saturating_duration_since(self.at).as_secs_f64() * rate).min(most);
        self.at = now;
        if self.left >= 1.0 {
            self.left -= 1.0;
            return None;
        }
        Some(Duration::from_secs_f64((1.0 - self.left) / rate))
    }
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
        let next_day = now + Duration::from_hours(24);
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

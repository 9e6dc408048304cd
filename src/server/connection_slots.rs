//! How many connections are open, in all and from each address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::limits::ConnectionLimits;

use super::metrics::ConnectionMetrics;

/// See the module head. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct ConnectionSlots {
    limits: ConnectionLimits,
    metrics: ConnectionMetrics,
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// Why a connection is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// There are too many
    Total,
    /// There are too many of this address
    Address,
}

/// An open connection, until this is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    /// The address that it counts for
    address: Option<IpAddr>,
    slots: ConnectionSlots,
}

impl ConnectionSlots {
    pub(super) fn new(limits: ConnectionLimits, metrics: ConnectionMetrics) -> Self {
        Self { limits, metrics, open: Arc::default() }
    }

    /// Takes a slot for a connection from this address.
    pub(super) fn take(&self, address: IpAddr) -> Result<Slot, Refused> {
        self.take_slot(Some(address))
    }

    /// Takes a slot for a connection from a proxy, which has no share of its own.
    pub(super) fn take_for_proxy(&self) -> Result<Slot, Refused> {
        self.take_slot(None)
    }

    fn take_slot(&self, address: Option<IpAddr>) -> Result<Slot, Refused> {
        let mut open = self.lock();
        if open.total >= self.limits.total {
            self.metrics.count_refused("connections");
            return Err(Refused::Total);
        }
        if let Some(address) = address {
            let of_address = open.by_address.entry(address).or_default();
            if *of_address >= self.limits.of_address {
                self.metrics.count_refused("address-connections");
                return Err(Refused::Address);
            }
            *of_address += 1;
        }
        open.total += 1;
        self.metrics.set_open(open.total);
        Ok(Slot { address, slots: self.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Counts that the connection was ended by this limit.
    pub(super) fn count_ended(&self, limit: &'static str) {
        self.slots.metrics.count_refused(limit);
    }

    /// The limits that the connection has.
    pub(super) fn limits(&self) -> ConnectionLimits {
        self.slots.limits
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.slots.lock();
        open.total -= 1;
        self.slots.metrics.set_open(open.total);
        let Some(address) = self.address else { return };
        match open.by_address.get_mut(&address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                open.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_their_share() {
        let limits = ConnectionLimits { total: 3, of_address: 2, ..ConnectionLimits::default() };
        let slots = ConnectionSlots::new(limits, ConnectionMetrics::default());
        let of = |last: u8| slots.take(IpAddr::from([192, 0, 2, last]));
        let (first, _second) = (of(1).unwrap(), of(1).unwrap());
        assert_eq!(of(1).unwrap_err(), Refused::Address);
        let _third = slots.take_for_proxy().unwrap();
        assert_eq!(of(3).unwrap_err(), Refused::Total);
        assert_eq!(slots.take_for_proxy().unwrap_err(), Refused::Total);
        drop(first);
        assert!(of(1).is_ok());
        assert_eq!(slots.lock().by_address.len(), 1, "whoever has none is forgotten");
    }
}

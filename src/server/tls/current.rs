//! What TLS is spoken with at the moment. It is replaced while connections are open: these go on with what they began with.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};

use crate::error::Error;

use super::config::TlsConfig;

/// See the module head. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tls {
    config: Arc<ArcSwap<TlsConfig>>,
    failure: Arc<ArcSwapOption<Error>>,
}

impl Tls {
    /// Begins with this.
    pub fn new(config: TlsConfig) -> Self {
        Self { config: Arc::new(ArcSwap::from_pointee(config)), failure: Arc::default() }
    }

    /// With what the next connection begins.
    pub fn config(&self) -> Arc<TlsConfig> {
        self.config.load_full()
    }

    /// New connections begin with this.
    pub fn replace(&self, config: TlsConfig) {
        self.config.store(Arc::new(config));
        self.failure.store(None);
    }

    /// What came after it cannot be used; it goes on as it was.
    pub fn keep(&self, why: Error) {
        self.failure.store(Some(Arc::new(why)));
    }

    /// Why what came last is not used, if it is not.
    pub fn failure(&self) -> Option<Arc<Error>> {
        self.failure.load_full()
    }
}

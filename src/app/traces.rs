//! Traces of requests, sent to a collector as OpenTelemetry has it: OTLP over HTTP
//! (<https://opentelemetry.io/docs/specs/otlp/#otlphttp>). A build has them with the feature `opentelemetry`.
//!
//! A trace holds what the log holds of a request: ids, client, method, route, status, times; nothing about a person. What the
//! collector does not take is dropped: a gateway waits for no one who watches it.

use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use reqwest::blocking::Client;
use reqwest::redirect::Policy;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::error::{Error, Result};

/// How long the collector may take for a batch.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Sends traces until it is dropped; what waits then is sent before the drop ends.
pub(super) struct Traces(SdkTracerProvider);

impl Traces {
    /// To the collector at this address. Not to be called where futures run: the sender is a thread of its own.
    ///
    /// # Errors
    /// If nothing can be sent from here.
    pub(super) fn start(url: &str) -> Result<Self> {
        // One provider for the process; whoever came first has set the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let cannot = |error: &dyn std::fmt::Display| Error::fault(format!("cannot send traces: {error}"));
        let client =
            Client::builder().redirect(Policy::none()).timeout(TIMEOUT).build().map_err(|error| cannot(&error))?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{url}/v1/traces"))
            .build()
            .map_err(|error| cannot(&error))?;
        let resource = Resource::builder().with_service_name("handoff").build();
        Ok(Self(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build()))
    }

    /// What hands spans over to be sent, whatever is logged.
    pub(super) fn layer<S: Subscriber + for<'s> LookupSpan<'s>>(&self) -> impl Layer<S> + use<S> {
        let tracer = self.0.tracer("handoff");
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_filter(LevelFilter::INFO)
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

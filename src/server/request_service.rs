//! What a connection hands its requests to: the router, told whom a request is from. Whoever watches over the connection is
//! told of each request when it begins, while its answer is taken, and at its end.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::HOST;
use axum::http::{HeaderValue, Request, Response};
use hyper::body::{Frame, Incoming, SizeHint};
use tower::ServiceExt;

use super::forwarded::TrustedProxies;
use super::origin::Peer;

/// Watches over the requests of a connection.
pub(super) trait RequestWatch {
    /// One of them
    type Request: ServedRequest;

    /// A request has come, up to its body.
    fn request_began(&self) -> Self::Request;
}

/// A request that is served, until it is dropped: when its answer is taken, or given up.
pub(super) trait ServedRequest: Send + Unpin + 'static {
    /// The most bytes of its answer that are handed on at once
    const CHUNK: usize = usize::MAX;

    /// A part of its answer is taken.
    fn part_taken(&self) {}
}

/// See the module head. Cheap to clone.
#[derive(Clone)]
pub(super) struct RequestService {
    pub(super) router: Router,
    pub(super) proxies: Arc<TrustedProxies>,
    pub(super) peer: Peer,
}

impl RequestService {
    /// Serves a request.
    pub(super) fn serve<R: ServedRequest>(
        &self,
        request: Request<Incoming>,
        served: R,
    ) -> impl Future<Output = Result<Response<Answer<R>>, Infallible>> + Send + 'static + use<R> {
        let mut request = request.map(Body::new);
        name_host(&mut request);
        let origin = self.proxies.origin(self.peer, request.headers());
        request.extensions_mut().insert(origin);
        let answered = self.router.clone().oneshot(request);
        async move {
            let response: Result<Response<Body>, Infallible> = answered.await;
            // From now on it is the client that is waited for.
            served.part_taken();
            response.map(|response| response.map(|body| Answer { body, rest: Bytes::new(), served }))
        }
    }
}

/// HTTP/2 names the host in the address of the request; from here on it stands where HTTP/1.1 has it
/// (<https://www.rfc-editor.org/rfc/rfc9113#section-8.3.1>).
fn name_host(request: &mut Request<Body>) {
    let authority = request.uri().authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    if let Some(host) = authority {
        request.headers_mut().insert(HOST, host);
    }
}

/// The body of an answer.
pub(super) struct Answer<R> {
    body: Body,
    /// What is left of a part that was longer than one may be
    rest: Bytes,
    served: R,
}

impl<R: ServedRequest> HttpBody for Answer<R> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.served.part_taken();
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => self.rest = bytes,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                ended => return Poll::Ready(ended),
            }
        }
        let length = self.rest.len().min(R::CHUNK);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (body, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        if let Some(upper) = body.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(body.lower() + rest);
        hint
    }
}

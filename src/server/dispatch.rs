//! What becomes of a request that was let in: it counts as one of its client's, its body is received, it waits for its turn
//! if it is long, and its handler runs where it keeps nobody waiting.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

use crate::error::Result;
use crate::security::Caller;

use super::app_state::AppState;
use super::body;
use super::content_coding::{Wanted, pack};
use super::held_bytes::MAX_SHORT;
use super::load::Load;
use super::route::ServedMethod;

/// Serves the request.
///
/// # Errors
/// What the limits refuse, and a body that cannot be received.
pub(crate) async fn serve(
    app_state: &AppState,
    method: Option<&ServedMethod>,
    request: Request,
    next: Next,
) -> Result<Response> {
    let caller = request.extensions().get::<Arc<Caller>>().cloned();
    let wanted = Wanted::of(request.headers());
    // What is open to anybody is short and has no body.
    let (Some(method), Some(caller)) = (method, caller) else { return pack(next.run(request).await, wanted).await };
    let client = caller.client.as_str();
    let _running = app_state.quotas.enter(client, Instant::now())?;
    app_state.held_bytes.check(client)?;
    let (request, received) = body::receive(app_state, method.body, client, request).await?;
    let load = if received.bytes > MAX_SHORT { Load::Long } else { method.load };
    // What is long to make is long to pack, and done in the same place.
    let made = async move { pack(next.run(request).await, wanted).await };
    let response = app_state.workers.run(load, client, made).await??;
    drop(received);
    Ok(app_state.held_bytes.hold_answer(client, response))
}

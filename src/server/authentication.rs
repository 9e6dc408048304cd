//! Who may come in: the token of a request, with the certificate of its connection where it is bound to one, becomes its
//! [`Caller`](crate::security::Caller) (<https://www.rfc-editor.org/rfc/rfc6750>, <https://www.rfc-editor.org/rfc/rfc8705>), and a
//! route is open to the roles that the table of routes names.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key};
use crate::security::Role;

use super::app_state::AppState;
use super::origin::Origin;
use super::request_id::RequestId;

/// Whom a route is open to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody, without a token
    Anyone,
    /// Every client
    Client,
    /// Those who take part in referrals: EHRs and agencies
    Party,
    /// Agencies
    Agency,
    /// Those who read the audit log
    Auditor,
    /// Those who watch over the gateway: administrators and auditors
    Operator,
}

impl Access {
    fn allows(self, role: Role) -> bool {
        match self {
            Self::Anyone | Self::Client => true,
            Self::Party => matches!(role, Role::Ehr | Role::Agency),
            Self::Agency => role == Role::Agency,
            Self::Auditor => role == Role::Auditor,
            Self::Operator => matches!(role, Role::Administrator | Role::Auditor),
        }
    }

    /// Refuses a role that it is not for.
    ///
    /// # Errors
    /// `Forbidden`, saying whom it is for.
    pub(crate) fn check(self, role: Role) -> Result<()> {
        if self.allows(role) {
            return Ok(());
        }
        Err(Error::forbidden(format!("this is for {}; the client's role is {role}", self.clients())))
    }

    /// Those whom it allows, for people.
    fn clients(self) -> &'static str {
        match self {
            Self::Anyone | Self::Client => "every client",
            Self::Party => "clients of EHRs and agencies",
            Self::Agency => "clients of agencies",
            Self::Auditor => "auditors",
            Self::Operator => "administrators and auditors",
        }
    }
}

/// Lets the request in, and puts its caller where the handler finds it.
///
/// # Errors
/// `Unauthenticated` without a good token; `Forbidden` for a role that the route is not open to; those of the store, where it
/// cannot say whether the clients have changed.
pub(crate) async fn admit(app_state: &AppState, access: Access, request: &mut Request, id: &RequestId) -> Result<()> {
    if access == Access::Anyone {
        return Ok(());
    }
    let token = bearer(request.headers())?;
    catch_up(app_state).await?;
    let Origin { address, certificate, .. } = Origin::of(request.extensions());
    let mut caller = match app_state.admission.authenticate_known(token, certificate, &id.own) {
        Ok(caller) => caller,
        // Whoever tries tokens costs a look into the store for each: an address has so many of them.
        Err(_) => {
            app_state.quotas.count_wrong_token(address, Instant::now())?;
            app_state.admission.authenticate(token, certificate, &id.own).await.inspect_err(|_| {
                app_state.exchange.audit_trail().count_bad_token();
            })?
        }
    };
    caller.correlation.clone_from(&id.correlation);
    tracing::Span::current().record("client", caller.client.as_str());
    let role = caller.role;
    // Shared, since it is looked at on the way in and on the way out.
    request.extensions_mut().insert(Arc::new(caller));
    access.check(role)
}

/// Does the request show the token of a client that this is open to? For what says more to some than to others.
/// Where the store cannot be asked, what was known of its clients counts: whoever operates it wants to know why.
pub(crate) async fn is_allowed(app_state: &AppState, access: Access, head: &Parts) -> bool {
    if head.headers.contains_key(AUTHORIZATION) {
        let _ = catch_up(app_state).await;
    }
    let certificate = Origin::of(&head.extensions).certificate;
    let caller = bearer(&head.headers).and_then(|token| app_state.admission.authenticate_known(token, certificate, ""));
    caller.is_ok_and(|caller| access.allows(caller.role))
}

/// Who is let in is known as the store has it now, whichever gateway has changed that.
async fn catch_up(app_state: &AppState) -> Result<()> {
    app_state.store.catch_up().await?;
    let version = *app_state.store.clients_version().borrow();
    app_state.admission.catch_up(version).await;
    Ok(())
}

/// The token of the request.
fn bearer(headers: &HeaderMap) -> Result<&str> {
    let refuse = |message: &str| Error::new(Category::Unauthenticated, Issue::error(Key::Unauthenticated, "", message));
    let Some(header) = headers.get(AUTHORIZATION) else {
        return Err(refuse("the request has no Authorization header"));
    };
    let (scheme, token) = header.to_str().unwrap_or_default().split_once(' ').unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(refuse("the Authorization header is no bearer token"));
    }
    Ok(token.trim())
}

//! Who may come in: the token of a request becomes its [`Caller`](crate::security::Caller) (<https://www.rfc-editor.org/rfc/rfc6750>), and a
//! route is open to the roles that the table of routes names.

use axum::extract::Request;
use axum::http::header::AUTHORIZATION;

use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key};
use crate::security::Role;

use super::app_state::AppState;

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
}

impl Access {
    fn allows(self, role: Role) -> bool {
        match self {
            Self::Anyone | Self::Client => true,
            Self::Party => matches!(role, Role::Ehr | Role::Agency),
            Self::Agency => role == Role::Agency,
        }
    }
}

/// Lets the request in, and puts its caller where the handler finds it.
///
/// # Errors
/// `Unauthenticated` without a good token; `Forbidden` for a role that the route is not open to.
pub(crate) async fn admit(app_state: &AppState, access: Access, request: &mut Request, id: &str) -> Result<()> {
    if access == Access::Anyone {
        return Ok(());
    }
    let token = bearer(request)?;
    // A client may have been made a moment ago, by another process: before a token is refused, the clients are read anew.
    let known = app_state.clients.load().authenticate(&token, id.to_owned());
    let caller = match known {
        Ok(caller) => caller,
        Err(_) => {
            app_state.refresh_clients().await;
            app_state.clients.load().authenticate(&token, id.to_owned())?
        }
    };
    tracing::Span::current().record("client", caller.client.as_str());
    if !access.allows(caller.role) {
        let message = match access {
            Access::Agency => format!("this is for clients of agencies; the client's role is {}", caller.role),
            _ => format!("this is for clients of EHRs and agencies; the client's role is {}", caller.role),
        };
        return Err(Error::forbidden(message));
    }
    request.extensions_mut().insert(caller);
    Ok(())
}

/// The token of the request.
fn bearer(request: &Request) -> Result<String> {
    let refuse = |message: &str| Error::new(Category::Unauthenticated, Issue::error(Key::Unauthenticated, "", message));
    let Some(header) = request.headers().get(AUTHORIZATION) else {
        return Err(refuse("the request has no Authorization header"));
    };
    let (scheme, token) = header.to_str().unwrap_or_default().split_once(' ').unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(refuse("the Authorization header is no bearer token"));
    }
    Ok(token.trim().to_owned())
}

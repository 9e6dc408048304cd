//! What a create or update answers (<https://hl7.org/fhir/R4/http.html#create>): where the version is, its number and
//! date, and as much of a body as `Prefer: return=` asks for.

use axum::http::{HeaderMap, StatusCode};

use crate::exchange::Outcome;
use crate::fhir::authored::operation_outcome;
use crate::server::condition::{self, Return};

use super::rendered::Rendered;

/// The answer to a write.
pub(super) fn render(written: &Outcome, returned: Return) -> Rendered {
    Rendered {
        status: if written.created { StatusCode::CREATED } else { StatusCode::OK },
        body: match returned {
            Return::Minimal => None,
            Return::Representation => Some(written.document.text().to_owned().into()),
            Return::Outcome => Some(operation_outcome::to_text(&written.issues).into()),
        },
        version: Some((written.version, written.updated)),
        location: Some(format!("{}/_history/{}", written.key, written.version)),
        issues: written.issues.clone(),
        tells_outcome: false,
    }
}

/// The answer to a write that was an entry of a Bundle: what was found about it stands beside it, and is told of each where
/// the client prefers that.
pub(super) fn render_entry(written: &Outcome, headers: &HeaderMap) -> Rendered {
    let returned = condition::returned_in_bundle(headers);
    let (tells_outcome, body) = match returned {
        Return::Outcome => (true, Return::Minimal),
        Return::Minimal | Return::Representation => (false, returned),
    };
    Rendered { tells_outcome, ..render(written, body) }
}

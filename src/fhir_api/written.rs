//! What a create or update answers (<https://hl7.org/fhir/R4/http.html#create>): where the version is, its number and
//! date, and as much of a body as `Prefer: return=` asks for.

use axum::http::StatusCode;

use crate::exchange::Outcome;
use crate::fhir::authored::operation_outcome;
use crate::server::condition::Return;

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
    }
}

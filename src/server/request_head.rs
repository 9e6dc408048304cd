//! How large the head of a request may be: its target and its fields
//! (<https://www.rfc-editor.org/rfc/rfc6585#section-5>). What is far larger than that the parser of HTTP refuses itself, in
//! fewer words, before anything is known of the request.

use axum::extract::Request;

use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key};
use crate::limits::ConnectionLimits;

/// How many times the limit is read before the parser refuses it.
pub(super) const PARSED: usize = 2;
/// What HTTP/2 counts of a field beside its bytes (<https://www.rfc-editor.org/rfc/rfc9113#section-6.5.2>).
pub(super) const FIELD_OVERHEAD: usize = 32;

/// Refuses a head that is too large.
///
/// # Errors
/// `HeadTooLarge`.
pub(super) fn check(request: &Request, limits: &ConnectionLimits) -> Result<()> {
    let refuse =
        |message: String| Err(Error::new(Category::HeadTooLarge, Issue::error(Key::HeadTooLarge, "", message)));
    let (bytes, most) = (bytes(request), limits.head_bytes);
    if bytes > most {
        return refuse(format!("the head of the request has {bytes} bytes; at most {most} are read (limit head-kb)"));
    }
    let (fields, most) = (request.headers().len(), limits.head_fields);
    if fields > most {
        return refuse(format!("the request has {fields} headers; at most {most} are read (limit head-fields)"));
    }
    Ok(())
}

/// The bytes of the head as it was sent, with one space after each colon.
fn bytes(request: &Request) -> usize {
    let target = request.uri().path_and_query().map_or(1, |target| target.as_str().len());
    let line = request.method().as_str().len() + " ".len() + target + " HTTP/1.1\r\n".len();
    let fields = request.headers().iter();
    let fields: usize = fields.map(|(name, value)| name.as_str().len() + ": \r\n".len() + value.len()).sum();
    line + fields + "\r\n".len()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn a_head_has_as_many_bytes_as_its_text() {
        let text = "GET /fhir/Task?_count=1 HTTP/1.1\r\nhost: gateway.example\r\naccept: */*\r\n\r\n";
        let request = Request::get("http://gateway.example/fhir/Task?_count=1").header("host", "gateway.example");
        let request = request.header("accept", "*/*").body(Body::empty()).unwrap();
        let limits = ConnectionLimits { head_bytes: text.len(), head_fields: 2, ..ConnectionLimits::default() };
        assert_eq!(check(&request, &limits), Ok(()));
        for less in
            [ConnectionLimits { head_bytes: text.len() - 1, ..limits }, ConnectionLimits { head_fields: 1, ..limits }]
        {
            assert_eq!(check(&request, &less).unwrap_err().category, Category::HeadTooLarge);
        }
    }
}

//! The escapes of JSON strings (<https://www.rfc-editor.org/rfc/rfc8259#section-7>), in texts that were read without
//! complaint.

/// Decodes the inside of a string that was read without complaint.
pub(super) fn decode(inner: &str) -> String {
    if !inner.contains('\\') {
        return inner.to_owned();
    }
    serde_json::from_str(&format!("\"{inner}\"")).unwrap_or_else(|_| inner.to_owned())
}

/// How many bytes of a string as written make up the first `offset` bytes of its content.
pub(super) fn raw_offset(inner: &str, offset: usize) -> usize {
    let bytes = inner.as_bytes();
    let unit = |at: usize| inner.get(at..at + 4).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0);
    let (mut at, mut decoded) = (0, 0);
    while decoded < offset && at < bytes.len() {
        (at, decoded) = match (bytes[at], bytes.get(at + 1)) {
            (b'\\', Some(b'u')) => match unit(at + 2) {
                0xd800..0xdc00 => (at + 12, decoded + 4),
                other => (at + 6, decoded + char::from_u32(other).map_or(3, char::len_utf8)),
            },
            (b'\\', _) => (at + 2, decoded + 1),
            _ => (at + 1, decoded + 1),
        };
    }
    at.min(bytes.len())
}

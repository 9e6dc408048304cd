//! The escapes of JSON strings (<https://www.rfc-editor.org/rfc/rfc8259#section-7>), in texts that were read without
//! complaint.

/// Decodes the inside of a string that was read without complaint.
pub(super) fn decode(inner: &str) -> String {
    if !inner.contains('\\') {
        return inner.to_owned();
    }
    serde_json::from_str(&format!("\"{inner}\"")).unwrap_or_else(|_| inner.to_owned())
}

/// A place inside a string: so many bytes of it as written, and as they are meant.
#[derive(Debug, Clone, Copy, Default)]
pub struct StringPlace {
    written: usize,
    decoded: usize,
}

impl StringPlace {
    /// Does it lie behind the first `offset` bytes of the content?
    pub(super) fn is_behind(self, offset: usize) -> bool {
        offset < self.decoded
    }

    /// How many bytes as written lie before it.
    pub(super) fn written(self) -> usize {
        self.written
    }

    /// Goes on to where `offset` bytes of the content lie behind.
    pub(super) fn advance(&mut self, inner: &str, offset: usize) {
        let bytes = inner.as_bytes();
        let unit =
            |at: usize| inner.get(at..at + 4).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0);
        while self.decoded < offset && self.written < bytes.len() {
            let (written, decoded) = match (bytes[self.written], bytes.get(self.written + 1)) {
                (b'\\', Some(b'u')) => match unit(self.written + 2) {
                    0xd800..0xdc00 => (12, 4),
                    other => (6, char::from_u32(other).map_or(3, char::len_utf8)),
                },
                (b'\\', _) => (2, 1),
                _ => (1, 1),
            };
            self.written = (self.written + written).min(bytes.len());
            self.decoded += decoded;
        }
    }
}

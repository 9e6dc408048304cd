//! What an attachment says of its data is so (<https://hl7.org/fhir/R4/datatypes.html#attachment>): the size is that of the
//! data, before it was written in base64.

use crate::definitions::TypeRef;
use crate::fhir::{Key, Node};
use crate::profile::context::CheckContext;
use crate::profile::finding::Finding;

/// Every Attachment.
pub(in crate::profile) fn applies(allowed: &TypeRef) -> bool {
    allowed.code == "Attachment"
}

pub(in crate::profile) fn check(node: Node<'_>, context: &mut CheckContext<'_, '_>) {
    let (Some(data), Some(size)) = (node.str("data"), node.get("size")) else { return };
    let length = data.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=').count() / 4 * 3
        + match data.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=').count() % 4 {
            2 => 1,
            3 => 2,
            _ => 0,
        };
    if size.text().parse::<usize>().is_ok_and(|stated_size| stated_size != length) {
        let text = format!("the size is another than that of the data, which has {length} bytes");
        context.report(Finding::error(Key::ValueRange, size, text).hint(format!("write {length}, or leave size out")));
    }
}

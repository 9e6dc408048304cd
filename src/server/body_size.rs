//! What is told of a body that is longer than one may be.

use crate::error::{Category, Error};
use crate::fhir::{Issue, Key};

/// It has `length` bytes or more, and `most` are read.
pub(super) fn too_large(length: usize, most: usize) -> Error {
    let message = format!("the body has {length} bytes or more; at most {most} are read (limit body-mb)");
    Error::new(Category::TooLarge, Issue::error(Key::TooLarge, "", message))
}

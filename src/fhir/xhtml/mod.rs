//! The XHTML of narratives (<https://hl7.org/fhir/R4/narrative.html#xhtml>, invariants txt-1 and txt-2): one `div` of the
//! formatting elements of HTML and nothing that acts, fetches or asks.
//!
//! `reader` goes through the text once, by the rules of XML, and says where something is not allowed; `allowed` is the list
//! of what is. Nothing here knows in which resource a narrative stands.

mod allowed;
mod entity;
mod markup;
mod reader;

use std::borrow::Cow;

pub use markup::{Text, tag};

/// The namespace of XHTML.
pub const NAMESPACE: &str = "http://www.w3.org/1999/xhtml";

/// What a narrative holds, as far as others have to know it.
#[derive(Debug, Default)]
pub struct Narrative<'a> {
    /// What is wrong with it, in its order
    pub flaws: Vec<Flaw>,
    /// What can be linked to: the ids of its elements and the names of its anchors, with their places
    pub anchors: Vec<(Cow<'a, str>, usize)>,
    /// The links that lead to an anchor (`#id`), without the `#`, with their places
    pub links: Vec<(Cow<'a, str>, usize)>,
}

/// One thing that is wrong with a narrative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// Where, in bytes from the start of the text
    pub offset: usize,
    /// What is wrong
    pub text: Cow<'static, str>,
    /// How to mend it
    pub hint: Option<Cow<'static, str>>,
}

/// Reads a narrative's `div`.
pub fn read(text: &str) -> Narrative<'_> {
    reader::read(text)
}

/// Is it as a narrative has to be? What FHIRPath's `htmlChecks()` asks.
pub fn is_clean(text: &str) -> bool {
    read(text).flaws.is_empty()
}

//! What a narrative was found to hold.

use std::borrow::Cow;

/// The namespace of XHTML.
pub const NAMESPACE: &str = "http://www.w3.org/1999/xhtml";

/// What a narrative holds, as far as others have to know it.
#[derive(Debug, Default)]
pub struct Narrative<'a> {
    /// What is wrong with it, in its order
    pub issues: Vec<NarrativeIssue>,
    /// What can be linked to: the ids of its elements and the names of its anchors, with their places
    pub anchors: Vec<(Cow<'a, str>, usize)>,
    /// The links that lead to an anchor (`#id`), without the `#`, with their places
    pub links: Vec<(Cow<'a, str>, usize)>,
}

/// One thing that is wrong with a narrative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NarrativeIssue {
    /// Where, in bytes from the start of the text
    pub offset: usize,
    /// What is wrong
    pub text: Cow<'static, str>,
    /// How to mend it
    pub hint: Option<Cow<'static, str>>,
}

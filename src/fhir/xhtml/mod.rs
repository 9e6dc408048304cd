//! The XHTML of narratives (<https://hl7.org/fhir/R4/narrative.html#xhtml>, invariants txt-1 and txt-2): one `div` of the
//! formatting elements of HTML and nothing that acts, fetches or asks.
//!
//! `reader` and `attributes` go through the text once, by the rules of XML, and say where something is not allowed; `allowed`
//! is the list of what is. Nothing here knows in which resource a narrative stands.

mod allowed;
mod attributes;
mod entity;
mod markup;
mod narrative;
mod reader;

pub use entity::decode;
pub use markup::{TextFormat, find_tag};
pub use narrative::{NAMESPACE, Narrative, NarrativeIssue};

/// Reads a narrative's `div`.
pub fn read(text: &str) -> Narrative<'_> {
    reader::read(text)
}

/// Is it as a narrative has to be? What FHIRPath's `htmlChecks()` asks.
pub fn is_clean(text: &str) -> bool {
    read(text).issues.is_empty()
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn issues(inside: &str) -> Vec<(usize, String)> {
        let front = "<div xmlns=\"http://www.w3.org/1999/xhtml\">";
        let found = read(&format!("{front}{inside}</div>")).issues;
        found.into_iter().map(|issue| (issue.offset.saturating_sub(front.len()), issue.text.into_owned())).collect()
    }

    #[test]
    fn takes_what_a_narrative_is_made_of() {
        for good in [
            "a text",
            "<p>a <b>text</b><br/> &amp; more&#160;of it</p>",
            "<img src=\"#photo\" alt=\"\"/>",
            "<table border='1'><tr><td colspan=\"2\" style=\"color: red\">x</td></tr></table>",
            "<a name=\"x\"/><a href=\"#x\">up</a><!-- nothing -->",
            "<![CDATA[1 < 2]]>",
            "<span xml:lang=\"de\" lang=\"de\" title=\"&lt;\">gut</span>",
        ] {
            assert_eq!(issues(good), [], "{good}");
        }
    }

    #[test]
    fn reading_ends_where_there_is_more_to_say_than_anybody_reads() {
        let attributes = (0..5_000).map(|number| format!(" x{number}='1'")).collect::<Vec<_>>().concat();
        let entities = "&nbsp;".repeat(5_000);
        for bad in [
            format!("<p{attributes}>x</p>"),
            format!("<p title='{entities}'>x</p>"),
            format!("<p>{entities}</p>"),
            "<x/>".repeat(5_000),
            "<p onclick='x'>x</p>".repeat(5_000),
            "<p xmlns='x'>x</p>".repeat(5_000),
        ] {
            assert_eq!(issues(&bad).len(), reader::MAX_ISSUES, "{bad:.40}");
        }
    }

    #[test]
    fn says_where_something_is_wrong() {
        for (bad, at, text) in [
            ("x<script>y</script>", 1, "script is no element of narratives (txt-1)"),
            ("<P>x</P>", 0, "P is no element of narratives (txt-1)"),
            ("<p onclick=\"x()\">x</p>", 3, "onclick is no attribute of narratives (txt-1)"),
            ("<a href=\"java&#115;cript:x()\">x</a>", 3, "the address runs a script (txt-1)"),
            ("<p style=\"width:expression(x)\">x</p>", 3, "the style runs something (txt-1)"),
            ("x&nbsp;y", 1, "&nbsp; is an entity of HTML, which XML does not know"),
            ("x & y", 2, "an & begins no entity here"),
            ("x < y", 2, "a < begins no element here"),
            ("x<br>y", 6, "br is not closed where div is"),
            ("<p>x", 4, "div is closed where p is open"),
            ("<b><i>x</b></i>", 7, "b is closed where i is open"),
            ("<p class=x>x</p>", 3, "the attribute class has no value in quotes"),
            ("<p id=\"a\" id=\"b\">x</p>", 10, "the attribute id is there twice"),
            ("x<!-- a -- b -->", 1, "a comment holds --"),
            ("x<!-- a", 1, "a comment is not closed"),
            ("x<?php y ?>", 1, "a narrative has no processing instruction"),
            ("x&#0;", 1, "an & begins no entity here"),
        ] {
            assert_eq!(issues(bad), [(at, text.to_owned())], "{bad}");
        }
        assert_eq!(issues("  <p/> &#32;")[0].1, "the narrative says nothing: expected a text or an img (txt-2)");
    }

    #[test]
    fn the_root_is_one_div_in_its_namespace() {
        for (bad, text) in [
            ("", "the narrative is no XHTML: expected one div"),
            ("a text", "the narrative is one div; there is text beside it"),
            ("<div>x</div>", "the div is not in the namespace of XHTML"),
            ("<p xmlns=\"http://www.w3.org/1999/xhtml\">x</p>", "the narrative is one div, found p"),
            (
                "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div><div/>",
                "the narrative is one div; there is another element beside it",
            ),
            ("<!DOCTYPE html><div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>", "a narrative has no document type"),
            ("<div xmlns=\"http://www.w3.org/1999/xhtml\">x", "div is not closed"),
            ("<div xmlns=\"http://www.w3.org/1999/xhtml\"", "div is not closed with >"),
        ] {
            assert_eq!(read(bad).issues.first().map(|issue| issue.text.as_ref()), Some(text), "{bad}");
        }
    }

    #[test]
    fn knows_what_links_where() {
        let found =
            read("<div xmlns=\"http://www.w3.org/1999/xhtml\"><a name=\"x\"/><p id=\"y\"/><a href=\"#x\">z</a></div>");
        let names = |of: &[(Cow<'_, str>, usize)]| of.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>();
        assert_eq!((names(&found.anchors), names(&found.links)), (vec!["x".into(), "y".into()], vec!["x".into()]));
    }
}

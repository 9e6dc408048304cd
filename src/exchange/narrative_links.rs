//! Links in narrative (<https://hl7.org/fhir/R4/http.html#trules>): the `href` and `src` of a `div` that name a resource
//! of the message come to name what is stored. The text is read once, however many names the message has.
//!
//! Whether the `div` is XHTML is asked elsewhere; what is no link in it stays as it came.

use crate::fhir::xhtml;

/// The narrative with each link for which `stored` knows a text replaced by it; nothing where there is none.
pub(super) fn with_links(div: &str, mut stored: impl FnMut(&str) -> Option<String>) -> Option<String> {
    let mut linked = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = div[at..].find('=') {
        let sign = at + found;
        at = sign + 1;
        if !names_link(&div[..sign]) {
            continue;
        }
        let quote = at + (div[at..].len() - div[at..].trim_start().len());
        let Some(mark) = div[quote..].chars().next().filter(|mark| matches!(mark, '"' | '\'')) else { continue };
        let Some(length) = div[quote + 1..].find(mark) else { break };
        let value = quote + 1..quote + 1 + length;
        at = value.end + 1;
        if let Some(text) = stored(&xhtml::decode(&div[value.clone()])) {
            linked.push_str(&div[copied..value.start]);
            linked.push_str(&text);
            copied = value.end;
        }
    }
    (copied > 0).then(|| linked + &div[copied..])
}

/// Does the text end with the name of an attribute that links?
fn names_link(before: &str) -> bool {
    let before = before.trim_end();
    ["href", "src"].into_iter().any(|name| {
        let rest = before.strip_suffix(name);
        rest.is_some_and(|rest| rest.ends_with(|last: char| last.is_ascii_whitespace() || matches!(last, '"' | '\'')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linked(div: &str) -> Option<String> {
        with_links(div, |name| (name == "urn:a" || name == "Patient?a=1&b=2").then(|| "Patient/1".to_owned()))
    }

    #[test]
    fn links_come_to_name_what_is_stored() {
        for (div, expected) in [
            (r#"<a href="urn:a">x</a>"#, Some(r#"<a href="Patient/1">x</a>"#)),
            ("<img alt='y' src = 'urn:a'/><a href=\"#z\">", Some("<img alt='y' src = 'Patient/1'/><a href=\"#z\">")),
            (r#"<a href="Patient?a=1&amp;b=2">"#, Some(r#"<a href="Patient/1">"#)),
            (r#"<a title="urn:a" href="urn:b">urn:a</a>"#, None),
            (r#"<a xhref="urn:a">"#, None),
            (r#"<a href="urn:a"#, None),
            ("href=urn:a", None),
            ("no link = none", None),
        ] {
            assert_eq!(linked(div).as_deref(), expected, "{div}");
        }
    }

    #[test]
    fn each_link_is_looked_up_once() {
        for links in [1, 50, 100] {
            let mut asked = 0;
            let div = r#"<a href="urn:b" title="c">x</a>"#.repeat(links);
            let none = with_links(&div, |_| {
                asked += 1;
                None
            });
            assert_eq!((asked, none), (links, None));
        }
    }
}

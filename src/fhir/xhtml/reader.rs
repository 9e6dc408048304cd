//! Goes through the text of a narrative once, by the rules of XML (<https://www.w3.org/TR/xml/>), and notes what is not
//! allowed. Where the text is no XML, reading ends: what follows would only be guessed at.

use std::borrow::Cow;
use std::collections::HashSet;

use super::entity::{self, Entity};
use super::{Flaw, NAMESPACE, Narrative, allowed};

/// More than this nobody reads.
const MOST: usize = 50;

/// What no XML is cannot be read on.
struct Stop;

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// The elements that are open, with where they began
    open: Vec<(&'a str, usize)>,
    /// A root was there
    is_begun: bool,
    has_content: bool,
    found: Narrative<'a>,
}

/// Reads a narrative.
pub(super) fn read(text: &str) -> Narrative<'_> {
    let mut reader =
        Reader { text, at: 0, open: Vec::new(), is_begun: false, has_content: false, found: Narrative::default() };
    if reader.document().is_ok() {
        if !reader.is_begun {
            reader.flaw(
                0,
                "the narrative is no XHTML: expected one div",
                "write <div xmlns=\"http://www.w3.org/1999/xhtml\">...</div>",
            );
        } else if !reader.has_content {
            reader.flaw(
                0,
                "the narrative says nothing: expected a text or an img (txt-2)",
                "say in words what the resource says, or leave out text",
            );
        }
    }
    reader.found
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<(), Stop> {
        while self.at < self.text.len() {
            if self.found.flaws.len() >= MOST {
                return Err(Stop);
            }
            match self.rest().as_bytes()[0] {
                b'<' => self.markup()?,
                b'&' => self.entity()?,
                _ => self.characters()?,
            }
        }
        match self.open.last().copied() {
            Some((name, at)) if allowed::is_void(name) => {
                self.stop(at, format!("{name} is not closed"), format!("write <{name}/>"))
            }
            Some((name, at)) => self.stop(at, format!("{name} is not closed"), format!("close it with </{name}>")),
            None => Ok(()),
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn flaw(&mut self, offset: usize, text: impl Into<Cow<'static, str>>, hint: impl Into<Cow<'static, str>>) {
        self.found.flaws.push(Flaw { offset, text: text.into(), hint: Some(hint.into()) });
    }

    fn stop(
        &mut self,
        offset: usize,
        text: impl Into<Cow<'static, str>>,
        hint: impl Into<Cow<'static, str>>,
    ) -> Result<(), Stop> {
        self.flaw(offset, text, hint);
        Err(Stop)
    }

    /// Text between elements.
    fn characters(&mut self) -> Result<(), Stop> {
        let rest = self.rest();
        let text = &rest[..rest.find(['<', '&']).unwrap_or(rest.len())];
        let at = self.at;
        self.at += text.len();
        self.content(at, text.chars().any(|letter| !matches!(letter, ' ' | '\t' | '\n' | '\r')))?;
        match text.char_indices().find(|(_, letter)| !entity::is_character(*letter)) {
            Some((bad, _)) => self.stop(at + bad, "a control character is no part of XML", "leave it out"),
            None => Ok(()),
        }
    }

    /// Something is said here, or only white space.
    fn content(&mut self, at: usize, is_said: bool) -> Result<(), Stop> {
        self.has_content |= is_said;
        if is_said && self.open.is_empty() {
            return self.stop(at, "the narrative is one div; there is text beside it", "put all of it into the div");
        }
        Ok(())
    }

    fn entity(&mut self) -> Result<(), Stop> {
        let (at, behind) = (self.at, &self.text[self.at + 1..]);
        let (found, length) = entity::read(behind);
        self.at += 1 + length;
        match found {
            Entity::Character(letter) => self.content(at, !letter.is_ascii_whitespace()),
            Entity::Unknown => {
                let name = &behind[..length - 1];
                self.flaw(at, format!("&{name}; is an entity of HTML, which XML does not know"), entity::mend(name));
                self.content(at, true)
            }
            Entity::Nothing => self.stop(at, "an & begins no entity here", "write &amp;"),
        }
    }

    fn markup(&mut self) -> Result<(), Stop> {
        let (at, rest) = (self.at, self.rest());
        if let Some(inside) = rest.strip_prefix("<!--") {
            let Some(end) = inside.find("-->") else {
                return self.stop(at, "a comment is not closed", "close it with -->");
            };
            self.at += 4 + end + 3;
            if inside[..end].contains("--") {
                return self.stop(at, "a comment holds --", "write something else inside the comment");
            }
            return Ok(());
        }
        if let Some(inside) = rest.strip_prefix("<![CDATA[") {
            let Some(end) = inside.find("]]>") else {
                return self.stop(at, "a CDATA section is not closed", "close it with ]]>");
            };
            self.at += 9 + end + 3;
            return self.content(at, !inside[..end].trim().is_empty());
        }
        if rest.starts_with("<!") {
            return self.stop(at, "a narrative has no document type", "leave it out and begin with the div");
        }
        if rest.starts_with("<?") {
            return self.stop(at, "a narrative has no processing instruction", "leave it out and begin with the div");
        }
        if let Some(behind) = rest.strip_prefix("</") {
            return self.close(at, behind);
        }
        let name = name(&rest[1..]);
        if name.is_empty() {
            return self.stop(at, "a < begins no element here", "write &lt;");
        }
        self.at += 1 + name.len();
        self.open(at, name)
    }

    fn close(&mut self, at: usize, behind: &'a str) -> Result<(), Stop> {
        let name = name(behind);
        let space = behind[name.len()..].len() - behind[name.len()..].trim_start().len();
        if !behind[name.len() + space..].starts_with('>') {
            return self.stop(at, "an end of an element is not closed", format!("write </{name}>"));
        }
        self.at += 2 + name.len() + space + 1;
        match self.open.pop() {
            Some((opened, _)) if opened == name => Ok(()),
            Some((opened, _)) if allowed::is_void(opened) => {
                self.stop(at, format!("{opened} is not closed where {name} is"), format!("write <{opened}/>"))
            }
            Some((opened, _)) => {
                self.stop(at, format!("{name} is closed where {opened} is open"), format!("close {opened} first"))
            }
            None => self.stop(at, format!("{name} is closed, but not open"), "leave it out"),
        }
    }

    /// An element begins.
    fn open(&mut self, at: usize, name: &'a str) -> Result<(), Stop> {
        let is_root = self.open.is_empty();
        if is_root && self.is_begun {
            return self.stop(
                at,
                "the narrative is one div; there is another element beside it",
                "put both into one div",
            );
        }
        self.is_begun = true;
        if is_root && name != "div" {
            self.flaw(at, format!("the narrative is one div, found {name}"), "put it into a div");
        }
        if !allowed::is_element(name) {
            let lower = name.to_ascii_lowercase();
            let hint = match name.split_once(':') {
                Some((_, bare)) => format!("write {bare} without a prefix").into(),
                None if allowed::is_element(&lower) => format!("write {lower}; XHTML is in lower case").into(),
                None => Cow::Borrowed(allowed::instead(&lower)),
            };
            self.flaw(at, format!("{} is no element of narratives (txt-1)", short(name)), hint);
        }
        let attributes = self.attributes(at, name)?;
        if is_root && !attributes.is_in_namespace {
            self.flaw(
                at,
                "the div is not in the namespace of XHTML",
                "write <div xmlns=\"http://www.w3.org/1999/xhtml\">",
            );
        }
        self.has_content |= name == "img" && attributes.has_source;
        if !attributes.is_closed {
            self.open.push((name, at));
        }
        Ok(())
    }

    fn attributes(&mut self, element_at: usize, element: &'a str) -> Result<Attributes, Stop> {
        let mut found = Attributes::default();
        let mut names = HashSet::new();
        loop {
            let spaced = self.space();
            let at = self.at;
            let rest = self.rest();
            if rest.starts_with("/>") {
                self.at += 2;
                found.is_closed = true;
                return Ok(found);
            }
            if rest.starts_with('>') {
                self.at += 1;
                return Ok(found);
            }
            let name = name(rest);
            if name.is_empty() || !spaced {
                self.stop(
                    element_at,
                    format!("{} is not closed with >", short(element)),
                    "write its attributes as name=\"value\"",
                )?;
            }
            self.at += name.len();
            let value = self.value(at, name)?;
            if !names.insert(name) {
                self.stop(at, format!("the attribute {} is there twice", short(name)), "keep one of them")?;
            }
            self.attribute(at, element, name, value, &mut found);
        }
    }

    fn space(&mut self) -> bool {
        let length = self.rest().bytes().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.at += length;
        length > 0
    }

    /// The value of an attribute, with its quotes passed.
    fn value(&mut self, at: usize, name: &str) -> Result<&'a str, Stop> {
        self.space();
        if self.rest().starts_with('=') {
            self.at += 1;
            self.space();
            let rest = self.rest();
            if let Some(quote) = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))
                && let Some(end) = rest[1..].find(quote)
            {
                let value = &rest[1..=end];
                self.at += end + 2;
                return self.sound(value, at).map(|()| value);
            }
        }
        let hint = format!("write {}=\"...\"", short(name));
        self.stop(at, format!("the attribute {} has no value in quotes", short(name)), hint)?;
        Err(Stop)
    }

    /// Values hold no `<`, and only entities that XML knows.
    fn sound(&mut self, value: &str, at: usize) -> Result<(), Stop> {
        if value.contains('<') {
            return self.stop(at, "an attribute holds a <", "write &lt;");
        }
        for (position, _) in value.match_indices('&') {
            let behind = &value[position + 1..];
            match entity::read(behind) {
                (Entity::Character(_), _) => {}
                (Entity::Unknown, length) => {
                    let name = &behind[..length - 1];
                    let text = format!("&{name}; is an entity of HTML, which XML does not know");
                    self.flaw(at, text, entity::mend(name));
                }
                (Entity::Nothing, _) => return self.stop(at, "an & begins no entity here", "write &amp;"),
            }
        }
        Ok(())
    }

    fn attribute(&mut self, at: usize, element: &str, name: &'a str, value: &'a str, found: &mut Attributes) {
        if name == "xmlns" {
            found.is_in_namespace = value == NAMESPACE;
            if !found.is_in_namespace && !self.open.is_empty() {
                self.flaw(at, "this element is in another namespace than XHTML", "leave out xmlns");
            }
            return;
        }
        if name.starts_with("xmlns:") {
            return;
        }
        if !allowed::is_element(element) {
            // With the element its attributes go.
            return;
        }
        if !allowed::is_attribute(name) {
            let hint = if name.len() > 2 && name[..2].eq_ignore_ascii_case("on") {
                "leave it out; a narrative does nothing"
            } else if allowed::is_attribute(&name.to_ascii_lowercase()) {
                "write it in lower case"
            } else {
                "leave it out"
            };
            self.flaw(at, format!("{} is no attribute of narratives (txt-1)", short(name)), hint);
            return;
        }
        let value = entity::decoded(value);
        match name {
            "id" => self.found.anchors.push((value, at)),
            "name" if element == "a" || element == "map" => self.found.anchors.push((value, at)),
            "style" if allowed::is_active_style(&value) => {
                self.flaw(at, "the style runs something (txt-1)", "keep to how things look");
            }
            _ if allowed::is_address(name) => self.address(at, name, value, found),
            _ => {}
        }
    }

    fn address(&mut self, at: usize, name: &str, value: Cow<'a, str>, found: &mut Attributes) {
        found.has_source |= name == "src" && !value.is_empty();
        if allowed::is_active(&value) {
            self.flaw(at, "the address runs a script (txt-1)", "link to a page, or leave it out");
            return;
        }
        let link = match value {
            Cow::Borrowed(value) => value.strip_prefix('#').map(Cow::Borrowed),
            Cow::Owned(value) => value.strip_prefix('#').map(|link| Cow::Owned(link.to_owned())),
        };
        if let Some(link) = link.filter(|link| !link.is_empty()) {
            self.found.links.push((link, at));
        }
    }
}

/// What the attributes of an element say about it.
#[derive(Default)]
struct Attributes {
    is_closed: bool,
    is_in_namespace: bool,
    has_source: bool,
}

/// The name that a text begins with; "" if it begins with none.
fn name(text: &str) -> &str {
    let is_first = text.starts_with(|first: char| first.is_alphabetic() || first == '_');
    let length = text.find(|letter: char| !(letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.' | ':')));
    if is_first { &text[..length.unwrap_or(text.len())] } else { "" }
}

/// A name, as far as anybody wants to read it.
fn short(name: &str) -> &str {
    name.char_indices().nth(40).map_or(name, |(end, _)| &name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flaws(inside: &str) -> Vec<(usize, String)> {
        let front = "<div xmlns=\"http://www.w3.org/1999/xhtml\">";
        let found = read(&format!("{front}{inside}</div>")).flaws;
        found.into_iter().map(|flaw| (flaw.offset.saturating_sub(front.len()), flaw.text.into_owned())).collect()
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
            assert_eq!(flaws(good), [], "{good}");
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
            assert_eq!(flaws(bad), [(at, text.to_owned())], "{bad}");
        }
        assert_eq!(flaws("  <p/> &#32;")[0].1, "the narrative says nothing: expected a text or an img (txt-2)");
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
            assert_eq!(read(bad).flaws.first().map(|flaw| flaw.text.as_ref()), Some(text), "{bad}");
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

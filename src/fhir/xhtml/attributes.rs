//! The attributes of an element: their form, which of them a narrative may have, and where their addresses lead.

use std::borrow::Cow;
use std::collections::HashSet;

use super::allowed;
use super::entity::{self, Entity};
use super::narrative::NAMESPACE;
use super::reader::{NotXml, Reader, name, shorten};

/// What the attributes of an element say about it.
#[derive(Default)]
pub(super) struct Attributes {
    /// It is an empty element: `<br/>`
    pub(super) is_closed: bool,
    /// It says that it is of XHTML
    pub(super) is_in_namespace: bool,
    /// It says where its image is
    pub(super) has_source: bool,
}

/// The names that were met in an element. They are few, but for texts that are made to be slow.
#[derive(Default)]
struct Names<'a> {
    few: Vec<&'a str>,
    many: HashSet<&'a str>,
}

impl<'a> Names<'a> {
    /// Was it not there before?
    fn insert(&mut self, name: &'a str) -> bool {
        if self.few.contains(&name) {
            return false;
        }
        if self.few.len() < 16 {
            self.few.push(name);
            return true;
        }
        self.many.insert(name)
    }
}

impl<'a> Reader<'a> {
    /// Reads the attributes of an element, and the end of its tag.
    pub(super) fn attributes(&mut self, element_at: usize, element: &'a str) -> Result<Attributes, NotXml> {
        let mut found = Attributes::default();
        let mut names = Names::default();
        loop {
            self.check_room()?;
            let spaced = self.skip_space();
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
                self.fail(
                    element_at,
                    format!("{} is not closed with >", shorten(element)),
                    "write its attributes as name=\"value\"",
                )?;
            }
            self.at += name.len();
            let value = self.value(at, name)?;
            if !names.insert(name) {
                self.fail(at, format!("the attribute {} is there twice", shorten(name)), "keep one of them")?;
            }
            self.attribute(at, element, name, value, &mut found);
        }
    }

    fn skip_space(&mut self) -> bool {
        let length = self.rest().bytes().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.at += length;
        length > 0
    }

    /// The value of an attribute, with its quotes passed.
    fn value(&mut self, at: usize, name: &str) -> Result<&'a str, NotXml> {
        self.skip_space();
        if self.rest().starts_with('=') {
            self.at += 1;
            self.skip_space();
            let rest = self.rest();
            if let Some(quote) = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))
                && let Some(end) = rest[1..].find(quote)
            {
                let value = &rest[1..=end];
                self.at += end + 2;
                return self.check_value(value, at).map(|()| value);
            }
        }
        let hint = format!("write {}=\"...\"", shorten(name));
        self.fail(at, format!("the attribute {} has no value in quotes", shorten(name)), hint)?;
        Err(NotXml)
    }

    /// Values hold no `<`, and only entities that XML knows.
    fn check_value(&mut self, value: &str, at: usize) -> Result<(), NotXml> {
        if value.contains('<') {
            return self.fail(at, "an attribute holds a <", "write &lt;");
        }
        for (position, _) in value.match_indices('&') {
            self.check_room()?;
            let behind = &value[position + 1..];
            match entity::read(behind) {
                (Entity::Character(_), _) => {}
                (Entity::Unknown, length) => {
                    let name = &behind[..length - 1];
                    let text = format!("&{name}; is an entity of HTML, which XML does not know");
                    self.add_issue(at, text, entity::fix(name));
                }
                (Entity::Invalid, _) => return self.fail(at, "an & begins no entity here", "write &amp;"),
            }
        }
        Ok(())
    }

    fn attribute(&mut self, at: usize, element: &str, name: &'a str, value: &'a str, found: &mut Attributes) {
        if name == "xmlns" {
            found.is_in_namespace = value == NAMESPACE;
            if !found.is_in_namespace && !self.open.is_empty() {
                self.add_issue(at, "this element is in another namespace than XHTML", "leave out xmlns");
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
            self.add_issue(at, format!("{} is no attribute of narratives (txt-1)", shorten(name)), hint);
            return;
        }
        let value = entity::decode(value);
        match name {
            "id" => self.narrative.anchors.push((value, at)),
            "name" if element == "a" || element == "map" => self.narrative.anchors.push((value, at)),
            "style" if allowed::style_runs_script(&value) => {
                self.add_issue(at, "the style runs something (txt-1)", "keep to how things look");
            }
            _ if allowed::is_address(name) => self.address(at, name, value, found),
            _ => {}
        }
    }

    fn address(&mut self, at: usize, name: &str, value: Cow<'a, str>, found: &mut Attributes) {
        found.has_source |= name == "src" && !value.is_empty();
        if allowed::runs_script(&value) {
            self.add_issue(at, "the address runs a script (txt-1)", "link to a page, or leave it out");
            return;
        }
        let link = match value {
            Cow::Borrowed(value) => value.strip_prefix('#').map(Cow::Borrowed),
            Cow::Owned(value) => value.strip_prefix('#').map(|link| Cow::Owned(link.to_owned())),
        };
        if let Some(link) = link.filter(|link| !link.is_empty()) {
            self.narrative.links.push((link, at));
        }
    }
}

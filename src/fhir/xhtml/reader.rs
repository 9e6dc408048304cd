//! Goes through the text of a narrative once, by the rules of XML (<https://www.w3.org/TR/xml/>), and notes what is not
//! allowed. Where the text is no XML, reading ends: what follows would only be guessed at.

use std::borrow::Cow;

use super::allowed;
use super::entity::{self, Entity};
use super::narrative::{Narrative, NarrativeIssue};

/// More than this nobody reads: with so many issues reading ends.
pub(super) const MAX_ISSUES: usize = 50;

/// What no XML is cannot be read on.
pub(super) struct NotXml;

pub(super) struct Reader<'a> {
    text: &'a str,
    pub(super) at: usize,
    /// The elements that are open, with where they began
    pub(super) open: Vec<(&'a str, usize)>,
    /// A root was there
    has_root: bool,
    has_content: bool,
    pub(super) narrative: Narrative<'a>,
}

/// Reads a narrative.
pub(super) fn read(text: &str) -> Narrative<'_> {
    let mut reader =
        Reader { text, at: 0, open: Vec::new(), has_root: false, has_content: false, narrative: Narrative::default() };
    if reader.document().is_ok() {
        if !reader.has_root {
            reader.add_issue(
                0,
                "the narrative is no XHTML: expected one div",
                "write <div xmlns=\"http://www.w3.org/1999/xhtml\">...</div>",
            );
        } else if !reader.has_content {
            reader.add_issue(
                0,
                "the narrative says nothing: expected a text or an img (txt-2)",
                "say in words what the resource says, or leave out text",
            );
        }
    }
    reader.narrative
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<(), NotXml> {
        while self.at < self.text.len() {
            self.check_room()?;
            match self.rest().as_bytes()[0] {
                b'<' => self.markup()?,
                b'&' => self.entity()?,
                _ => self.characters()?,
            }
        }
        match self.open.last().copied() {
            Some((name, at)) if allowed::is_void(name) => {
                self.fail(at, format!("{name} is not closed"), format!("write <{name}/>"))
            }
            Some((name, at)) => self.fail(at, format!("{name} is not closed"), format!("close it with </{name}>")),
            None => Ok(()),
        }
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Is there room for more issues?
    pub(super) fn check_room(&self) -> Result<(), NotXml> {
        if self.narrative.issues.len() < MAX_ISSUES { Ok(()) } else { Err(NotXml) }
    }

    pub(super) fn add_issue(
        &mut self,
        offset: usize,
        text: impl Into<Cow<'static, str>>,
        hint: impl Into<Cow<'static, str>>,
    ) {
        self.narrative.issues.push(NarrativeIssue { offset, text: text.into(), hint: Some(hint.into()) });
    }

    pub(super) fn fail(
        &mut self,
        offset: usize,
        text: impl Into<Cow<'static, str>>,
        hint: impl Into<Cow<'static, str>>,
    ) -> Result<(), NotXml> {
        self.add_issue(offset, text, hint);
        Err(NotXml)
    }

    /// Text between elements.
    fn characters(&mut self) -> Result<(), NotXml> {
        let rest = self.rest();
        let end = rest.bytes().position(|byte| matches!(byte, b'<' | b'&')).unwrap_or(rest.len());
        let (at, text) = (self.at, &rest[..end]);
        self.at += end;
        self.note_content(at, text.bytes().any(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')))?;
        // Of the characters that XML does not know, the rare ones begin with this byte.
        if text.bytes().any(|byte| byte < b' ' || byte == 0xef)
            && let Some((bad, _)) = text.char_indices().find(|(_, letter)| !entity::is_character(*letter))
        {
            return self.fail(at + bad, "a control character is no part of XML", "leave it out");
        }
        Ok(())
    }

    /// Something is said here, or only white space.
    fn note_content(&mut self, at: usize, is_content: bool) -> Result<(), NotXml> {
        self.has_content |= is_content;
        if is_content && self.open.is_empty() {
            return self.fail(at, "the narrative is one div; there is text beside it", "put all of it into the div");
        }
        Ok(())
    }

    fn entity(&mut self) -> Result<(), NotXml> {
        let (at, behind) = (self.at, &self.text[self.at + 1..]);
        let (found, length) = entity::read(behind);
        self.at += 1 + length;
        match found {
            Entity::Character(letter) => self.note_content(at, !letter.is_ascii_whitespace()),
            Entity::Unknown => {
                let name = &behind[..length - 1];
                self.add_issue(
                    at,
                    format!("&{name}; is an entity of HTML, which XML does not know"),
                    entity::fix(name),
                );
                self.note_content(at, true)
            }
            Entity::Invalid => self.fail(at, "an & begins no entity here", "write &amp;"),
        }
    }

    fn markup(&mut self) -> Result<(), NotXml> {
        let (at, rest) = (self.at, self.rest());
        if let Some(inside) = rest.strip_prefix("<!--") {
            let Some(end) = inside.find("-->") else {
                return self.fail(at, "a comment is not closed", "close it with -->");
            };
            self.at += 4 + end + 3;
            if inside[..end].contains("--") {
                return self.fail(at, "a comment holds --", "write something else inside the comment");
            }
            return Ok(());
        }
        if let Some(inside) = rest.strip_prefix("<![CDATA[") {
            let Some(end) = inside.find("]]>") else {
                return self.fail(at, "a CDATA section is not closed", "close it with ]]>");
            };
            self.at += 9 + end + 3;
            return self.note_content(at, !inside[..end].trim().is_empty());
        }
        if rest.starts_with("<!") {
            return self.fail(at, "a narrative has no document type", "leave it out and begin with the div");
        }
        if rest.starts_with("<?") {
            return self.fail(at, "a narrative has no processing instruction", "leave it out and begin with the div");
        }
        if let Some(behind) = rest.strip_prefix("</") {
            return self.close(at, behind);
        }
        let name = name(&rest[1..]);
        if name.is_empty() {
            return self.fail(at, "a < begins no element here", "write &lt;");
        }
        self.at += 1 + name.len();
        self.open(at, name)
    }

    fn close(&mut self, at: usize, behind: &'a str) -> Result<(), NotXml> {
        let name = name(behind);
        let space = behind[name.len()..].len() - behind[name.len()..].trim_start().len();
        if !behind[name.len() + space..].starts_with('>') {
            return self.fail(at, "an end of an element is not closed", format!("write </{name}>"));
        }
        self.at += 2 + name.len() + space + 1;
        match self.open.pop() {
            Some((opened, _)) if opened == name => Ok(()),
            Some((opened, _)) if allowed::is_void(opened) => {
                self.fail(at, format!("{opened} is not closed where {name} is"), format!("write <{opened}/>"))
            }
            Some((opened, _)) => {
                self.fail(at, format!("{name} is closed where {opened} is open"), format!("close {opened} first"))
            }
            None => self.fail(at, format!("{name} is closed, but not open"), "leave it out"),
        }
    }

    /// An element begins.
    fn open(&mut self, at: usize, name: &'a str) -> Result<(), NotXml> {
        let is_root = self.open.is_empty();
        if is_root && self.has_root {
            return self.fail(
                at,
                "the narrative is one div; there is another element beside it",
                "put both into one div",
            );
        }
        self.has_root = true;
        if is_root && name != "div" {
            self.add_issue(at, format!("the narrative is one div, found {name}"), "put it into a div");
        }
        if !allowed::is_element(name) {
            let lower = name.to_ascii_lowercase();
            let hint = match name.split_once(':') {
                Some((_, bare)) => format!("write {bare} without a prefix").into(),
                None if allowed::is_element(&lower) => format!("write {lower}; XHTML is in lower case").into(),
                None => Cow::Borrowed(allowed::suggestion(&lower)),
            };
            self.add_issue(at, format!("{} is no element of narratives (txt-1)", shorten(name)), hint);
        }
        let attributes = self.attributes(at, name)?;
        if is_root && !attributes.is_in_namespace {
            self.add_issue(
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
}

/// The name that a text begins with; "" if it begins with none. Letters beyond ASCII may be in it.
pub(super) fn name(text: &str) -> &str {
    let is_first = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_' || *byte >= 0x80;
    let is_next = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | 0x80..);
    let length = text.bytes().position(|byte| !is_next(byte)).unwrap_or(text.len());
    if text.as_bytes().first().is_some_and(is_first) { &text[..length] } else { "" }
}

/// A name, as far as anybody wants to read it.
pub(super) fn shorten(name: &str) -> &str {
    name.char_indices().nth(40).map_or(name, |(end, _)| &name[..end])
}

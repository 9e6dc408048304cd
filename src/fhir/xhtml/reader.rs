//! Goes through the text of a narrative once, by the rules of XML (<https://www.w3.org/TR/xml/>), and notes what is not
//! allowed. Where the text is no XML, reading ends: what follows would only be guessed at.

use std::borrow::Cow;

use super::allowed;
use super::entity::{self, Entity};
use super::narrative::{Flaw, Narrative};

/// More than this nobody reads.
const MAX_FLAWS: usize = 50;

/// What no XML is cannot be read on.
pub(super) struct Stop;

pub(super) struct Reader<'a> {
    text: &'a str,
    pub(super) at: usize,
    /// The elements that are open, with where they began
    pub(super) open: Vec<(&'a str, usize)>,
    /// A root was there
    is_begun: bool,
    has_content: bool,
    pub(super) found: Narrative<'a>,
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
            if self.found.flaws.len() >= MAX_FLAWS {
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

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn flaw(
        &mut self,
        offset: usize,
        text: impl Into<Cow<'static, str>>,
        hint: impl Into<Cow<'static, str>>,
    ) {
        self.found.flaws.push(Flaw { offset, text: text.into(), hint: Some(hint.into()) });
    }

    pub(super) fn stop(
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
        let end = rest.bytes().position(|byte| matches!(byte, b'<' | b'&')).unwrap_or(rest.len());
        let (at, text) = (self.at, &rest[..end]);
        self.at += end;
        self.content(at, text.bytes().any(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')))?;
        // Of the characters that XML does not know, the rare ones begin with this byte.
        if text.bytes().any(|byte| byte < b' ' || byte == 0xef)
            && let Some((bad, _)) = text.char_indices().find(|(_, letter)| !entity::is_character(*letter))
        {
            return self.stop(at + bad, "a control character is no part of XML", "leave it out");
        }
        Ok(())
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
                self.flaw(at, format!("&{name}; is an entity of HTML, which XML does not know"), entity::fix(name));
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
}

/// The name that a text begins with; "" if it begins with none. Letters beyond ASCII may be in it.
pub(super) fn name(text: &str) -> &str {
    let is_first = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_' || *byte >= 0x80;
    let is_next = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | 0x80..);
    let length = text.bytes().position(|byte| !is_next(byte)).unwrap_or(text.len());
    if text.as_bytes().first().is_some_and(is_first) { &text[..length] } else { "" }
}

/// A name, as far as anybody wants to read it.
pub(super) fn short(name: &str) -> &str {
    name.char_indices().nth(40).map_or(name, |(end, _)| &name[..end])
}

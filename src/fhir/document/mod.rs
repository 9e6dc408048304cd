//! A JSON document that remembers where everything stood.
//!
//! Implements the JSON representation of FHIR R4 (<https://hl7.org/fhir/R4/json.html>) as far as syntax goes: numbers
//! keep their digits, members keep their order, unknown members and `_primitive` siblings are members like any other.
//! The whole document is one flat, pre-order run of nodes that point into the source text, so reading allocates
//! twice, whatever the size, and every node knows its line and column.
//!
//! It must not know what a resource is; that is the business of the layers above.

mod escape;
mod foreign;
mod reading;
mod slot;

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::sync::OnceLock;

use serde_json::{Map, Number, Value};

use super::issue::{Issue, Key};
use super::source_position::{PositionIndex, SourcePosition};
use escape::decode;
use foreign::ForeignValue;
use reading::ReadText;
use slot::Slot;

pub use escape::StringPlace;
pub use slot::Kind;

/// How much a document may hold before it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest accepted text, in bytes. Never above `u32::MAX`, which is what positions are counted in. There may be
    /// one value for every eight of them: FHIR needs three times as much, and `[[],[],...` would take ten times its
    /// length in memory.
    pub bytes: usize,
    /// Deepest accepted nesting of arrays and objects.
    pub depth: usize,
}

impl Default for Limits {
    /// 16 MB and 100 levels: the deepest published R4 example nests 26 levels.
    fn default() -> Self {
        Self { bytes: 16 * 1024 * 1024, depth: 100 }
    }
}

/// How much a document may hold that was read before, or made here.
const OWN: Limits = Limits { bytes: u32::MAX as usize, depth: 1000 };

/// A parsed document. See the module head.
pub struct Document {
    text: Box<str>,
    slots: Vec<Slot>,
    /// Made when the first position is asked for
    positions: OnceLock<PositionIndex>,
}

impl fmt::Debug for Document {
    /// Says how much it holds and never what: documents are about people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({} bytes, {} nodes)", self.text.len(), self.slots.len())
    }
}

/// One value inside a document: cheap to copy, valid as long as the document.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    document: &'a Document,
    index: u32,
}

impl fmt::Debug for Node<'_> {
    /// Where it stands and what kind it is, never the value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.kind(), self.position())
    }
}

impl PartialEq for Node<'_> {
    /// The same place of the same document.
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.document, other.document) && self.index == other.index
    }
}

// === Document ===

impl Document {
    /// Reads a document within the default limits.
    ///
    /// # Errors
    /// One issue that names the line and column where reading stopped.
    pub fn parse(text: impl Into<Box<str>>) -> Result<Self, Box<Issue>> {
        Self::parse_within(text, Limits::default())
    }

    /// Reads a document from bytes, which must be UTF-8.
    ///
    /// # Errors
    /// As [`Document::parse`], and for a text that is not UTF-8.
    pub fn parse_bytes(bytes: &[u8], limits: Limits) -> Result<Self, Box<Issue>> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::parse_within(text, limits),
            Err(error) => {
                let text = format!("the body is not UTF-8 (byte {})", error.valid_up_to());
                let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
                Err(Box::new(
                    Issue::fatal(Key::JsonSyntax, "", text).at(SourcePosition::of_offset(&before, before.len())),
                ))
            }
        }
    }

    /// Reads a document within `limits`.
    ///
    /// # Errors
    /// As [`Document::parse`].
    pub fn parse_within(text: impl Into<Box<str>>, limits: Limits) -> Result<Self, Box<Issue>> {
        let (document, foreign) = Self::read(text.into(), limits)?;
        let Some(ForeignValue { index, key, text }) = foreign else { return Ok(document) };
        let node = document.node(index);
        let place = if key == Key::ReservedMember { node.name_position() } else { node.position() };
        Err(Box::new(Issue::fatal(key, node.path(), text).at(place)))
    }

    /// Reads a document that was read before, or made here, within [`OWN`]: what was taken in once is not refused on its way
    /// out, whatever is refused today.
    ///
    /// # Errors
    /// As [`Document::parse`]; only for a text that nobody read before.
    pub fn parse_own(text: impl Into<Box<str>>) -> Result<Self, Box<Issue>> {
        Self::read(text.into(), OWN).map(|(document, _)| document)
    }

    fn read(text: Box<str>, limits: Limits) -> Result<(Self, Option<ForeignValue>), Box<Issue>> {
        let bound = limits.bytes.min(u32::MAX as usize - 1);
        if text.len() > bound {
            let message = format!("the document has {} bytes; at most {bound} are read", text.len());
            return Err(Box::new(Issue::fatal(Key::TooLarge, "", message)));
        }
        match reading::read(text.as_bytes(), bound / 8 + 8, limits.depth) {
            Ok(ReadText { slots, foreign }) => Ok((Self { text, slots, positions: OnceLock::new() }, foreign)),
            Err((key, at, message)) => {
                Err(Box::new(Issue::fatal(key, "", message).at(SourcePosition::of_offset(&text, at))))
            }
        }
    }

    /// A text that was made here as a value that can be changed.
    ///
    /// # Errors
    /// As [`Document::parse_own`].
    pub fn value_of(text: &str) -> Result<Value, Box<Issue>> {
        Ok(Self::parse_own(text)?.root().to_value())
    }

    /// Makes a document of a value that we built ourselves.
    ///
    /// # Errors
    /// As [`Document::parse_own`].
    pub fn from_value(value: &Value) -> Result<Self, Box<Issue>> {
        Self::parse_own(value.to_string())
    }

    /// The outermost value.
    pub fn root(&self) -> Node<'_> {
        Node { document: self, index: 0 }
    }

    /// The text as it came.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of a byte of the text.
    pub(super) fn position(&self, offset: usize) -> SourcePosition {
        self.positions.get_or_init(|| PositionIndex::of(&self.text)).position(&self.text, offset)
    }

    /// The document with this JSON string in the place of one of the same length, without reading it again; nothing where
    /// either is no string without escapes, or they are not equally long.
    pub fn with_string(&self, old: Node<'_>, json: &str) -> Option<Self> {
        let slot = self.slots.get(old.index as usize).filter(|slot| slot.kind == Kind::String && !slot.escaped)?;
        let plain = json.strip_prefix('"')?.strip_suffix('"')?;
        let is_plain = !plain.contains(|next: char| next == '"' || next == '\\' || next.is_control());
        let (start, end) = (slot.start as usize, slot.end as usize);
        if !is_plain || json.len() != end - start {
            return None;
        }
        let mut text = String::with_capacity(self.text.len());
        text.push_str(&self.text[..start]);
        text.push_str(json);
        text.push_str(&self.text[end..]);
        Some(Self { text: text.into(), slots: self.slots.clone(), positions: OnceLock::new() })
    }

    /// How many values the document holds.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Never true: the shortest document is one value.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The node with this index, as [`Node::index`] gave it; the root for an index of another document.
    pub fn node(&self, index: u32) -> Node<'_> {
        let index = if (index as usize) < self.slots.len() { index } else { 0 };
        Node { document: self, index }
    }
}

// === Node ===

impl<'a> Node<'a> {
    fn slot(self) -> &'a Slot {
        &self.document.slots[self.index as usize]
    }

    /// The document it belongs to.
    pub fn document(self) -> &'a Document {
        self.document
    }

    /// Its number in the document, in reading order from 0.
    pub fn index(self) -> u32 {
        self.index
    }

    /// The number of the first value behind it that is not part of it.
    pub fn after(self) -> u32 {
        self.slot().after
    }

    /// What it is.
    pub fn kind(self) -> Kind {
        self.slot().kind
    }

    /// Is it an object?
    pub fn is_object(self) -> bool {
        self.kind() == Kind::Object
    }

    /// Is it an array?
    pub fn is_array(self) -> bool {
        self.kind() == Kind::Array
    }

    /// How many values it holds, itself among them.
    pub fn count(self) -> usize {
        (self.slot().after - self.index) as usize
    }

    /// Its member name as written (escapes not decoded), or "" outside an object.
    pub fn name(self) -> &'a str {
        let slot = self.slot();
        &self.document.text[slot.name as usize..slot.name as usize + usize::from(slot.name_length)]
    }

    /// The bytes of its member name: what is compared most.
    pub fn name_bytes(self) -> &'a [u8] {
        let slot = self.slot();
        &self.document.text.as_bytes()[slot.name as usize..slot.name as usize + usize::from(slot.name_length)]
    }

    /// Its JSON text as written.
    pub fn text(self) -> &'a str {
        let slot = self.slot();
        &self.document.text[slot.start as usize..slot.end as usize]
    }

    /// Where its text begins and ends, in bytes.
    pub fn range(self) -> std::ops::Range<usize> {
        let slot = self.slot();
        slot.start as usize..slot.end as usize
    }

    /// Where in the document a part of a string stands, of which the content begins `offset` bytes into the string's
    /// content; its end for an offset behind it. `passed` is how far into the string earlier questions have come, at
    /// first nothing: whoever asks for parts in their order has the string read once.
    pub fn offset_of(self, offset: usize, passed: &mut StringPlace) -> usize {
        let slot = self.slot();
        let start = slot.start as usize + 1;
        if !slot.escaped {
            return (start + offset).min(slot.end as usize);
        }
        if passed.is_behind(offset) {
            *passed = StringPlace::default();
        }
        passed.advance(&self.document.text[start..slot.end as usize - 1], offset);
        start + passed.written()
    }

    /// Where its member name begins (the value itself outside an object), in bytes.
    pub fn name_start(self) -> usize {
        let slot = self.slot();
        if slot.name_length == 0 { slot.start as usize } else { slot.name as usize - 1 }
    }

    /// Line and column where the value begins.
    pub fn position(self) -> SourcePosition {
        self.document.position(self.slot().start as usize)
    }

    /// Line and column where its member name begins, or the value outside an object.
    pub fn name_position(self) -> SourcePosition {
        self.document.position(self.name_start())
    }

    /// A string's content.
    pub fn as_str(self) -> Option<Cow<'a, str>> {
        let slot = self.slot();
        (slot.kind == Kind::String).then(|| {
            let inner = &self.document.text[slot.start as usize + 1..slot.end as usize - 1];
            if slot.escaped { Cow::Owned(decode(inner)) } else { Cow::Borrowed(inner) }
        })
    }

    /// Is it this string?
    pub fn is_str(self, expected: &str) -> bool {
        // An escape has at most six times as many bytes as what it stands for: no long text is decoded in vain.
        let length = self.range().len().saturating_sub(2);
        (expected.len()..=expected.len().saturating_mul(6)).contains(&length)
            && self.as_str().is_some_and(|text| text == expected)
    }

    /// A boolean's value.
    pub fn as_bool(self) -> Option<bool> {
        (self.kind() == Kind::Bool).then(|| self.text() == "true")
    }

    /// A number's digits as written.
    pub fn as_number(self) -> Option<&'a str> {
        (self.kind() == Kind::Number).then(|| self.text())
    }

    /// The member with this name.
    pub fn get(self, name: &str) -> Option<Node<'a>> {
        self.members().find(|member| member.name_bytes() == name.as_bytes())
    }

    /// The string in the member with this name.
    pub fn str(self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).and_then(Node::as_str)
    }

    /// The members of an object, in order; nothing for other kinds.
    pub fn members(self) -> Children<'a> {
        self.children_of(Kind::Object)
    }

    /// The items of an array, in order; nothing for other kinds.
    pub fn items(self) -> Children<'a> {
        self.children_of(Kind::Array)
    }

    /// The items of the array in the member `name`; nothing if there is none.
    pub fn list(self, name: &str) -> Children<'a> {
        self.get(name).map_or(Children { document: self.document, next: 0, end: 0 }, Node::items)
    }

    /// The items of an array, or the value itself where it is none: how FHIR elements repeat.
    pub fn each(self) -> Children<'a> {
        if self.is_array() {
            self.items()
        } else {
            Children { document: self.document, next: self.index, end: self.index + 1 }
        }
    }

    fn children_of(self, kind: Kind) -> Children<'a> {
        let slot = self.slot();
        let end = if slot.kind == kind { slot.after } else { self.index + 1 };
        Children { document: self.document, next: self.index + 1, end }
    }

    /// Every value inside it, itself first, in reading order.
    pub fn descendants(self) -> impl Iterator<Item = Node<'a>> {
        let document = self.document;
        (self.index..self.slot().after).map(move |index| Node { document, index })
    }

    /// The path from the root of the document, in the words of the source: `Task.code.coding[0].system`. Resources
    /// give the first step their type's name. Built by walking down, so it costs nothing until something is said.
    pub fn path(self) -> String {
        let mut node = self.document.root();
        // What is no name of a type is not repeated.
        let kind = node.str("resourceType").filter(|kind| is_name(kind));
        let mut path = kind.map_or_else(|| "$this".to_owned(), Cow::into_owned);
        while node.index != self.index {
            let within_array = node.is_array();
            let children = if within_array { node.items() } else { node.members() };
            let Some((position, child)) = children.enumerate().find(|(_, child)| self.index < child.slot().after)
            else {
                break;
            };
            if within_array {
                let _ = write!(path, "[{position}]");
            } else {
                path.push('.');
                path.push_str(child.name());
            }
            node = child;
        }
        path
    }

    /// A copy as a value that can be changed: order and digits are kept, white space is not.
    pub fn to_value(self) -> Value {
        match self.kind() {
            Kind::Null => Value::Null,
            Kind::Bool => Value::Bool(self.text() == "true"),
            Kind::Number => Value::Number(Number::from_string_unchecked(self.text().to_owned())),
            Kind::String => Value::String(self.as_str().unwrap_or_default().into_owned()),
            Kind::Array => Value::Array(self.items().map(Node::to_value).collect()),
            Kind::Object => Value::Object(
                self.members().map(|member| (decode(member.name()), member.to_value())).collect::<Map<_, _>>(),
            ),
        }
    }
}

impl Issue {
    /// An error about this node: path and position are the node's own.
    pub fn error_at(key: Key, node: Node<'_>, text: impl Into<String>) -> Self {
        Self::error(key, node.path(), text).at(node.position())
    }
}

/// Has it the form of a type's name?
pub(crate) fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The children of a node, in order.
#[derive(Clone)]
pub struct Children<'a> {
    document: &'a Document,
    next: u32,
    end: u32,
}

impl<'a> Iterator for Children<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        if self.next >= self.end {
            return None;
        }
        let node = Node { document: self.document, index: self.next };
        self.next = node.slot().after;
        Some(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_where_a_part_of_a_string_stands() {
        for text in [r#""a\n\u00e9\ud83c\udfe0é<b""#, r#""plain <b""#, r#""\"<""#] {
            let document = Document::parse(text).unwrap();
            let content = document.root().as_str().unwrap().into_owned();
            let mut passed = StringPlace::default();
            for _ in 0..2 {
                let offset = document.root().offset_of(content.find('<').unwrap(), &mut passed);
                assert_eq!(offset, text.find('<').unwrap(), "{text}");
                let end = document.root().offset_of(999, &mut passed);
                assert_eq!(end, text.len() - usize::from(text.contains('\\')), "{text}");
            }
        }
    }

    #[test]
    fn a_string_gives_way_to_one_as_long() {
        let document = Document::parse(r#"{"a":"one","b":{"c":"\n12"},"d":"after"}"#).unwrap();
        let root = document.root();
        let changed = document.with_string(root.get("a").unwrap(), r#""two""#).unwrap();
        let expected = r#"{"a":"two","b":{"c":"\n12"},"d":"after"}"#;
        let read = Document::parse(expected).unwrap();
        assert_eq!(changed.text(), expected);
        assert!(changed.root().descendants().map(Node::range).eq(read.root().descendants().map(Node::range)));
        assert_eq!(changed.root().str("d").as_deref(), Some("after"));
        let (a, b) = (root.get("a").unwrap(), root.get("b").unwrap());
        for (place, json) in [
            (a, r#""four""#),
            (a, "12345"),
            (a, r#""a"b""#),
            (a, r#""\\n""#),
            (b, r#""\n12""#),
            (b.get("c").unwrap(), r#""1234""#),
        ] {
            assert!(document.with_string(place, json).is_none(), "{json}");
        }
    }

    #[test]
    fn keeps_digits_order_and_unknown_members() {
        let text = r#"{"z":1.10,"a":[1E+2,-0.0],"_a":[null,{"id":"x"}],"é":"\u00e9\ud83c\udfe0"}"#;
        let document = Document::parse(text).unwrap();
        assert_eq!(
            document.root().to_value().to_string(),
            r#"{"z":1.10,"a":[1E+2,-0.0],"_a":[null,{"id":"x"}],"é":"é🏠"}"#
        );
        assert_eq!(document.text(), text);
    }

    #[test]
    fn a_path_begins_with_a_type_or_with_this() {
        for (text, path) in [
            (r#"{"resourceType":"Task"}"#, "Task"),
            (r#"{"resourceType":""}"#, "$this"),
            (r#"{"resourceType":"Mina Orchard"}"#, "$this"),
            ("1", "$this"),
        ] {
            assert_eq!(Document::parse(text).unwrap().root().path(), path, "{text}");
        }
    }

    #[test]
    fn names_path_and_position() {
        let document = Document::parse("{\n \"resourceType\": \"Task\",\n \"é\": [{}, {\"b\": 1}]}").unwrap();
        let node = document.root().list("é").nth(1).unwrap().get("b").unwrap();
        assert_eq!(
            (node.path().as_str(), node.position(), node.name_position()),
            ("Task.é[1].b", SourcePosition { line: 3, column: 18 }, SourcePosition { line: 3, column: 13 })
        );
    }

    #[test]
    fn refuses_with_a_place() {
        for (text, key, position) in [
            ("", Key::JsonSyntax, (1, 1)),
            ("{\"a\":1,}", Key::JsonSyntax, (1, 8)),
            ("{\"a\":1\n,\"a\":2}", Key::DuplicateMember, (2, 2)),
            ("[01]", Key::JsonSyntax, (1, 3)),
            ("[\"\\ud800\"]", Key::JsonSyntax, (1, 3)),
            ("[\"a]", Key::JsonSyntax, (1, 2)),
            (r#"{"a":1,"\u0061":2}"#, Key::DuplicateMember, (1, 8)),
            ("{} x", Key::JsonSyntax, (1, 4)),
            ("[tru]", Key::JsonSyntax, (1, 2)),
        ] {
            let issue = Document::parse(text).unwrap_err();
            assert_eq!(
                (issue.key, issue.position),
                (key, Some(SourcePosition { line: position.0, column: position.1 })),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_not_taken_from_others_is_refused_with_path_and_place() {
        let marked = "{\"resourceType\":\"Task\",\n\"note\":[{\"\\u0024serde_json::private::Number\":\"1\"}]}";
        for (text, key, path, position) in [
            (marked, Key::ReservedMember, "Task.note[0].\\u0024serde_json::private::Number", (2, 10)),
            ("[1,\n {\"a\":1e9999}]", Key::NumberRange, "$this[1].a", (2, 7)),
        ] {
            let issue = Document::parse(text).unwrap_err();
            let position = SourcePosition { line: position.0, column: position.1 };
            assert_eq!((issue.key, issue.path.as_str(), issue.position), (key, path, Some(position)), "{text}");
            assert_eq!(Document::parse_own(text).unwrap().text(), text, "what is there is read");
        }
    }

    #[test]
    fn refuses_what_is_too_deep_or_too_large() {
        let deep = "[".repeat(100_000);
        assert_eq!(Document::parse(deep).unwrap_err().key, Key::TooDeep);
        let limits = Limits { bytes: 4, ..Limits::default() };
        assert_eq!(Document::parse_within("[1,2,3]", limits).unwrap_err().key, Key::TooLarge);
        let crowded = Limits { bytes: 800, ..Limits::default() };
        assert!(Document::parse_within(format!("[{}1]", "1,".repeat(100)), crowded).is_ok());
        let refused = Document::parse_within(format!("[{}1]", "1,".repeat(110)), crowded).unwrap_err();
        assert_eq!((refused.key, refused.position.map(|position| position.column)), (Key::TooLarge, Some(216)));
        let many: Vec<String> = (0..200).map(|number| format!("\"m{number}\":1,")).collect();
        assert_eq!(Document::parse(format!("{{{}\"m7\":2}}", many.concat())).unwrap_err().key, Key::DuplicateMember);
    }

    #[test]
    fn walks_children_without_descending() {
        let document = Document::parse(r#"[[1,[2]],{"a":[3]},"x"]"#).unwrap();
        let kinds: Vec<Kind> = document.root().items().map(Node::kind).collect();
        assert_eq!(kinds, [Kind::Array, Kind::Object, Kind::String]);
        let last = document.root().items().nth(2).unwrap();
        assert_eq!((last.items().count(), last.each().count(), document.root().each().count()), (0, 1, 3));
    }
}

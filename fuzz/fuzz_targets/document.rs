//! Any bytes as a document: read or refused at a place within them; what is read is what serde_json reads, stands where
//! it says, and is the same when it is written and read again.

#![no_main]

use handoff::fhir::{Document, Key, Limits, Node};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let other = serde_json::from_slice::<Value>(bytes);
    match Document::parse_bytes(bytes, Limits::default()) {
        Ok(document) => read(&document),
        Err(issue) => {
            let text = String::from_utf8_lossy(bytes);
            if let Some(position) = issue.position {
                let line = text.split('\n').nth(position.line as usize - 1).expect("the line is there");
                assert!(position.column as usize <= line.chars().count() + 1, "{issue}");
            }
            // Stricter than JSON in two ways only: depth, and members that stand twice.
            assert!(other.is_err() || matches!(issue.key, Key::TooDeep | Key::DuplicateMember), "{issue}");
        }
    }
});

fn read(document: &Document) {
    let root = document.root();
    let value = root.to_value();
    // Read by the other, both ways: it writes exponents in its own manner (`0e02` as `0e+02`).
    let other: Value = serde_json::from_str(document.text()).expect("what is accepted is JSON");
    let same: Value = serde_json::from_str(&value.to_string()).expect("what is written is JSON");
    assert_eq!(same, other);
    let again = Document::parse(value.to_string()).expect("what is written is read");
    assert_eq!(again.root().to_value(), value);

    assert_eq!(root.descendants().count(), document.len());
    for node in root.descendants() {
        place(document, node);
    }
}

fn place(document: &Document, node: Node<'_>) {
    assert_eq!(&document.text()[node.range()], node.text());
    assert_eq!(document.node(node.index()), node);
    assert!(node.index() < node.after() && node.after() as usize <= document.len());
    for child in node.members().chain(node.items()) {
        assert!(node.range().start < child.range().start && child.range().end < node.range().end);
        assert!(node.index() < child.index() && child.after() <= node.after());
    }
    // Finding a line begins at the start of the text: a sample is enough.
    if node.index() % 64 == 0 {
        let place = node.position();
        let line = document.text().split('\n').nth(place.line as usize - 1).expect("the line is there");
        let rest: String = line.chars().skip(place.column as usize - 1).collect();
        assert!(rest.starts_with(node.text().split('\n').next().unwrap_or_default()));
        assert!(!node.path().is_empty());
    }
}

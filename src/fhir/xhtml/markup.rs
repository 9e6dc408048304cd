//! What looks like HTML in a text that is none: a tag by the rules of CommonMark
//! (<https://spec.commonmark.org/0.30/#raw-html>), which is what a page that shows the text unescaped would act upon.

use std::collections::HashMap;

/// What kind of text it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFormat {
    /// A string: every character stands for itself
    Plain,
    /// Markdown: code is shown as it is, and a backslash takes a sign's meaning away
    Markdown,
}

/// Where the first tag of a text begins, in bytes; nothing if there is none.
pub fn find_tag(text: &str, kind: TextFormat) -> Option<usize> {
    // What ends a tag, or code, stands somewhere; looked for once, and not behind every sign.
    let ends = TagEnds { tag: text.rfind('>')?, instruction: text.rfind("?>").unwrap_or(0) };
    let code_ends = if kind == TextFormat::Markdown { last_quotes(text) } else { HashMap::new() };
    let mut at = 0;
    while let Some(found) = text[at..].find(['<', '\\', '`']) {
        at += found;
        let rest = &text[at..];
        let is_markdown = kind == TextFormat::Markdown;
        at += match rest.as_bytes()[0] {
            b'<' if is_tag(rest, at, &ends) => return Some(at),
            b'\\' if is_markdown => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            b'`' if is_markdown => code(rest, at, &code_ends),
            _ => 1,
        };
    }
    None
}

/// Where the last row of so many backticks begins: code is closed by as many as opened it.
fn last_quotes(text: &str) -> HashMap<usize, usize> {
    let mut last = HashMap::new();
    let mut at = 0;
    while let Some(found) = text[at..].find('`') {
        at += found;
        let quotes = count_quotes(&text[at..]);
        last.insert(quotes, at);
        at += quotes;
    }
    last
}

fn count_quotes(text: &str) -> usize {
    text.bytes().take_while(|byte| *byte == b'`').count()
}

/// How long a code span is that the text, which stands at this place of the whole, begins with; only its quotes, if it is
/// not closed.
fn code(text: &str, start: usize, ends: &HashMap<usize, usize>) -> usize {
    let quotes = count_quotes(text);
    if ends.get(&quotes).is_none_or(|last| *last <= start) {
        return quotes;
    }
    let mut at = quotes;
    while let Some(found) = text[at..].find('`') {
        at += found;
        let closing = count_quotes(&text[at..]);
        at += closing;
        if closing == quotes {
            return at;
        }
    }
    quotes
}

/// Where the last end of a tag, and of an instruction, stands.
struct TagEnds {
    tag: usize,
    instruction: usize,
}

/// Does the text, which stands at this place of the whole, begin with a tag, a comment, a declaration or an instruction?
fn is_tag(text: &str, at: usize, ends: &TagEnds) -> bool {
    let behind = &text[1..];
    if let Some(rest) = behind.strip_prefix('!') {
        return rest.starts_with("--")
            || rest.starts_with("[CDATA[")
            || rest.starts_with(|first: char| first.is_ascii_alphabetic());
    }
    if behind.starts_with('?') {
        return at < ends.instruction;
    }
    let name = behind.strip_prefix('/').unwrap_or(behind);
    let length = name.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'-').count();
    let is_named = name.starts_with(|first: char| first.is_ascii_alphabetic());
    let is_ended = name[length..].starts_with(|next: char| next.is_ascii_whitespace() || matches!(next, '>' | '/'));
    is_named && is_ended && at < ends.tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_tags_from_other_signs() {
        for (text, plain, markdown) in [
            ("Standard <script>x</script>", Some(9), Some(9)),
            ("<resource type>", Some(0), Some(0)),
            ("</b>", Some(0), Some(0)),
            ("<br/>", Some(0), Some(0)),
            ("<!-- x -->", Some(0), Some(0)),
            ("<?x?>", Some(0), Some(0)),
            (r"\<id>", Some(1), None),
            ("`<id>`", Some(1), None),
            ("``a ` <id>``", Some(6), None),
            ("`<id>", Some(1), Some(1)),
            ("`` ` <id> ``` `", Some(5), None),
            ("`` ``` <id> ```", Some(7), None),
            (r"\`<id>`", Some(2), Some(2)),
            ("1 < 2 and 3 > 2", None, None),
            ("<https://a.example>", None, None),
            ("a<b", None, None),
            ("<3", None, None),
            ("x <", None, None),
        ] {
            assert_eq!(
                (find_tag(text, TextFormat::Plain), find_tag(text, TextFormat::Markdown)),
                (plain, markdown),
                "{text}"
            );
        }
    }
}

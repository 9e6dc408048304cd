//! The line of the source that a finding is about, with the place marked, as it fits on a screen.
//!
//! Findings come in the order of the document, and each excerpt is sought from the last one on, so that a thousand of
//! them in one long line cost no more than reading it.

use unicode_width::UnicodeWidthChar;

use crate::fhir::SourcePosition;

/// More of a line than this does not fit on a screen, in characters.
const MAX_WIDTH: usize = 100;
/// Of a longer line, so much is shown in front of the place.
const MAX_BEFORE: usize = MAX_WIDTH / 3;
/// A tab is shown as so many blanks.
const TAB: &str = "    ";
/// Stands for what was cut away.
const CUT: &str = "...";

/// A part of a text with a mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// The line, cut to what fits
    pub(super) line: String,
    /// Blanks up to the place, and `^` below it
    pub(super) mark: String,
    /// The next line, where this one opens an object or array and says nothing about it
    pub(super) next: Option<String>,
}

/// A text and how far it was read.
pub(super) struct SourceText<'t> {
    text: &'t str,
    /// The place that was sought last, and its offset
    position: SourcePosition,
    offset: usize,
}

impl<'t> SourceText<'t> {
    /// A text, not read yet.
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, position: SourcePosition { line: 1, column: 1 }, offset: 0 }
    }

    /// The excerpt at a place; nothing if the text has no such line.
    pub(super) fn excerpt(&mut self, position: SourcePosition) -> Option<Excerpt> {
        self.go_to(position)?;
        let (before, behind) = self.text.split_at(self.offset);
        let before: Vec<char> = before.chars().rev().take_while(|one| *one != '\n').take(MAX_WIDTH + 1).collect();
        let behind: Vec<char> =
            behind.chars().take_while(|one| !matches!(one, '\n' | '\r')).take(MAX_WIDTH + 1).collect();
        let is_whole = before.len() + behind.len() <= MAX_WIDTH;
        let kept = if is_whole { before.len() } else { before.len().min(MAX_BEFORE) };
        let shown = behind.len().min(MAX_WIDTH - kept);
        let length = token_length(&behind[..shown]).clamp(1, shown.max(1));

        let mut line = if kept < before.len() { CUT.to_owned() } else { String::new() };
        let mut start = line.len();
        for one in before[..kept].iter().rev() {
            start += push_visible(*one, &mut line);
        }
        let mut marked = 0;
        for (number, one) in behind[..shown].iter().enumerate() {
            let width = push_visible(*one, &mut line);
            marked += if number < length { width } else { 0 };
        }
        if shown < behind.len() {
            line.push_str(CUT);
        }
        let mark = format!("{}{}", " ".repeat(start), "^".repeat(marked.max(1)));
        let opens = matches!(behind.first(), Some('{' | '[')) && behind[1..].iter().all(|one| one.is_whitespace());
        let next = opens.then(|| self.next_line()).flatten();
        Some(Excerpt { line, mark, next })
    }

    /// Goes to a place; from the beginning where it lies before the last one.
    fn go_to(&mut self, position: SourcePosition) -> Option<()> {
        if position < self.position {
            *self = Self::new(self.text);
        }
        while self.position.line < position.line {
            self.offset += self.text[self.offset..].find('\n')? + 1;
            self.position = SourcePosition { line: self.position.line + 1, column: 1 };
        }
        let steps = (position.column - self.position.column) as usize;
        let rest = &self.text[self.offset..];
        // A place behind the end of its line, as where a text breaks off, is its end.
        let end = rest.char_indices().take(steps).find(|(_, one)| *one == '\n').map(|(at, _)| at);
        self.offset += end.or_else(|| rest.char_indices().nth(steps).map(|(at, _)| at)).unwrap_or(rest.len());
        self.position = position;
        Some(())
    }

    /// The line behind the one of the last place.
    fn next_line(&self) -> Option<String> {
        let (_, behind) = self.text[self.offset..].split_once('\n')?;
        let mut characters = behind.chars().take_while(|one| !matches!(one, '\n' | '\r'));
        let mut line = String::new();
        for one in characters.by_ref().take(MAX_WIDTH) {
            push_visible(one, &mut line);
        }
        if characters.next().is_some() {
            line.push_str(CUT);
        }
        (!line.trim().is_empty()).then_some(line)
    }
}

/// Writes a character as a terminal may show it; how many columns it takes there.
fn push_visible(one: char, line: &mut String) -> usize {
    match (one, one.width()) {
        ('\t', _) => {
            line.push_str(TAB);
            TAB.len()
        }
        // Characters that steer the terminal or turn the direction of writing are not let through.
        (_, None) | ('\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}', _) => {
            line.push('\u{fffd}');
            1
        }
        (_, Some(width)) => {
            line.push(one);
            width
        }
    }
}

/// How long the JSON value is that begins here: a string to its closing quote, a word or number to its end, an object or
/// array to its bracket if that is in sight.
fn token_length(characters: &[char]) -> usize {
    match characters.first() {
        Some('"') => string_length(characters),
        Some('{' | '[') => value_length(characters).unwrap_or(1),
        Some(first) if first.is_alphanumeric() || *first == '-' => {
            characters.iter().take_while(|one| one.is_alphanumeric() || matches!(one, '-' | '+' | '.')).count()
        }
        _ => 1,
    }
}

fn string_length(characters: &[char]) -> usize {
    let mut escaped = false;
    let end = characters.iter().skip(1).position(|one| {
        let closes = *one == '"' && !escaped;
        escaped = *one == '\\' && !escaped;
        closes
    });
    end.map_or(characters.len(), |end| end + 2)
}

fn value_length(characters: &[char]) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        match characters.get(at)? {
            '"' => at += string_length(&characters[at..]) - 1,
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, line: u32, column: u32) -> (String, String) {
        let excerpt = SourceText::new(text).excerpt(SourcePosition { line, column }).unwrap();
        (excerpt.line, excerpt.mark)
    }

    #[test]
    fn marks_the_value() {
        let text = "{\n  \"sta\\\"tus\": -1.5e3,\r\n \"a\": {\"b\": \"}\"}, \"c\": [\n]";
        assert_eq!(at(text, 2, 3), ("  \"sta\\\"tus\": -1.5e3,".to_owned(), "  ^^^^^^^^^^".to_owned()));
        assert_eq!(at(text, 2, 15).1, format!("{}^^^^^^", " ".repeat(14)));
        assert_eq!(at(text, 1, 1).1, "^");
        assert_eq!(at(text, 3, 7).1, format!("{}^^^^^^^^^^", " ".repeat(6)));
        assert_eq!(at(text, 3, 24).1, format!("{}^", " ".repeat(23)));
        // Where a text breaks off.
        assert_eq!(at(text, 4, 2), ("]".to_owned(), " ^".to_owned()));
        assert_eq!(at("{\n\n", 2, 9), (String::new(), "^".to_owned()));
        assert_eq!(SourceText::new(text).excerpt(SourcePosition { line: 5, column: 1 }), None);
    }

    #[test]
    fn cuts_long_lines_around_the_place() {
        let text = format!("[{}\"here\"{}]", "1,".repeat(500), ",2".repeat(500));
        let (line, mark) = at(&text, 1, 1002);
        assert!(line.starts_with("...") && line.ends_with("...") && line.len() == MAX_WIDTH + 6);
        assert_eq!(&line[mark.find('^').unwrap()..=mark.rfind('^').unwrap()], "\"here\"");
        let (line, mark) = at(&text, 1, 2);
        assert_eq!((line.len(), mark.as_str()), (MAX_WIDTH + 3, " ^"));
    }

    #[test]
    fn marks_where_the_terminal_shows_it() {
        assert_eq!(
            at("\t\"名前\": \"山\"", 1, 8),
            ("    \"名前\": \"山\"".to_owned(), format!("{}^^^^", " ".repeat(12)))
        );
        // Escapes of a terminal come out as one sign.
        assert_eq!(at("\u{1b}[2J\u{202e}7", 1, 6), ("\u{fffd}[2J\u{fffd}7".to_owned(), "     ^".to_owned()));
    }

    #[test]
    fn shows_what_an_opening_bracket_holds() {
        let text = "[\n {\n  \"id\": \"a\"\n },\n {\"id\": 1}\n]";
        let mut source = SourceText::new(text);
        let next = |source: &mut SourceText<'_>, line| source.excerpt(SourcePosition { line, column: 2 }).unwrap().next;
        assert_eq!(next(&mut source, 2).as_deref(), Some("  \"id\": \"a\""));
        assert_eq!(next(&mut source, 5), None);
        assert_eq!(next(&mut source, 2).as_deref(), Some("  \"id\": \"a\""), "back again");
    }
}

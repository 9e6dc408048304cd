//! A statement in the making: its text, and the values for its question marks in their order. Equal searches of
//! different values have equal texts, so a connection prepares each once.

use crate::store::sql::Value;
use crate::store::sql::value::OwnedValue;

/// See the module head.
#[derive(Debug, Clone, Default)]
pub(super) struct Sql {
    text: String,
    values: Vec<OwnedValue>,
}

impl Sql {
    /// A statement that begins so.
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), values: Vec::new() }
    }

    /// Adds text.
    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Adds text with one value: its question mark is in the text.
    pub(super) fn with(&mut self, text: &str, value: impl Into<OwnedValue>) -> &mut Self {
        self.text.push_str(text);
        self.values.push(value.into());
        self
    }

    /// Adds another piece.
    pub(super) fn append(&mut self, other: Sql) -> &mut Self {
        self.text.push_str(&other.text);
        self.values.extend(other.values);
        self
    }

    /// Adds pieces with `between` them, in brackets; `none` where there are no pieces. They are put together by halves: a
    /// database reads expressions to some depth only, and a row of a thousand alternatives is as deep as it is long.
    pub(super) fn joined(&mut self, mut pieces: Vec<Sql>, between: &str, none: &str) -> &mut Self {
        if pieces.is_empty() {
            return self.push(none);
        }
        let behind = pieces.split_off(pieces.len().div_ceil(2));
        self.push("(");
        match pieces.len() {
            1 => pieces.into_iter().for_each(|piece| {
                self.append(piece);
            }),
            _ => {
                self.joined(pieces, between, none);
            }
        }
        if !behind.is_empty() {
            self.push(between).joined(behind, between, none);
        }
        self.push(")")
    }

    /// The text so far.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The values so far.
    pub(super) fn values(&self) -> Vec<Value<'_>> {
        self.values.iter().map(Value::from).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(count: usize) -> Sql {
        let mut sql = Sql::default();
        sql.joined((0..count).map(|number| Sql::new(&number.to_string())).collect(), " OR ", "none");
        sql
    }

    #[test]
    fn pieces_stand_in_their_order_and_hardly_deep() {
        assert_eq!(joined(0).text(), "none");
        assert_eq!(joined(1).text(), "(0)");
        assert_eq!(joined(3).text(), "((0 OR (1)) OR (2))");
        let many = joined(1000);
        let (mut depth, mut deepest) = (0, 0);
        for sign in many.text().bytes() {
            depth += i32::from(sign == b'(') - i32::from(sign == b')');
            deepest = deepest.max(depth);
        }
        assert!((0..=12).contains(&deepest) && depth == 0, "{deepest}");
        assert_eq!(many.text().matches(" OR ").count(), 999);
    }
}

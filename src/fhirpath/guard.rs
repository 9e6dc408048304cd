//! What an expression has to find before it can say anything but "true".
//!
//! Most invariants speak about elements that most resources do not have: `contained.contained.empty()` holds wherever
//! there is no `contained`. Whoever checks many elements knows their names already and need not evaluate what has to
//! hold for lack of them.

use super::function::Function;
use super::tree::{Call, Operator, Part, PartKind, TypeTest};
use super::value::Value;

/// What a part gives while the elements that were named are absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    Nothing,
    Truth(bool),
    /// Anything, or a failure
    Unknown,
}

/// What a part gives, and without which elements of the focus.
type Judged<'p> = (Given, Vec<&'p str>);

/// The elements of the focus without which an expression is true.
pub(super) fn holds_without(part: &Part) -> Option<Vec<&str>> {
    let (given, mut names) = judge(part);
    names.sort_unstable();
    names.dedup();
    (given == Given::Truth(true)).then_some(names)
}

fn judge(part: &Part) -> Judged<'_> {
    match &part.form {
        PartKind::Empty => (Given::Nothing, Vec::new()),
        PartKind::Literal(Value::Boolean(value)) => (Given::Truth(*value), Vec::new()),
        PartKind::Member { from: None, name } if !name.may_be_type => (Given::Nothing, vec![&*name.text]),
        PartKind::Member { from: Some(from), .. }
        | PartKind::Typed { from: Some(from), test: TypeTest::Is | TypeTest::As | TypeTest::OfType, .. }
        | PartKind::Sign { of: from, .. }
        | PartKind::Indexer(from, _) => match judge(from) {
            (Given::Nothing, names) => (Given::Nothing, names),
            _ => unknown(),
        },
        PartKind::Call { from: Some(from), call } => called(judge(from), call),
        PartKind::Binary(operator, left, right) => combined(*operator, left, right),
        _ => unknown(),
    }
}

fn unknown<'p>() -> Judged<'p> {
    (Given::Unknown, Vec::new())
}

fn called<'p>((input, names): Judged<'p>, call: &Call) -> Judged<'p> {
    use Function as F;
    let given = match (input, call.function) {
        (Given::Truth(value), F::Not) => Given::Truth(!value),
        (Given::Nothing, F::Empty | F::All | F::AllTrue | F::AllFalse | F::IsDistinct) => Given::Truth(true),
        (Given::Nothing, F::Exists | F::AnyTrue | F::AnyFalse | F::HasValue) => Given::Truth(false),
        (
            Given::Nothing,
            F::Not
            | F::Where
            | F::Select
            | F::First
            | F::Last
            | F::Tail
            | F::Single
            | F::Children
            | F::Descendants
            | F::Extension
            | F::Resolve
            | F::StartsWith
            | F::EndsWith
            | F::Matches
            | F::Length
            | F::Substring
            | F::Trace,
        ) => Given::Nothing,
        _ => return unknown(),
    };
    (given, names)
}

fn combined<'p>(operator: Operator, left: &'p Part, right: &'p Part) -> Judged<'p> {
    use Operator as O;
    let (first, mut names) = judge(left);
    match (operator, first) {
        (_, Given::Unknown) => return unknown(),
        (O::And, Given::Truth(false)) => return (Given::Truth(false), names),
        (O::Or, Given::Truth(true)) | (O::Implies, Given::Truth(false)) => return (Given::Truth(true), names),
        _ => {}
    }
    let (second, more) = judge(right);
    names.extend(more);
    let given = match (operator, first, second) {
        (O::And, _, Given::Truth(false)) => Given::Truth(false),
        (O::Or | O::Implies, _, Given::Truth(true)) => Given::Truth(true),
        (O::And | O::Or | O::Implies | O::Xor, Given::Nothing, Given::Nothing | Given::Truth(_))
        | (O::And | O::Or | O::Implies | O::Xor, Given::Truth(_), Given::Nothing)
        | (O::Union | O::Equal | O::NotEqual, Given::Nothing, Given::Nothing) => Given::Nothing,
        (O::And | O::Or | O::Implies, Given::Truth(_), other) => other,
        (O::Xor, Given::Truth(first), Given::Truth(second)) => Given::Truth(first != second),
        // Both sides are evaluated, and a text does not fail.
        (O::Equal | O::NotEqual, Given::Nothing, _) if matches!(right.form, PartKind::Literal(_)) => Given::Nothing,
        _ => return unknown(),
    };
    (given, names)
}

#[cfg(test)]
mod tests {
    use super::super::parser::parse;
    use super::*;

    #[test]
    fn names_what_has_to_be_there() {
        for (text, names) in [
            ("contained.contained.empty()", Some(vec!["contained"])),
            ("start.hasValue().not() or end.hasValue().not() or start <= end", Some(vec!["start"])),
            ("focus.exists() implies subject.exists()", Some(vec!["focus"])),
            ("code.exists() or value.empty()", Some(vec!["code", "value"])),
            ("a.where(b = 'c').exists() implies d.exists()", Some(vec!["a"])),
            ("a.exists().not() and (b.empty() xor c.exists())", Some(vec!["a", "b", "c"])),
            ("a.all(b.exists()) and a.empty()", Some(vec!["a"])),
            ("a = 'x' implies true", Some(vec!["a"])),
            ("true", Some(vec![])),
            ("text.`div`.exists()", None),
            ("status = 'done' implies end.exists()", None),
            ("1 > 'a' or a.empty()", None),
            ("Task.contained.empty()", None),
            ("%resource.contained.empty()", None),
            ("a.count() = 0", None),
            ("a.exists() != b.exists()", None),
        ] {
            assert_eq!(holds_without(&parse(text).unwrap()), names, "{text}");
        }
    }
}

//! How large what agencies and requesters send for a referral may be: the items of a record's lists, the rows of a sheet, the
//! Task to which everybody adds. Each refusal says how much was sent and how much is taken.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::fhir::{Issue, Key};
use crate::limits::{ContentLimits, KILOBYTE};
use crate::sheet::SheetSize;

fn refused(path: &str, text: String, hint: &'static str) -> Error {
    Error::unprocessable(vec![Issue::error(Key::TooLarge, path, text).hint(hint)])
}

/// Refuses a record in which a list has too many items.
///
/// # Errors
/// `Unprocessable`, naming the list.
pub(super) fn check_record(record: &Value, limits: &ContentLimits) -> Result<()> {
    let mut open = vec![(String::new(), record)];
    while let Some((path, value)) = open.pop() {
        match value {
            Value::Array(items) if items.len() > limits.record_items => {
                let text = format!("{path} has {} items; at most {} are taken", items.len(), limits.record_items);
                return Err(refused(&path, text, "write what is new, in several records"));
            }
            Value::Array(items) => open.extend(items.iter().map(|item| (path.clone(), item))),
            Value::Object(members) => {
                let inside = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
                open.extend(members.iter().map(|(name, member)| (inside(name), member)));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Refuses a sheet that has too many rows or cells, or a row that is too long.
///
/// # Errors
/// `Unprocessable`.
pub(super) fn check_sheet(sheet: &[u8], limits: &ContentLimits) -> Result<()> {
    let SheetSize { rows, columns, row_bytes } = SheetSize::of(sheet);
    let (most, hint) = (limits.sheet_rows, "send it in parts");
    let text = if rows > most {
        format!("the sheet has {rows} rows; at most {most} are taken")
    } else if columns > limits.sheet_columns {
        format!("the sheet has {columns} columns; at most {} are taken", limits.sheet_columns)
    } else if row_bytes > limits.sheet_row_bytes {
        format!("a row has {row_bytes} bytes; at most {} KB are taken", limits.sheet_row_bytes / KILOBYTE)
    } else {
        return Ok(());
    };
    Err(refused("", text, hint))
}

/// Refuses a Task that is too long, when it is sent. Once it is there, what happens to it may come to twice as much: who
/// sends it must not use up the room of who answers.
///
/// # Errors
/// `Unprocessable`.
pub(super) fn check_task(bytes: usize, is_new: bool, limits: &ContentLimits) -> Result<()> {
    let most = if is_new { limits.task_bytes } else { limits.task_bytes.saturating_mul(2) };
    if bytes <= most {
        return Ok(());
    }
    let text = format!("the Task has {bytes} bytes with what is sent; at most {} KB are kept", most / KILOBYTE);
    Err(refused("Task", text, "write less, or put long texts into resources of their own"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(result: Result<()>) -> Option<String> {
        Some(result.err()?.issues.pop()?.text)
    }

    #[test]
    fn the_largest_lawful_passes_and_the_next_is_refused() {
        let limits = ContentLimits {
            record_items: 2,
            sheet_rows: 3,
            sheet_columns: 2,
            sheet_row_bytes: KILOBYTE,
            task_bytes: KILOBYTE,
            ..ContentLimits::default()
        };
        assert_eq!(text(check_record(&json!({ "a": [1, 2], "b": { "c": [[3, 4], []] } }), &limits)), None);
        let found = text(check_record(&json!({ "a": [1, 2], "b": { "c": [[3, 4, 5], []] } }), &limits));
        assert_eq!(found.as_deref(), Some("b.c has 3 items; at most 2 are taken"));

        assert_eq!(text(check_sheet(b"a,b\n1,2\n3,4\n", &limits)), None);
        let long = format!("a,b\n{}", "x".repeat(KILOBYTE + 1));
        for (sheet, expected) in [
            ("a\n1\n2\n3\n", "the sheet has 4 rows; at most 3 are taken"),
            ("a,b,c\n", "the sheet has 3 columns; at most 2 are taken"),
            (&long, "a row has 1025 bytes; at most 1 KB are taken"),
        ] {
            assert_eq!(text(check_sheet(sheet.as_bytes(), &limits)).as_deref(), Some(expected));
        }

        assert_eq!(text(check_task(KILOBYTE, true, &limits)), None);
        assert_eq!(text(check_task(2 * KILOBYTE, false, &limits)), None);
        assert!(text(check_task(KILOBYTE + 1, true, &limits)).is_some_and(|text| text.contains("1025 bytes")));
        assert!(text(check_task(2 * KILOBYTE + 1, false, &limits)).is_some_and(|text| text.contains("at most 2 KB")));
    }
}

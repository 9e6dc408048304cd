//! How much one query may hold: parameters, values, and their length. It is asked before anything is looked up, of
//! addresses, of forms, and of the conditions in a message alike.

use crate::error::{Error, Result};
use crate::fhir::{Issue, Key};
use crate::limits::{ContentLimits, KILOBYTE};

use super::value::split_unescaped;

/// A whole query may have so many times the values of one parameter.
const VALUES_IN_ALL: usize = 10;

/// The most characters of a parameter's name that a message repeats.
const MAX_NAME_LENGTH: usize = 40;

/// Refuses a query that holds more than it may, by the parameter, how much it holds and what the limit is.
///
/// # Errors
/// `Unprocessable`.
pub fn check_limits(parameters: &[(String, String)], limits: &ContentLimits) -> Result<()> {
    if parameters.len() > limits.parameters {
        let text = format!("the query has {} parameters; at most {} are taken", parameters.len(), limits.parameters);
        return refuse("", text);
    }
    let mut all = 0;
    for (name, value) in parameters {
        let name: String = name.chars().take(MAX_NAME_LENGTH).collect();
        let values = split_unescaped(value, ',').count();
        if values > limits.parameter_values {
            let text = format!("{name} has {values} values; at most {} are taken", limits.parameter_values);
            return refuse(&name, text);
        }
        if value.len() > limits.parameter_bytes {
            let (found, most) = (value.len(), limits.parameter_bytes / KILOBYTE);
            return refuse(&name, format!("the value of {name} has {found} bytes; at most {most} KB are taken"));
        }
        all += values;
    }
    let most = limits.parameter_values.saturating_mul(VALUES_IN_ALL);
    if all > most {
        return refuse("", format!("the parameters have {all} values in all; at most {most} are taken"));
    }
    Ok(())
}

fn refuse(parameter: &str, text: String) -> Result<()> {
    let issue = Issue::error(Key::TooLarge, parameter, text).hint("ask in parts, with fewer values each");
    Err(Error::unprocessable(vec![issue]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(parameters: &[(&str, String)]) -> Option<(String, String)> {
        let limits = ContentLimits {
            parameters: 12,
            parameter_values: 3,
            parameter_bytes: KILOBYTE,
            ..ContentLimits::default()
        };
        let parameters: Vec<_> = parameters.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let mut error = check_limits(&parameters, &limits).err()?;
        error.issues.pop().map(|issue| (issue.path, issue.text))
    }

    #[test]
    fn the_largest_lawful_query_passes_and_one_more_is_named() {
        let list = |count: usize| vec!["a"; count].join(",");
        assert_eq!(refused(&[("_id", list(3)), ("code", "a\\,b,c".to_owned())]), None);
        assert_eq!(refused(&vec![("a", "1".to_owned()); 12]), None);
        assert_eq!(refused(&vec![("a", list(3)); 10]), None);
        assert_eq!(refused(&[("identifier", "x".repeat(KILOBYTE))]), None);
        for (parameters, path, text) in [
            (vec![("a", "1".to_owned()); 13], "", "the query has 13 parameters; at most 12 are taken"),
            (vec![("_id", list(500))], "_id", "_id has 500 values; at most 3 are taken"),
            (vec![("a", list(3)); 11], "", "the parameters have 33 values in all; at most 30 are taken"),
            (
                vec![("identifier", "x".repeat(KILOBYTE + 1))],
                "identifier",
                "the value of identifier has 1025 bytes; at most 1 KB are taken",
            ),
        ] {
            assert_eq!(refused(&parameters), Some((path.to_owned(), text.to_owned())));
        }
    }
}

//! `_count` (<https://hl7.org/fhir/R4/search.html#count>): how many are on a page. The server gives fewer where it gives no
//! more, and its link `self` says so; none means that only their number is wanted.

use crate::fhir::query_string::whole_number;

/// Lets no `_count` ask for more than is given. One that is no number stays, and is refused where it is read.
pub(super) fn cap(parameters: &mut [(String, String)], most: usize) {
    for (_, value) in parameters.iter_mut().filter(|(name, _)| name == "_count") {
        if whole_number(value).is_some_and(|count| count > most) {
            *value = most.to_string();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_is_given_becomes_what_is_given() {
        let values = ["0", "7", "8", "99999999999999999999999", "-1", "+9", "9.5", "", "x"];
        let mut parameters = values.map(|value| ("_count".to_owned(), value.to_owned())).to_vec();
        parameters.push(("other".to_owned(), "9".to_owned()));
        cap(&mut parameters, 7);
        let capped: Vec<&str> = parameters.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(capped, ["0", "7", "7", "7", "-1", "+9", "9.5", "", "x", "9"]);
    }
}

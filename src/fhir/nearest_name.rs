//! "Did you mean": the known name that is nearest to one that is not known.

/// The known name that differs in the fewest letters, if it is near enough to be meant. Letters that have to be put in,
/// taken out, changed or swapped with their neighbour count; those of different case are equal.
pub fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // A name much longer than any of the standard is no slip of the pen.
    if name.len() > 80 {
        return None;
    }
    let max_distance = (name.len() / 3).clamp(1, 3);
    let name = name.to_ascii_lowercase();
    known
        .into_iter()
        .filter(|other| other.len().abs_diff(name.len()) <= max_distance)
        .map(|other| (strsim::osa_distance(&name, &other.to_ascii_lowercase()), other))
        .filter(|(distance, _)| *distance <= max_distance)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_slips_of_the_pen_and_nothing_else() {
        let known = ["status", "statusReason", "requester", "code"];
        let found = |word| nearest(word, known);
        assert_eq!(found("requsted"), Some("requester"));
        assert_eq!(found("sttaus"), Some("status"));
        assert_eq!(found("Status"), Some("status"));
        assert_eq!(found("cod"), Some("code"));
        assert_eq!(found("colour"), None);
        assert_eq!(found(""), None);
        assert_eq!(found(&"status".repeat(20)), None);
        let types = ["Patient", "Practitioner", "ServiceRequest", "Task"];
        assert_eq!(nearest("ServiceReqest", types), Some("ServiceRequest"));
        assert_eq!(nearest("Dog", types), None);
    }
}

//! "Did you mean": the known word that is nearest to one that is not known.

/// The known word that differs in the fewest letters, if it is near enough to be meant.
pub(super) fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    // A name much longer than any of the standard is no slip of the pen.
    if word.len() > 80 {
        return None;
    }
    let most = (word.len() / 3).clamp(1, 3);
    known
        .filter_map(|other| Some((distance(word, other, most)?, other)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}

/// How many letters have to be put in, taken out, changed or swapped with their neighbour, letters of different case
/// counting as equal; nothing above `most`.
fn distance(left: &str, right: &str, most: usize) -> Option<usize> {
    let fold = |text: &str| text.bytes().map(|byte| byte.to_ascii_lowercase()).collect::<Vec<u8>>();
    let (left, right) = (fold(left), fold(right));
    if left.len().abs_diff(right.len()) > most {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, a) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, b) in right.iter().enumerate() {
            let mut least = (above[column] + usize::from(a != b)).min(above[column + 1] + 1).min(current[column] + 1);
            let is_swapped = row > 0 && column > 0 && *a == right[column - 1] && left[row - 1] == *b;
            if is_swapped {
                least = least.min(before[column - 1] + 1);
            }
            current.push(least);
        }
        before = std::mem::replace(&mut above, current);
    }
    above.last().copied().filter(|distance| *distance <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_slips_of_the_pen_and_nothing_else() {
        let known = ["status", "statusReason", "requester", "code"];
        let found = |word| nearest(word, known.into_iter());
        assert_eq!(found("requsted"), Some("requester"));
        assert_eq!(found("sttaus"), Some("status"));
        assert_eq!(found("Status"), Some("status"));
        assert_eq!(found("cod"), Some("code"));
        assert_eq!(found("colour"), None);
        assert_eq!(found(""), None);
    }
}

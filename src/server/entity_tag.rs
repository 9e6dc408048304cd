//! Entity tags (RFC 9110, section 8.8.3): ours are `W/"VERSION"`, as FHIR has them
//! (<https://hl7.org/fhir/R4/http.html#versioning>). They are compared as they are written, weak or not: FHIR lets
//! If-Match name a weak one. `"03"` is none of ours, though its number is.

use crate::fhir::precondition::VersionTags;

/// The tag of a version.
pub(crate) fn write(version: u64) -> String {
    format!("W/\"{version}\"")
}

/// The version in a tag: `W/"3"`, or `"3"`; none where it is no tag, or none of ours.
pub(crate) fn read(tag: &str) -> Option<u64> {
    match list(tag)?.as_slice() {
        [only] => version(only),
        _ => None,
    }
}

/// The versions of a list of tags, `*` for any; none where something in it is no tag. A tag that is none of ours is no
/// version. A version alone may stand without quotes: fhirpy writes `meta.versionId` so.
pub(crate) fn read_list(text: &str) -> Option<VersionTags> {
    if text.trim() == "*" {
        return Some(VersionTags::Any);
    }
    if let Some(version) = version(text.trim()) {
        return Some(VersionTags::OneOf(vec![version]));
    }
    let tags = list(text)?;
    if tags.is_empty() {
        return None;
    }
    Some(VersionTags::OneOf(tags.into_iter().filter_map(version).collect()))
}

/// The version that stands between the quotes.
pub(crate) fn version(opaque: &str) -> Option<u64> {
    opaque.parse().ok().filter(|version: &u64| version.to_string() == opaque)
}

/// What stands between the quotes of each tag of a list. Commas may stand in a tag, and behind each other in a list.
fn list(text: &str) -> Option<Vec<&str>> {
    let mut tags = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let Some(tag) = rest.strip_prefix(',') else {
            let (opaque, behind) = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"')?.split_once('"')?;
            let is_opaque = |byte: u8| byte == 0x21 || (0x23..=0x7e).contains(&byte) || byte >= 0x80;
            let behind = behind.trim_start();
            if !opaque.bytes().all(is_opaque) || !(behind.is_empty() || behind.starts_with(',')) {
                return None;
            }
            tags.push(opaque);
            rest = behind;
            continue;
        };
        rest = tag.trim_start();
    }
    Some(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_tags_and_lists_of_them() {
        let one_of = |versions: &[u64]| Some(VersionTags::OneOf(versions.to_vec()));
        for (text, expected) in [
            ("W/\"3\"", one_of(&[3])),
            ("\"12\"", one_of(&[12])),
            (" W/\"3\" , \"4\",,W/\"x,y\", ", one_of(&[3, 4])),
            ("\"a,\", \"5\"", one_of(&[5])),
            ("\"\"", one_of(&[])),
            ("\"03\", \"+3\", W/\"3 \"", None),
            ("\"03\", \"+3\"", one_of(&[])),
            (" * ", Some(VersionTags::Any)),
            ("*, \"3\"", None),
            ("3", one_of(&[3])),
            ("3, 4", None),
            ("03", None),
            ("w/\"3\"", None),
            ("W/3", None),
            ("\"3", None),
            ("\"3\" \"4\"", None),
            ("", None),
            (" , ", None),
        ] {
            assert_eq!(read_list(text), expected, "{text}");
        }
        assert_eq!((read("W/\"3\""), read("\"3\",\"4\""), read("3")), (Some(3), None, None));
        assert_eq!(read(&write(7)), Some(7));
    }
}

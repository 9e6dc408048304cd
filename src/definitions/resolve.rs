//! Which definition a canonical reference leads to (<https://hl7.org/fhir/R4/references.html#canonical>).
//!
//! Several versions of a package may be at hand. `url|version` wants that version: the very one, or the newest that it is
//! the beginning of (`4.0` is any `4.0.x`). `url` alone is answered, in this order, by the package that the reference
//! stands in, by the packages that this one depends on, by loose files, and by the newest of all others; R4 core, which
//! everything builds on, comes last.

use std::cmp::Ordering;

use super::layer::Layer;

/// Where a definition stands: its layer, and its line in the index of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct DefinitionLocation {
    pub(super) layer: u32,
    pub(super) line: u32,
}

/// Where a reference leads, and whether the version is the one it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ResolvedLocation {
    pub(super) location: DefinitionLocation,
    pub(super) is_exact: bool,
}

/// `url|version` in its parts.
pub fn split_canonical(canonical: &str) -> (&str, Option<&str>) {
    // What stands behind a `#` is a place inside the definition.
    let canonical = canonical.split('#').next().unwrap_or(canonical);
    match canonical.split_once('|') {
        Some((url, version)) => (url, Some(version).filter(|version| !version.is_empty())),
        None => (canonical, None),
    }
}

/// The definition of this kind that `canonical` means where it stands in the package of layer `from`.
pub(super) fn resolve(layers: &Layers<'_>, kind: &str, canonical: &str, from: Option<u32>) -> Option<ResolvedLocation> {
    let (url, version) = split_canonical(canonical);
    let mut best: Option<(Rank<'_>, DefinitionLocation)> = None;
    for (number, layer) in layers.list.iter().enumerate() {
        for (line, entry) in layer.versions(kind, url) {
            // A definition that names no version is of its package's.
            let own = if entry.version.is_empty() { layer.version.as_str() } else { entry.version };
            let rank = Rank {
                version_match: VersionMatch::of(own, version),
                nearness: layers.nearness(number as u32, from),
                version: own,
                package: &layer.version,
                order: (number, line),
            };
            if best.as_ref().is_none_or(|(known, _)| *known < rank) {
                best = Some((rank, DefinitionLocation { layer: number as u32, line: line as u32 }));
            }
        }
    }
    let (rank, location) = best?;
    Some(ResolvedLocation { location, is_exact: rank.version_match != VersionMatch::Other })
}

/// The packages at hand, and which of them builds on which.
pub(super) struct Layers<'a> {
    pub(super) list: &'a [std::sync::Arc<Layer>],
    pub(super) dependencies: &'a PackageDependencies,
}

/// Which layer builds on which others, through others too.
#[derive(Debug, Default)]
pub(super) struct PackageDependencies(Vec<Vec<u32>>);

impl PackageDependencies {
    /// Follows the dependencies that the packages name.
    pub(super) fn of(list: &[std::sync::Arc<Layer>]) -> Self {
        let direct: Vec<Vec<u32>> = list
            .iter()
            .map(|layer| {
                let wanted = layer.dependencies.iter();
                wanted.filter_map(|(name, version)| find_layer(list, name, version)).collect()
            })
            .collect();
        let all = (0..list.len()).map(|layer| {
            let mut found: Vec<u32> = Vec::new();
            let mut open = direct[layer].clone();
            while let Some(next) = open.pop() {
                if !found.contains(&next) {
                    found.push(next);
                    open.extend(&direct[next as usize]);
                }
            }
            found
        });
        Self(all.collect())
    }
}

/// The layer of this package, of the version named.
pub(super) fn find_layer(list: &[std::sync::Arc<Layer>], name: &str, version: &str) -> Option<u32> {
    let same =
        list.iter().enumerate().filter(|(_, layer)| layer.name == name && version_matches(&layer.version, version));
    same.max_by(|(_, left), (_, right)| compare_versions(&left.version, &right.version))
        .map(|(number, _)| number as u32)
}

/// How near a layer is to where the reference stands; the greater is asked first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Nearness {
    Core,
    Other,
    Loose,
    Dependency,
    Own,
}

impl Layers<'_> {
    fn nearness(&self, layer: u32, from: Option<u32>) -> Nearness {
        let depends = |from: u32| {
            self.dependencies.0.get(from as usize).is_some_and(|dependencies| dependencies.contains(&layer))
        };
        match from {
            Some(from) if from == layer => Nearness::Own,
            Some(from) if depends(from) && layer > 0 => Nearness::Dependency,
            _ if layer == 0 => Nearness::Core,
            _ if self.list[layer as usize].version.is_empty() => Nearness::Loose,
            _ => Nearness::Other,
        }
    }
}

/// How well a version answers to the one wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum VersionMatch {
    Other,
    Partial,
    Exact,
}

impl VersionMatch {
    fn of(version: &str, wanted: Option<&str>) -> Self {
        match wanted {
            None => Self::Exact,
            Some(wanted) if wanted == version => Self::Exact,
            Some(wanted) if version_matches(version, wanted) => Self::Partial,
            Some(_) => Self::Other,
        }
    }
}

/// What decides between definitions of one URL; the greatest wins.
struct Rank<'a> {
    version_match: VersionMatch,
    nearness: Nearness,
    version: &'a str,
    package: &'a str,
    order: (usize, usize),
}

impl PartialEq for Rank<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

impl PartialOrd for Rank<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let by = self.version_match.cmp(&other.version_match).then(self.nearness.cmp(&other.nearness));
        let by = by.then_with(|| compare_versions(self.version, other.version));
        let by = by.then_with(|| compare_versions(self.package, other.package));
        Some(by.then(self.order.cmp(&other.order)))
    }
}

/// Is it the version wanted, or one that begins with it? `4.0`, `4.0.x` and `4.0.*` mean any `4.0.n`.
pub fn version_matches(version: &str, wanted: &str) -> bool {
    let wanted = wanted.strip_suffix(".x").or_else(|| wanted.strip_suffix(".*")).unwrap_or(wanted);
    version == wanted || version.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('.'))
}

/// Orders versions as semantic versioning does (<https://semver.org/#spec-item-11>): by their numbers, and what has a
/// label behind a `-` before what has none. Dates order by their numbers too.
pub fn compare_versions(left: &str, right: &str) -> Ordering {
    let parts = |version: &str| -> (Vec<u64>, Option<String>) {
        let version = version.split('+').next().unwrap_or(version).to_owned();
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // A date has dashes and no label.
        let dotted = if version.split('-').all(is_number) { version.replace('-', ".") } else { version };
        let (numbers, label) = match dotted.split_once('-') {
            Some((numbers, label)) => (numbers, Some(label.to_owned())),
            None => (dotted.as_str(), None),
        };
        (numbers.split('.').map(|part| part.parse().unwrap_or(0)).collect(), label)
    };
    let ((left, left_label), (right, right_label)) = (parts(left), parts(right));
    left.cmp(&right).then_with(|| match (left_label, right_label) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(left), Some(right)) => compare_labels(&left, &right),
    })
}

fn compare_labels(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.split('.'), right.split('.'));
    loop {
        let by = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(left), Some(right)) => match (left.parse::<u64>(), right.parse::<u64>()) {
                (Ok(left), Ok(right)) => left.cmp(&right),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => left.cmp(right),
            },
        };
        if by != Ordering::Equal {
            return by;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_versions() {
        let ascending =
            ["", "1", "1.9.0", "1.10.0-ballot", "1.10.0-snapshot.2", "1.10.0-snapshot.10", "1.10.0", "2018-08-12"];
        for (position, left) in ascending.iter().enumerate() {
            for (other, right) in ascending.iter().enumerate() {
                assert_eq!(compare_versions(left, right), position.cmp(&other), "{left} {right}");
            }
        }
    }

    #[test]
    fn a_part_of_a_version_means_any_that_begins_so() {
        for (version, wanted, version_match) in [
            ("4.0.1", "4.0.1", true),
            ("4.0.1", "4.0", true),
            ("4.0.1", "4.0.x", true),
            ("4.0.1", "4", true),
            ("4.0.10", "4.0.1", false),
            ("4.0.1", "4.1", false),
        ] {
            assert_eq!(version_matches(version, wanted), version_match, "{version} {wanted}");
        }
    }

    #[test]
    fn splits_canonicals() {
        assert_eq!(split_canonical("urn:x|1"), ("urn:x", Some("1")));
        assert_eq!(split_canonical("urn:x|"), ("urn:x", None));
        assert_eq!(split_canonical("urn:x|1#a.b"), ("urn:x", Some("1")));
        assert_eq!(split_canonical("urn:x"), ("urn:x", None));
    }
}

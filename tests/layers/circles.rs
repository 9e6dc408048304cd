//! Circles of files: files that import each other in a ring, so that none can be read without the others. Those that are
//! left are known here by name; the list only shrinks.

use std::collections::BTreeSet;

use super::imports::Sources;

/// The circles that are left, each as its modules.
const KNOWN: &[&[&str]] = &[];

#[test]
fn circles_of_files_only_become_fewer() {
    let found = Sources::read(&super::src()).circles();
    let files: usize = found.iter().map(Vec::len).sum();
    println!("{} circles of files, {files} files in them", found.len());
    let known: BTreeSet<Vec<&str>> = KNOWN.iter().map(|circle| circle.to_vec()).collect();
    let found: BTreeSet<Vec<&str>> = found.iter().map(|circle| circle.iter().map(String::as_str).collect()).collect();
    let new: Vec<_> = found.difference(&known).collect();
    let gone: Vec<_> = known.difference(&found).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "circles that are not in the list (move what both need into a file below them; a circle that only became smaller \
         takes the place of the larger one in the list): {new:#?}\nand circles of the list that are no more (take them \
         out): {gone:#?}"
    );
}

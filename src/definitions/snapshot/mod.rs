//! Snapshots from differentials (<https://hl7.org/fhir/R4/profiling.html#snapshot>): what a profile says, laid over what
//! its base says.
//!
//! The base becomes a tree (`tree`); each element of the differential is looked up in it by its steps (`difference`),
//! unfolding types and making slices on the way (`builder`), and merged into what it finds (`merge`). What comes out is a
//! structure like one that was published with a snapshot. A differential that cannot be followed is refused as a whole:
//! a profile with rules left out would pass what it was written to stop.

mod builder;
mod difference;
mod issue;
mod merge;
mod tree;

use super::differential::DifferentialElement;
use super::structure::{CORE_URL, Element, Structure, StructureKind};
use super::view::View;
use crate::fhir::{Issue, Node};
use builder::SnapshotBuilder;
use issue::{missing, unusable};
use tree::Tree;

/// Makes the snapshot of `structure`, which is given by the differential in `node`.
pub(super) fn generate(view: View<'_>, structure: &Structure, node: Node<'_>) -> Result<Structure, Box<Issue>> {
    let stated = Structure::read_differential(node)?;
    let tree = base(view, structure, &stated)?;
    let differences = difference::locate_differences(stated);
    let mut builder = SnapshotBuilder { view, structure, differences: &differences, tree };
    for difference in &differences {
        builder.apply(difference)?;
    }
    let mut made = Structure { elements: builder.tree.flatten(), is_differential: false, ..structure.clone() };
    super::read::link_elements(&mut made.elements);
    Ok(made)
}

/// The tree that the differential changes: the base's elements, named as this structure's.
fn base(view: View<'_>, structure: &Structure, stated: &[DifferentialElement]) -> Result<Tree, Box<Issue>> {
    let own = stated.first().and_then(|first| first.element.path.split('.').next()).unwrap_or(&structure.type_name);
    // `Base` came with R5; R4 definitions that name it mean that they are based on nothing.
    let canonical = structure.base.as_deref().filter(|base| *base != format!("{CORE_URL}Base"));
    let Some(canonical) = canonical else {
        return Ok(Tree::new(Element { is_list: true, ..Element::default() }, own));
    };
    let Some(base) = view.structure(canonical) else {
        return Err(unusable(structure, "", missing(view, canonical)).into());
    };
    if structure.is_profile && base.type_name != structure.type_name && structure.kind != StructureKind::Logical {
        let message =
            format!("it constrains {}, and its base {canonical} is about {}", structure.type_name, base.type_name);
        return Err(unusable(structure, "", message).into());
    }
    // A profile goes on calling the root as its base does; a type has a name of its own.
    let root = base.root().map(|root| root.name.as_str()).filter(|_| structure.is_profile).unwrap_or(own);
    Tree::of(&base, root).ok_or_else(|| {
        unusable(structure, "", format!("its base {canonical} has no elements, or too many or too deep ones")).into()
    })
}

//! Where references lead (<https://hl7.org/fhir/R4/references.html>): into the resource itself, to other entries of the
//! bundle around it (<https://hl7.org/fhir/R4/bundle.html#references>), to resources that lie beside the document.

use std::collections::HashMap;
use std::rc::Rc;

use super::bundle_entries::BundleEntries;
use crate::fhir::Node;

/// Where references lead from a resource. Cheap to clone: every contained resource is given it.
#[derive(Clone)]
pub(super) struct Scope<'d> {
    /// The resource that holds the contained ones: `#` leads to it
    pub(super) container: Node<'d>,
    /// The contained resources by id, once they were needed
    contained: Option<Rc<HashMap<String, Node<'d>>>>,
    /// The bundle around it, if there is one
    pub(super) bundle: Option<Rc<BundleEntries<'d>>>,
}

impl<'d> Scope<'d> {
    /// The scope of a document.
    pub(super) fn new(root: Node<'d>) -> Self {
        Self { container: root, contained: None, bundle: None }
    }

    /// The scope of a resource inside this one, with the bundle that it is, or else the one around both.
    pub(super) fn inside(&self, node: Node<'d>, bundle: Option<Rc<BundleEntries<'d>>>) -> Self {
        Self { container: node, contained: None, bundle: bundle.or_else(|| self.bundle.clone()) }
    }

    /// The contained resource with this id.
    pub(super) fn contained(&mut self, id: &str) -> Option<Node<'d>> {
        let resources = self.container.list("contained");
        let by_id = self.contained.get_or_insert_with(|| {
            Rc::new(resources.filter_map(|resource| Some((resource.str("id")?.into_owned(), resource))).collect())
        });
        by_id.get(id).copied()
    }

    /// The entry of the bundle that a reference leads to.
    pub(super) fn entry(&self, reference: &str) -> Option<Node<'d>> {
        self.bundle.as_ref()?.target(reference, self.container)
    }
}

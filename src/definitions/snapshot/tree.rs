//! The elements of a structure as a tree, in which slices stand beside the element that they slice. Ids and paths follow
//! from the place in the tree; they are written when it is made flat again.

use std::sync::Arc;

use crate::definitions::structure::{Element, Structure};

/// The most elements that a snapshot may have; the largest published one has a few thousand.
pub(super) const MAX_ELEMENTS: usize = 50_000;
/// The most steps from the root to an element, within one structure.
pub(super) const MAX_DEPTH: usize = 64;

/// See the module head.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<TreeNode>,
}

/// An element in the tree.
#[derive(Debug, Clone)]
pub(super) struct TreeNode {
    pub(super) element: Element,
    /// The elements inside it, without slices
    pub(super) children: Vec<usize>,
    /// Its slices; of a slice, the slices that divide it further
    pub(super) slices: Vec<usize>,
    /// What it is a slice of
    pub(super) slice_of: Option<usize>,
    /// The snapshot with the content that it shares, and the element there
    pub(super) content: Option<(Arc<Structure>, u32)>,
}

impl Tree {
    pub(super) const ROOT: usize = 0;

    /// A tree of nothing but a root.
    pub(super) fn new(element: Element, name: &str) -> Self {
        let mut tree = Self { nodes: Vec::new() };
        tree.push(Element { name: name.to_owned(), ..element });
        tree
    }

    /// The tree of a structure, its root called `name`.
    pub(super) fn of(structure: &Arc<Structure>, name: &str) -> Option<Self> {
        let root = structure.root()?.clone();
        // A type of its own, rather than a profile, is the base of its own root.
        let base_path = root.base_path.clone().filter(|_| name == root.name);
        let mut tree = Self::new(Element { base_path, ..root }, name);
        tree.import(Self::ROOT, structure, 0, true)?;
        Some(tree)
    }

    pub(super) fn get(&self, at: usize) -> &TreeNode {
        &self.nodes[at]
    }

    pub(super) fn get_mut(&mut self, at: usize) -> &mut TreeNode {
        &mut self.nodes[at]
    }

    pub(super) fn is_full(&self) -> bool {
        self.nodes.len() > MAX_ELEMENTS
    }

    fn push(&mut self, element: Element) -> usize {
        self.nodes.push(TreeNode { element, children: Vec::new(), slices: Vec::new(), slice_of: None, content: None });
        self.nodes.len() - 1
    }

    /// A new element inside `at`, behind the others.
    pub(super) fn add(&mut self, at: usize, element: Element) -> usize {
        let new = self.push(element);
        self.nodes[at].children.push(new);
        new
    }

    /// Takes the inside of an element of another structure as the inside of `at`. `is_base`: the structure is what this
    /// tree is made from, so that ids in it mean elements of this tree.
    pub(super) fn import(&mut self, at: usize, from: &Arc<Structure>, index: u32, is_base: bool) -> Option<()> {
        for child in &from.element(index)?.children {
            let element = from.element(*child)?;
            if self.is_full() || element.path.matches('.').count() > MAX_DEPTH {
                return None;
            }
            let mut copy = element.clone();
            (copy.parent, copy.children) = (None, Vec::new());
            if copy.base_path.is_none() {
                copy.base_path = Some(element.path.clone());
            }
            if copy.content_reference.is_some() && copy.content_source.is_none() && !is_base {
                copy.content_source = Some(from.url.clone());
            }
            let new = self.insert(at, copy);
            if let Some(id) = element.content_reference.as_deref().filter(|_| element.content_source.is_none()) {
                self.nodes[new].content = from.position(id).map(|target| (Arc::clone(from), target));
            }
            self.import(new, from, *child, is_base)?;
        }
        Some(())
    }

    /// Puts an element inside `at`: as a child, or among the slices of the child of its name.
    fn insert(&mut self, at: usize, element: Element) -> usize {
        let sliced = self.find_sliced(at, &element).filter(|_| element.slice_name.is_some());
        let Some(sliced) = sliced else { return self.add(at, element) };
        let name = self.nodes[sliced].element.name.clone();
        let element = Element { name, ..element };
        let outer = element.outer_slice().and_then(|name| self.find_slice(sliced, name)).unwrap_or(sliced);
        let new = self.push(element);
        self.nodes[new].slice_of = Some(outer);
        self.nodes[outer].slices.push(new);
        new
    }

    /// The element inside `at` of which this one is a slice. Older snapshots call the slice of a choice `valueQuantity`.
    fn find_sliced(&self, at: usize, slice: &Element) -> Option<usize> {
        self.find_child(at, &slice.name).or_else(|| {
            self.nodes[at].children.iter().copied().find(|child| {
                let element = &self.nodes[*child].element;
                element.is_choice() && element.types.iter().any(|one| element.name_for(&one.code) == slice.name)
            })
        })
    }

    /// The element inside `at` that is called so.
    pub(super) fn find_child(&self, at: usize, name: &str) -> Option<usize> {
        self.nodes[at].children.iter().copied().find(|child| self.nodes[*child].element.name == name)
    }

    /// The slice of `at` with this name, at whatever depth of slicing.
    pub(super) fn find_slice(&self, at: usize, name: &str) -> Option<usize> {
        self.nodes[at].slices.iter().copied().find_map(|slice| {
            let is_it = self.nodes[slice].element.slice_name.as_deref() == Some(name);
            if is_it { Some(slice) } else { self.find_slice(slice, name) }
        })
    }

    /// A new slice of `at`: what `at` is, its inside included.
    pub(super) fn add_slice(&mut self, at: usize, name: &str) -> usize {
        let new = self.copy(at);
        let node = &mut self.nodes[new];
        node.slices.clear();
        node.element.slice_name = Some(name.to_owned());
        (node.element.slicing, node.element.slice_is_constraining) = (None, false);
        node.element.min = 0;
        node.slice_of = Some(at);
        self.nodes[at].slices.push(new);
        new
    }

    /// A copy of `at` with all that is inside; its own slices stay behind.
    fn copy(&mut self, at: usize) -> usize {
        let node = self.nodes[at].clone();
        let new = self.push(node.element);
        self.nodes[new].content = node.content;
        for child in node.children {
            if self.is_full() {
                break;
            }
            let copied = self.copy_whole(child);
            self.nodes[new].children.push(copied);
        }
        new
    }

    fn copy_whole(&mut self, at: usize) -> usize {
        let new = self.copy(at);
        for slice in self.nodes[at].slices.clone() {
            if self.is_full() {
                break;
            }
            let copied = self.copy_whole(slice);
            self.nodes[copied].slice_of = Some(new);
            self.nodes[new].slices.push(copied);
        }
        new
    }

    /// The elements in the order of a snapshot: each before its inside, and that before its slices.
    pub(super) fn flatten(&self) -> Vec<Element> {
        let mut elements = Vec::with_capacity(self.nodes.len());
        let name = &self.nodes[Self::ROOT].element.name;
        self.write(Self::ROOT, name, name, &mut elements);
        elements
    }

    fn write(&self, at: usize, id: &str, path: &str, elements: &mut Vec<Element>) {
        let node = &self.nodes[at];
        let mut element = node.element.clone();
        (element.parent, element.children) = (None, Vec::new());
        element.base_path.get_or_insert_with(|| path.to_owned());
        (element.id, element.path) = (id.to_owned(), path.to_owned());
        elements.push(element);
        for child in &node.children {
            let name = &self.nodes[*child].element.name;
            let (id, path) = (format!("{id}.{name}"), format!("{path}.{name}"));
            self.write(*child, &id, &path, elements);
            self.write_slices(*child, &id, &path, elements);
        }
    }

    /// `id` is that of the element that is sliced; a slice of a slice is named from there too.
    fn write_slices(&self, at: usize, id: &str, path: &str, elements: &mut Vec<Element>) {
        for slice in &self.nodes[at].slices {
            let name = self.nodes[*slice].element.slice_name.as_deref().unwrap_or_default();
            self.write(*slice, &format!("{id}:{name}"), path, elements);
            self.write_slices(*slice, id, path, elements);
        }
    }
}

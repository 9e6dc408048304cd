//! Layer 1: FHIR packages (<https://hl7.org/fhir/R4/packages.html>) and what they define: structures, value sets, code
//! systems, search parameters.
//!
//! [`Definitions`] answers by canonical URL (`resolve` says which of several versions answers); everything is decoded, and
//! its snapshot made where it has none, when it is first asked for, and then kept. Adding a package gives new definitions
//! that share what they had. Bytes are passed in; nothing here opens a file or a socket.

pub mod code_system;
mod currency;
mod expand;
mod filter;
mod foreign;
mod language;
mod layer;
mod model;
pub mod own;
pub mod pack;
pub mod package;
mod read;
pub mod resolve;
pub mod search_parameter;
mod snapshot;
pub mod structure;
mod trim;
pub mod typed;
pub mod value_set;
mod view;
mod write;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, RwLock};

use crate::error::Result;
use crate::fhir::{Issue, Node};
use layer::Layer;
use resolve::{Hit, Layers, Needs, Spot};

pub use code_system::CodeSystem;
pub use language::LanguagePart;
pub use package::Package;
pub use search_parameter::SearchParameter;
pub use structure::{
    AdditionalBinding, Binding, Constraint, Element, Purpose, Strength, Structure, StructureKind, TypeRef,
};
pub use typed::TypedElement;
pub use value_set::{Membership, ValueSet};
pub use view::{Found, View};

/// R4 core 4.0.1; `profiles/packages/README.md` says how it was made.
static R4: &[u8] = include_bytes!("../../profiles/packages/hl7.fhir.r4.core-4.0.1.pack");

/// What the canonical URLs of the standard's own types begin with.
pub const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";

/// Every definition at hand. Share it in an `Arc`; it is never locked on a read that was made before.
#[derive(Debug)]
pub struct Definitions {
    /// The first one is R4 core; later ones were added later.
    layers: Vec<Arc<Layer>>,
    needs: Needs,
    resource_types: Vec<String>,
    /// Where types were found that were asked for by name
    types: RwLock<HashMap<String, Hit>>,
    value_sets: RwLock<HashMap<Spot, Arc<ValueSet>>>,
    implicit_sets: RwLock<HashMap<String, Arc<ValueSet>>>,
    snapshots: RwLock<HashMap<Spot, Snapshot>>,
    parameters: OnceLock<HashMap<String, Vec<Arc<SearchParameter>>>>,
    globals: OnceLock<HashMap<String, Vec<String>>>,
    chains: RwLock<HashMap<String, Arc<[Box<str>]>>>,
}

/// A structure that was made of a differential, or why it could not be.
type Snapshot = Result<Arc<Structure>, Box<Issue>>;

/// One package that is at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Package name (`hl7.fhir.r4.core`)
    pub name: String,
    /// Package version
    pub version: String,
    /// How many definitions it brings
    pub definitions: usize,
    /// The packages that it builds on and that are not at hand: name and version
    pub missing: Vec<(String, String)>,
}

// === what is at hand ===

impl Definitions {
    /// FHIR R4 core, embedded in the program.
    ///
    /// # Errors
    /// A fault, if the embedded pack is damaged.
    pub fn r4() -> Result<Self> {
        Ok(Self::of(vec![Arc::new(pack::open(R4)?)]))
    }

    /// These definitions and those of a package, which is asked first.
    #[must_use]
    pub fn with(&self, package: Package) -> Self {
        let mut layers = self.layers.clone();
        layers.push(Arc::new(Layer::of(package)));
        Self::of(layers)
    }

    /// These definitions and those of a pack, which is asked first.
    ///
    /// # Errors
    /// Where it is no pack, or a damaged one.
    pub fn with_pack(&self, bytes: Vec<u8>) -> Result<Self> {
        self.with_packs([(String::new(), bytes)])
    }

    /// These definitions and those of several packs, each with a name by which an error can speak of it.
    ///
    /// # Errors
    /// Where one is no pack, or a damaged one.
    pub fn with_packs(&self, packs: impl IntoIterator<Item = (String, Vec<u8>)>) -> Result<Self> {
        let mut layers = self.layers.clone();
        for (name, bytes) in packs {
            let opened = pack::open(bytes).map_err(|mut error| {
                for issue in &mut error.issues {
                    issue.path.clone_from(&name);
                }
                error
            });
            layers.push(Arc::new(opened?));
        }
        Ok(Self::of(layers))
    }

    fn of(layers: Vec<Arc<Layer>>) -> Self {
        let mut resource_types: Vec<String> = layers.iter().flat_map(|layer| layer.resource_types()).collect();
        resource_types.sort_unstable();
        resource_types.dedup();
        let needs = Needs::of(&layers);
        Self {
            layers,
            needs,
            resource_types,
            types: RwLock::default(),
            value_sets: RwLock::default(),
            implicit_sets: RwLock::default(),
            snapshots: RwLock::default(),
            parameters: OnceLock::new(),
            globals: OnceLock::new(),
            chains: RwLock::default(),
        }
    }

    /// The packages at hand, in the order in which they were added.
    pub fn packages(&self) -> Vec<Loaded> {
        self.layers
            .iter()
            .map(|layer| {
                let wanted = layer.dependencies.iter();
                let missing = wanted.filter(|(name, version)| resolve::pinned(&self.layers, name, version).is_none());
                Loaded {
                    name: layer.name.clone(),
                    version: layer.version.clone(),
                    definitions: layer.len(),
                    missing: missing.cloned().collect(),
                }
            })
            .collect()
    }
}

// === looking up ===

impl Definitions {
    /// The structure with this canonical URL (`url` or `url|version`), or of the type with this name. It has a snapshot;
    /// [`Definitions::problem`] says why one that is at hand cannot have one.
    pub fn structure(&self, type_name_or_canonical: &str) -> Option<Arc<Structure>> {
        self.view().structure(type_name_or_canonical)
    }

    /// The structure that comes nearest: one of another version, where the version named is not at hand.
    pub fn look_up(&self, type_name_or_canonical: &str) -> Option<Found<Structure>> {
        self.view().look_up(type_name_or_canonical)
    }

    /// Why a structure that is at hand cannot be used.
    pub fn problem(&self, type_name_or_canonical: &str) -> Option<Issue> {
        self.view().problem(type_name_or_canonical)
    }

    /// The code system with this canonical URL.
    pub fn code_system(&self, canonical: &str) -> Option<Arc<CodeSystem>> {
        self.view().code_system(canonical)
    }

    /// The value set with this canonical URL, expanded as far as the code systems at hand allow.
    pub fn value_set(&self, canonical: &str) -> Option<Arc<ValueSet>> {
        self.view().value_set(canonical)
    }

    /// The definitions as this structure's package sees them: what the structure refers to is asked for here.
    pub fn seen_from(&self, structure: &Structure) -> View<'_> {
        View::of_package(self, &structure.package)
    }

    fn view(&self) -> View<'_> {
        View::of_nobody(self)
    }

    /// The value set that a resource describes which belongs to no package: one that is contained in another.
    pub fn value_set_of(&self, resource: Node<'_>) -> ValueSet {
        expand::compose(self.view(), resource)
    }

    /// The profiles that the guides at hand demand of every resource of a type
    /// (<https://hl7.org/fhir/R4/implementationguide-definitions.html#ImplementationGuide.global>).
    pub fn global_profiles(&self, resource_type: &str) -> &[String] {
        let by_type = self.globals.get_or_init(|| {
            let mut by_type: HashMap<String, Vec<String>> = HashMap::new();
            for (kind, profile) in self.layers.iter().flat_map(|layer| layer.global_profiles()) {
                by_type.entry(kind).or_default().push(profile);
            }
            by_type
        });
        by_type.get(resource_type).map_or(&[], Vec::as_slice)
    }

    /// How a resource type is searched, the parameters of `Resource` and `DomainResource` included.
    pub fn search_parameters(&self, resource_type: &str) -> Vec<Arc<SearchParameter>> {
        let by_type = self.parameters.get_or_init(|| self.search_parameters_by_type());
        let inherits =
            |base: &str| base == "Resource" || (base == "DomainResource" && !is_bare_resource(resource_type));
        let mut found: Vec<_> = by_type.get(resource_type).into_iter().flatten().cloned().collect();
        for base in ["Resource", "DomainResource"].into_iter().filter(|base| inherits(base)) {
            found.extend(by_type.get(base).into_iter().flatten().cloned());
        }
        found
    }

    /// Is it a resource type that can be instantiated?
    pub fn is_resource_type(&self, name: &str) -> bool {
        self.resource_types.binary_search_by(|known| known.as_str().cmp(name)).is_ok()
    }

    /// The resource types that can be instantiated, in alphabetical order.
    pub fn resource_types(&self) -> &[String] {
        &self.resource_types
    }

    fn search_parameters_by_type(&self) -> HashMap<String, Vec<Arc<SearchParameter>>> {
        let mut by_type: HashMap<String, Vec<Arc<SearchParameter>>> = HashMap::new();
        for parameter in self.layers.iter().flat_map(|layer| layer.search_parameters()) {
            let parameter = Arc::new(parameter);
            for base in &parameter.base {
                let known = by_type.entry(base.clone()).or_default();
                known.retain(|other| other.url != parameter.url);
                known.push(Arc::clone(&parameter));
            }
        }
        by_type
    }
}

// === what was made ===

impl Definitions {
    fn layers(&self) -> Layers<'_> {
        Layers { list: &self.layers, needs: &self.needs }
    }

    fn snapshot(&self, spot: Spot) -> Option<Snapshot> {
        self.snapshots.read().ok()?.get(&spot).cloned()
    }

    /// Keeps a snapshot; where another was faster, that one.
    fn keep_snapshot(&self, spot: Spot, made: Snapshot) -> Snapshot {
        match self.snapshots.write() {
            Ok(mut kept) => kept.entry(spot).or_insert(made).clone(),
            Err(_) => made,
        }
    }

    fn keep_value_set(&self, spot: Spot, made: &Arc<ValueSet>) {
        if let Ok(mut kept) = self.value_sets.write() {
            kept.entry(spot).or_insert_with(|| Arc::clone(made));
        }
    }

    /// The value set of all codes of a system, which no ValueSet resource describes.
    fn implicit_value_set(&self, canonical: &str) -> Option<Arc<ValueSet>> {
        if let Some(known) = self.implicit_sets.read().ok().and_then(|kept| kept.get(canonical).cloned()) {
            return Some(known);
        }
        // What is not found is not kept: whoever sends documents could fill the memory with it.
        let made = Arc::new(expand::implicit(self.view(), canonical)?);
        if let Ok(mut kept) = self.implicit_sets.write() {
            kept.entry(canonical.to_owned()).or_insert_with(|| Arc::clone(&made));
        }
        Some(made)
    }
}

/// The three types that are resources without being domain resources: no text, no contained, no extensions.
fn is_bare_resource(name: &str) -> bool {
    matches!(name, "Bundle" | "Binary" | "Parameters")
}

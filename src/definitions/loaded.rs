//! The packages that are at hand, and what was made of their definitions so far.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, RwLock};

use super::layer::Layer;
use super::pack;
use super::package::Package;
use super::resolve::{self, DefinitionLocation, Layers, PackageDependencies, ResolvedLocation};
use super::search_parameter::SearchParameter;
use super::structure::Structure;
use super::value_set::ValueSet;
use crate::error::Result;
use crate::fhir::Issue;

/// R4 core 4.0.1; `profiles/packages/README.md` says how it was made.
static R4: &[u8] = include_bytes!("../../profiles/packages/hl7.fhir.r4.core-4.0.1.pack");

/// Every definition at hand. Share it in an `Arc`; it is never locked on a read that was made before.
#[derive(Debug)]
pub struct Definitions {
    /// The first one is R4 core; later ones were added later.
    pub(super) layers: Vec<Arc<Layer>>,
    dependencies: PackageDependencies,
    resource_types: Vec<String>,
    /// Where types were found that were asked for by name
    pub(super) types: RwLock<HashMap<String, ResolvedLocation>>,
    pub(super) value_sets: RwLock<HashMap<DefinitionLocation, Arc<ValueSet>>>,
    pub(super) implicit_sets: RwLock<HashMap<String, Arc<ValueSet>>>,
    pub(super) snapshots: RwLock<HashMap<DefinitionLocation, Snapshot>>,
    parameters: OnceLock<HashMap<String, Vec<Arc<SearchParameter>>>>,
    globals: OnceLock<HashMap<String, Vec<String>>>,
    pub(super) ancestors: RwLock<HashMap<String, Arc<[Box<str>]>>>,
}

/// A structure that was made of a differential, or why it could not be.
pub(super) type Snapshot = Result<Arc<Structure>, Box<Issue>>;

/// One package that is at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageSummary {
    /// Package name (`hl7.fhir.r4.core`)
    pub name: String,
    /// Package version
    pub version: String,
    /// How many definitions it brings
    pub definitions: usize,
    /// The packages that it builds on and that are not at hand: name and version
    pub missing: Vec<(String, String)>,
}

// === the packages ===

impl Definitions {
    /// FHIR R4 core, embedded in the program.
    ///
    /// # Errors
    /// A fault, if the embedded pack is damaged.
    pub fn r4() -> Result<Self> {
        Ok(Self::of_layers(vec![Arc::new(pack::open(R4)?)]))
    }

    /// These definitions and those of a package, which is asked first.
    #[must_use]
    pub fn with(&self, package: Package) -> Self {
        let mut layers = self.layers.clone();
        layers.push(Arc::new(Layer::of(package)));
        Self::of_layers(layers)
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
        Ok(Self::of_layers(layers))
    }

    /// The definitions of this package alone.
    pub(super) fn of_package(package: Package) -> Self {
        Self::of_layers(vec![Arc::new(Layer::of(package))])
    }

    fn of_layers(layers: Vec<Arc<Layer>>) -> Self {
        let mut resource_types: Vec<String> = layers.iter().flat_map(|layer| layer.resource_types()).collect();
        resource_types.sort_unstable();
        resource_types.dedup();
        let dependencies = PackageDependencies::of(&layers);
        Self {
            layers,
            dependencies,
            resource_types,
            types: RwLock::default(),
            value_sets: RwLock::default(),
            implicit_sets: RwLock::default(),
            snapshots: RwLock::default(),
            parameters: OnceLock::new(),
            globals: OnceLock::new(),
            ancestors: RwLock::default(),
        }
    }

    /// The packages at hand, in the order in which they were added.
    pub fn packages(&self) -> Vec<PackageSummary> {
        self.layers
            .iter()
            .map(|layer| {
                let wanted = layer.dependencies.iter();
                let missing =
                    wanted.filter(|(name, version)| resolve::find_layer(&self.layers, name, version).is_none());
                PackageSummary {
                    name: layer.name.clone(),
                    version: layer.version.clone(),
                    definitions: layer.len(),
                    missing: missing.cloned().collect(),
                }
            })
            .collect()
    }
}

// === what they say together ===

impl Definitions {
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

// === what was made of them ===

impl Definitions {
    pub(super) fn layers(&self) -> Layers<'_> {
        Layers { list: &self.layers, dependencies: &self.dependencies }
    }

    pub(super) fn snapshot(&self, location: DefinitionLocation) -> Option<Snapshot> {
        self.snapshots.read().ok()?.get(&location).cloned()
    }

    /// Keeps a snapshot; where another was faster, that one.
    pub(super) fn cache_snapshot(&self, location: DefinitionLocation, made: Snapshot) -> Snapshot {
        match self.snapshots.write() {
            Ok(mut cached) => cached.entry(location).or_insert(made).clone(),
            Err(_) => made,
        }
    }

    pub(super) fn cache_value_set(&self, location: DefinitionLocation, made: &Arc<ValueSet>) {
        if let Ok(mut cached) = self.value_sets.write() {
            cached.entry(location).or_insert_with(|| Arc::clone(made));
        }
    }
}

/// The three types that are resources without being domain resources: no text, no contained, no extensions.
fn is_bare_resource(name: &str) -> bool {
    matches!(name, "Bundle" | "Binary" | "Parameters")
}

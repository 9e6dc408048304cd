//! Our own definitions, as they were written: the profiles, value sets and code systems that come with the program. They
//! are no resources of the store: every client reads them, nobody writes them.

use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::definitions::own;
use crate::error::{Category, Error, Result};
use crate::fhir::{Document, Issue, Key, Node, ResourceKey};
use crate::shipped;
use crate::store::Stored;

/// Our definitions, read once.
pub(super) struct Artifacts(Vec<Stored>);

impl Artifacts {
    /// Those that come with the program, in the order of types and ids.
    ///
    /// # Errors
    /// A fault, if one of them is damaged.
    pub(super) fn shipped() -> Result<Self> {
        let files = own::own_resources(shipped::files().iter().copied());
        let mut found = files.map(|(_, bytes)| stored(bytes)).collect::<Result<Vec<_>>>()?;
        found.push(stored(own::issue_code_system()?.as_bytes())?);
        found.sort_by(|one, other| (&one.key.kind, &one.key.id).cmp(&(&other.key.kind, &other.key.id)));
        Ok(Self(found))
    }

    /// Canonical URLs of our profiles of this resource type.
    pub(super) fn profiles_of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = String> + 'a {
        let structures = self.of(own::KINDS[0]).map(|stored| stored.document.root());
        let is_of = move |node: &Node<'_>| {
            let is = |name: &str, value: &str| node.get(name).is_some_and(|member| member.is_str(value));
            is("type", kind) && is("kind", "resource")
        };
        structures.filter(is_of).filter_map(|node| Some(node.str("url")?.into_owned()))
    }

    /// The one of this type with this id.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn find(&self, kind: &str, id: &str) -> Result<&Stored> {
        self.of(kind).find(|stored| stored.key.id == id).ok_or_else(|| {
            let issue = Issue::error(Key::NotFound, "", format!("the gateway has no {kind} with this id"))
                .hint(format!("search {kind} for those that it has; definitions of packages are not served"));
            Error::new(Category::NotFound, issue)
        })
    }

    /// Those of this type.
    pub(super) fn of(&self, kind: &str) -> impl Iterator<Item = &Stored> {
        self.0.iter().filter(move |stored| stored.key.kind == kind)
    }
}

fn stored(bytes: &[u8]) -> Result<Stored> {
    let damaged = |issue: Box<Issue>| Error::fault(format!("a definition that comes with the program: {issue}"));
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Error::fault("a definition that comes with the program is not UTF-8"))?;
    let document = Document::parse(text.trim_end()).map_err(damaged)?;
    let root = document.root();
    let text = |name: &str| root.str(name).unwrap_or_default().into_owned();
    let updated: Option<Timestamp> = format!("{}T00:00:00Z", text("date")).parse().ok();
    let digest = Sha256::digest(bytes);
    Ok(Stored {
        until: None,
        key: ResourceKey::new(text("resourceType"), text("id")),
        // It has no versions here; the tag tells one text from another.
        version: digest.iter().take(6).fold(0, |number, byte| number << 8 | u64::from(*byte)),
        updated: updated.unwrap_or_default(),
        seq: 0,
        author: None,
        public: true,
        document: Arc::new(document),
        withheld: None,
    })
}

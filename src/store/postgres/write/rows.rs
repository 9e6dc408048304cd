//! The rows of the search index: what a resource is found by, in narrow columns.
//!
//! The old rows of a resource follow from the entries of its old version, so nothing has to remember which rows belong
//! to it. How many resources have a code follows from the same rows.

use std::collections::{BTreeMap, BTreeSet};

use super::batch::{Batch, owned};
use super::keys::Keys;
use crate::error::Result;
use crate::store::index::{IndexEntry, IndexValue};
use crate::store::index_ids::Index;
use crate::store::postgres::index_value::fit;
use crate::store::search::criterion::{NO_SYSTEM, VERBATIM};

/// Rows of some resources.
#[derive(Debug, Default)]
pub(super) struct RowsOf {
    /// Parameter, value, updated, resource, system
    tokens: BTreeSet<(i64, String, i64, i64, i64)>,
    /// Parameter, target, updated, resource
    references: BTreeSet<(i64, i64, i64, i64)>,
    /// Parameter, value, updated, resource
    texts: BTreeSet<(i64, String, i64, i64)>,
    /// Parameter, high, low, resource
    dates: BTreeSet<(i64, i64, i64, i64)>,
    /// Parameter, value, system: how many resources have it
    counts: BTreeMap<(i64, String, i64), i64>,
}

/// What becomes of the index.
pub(super) struct RowChanges {
    removed: RowsOf,
    added: RowsOf,
}

impl RowsOf {
    /// The rows of a resource that was last changed at `updated`.
    pub(super) fn take(
        &mut self,
        keys: &Keys,
        index: &Index,
        entries: &[IndexEntry],
        resource: i64,
        updated: i64,
    ) -> Result<()> {
        for entry in entries {
            let parameter = index.id(entry.parameter);
            let (value, system) = match &entry.value {
                IndexValue::Token { system: None, code } => (code, NO_SYSTEM),
                IndexValue::Token { system: Some(system), code } => (code, keys.system(system)?),
                IndexValue::Uri(text) | IndexValue::ReferenceUrl(text) | IndexValue::Exact(text) => (text, VERBATIM),
                IndexValue::Reference(key) => {
                    self.references.insert((parameter, keys.resource(key)?, updated, resource));
                    continue;
                }
                IndexValue::Text(text) => {
                    self.texts.insert((parameter, fit(text).into_owned(), updated, resource));
                    continue;
                }
                IndexValue::Date { low, high } => {
                    self.dates.insert((parameter, *high, *low, resource));
                    continue;
                }
            };
            let value = fit(value).into_owned();
            let is_new = self.tokens.insert((parameter, value.clone(), updated, resource, system));
            if is_new && index.counted.contains(&entry.parameter) {
                *self.counts.entry((parameter, value, system)).or_default() += 1;
            }
        }
        Ok(())
    }
}

impl RowChanges {
    /// What turns the one into the other.
    pub(super) fn between(mut removed: RowsOf, mut added: RowsOf) -> Self {
        // A date says nothing of when its resource was changed, so it mostly stays.
        let stay: Vec<_> = removed.dates.intersection(&added.dates).copied().collect();
        for row in stay {
            removed.dates.remove(&row);
            added.dates.remove(&row);
        }
        for (code, count) in std::mem::take(&mut removed.counts) {
            *added.counts.entry(code).or_default() -= count;
        }
        added.counts.retain(|_, by| *by != 0);
        Self { removed, added }
    }

    /// Writes it, each table in a statement for what goes and one for what comes.
    pub(super) fn write(self, batch: &mut Batch<'_>) {
        let Self { removed, added } = self;
        batch.add_rows(
            "DELETE FROM token t
             USING unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
                 d (parameter, value, updated, resource, system)
             WHERE t.parameter = d.parameter AND t.value = d.value AND t.updated = d.updated AND t.resource = d.resource
               AND t.system = d.system",
            removed.tokens,
            owned![],
        );
        batch.add_rows(
            "DELETE FROM reference t
             USING unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) d (parameter, target, updated, resource)
             WHERE t.parameter = d.parameter AND t.target = d.target AND t.updated = d.updated AND t.resource = d.resource",
            removed.references,
            owned![],
        );
        batch.add_rows(
            "DELETE FROM text t
             USING unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[]) d (parameter, value, updated, resource)
             WHERE t.parameter = d.parameter AND t.value = d.value AND t.updated = d.updated AND t.resource = d.resource",
            removed.texts,
            owned![],
        );
        batch.add_rows(
            "DELETE FROM date t
             USING unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) d (parameter, high, low, resource)
             WHERE t.parameter = d.parameter AND t.high = d.high AND t.low = d.low AND t.resource = d.resource",
            removed.dates,
            owned![],
        );
        batch.add_rows(
            "INSERT INTO token (parameter, value, updated, resource, system)
             SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[]) ON CONFLICT DO NOTHING",
            added.tokens,
            owned![],
        );
        batch.add_rows(
            "INSERT INTO reference (parameter, target, updated, resource)
             SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) ON CONFLICT DO NOTHING",
            added.references,
            owned![],
        );
        batch.add_rows(
            "INSERT INTO text (parameter, value, updated, resource)
             SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[]) ON CONFLICT DO NOTHING",
            added.texts,
            owned![],
        );
        batch.add_rows(
            "INSERT INTO date (parameter, high, low, resource)
             SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) ON CONFLICT DO NOTHING",
            added.dates,
            owned![],
        );
        let counts = added.counts.into_iter().map(|((parameter, value, system), by)| (parameter, value, system, by));
        batch.add_rows(
            "INSERT INTO counted AS c (parameter, value, system, resources)
             SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[])
             ON CONFLICT (parameter, value, system) DO UPDATE SET resources = c.resources + excluded.resources",
            counts,
            owned![],
        );
    }
}

//! Who takes part in which Task and what they see through it. Replaced per Task; only what differs is written, and what
//! ends is kept with its time: who was shown what, and until when, can always be told.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tokio_postgres::Row;

use crate::error::{Error, Result};
use crate::referral::Party;
use crate::referral::party::PartEnd;
use crate::referral::plan::{GivenResource, RestsOn, Share, SharedWith, Sharing, WithheldFrom};
use crate::store::conflict::changed_sharing;
use crate::store::shared::{Given, Shared};

use super::batch::{Batch, owned};
use super::consents;
use super::keys::Keys;

/// What is withheld in one row, by ids: organization, resource, member, author, rule.
type WithheldRow = (i64, i64, String, String, String);

/// What one Task shares.
#[derive(Debug, Clone, Default)]
struct TaskSharing {
    shared: Shared,
    withheld: BTreeSet<WithheldRow>,
    /// Each person whom it shows, and on what that rests
    rests: BTreeSet<(i64, i64)>,
}

/// What the Tasks of a plan share: as it is stored, and as it becomes.
pub(super) struct Sharings {
    stored: HashMap<i64, TaskSharing>,
    now: BTreeMap<i64, TaskSharing>,
    /// How the parts end that end: Task, organization, party
    ends: BTreeMap<(i64, i64, Party), PartEnd>,
    asked: Option<[usize; 4]>,
}

impl Sharings {
    /// Asks for what is stored of the Tasks that have been given their ids before `first_new`; of others nothing is.
    pub(super) fn ask(keys: &Keys, shares: &[Share], first_new: i64, batch: &mut Batch<'_>) -> Result<Self> {
        let mut stored = HashMap::new();
        let mut known = Vec::new();
        for share in shares {
            let task = keys.resource(&share.task)?;
            stored.insert(task, TaskSharing::default());
            if task <= first_new {
                known.push(task);
            }
        }
        let asked = (!known.is_empty()).then(|| {
            let resources =
                "SELECT s.task, s.resource, r.kind, s.giver FROM task_resource s JOIN resource r ON r.id = s.resource
                             WHERE s.task = ANY($1) AND s.until IS NULL";
            let parties = "SELECT task, organization, party FROM task_party WHERE task = ANY($1) AND until IS NULL";
            let withheld = "SELECT task, organization, resource, member, author, rule FROM withheld
                            WHERE task = ANY($1) AND until IS NULL";
            let rests = "SELECT task, person, rests_on FROM task_consent WHERE task = ANY($1)";
            [resources, parties, withheld, rests].map(|sql| batch.add(sql, owned![known.clone()]))
        });
        Ok(Self { stored, now: BTreeMap::new(), ends: BTreeMap::new(), asked })
    }

    pub(super) fn learn(&mut self, answers: &[Vec<Row>]) -> Result<()> {
        let Some([resources, parties, withheld, rests]) = self.asked else { return Ok(()) };
        for row in &answers[resources] {
            let given = Given { kind: row.try_get(2)?, giver: row.try_get(3)? };
            self.stored(row)?.shared.resources.insert(row.try_get(1)?, given);
        }
        for row in &answers[parties] {
            let code: &str = row.try_get(2)?;
            let unknown = || Error::fault(format!("the database names a party {code}, which is none"));
            let party = Party::from_code(code).ok_or_else(unknown)?;
            self.stored(row)?.shared.parties.insert((row.try_get(1)?, party));
        }
        for row in &answers[withheld] {
            let one = (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?, row.try_get(4)?, row.try_get(5)?);
            self.stored(row)?.withheld.insert(one);
        }
        for row in &answers[rests] {
            self.stored(row)?.rests.insert((row.try_get(1)?, row.try_get(2)?));
        }
        Ok(())
    }

    /// What is stored of the Task of this row.
    fn stored(&mut self, row: &Row) -> Result<&mut TaskSharing> {
        Ok(self.stored.entry(row.try_get(0)?).or_default())
    }

    /// Puts the share in the place of what was shared through its Task before. Gives the Task's id if that changed anything.
    ///
    /// # Errors
    /// `Conflict`, where something else is shared, or with others, than what the share was made from.
    pub(super) fn replace(&mut self, keys: &Keys, share: &Share, rests_on: Option<&RestsOn>) -> Result<Option<i64>> {
        let task = keys.resource(&share.task)?;
        let old = match self.now.get(&task).or_else(|| self.stored.get(&task)) {
            Some(sharing) => sharing.clone(),
            None => TaskSharing::default(),
        };
        if !named(keys, &share.before)?.is_alike(&old.shared) {
            return Err(changed_sharing(&share.task));
        }
        let mut new = named(keys, &share.after)?;
        // Who gave it first stays who gave it.
        for (resource, given) in &old.shared.resources {
            if let Some(kept) = new.resources.get_mut(resource) {
                *kept = *given;
            }
        }
        for (organization, party) in old.shared.parties.difference(&new.parties) {
            self.ends.insert((task, *organization, *party), share.end);
        }
        let mut withheld = BTreeSet::new();
        for WithheldFrom { organization, resource, hidden } in &share.withheld {
            let by = hidden.by.clone().unwrap_or_default();
            let (organization, resource) = (keys.organization(organization)?, keys.resource(resource)?);
            withheld.insert((organization, resource, hidden.member.clone(), by, hidden.rule.clone()));
        }
        let rests = consents::rests(keys, share, rests_on, &old.rests)?;
        let changed = !old.shared.is_alike(&new) || old.withheld != withheld;
        self.now.insert(task, TaskSharing { shared: new, withheld, rests });
        Ok(changed.then_some(task))
    }

    /// Writes what is different in the end.
    pub(super) fn write(self, seq: i64, batch: &mut Batch<'_>) {
        let Self { stored, now, ends, .. } = self;
        let (mut parts, mut resources, mut withheld) = (Parts::default(), Resources::default(), Hidden::default());
        let mut seen: BTreeMap<(i64, i64, i64), i64> = BTreeMap::new();
        let (mut rested, mut rests) = (Vec::new(), Vec::new());
        let nothing = TaskSharing::default();
        for (task, new) in &now {
            let old = stored.get(task).unwrap_or(&nothing);
            for resource in old.shared.resources.keys().filter(|one| !new.shared.resources.contains_key(one)) {
                resources.ended.push((*task, *resource));
            }
            for (resource, given) in
                new.shared.resources.iter().filter(|(one, _)| !old.shared.resources.contains_key(one))
            {
                resources.begun.push((*task, *resource, given.giver));
            }
            for (organization, party) in old.shared.parties.difference(&new.shared.parties) {
                let end = ends.get(&(*task, *organization, *party)).map_or(PartEnd::Over, |end| *end);
                parts.ended.push((*task, *organization, party.code(), end.code()));
            }
            for (organization, party) in new.shared.parties.difference(&old.shared.parties) {
                parts.begun.push((*task, *organization, party.code()));
            }
            for row in new.shared.grants_missing_in(&old.shared) {
                *seen.entry(row).or_default() += 1;
            }
            for row in old.shared.grants_missing_in(&new.shared) {
                *seen.entry(row).or_default() -= 1;
            }
            withheld.ended.extend(old.withheld.difference(&new.withheld).map(|row| (*task, row.clone())));
            withheld.begun.extend(new.withheld.difference(&old.withheld).map(|row| (*task, row.clone())));
            if old.rests != new.rests {
                if !old.rests.is_empty() {
                    rested.push(*task);
                }
                rests.extend(new.rests.iter().map(|(person, on)| (*person, *on, *task)));
            }
        }
        // What ends is ended first: it is told from what begins by having no end.
        resources.write(seq, batch);
        parts.write(seq, batch);
        withheld.write(seq, batch);
        write_seen(&seen, batch);
        consents::write_rests(rested, rests, batch);
    }
}

/// What is shared, and with whom, as a plan names it.
fn named(keys: &Keys, sharing: &Sharing) -> Result<Shared> {
    let mut shared = Shared::default();
    for SharedWith { organization, party } in &sharing.parties {
        shared.parties.insert((keys.organization(organization)?, *party));
    }
    for GivenResource { resource, giver } in &sharing.resources {
        let given = Given { kind: keys.kind(&resource.kind)?, giver: keys.organization(giver)? };
        shared.resources.insert(keys.resource(resource)?, given);
    }
    Ok(shared)
}

/// Resources that are shared through Tasks, from or until this commit.
#[derive(Default)]
struct Resources {
    ended: Vec<(i64, i64)>,
    begun: Vec<(i64, i64, i64)>,
}

impl Resources {
    fn write(self, seq: i64, batch: &mut Batch<'_>) {
        batch.add_rows(
            "UPDATE task_resource t SET until = $3 FROM unnest($1::bigint[], $2::bigint[]) n (task, resource)
             WHERE t.task = n.task AND t.resource = n.resource AND t.until IS NULL",
            self.ended,
            owned![seq],
        );
        batch.add_rows(
            "INSERT INTO task_resource (task, resource, giver, since)
             SELECT n.task, n.resource, n.giver, $4::bigint
             FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) n (task, resource, giver)",
            self.begun,
            owned![seq],
        );
    }
}

/// Who takes part in Tasks, from or until this commit.
#[derive(Default)]
struct Parts {
    ended: Vec<(i64, i64, &'static str, &'static str)>,
    begun: Vec<(i64, i64, &'static str)>,
}

impl Parts {
    fn write(self, seq: i64, batch: &mut Batch<'_>) {
        batch.add_rows(
            "UPDATE task_party t SET until = $5, ended = n.ended
             FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[]) n (task, organization, party, ended)
             WHERE t.task = n.task AND t.organization = n.organization AND t.party = n.party AND t.until IS NULL",
            self.ended,
            owned![seq],
        );
        batch.add_rows(
            "INSERT INTO task_party (task, organization, party, since)
             SELECT n.task, n.organization, n.party, $4::bigint
             FROM unnest($1::bigint[], $2::bigint[], $3::text[]) n (task, organization, party)",
            self.begun,
            owned![seq],
        );
    }
}

/// What is withheld through Tasks, from or until this commit.
#[derive(Default)]
struct Hidden {
    ended: Vec<(i64, WithheldRow)>,
    begun: Vec<(i64, WithheldRow)>,
}

impl Hidden {
    fn write(self, seq: i64, batch: &mut Batch<'_>) {
        let ended = self
            .ended
            .into_iter()
            .map(|(task, (organization, resource, member, author, _))| (organization, resource, task, member, author));
        batch.add_rows(
            "UPDATE withheld w SET until = $6
             FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[])
                 n (organization, resource, task, member, author)
             WHERE w.organization = n.organization AND w.resource = n.resource AND w.task = n.task
               AND w.member = n.member AND w.author = n.author AND w.until IS NULL",
            ended,
            owned![seq],
        );
        let begun = self.begun.into_iter().map(|(task, (organization, resource, member, author, rule))| {
            (organization, resource, task, member, author, rule)
        });
        batch.add_rows(
            "INSERT INTO withheld (organization, resource, task, member, author, rule, since)
             SELECT n.organization, n.resource, n.task, n.member, n.author, n.rule, $7::bigint
             FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[])
                 n (organization, resource, task, member, author, rule)",
            begun,
            owned![seq],
        );
    }
}

/// Through how many Tasks more, or less, an Organization (the first) sees a resource of a type; without any, it is not seen.
fn write_seen(seen: &BTreeMap<(i64, i64, i64), i64>, batch: &mut Batch<'_>) {
    let rows = |wanted: fn(i64) -> bool| {
        let rows = seen.iter().filter(move |(_, by)| wanted(**by));
        rows.map(|((organization, kind, resource), by)| (*organization, *kind, *resource, *by))
    };
    batch.add_rows(
        "DELETE FROM seen s USING unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])
             n (organization, kind, resource, tasks)
         WHERE s.organization = n.organization AND s.kind = n.kind AND s.resource = n.resource
           AND s.tasks + n.tasks <= 0",
        rows(|by| by < 0),
        owned![],
    );
    batch.add_rows(
        "UPDATE seen s SET tasks = s.tasks + n.tasks
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) n (organization, kind, resource, tasks)
         WHERE s.organization = n.organization AND s.kind = n.kind AND s.resource = n.resource",
        rows(|by| by < 0),
        owned![],
    );
    batch.add_rows(
        "INSERT INTO seen AS s (organization, kind, resource, tasks)
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])
         ON CONFLICT (organization, kind, resource) DO UPDATE SET tasks = s.tasks + excluded.tasks",
        rows(|by| by > 0),
        owned![],
    );
}

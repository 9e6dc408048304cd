//! The laws, for every program type, over generated graphs and generated edits of their records. Every case is put to all
//! of them, so that what is read and written for one serves the others.

use std::collections::HashMap;

use handoff::fhir::{Issue, Key, Kind, Node};
use handoff::mapping::{Detail, FieldDescription, GraphUpdate, ProgramType};
use handoff::referral::Graph;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestError, TestRng, TestRunner};
use serde_json::Value;

use super::chaos::{self, Twist, twists};
use super::edits::{Edit, Editable, edit, edits};
use super::scale::scaled;
use super::world;

/// How many cases each type has to bear at full scale; `HANDOFF_OTHER_CASES=1` for others than usual.
const CASES: u32 = 1000;

/// What is generated: a graph as no two systems would send alike, and what a program's system does to its record.
#[derive(Debug, Clone)]
struct Case {
    seed: usize,
    twists: Vec<Twist>,
    pretty: bool,
    edits: Vec<Edit>,
    /// May the edits add items to lists?
    grow: bool,
    /// Two edits that do not know of each other
    one: Edit,
    two: Edit,
    /// What the EHR does to its own meanwhile
    meanwhile: Vec<Twist>,
}

fn cases() -> impl Strategy<Value = Case> {
    let graph = (any::<usize>(), twists(16), any::<bool>());
    let parts = (graph, edits(6), any::<bool>(), edit(), edit(), twists(6));
    parts.prop_map(|((seed, twists, pretty), edits, grow, one, two, meanwhile)| Case {
        seed,
        twists,
        pretty,
        edits,
        grow,
        one,
        two,
        meanwhile,
    })
}

/// All laws, for one type.
fn laws_hold(kind: &str) {
    let program = world::programs().get(kind);
    assert_eq!(program.kind, kind, "there is no such program type");
    let (editable, fields) = (Editable::of(program), program.map.fields());
    let subject = Subject { program, editable, fields, seeds: world::seeds(kind) };
    let config = ProptestConfig { cases: scaled(CASES), failure_persistence: None, ..ProptestConfig::default() };
    // The same cases in every run, unless other ones are asked for.
    let mut runner = match std::env::var_os("HANDOFF_OTHER_CASES") {
        None => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
        Some(_) => TestRunner::new(config),
    };
    let run = runner.run(&cases(), |case| subject.check(&case));
    match run {
        Ok(()) => {}
        Err(TestError::Fail(why, case)) => panic!("{kind}: {why}\n{}\n{case:?}", subject.places(&case)),
        Err(TestError::Abort(why)) => panic!("{kind}: {why}"),
    }
}

macro_rules! laws {
    ($($name:ident: $kind:literal),* $(,)?) => {
        /// The types that are put to the laws.
        const JUDGED: &[&str] = &[$($kind),*];

        $(
            #[test]
            fn $name() {
                laws_hold($kind);
            }
        )*
    };
}

laws! {
    chw: "chw",
    community_action: "community-action",
    community_hub: "community-hub",
    generic: "generic",
    health_home: "health-home",
    mobile_unit: "mobile-unit",
    nfp: "nfp",
    pace: "pace",
    supportive_housing: "supportive-housing",
    wraparound: "wraparound",
}

#[test]
fn every_type_is_put_to_the_laws() {
    let mut types: Vec<&str> = world::programs().iter().map(|program| program.kind.as_str()).collect();
    types.sort_unstable();
    assert_eq!(types, JUDGED);
}

// === the laws

/// A program type under the laws.
struct Subject {
    program: &'static ProgramType,
    editable: Editable,
    fields: Vec<FieldDescription>,
    /// The Bundles that graphs are made from
    seeds: Vec<Value>,
}

/// A graph, and the record that stands for it.
struct ReferralContext {
    graph: Graph,
    extras: Value,
    record: Value,
}

type Judged<T = ()> = Result<T, TestCaseError>;

impl Subject {
    /// What a case edits, in words.
    fn places(&self, case: &Case) -> String {
        let places =
            |edits: &[Edit]| edits.iter().map(|edit| edit.message(&self.editable)).collect::<Vec<_>>().join(", ");
        let (edits, one, two) = (&case.edits, std::slice::from_ref(&case.one), std::slice::from_ref(&case.two));
        format!("edits: {}; one: {}; two: {}", places(edits), places(one), places(two))
    }

    fn check(&self, case: &Case) -> Judged {
        let mut bundle = self.seeds[case.seed % self.seeds.len()].clone();
        chaos::twist(&mut bundle, &case.twists, |_| true);
        let graph = world::graph(&chaos::text(&bundle, case.pretty));
        let before = self.standing(graph, Value::Null);
        self.get_put(&before)?;
        let (record, put) = self.changed(&before, &case.edits, case.grow)?;
        let after = self.after(&before, &put);
        self.put_get(&before, &record, &after)?;
        self.touches_nothing_else(&before, &put, &after, &case.edits)?;
        self.get_put(&after)?;
        // What broke its schema from the start is borne where it stood, and nowhere else.
        if !case.grow && self.program.check(&record).is_empty() {
            self.put_put(&record, &after)?;
        }
        self.make_get(&after)?;
        self.merge(&before, &case.one, &case.two)?;
        chaos::twist(&mut bundle, &case.meanwhile, is_the_senders);
        let meanwhile = self.standing(world::graph(&chaos::text(&bundle, case.pretty)), Value::Null);
        self.conflict(&before, &case.edits, &meanwhile)
    }

    fn standing(&self, graph: Graph, extras: Value) -> ReferralContext {
        let record = self.program.map.get(&world::referral(&graph), &extras).record().unwrap();
        ReferralContext { graph, extras, record }
    }

    fn after(&self, before: &ReferralContext, put: &GraphUpdate) -> ReferralContext {
        self.standing(put.apply(&before.graph).unwrap(), put.extras.clone())
    }

    fn put(&self, record: &Value, standing: &ReferralContext) -> Judged<GraphUpdate> {
        self.try_put(record, standing).map_err(|error| TestCaseError::fail(format!("{error}\n{record:#}")))
    }

    fn try_put(&self, record: &Value, standing: &ReferralContext) -> handoff::error::Result<GraphUpdate> {
        let referral = world::referral(&standing.graph);
        self.program.map.put(record, &referral, &standing.extras, Detail::Totals, &mut world::ids())
    }

    /// The record after these edits, and what putting it changes. An edit is left out that removes what the sender says,
    /// which can be overruled and not removed, or that the schema does not allow beside what stands there.
    fn changed(&self, standing: &ReferralContext, edits: &[Edit], grow: bool) -> Judged<(Value, GraphUpdate)> {
        let mut record = standing.record.clone();
        for edit in edits {
            edit.apply(&self.editable, &mut record, grow);
        }
        let is_no_edit = |error: &handoff::error::Error| {
            let is_pointer = |issue: &Issue| issue.key == Key::RecordInvalid && issue.path.starts_with('/');
            error.issues.iter().all(|issue| is_pointer(issue) || issue.text.contains("comes from whoever sent"))
        };
        match self.try_put(&record, standing) {
            Ok(put) => return Ok((record, put)),
            Err(error) if is_no_edit(&error) => {}
            Err(error) => return Err(TestCaseError::fail(format!("{error}\n{record:#}"))),
        }
        record.clone_from(&standing.record);
        for edit in edits {
            let before = record.clone();
            edit.apply(&self.editable, &mut record, grow);
            if self.try_put(&record, standing).is_err_and(|error| is_no_edit(&error)) {
                record = before;
            }
        }
        let put = self.put(&record, standing)?;
        Ok((record, put))
    }

    /// Putting back what was got changes nothing, not a byte, whatever the graph holds.
    fn get_put(&self, standing: &ReferralContext) -> Judged {
        let again = self.put(&standing.record, standing)?;
        prop_assert!(again.is_empty(), "get-put: {again:#?}\nbeside {:#}\n{:#}", standing.extras, standing.record);
        Ok(())
    }

    /// What was put is what is got; what is got besides is read-only or a default.
    fn put_get(&self, before: &ReferralContext, record: &Value, after: &ReferralContext) -> Judged {
        let seen = &after.record;
        let mut found = Differences::default();
        found.compare(record, seen, "");
        // What is computed follows what it is computed from; what was no value of its place from the start may go.
        let broken: Vec<String> =
            self.program.check(&before.record).iter().map(|issue| place_of(&issue.path)).collect();
        found.missing.retain(|place| !is_computed(&self.fields, place) && !broken.contains(place));
        prop_assert!(found.missing.is_empty(), "put-get: lost {:?}\nput {record:#}\ngot {seen:#}", found.missing);
        for place in found.added {
            prop_assert!(may_appear(&self.fields, &place), "put-get: grew {place}\nput {record:#}\ngot {seen:#}");
        }
        Ok(())
    }

    /// Putting twice is putting once.
    fn put_put(&self, record: &Value, after: &ReferralContext) -> Judged {
        let again = self.put(record, after)?;
        prop_assert!(again.is_empty(), "put-put: {again:#?}\n{record:#}");
        Ok(())
    }

    /// A graph made of a record alone says what the record says.
    fn make_get(&self, standing: &ReferralContext) -> Judged {
        let record = &standing.record;
        let made = match self.program.map.create(record, Detail::Totals, &mut world::ids()) {
            Ok(made) => made,
            // A graph that broke FHIR's own forms (a date that is none) gives a record that no new graph can carry.
            Err(error) if !self.program.check(record).is_empty() => {
                prop_assert!(!error.issues.is_empty());
                return Ok(());
            }
            Err(error) if error.issues.iter().all(|issue| issue.text.starts_with("expected ")) => return Ok(()),
            Err(error) => return Err(TestCaseError::fail(format!("make-get: {error}\n{record:#}"))),
        };
        let after = self.standing(made.apply(&Graph::default()).unwrap(), made.extras);
        let seen = &after.record.clone();
        let mut found = Differences::default();
        found.compare(record, seen, "");
        // Its history begins with it; what is computed follows what is there.
        found.missing.retain(|place| !is_computed(&self.fields, place) && !place.starts_with(".referral.history"));
        prop_assert!(found.missing.is_empty(), "make-get: lost {:?}\nof {record:#}\ngot {seen:#}", found.missing);
        // What was kept aside because it had no place yet may turn out to stand in another one.
        let again = self.put(seen, &after)?;
        prop_assert!(again.changes.is_empty() && again.created.is_empty(), "make-get: {again:#?}");
        let still = self.standing(after.graph, again.extras).record;
        prop_assert!(still == *seen, "make-get: then {still:#}\nbefore {seen:#}");
        Ok(())
    }

    /// Changes of different fields commute.
    fn merge(&self, before: &ReferralContext, one: &Edit, two: &Edit) -> Judged {
        if meet(one.place(&self.editable), two.place(&self.editable)) {
            return Ok(());
        }
        let both = |first: &Edit, second: &Edit| {
            let (_, put) = self.changed(before, std::slice::from_ref(first), false)?;
            let between = self.after(before, &put);
            let (_, put) = self.changed(&between, std::slice::from_ref(second), false)?;
            Ok::<_, TestCaseError>(self.after(&between, &put).record)
        };
        let (forth, back) = (both(one, two)?, both(two, one)?);
        let mut found = Differences::default();
        found.compare(&without_ids(&forth), &without_ids(&back), "");
        prop_assert!(found.missing.is_empty() && found.added.is_empty(), "merge: {found:?}\n{forth:#}\n{back:#}");
        Ok(())
    }

    /// Two sides change what both had read: the EHR its resources, the program its record. What one of them changed is
    /// there afterwards; nobody undoes what the other did; what both changed is the EHR's where it is the EHR's to say, and
    /// else named.
    fn conflict(&self, before: &ReferralContext, edits: &[Edit], meanwhile: &ReferralContext) -> Judged {
        let mut wanted = before.record.clone();
        for edit in edits {
            edit.apply(&self.editable, &mut wanted, true);
        }
        let places: Vec<&str> = edits.iter().map(|edit| edit.place(&self.editable)).collect();
        let is_edited = |place: &str| places.iter().any(|edited| meet(edited, place.trim_start_matches('.')));
        let merged = match self.program.map.merge(&before.record, &wanted, &meanwhile.record) {
            Ok(merged) => merged,
            Err(error) => {
                for issue in &error.issues {
                    prop_assert!(
                        is_edited(&without_positions(&issue.path)) || edits.iter().any(Edit::is_unknown),
                        "conflict: {issue}, untouched"
                    );
                }
                return Ok(());
            }
        };
        // What the EHR did is not undone.
        let mut found = Differences::default();
        found.compare(&meanwhile.record, &merged, "");
        found.missing.retain(|place| !is_edited(place));
        prop_assert!(
            found.missing.is_empty(),
            "conflict: undid {:?}\nof {:#}\nby {merged:#}",
            found.missing,
            meanwhile.record
        );
        // What the program did is not lost.
        let mut found = Differences::default();
        found.compare(&wanted, &merged, "");
        let mut others = Differences::default();
        others.compare(&before.record, &meanwhile.record, "");
        let theirs: Vec<&String> = others.missing.iter().chain(&others.added).collect();
        found.missing.retain(|place| {
            !theirs.iter().any(|other| meet(other.trim_start_matches('.'), place.trim_start_matches('.')))
        });
        prop_assert!(found.missing.is_empty(), "conflict: lost {:?}\nof {wanted:#}\nby {merged:#}", found.missing);
        Ok(())
    }

    /// What a change does not touch stays byte for byte: unknown elements, extensions that nobody knows, every number and
    /// every date with its precision.
    fn touches_nothing_else(
        &self,
        before: &ReferralContext,
        put: &GraphUpdate,
        after: &ReferralContext,
        edits: &[Edit],
    ) -> Judged {
        if put.changes.is_empty() {
            return Ok(());
        }
        let mut named: Vec<String> = edits.iter().flat_map(|edit| edit.names(&self.editable)).collect();
        // What goes with a code that changes, and what says that a resource is as good as removed.
        named.extend(["display", "status"].map(str::to_owned));
        let removes = edits.iter().any(Edit::removes);
        for change in &put.changes {
            let old = before.graph.resolve(&change.url).unwrap().node();
            let new = after.graph.resolve(&change.url).unwrap().node();
            for node in old.members().filter(|member| matches!(member.name(), "notOfFhir" | "modifierExtension")) {
                prop_assert_eq!(new.get(node.name()).map(Node::text), Some(node.text()));
            }
            if removes {
                continue;
            }
            let mut counts: HashMap<(&str, &str), i64> = HashMap::new();
            untouched(old, &named, &mut |name, text| *counts.entry((name, text)).or_default() += 1);
            untouched(new, &named, &mut |name, text| *counts.entry((name, text)).or_default() -= 1);
            let lost: Vec<_> = counts.into_iter().filter(|(_, count)| *count > 0).collect();
            prop_assert!(lost.is_empty(), "touched {lost:?}\nof {}\nnow {}", old.text(), new.text());
        }
        Ok(())
    }
}

/// `reviews[0].by` as `reviews[].by`.
fn without_positions(place: &str) -> String {
    place.split_inclusive('[').map(|part| part.trim_start_matches(|letter: char| letter.is_ascii_digit())).collect()
}

/// The place that a JSON pointer leads to, without positions.
fn place_of(pointer: &str) -> String {
    let mut place = String::new();
    for step in pointer.split('/').skip(1) {
        if step.bytes().all(|byte| byte.is_ascii_digit()) {
            place.push_str("[]");
        } else {
            place.push('.');
            place.push_str(step);
        }
    }
    place
}

/// What an EHR sends, and may change later.
fn is_the_senders(resource: &Value) -> bool {
    let kind = resource["resourceType"].as_str().unwrap_or_default();
    matches!(
        kind,
        "Patient" | "ServiceRequest" | "Condition" | "Consent" | "Coverage" | "CarePlan" | "Goal" | "Practitioner"
    )
}

/// Every value of a resource outside the members that a change names, as it is written.
fn untouched<'n>(node: Node<'n>, named: &[String], act: &mut impl FnMut(&'n str, &'n str)) {
    match node.kind() {
        Kind::Object => {
            for member in
                node.members().filter(|member| !named.iter().any(|name| member.name().trim_start_matches('_') == name))
            {
                untouched(member, named, act);
            }
        }
        Kind::Array => node.each().for_each(|item| untouched(item, named, act)),
        _ => act(node.name(), node.text()),
    }
}

// === comparing

/// What one record has and the other has not.
#[derive(Debug, Default)]
struct Differences {
    missing: Vec<String>,
    added: Vec<String>,
}

impl Differences {
    fn compare(&mut self, put: &Value, got: &Value, at: &str) {
        match (put, got) {
            (Value::Object(put), Value::Object(got)) => {
                for (name, value) in put {
                    let place = format!("{at}.{name}");
                    match got.get(name) {
                        Some(other) => self.compare(value, other, &place),
                        None if is_empty(value) => {}
                        None => leaves(value, &place, &mut self.missing),
                    }
                }
                for (name, value) in got.iter().filter(|(name, _)| !put.contains_key(*name)) {
                    leaves(value, &format!("{at}.{name}"), &mut self.added);
                }
            }
            (Value::Array(put), Value::Array(got)) => self.compare_lists(put, got, at),
            _ if numbers_equal(put, got) => {}
            _ => self.missing.push(at.to_owned()),
        }
    }

    /// Items in any order: each finds the one that differs least.
    fn compare_lists(&mut self, put: &[Value], got: &[Value], at: &str) {
        let place = format!("{at}[]");
        let mut left: Vec<&Value> = got.iter().collect();
        for item in put {
            let differences = left.iter().enumerate().map(|(number, other)| {
                let mut found = Self::default();
                found.compare(item, other, &place);
                (found.missing.len(), found.added.len(), number)
            });
            match differences.min() {
                Some((_, _, number)) => self.compare(item, left.remove(number), &place),
                None => self.missing.push(place.clone()),
            }
        }
        for value in left {
            leaves(value, &place, &mut self.added);
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.values().all(is_empty),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn numbers_equal(one: &Value, other: &Value) -> bool {
    one == other || (one.is_number() && one.as_f64() == other.as_f64())
}

fn leaves(value: &Value, at: &str, places: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| leaves(value, &format!("{at}.{name}"), places));
        }
        Value::Array(items) => items.iter().for_each(|value| leaves(value, &format!("{at}[]"), places)),
        _ => places.push(at.to_owned()),
    }
}

/// May a record show this although it was not put: does it belong to others, or does the map fill it in?
fn may_appear(fields: &[FieldDescription], place: &str) -> bool {
    let place = place.trim_start_matches('.');
    place.rsplit('.').next() == Some("id")
        || fields.iter().any(|field| {
            let here =
                |record: &String| record == place || record.trim_end_matches("[]") == place.trim_end_matches("[]");
            (field.has_default || field.read_only.is_some()) && field.record.iter().any(here)
        })
}

fn is_computed(fields: &[FieldDescription], place: &str) -> bool {
    let of = |record: &String| record == place.trim_start_matches('.').trim_end_matches("[]");
    let computed = |why: &str| why.contains("computed");
    fields.iter().any(|field| field.read_only.is_some_and(computed) && field.record.iter().any(of))
}

/// Is one place inside the other, or are they tied to each other by what creates them?
fn meet(one: &str, two: &str) -> bool {
    let root = |place: &str| place.split(['.', '[']).take(2).collect::<Vec<_>>().join(".");
    one.starts_with(two) || two.starts_with(one) || root(one) == root(two)
}

fn without_ids(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(_, value)| !value.as_str().is_some_and(|text| text.starts_with("new-")))
            .map(|(name, value)| (name.clone(), without_ids(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(without_ids).collect(),
        other => other.clone(),
    }
}

//! The laws, for every program type, over generated graphs and generated edits of their records.

use handoff::mapping::{Program, Put};
use handoff::referral::Graph;
use proptest::prelude::*;
use serde_json::Value;

use super::chaos::{twisted, twists};
use super::edits::{Edit, edit, edits};
use super::world;

fn got(program: &Program, graph: &Graph, extras: &Value) -> Value {
    program.map.get(&world::referral(graph), extras).record
}

fn put(program: &Program, record: &Value, graph: &Graph, extras: &Value) -> Result<Put, TestCaseError> {
    let put = program.map.put(record, &world::referral(graph), extras, &mut world::ids());
    put.map_err(|error| TestCaseError::fail(format!("{}: {error}\n{record:#}", program.kind)))
}

/// A graph, and a record of it that was changed and put: what stands then.
fn changed(program: &Program, graph: &Graph, edits: &[Edit], grow: bool) -> Result<(Value, Put, Graph), TestCaseError> {
    let mut record = got(program, graph, &Value::Null);
    for edit in edits {
        edited(program, graph, &Value::Null, &mut record, edit, grow);
    }
    let put = put(program, &record, graph, &Value::Null)?;
    let after = put.apply(graph).unwrap();
    Ok((record, put, after))
}

/// Edits a record, unless the edit removes what the sender says: that can be overruled, not removed.
fn edited(program: &Program, graph: &Graph, extras: &Value, record: &mut Value, edit: &Edit, grow: bool) {
    let before = record.clone();
    edit.apply(program, record, grow);
    if let Err(error) = program.map.put(record, &world::referral(graph), extras, &mut world::ids())
        && error.issues.iter().all(|issue| issue.text.contains("comes from whoever sent"))
    {
        *record = before;
    }
}

/// Enough cases to find what is wrong often, few enough to wait for; `PROPTEST_CASES=1000` for more.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(24);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    /// Putting back what was got changes nothing, not a byte, whatever the graph holds.
    #[test]
    fn get_put(twists in twists(), edits in edits(6)) {
        let graph = world::graph(&twisted(world::full_text(), &twists));
        for program in world::programs().iter() {
            let record = got(program, &graph, &Value::Null);
            let again = put(program, &record, &graph, &Value::Null)?;
            prop_assert!(again.is_empty(), "{}: {again:#?}\n{record:#}", program.kind);
            // And with extras beside it.
            let (_, first, after) = changed(program, &graph, &edits, true)?;
            let record = got(program, &after, &first.extras);
            let again = put(program, &record, &after, &first.extras)?;
            prop_assert!(again.is_empty(), "{}: {again:#?}\n{record:#}", program.kind);
        }
    }

    /// What was put is what is got; what is got besides is read-only or a default.
    #[test]
    fn put_get(twists in twists(), edits in edits(8)) {
        let graph = world::graph(&twisted(world::full_text(), &twists));
        for program in world::programs().iter() {
            let (record, put, after) = changed(program, &graph, &edits, true)?;
            let seen = got(program, &after, &put.extras);
            let mut found = Differences::default();
            found.compare(&record, &seen, "");
            // What is computed follows what it is computed from.
            found.missing.retain(|place| !is_computed(program, place));
            prop_assert!(found.missing.is_empty(), "{} lost {:?}\nput {record:#}\ngot {seen:#}", program.kind, found.missing);
            for place in found.added {
                prop_assert!(may_appear(program, &place), "{} grew {place}\nput {record:#}\ngot {seen:#}", program.kind);
            }
        }
    }

    /// A graph made of a record alone says what the record says.
    #[test]
    fn make_get(twists in twists(), edits in edits(4)) {
        let graph = world::graph(&twisted(world::full_text(), &twists));
        for program in world::programs().iter() {
            let (_, first, after) = changed(program, &graph, &edits, true)?;
            let record = got(program, &after, &first.extras);
            if !program.check(&record).is_empty() {
                continue;
            }
            let made = match program.map.make(&record, &mut world::ids()) {
                Ok(made) => made,
                // A graph that broke FHIR's own forms (a date that is none) gives a record that no new graph can carry.
                Err(error) if error.issues.iter().all(|issue| issue.text.starts_with("expected ")) => continue,
                Err(error) => return Err(TestCaseError::fail(format!("{}: {error}\n{record:#}", program.kind))),
            };
            let graph = made.apply(&Graph::default()).unwrap();
            let seen = got(program, &graph, &made.extras);
            let mut found = Differences::default();
            found.compare(&record, &seen, "");
            // Its history begins with it; what is computed follows what is there.
            found.missing.retain(|place| !is_computed(program, place) && !place.starts_with(".referral.history"));
            prop_assert!(found.missing.is_empty(), "{} lost {:?}\nmade of {record:#}\ngot {seen:#}", program.kind, found.missing);
            let again = put(program, &seen, &graph, &made.extras)?;
            prop_assert!(again.is_empty(), "{}: {again:#?}\nbeside {:#}", program.kind, made.extras);
        }
    }

    /// Putting twice is putting once.
    #[test]
    fn put_put(twists in twists(), edits in edits(8)) {
        let graph = world::graph(&twisted(world::full_text(), &twists));
        for program in world::programs().iter() {
            let (record, first, after) = changed(program, &graph, &edits, false)?;
            let again = put(program, &record, &after, &first.extras)?;
            prop_assert!(again.is_empty(), "{}: {again:#?}\n{record:#}", program.kind);
        }
    }

    /// Changes of different fields commute.
    #[test]
    fn merge(twists in twists(), one in edit(), two in edit()) {
        let graph = world::graph(&twisted(world::full_text(), &twists));
        for program in world::programs().iter() {
            if meet(&one.place(program), &two.place(program)) {
                continue;
            }
            let both = |first: &Edit, second: &Edit| {
                let (_, put_first, between) = changed(program, &graph, std::slice::from_ref(first), false)?;
                let mut record = got(program, &between, &put_first.extras);
                edited(program, &between, &put_first.extras, &mut record, second, false);
                let put_second = put(program, &record, &between, &put_first.extras)?;
                let after = put_second.apply(&between).unwrap();
                Ok::<_, TestCaseError>(got(program, &after, &put_second.extras))
            };
            let (forth, back) = (both(&one, &two)?, both(&two, &one)?);
            let mut found = Differences::default();
            found.compare(&without_ids(&forth), &without_ids(&back), "");
            prop_assert!(found.missing.is_empty() && found.added.is_empty(), "{}: {found:?}\n{forth:#}\n{back:#}", program.kind);
        }
    }

    /// What a change does not touch stays byte for byte: every primitive of every resource that the record does not show.
    #[test]
    fn touches_nothing_else(twists in twists(), edits in edits(4)) {
        let graph = world::graph(&twisted(world::full_text(), &twists));
        for program in world::programs().iter() {
            let (_, put, after) = changed(program, &graph, &edits, true)?;
            for change in &put.changes {
                let (old, new) = (graph.resolve(&change.url).unwrap(), after.resolve(&change.url).unwrap());
                for node in old.node().members().filter(|member| member.name() == "notOfFhir" || member.name() == "modifierExtension") {
                    let kept = new.node().get(node.name()).map(handoff::fhir::Node::text);
                    prop_assert_eq!(kept, Some(node.text()));
                }
                let count = |text: &str| text.matches("urn:example:elsewhere").count();
                prop_assert!(count(&change.json) >= count(old.node().text()));
            }
        }
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
                        None => self.missing.push(place),
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
fn may_appear(program: &Program, place: &str) -> bool {
    let place = place.trim_start_matches('.');
    place.rsplit('.').next() == Some("id")
        || program.map.fields().iter().any(|field| {
            let here =
                |record: &String| record == place || record.trim_end_matches("[]") == place.trim_end_matches("[]");
            (field.has_default || field.read_only.is_some()) && field.record.iter().any(here)
        })
}

fn is_computed(program: &Program, place: &str) -> bool {
    let of = |record: &String| record == place.trim_start_matches('.').trim_end_matches("[]");
    let computed = |why: &str| why.contains("computed");
    program.map.fields().iter().any(|field| field.read_only.is_some_and(computed) && field.record.iter().any(of))
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

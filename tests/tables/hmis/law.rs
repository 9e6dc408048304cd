//! The law: what HMIS has room for comes back from it as it went, in both years.

use std::path::Path;

use handoff::hmis::Rows;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::{HOUSING, STANDARDS, program, read, write};

pub(crate) fn journey(name: &str) -> Vec<u8> {
    let folder = "fixtures/cases/programs/supportive-housing";
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(name)).unwrap()
}

/// The values of a record that HMIS has room for, each under its place.
pub(crate) fn room(record: &Value) -> Map<String, Value> {
    let mut room = Map::new();
    let mut put = |place: &str, value: Option<&Value>| {
        // Not collected is not there.
        if let Some(value) = value.filter(|it| !it.is_null() && it.as_str() != Some("99")) {
            room.insert(place.to_owned(), value.clone());
        }
    };
    let day = |value: Option<&Value>| value.and_then(Value::as_str).and_then(|it| it.get(..10)).map(Value::from);
    let names = record.pointer("/participant/names").and_then(Value::as_array).cloned().unwrap_or_default();
    let name = names.iter().find(|it| it["use"] == "legal").or_else(|| names.first());
    for part in ["first", "middle", "last"] {
        put(part, name.and_then(|it| it.get(part)));
    }
    put("sex", record.pointer("/participant/sex").filter(|it| *it == "male" || *it == "female"));
    // Of a birth of which only the month is known the first day of the month is written.
    let birth = record.pointer("/participant/dob/value").and_then(Value::as_str);
    put("dob", birth.map(|it| Value::from(format!("{it}{}", &"-01-01"[it.len() - 4..]))).as_ref());
    for place in ["/program/name", "/program/organization", "/enrollment/exit/destination"] {
        put(place, record.pointer(place));
    }
    for place in ["/enrollment/entryDate", "/enrollment/exitDate"] {
        put(place, day(record.pointer(place)).as_ref());
    }
    let own = &record["typeData"];
    for member in [
        "hmisIds",
        "enrollmentCoC",
        "relationshipToHoH",
        "disablingCondition",
        "homelessSince",
        "priorLivingSituation",
        "lengthOfStay",
        "losUnderThreshold",
        "previousStreetEssh",
        "timesHomelessPastThreeYears",
        "monthsHomelessPastThreeYears",
        "assessment",
        "ceEvents",
        "moveInDate",
        "projectCompletionStatus",
        "destinationSubsidyType",
    ] {
        put(member, own.get(member));
    }
    let services = record["services"].as_array().cloned().unwrap_or_default();
    let services = services.iter().filter(|it| it.get("recordType").is_some()).map(|service| {
        let members = [
            "id",
            "recordType",
            "typeProvided",
            "subTypeProvided",
            "amount",
            "assistanceFrom",
            "assistanceUntil",
            "referralOutcome",
        ];
        let mut kept: Map<String, Value> =
            members.iter().filter_map(|it| Some(((*it).to_owned(), service.get(*it)?.clone()))).collect();
        kept.insert("at".to_owned(), day(service.get("at")).unwrap());
        Value::Object(kept)
    });
    put("services", Some(&services.collect()));
    let mut incomes = own["incomes"].as_array().cloned().unwrap_or_default();
    for income in &mut incomes {
        for (list, key) in [("sources", "source"), ("benefits", "benefit")] {
            if let Some(items) = income.get_mut(list).and_then(Value::as_array_mut) {
                items.sort_by_key(|it| it[key].as_str().map(str::to_owned));
            }
        }
    }
    put("incomes", Some(&Value::Array(incomes)));
    room
}

fn goes_and_comes(record: &Value) {
    for year in STANDARDS.names() {
        let written = write(year, std::slice::from_ref(record), &HOUSING).expect("housing may write");
        assert!(!written.is_refused(), "{year}: {:#?}", written.findings);
        let back = read(&written.made, None, Rows::All);
        assert_eq!((back.year.as_str(), back.made.len()), (year, 1), "{:#?}", back.findings);
        let issues = program().check(&back.made[0]);
        assert!(issues.is_empty(), "{year}: the record breaks its schema: {issues:?}");
        assert_eq!(room(&back.made[0]), room(record), "{year}");
        let again = write(year, &back.made, &HOUSING).unwrap();
        for (first, second) in written.made.iter().zip(&again.made) {
            let told = String::from_utf8_lossy(&second.1);
            assert_eq!(
                String::from_utf8_lossy(&first.1),
                told,
                "{year}: writing what was read writes another {}",
                first.0
            );
        }
    }
}

#[test]
fn the_journey_goes_and_comes() {
    for name in ["06-entry.json", "10-annual.json", "13-moved-on.json"] {
        goes_and_comes(&serde_json::from_slice(&journey(name)).unwrap());
    }
}

fn day() -> impl Strategy<Value = String> {
    (2010..2027, 1..13, 1..29).prop_map(|(year, month, day)| format!("{year}-{month:02}-{day:02}"))
}

fn maybe<T: Clone + std::fmt::Debug + Into<Value>>(
    value: impl Strategy<Value = T>,
) -> impl Strategy<Value = Option<Value>> {
    prop::option::of(value.prop_map(Into::into))
}

fn codes(codes: &'static [&'static str]) -> impl Strategy<Value = Option<Value>> {
    maybe(select(codes))
}

/// An object of the members that are there.
fn object(members: Vec<(&'static str, Option<Value>)>) -> Value {
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect::<Map<_, _>>().into()
}

fn text() -> impl Strategy<Value = String> {
    "[A-Z][a-z,\"' éß\n]{0,20}[a-z]"
}

fn money() -> impl Strategy<Value = Value> {
    "[1-9][0-9]{0,3}(\\.[0-9]{2})?".prop_map(|text| Value::Number(serde_json::from_str(&text).unwrap()))
}

prop_compose! {
    fn service()(at in day(), record_type in select(&["144", "152", "161", "200", "300"][..]), kind in 1..9_u32,
        sub in codes(&["1", "2"]), amount in prop::option::of(money()), from in maybe(day()), result in codes(&["1", "2", "3"]))
        -> Value {
        let amount = amount.map(|value| json!({ "value": value, "currency": "USD" }));
        object(vec![("at", Some(at.into())), ("recordType", Some(record_type.into())),
            ("typeProvided", Some(kind.to_string().into())), ("subTypeProvided", sub), ("amount", amount),
            ("assistanceFrom", from), ("referralOutcome", result)])
    }
}

prop_compose! {
    fn event()(date in day(), event in 1..19_u32, project in maybe(text()), solved in maybe(any::<bool>()),
        after in maybe(any::<bool>()), result in codes(&["1", "2", "3"]), on in maybe(day())) -> Value {
        object(vec![("date", Some(date.into())), ("event", Some(event.to_string().into())), ("project", project),
            ("problemSolved", solved), ("caseManagementAfter", after), ("result", result), ("resultDate", on)])
    }
}

prop_compose! {
    fn income()(date in day(), stage in codes(&["1", "2", "3", "5", "6"]), any in maybe(any::<bool>()),
        total in prop::option::of(money()), sources in prop::sample::subsequence(&["Earned", "SSI", "TANF", "OtherIncomeSource"][..], 0..4),
        amount in prop::option::of(money()), snap in maybe(any::<bool>()), wic in maybe(any::<bool>())) -> Value {
        let sources: Vec<Value> = sources.into_iter()
            .map(|source| object(vec![("source", Some(source.into())), ("monthly", amount.clone())])).collect();
        let benefits: Vec<Value> = [("SNAP", snap), ("WIC", wic)].into_iter()
            .filter_map(|(benefit, receiving)| Some(json!({ "benefit": benefit, "receiving": receiving? }))).collect();
        let listed = |items: Vec<Value>| (!items.is_empty()).then_some(Value::Array(items));
        object(vec![("date", Some(date.into())), ("stage", stage), ("anySource", any), ("monthlyTotal", total),
            ("sources", listed(sources)), ("benefits", listed(benefits))])
    }
}

prop_compose! {
    fn person()(first in maybe(text()), middle in maybe(text()), last in maybe(text()), sex in codes(&["female", "male", "other", "unknown"]),
        birth in prop::option::of(day()), cut in select(&[4_usize, 7, 10][..])) -> Value {
        let precision = match cut { 4 => "year", 7 => "month", _ => "day" };
        let dob = birth.map(|day| json!({ "value": day[..cut], "precision": precision }));
        let name = object(vec![("use", Some("legal".into())), ("first", first), ("middle", middle), ("last", last)]);
        object(vec![("id", Some("patient-1".into())), ("names", Some(json!([name]))), ("sex", sex), ("dob", dob)])
    }
}

prop_compose! {
    fn history()(living in codes(&["101", "116", "118", "206", "435", "8", "99"]), stay in codes(&["10", "2", "5", "9"]),
        under in maybe(any::<bool>()), street in maybe(any::<bool>()), since in maybe(day()),
        times in codes(&["1", "4", "8"]), months in codes(&["101", "113", "9"]), disabled in maybe(any::<bool>()),
        relation in codes(&["1", "2", "5"]), moved in maybe(day())) -> Vec<(&'static str, Option<Value>)> {
        vec![("priorLivingSituation", living), ("lengthOfStay", stay), ("losUnderThreshold", under),
            ("previousStreetEssh", street), ("homelessSince", since), ("timesHomelessPastThreeYears", times),
            ("monthsHomelessPastThreeYears", months), ("disablingCondition", disabled), ("relationshipToHoH", relation),
            ("moveInDate", moved)]
    }
}

fn numbered(items: Vec<Value>, prefix: &str) -> Option<Value> {
    let number = |(at, mut item): (usize, Value)| {
        item["id"] = format!("{prefix}-{at}").into();
        item
    };
    (!items.is_empty()).then(|| items.into_iter().enumerate().map(number).collect())
}

prop_compose! {
    fn record()(person in person(), history in history(), services in prop::collection::vec(service(), 0..3),
        events in prop::collection::vec(event(), 0..3), incomes in prop::collection::vec(income(), 0..3), entry in day(),
        exit in maybe(day()), destination in codes(&["435", "24", "30", "8"]), completion in codes(&["1", "2", "3"]),
        coc in maybe("[A-Z]{2}-[0-9]{3}"), name in text()) -> Value {
        let exit = exit.map(|date| (date, object(vec![("destination", destination)])));
        let mut own = history;
        own.extend([
            ("hmisIds", Some(json!({ "personalId": "P-1", "enrollmentId": "E-1", "projectId": "PR-1", "householdId": "H-1" }))),
            ("enrollmentCoC", coc), ("ceEvents", numbered(events, "V")), ("incomes", numbered(incomes, "I")),
            ("projectCompletionStatus", completion.filter(|_| exit.is_some())),
        ]);
        let (date, exit) = exit.unzip();
        object(vec![
            ("type", Some("supportive-housing".into())), ("id", Some("task-1".into())), ("referral", Some(json!({}))),
            ("participant", Some(person)),
            ("program", Some(json!({ "type": "supportive-housing", "name": name, "organization": "Lantern Supportive Housing" }))),
            ("enrollment", Some(object(vec![("entryDate", Some(entry.into())), ("exitDate", date), ("exit", exit)]))),
            ("services", numbered(services, "S")), ("typeData", Some(object(own))),
        ])
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::scale::scaled(1000), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_goes_out_comes_back(record in record()) {
        prop_assert!(program().check(&record).is_empty(), "the generated record breaks the schema: {:?}", program().check(&record));
        goes_and_comes(&record);
    }
}

//! FHIRPath, held to the public suite of HL7 and to every expression of R4 (where `../shared` lies beside this
//! repository), and always to our own cases in `fixtures/cases/fhirpath/`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use handoff::definitions::Definitions;
use handoff::fhir::{Document, Key, Limits, Severity};
use handoff::fhirpath::{Collection, Context, Expression, Item, Temporal};
use serde_json::Value;

/// What the public suite expects and we do not give, each with the reason.
const NOT_MET: &[(&str, &str)] = &[
    ("testPlusDate19", "adds 0.1 's' and expects nothing to change; fractions of seconds count (section 6.6.7)"),
    ("testPrimitiveExtensions", "its input, patient-name-extensions, is not among the files"),
];

fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(path);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}

/// What an expression gives, each item as text with the name of its type.
type Found = Result<Vec<(String, String)>, String>;

fn evaluate(definitions: &Definitions, document: &Document, text: &str) -> Found {
    let expression = Expression::parse(text).map_err(|issue| issue.to_string())?;
    if let Some(kind) = document.root().str("resourceType")
        && let Some(issue) = expression.check(definitions, &kind).first()
    {
        return Err(issue.to_string());
    }
    let now = Temporal::parse_date_time("2026-11-21T10:00:00.000Z").unwrap();
    // The suite knows the profiles that R4 has for its own types.
    let conforms = |item: &Item<'_>, url: &str| {
        let kind = url.strip_prefix("http://hl7.org/fhir/StructureDefinition/")?;
        Some(item.node()?.str("resourceType")? == kind)
    };
    let context = Context::new(document.root()).strict().now(now).model(definitions).conforms_to(&conforms);
    let result = expression.evaluate(&context, document.root()).map_err(|issue| issue.to_string())?;
    Ok(named(&result, &context))
}

fn named(result: &Collection<'_>, context: &Context<'_>) -> Vec<(String, String)> {
    let kind = Expression::parse("$this.type().name").unwrap();
    let text =
        |item: &Item<'_>| item.to_text().map_or_else(|| item.to_json().to_string(), std::borrow::Cow::into_owned);
    result
        .iter()
        .map(|item| {
            let kind = kind.evaluate_item(context, item.clone()).unwrap();
            (kind.first().map(&text).unwrap_or_default(), text(item))
        })
        .collect()
}

#[test]
fn public_suite() {
    let Some(folder) = shared("conformance/fhirpath-r4") else { return };
    let definitions = Definitions::r4().unwrap();
    let tests: Vec<Value> = serde_json::from_str(&fs::read_to_string(folder.join("tests.json")).unwrap()).unwrap();
    let mut unmet = Vec::new();
    for test in &tests {
        let name = test["name"].as_str().unwrap();
        if let Err(why) = run(&definitions, &folder, test) {
            unmet.push(name);
            let reason = NOT_MET.iter().find(|(listed, _)| *listed == name).map(|(_, reason)| *reason);
            println!("{name}: {}\n    {}", test["expr"], reason.map_or(why, str::to_owned));
        }
    }
    println!("{} of {} met", tests.len() - unmet.len(), tests.len());
    let mut listed: Vec<&str> = NOT_MET.iter().map(|(name, _)| *name).collect();
    listed.sort_unstable();
    unmet.sort_unstable();
    assert_eq!(unmet, listed, "the list of what is not met has to be exact");
}

fn run(definitions: &Definitions, folder: &Path, test: &Value) -> Result<(), String> {
    let document = match test["input"].as_str() {
        None => Document::parse("{}").unwrap(),
        Some(name) => {
            let path = folder.join("input").join(name.replace(".xml", ".json"));
            let read = fs::read_to_string(&path).map_err(|_| format!("{} is not in the suite", path.display()))?;
            Document::parse(read).unwrap()
        }
    };
    let outcome = evaluate(definitions, &document, test["expr"].as_str().unwrap());
    if !test["invalid"].is_null() {
        return match outcome {
            Err(_) => Ok(()),
            Ok(found) => Err(format!("expected a refusal, found {found:?}")),
        };
    }
    let found = outcome?;
    if let Some(wanted) = test["predicate"].as_str().filter(|wanted| *wanted == "true") {
        return if found.is_empty() { Err(format!("expected {wanted}")) } else { Ok(()) };
    }
    let outputs = test["outputs"].as_array().unwrap();
    let agree = outputs.len() == found.len() && outputs.iter().zip(&found).all(|(wanted, found)| agrees(wanted, found));
    if agree { Ok(()) } else { Err(format!("expected {outputs:?}, found {found:?}")) }
}

fn agrees(wanted: &Value, (kind, text): &(String, String)) -> bool {
    let expected = wanted[1].as_str().unwrap();
    let expected = expected.strip_prefix('@').map_or(expected, |moment| moment.trim_start_matches('T'));
    let right_type = wanted[0].as_str().is_none_or(|wanted| wanted.eq_ignore_ascii_case(kind));
    // Zero has no sign here.
    right_type && (expected == text || (expected == "-0.0" && text == "0.0"))
}

#[test]
fn our_own_cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cases/fhirpath");
    let definitions = Definitions::r4().unwrap();
    let (mut count, mut wrong) = (0, Vec::new());
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let document = Document::from_value(&file["given"]).unwrap();
        for case in file["expect"].as_array().unwrap() {
            if let Err(why) = check(&definitions, &document, case) {
                wrong.push(format!("{}: {}: {why}", path.display(), case["expression"]));
            }
            count += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 100, "found {count} cases");
}

fn check(definitions: &Definitions, document: &Document, case: &Value) -> Result<(), String> {
    let text = case["expression"].as_str().unwrap();
    if let Some(place) = case["invalid"].as_str() {
        let issue = Expression::parse(text).map(drop).expect_err("expected a refusal");
        let says = case["says"].as_str().unwrap();
        let right = issue.key == Key::ExpressionInvalid
            && issue.position.is_some_and(|found| found.to_string() == place)
            && issue.text.contains(says);
        return if right { Ok(()) } else { Err(issue.to_string()) };
    }
    if let Some(says) = case["never"].as_str() {
        let found = Expression::parse(text).unwrap().check(definitions, &document.root().str("resourceType").unwrap());
        let right = matches!(&found[..], [issue] if issue.text.contains(says));
        return if right { Ok(()) } else { Err(format!("{found:?}")) };
    }
    let outcome = evaluate(definitions, document, text);
    if let Some(says) = case["error"].as_str() {
        return match outcome {
            Err(message) if message.contains(says) && message.contains("expression-failed") => Ok(()),
            other => Err(format!("{other:?}")),
        };
    }
    let found = outcome?;
    let texts: Vec<&str> = found.iter().map(|(_, text)| text.as_str()).filter(|text| *text != "null").collect();
    let types: Vec<&str> = found.iter().map(|(kind, _)| kind.as_str()).collect();
    let right = list(&case["gives"]) == texts && (case["types"].is_null() || list(&case["types"]) == types);
    if right { Ok(()) } else { Err(format!("found {found:?}")) }
}

fn list(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

/// The check against the types has nothing to say against R4's own invariants and search parameters, but where these
/// are really wrong.
#[test]
fn r4_passes_the_check_against_its_types() {
    const WRONG: &[&str] = &[
        "ChargeItemDefinition cid-0: there is no element name in ChargeItemDefinition at 1:1 of the expression \
         name.matches('[A-Z]([A-Za-z0-9_]){0,254}')",
        // Of a later release, like the element that it speaks of.
        "http://hl7.org/fhir/SearchParameter/DeviceDefinition-classification: there is no element classification in \
         DeviceDefinition at 1:18 of the expression DeviceDefinition.classification.type",
    ];
    let definitions = Definitions::r4().unwrap();
    let (mut count, mut found) = (0, Vec::new());
    let mut check = |expression: &Expression, kind: &str, what: &str| {
        count += 1;
        found.extend(expression.check(&definitions, kind).iter().map(|issue| format!("{what}: {}", issue.text)));
    };
    for kind in definitions.resource_types() {
        let structure = definitions.structure(kind).unwrap();
        for element in &structure.elements {
            let start = match &element.types[..] {
                [only] if element.children.is_empty() => &only.code,
                [_, _, ..] => continue,
                _ => &element.path,
            };
            for constraint in &element.constraints {
                let expression = Expression::parse(&constraint.expression).unwrap();
                check(&expression, start, &format!("{} {}", element.path, constraint.key));
            }
        }
        for parameter in definitions.search_parameters(kind) {
            let expressions = parameter.expression.iter().flat_map(|text| Expression::parse(text).unwrap().branches());
            for branch in expressions.filter(|branch| branch.first_name() == Some(kind)) {
                check(&branch, kind, &parameter.url);
            }
        }
    }
    assert!(count > 1000, "{count}");
    assert_eq!(found, WRONG);
}

/// Every invariant and search parameter that the packages bring can at least be compiled.
#[test]
fn published_expressions_compile() {
    let mut count = 0;
    for package in [
        "hl7.fhir.r4.core-4.0.1",
        "hl7.fhir.us.core-3.1.1",
        "hl7.fhir.us.core-6.1.0",
        "hl7.fhir.us.core-7.0.0",
        "hl7.fhir.us.sdoh-clinicalcare-2.0.0-update",
        "hl7.fhir.us.sdoh-clinicalcare-3.0.0",
    ] {
        let Some(path) = shared(&format!("packages/{package}.tgz")) else { return };
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(fs::File::open(path).unwrap()));
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().to_string_lossy().into_owned();
            let defines = ["/StructureDefinition-", "/SearchParameter-"].iter().any(|kind| name.contains(kind));
            if !defines || entry.path().unwrap().extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            let document = Document::parse_bytes(&bytes, Limits::default()).expect(&name);
            for node in document.root().descendants().filter(|node| node.name() == "expression") {
                let expression = node.as_str().unwrap();
                // `StructureDefinition.context.expression` may be a path, an extension's URL or an expression.
                if expression.starts_with("http") {
                    continue;
                }
                if let Err(issue) = Expression::parse(&expression) {
                    panic!("{package} {name}: {issue}");
                }
                count += 1;
            }
        }
    }
    println!("{count} expressions");
    assert!(count > 10_000);
}

/// What nobody can answer is said, unless it does not matter; what somebody answers is used.
#[test]
fn questions_are_asked_of_the_context() {
    let document = Document::parse(r#"{"resourceType":"Task","status":"ready","code":{"text":"x"}}"#).unwrap();
    let member_of =
        |item: &Item<'_>, set: &str| (set == "urn:known").then(|| item.as_str().is_some_and(|code| code == "ready"));
    let slice = |item: &Item<'_>, structure: &str, name: &str| {
        (structure == "urn:known").then(|| name == "coded" && item.node().is_some_and(|node| node.name() == "code"))
    };
    let definition = Document::parse(r#"{"path":"Task.status","min":1}"#).unwrap();
    let define = |item: &Item<'_>| item.node().filter(|node| node.name() == "status").map(|_| definition.root());
    let context = Context::new(document.root()).member_of(&member_of).slice(&slice).element_definition(&define);
    for (text, expected) in [
        ("status.memberOf('urn:known')", Ok(Some(true))),
        ("code.text.memberOf('urn:known')", Ok(Some(false))),
        ("status.memberOf('urn:other')", Err("the value set urn:other is not at hand")),
        ("status.memberOf('urn:other') and true", Err("the value set urn:other is not at hand")),
        ("status.memberOf('urn:other') and false", Ok(Some(false))),
        ("status.memberOf('urn:other').not() and code.empty()", Ok(Some(false))),
        ("status.memberOf('urn:other').empty()", Ok(Some(false))),
        ("status.memberOf('urn:other') or status = 'ready'", Ok(Some(true))),
        ("status = 'done' implies status.memberOf('urn:other')", Ok(Some(true))),
        ("conformsTo('urn:other')", Err("the profile urn:other is not at hand")),
        ("status.subsumes('x')", Err("how these codes contain each other")),
        ("(status | code).slice('urn:known', 'coded').text = 'x'", Ok(Some(true))),
        ("status.slice('urn:known', 'coded').empty()", Ok(Some(true))),
        ("status.elementDefinition().min = 1", Ok(Some(true))),
        ("code.elementDefinition().exists()", Err("a definition is not at hand")),
    ] {
        let outcome = Expression::parse(text).unwrap().evaluate_bool(&context, document.root());
        match (outcome, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{text}"),
            (Err(issue), Err(says)) => {
                assert!(issue.text.contains(says), "{issue}");
                assert_eq!((issue.key, issue.severity), (Key::NotChecked, Severity::Information), "{text}");
            }
            (outcome, _) => panic!("{text}: {outcome:?}"),
        }
    }
}

#[test]
fn items_become_json_in_the_form_of_fhir() {
    let document = Document::parse(r#"{"resourceType":"Basic","extension":[{"valueDecimal":1.10}]}"#).unwrap();
    let context = Context::new(document.root());
    for (text, expected) in [
        ("extension", r#"{"valueDecimal":1.10}"#),
        ("extension.value + 1", "2.10"),
        ("@2026-11", r#""2026-11""#),
        ("4 'mg'", r#"{"value":4,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"}"#),
        ("4.50 weeks", r#"{"value":4.50,"unit":"week","system":"http://unitsofmeasure.org","code":"wk"}"#),
    ] {
        let expression = Expression::parse(text).unwrap();
        let result = expression.evaluate(&context, document.root()).unwrap();
        assert_eq!(result.only().unwrap().to_json().to_string(), expected);
    }
}

#[test]
fn hostile_expressions_end() {
    let document = Document::parse(r#"{"resourceType":"Basic","id":"x"}"#).unwrap();
    let context = Context::new(document.root()).steps(200_000);
    for deep in ["(".repeat(100_000), "-".repeat(100_000), "a.".repeat(30_000) + "a", "1+".repeat(30_000) + "1"] {
        let issue = Expression::parse(&deep).unwrap_err();
        assert!(issue.text.contains("nested more than") || issue.text.contains("bytes"), "{}", issue.text);
    }
    for endless in [
        "id.repeat($this & 'x')",
        "(1|2|3|4|5|6|7|8|9).select((1|2|3|4|5|6|7|8|9).select((1|2|3|4|5|6|7|8|9).select((1|2|3|4|5|6|7|8|9).select(descendants().count()))))",
        "('a'|'b'|'c'|'d'|'e'|'f'|'g'|'h'|'i'|'j'|'k'|'l'|'m'|'n'|'o'|'p'|'q'|'r'|'s'|'t'|'u'|'v'|'w'|'x').aggregate($total & $total & $this, 'x')",
        "(1|2|3|4|5|6|7|8|9).aggregate($total.replace('', 'xxxxxxxxxxxxxxxx'), 'x')",
        "'x'.replace('', 'xxxxxxxxxxxxxxxx').replace('', 'xxxxxxxxxxxxxxxx').matches('(x{1,60}){1,60}y')",
    ] {
        let expression = Expression::parse(endless).unwrap();
        let issue = expression.evaluate(&context, document.root()).unwrap_err();
        assert_eq!(issue.key, Key::ExpressionCostly, "{endless}");
    }
}

/// The deepest expression that is accepted has room on the smallest stack that runs it.
#[test]
fn deepest_expressions_have_room() {
    let run = || {
        let document = Document::parse(r#"{"resourceType":"Basic","id":"x"}"#).unwrap();
        let context = Context::new(document.root());
        for (before, inner, after, times) in [
            ("(", "1", ")", 195),
            ("iif(true,", "1", ")", 190),
            ("", "1", "+1", 190),
            ("", "id", ".where(true)", 190),
            ("", "id", ".select($this).first()", 95),
            ("exists(", "true", ")", 190),
        ] {
            let text = format!("{}{inner}{}", before.repeat(times), after.repeat(times));
            let expression = Expression::parse(&text).unwrap();
            assert_eq!(expression.evaluate(&context, document.root()).unwrap().len(), 1);
        }
    };
    std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(run).unwrap().join().unwrap();
}

/// Words that expressions are made of, for making ever new ones.
const WORDS: &[&str] = &[
    "a",
    "id",
    "Basic",
    "extension",
    "value",
    "given",
    "`x`",
    "'t'",
    "'2026-11'",
    "'[a-z]+'",
    "1",
    "0",
    "2147483648",
    "1.50",
    "4 days",
    "3 'mg'",
    "@2026-11-21T10:00:00Z",
    "@2026-02",
    "@T10:30",
    "true",
    "{}",
    "$this",
    "$index",
    "$total",
    "%resource",
    "%x",
    "(",
    ")",
    "[",
    "]",
    ".",
    ",",
    "+",
    "-",
    "*",
    "/",
    "div",
    "mod",
    "&",
    "|",
    "=",
    "!=",
    "~",
    "!~",
    "<",
    "<=",
    ">",
    ">=",
    "in",
    "contains",
    "and",
    "or",
    "xor",
    "implies",
    "is",
    "as",
    "Quantity",
    "System.String",
    ".where(",
    ".select(",
    ".exists()",
    ".first()",
    ".repeat(",
    ".descendants()",
    ".matches(",
    ".replaceMatches(",
    ".substring(",
    ".round(",
    ".power(",
    ".sort(",
    ".aggregate(",
    ".lowBoundary()",
    ".toQuantity()",
    ".toDate()",
    ".resolve()",
    ".iif(",
    ".ofType(",
    ".split(",
    ".children()",
    ".extension(",
    "\u{e9}",
    "//",
    "/*",
    "\\",
];

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 4000, ..Default::default() })]

    /// Whatever is written is compiled or refused at a place within it, and what is compiled ends.
    #[test]
    fn any_text_is_read_or_refused(picks in proptest::collection::vec(0..WORDS.len(), 1..24), spaced: bool) {
        let text = picks.iter().map(|pick| WORDS[*pick]).collect::<Vec<_>>().join(if spaced { " " } else { "" });
        let document = Document::parse(
            r#"{"resourceType":"Basic","id":"b","extension":[{"url":"x","valueQuantity":{"value":1.5}},{"valueDate":"2026-11"}],"given":["\u00e9",null],"_given":[null,{"id":"i"}]}"#,
        ).unwrap();
        let context = Context::new(document.root()).steps(20_000).now(Temporal::from_epoch_millis(0).unwrap());
        match Expression::parse(&text) {
            Ok(expression) => {
                let _ = expression.evaluate(&context, document.root());
                let _ = expression.check(&handoff::fhirpath::Inferred, "Basic");
            }
            Err(issue) => {
                let place = issue.position.unwrap();
                proptest::prop_assert!(place.line == 1 && place.column as usize <= text.chars().count() + 1);
            }
        }
    }
}

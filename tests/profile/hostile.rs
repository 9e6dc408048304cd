//! What strangers may send to stop the gateway: each is refused, or answered within bounds, and said why.
//!
//! Bounds are told by keys and counted steps, never by the clock.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Arc, LazyLock};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use handoff::definitions::{Definitions, Package};
use handoff::fhir::{Document, Key, Limits, Resources};
use handoff::fhirpath::{Context, Expression};
use handoff::profile::Checker;

static CHECKER: LazyLock<Checker> = LazyLock::new(|| Checker::new(Arc::new(Definitions::r4().unwrap())));

const MEGABYTE: usize = 1024 * 1024;

/// What an evaluation of this text on this document fails with, within `steps`.
fn failure(document: &Document, steps: u64, text: &str) -> Key {
    let expression = Expression::parse(text).unwrap_or_else(|issue| panic!("{text}: {issue}"));
    let context = Context::new(document.root()).steps(steps);
    let outcome = expression.evaluate(&context, document.root());
    outcome.expect_err(text).key
}

// === documents ===

#[test]
fn deep_nesting_is_refused() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
        let text = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        let issue = Document::parse(text).unwrap_err();
        assert_eq!((issue.key, issue.position.unwrap().line), (Key::TooDeep, 1));
        assert!(issue.text.contains("more than 100 levels"), "{issue}");
        assert_eq!(Document::parse(open.repeat(100_000)).unwrap_err().key, Key::TooDeep);
    }
}

/// A transaction of 50 MB, made of one Task with a long note many times over.
fn large_bundle() -> String {
    let note = "x".repeat(10_000);
    let mut text = String::from(r#"{"resourceType":"Bundle","type":"collection","entry":["#);
    let mut number = 0;
    while text.len() < 50 * MEGABYTE {
        let comma = if number > 0 { "," } else { "" };
        let _ = write!(
            text,
            r#"{comma}{{"fullUrl":"https://ehr.example/Task/{number}","resource":{{"resourceType":"Task","id":"{number}",
            "status":"ready","intent":"order","note":[{{"text":"{note}"}}],
            "focus":{{"reference":"Task/{}"}}}}}}"#,
            number + 1
        );
        number += 1;
    }
    text + "]}"
}

#[test]
fn large_bundles_are_refused_or_bounded() {
    let text = large_bundle();
    let issue = Document::parse(text.as_str()).unwrap_err();
    assert_eq!(issue.key, Key::TooLarge);
    assert!(issue.text.contains("at most 16777216 are read"), "{issue}");

    let raised = Limits { bytes: 64 * MEGABYTE, ..Limits::default() };
    let document = Document::parse_within(text, raised).unwrap();
    assert_eq!(
        document.root().list("entry").count(),
        document
            .root()
            .list("entry")
            .last()
            .map_or(0, |last| { last.get("resource").unwrap().str("id").unwrap().parse::<usize>().unwrap() + 1 })
    );
    // Each entry compared with each: the steps run out long before.
    assert_eq!(
        failure(
            &document,
            1_000_000,
            "entry.all(resource.note.text in %resource.entry.resource.note.text.select($this & 'y'))"
        ),
        Key::ExpressionCostly
    );
}

#[test]
fn crowded_documents_are_refused() {
    // Ten bytes of memory for each of the text, were it read.
    for piece in ["[],", "1,", "{},"] {
        let text = format!("[{}1]", piece.repeat(15 * MEGABYTE / piece.len()));
        let issue = Document::parse(text).unwrap_err();
        assert_eq!(issue.key, Key::TooLarge);
        assert!(issue.text.contains("more than 2097160 values"), "{issue}");
    }
}

#[test]
fn objects_of_many_members_are_read_once() {
    let members: Vec<String> =
        (0..60_000).map(|number| format!("\"m{number}\":1,\"_m{number}\":{{\"id\":\"x\"}}")).collect();
    let text = format!("{{\"resourceType\":\"Basic\",{}}}", members.join(","));
    let document = Document::parse(text.as_str()).unwrap();
    // Members are looked for among members: what is passed is counted.
    for costly in ["children().count()", "%resource ~ %resource", "descendants().where(m1 = m2)"] {
        assert_eq!(failure(&document, 1_000_000, costly), Key::ExpressionCostly, "{costly}");
    }
    let twice = format!("{{{},\"m1\":2}}", members.join(","));
    assert_eq!(Document::parse(twice).unwrap_err().key, Key::DuplicateMember);
    // As many findings as fit on a report, and one that says that there are more.
    let issues = CHECKER.check(document.root());
    assert!(issues.len() <= 2001, "{}", issues.len());
    assert_eq!(issues.last().map(|issue| issue.key), Some(Key::MoreFindings));
}

#[test]
fn long_values_are_weighed() {
    let long = "\\u0041".repeat(100_000);
    let with_number = |zeros: usize| {
        let (number, items) = ("0".repeat(zeros), "1,".repeat(5000));
        Document::parse(format!(
            r#"{{"resourceType":"Basic","a":"{long}","b":"{long}","n":0.{number}1,"l":[{items}1]}}"#
        ))
    };
    assert_eq!(with_number(4_000_000).unwrap_err().key, Key::NumberRange);
    let document = with_number(990).unwrap();
    for costly in [
        "l.all(%resource.a = %resource.b)",
        "l.select(%resource.a.toString().toInteger())",
        "l.all('x'.indexOf(%resource.a) < 0)",
        "l.all(%resource.a <= %resource.b)",
        "l.select(%resource.a.upper())",
    ] {
        assert_eq!(failure(&document, 250_000, costly), Key::ExpressionCostly, "{costly}");
    }
    // A number that long is no number, and that is seen at once.
    let context = Context::new(document.root());
    let expression = Expression::parse("l.all(%resource.n.hasValue().not() and %resource.a != 'x')").unwrap();
    assert_eq!(expression.evaluate_bool(&context, document.root()), Ok(Some(true)));
}

// === expressions ===

#[test]
fn patterns_are_bounded() {
    let text = format!(r#"{{"resourceType":"Basic","a":"{}"}}"#, "a".repeat(50_000));
    let document = Document::parse(text).unwrap();
    // What makes backtracking engines go on for ever ends here, with an answer or out of steps.
    for pattern in ["(a+)+b", "(a|a)*b", "(a|aa)+$b", "(.*)*x", "([a-z]+)*[0-9]", "a?a?a?a?a?a?a?a?a?a?aaaaaaaaaab"] {
        let expression = Expression::parse(&format!("a.matches('^{pattern}')")).unwrap();
        let context = Context::new(document.root());
        assert_eq!(expression.evaluate_bool(&context, document.root()), Ok(Some(false)), "{pattern}");
    }
    for pattern in ["(a{1,90}){1,90}b", "((a{0,20}){0,20}){0,20}x"] {
        assert_eq!(failure(&document, 1_000_000, &format!("a.matches('{pattern}')")), Key::ExpressionCostly);
    }
    // A search from every character to the end, or a pattern that is compiled for every item, is counted too.
    assert_eq!(failure(&document, 1_000_000, "a.replaceMatches('.*z|a', 'b')"), Key::ExpressionCostly);
    let compiled = "a.toChars().all(matches('[^b]{1,' & '900}') and length() = 1)";
    assert_eq!(failure(&document, 1_000_000, compiled), Key::ExpressionCostly);
    // A pattern, or many together, that would be too large a machine.
    let wide = vec![r"a.matches('\\p{L}{1,99}')"; 100].join(" or ");
    let many = vec!["a.matches('(a{1,100}){1,100}')"; 100].join(" or ");
    for large in ["a.matches('((a{1,99}){1,99}){1,99}')", &many, &wide] {
        let issue = Expression::parse(large).unwrap_err();
        assert_eq!(issue.key, Key::ExpressionInvalid);
        assert!(issue.text.contains("too large"), "{issue}");
    }
}

#[test]
fn expressions_that_do_not_end_run_out_of_steps() {
    let text =
        r#"{"resourceType":"Basic","id":"x","l":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25]}"#;
    let document = Document::parse(text).unwrap();
    for endless in [
        "id.repeat($this & 'x')",
        "1.repeat($this + 1)",
        "l.aggregate($total & $total & 'xxxxxxxxxx', 'x')",
        "l.aggregate($total.combine($total), 1).select(l.aggregate($total.combine($total), 1))",
        "l.aggregate(iif($total.count() > 500000, $total.select($total), $total.combine($total)), 1)",
        "l.select(%resource.l.select(%resource.l.select(%resource.l.select(%resource.l.select(%resource.descendants())))))",
        "l.all(%resource.l.all(%resource.l.all(%resource.l.all(%resource.l.all(true)))))",
        "l.aggregate($total.replace('', 'xxxxxxxxxxxxxxxx'), 'x')",
        "l.aggregate($total.combine($total), 1).sort(-$this)",
        "l.aggregate($total | $total.select($this & 'x'), 'x').repeat($this & 'y')",
    ] {
        assert_eq!(failure(&document, 500_000, endless), Key::ExpressionCostly, "{endless}");
    }
}

#[test]
fn long_expressions_are_refused() {
    for (text, says) in [
        ("(".repeat(60_000), "nested more than 200 levels"),
        ("-".repeat(60_000), "nested more than 200 levels"),
        ("a.where(".repeat(8_000), "nested more than 200 levels"),
        ("a[".repeat(30_000), "nested more than 200 levels"),
        (format!("a{}", ".a".repeat(30_000)), "nested more than 200 levels"),
        (format!("1{}", " or 1".repeat(10_000)), "nested more than 200 levels"),
        ("a".repeat(70_000), "at most 65536 are read"),
        (format!("'{}", "\\u0041".repeat(10_000)), "not closed"),
    ] {
        let issue = Expression::parse(&text).unwrap_err();
        assert_eq!(issue.key, Key::ExpressionInvalid);
        assert!(issue.text.contains(says), "{issue}");
        // What it shows of the expression is short.
        assert!(issue.text.len() < 500, "{}", issue.text.len());
    }
}

// === references ===

#[test]
fn circles_of_references_end() {
    let text = r##"{"resourceType":"Task","id":"t","status":"ready","intent":"order","focus":{"reference":"#a"},"contained":[
        {"resourceType":"ServiceRequest","id":"a","basedOn":[{"reference":"#b"}],"status":"active","intent":"order","subject":{"reference":"#"}},
        {"resourceType":"ServiceRequest","id":"b","basedOn":[{"reference":"#a"}],"status":"active","intent":"order","subject":{"reference":"#b"}}]}"##;
    let document = Document::parse(text).unwrap();
    let context = Context::new(document.root());
    let found = |text: &str| {
        let expression = Expression::parse(text).unwrap();
        expression.evaluate(&context, document.root()).unwrap().len()
    };
    assert_eq!(found("focus.resolve().repeat(basedOn.resolve())"), 2);
    assert_eq!(found("contained.repeat(descendants().resolve())"), 3);
    let chain = format!("focus{}", ".resolve().basedOn".repeat(60));
    assert_eq!(found(&chain), 1);
    // A check follows none of them twice.
    assert!(CHECKER.check(document.root()).iter().all(|issue| issue.key != Key::MoreFindings));

    let text = r#"{"resourceType":"Bundle","type":"collection","entry":[
        {"fullUrl":"urn:uuid:00000000-0000-4000-8000-000000000001","resource":{"resourceType":"Task","status":"ready","intent":"order","partOf":[{"reference":"urn:uuid:00000000-0000-4000-8000-000000000002"}]}},
        {"fullUrl":"urn:uuid:00000000-0000-4000-8000-000000000002","resource":{"resourceType":"Task","status":"ready","intent":"order","partOf":[{"reference":"urn:uuid:00000000-0000-4000-8000-000000000001"}]}}]}"#;
    let document = Document::parse(text).unwrap();
    let mut resources = Resources::default();
    resources.add(Document::parse(text).unwrap());
    let resolve = |reference: &str| resources.find(reference);
    let context = Context::new(document.root()).resolve(&resolve);
    let expression = Expression::parse("entry.resource.repeat(partOf.resolve()).count()").unwrap();
    assert_eq!(expression.evaluate(&context, document.root()).unwrap().only().unwrap().to_json(), 2);
    assert!(CHECKER.check(document.root()).iter().all(|issue| issue.key != Key::MoreFindings));
}

// === packages ===

/// A `.tgz` of one file of so many megabytes of spaces, in no more than some kilobytes: the same deflated megabyte over
/// and over.
fn archive(path: &str, megabytes: u64) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.set_path(path).unwrap();
    header.set_size(megabytes * MEGABYTE as u64);
    header.set_cksum();
    let deflated = |bytes: &[u8]| {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        // Ends a block, so that others may follow.
        encoder.flush().unwrap();
        encoder.get_ref().clone()
    };
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    bytes.extend(deflated(header.as_bytes()));
    bytes.extend(deflated(&vec![b' '; MEGABYTE]).repeat(megabytes as usize));
    let mut end = DeflateEncoder::new(Vec::new(), Compression::best());
    end.write_all(&[0; 1024]).unwrap();
    bytes.extend(end.finish().unwrap());
    // What should be checksum and length; nobody gets as far.
    bytes.extend([0; 8]);
    bytes
}

#[test]
fn archives_that_explode_are_refused() {
    // More than any package has, in a file that nobody looks at.
    let bomb = archive("package/other/x.bin", 600);
    assert!(bomb.len() < 2 * MEGABYTE);
    let error = Package::from_tgz(bomb.as_slice()).unwrap_err();
    assert_eq!(error.issues[0].key, Key::DefinitionInvalid);
    assert!(error.issues[0].text.contains("inflates to more than"), "{error}");
}

#[test]
fn files_that_explode_are_refused() {
    // A file that is larger than any definition is not kept to its end, and the rest of the package is read.
    let mut package = Package::named("hostile", "1");
    package.add_file("package/x.json", &vec![b' '; 65 * MEGABYTE]);
    package.add_file("package/package.json", br#"{"name":"urn.example.hostile"}"#);
    assert_eq!(package.issues.iter().map(|issue| issue.key).collect::<Vec<_>>(), [Key::TooLarge]);
    assert_eq!(package.name, "urn.example.hostile");
}

#[test]
fn archives_that_are_none_are_refused() {
    let cut = archive("package/x.json", 1);
    for bytes in [b"".as_slice(), b"no archive", &cut[..cut.len() / 2], &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0]] {
        let error = Package::from_tgz(bytes).unwrap_err();
        assert_eq!(error.issues[0].key, Key::DefinitionInvalid, "{error}");
    }
    let mut noise = GzEncoder::new(Vec::new(), Compression::fast());
    noise.write_all(&[0x5a; 4096]).unwrap();
    assert!(Package::from_tgz(noise.finish().unwrap().as_slice()).is_err());
    assert!(Definitions::r4().unwrap().with_pack(vec![0x5a; 4096]).is_err());
}

// === findings without end ===

/// A resource in which nearly everything is wrong is answered with no more than is listed, and each finding knows its
/// place; also where all of them are parts of one text, or about one of many contained resources.
#[test]
fn findings_have_an_end_and_their_places() {
    let div = |inside: &str| {
        format!(r#"{{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">{inside}</div>"}}"#)
    };
    let patient = |member: &str| format!(r#"{{"resourceType":"Patient",{member}}}"#);
    let links: String = (0..3_000).fold(String::new(), |mut text, number| {
        let _ = write!(text, "<a href=\\\"#l{number}\\\">x</a>");
        text
    });
    let attributes: String = (0..3_000).fold(String::new(), |mut text, number| {
        let _ = write!(text, " x{number}=\\\"1\\\"");
        text
    });
    let contained: Vec<String> = (0..3_000)
        .map(|number| {
            format!(r##"{{"resourceType":"Organization","id":"o{number}","name":"x","partOf":{{"reference":"#o0"}}}}"##)
        })
        .collect();
    let contained = format!(r#""contained":[{}]"#, contained.join(","));
    for (text, expected) in [
        (patient(&format!(r#""text":{}"#, div(&links))), 2_001),
        (patient(&format!(r#""text":{}"#, div(&format!("<p{attributes}>x</p>")))), 50),
        (patient(&contained), 2_001),
    ] {
        let document = Document::parse(text).unwrap();
        let issues = CHECKER.check(document.root());
        assert_eq!(issues.len(), expected, "{:?}", issues.first());
        let positions: Vec<_> = issues.iter().take(2_000).map(|issue| issue.position.unwrap()).collect();
        assert!(positions.windows(2).all(|pair| pair[0] < pair[1]), "{positions:?}");
    }
}

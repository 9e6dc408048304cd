//! `handoff package add`: packages from files and from a registry, kept as packs that other commands load; and archives
//! that were made to harm.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use axum::Router;
use axum::extract::Path as Segments;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use handoff::definitions::Package;
use serde_json::{Value, json};

/// What the program said and how it ended.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

fn handoff(folder: &Path, arguments: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_handoff"))
        .current_dir(folder)
        .env_remove("HANDOFF_PACKAGES")
        .env_remove("HANDOFF_PACKAGE_REGISTRY")
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// A profile that demands a name of every Patient, based on `base`.
fn profile(url: &str, base: &str) -> Value {
    json!({
        "resourceType": "StructureDefinition", "url": url, "version": "1.0.0", "name": "Named", "kind": "resource",
        "abstract": false, "type": "Patient", "baseDefinition": base, "derivation": "constraint",
        "differential": { "element": [{ "id": "Patient.name", "path": "Patient.name", "min": 1 }] },
    })
}

fn manifest(name: &str, version: &str, dependencies: &Value) -> Value {
    json!({ "name": name, "version": version, "dependencies": dependencies })
}

fn tgz(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, &bytes[..]).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

const PATIENT: &str = "http://hl7.org/fhir/StructureDefinition/Patient";

#[test]
fn what_was_added_is_loaded_by_other_commands() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let archive = tgz(&[
        ("package/package.json", manifest("example.warm", "1.0.0", &json!({})).to_string().into()),
        ("package/profile.json", profile("urn:example:named", PATIENT).to_string().into()),
    ]);
    std::fs::write(path.join("warm.tgz"), archive).unwrap();
    std::fs::write(path.join("patient.json"), r#"{"resourceType":"Patient","active":true}"#).unwrap();
    let check = ["validate", "--profile", "urn:example:named", "--format", "ndjson", "patient.json"];
    let before = handoff(path, &check);
    assert_eq!(before.code, Some(1), "what is asked for by name is not passed over: {}{}", before.out, before.err);

    let added = handoff(path, &["package", "add", "warm.tgz"]);
    assert_eq!(added.code, Some(0), "{}", added.err);
    assert!(added.out.starts_with("example.warm 1.0.0: 1 definitions in "), "{}", added.out);
    assert!(path.join("packages/example.warm-1.0.0.pack").is_file());
    assert!(!added.err.contains('\r'), "no progress in a pipe: {:?}", added.err);
    let listed = handoff(path, &["package", "list"]);
    assert!(listed.out.contains("\nexample.warm 1.0.0: 1 definitions\n"), "{}", listed.out);

    let after = handoff(path, &check);
    assert_eq!(after.code, Some(3), "{}{}", after.out, after.err);
    assert!(after.out.contains("Patient.name"), "{}", after.out);

    // Another folder, named in each of the ways.
    let elsewhere = path.join("elsewhere");
    std::fs::rename(path.join("packages"), &elsewhere).unwrap();
    assert_eq!(handoff(path, &check).code, Some(1));
    let named = [&["validate", "--packages", "elsewhere"], &check[1..]].concat();
    assert_eq!(handoff(path, &named).code, Some(3));
    std::fs::write(path.join("handoff.toml"), "packages = \"elsewhere\"\n").unwrap();
    assert_eq!(handoff(path, &check).code, Some(3));

    std::fs::write(elsewhere.join("example.warm-1.0.0.pack"), b"handoff-pack 2\nhalf").unwrap();
    let damaged = handoff(path, &check);
    assert_ne!(damaged.code, Some(0));
    assert!(damaged.err.contains("example.warm-1.0.0.pack") && damaged.err.contains("damaged"), "{}", damaged.err);
}

/// A gateway demands a profile that only a package has.
#[test]
fn serve_loads_what_was_added() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--profiles", "Patient=urn:example:named"];
    let without = handoff(path, &arguments);
    assert!(without.code.is_some_and(|code| code != 0) && without.err.contains("is not at hand"), "{}", without.err);
    std::fs::write(path.join("named.json"), profile("urn:example:named", PATIENT).to_string()).unwrap();
    assert_eq!(handoff(path, &["package", "add", "named.json"]).code, Some(0));
    let mut server = Command::new(env!("CARGO_BIN_EXE_handoff"))
        .current_dir(path)
        .env_remove("HANDOFF_PACKAGES")
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(line.starts_with("listening on "), "{line:?}");
}

#[test]
fn nothing_is_fetched_where_no_registry_is_configured() {
    let folder = tempfile::tempdir().unwrap();
    let message = handoff(folder.path(), &["package", "add", "example.warm#1.0.0"]);
    assert_eq!(message.code, Some(1));
    assert!(message.err.contains("no registry is configured"), "{}", message.err);
    let message = handoff(folder.path(), &["package", "add", "nothing.json"]);
    assert_eq!(message.code, Some(1));
    assert!(message.err.contains("neither a file or folder"), "{}", message.err);
}

/// A registry with three packages, and one that it only speaks of.
async fn registry() -> String {
    async fn package(Segments((name, version)): Segments<(String, String)>) -> impl IntoResponse {
        let (base, dependencies) = match (name.as_str(), version.as_str()) {
            ("example.top", "1.2.0") => {
                ("urn:example:middle", json!({"hl7.fhir.r4.core": "4.0.1", "example.middle": "1.0.x"}))
            }
            ("example.middle", "1.0.3") => {
                ("urn:example:bottom", json!({"example.bottom": "2.0.0", "example.gone": "1.0.0"}))
            }
            ("example.bottom", "2.0.0") => (PATIENT, json!({})),
            ("example.page", "1.0.0") => return (StatusCode::OK, b"<html>".to_vec()),
            ("example.broken", _) => return (StatusCode::INTERNAL_SERVER_ERROR, Vec::new()),
            _ => return (StatusCode::NOT_FOUND, Vec::new()),
        };
        let url = name.replacen("example.", "urn:example:", 1);
        let files = [
            ("package/package.json", manifest(&name, &version, &dependencies).to_string().into()),
            ("package/profile.json", profile(&url, base).to_string().into()),
        ];
        (StatusCode::OK, tgz(&files))
    }
    async fn versions(Segments(name): Segments<String>) -> impl IntoResponse {
        match name.as_str() {
            "example.middle" => json!({"versions": {"1.0.3": {}, "1.0.2": {}, "1.1.0": {}}}).to_string(),
            "example.top" => json!({"dist-tags": {"latest": "1.2.0"}, "versions": {"1.2.0": {}}}).to_string(),
            _ => "nothing".to_owned(),
        }
    }
    let router = Router::new().route("/{name}", get(versions)).route("/{name}/{version}", get(package));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_come_from_the_configured_registry_with_what_they_depend_on() {
    let registry = registry().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::write(path.join("handoff.toml"), format!("package-registry = \"{registry}\"\n")).unwrap();

    let alone = handoff(path, &["package", "add", "example.top#latest"]);
    assert_eq!(alone.code, Some(0), "{}", alone.err);
    assert!(alone.err.contains("example.top depends on example.middle 1.0.x, which is not at hand"), "{}", alone.err);
    let listed = handoff(path, &["package", "list"]);
    assert!(listed.out.contains("  depends on example.middle 1.0.x, which is not at hand\n"), "{}", listed.out);

    let all = handoff(path, &["package", "add", "--dependencies", "example.top#1.2.0"]);
    assert_eq!(all.code, Some(0), "{}", all.err);
    let place = |name: &str| all.out.find(name).unwrap_or_else(|| panic!("{name}: {}", all.out));
    assert!(place("example.bottom 2.0.0:") < place("example.middle 1.0.3:"), "{}", all.out);
    assert!(place("example.middle 1.0.3:") < place("example.top 1.2.0:"), "{}", all.out);
    assert!(all.err.contains("cannot fetch example.gone#1.0.0") && all.err.contains("has not got that"), "{}", all.err);
    std::fs::write(path.join("patient.json"), r#"{"resourceType":"Patient","active":true}"#).unwrap();
    let check = handoff(path, &["validate", "--profile", "urn:example:top", "patient.json"]);
    assert_eq!(check.code, Some(3), "{}{}", check.out, check.err);

    for (wanted, why) in [
        ("example.gone#1.0.0", "it has not got that"),
        ("example.page#1.0.0", "what it sent is no .tgz"),
        ("example.broken#1.0.0", "it answered 500"),
        ("example.middle#3.x", "it has no version that fits"),
        ("example.bottom#2.x", "it does not say which versions there are"),
    ] {
        let message = handoff(path, &["package", "add", wanted]);
        assert_eq!(message.code, Some(1), "{wanted}");
        assert!(message.err.contains(why), "{wanted}: {}", message.err);
    }
    let message = handoff(path, &["package", "add", "--registry", "http://127.0.0.1:1", "example.top#1.2.0"]);
    assert_eq!(message.code, Some(1));
    assert!(message.err.contains("it cannot be reached"), "{}", message.err);
}

// === archives that were made to harm ===

fn refused(archive: &[u8]) -> String {
    Package::from_tgz(archive).unwrap_err().to_string()
}

/// An archive of one file of zeros, which deflate to almost nothing.
fn bomb(path: &str, megabytes: usize) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    let mut header = tar::Header::new_gnu();
    header.set_path(path).unwrap();
    header.set_size((megabytes as u64) << 20);
    header.set_cksum();
    gzip.write_all(header.as_bytes()).unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..megabytes {
        gzip.write_all(&zeros).unwrap();
    }
    gzip.write_all(&[0; 1024]).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn archives_that_inflate_beyond_all_measure_are_refused() {
    let one = bomb("package/bomb.json", 65);
    assert!(one.len() < 1 << 20);
    assert!(refused(&one).contains("bomb.json\" has more than 67108864 bytes"), "{}", refused(&one));
    let beside = bomb("package/other/bomb.bin", 520);
    assert!(refused(&beside).contains("it inflates to more than 536870912 bytes"), "{}", refused(&beside));
}

#[test]
fn archives_of_too_many_files_are_refused() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    let mut header = tar::Header::new_gnu();
    header.set_path("package/other/x").unwrap();
    header.set_size(0);
    header.set_cksum();
    for _ in 0..100_002 {
        gzip.write_all(header.as_bytes()).unwrap();
    }
    let text = refused(&gzip.finish().unwrap());
    assert!(text.contains("more than 100000 files"), "{text}");
}

#[test]
fn archives_that_are_none_or_half_are_refused() {
    assert!(refused(b"{}").contains("cannot be read as a .tgz"));
    let whole = tgz(&[("package/profile.json", profile("urn:x", PATIENT).to_string().into())]);
    assert!(refused(&whole[..whole.len() / 2]).contains("cannot be read as a .tgz"));
}

#[test]
fn the_names_in_an_archive_lead_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let files = [("package/package.json", manifest("../../evil", "1", &json!({})).to_string().into_bytes())];
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, bytes) in &files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, name, &bytes[..]).unwrap();
    }
    let bytes = profile("urn:x", PATIENT).to_string().into_bytes();
    let mut header = tar::Header::new_gnu();
    header.as_old_mut().name[..22].copy_from_slice(b"package/../outside.json"[..22].as_ref());
    header.set_size(bytes.len() as u64);
    header.set_cksum();
    archive.append(&header, &bytes[..]).unwrap();
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    archive.append_data(&mut header, "package/profile.json", &bytes[..]).unwrap();
    std::fs::write(path.join("evil.tgz"), archive.into_inner().unwrap().finish().unwrap()).unwrap();
    let message = handoff(path, &["package", "add", "evil.tgz"]);
    assert_eq!(message.code, Some(3), "{}", message.err);
    assert!(message.err.contains("characters that no file name should have"), "{}", message.err);
    let left: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["evil.tgz"]);
}

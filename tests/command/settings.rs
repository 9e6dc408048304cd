//! `handoff settings` and `handoff check`: what a gateway would be set up with, and whether that works here.

use std::path::Path;
use std::process::Command;

use super::certificates::Authority;

/// Runs the binary in this folder with these variables; exit code, standard output, standard error.
fn run(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handoff"));
    let ran = command.args(arguments).envs(variables.iter().copied()).current_dir(folder).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (ran.status.code().unwrap(), text(ran.stdout), text(ran.stderr))
}

/// The words of the line of a setting.
fn line<'t>(told: &'t str, name: &str) -> Vec<&'t str> {
    let line = told.lines().find(|line| line.split_whitespace().next() == Some(name));
    line.unwrap_or_else(|| panic!("{name}: {told}")).split_whitespace().collect()
}

#[test]
fn each_setting_is_told_with_where_it_comes_from() {
    let folder = tempfile::tempdir().unwrap();
    let text = "store = \"sqlite:x.db\"\nlisten = \"127.0.0.1:9000\"\n\n[limits]\ncount = 5\n\n[profiles]\nTask = []\n";
    std::fs::write(folder.path().join("handoff.toml"), text).unwrap();
    let variables = [("HANDOFF_LISTEN", "127.0.0.1:9001"), ("HANDOFF_LIMITS_PARAMETERS", "7")];
    let (code, told, err) = run(folder.path(), &variables, &["settings"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(line(&told, "listen"), ["listen", "127.0.0.1:9001", "HANDOFF_LISTEN", "127.0.0.1:8080"]);
    assert_eq!(line(&told, "store"), ["store", "sqlite:x.db", "handoff.toml:1:9", "sqlite:handoff.db"]);
    assert_eq!(line(&told, "limits.count"), ["limits.count", "5", "handoff.toml:5:9", "1000"]);
    assert_eq!(line(&told, "limits.parameters"), ["limits.parameters", "7", "HANDOFF_LIMITS_PARAMETERS", "100"]);
    assert_eq!(line(&told, "grace-seconds"), ["grace-seconds", "10", "default"]);
    assert!(line(&told, "profiles").contains(&"handoff.toml:7:1"), "{told}");
    // Every one that a settings file may hold is there.
    let (_, help, _) = run(folder.path(), &[], &["serve", "--help"]);
    let variables = help.matches("[env: HANDOFF_").count();
    assert_eq!(told.lines().count() - 1, variables, "all of serve but --config, and package-registry: {told}");
}

#[test]
fn the_reference_is_the_one_that_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (code, page, _) = run(folder.path(), &[("HANDOFF_LISTEN", "127.0.0.1:1")], &["settings", "--reference"]);
    let kept = include_str!("../../deploy/settings.md");
    assert_eq!(code, 0);
    assert!(page == kept, "write it anew: handoff settings --reference > deploy/settings.md\n{page}");
}

#[test]
fn each_setting_that_is_wrong_in_a_file_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let (_, told, _) = run(folder.path(), &[], &["settings"]);
    let wrong = |name: &str| match name {
        "packages" | "programs" => "5".to_owned(),
        // A text names a file here; one of them alone is none that can be used.
        name if name.starts_with("tls.") => "\"no such thing\"".to_owned(),
        "profiles" => "\"Task\"".to_owned(),
        "limits.body-mb" | "limits.depth" => "-1".to_owned(),
        name if name.starts_with("limits.") || name.starts_with("postgres.") => "0".to_owned(),
        _ => "\"no such thing\"".to_owned(),
    };
    let names: Vec<&str> = told.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() > 40, "{told}");
    for name in names {
        let (group, own) = name.split_once('.').unwrap_or(("", name));
        let head = if group.is_empty() { "# a file\n".to_owned() } else { format!("[{group}]\n") };
        std::fs::write(folder.path().join("s.toml"), format!("{head}{own} = {}\n", wrong(name))).unwrap();
        // The others read the same file; of each group one is tried with all of them.
        let others = [&["serve", "--listen", "127.0.0.1:0"][..], &["check"], &["client", "list"], &["store", "check"]];
        let others = if ["store", "limits.count"].contains(&name) { &others[..] } else { &[] };
        for command in others.iter().copied().chain([&["settings"][..]]) {
            let (code, _, err) = run(folder.path(), &[], &[command, &["--config", "s.toml"]].concat());
            assert_eq!(code, 2, "{name} with {command:?}: {err}");
            assert!(err.contains("s.toml (2:"), "{name} with {command:?}: {err}");
        }
    }
    for (variable, value) in [
        ("HANDOFF_LISTEN", "here"),
        ("HANDOFF_FORWARDED", "proxy.example"),
        ("HANDOFF_STORE", "mysql:x"),
        ("HANDOFF_LOG_LEVEL", "inof"),
    ] {
        let (code, _, err) = run(folder.path(), &[(variable, value)], &["settings"]);
        assert!(code == 2 && err.contains(value.trim_start_matches("mysql:x")), "{variable}: {err}");
    }
}

#[test]
fn a_check_says_what_would_not_work_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let check = |arguments: &[&str]| run(path, &[], &[&["check", "--listen", "127.0.0.1:0"], arguments].concat());
    let (code, told, err) = check(&[]);
    assert!(code == 0 && told.ends_with("it would work\n"), "{told}{err}");
    assert!(told.contains("is made at the first start"), "{told}");
    assert_eq!(std::fs::read_dir(path).unwrap().count(), 0);

    let (_, _, _) = run(path, &[], &["demo", "--once", "--data", "data"]);
    let (code, told, err) = check(&["--store", "sqlite:data/handoff.db"]);
    assert!(
        code == 0 && told.contains("10 organizations, 14 programs") && told.contains("9 are let in"),
        "{told}{err}"
    );

    std::fs::write(path.join("notes.txt"), "no database, but long enough for one".repeat(200)).unwrap();
    std::fs::create_dir_all(path.join("types/odd")).unwrap();
    std::fs::write(path.join("types/odd/program.yaml"), "typ: odd\n").unwrap();
    std::fs::create_dir(path.join("packs")).unwrap();
    std::fs::write(path.join("packs/x.pack"), "no pack").unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (arguments, part, code) in [
        (&["--store", "sqlite:none/handoff.db"][..], "store", 1),
        (&["--store", "sqlite:notes.txt"], "store", 1),
        (&["--operations-listen", &address], "operators", 1),
        (&["--packages", "none"], "packages", 1),
        (&["--packages", "packs"], "packages", 3),
        (&["--programs", "none"], "programs", 1),
        (&["--programs", "types"], "programs", 3),
        (&["--profiles", "Task=urn:none"], "profiles", 2),
    ] {
        let (found, told, err) = check(arguments);
        assert_eq!(found, code, "{arguments:?}: {told}{err}");
        let line = told.lines().find(|line| line.starts_with(part)).unwrap();
        assert!(line.contains("does not work: "), "{arguments:?}: {told}");
        assert_eq!(told.matches("does not work").count(), 1, "{arguments:?}: {told}");
        assert!(told.ends_with("it would not work\n"), "{told}");
    }
}

#[test]
fn files_of_tls_that_cannot_be_used_are_told_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let authority = Authority::new("Harbor Authority");
    authority.server(&["gateway.example"]).write(path, "good");
    authority.server(&["gateway.example"]).write(path, "other");
    authority.server_until("gateway.example", 2021).write(path, "over");
    std::fs::write(path.join("text.pem"), "no certificate").unwrap();
    std::fs::write(path.join("cut.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n").unwrap();
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    std::fs::write(path.join("encrypted.key"), encrypted).unwrap();
    let ask = |command: &[&str], certificate: &str, key: &str, more: &[&str]| {
        let tls = ["--listen", "127.0.0.1:0", "--tls-certificate", certificate, "--tls-key", key];
        run(path, &[], &[command, &tls, more].concat())
    };
    for (certificate, key, client_ca, code, file, why) in [
        ("none.pem", "good.key", None, 1, "none.pem", "cannot read"),
        ("text.pem", "good.key", None, 3, "text.pem", "no certificate in PEM"),
        ("cut.pem", "good.key", None, 3, "cut.pem", "has no end"),
        ("good.pem", "good.pem", None, 3, "good.pem", "no key in PEM"),
        ("good.pem", "encrypted.key", None, 3, "encrypted.key", "is encrypted"),
        ("good.pem", "other.key", None, 3, "other.key", "not the key of the first certificate in good.pem"),
        ("good.pem", "good.key", Some("text.pem"), 3, "text.pem", "no certificate in PEM"),
    ] {
        let more: Vec<&str> = client_ca.into_iter().flat_map(|ca| ["--tls-client-ca", ca]).collect();
        let (found, told, err) = ask(&["check"], certificate, key, &more);
        let line = told.lines().find(|line| line.starts_with("tls ")).unwrap();
        assert_eq!(found, code, "{told}{err}");
        assert!(line.contains("does not work: ") && line.contains(file) && line.contains(why), "{told}");
        let (found, _, err) = ask(&["serve"], certificate, key, &more);
        assert!(found == code && err.contains(file) && err.contains(why), "{found} {err}");
    }
    let (code, told, _) = ask(&["check"], "good.pem", "good.key", &["--base", "https://gateway.example:8443/"]);
    assert!(
        code == 0 && told.contains("valid until 2999-01-01T00:00:00Z") && !told.contains("certificate in"),
        "{told}"
    );
    let (code, told, _) = ask(&["check"], "over.pem", "over.key", &["--base", "https://other.example"]);
    assert_eq!(code, 0, "{told}");
    assert!(
        told.contains("over.pem expired at 2021-01-01T00:00:00Z") && told.contains("is not for other.example"),
        "{told}"
    );
}

#[test]
fn a_check_says_where_others_reach_what_is_not_encrypted() {
    let folder = tempfile::tempdir().unwrap();
    let check = |arguments: &[&str]| run(folder.path(), &[], &[&["check"], arguments].concat()).1;
    let told = check(&["--listen", "0.0.0.0:0", "--operations-listen", "0.0.0.0:0"]);
    assert!(told.contains("TLS is not spoken there") && told.contains("the address for operators"), "{told}");
    let told = check(&["--listen", "0.0.0.0:0", "--forwarded", "10.0.0.5"]);
    assert!(!told.contains("TLS is not spoken there"), "{told}");
    let told = check(&["--listen", "localhost:0"]);
    assert!(told.contains("127.0.0.1:0") && told.ends_with("it would work\n"), "{told}");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let told = check(&["--listen", &free, "--operations-listen", &free]);
    assert!(told.contains(&format!("cannot listen on {free}")), "one address for both: {told}");
    let told = check(&["--listen", "gateway.invalid:0"]);
    assert!(told.contains("no address is found for the name gateway.invalid"), "{told}");
}

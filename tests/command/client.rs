//! `handoff client`, as people call it.

#![allow(clippy::unwrap_used)]

use clap::Parser;
use handoff::cli::{Cli, Exit};
use handoff::security::{Client, Clients, Fingerprint, Role};
use handoff::store::Credentials;
use handoff::store::sqlite::SqliteStore;

use super::certificates::Authority;
use super::handoff;

/// Runs `handoff client ...` on the store in `folder`; exit code, standard output, standard error.
fn client(folder: &std::path::Path, arguments: &[&str]) -> (Exit, String, String) {
    let all: Vec<&str> = ["client"].into_iter().chain(arguments.iter().copied()).collect();
    handoff(folder, &all)
}

/// The clients that the store lets in.
fn clients(folder: &std::path::Path) -> Clients {
    let store = SqliteStore::open_for_clients(&folder.join("handoff.db")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let rows = runtime.block_on(store.clients()).unwrap();
    Clients::new(rows.into_iter().map(|row| Client {
        id: row.id,
        name: row.name,
        role: Role::from_name(&row.role).unwrap(),
        organization: row.organization,
        acts_for: row.acts_for,
        hash: row.hash,
        certificates: row.certificates.iter().map(|text| text.parse().unwrap()).collect(),
        created: row.created,
        revoked: row.revoked,
    }))
}

const ADD: &[&str] =
    &["add", "--name", "Harbor Pantry intake", "--role", "agency", "--organization", "Organization/harbor-pantry"];

#[test]
fn a_client_is_added_listed_and_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let (exit, token, remark) = client(folder.path(), ADD);
    let token = token.strip_suffix('\n').unwrap();
    assert_eq!((exit, token.lines().count()), (Exit::Done, 1));
    assert!(remark.contains("Organization/harbor-pantry") && remark.contains("the directory is empty yet"), "{remark}");
    let caller = clients(folder.path()).authenticate(token, None, "r".to_owned()).unwrap();
    assert_eq!((caller.role, caller.organization.as_str()), (Role::Agency, "harbor-pantry"));

    let (exit, list, _) = client(folder.path(), &["list"]);
    let line = list.lines().nth(1).unwrap();
    assert_eq!((exit, list.lines().count()), (Exit::Done, 2));
    assert!(line.starts_with(&caller.client) && line.ends_with("-           Harbor Pantry intake"), "{line}");
    let secret = token.rsplit('_').next().unwrap();
    assert!(!list.contains(secret), "a token is shown once");

    let (exit, message, _) = client(folder.path(), &["revoke", &caller.client]);
    assert_eq!((exit, message), (Exit::Done, format!("{} is revoked\n", caller.client)));
    assert!(clients(folder.path()).authenticate(token, None, "r".to_owned()).is_err());
    let (_, list, _) = client(folder.path(), &["list"]);
    assert!(!list.lines().nth(1).unwrap().contains("-           "), "{list}");
}

#[test]
fn the_secret_is_not_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (_, token, _) = client(folder.path(), ADD);
    let secret = token.trim_end().rsplit('_').next().unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
}

#[test]
fn what_cannot_be_done_is_said() {
    let folder = tempfile::tempdir().unwrap();
    client(folder.path(), ADD);
    let (exit, out, err) = client(folder.path(), &["revoke", "nobody"]);
    assert_eq!((exit, out.as_str()), (Exit::Failed, ""));
    assert!(err.contains("nobody"), "{err}");
    for bad in [
        &["client", "add", "--name", "N", "--role", "boss", "--organization", "Organization/a"][..],
        &["client", "add", "--name", "N", "--role", "ehr", "--organization", "Patient/a"],
        &["client", "add", "--name", "N", "--role", "ehr", "--organization", "a"],
        &["client", "add", "--name", "N", "--role", "ehr", "--organization", "Organization/a", "--acts-for", "b"],
        &["client", "list", "--store", "postgres://localhost/handoff"],
        &["client", "list", "--store", "sqlite:"],
    ] {
        let refused = Cli::try_parse_from(["handoff"].iter().chain(bad)).unwrap_err();
        assert_eq!(refused.exit_code(), 2, "{bad:?}");
    }
}

#[test]
fn a_client_acts_for_other_organizations() {
    let folder = tempfile::tempdir().unwrap();
    let others = ["--acts-for", "Organization/wayside-care", "--acts-for", "Organization/lantern-housing"];
    let (_, token, _) =
        client(folder.path(), &[ADD, &others, &others[..2], &["--acts-for", "Organization/harbor-pantry"]].concat());
    let caller = clients(folder.path()).authenticate(token.trim_end(), None, "r".to_owned()).unwrap();
    assert_eq!(
        (caller.organization.as_str(), caller.acts_for),
        ("harbor-pantry", vec!["lantern-housing".to_owned(), "wayside-care".to_owned()])
    );
    let (_, list, _) = client(folder.path(), &["list"]);
    assert!(
        list.contains("  Organization/harbor-pantry Organization/lantern-housing Organization/wayside-care  "),
        "{list}"
    );
}

#[test]
fn every_role_can_be_given() {
    let folder = tempfile::tempdir().unwrap();
    for role in Role::ALL {
        let (exit, token, err) =
            client(folder.path(), &["add", "--name", "N", "--role", role.name(), "--organization", "Organization/a"]);
        assert_eq!(exit, Exit::Done, "{err}");
        assert_eq!(clients(folder.path()).authenticate(token.trim_end(), None, "r".to_owned()).unwrap().role, role);
    }
}

#[test]
fn a_name_shows_all_that_it_holds() {
    for (name, good) in [
        ("Harbor Pantry – Zoë’s desk (2)", true),
        ("مخزن", true),
        ("line\nbreak", false),
        ("\u{1b}[31mred", false),
        ("\u{202e}tnega", false),
        ("\u{2067}agent", false),
        ("a\u{2028}b", false),
        ("a\u{2029}b", false),
        ("a\u{200b}b", false),
        ("\u{feff}a", false),
        (" ", false),
        (&"a".repeat(201), false),
    ] {
        let added = Cli::try_parse_from([
            "handoff",
            "client",
            "add",
            "--role",
            "ehr",
            "--organization",
            "Organization/a",
            "--name",
            name,
        ]);
        assert_eq!(added.is_ok(), good, "{name:?}");
        if let Err(refused) = added {
            assert_eq!(refused.exit_code(), 2);
            let text = refused.to_string();
            assert!(text.contains("expected"), "{text}");
        }
    }
}

#[cfg(unix)]
#[test]
fn the_file_is_for_its_owner() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    client(folder.path(), ADD);
    let mode = std::fs::metadata(folder.path().join("handoff.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn an_organization_that_the_directory_lacks_is_said_to_be_so() {
    let folder = tempfile::tempdir().unwrap();
    let demo = std::process::Command::new(env!("CARGO_BIN_EXE_handoff"))
        .args(["demo", "--once", "--data"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(demo.status.success());
    let add = |organization, other| {
        let all = ["add", "--name", "N", "--role", "agency", "--organization", organization, "--acts-for", other];
        client(folder.path(), &all)
    };
    let (exit, _, err) = add("Organization/lantern-housing", "Organization/wayside-care");
    assert_eq!((exit, err.as_str()), (Exit::Done, ""));
    let (exit, token, err) = add("Organization/lantern-housng", "Organization/nobody-at-all");
    assert_eq!((exit, token.lines().count(), err.lines().count()), (Exit::Done, 1, 2), "{err}");
    assert!(err.contains("did you mean Organization/lantern-housing?"), "{err}");
    assert!(err.contains("Organization/nobody-at-all") && err.contains("the directory lacks it"), "{err}");
}

#[test]
fn a_client_is_bound_to_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Harbor Client Authority");
    let path = |name: &str| folder.path().join(format!("{name}.pem")).display().to_string();
    for name in ["old", "new"] {
        authority.client("desk.example").write(folder.path(), name);
    }
    let (exit, token, err) = client(folder.path(), &[ADD, &["--certificate", &path("old")]].concat());
    assert_eq!(exit, Exit::Done, "{err}");
    let (_, list, _) = client(folder.path(), &["list"]);
    let id = list.lines().nth(1).unwrap().split(' ').next().unwrap().to_owned();
    assert!(list.contains("  CERTIFICATE       NAME\n"), "{list}");
    let refused = |shown| {
        let asked = clients(folder.path()).authenticate(token.trim_end(), shown, "r".to_owned());
        asked.map(|_| ()).unwrap_err().issues[0].text.clone()
    };
    assert!(refused(None).contains("bound to a certificate"), "{}", refused(None));

    // Both, while it changes over; by file, or by what other tools print of it.
    let (exit, told, err) =
        client(folder.path(), &["bind", &id, "--certificate", &path("old"), "--certificate", &path("new")]);
    assert_eq!((exit, err.as_str()), (Exit::Done, ""));
    let shown: Vec<Fingerprint> = told.trim_end().split(' ').skip(4).map(|text| text.parse().unwrap()).collect();
    assert_eq!(shown.len(), 2, "{told}");
    for shown in &shown {
        assert!(clients(folder.path()).authenticate(token.trim_end(), Some(*shown), "r".to_owned()).is_ok());
    }
    let printed = format!("sha256 Fingerprint={}", shown[0]);
    let (_, told, _) = client(folder.path(), &["bind", &id, "--certificate", &printed]);
    assert_eq!(told, format!("{id} is bound to {}\n", shown[0]));
    assert!(refused(Some(shown[1])).contains("shows another one"));

    let (_, told, _) = client(folder.path(), &["bind", &id, "--none"]);
    assert_eq!(told, format!("{id} is bound to no certificate\n"));
    assert!(clients(folder.path()).authenticate(token.trim_end(), None, "r".to_owned()).is_ok());
    let (_, log, _) = handoff(folder.path(), &["audit", "list", "--action", "client-bound"]);
    assert_eq!(log.lines().filter(|line| line.contains("client-bound")).count(), 3, "{log}");

    std::fs::write(folder.path().join("text.pem"), "no certificate").unwrap();
    for (arguments, exit, why) in [
        (&["bind", &id, "--certificate", &path("none")][..], Exit::Failed, "cannot read"),
        (&["bind", &id, "--certificate", &path("text")], Exit::Invalid, "no certificate in PEM"),
        (&["bind", "nobody", "--none"], Exit::Failed, "nobody"),
    ] {
        let (found, out, err) = client(folder.path(), arguments);
        assert!(found == exit && out.is_empty() && err.contains(why), "{arguments:?}: {err}");
    }
    assert!(Cli::try_parse_from(["handoff", "client", "bind", &id]).is_err());
}

//! What `deploy/` holds: the settings are read as they stand, the unit is one that systemd takes, and the container file and the
//! compose file keep what they promise. No container is built here.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

use std::path::{Path, PathBuf};
use std::process::Command;

use handoff::app::{Options, Settings};
use handoff::store::StorePlace;

const FILE: &str = include_str!("../deploy/handoff.toml");
const CONTAINER: &str = include_str!("../deploy/Containerfile");
const COMPOSE: &str = include_str!("../deploy/compose.yaml");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn settings(text: &str) -> Settings {
    let options = Options::read(text, "handoff.toml").unwrap_or_else(|error| panic!("{error}"));
    options.into_settings().unwrap_or_else(|error| panic!("{error}"))
}

// === settings ===

/// What is commented out although its value is not the default: the text says "not set".
const NOT_SET: &[&str] = &[
    "audit-days",
    "certificate",
    "client-ca",
    "forwarded",
    "key",
    "packages",
    "programs",
    "Task",
    "terminology",
    "terminology-ms",
];

/// The name and the line without its mark, of a line that is commented out.
fn commented(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix("# ")?;
    let (name, _) = line.split_once(" = ")?;
    let is_name = name.chars().all(|letter| letter.is_ascii_alphabetic() || letter == '-');
    is_name.then_some((name, line))
}

#[test]
fn the_settings_are_read_and_say_what_the_defaults_are() {
    let plain = settings(FILE);
    assert_eq!(plain.store, StorePlace::Sqlite(PathBuf::from("/var/lib/handoff/handoff.db")));
    let uncommented = |all: bool| -> String {
        let line = |line| match commented(line) {
            Some((name, setting)) if all || !NOT_SET.contains(&name) => setting,
            _ if all && line == "# [profiles]" => "[profiles]",
            _ if all && line == "# [tls]" => "[tls]",
            _ => line,
        };
        FILE.lines().map(line).collect::<Vec<_>>().join("\n")
    };
    let defaults = uncommented(false);
    assert!(FILE.lines().filter_map(commented).count() > 10);
    assert_eq!(settings(&defaults), plain, "a value that is shown as the default is another one");
    // Whoever takes the marks out has a file that is read.
    let all = settings(&uncommented(true));
    assert_eq!((all.audit_days, all.tls.is_some(), all.forwarded.is_empty()), (Some(2190), true, false));
}

// === systemd ===

#[test]
fn the_unit_is_one_that_systemd_takes() {
    let unit = std::fs::read_to_string(root().join("deploy/handoff.service")).unwrap();
    let started = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let mut words = started.split(' ');
    assert_eq!(words.next(), Some("/usr/local/bin/handoff"));
    let known = Command::new(env!("CARGO_BIN_EXE_handoff")).arg("serve").arg("--help").output().unwrap();
    let known = String::from_utf8(known.stdout).unwrap();
    for flag in words.filter(|word| word.starts_with("--")) {
        assert!(known.contains(flag), "handoff serve has no {flag}");
    }
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("skipped: systemd-analyze is needed to verify the unit");
        return;
    }
    for unit in [&unit, &with_tls(&unit)] {
        // It asks that the program is there.
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("handoff.service");
        std::fs::write(&file, unit.replace("/usr/local/bin/handoff", env!("CARGO_BIN_EXE_handoff"))).unwrap();
        let verified = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&file).output().unwrap();
        let said = String::from_utf8_lossy(&verified.stderr).into_owned();
        let of_ours: Vec<&str> = said.lines().filter(|line| line.contains("handoff")).collect();
        assert!(verified.status.success() && of_ours.is_empty(), "{said}");
    }
}

/// The unit with the marks taken out before what TLS needs.
fn with_tls(unit: &str) -> String {
    unit.replace("\n#LoadCredential=", "\nLoadCredential=").replace("\n#Environment=", "\nEnvironment=")
}

#[test]
fn the_unit_hands_over_a_key_that_root_alone_reads() {
    let unit = with_tls(&std::fs::read_to_string(root().join("deploy/handoff.service")).unwrap());
    let lines =
        |name: &str| unit.lines().filter_map(|line| line.strip_prefix(name).map(str::to_owned)).collect::<Vec<_>>();
    let loaded: Vec<String> =
        lines("LoadCredential=").iter().map(|it| it.split(':').next().unwrap().to_owned()).collect();
    let set = lines("Environment=").join(" ");
    for name in ["HANDOFF_TLS_CERTIFICATE", "HANDOFF_TLS_KEY"] {
        let file = set.split(' ').find_map(|set| set.strip_prefix(&format!("{name}=%d/"))).unwrap_or_default();
        assert!(loaded.contains(&file.to_owned()), "{name} names no credential of {loaded:?}");
        let known = Command::new(env!("CARGO_BIN_EXE_handoff")).args(["serve", "--help"]).output().unwrap();
        assert!(String::from_utf8_lossy(&known.stdout).contains(name), "{name} is no setting");
    }
}

// === container ===

/// An instruction, with its continued lines as one.
fn instructions() -> Vec<(String, String)> {
    let joined = CONTAINER.replace("\\\n", " ");
    let lines = joined.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, rest) = line.split_once(' ').unwrap_or_else(|| panic!("not an instruction: {line}"));
            (name.to_owned(), rest.split_whitespace().collect::<Vec<_>>().join(" "))
        })
        .collect()
}

#[test]
fn the_container_file_is_of_known_instructions_and_of_what_is_there() {
    let instructions = instructions();
    for (name, rest) in &instructions {
        assert!(
            ["FROM", "WORKDIR", "RUN", "COPY", "USER", "VOLUME", "ENV", "EXPOSE", "STOPSIGNAL", "ENTRYPOINT", "CMD"]
                .contains(&name.as_str()),
            "{name}"
        );
        if name == "COPY" && !rest.contains("--from=") {
            let words: Vec<&str> = rest.split(' ').collect();
            for source in &words[..words.len() - 1] {
                assert!(root().join(source).exists(), "{source} is copied and not there");
            }
        }
        if ["ENTRYPOINT", "CMD", "VOLUME"].contains(&name.as_str()) {
            assert!(serde_json::from_str::<Vec<String>>(rest).is_ok(), "a shell would be needed: {name} {rest}");
        }
    }
    // What the build needs of the folder is copied into it.
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    let froms: Vec<&String> = instructions.iter().filter(|(name, _)| name == "FROM").map(|(_, rest)| rest).collect();
    assert_eq!(froms.len(), 2, "one stage builds, the other is the image");
    assert!(froms[0].contains(&format!("rust:{version}")), "{}", froms[0]);
    for folder in ["src", "profiles", "fixtures", "benches"] {
        assert!(
            instructions.iter().any(|(name, rest)| name == "COPY" && rest == &format!("{folder} {folder}")),
            "{folder}"
        );
    }
}

#[test]
fn the_image_is_small_and_runs_as_nobody() {
    let instructions = instructions();
    let last = instructions.iter().rposition(|(name, _)| name == "FROM").unwrap();
    let image = &instructions[last..];
    assert!(image.iter().all(|(name, _)| name != "RUN"), "the base has no shell, and needs none");
    assert!(image[0].1.contains("distroless"), "{}", image[0].1);
    let user = image.iter().find(|(name, _)| name == "USER").map(|(_, rest)| rest.as_str()).unwrap();
    let (user, group) = user.split_once(':').unwrap();
    assert!(user.parse::<u32>().unwrap() > 0 && group.parse::<u32>().unwrap() > 0);
    // The root may be read-only: all that is written is in the volume.
    assert!(image.contains(&("VOLUME".to_owned(), "[\"/data\"]".to_owned())));
    let set = image.iter().find(|(name, _)| name == "ENV").map(|(_, rest)| rest.as_str()).unwrap();
    let help = Command::new(env!("CARGO_BIN_EXE_handoff")).args(["serve", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let mut served = Command::new(env!("CARGO_BIN_EXE_handoff"));
    for (name, value) in set.split(' ').map(|pair| pair.split_once('=').unwrap()) {
        // What is not ours is the system's allocator's.
        let is_known = help.contains(&format!("env: {name}")) || name == "MALLOC_ARENA_MAX";
        assert!(is_known, "no setting is called {name}");
        // With an address that is none it ends at once, and what it says is about that.
        served.env(name, if name == "HANDOFF_LISTEN" { "nowhere" } else { value });
    }
    let said = served.arg("serve").output().unwrap();
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(said.contains("nowhere") && said.lines().filter(|line| line.contains("error")).count() == 1, "{said}");
    assert!(set.contains("HANDOFF_STORE=sqlite:/data/"));
}

// === compose ===

/// The compose file as it is read, with what it takes from the environment.
fn compose() -> serde_json::Value {
    let mut text = COMPOSE.to_owned();
    for (name, value) in [
        ("POSTGRES_PASSWORD", "invented-1"),
        ("REPLICATION_PASSWORD", "invented-2"),
        ("HANDOFF_BASE", "https://gateway.example"),
    ] {
        text = text.replace(&format!("${{{name}:?}}"), value);
    }
    assert!(
        !text.replace("$$", "").contains('$'),
        "what is taken from the environment is demanded, and nothing else is taken"
    );
    serde_saphyr::from_str(&text).unwrap()
}

#[test]
fn the_gateways_of_the_compose_file_are_alike_and_their_settings_are_taken() {
    let compose = compose();
    let gateways: Vec<_> = ["gateway-1", "gateway-2"].iter().map(|name| &compose["services"][name]).collect();
    assert_eq!(gateways[0], gateways[1]);
    assert_eq!((&gateways[0]["read_only"], &gateways[0]["cap_drop"][0]), (&true.into(), &"ALL".into()));
    assert!(gateways[0].get("volumes").is_none(), "a gateway keeps nothing of its own");
    let help = Command::new(env!("CARGO_BIN_EXE_handoff")).args(["serve", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let set = gateways[0]["environment"].as_object().unwrap();
    let mut asked = Command::new(env!("CARGO_BIN_EXE_handoff"));
    for (name, value) in set {
        assert!(help.contains(&format!("env: {name}")), "no setting is called {name}");
        asked.env(name, value.as_str().unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    let told = asked.arg("settings").current_dir(folder.path()).output().unwrap();
    let (told, said) = (String::from_utf8(told.stdout).unwrap(), String::from_utf8(told.stderr).unwrap());
    assert!(told.contains("postgres://primary,standby/handoff") && !told.contains("invented"), "{told}{said}");
    let url = set["HANDOFF_STORE"].as_str().unwrap();
    assert!(matches!(StorePlace::parse(url).unwrap(), StorePlace::Postgres(_)));
    assert!(url.contains("target_session_attrs=read-write"), "the gateways find the one that takes writes");
}

#[test]
fn the_compose_file_is_of_what_is_there() {
    let compose = compose();
    let services = compose["services"].as_object().unwrap();
    for (name, service) in services {
        let waits_for: Vec<&str> = match &service["depends_on"] {
            serde_json::Value::Array(names) => names.iter().map(|name| name.as_str().unwrap()).collect(),
            serde_json::Value::Object(names) => names.keys().map(String::as_str).collect(),
            _ => Vec::new(),
        };
        assert!(waits_for.iter().all(|other| services.contains_key(*other)), "{name} waits for {waits_for:?}");
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let named = volume.as_str().unwrap().split(':').next().unwrap();
            assert!(compose["volumes"].get(named).is_some(), "{name}: {named}");
        }
        for config in service["configs"].as_array().into_iter().flatten() {
            assert!(compose["configs"][config["source"].as_str().unwrap()]["content"].is_string(), "{name}");
        }
        let image = service["image"].as_str().unwrap();
        assert!(
            image == "handoff" || image.rsplit('/').next().unwrap().contains(':'),
            "{name}: {image} has no version"
        );
    }
    // The balancer knows the gateways by their names, and looks at what they say of themselves.
    let balancer = compose["configs"]["balancer"]["content"].as_str().unwrap();
    let served = |role: &str| -> Vec<&str> {
        let servers = balancer.lines().filter_map(|line| line.trim().strip_prefix("server ")?.strip_suffix(role));
        servers.filter_map(|server| server.split(' ').nth(1)).collect()
    };
    for role in [" check", " backup"] {
        assert_eq!(served(role), ["gateway-1:8080", "gateway-2:8080"], "{role}");
    }
    assert!(balancer.contains("mode tcp") && balancer.contains("GET /readyz"));
    // Held polls are not cut off: they wait for a minute at most.
    assert!(balancer.contains("timeout server 120s"));
}

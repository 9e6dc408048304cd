//! A PostgreSQL for the tests of one process: Debian's, started by the first test that asks, on a free port and a socket of its
//! own, with a database for each test. It is stopped, and its folder removed, when the process ends, however it ends: the
//! shell that holds it reads from a pipe that only this process has open.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Starts a server in a folder of its own, says where, and ends it when there is nothing more to read.
const SERVE: &str = r#"
set -eu
PATH="$1:$PATH"
folder=$(mktemp -d /tmp/handoff-postgres.XXXXXX)
chmod 755 "$folder"
end() { pg_ctl -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$folder"; }
trap end EXIT
trap '' INT TERM HUP
initdb -D "$folder/data" -U handoff -A trust --encoding=UTF8 --locale=C --no-sync >/dev/null
pg_ctl -D "$folder/data" -l "$folder/log" -w -o "-p $2 -k $folder -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=400 -c shared_buffers=64MB -c max_wal_size=512MB" start >/dev/null </dev/null
echo "$folder"
cat >/dev/null
"#;

/// A server that runs.
pub(crate) struct Server {
    /// Holds the server; never waited for
    _shell: Child,
    /// Where its socket is
    folder: PathBuf,
    port: u16,
    binaries: PathBuf,
}

/// A database of one test, gone when it is dropped.
pub(crate) struct Database {
    name: String,
    server: &'static Server,
}

/// The server of this process; none where PostgreSQL is not installed, which is said aloud.
pub(crate) fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(Server::start).as_ref()
}

/// The folder of PostgreSQL's programs: as Debian installs them, the newest version of several.
fn binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let number = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let newest = versions.filter_map(|entry| Some(entry.ok()?.path())).max_by_key(number)?;
    Some(newest.join("bin")).filter(|folder| folder.join("postgres").is_file())
}

impl Server {
    #[allow(clippy::print_stderr)] // what is skipped is said aloud
    fn start() -> Option<Self> {
        let Some(binaries) = binaries() else {
            eprintln!("skipped: PostgreSQL is not installed (Debian: apt-get install postgresql)");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // It refuses to run as root.
        let is_root = Command::new("id").arg("-u").output().unwrap().stdout.starts_with(b"0\n");
        let mut command = if is_root { Command::new("setpriv") } else { Command::new("sh") };
        if is_root {
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "sh"]);
        }
        command.args(["-c", SERVE, "sh"]).arg(&binaries).arg(port.to_string()).current_dir("/");
        let mut shell = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut folder = String::new();
        BufReader::new(shell.stdout.take().unwrap()).read_line(&mut folder).unwrap();
        assert!(folder.starts_with('/'), "PostgreSQL did not start");
        Some(Self { _shell: shell, folder: folder.trim_end().into(), port, binaries })
    }

    /// Where it listens on the network.
    #[allow(dead_code)] // not every test that includes this asks
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// An empty database.
    pub(crate) fn database(&'static self) -> Database {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.sql(&format!("CREATE DATABASE {name} TEMPLATE template0"));
        Database { name, server: self }
    }

    fn sql(&self, sql: &str) {
        self.sql_in("postgres", sql);
    }

    fn sql_in(&self, database: &str, sql: &str) -> String {
        let output = Command::new(self.binaries.join("psql"))
            .args(["-X", "-q", "-A", "-t", "-U", "handoff", "-d", database, "-v", "ON_ERROR_STOP=1", "-c", sql, "-h"])
            .arg(&self.folder)
            .args(["-p", &self.port.to_string()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Database {
    /// Its URL, over the socket.
    pub(crate) fn url(&self) -> String {
        let Server { folder, port, .. } = self.server;
        format!("postgres://handoff@/{}?host={}&port={port}", self.name, folder.display())
    }

    /// Its URL, over the network.
    #[allow(dead_code)] // not every test that includes this asks
    pub(crate) fn network_url(&self) -> String {
        format!("postgres://handoff@127.0.0.1:{}/{}", self.server.port, self.name)
    }

    /// What a statement answers, done beside every gateway.
    #[allow(dead_code)] // not every test that includes this asks
    pub(crate) fn sql(&self, sql: &str) -> String {
        self.server.sql_in(&self.name, sql)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A test that panics has told already what is wrong.
        if !std::thread::panicking() {
            self.server.sql(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
        }
    }
}

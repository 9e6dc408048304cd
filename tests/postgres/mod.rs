//! A PostgreSQL for the tests of one process: Debian's, started by the first test that asks, on a free port and a socket of its
//! own, with a database for each test. It is stopped, and its folder removed, when the process ends, however it ends: the
//! shell that holds it reads from a pipe that only this process has open.
//!
//! A test that stops its server starts one of its own.

#![allow(dead_code)] // each test binary uses what it needs of what they share

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// Starts a server in a folder of its own, says where, does what it is told, and ends the server when there is nothing more to
/// read. It is told to `stop`, as a machine that goes away, and to `start`.
const SERVE: &str = r#"
set -eu
PATH="$1:$PATH"
folder=$(mktemp -d /tmp/handoff-postgres.XXXXXX)
chmod 755 "$folder"
stop() { pg_ctl -D "$folder/data" -m immediate stop >/dev/null 2>&1; }
end() { stop || true; rm -rf "$folder"; }
trap end EXIT
trap '' INT TERM HUP
options="-p $2 -k $folder -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=400 -c shared_buffers=64MB -c max_wal_size=512MB"
start() { pg_ctl -D "$folder/data" -l "$folder/log" -w -o "$options" start >/dev/null </dev/null; }
initdb -D "$folder/data" -U handoff -A trust --encoding=UTF8 --locale=C --no-sync >/dev/null
start
echo "$folder"
while read -r told; do
  "$told"
  echo "$told"
done
"#;

/// A server that runs.
pub(crate) struct Server {
    /// What holds it
    shell: Mutex<Shell>,
    /// Where its socket is
    folder: PathBuf,
    port: u16,
    binaries: PathBuf,
}

/// The shell that holds a server, which ends with the last word that it can be told.
struct Shell {
    _process: Child,
    told: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// A database of one test, gone when it is dropped.
pub(crate) struct Database {
    name: String,
    server: Arc<Server>,
}

/// The server of this process; none where PostgreSQL is not installed, which is said aloud.
pub(crate) fn server() -> Option<&'static Arc<Server>> {
    static SERVER: OnceLock<Option<Arc<Server>>> = OnceLock::new();
    SERVER.get_or_init(Server::own).as_ref()
}

/// The folder of PostgreSQL's programs: as Debian installs them, the newest version of several.
fn binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let number = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let newest = versions.filter_map(|entry| Some(entry.ok()?.path())).max_by_key(number)?;
    Some(newest.join("bin")).filter(|folder| folder.join("postgres").is_file())
}

impl Server {
    /// One of the caller's own, which ends with it; none where PostgreSQL is not installed, which is said aloud.
    #[allow(clippy::print_stderr)] // what is skipped is said aloud
    pub(crate) fn own() -> Option<Arc<Self>> {
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
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (told, answers) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        let mut shell = Shell { _process: process, told, answers };
        let folder = shell.answer();
        assert!(folder.starts_with('/'), "PostgreSQL did not start");
        Some(Arc::new(Self { shell: Mutex::new(shell), folder: folder.into(), port, binaries }))
    }

    /// Where it listens on the network.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Ends it as if its machine had gone: no connection is told why. Only of a test's own.
    pub(crate) fn stop(&self) {
        self.shell.lock().unwrap().tell("stop");
    }

    /// Starts it again where it was.
    pub(crate) fn start(&self) {
        self.shell.lock().unwrap().tell("start");
    }

    /// An empty database.
    pub(crate) fn database(self: &Arc<Self>) -> Database {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.sql(&format!("CREATE DATABASE {name} TEMPLATE template0"));
        Database { name, server: self.clone() }
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

impl Shell {
    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn tell(&mut self, word: &str) {
        writeln!(self.told, "{word}").unwrap();
        assert_eq!(self.answer(), word, "what PostgreSQL was told went wrong");
    }
}

impl Database {
    /// Its URL, over the socket.
    pub(crate) fn url(&self) -> String {
        let Server { folder, port, .. } = &*self.server;
        format!("postgres://handoff@/{}?host={}&port={port}", self.name, folder.display())
    }

    /// Its URL, over the network.
    pub(crate) fn network_url(&self) -> String {
        format!("postgres://handoff@127.0.0.1:{}/{}", self.server.port, self.name)
    }

    /// What a statement answers, done beside every gateway.
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

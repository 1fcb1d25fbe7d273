//! A PostgreSQL server for tests: the one that runs on this machine, or a private one from Debian's packages that
//! lives as long as a test uses it. A private server can also use TLS.

use std::{
    env, fs,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, Weak},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// The server that is tried first, unless `EASYSIGHT_TEST_POSTGRES` names another one.
const USUAL: &str = "postgres://postgres@127.0.0.1:5432";
/// Where Debian installs the server's programs, in one folder for each version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// The time limit for the start of a private server.
const START: Duration = Duration::from_secs(60);

/// How a private server admits clients.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Any client on loopback, without TLS.
    Open,
    /// Clients with the password `secret`, by TLS only. The server's certificate is for `localhost`, and is signed
    /// by the authority in [`Private::authority`].
    Tls,
}

/// A server for tests.
pub(crate) struct Server {
    /// The URL up to the database's name, which follows after a slash.
    pub(crate) url: String,
    _private: Option<Private>,
}

/// Returns the server that all tests of this process share. Prints a message and returns None if there is no server
/// and none can be started.
pub(crate) fn shared() -> Option<Arc<Server>> {
    static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap();
    if let Some(server) = shared.upgrade() {
        return Some(server);
    }
    let given = env::vars().find(|(name, _)| name == "EASYSIGHT_TEST_POSTGRES").map(|(_, url)| url);
    let url = given.clone().unwrap_or_else(|| USUAL.to_owned());
    let server = if answers(&url) {
        Server { url, _private: None }
    } else if given.is_some() {
        panic!("EASYSIGHT_TEST_POSTGRES names {url}, where no PostgreSQL answers");
    } else {
        let private = Private::start(Entry::Open)?;
        Server { url: format!("postgres://postgres@127.0.0.1:{}", private.port), _private: Some(private) }
    };
    let server = Arc::new(server);
    *shared = Arc::downgrade(&server);
    Some(server)
}

/// Returns true if a server admits this user. A server in Debian's default configuration demands a password, and
/// cannot be used.
fn answers(url: &str) -> bool {
    let mut psql = Command::new("psql");
    psql.args(["--no-password", "--no-psqlrc", "--command=SELECT 1"]).arg(format!("{url}/postgres"));
    psql.env("PGCONNECT_TIMEOUT", "5").stdin(Stdio::null());
    psql.output().is_ok_and(|output| output.status.success())
}

/// A private server of one test. It is stopped and removed with the test.
pub(crate) struct Private {
    pub(crate) port: u16,
    server: Child,
    owner: Owner,
    programs: PathBuf,
    dir: TempDir,
}

impl Private {
    /// Starts a server. Prints a message and returns None if Debian's package is missing.
    pub(crate) fn start(entry: Entry) -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(
                std::env::var_os("CI").is_none(),
                "PostgreSQL is neither running nor installed (Debian: postgresql)"
            );
            eprintln!("SKIPPED: PostgreSQL is neither running nor installed (Debian: postgresql)");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        let owner = Owner::new();
        owner.own(dir.path());
        let (data, password) = (dir.path().join("data"), dir.path().join("password"));
        fs::write(&password, "secret\n").unwrap();
        owner.own(&password);
        let mut initdb = owner.command(&programs.join("initdb"));
        initdb.args(["--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        initdb.arg(if entry == Entry::Tls { "--auth=scram-sha-256" } else { "--auth=trust" });
        initdb.arg("--pwfile").arg(&password).arg("--pgdata").arg(&data);
        let made = initdb.output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut options = "fsync = off\nmax_connections = 100\n".to_owned();
        options += &format!("unix_socket_directories = '{}'\n", dir.path().display());
        if entry == Entry::Tls {
            certify(dir.path());
            for name in ["cert.pem", "key.pem"] {
                owner.own(&dir.path().join(name));
            }
            fs::set_permissions(dir.path().join("key.pem"), fs::Permissions::from_mode(0o600)).unwrap();
            options += &format!(
                "ssl = on\nssl_cert_file = '{0}/cert.pem'\nssl_key_file = '{0}/key.pem'\n",
                dir.path().display()
            );
            fs::write(data.join("pg_hba.conf"), "hostssl all all 127.0.0.1/32 scram-sha-256\n").unwrap();
        }
        fs::write(data.join("postgresql.auto.conf"), options).unwrap();
        // A free port may be taken by another program before the server opens it.
        let (port, server) =
            (0..5).find_map(|_| serve(&owner, &programs, &data, free_port())).expect("PostgreSQL starts");
        Some(Self { port, server, owner, programs, dir })
    }

    /// Stops the server as a crash would. Committed data stays.
    pub(crate) fn stop(&mut self) {
        // This is an immediate shutdown, with which the server's child processes end too.
        let mut quit = Command::new("kill");
        drop(quit.args(["-QUIT", &self.server.id().to_string()]).status());
        drop(self.server.wait());
    }

    /// Starts the server again on the same port and data.
    pub(crate) fn start_again(&mut self) {
        let data = self.dir.path().join("data");
        let (_, server) =
            serve(&self.owner, &self.programs, &data, self.port).expect("PostgreSQL starts again");
        self.server = server;
    }

    /// Returns the PEM file of the authority that signed the server's certificate.
    pub(crate) fn authority(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        // A server that is already stopped has no process to signal.
        if matches!(self.server.try_wait(), Ok(None)) {
            self.stop();
        }
    }
}

/// Tries once to start the server. Returns None if the server ended at once.
#[expect(clippy::disallowed_methods, reason = "another program's server is asked until it answers")]
fn serve(owner: &Owner, programs: &Path, data: &Path, port: u16) -> Option<(u16, Child)> {
    let mut postgres = owner.command(&programs.join("postgres"));
    postgres.arg("-D").arg(data).args(["-h", "127.0.0.1", "-p", &port.to_string()]);
    let mut server = postgres.stderr(Stdio::null()).spawn().unwrap();
    let until = Instant::now() + START;
    loop {
        let mut ready = Command::new(programs.join("pg_isready"));
        ready.args(["--quiet", "--host=127.0.0.1", &format!("--port={port}")]);
        if ready.status().unwrap().success() {
            return Some((port, server));
        }
        if server.try_wait().unwrap().is_some() {
            return None;
        }
        assert!(Instant::now() < until, "PostgreSQL does not answer");
        thread::sleep(Duration::from_millis(50));
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Returns the folder with the programs of the newest installed version.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir(DEBIAN).ok()?.filter_map(Result::ok);
    let numbered = versions.filter_map(|entry| {
        let version: u32 = entry.file_name().to_str()?.parse().ok()?;
        let programs = entry.path().join("bin");
        programs.join("initdb").exists().then_some((version, programs))
    });
    numbered.max().map(|(_, programs)| programs)
}

/// The user that runs the server. PostgreSQL refuses to run as root, so `postgres` is used instead.
struct Owner(Option<(u32, u32)>);

impl Owner {
    fn new() -> Self {
        let id = |arguments: &[&str]| -> Option<u32> {
            let output = Command::new("id").args(arguments).output().unwrap();
            String::from_utf8(output.stdout).unwrap().trim().parse().ok()
        };
        if id(&["-u"]) != Some(0) {
            return Self(None);
        }
        let postgres = (id(&["-u", "postgres"]), id(&["-g", "postgres"]));
        let (Some(user), Some(group)) = postgres else { panic!("there is no user `postgres`") };
        Self(Some((user, group)))
    }

    fn own(&self, path: &Path) {
        if let Some((user, group)) = self.0 {
            chown(path, Some(user), Some(group)).unwrap();
        }
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = match self.0 {
            None => Command::new(program),
            Some((user, group)) => {
                let mut command = Command::new("setpriv");
                command.args([&format!("--reuid={user}"), &format!("--regid={group}"), "--clear-groups"]);
                command.arg("--").arg(program);
                command
            }
        };
        // Every user may enter this folder, which may not be true of the tests' folder.
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null());
        command
    }
}

/// Makes a private authority, and a certificate for `localhost` that it signs.
fn certify(dir: &Path) {
    let openssl = |arguments: &str| {
        let mut command = Command::new("openssl");
        command.current_dir(dir).args(arguments.split_whitespace()).stdin(Stdio::null());
        let output = command.output().expect("openssl is installed beside PostgreSQL");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    fs::write(dir.join("san"), "subjectAltName=DNS:localhost\n").unwrap();
    openssl(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=test-authority",
    );
    openssl(
        "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out csr.pem -subj /CN=localhost",
    );
    openssl(
        "x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -out cert.pem -days 2 -extfile san",
    );
}

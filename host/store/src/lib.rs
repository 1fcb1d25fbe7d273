//! The master's database, in SQLite or PostgreSQL: cameras, tasks, runs, jobs and their leases, findings, plugins,
//! nodes, tokens, users. All SQL is in this crate. The crate uses the data types of the protocol. One set of statements
//! serves both databases; [`Dialect`] holds the differences.
//!
//! Commands that change data are executed in batches, and are answered once their transaction is committed. The
//! caller passes the time, in milliseconds since 1970.

mod area;
mod audit;
mod baselines;
mod beats;
mod begins;
mod cameras;
mod census;
mod clock;
mod db;
mod dialect;
mod endings;
mod error;
mod filters;
mod findings;
mod health;
mod jobs;
mod lanes;
mod leases;
mod leasing;
mod listing;
mod looks;
mod lost;
mod measurements;
mod news;
mod nodes;
mod overview;
mod pictures;
mod plans;
mod plugins;
mod polls;
mod query;
mod ready;
mod replay;
mod reports;
mod results;
mod runs;
mod sessions;
mod settles;
mod shadows;
mod sign_ins;
mod standing;
mod storage;
mod tasks;
mod tokens;
mod trends;
mod upkeep;
mod usage;
mod users;
mod versions;
mod welcomes;
mod words;

use std::{collections::HashMap, path::Path, str::FromStr, sync::Arc};

use easysight_protocol::Ids;
use parking_lot::Mutex;
use sqlx::{migrate::Migrator, postgres::PgConnectOptions, sqlite::SqliteConnectOptions};
use tokio::task::JoinHandle;

pub use area::Area;
pub use audit::{Acting, Actor, AuditFilter, RefusedSignIns};
pub use beats::HeartbeatOutcome;
pub use cameras::{Imported, StoredCamera};
pub use census::HourCounts;
pub use dialect::Dialect;
pub use error::{OpenError, StoreError};
pub use filters::{FilterChanged, FilterOwner, MAX_FILTERS};
pub use findings::FindingFilter;
pub use leases::{Leased, WantedLease, satisfies};
pub use listing::{CameraFilter, CameraOrder};
pub use measurements::Folded;
pub use news::{Listener, MAX_NEWS_BYTES};
pub use nodes::{Registration, silent_before};
pub use overview::Tally;
pub use query::PageRequest;
pub use replay::{OtherLimit, ReplayCameras, ReplayScope, Replayed};
pub use results::Recorded;
pub use runs::{FanOut, NewRun, Retried, RunFilter, Start, StoredRun};
pub use sessions::{NewSession, StoredSession};
pub use shadows::Shadow;
pub use sign_ins::SignIn;
pub use tokens::StoredToken;
pub use trends::{MAX_SERIES, Span};
pub use upkeep::{Agenda, QueueState, Reaped};
pub use users::{Changed, StoredUser, login_of};
pub use versions::{Precondition, Version, Versions};
pub use welcomes::Welcomed;

use beats::Beats;
use begins::Begins;
use db::{Options, Pool, Server};
use endings::Ending;
use lanes::{Commands, Lane, Seat};
use leasing::Leases;
use plans::Plans;
use polls::Polls;
use ready::Ready;
use results::Results;
use settles::Settles;
use usage::Unwritten;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// The store. Cloning it is cheap.
#[derive(Clone)]
pub struct Store {
    readers: Pool,
    /// The queue of rare commands.
    writer: Commands,
    leases: Lane<Leases>,
    beats: Lane<Beats>,
    results: Lane<Results>,
    begins: Lane<Begins>,
    settles: Lane<Settles>,
    known: Arc<Known>,
    dialect: Dialect,
    url: Arc<str>,
    installation: Arc<str>,
}

/// The number of rows that the SQLite driver buffers. This is enough for a batch of commands.
const ROWS: usize = 2_048;

/// The state that this store keeps in memory only. All of this state may be lost.
#[derive(Default)]
struct Known {
    /// The generator of the ids of jobs, reports and leases. Reports sort by the time at which they were recorded.
    ids: Ids,
    ready: Ready,
    plans: Plans,
    polls: Polls,
    ending: Ending,
    /// When each set of labels was recorded.
    label_sets: Mutex<HashMap<String, i64>>,
    usage: Mutex<Unwritten>,
    /// The ids of tokens with a lifetime that were created through this store.
    tokens: Mutex<Vec<String>>,
    upkeep: Mutex<upkeep::Floors>,
}

impl Store {
    /// Opens a database, `sqlite://…` or `postgres://…`, and migrates its tables. The returned task ends once
    /// every clone of the store is dropped and everything is written.
    ///
    /// # Errors
    ///
    /// Returns an [`OpenError`], which explains the cause and what to do.
    pub async fn open(url: &str) -> Result<(Self, JoinHandle<()>), OpenError> {
        let options = options(url)?;
        let dialect = options.dialect();
        let failed = |error: &dyn std::fmt::Display| OpenError::Database {
            url: masked(url),
            reason: explain(dialect, &error.to_string()),
        };
        let mut connection = lanes::connect(&options).await.map_err(|error| failed(&error))?;
        // A migration of large tables has no time limit.
        connection.raw(dialect.unlimited()).await.map_err(|error| failed(&error))?;
        connection.migrate(&SQLITE, &POSTGRES).await.map_err(|error| failed(&error))?;
        connection.raw(dialect.session()).await.map_err(|error| failed(&error))?;
        let installation = installation(&mut connection).await.map_err(|error| failed(&error))?;
        storage::check_vacuum(&mut connection, dialect).await.map_err(|error| failed(&error))?;
        let known = Arc::new(Known::default());
        let readers = Pool::new(options.clone());
        let seat = Seat::new(connection, Arc::new(options));
        let (leases, leasing) = Lane::open(Leases::new(dialect, Arc::clone(&known)), &seat);
        let (beats, beating) = Lane::open(Beats::new(dialect), &seat);
        let (results, recording) = Lane::open(Results::new(dialect, Arc::clone(&known)), &seat);
        let (begins, beginning) = Lane::open(Begins::new(dialect, Arc::clone(&known)), &seat);
        let (settles, settling) = Lane::open(Settles, &seat);
        let (writer, commanding) = Commands::open(seat);
        let lanes = [
            tokio::spawn(leasing),
            tokio::spawn(beating),
            tokio::spawn(recording),
            tokio::spawn(beginning),
            tokio::spawn(settling),
            tokio::spawn(commanding),
        ];
        let ended = tokio::spawn(async move {
            for ended in futures::future::join_all(lanes).await {
                if let Err(error) = ended {
                    tracing::error!(%error, "a lane of the store failed");
                }
            }
        });
        let url = url.into();
        let store = Self {
            readers,
            writer,
            leases,
            beats,
            results,
            begins,
            settles,
            known,
            dialect,
            url,
            installation,
        };
        store.fill_words().await.map_err(|error| failed(&error))?;
        Ok((store, ended))
    }

    /// Returns the database's dialect.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Returns the id of the database: eight hexadecimal digits, the same for all masters that share the database.
    #[must_use]
    pub fn installation(&self) -> &str {
        &self.installation
    }

    /// Returns the number of statements that were sent to the database since the store was opened.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.readers.statements()
    }

    /// Returns the number of commands that wait to be executed.
    #[must_use]
    pub fn backlog(&self) -> usize {
        let lanes = [
            self.leases.depth(),
            self.beats.depth(),
            self.results.depth(),
            self.begins.depth(),
            self.settles.depth(),
        ];
        self.writer.depth() + lanes.iter().sum::<usize>()
    }
}

/// Reads the id of the database.
async fn installation(connection: &mut db::Connection) -> Result<Arc<str>, StoreError> {
    let row = db::query("SELECT id FROM installation").fetch_one(connection).await?;
    Ok(query::text(&row, "id")?.into())
}

fn options(url: &str) -> Result<Options, OpenError> {
    let broken = |error: sqlx::Error| OpenError::Url(format!("the database URL {}: {error}", masked(url)));
    if url.starts_with("sqlite:") {
        let options = SqliteConnectOptions::from_str(url).map_err(broken)?;
        // The file is created if it does not exist, unless the URL sets a `mode`.
        let made = !url.contains("mode=");
        let options = if made { options.create_if_missing(true) } else { options };
        // A thread of the driver produces the rows. With a small buffer, the thread and the reader wait for each
        // other all the time.
        let options = options.row_buffer_size(ROWS);
        return Ok(Options::new(Server::Sqlite(Box::new(options))));
    }
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(OpenError::Url(
            "a database URL begins with sqlite:// or postgres://, such as sqlite:///var/lib/easysight/master.db \
             or postgres://user:password@host/easysight?sslmode=verify-full"
                .into(),
        ));
    }
    // The driver would report that a file does not exist, but not its name.
    let parsed = url::Url::parse(url).map_err(|error| broken(sqlx::Error::Configuration(error.into())))?;
    for (parameter, file) in parsed.query_pairs() {
        if matches!(
            &*parameter,
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" | "sslcert" | "ssl-cert" | "sslkey" | "ssl-key"
        ) && !Path::new(&*file).is_file()
        {
            return Err(OpenError::Url(format!(
                "the database URL {}: {parameter}: there is no file {file}",
                masked(url)
            )));
        }
    }
    Ok(Options::new(Server::Postgres(Box::new(PgConnectOptions::from_str(url).map_err(broken)?))))
}

/// Returns the URL with its password masked.
fn masked(url: &str) -> String {
    easysight_protocol::masked_source(url)
}

/// Adds advice for operators to an error message of the database.
fn explain(dialect: Dialect, error: &str) -> String {
    let says = |part: &str| error.contains(part);
    let advice = match dialect {
        Dialect::Sqlite if says("readonly") || says("code: 8") => {
            "; this user may not write the file or its directory"
        }
        Dialect::Sqlite if says("not a database") || says("malformed") => {
            "; the file is damaged or is not an SQLite database: move it away and restore a backup"
        }
        Dialect::Sqlite if says("locked") || says("busy") => "; another program is using it",
        Dialect::Sqlite if says("unable to open") => {
            "; its directory does not exist, or this user may not write it"
        }
        Dialect::Postgres if says("not valid for name") || says("NotValidForName") => {
            "; the certificate is not for this host name: connect by a name in the certificate, or install a certificate \
             for this name"
        }
        // If the server's authority has the same name as the trusted one, the check fails only at the signature.
        Dialect::Postgres if says("UnknownIssuer") || says("BadSignature") => {
            "; another authority signed the server's certificate: name that authority's file with sslrootcert=…"
        }
        Dialect::Postgres if says("does not support TLS") => {
            "; the server does not offer TLS: set ssl = on in the server's configuration, or sslmode=disable in this URL \
             if you trust the network"
        }
        _ => "",
    };
    format!("{error}{advice}")
}

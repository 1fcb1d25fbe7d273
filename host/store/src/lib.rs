//! What the master knows, kept in SQLite or PostgreSQL: cameras, tasks, runs, jobs and their leases,
//! findings, plugins, nodes, tokens. SQL lives here and nowhere else; the words are those of the
//! protocol. One set of statements serves both databases, [`Dialect`] holds what differs.
//!
//! Commands that change something go through one writer in batches; they answer once they are
//! durable. Time is handed in, in milliseconds since 1970.

mod baselines;
mod cameras;
mod dialect;
mod dispatch;
mod error;
mod findings;
mod jobs;
mod news;
mod nodes;
mod pictures;
mod plugins;
mod query;
mod results;
mod runs;
mod shadows;
mod tasks;
mod tokens;
mod upkeep;
mod usage;
mod writer;

use std::{path::Path, str::FromStr, sync::Arc, time::Duration};

use sqlx::{
    AnyConnection, AnyPool, Connection,
    any::{AnyConnectOptions, AnyPoolOptions},
    migrate::Migrator,
};
use tokio::task::JoinHandle;

pub use baselines::BaselineRepository;
pub use cameras::{CameraFilter, CameraRepository, Imported, StoredCamera};
pub use dialect::Dialect;
pub use dispatch::{LeaseRepository, Leased, WantedLease};
pub use error::{OpenError, StoreError};
pub use findings::{FindingFilter, FindingRepository};
pub use jobs::JobRepository;
pub use news::{Listener, MAX_NEWS_BYTES};
pub use nodes::{HeartbeatOutcome, NodeRepository, Registration};
pub use pictures::PictureRepository;
pub use plugins::PluginRepository;
pub use query::PageRequest;
pub use results::{Recorded, ResultRepository};
pub use runs::{FanOut, NewRun, RunFilter, RunRepository, Start, StoredRun};
pub use shadows::{Shadow, ShadowRepository};
pub use tasks::TaskRepository;
pub use tokens::{StoredToken, TokenRepository};
pub use upkeep::{QueueState, Reaped, UpkeepRepository};
pub use usage::UsageRepository;

use writer::Writer;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// Connections that read.
const READERS: u32 = 4;
/// How long a read waits for a connection.
const ACQUIRE: Duration = Duration::from_secs(5);

/// The store. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    readers: AnyPool,
    writer: Writer,
    dialect: Dialect,
    url: Arc<str>,
}

impl Store {
    /// Opens a database, `sqlite://…` or `postgres://…`, and brings its tables up to date. The task
    /// that is given back ends once every clone of the store is gone and everything is written.
    ///
    /// # Errors
    ///
    /// [`OpenError`], with what to do about it.
    pub async fn open(url: &str) -> Result<(Self, JoinHandle<()>), OpenError> {
        sqlx::any::install_default_drivers();
        let (dialect, options) = options(url)?;
        let failed = |error: &dyn std::fmt::Display| OpenError::Database {
            url: masked(url),
            reason: explain(dialect, &error.to_string()),
        };
        let mut connection = connect(&options, dialect).await.map_err(|error| failed(&error))?;
        let migrator = match dialect {
            Dialect::Sqlite => &SQLITE,
            Dialect::Postgres => &POSTGRES,
        };
        migrator.run(&mut connection).await.map_err(|error| failed(&error))?;
        let readers = AnyPoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(ACQUIRE)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    sqlx::raw_sql(dialect.reading_session()).execute(connection).await?;
                    Ok(())
                })
            })
            .connect_with(options.clone())
            .await
            .map_err(|error| failed(&error))?;
        let (writer, writing) = Writer::start(connection, options, dialect);
        Ok((Self { readers, writer, dialect, url: url.into() }, tokio::spawn(writing)))
    }

    /// The database's language.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Commands that wait to be written.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.writer.depth()
    }
}

fn options(url: &str) -> Result<(Dialect, AnyConnectOptions), OpenError> {
    let (dialect, url) = if let Some(path) = url.strip_prefix("sqlite:") {
        // The file is made where there is none, unless the URL says otherwise.
        let url = if path.contains("mode=") {
            url.to_owned()
        } else {
            format!("{url}{}mode=rwc", if path.contains('?') { '&' } else { '?' })
        };
        (Dialect::Sqlite, url)
    } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        (Dialect::Postgres, url.to_owned())
    } else {
        return Err(OpenError::Url(
            "a database URL begins with sqlite:// or postgres://, such as sqlite:///var/lib/easysight/master.db \
             or postgres://user:password@host/easysight?sslmode=verify-full"
                .into(),
        ));
    };
    let options = AnyConnectOptions::from_str(&url)
        .map_err(|error| OpenError::Url(format!("the database URL {}: {error}", masked(&url))))?;
    // The driver would say that there is no such file, and not which one it looked for.
    for (parameter, file) in options.database_url.query_pairs() {
        if matches!(
            &*parameter,
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" | "sslcert" | "ssl-cert" | "sslkey" | "ssl-key"
        ) && !Path::new(&*file).is_file()
        {
            return Err(OpenError::Url(format!(
                "the database URL {}: {parameter}: there is no file {file}",
                masked(&url)
            )));
        }
    }
    Ok((dialect, options))
}

pub(crate) async fn connect(
    options: &AnyConnectOptions,
    dialect: Dialect,
) -> Result<AnyConnection, StoreError> {
    let connecting = tokio::time::timeout(Duration::from_secs(15), AnyConnection::connect_with(options));
    let mut connection =
        connecting.await.map_err(|_| StoreError::unavailable("it does not answer within 15 s"))??;
    sqlx::raw_sql(dialect.session()).execute(&mut connection).await?;
    Ok(connection)
}

/// The URL with its password masked.
fn masked(url: &str) -> String {
    easysight_protocol::masked_source(url)
}

/// What to do about a failure that the database words for programmers.
fn explain(dialect: Dialect, error: &str) -> String {
    let says = |part: &str| error.contains(part);
    let advice = match dialect {
        Dialect::Sqlite if says("readonly") || says("code: 8") => {
            "; the file or its directory may not be written by this user"
        }
        Dialect::Sqlite if says("not a database") || says("malformed") => {
            "; the file is damaged or is none of SQLite's: move it away and restore a backup"
        }
        Dialect::Sqlite if says("locked") || says("busy") => "; another program holds it",
        Dialect::Sqlite if says("unable to open") => {
            "; its directory does not exist or may not be written by this user"
        }
        Dialect::Postgres if says("not valid for name") || says("NotValidForName") => {
            "; the certificate is not for this host name: connect by a name that it is for, or have one made for this"
        }
        // A server whose authority has the name of the right one fails at the signature.
        Dialect::Postgres if says("UnknownIssuer") || says("BadSignature") => {
            "; another authority signed the server's certificate: name the right one's file with sslrootcert=…"
        }
        Dialect::Postgres if says("does not support TLS") => {
            "; the server does not offer TLS: set ssl = on there, or sslmode=disable here on a network that is trusted"
        }
        _ => "",
    };
    format!("{error}{advice}")
}

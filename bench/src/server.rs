//! A master that is measured, with a database of its own.

use std::{fs, path::Path, process::Stdio, time::Duration};

use anyhow::{Context, bail};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// The time limit for the start of the master.
const START: Duration = Duration::from_secs(60);
/// The name of the database on the PostgreSQL server. An existing database of this name is dropped first.
const NAME: &str = "easysight_bench";

/// The kind of database on which a master is measured.
#[derive(Debug, Clone)]
pub enum Database {
    /// A SQLite file.
    Sqlite,
    /// A PostgreSQL server: its URL without a database name.
    Postgres(String),
}

/// The data of a master: a directory, and an empty database. The directory is removed with this value.
#[derive(Debug)]
pub struct Data {
    dir: TempDir,
    /// The URL of the database.
    pub url: String,
}

/// A running master.
#[derive(Debug)]
pub struct Master {
    child: Child,
    /// The address of the API.
    pub url: String,
    data: Data,
}

impl Database {
    /// Returns the name for people.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// Creates an empty database.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory cannot be created, or if the PostgreSQL server refuses the database.
    pub async fn create(&self) -> anyhow::Result<Data> {
        let dir = tempfile::tempdir()?;
        let Self::Postgres(server) = self else {
            let url = format!("sqlite://{}", dir.path().join("bench.db").display());
            return Ok(Data { dir, url });
        };
        let server = server.trim_end_matches('/');
        let mut admin = PgConnection::connect(&format!("{server}/postgres"))
            .await
            .context("the PostgreSQL server cannot be reached")?;
        for sql in [format!("DROP DATABASE IF EXISTS {NAME} WITH (FORCE)"), format!("CREATE DATABASE {NAME}")]
        {
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut admin).await?;
        }
        Ok(Data { dir, url: format!("{server}/{NAME}") })
    }
}

impl Master {
    /// Starts a master and waits until it listens.
    ///
    /// # Errors
    ///
    /// Returns an error if the program does not start, or does not listen in time.
    pub async fn start(program: &Path, data: Data) -> anyhow::Result<Self> {
        let mut child = Command::new(program)
            .args([
                "--listen",
                "127.0.0.1:0",
                "--log-level",
                "ERROR",
                "--database-url",
                &data.url,
                "--data-dir",
            ])
            .arg(data.dir.path())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| program.display().to_string())?;
        let mut lines =
            BufReader::new(child.stderr.take().context("the master has no standard error")?).lines();
        let listens = async {
            while let Some(line) = lines.next_line().await? {
                if let Some((_, url)) = line.split_once(": listening on ") {
                    return Ok(url.to_owned());
                }
                eprintln!("  {line}");
            }
            bail!("the master ended before it listened")
        };
        let url = timeout(START, listens).await.context("the master did not start to listen in time")??;
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                eprintln!("  {line}");
            }
        });
        Ok(Self { child, url, data })
    }

    /// Opens another session with an open transaction. While the transaction is open, PostgreSQL keeps every old
    /// row that the transaction might read. Returns None if the database is a file.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn hold_snapshot(&self) -> anyhow::Result<Option<PgConnection>> {
        if !self.data.url.starts_with("postgres") {
            return Ok(None);
        }
        let mut session = PgConnection::connect(&self.data.url).await?;
        sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM jobs")
            .execute(&mut session)
            .await?;
        Ok(Some(session))
    }

    /// Returns the resident memory of the master in MiB.
    ///
    /// # Errors
    ///
    /// Returns an error if the master has ended.
    pub fn resident_mebibytes(&self) -> anyhow::Result<f64> {
        let id = self.child.id().context("the master has ended")?;
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .context("/proc has no VmRSS of the master")?;
        let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kibibytes / 1_024.0)
    }

    /// Stops the master.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be stopped.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.child.kill().await?;
        Ok(())
    }
}

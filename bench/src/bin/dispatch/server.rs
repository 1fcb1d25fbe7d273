//! The master that is measured, with a database of its own.

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

/// The database of the master.
pub(crate) enum Database {
    /// A SQLite file.
    Sqlite,
    /// A PostgreSQL server: its URL without a database name.
    Postgres(String),
}

impl Database {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    async fn url(&self) -> anyhow::Result<Option<String>> {
        let Self::Postgres(server) = self else { return Ok(None) };
        let server = server.trim_end_matches('/');
        let mut admin = PgConnection::connect(&format!("{server}/postgres"))
            .await
            .context("the PostgreSQL server cannot be reached")?;
        for sql in [format!("DROP DATABASE IF EXISTS {NAME} WITH (FORCE)"), format!("CREATE DATABASE {NAME}")]
        {
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut admin).await?;
        }
        Ok(Some(format!("{server}/{NAME}")))
    }
}

/// A running master.
pub(crate) struct Master {
    child: Child,
    pub(crate) url: String,
    database: Option<String>,
    _data: TempDir,
}

impl Master {
    pub(crate) async fn start(program: &Path, database: &Database) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let mut command = Command::new(program);
        command.args(["--listen", "127.0.0.1:0", "--log-level", "ERROR", "--data-dir"]).arg(data.path());
        let database = database.url().await?;
        if let Some(url) = &database {
            command.args(["--database-url", url]);
        }
        let mut child = command
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
        Ok(Self { child, url, database, _data: data })
    }

    /// Opens another session with an open transaction. While the transaction is open, PostgreSQL keeps every old
    /// row that the transaction might read. Returns None if the database is a file.
    pub(crate) async fn hold_snapshot(&self) -> anyhow::Result<Option<PgConnection>> {
        let Some(url) = &self.database else { return Ok(None) };
        let mut session = PgConnection::connect(url).await?;
        sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM jobs")
            .execute(&mut session)
            .await?;
        Ok(Some(session))
    }

    /// Returns the resident memory of the master in MiB.
    pub(crate) fn resident_mebibytes(&self) -> anyhow::Result<f64> {
        let id = self.child.id().context("the master has ended")?;
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .context("/proc has no VmRSS of the master")?;
        let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kibibytes / 1_024.0)
    }

    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.child.kill().await?;
        Ok(())
    }
}

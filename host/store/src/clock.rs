//! Times that a clock which stood ahead has left behind. Such a time keeps what waits for it waiting for as long
//! as the clock was ahead: a lease that does not end, a node that seems to be there, a memory that takes nothing in.

use crate::{Store, StoreError, db::query, query::maybe_time, reports};

/// What is so far ahead was written by a clock that was wrong; clocks of masters differ by less.
const AHEAD_MS: i64 = 60_000;
/// Longest pause before a job is tried again.
const LONGEST_PAUSE_MS: i64 = 3_600_000;

/// Rows whose time lies ahead of `$1`, which is now, by more than they may: the statement, and by how much.
const STATEMENTS: &[(&str, Ahead)] = &[
    ("UPDATE nodes SET last_heartbeat = $1 WHERE last_heartbeat > $2", Ahead::Past),
    ("UPDATE nodes SET last_poll_at = $1 WHERE last_poll_at > $2", Ahead::Past),
    ("UPDATE jobs SET leased_until = $1 WHERE state = 'running' AND leased_until > $2", Ahead::Lease),
    ("UPDATE jobs SET not_before = $1 WHERE state = 'queued' AND not_before > $2", Ahead::Pause),
    (
        "UPDATE jobs SET deadline_at = $1 + deadline_at - created_at, created_at = $1 \
         WHERE state IN ('queued', 'running') AND created_at > $2",
        Ahead::Past,
    ),
    (
        "UPDATE runs SET deadline_at = $1 + deadline_at - created_at, created_at = $1 \
         WHERE state IN ('waiting', 'running') AND created_at > $2",
        Ahead::Past,
    ),
    ("UPDATE baselines SET as_of = $1 WHERE as_of > $2", Ahead::Past),
    ("UPDATE cameras SET baselines_since = $1 WHERE baselines_since > $2", Ahead::Past),
    ("UPDATE cameras SET checked_at = $1 WHERE checked_at > $2", Ahead::Past),
    ("UPDATE cameras SET good_picture_at = $1 WHERE good_picture_at > $2", Ahead::Past),
];

/// How far ahead a time may be.
#[derive(Clone, Copy)]
enum Ahead {
    /// It is of the past.
    Past,
    /// The end of a lease.
    Lease,
    /// The end of a pause.
    Pause,
}

impl Store {
    /// Brings times back that no clock which is right could have written, where leases last `lease_ms`; answers how
    /// many rows.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn bring_back(&self, now: i64, lease_ms: i64) -> Result<u64, StoreError> {
        let dialect = self.dialect;
        let brought = self
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    let mut brought = 0;
                    for (sql, ahead) in STATEMENTS {
                        let most = now
                            + match ahead {
                                Ahead::Past => AHEAD_MS,
                                Ahead::Lease => 2 * lease_ms + AHEAD_MS,
                                Ahead::Pause => LONGEST_PAUSE_MS,
                            };
                        let changed = query(*sql).bind(now).bind(most).execute(&mut *connection).await?;
                        brought += changed.rows_affected();
                    }
                    // By the clock of the database, as who leads is.
                    let here = dialect.now();
                    let sql = format!("UPDATE leaders SET held_until = 0 WHERE held_until > {here} + $1");
                    let freed = query(sql).bind(10 * AHEAD_MS).execute(connection).await?;
                    Ok::<_, StoreError>(brought + freed.rows_affected())
                })
            })
            .await?;
        reports::name_anew();
        // What is settled by a clock that was ahead is not.
        *self.known.upkeep.lock() = Default::default();
        self.known.ready.doubt();
        Ok(brought)
    }

    /// Moves the deadlines of what is open, since the clock jumped ahead by so much and no time passed.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn move_deadlines(&self, by: i64) -> Result<(), StoreError> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    for sql in [
                        "UPDATE jobs SET deadline_at = deadline_at + $1 \
                         WHERE deadline_at IS NOT NULL AND state IN ('queued', 'running')",
                        "UPDATE runs SET deadline_at = deadline_at + $1 \
                         WHERE deadline_at IS NOT NULL AND state IN ('waiting', 'running')",
                    ] {
                        query(sql).bind(by).execute(&mut *connection).await?;
                    }
                    Ok::<_, StoreError>(())
                })
            })
            .await
    }

    /// When something was written last, in milliseconds since 1970; none where nothing ever was.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn written_at(&self) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT MAX(at) AS written_at FROM (SELECT MAX(last_heartbeat) AS at FROM nodes \
                   UNION ALL SELECT recorded_at AS at FROM (SELECT recorded_at FROM reports ORDER BY id DESC LIMIT 1) AS r \
                   UNION ALL SELECT MAX(created_at) AS at FROM (SELECT created_at FROM runs ORDER BY id DESC LIMIT 1) AS n) AS t";
        let row = query(sql).fetch_one(&self.readers).await?;
        Ok(maybe_time(&row, "written_at")?.map(|at| at.timestamp_millis()))
    }
}

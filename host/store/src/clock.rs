//! Repairs times that were written while a clock was ahead. Everything that waits for such a time waits too long: if
//! the clock was ahead by a year, a lease ends a year too late, a node seems to be online for a year, and a baseline
//! accepts no update for a year.

use std::ops::RangeInclusive;

use crate::{
    Dialect, Store, StoreError,
    db::{Connection, Rows, query},
    dialect::Update,
    health::Health,
    lost, measurements,
    query::{maybe_json, maybe_time, text},
};

/// A time that should be in the past is repaired only if it is more than this many milliseconds after now. Another
/// master may have written the time, and the clocks of masters differ, but by less than this limit.
const AHEAD_MS: i64 = 60_000;
/// The longest pause before a job is retried, in milliseconds: one second, doubled eight times, plus a quarter.
const LONGEST_PAUSE_MS: i64 = 1_250 << 8;

/// The statements that repair times that are too far ahead, each with the kind of time that it repairs. `$1` is now,
/// `$2` is the latest time that is allowed.
const STATEMENTS: &[(&str, Ahead)] = &[
    ("UPDATE nodes SET last_heartbeat = $1 WHERE last_heartbeat > $2", Ahead::Past),
    ("UPDATE nodes SET last_poll_at = $1 WHERE last_poll_at > $2", Ahead::Past),
    ("UPDATE jobs SET leased_until = $1 WHERE state = 'running' AND leased_until > $2", Ahead::Lease),
    (
        "UPDATE jobs SET not_before = $1 WHERE state = 'queued' AND failures = 0 AND not_before > $2",
        Ahead::Past,
    ),
    ("UPDATE jobs SET not_before = $1 WHERE state = 'queued' AND not_before > $2", Ahead::Pause),
    // Queued jobs are included. A job is queued again when its lease expires, and its result may still arrive. The
    // baselines in this result get `started_at` as their time.
    ("UPDATE jobs SET started_at = $1 WHERE state IN ('queued', 'running') AND started_at > $2", Ahead::Past),
    ("UPDATE jobs SET started_at = $1 WHERE state = 'dead' AND started_at > $2", Ahead::Past),
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
    // A run with a fire time in the future would prevent the task from running at that time.
    ("UPDATE runs SET fire_time = NULL WHERE fire_time IS NOT NULL AND fire_time > $2", Ahead::Past),
    ("UPDATE baselines SET as_of = $1 WHERE as_of > $2", Ahead::Past),
    ("UPDATE cameras SET created_at = $1 WHERE created_at > $2", Ahead::Past),
    ("UPDATE cameras SET baselines_since = $1 WHERE baselines_since > $2", Ahead::Past),
    ("UPDATE cameras SET checked_at = $1 WHERE checked_at > $2", Ahead::Past),
    ("UPDATE cameras SET status_since = $1 WHERE status_since > $2", Ahead::Past),
    // Counts of a wrong time say nothing about the hour in which they were taken.
    ("DELETE FROM camera_counts WHERE taken_at > $1 AND taken_at > $2", Ahead::Past),
    ("UPDATE cameras SET good_picture_at = $1 WHERE good_picture_at > $2", Ahead::Past),
    ("UPDATE pictures SET kept_at = $1 WHERE kept_at > $2", Ahead::Past),
    ("UPDATE cameras SET lost_since = $1 WHERE lost_since > $2", Ahead::Past),
    ("UPDATE cameras SET lost_looked_at = $1 WHERE lost_looked_at > $2", Ahead::Past),
    (
        "UPDATE sessions SET expires_at = $1 + expires_at - created_at, created_at = $1 WHERE created_at > $2",
        Ahead::Past,
    ),
    ("UPDATE sessions SET used_at = $1 WHERE used_at > $2", Ahead::Past),
    // A delay that began while a clock was ahead would last until the correct clock reaches that time.
    ("UPDATE sign_ins SET failed_at = $1 WHERE failed_at > $2", Ahead::Past),
    ("UPDATE sign_ins SET failed_before = $1 WHERE failed_before > $2", Ahead::Past),
    ("UPDATE sign_ins SET succeeded_at = $1 WHERE succeeded_at > $2", Ahead::Past),
    (
        "UPDATE welcomes SET expires_at = $1 + expires_at - created_at, created_at = $1 WHERE created_at > $2",
        Ahead::Past,
    ),
    ("UPDATE cameras SET next_full_look_at = $1 WHERE next_full_look_at > $2", Ahead::Spared),
];

/// The kind of a time. The kind decides how far ahead the time may be.
#[derive(Clone, Copy)]
enum Ahead {
    /// A time in the past.
    Past,
    /// The end of a lease.
    Lease,
    /// The end of a pause.
    Pause,
    /// The time at which a camera that gives no picture is asked again.
    Spared,
}

impl Store {
    /// Repairs times that no correct clock could have written. `lease_ms` is the duration of leases. Returns the
    /// number of changed rows.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn bring_back(&self, now: i64, lease_ms: i64) -> Result<u64, StoreError> {
        let dialect = self.dialect;
        let brought = self
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    // The health of cameras is repaired first: its rows are found by `checked_at`, and `checked_at` is
                    // changed below.
                    let mut brought = bring_healths_back(connection, dialect, now).await?;
                    for (sql, ahead) in STATEMENTS {
                        let most = now
                            + match ahead {
                                Ahead::Past => AHEAD_MS,
                                Ahead::Lease => 2 * lease_ms + AHEAD_MS,
                                Ahead::Pause => LONGEST_PAUSE_MS + AHEAD_MS,
                                Ahead::Spared => lost::LONGEST_PAUSE_MS + AHEAD_MS,
                            };
                        let changed = query(*sql).bind(now).bind(most).execute(&mut *connection).await?;
                        brought += changed.rows_affected();
                    }
                    brought += measurements::bring_back(connection, now).await?;
                    // The time comes from the database's clock, which `Store::lead` uses too.
                    let here = dialect.now();
                    let sql = format!("UPDATE leaders SET held_until = 0 WHERE held_until > {here} + $1");
                    let freed = query(sql).bind(10 * AHEAD_MS).execute(connection).await?;
                    Ok::<_, StoreError>(brought + freed.rows_affected())
                })
            })
            .await?;
        // The ids and the floors were computed while the clock was ahead, so their times are too late. The floors are
        // the times from which checks look for expired leases and passed deadlines (see `Floors` in `upkeep`). For the
        // same reason, the list of ready jobs may be incomplete.
        self.known.ids.restart();
        *self.known.upkeep.lock() = Default::default();
        self.known.ready.doubt();
        Ok(brought)
    }

    /// Repairs tokens that were created while a clock was ahead: each token is valid for its full lifetime from now
    /// on. An expiry date that a person chose stays. Returns the number of changed tokens.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn bring_tokens_back(&self, now: i64) -> Result<u64, StoreError> {
        let ahead = "SELECT id FROM tokens WHERE created_at > $1 LIMIT 1";
        if query(ahead).bind(now + AHEAD_MS).fetch_optional(&self.readers).await?.is_none() {
            return Ok(0);
        }
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = "UPDATE tokens SET created_at = $1, expires_at = CASE WHEN lifetime_ms IS NULL \
                               THEN expires_at ELSE $1 + lifetime_ms END WHERE created_at > $2";
                    let brought = query(sql).bind(now).bind(now + AHEAD_MS).execute(connection).await?;
                    Ok(brought.rows_affected())
                })
            })
            .await
    }

    /// Moves the times of creation and expiry of tokens by `by` milliseconds, because the clock was corrected by `by`.
    /// Moves only tokens that have a lifetime and whose creation time is within `made`. With PostgreSQL, other masters
    /// have their own clocks, so only tokens that were created through this store are moved.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn move_tokens(&self, by: i64, made: RangeInclusive<i64>) -> Result<(), StoreError> {
        let dialect = self.dialect;
        let own = self.known.tokens.lock().clone();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = "UPDATE tokens SET created_at = created_at + $1, expires_at = expires_at + $1 \
                               WHERE lifetime_ms IS NOT NULL AND created_at >= $2 AND created_at <= $3";
                    let moving = match dialect {
                        Dialect::Sqlite => query(sql).bind(by).bind(*made.start()).bind(*made.end()),
                        Dialect::Postgres => query(format!("{sql} AND {}", dialect.among("id", "$4")))
                            .bind(by)
                            .bind(*made.start())
                            .bind(*made.end())
                            .bind(own),
                    };
                    moving.execute(connection).await?;
                    Ok::<_, StoreError>(())
                })
            })
            .await
    }

    /// Moves the deadlines of open jobs and runs by `by` milliseconds, because the clock jumped ahead by `by` although
    /// no time had passed.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
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

    /// Returns the latest time among the last heartbeat, the last report and the last run, in milliseconds since 1970.
    /// None if there are none.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn written_at(&self) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT MAX(at) AS written_at FROM (SELECT MAX(last_heartbeat) AS at FROM nodes \
                   UNION ALL SELECT recorded_at AS at FROM (SELECT recorded_at FROM reports ORDER BY id DESC LIMIT 1) AS r \
                   UNION ALL SELECT MAX(created_at) AS at FROM (SELECT created_at FROM runs ORDER BY id DESC LIMIT 1) AS n) AS t";
        let row = query(sql).fetch_one(&self.readers).await?;
        Ok(maybe_time(&row, "written_at")?.map(|at| at.timestamp_millis()))
    }
}

/// Corrects the health of cameras: each time in it that is after `now` becomes `now`. Otherwise new findings would not
/// count.
async fn bring_healths_back(
    connection: &mut Connection,
    dialect: Dialect,
    now: i64,
) -> Result<u64, StoreError> {
    let sql = "SELECT id, health FROM cameras WHERE checked_at > $1 AND health IS NOT NULL";
    let rows = query(sql).bind(now + AHEAD_MS).fetch_all(&mut *connection).await?;
    let (mut ids, mut healths) = (Vec::new(), Vec::new());
    for row in &rows {
        let Some(mut health) = maybe_json::<Health>(row, "health")? else { continue };
        health.bring_back(now);
        ids.push(text(row, "id")?);
        healths.push(serde_json::to_string(&health)?);
    }
    if ids.is_empty() {
        return Ok(0);
    }
    let rows = Rows::new().texts("camera_id", ids).texts("health", healths);
    let sql = dialect.update(&Update {
        table: "cameras",
        key: "camera_id",
        rows: &rows,
        first: 1,
        set: "health = x.health",
        condition: "1 = 1",
        returning: "cameras.id AS id",
        skip: false,
    });
    let changed = query(sql).bind_rows(rows, dialect)?.fetch_all(connection).await?;
    Ok(changed.len() as u64)
}

//! Automatic work: taking back expired leases, enforcing deadlines, ending runs and pruning history. This module also
//! decides which of several masters does this work.

use std::collections::BTreeSet;

use easysight_protocol::{Failure, RunId};

use crate::{
    Dialect, Store, StoreError,
    db::{Connection, query},
    endings::Ended,
    jobs::{QUEUED_AGAIN, read_queued},
    query::{count, parsed, text},
    ready::ReadyJob,
    reports::first_name,
};

/// Takes a job from a node that is gone. `$1` is now, `$2` is the failure. After its first failure, the job can be
/// leased again at once, because the cause is usually the node, and a person may wait for the result. The lease
/// stays, so that a late result counts if no other node has leased the job.
pub(crate) const EXPIRED: &str = "UPDATE jobs SET failures = failures + 1, failure = $2, leased_until = NULL, \
     state = CASE WHEN failures + 1 >= max_attempts THEN 'dead' ELSE 'queued' END, \
     finished_at = CASE WHEN failures + 1 >= max_attempts THEN $1 ELSE NULL END, \
     not_before = CASE WHEN failures = 0 THEN $1 ELSE $1 + 1000 * \
     (1 << CAST(CASE WHEN failures < 8 THEN failures ELSE 8 END AS INTEGER)) END";

/// The maximum number of rows that one step of pruning removes from a table.
const PRUNE_STEP: i64 = 500;
/// The maximum number of jobs that one statement takes back or gives up.
const REAP_STEP: i64 = 500;
/// A long look back for expired leases and passed deadlines begins this many milliseconds before the last time at which
/// all of them had been handled. Long looks back are needed because the clocks of masters differ: a master whose clock
/// is behind may write times that have already passed by the clock of this master.
const LOOK_BACK_MS: i64 = 60_000;
/// A brief look back begins this many milliseconds before the last check. It finds leases and deadlines that have
/// expired since that check, by the clock of this master.
const LOOK_BACK_BRIEFLY_MS: i64 = 2_000;
/// The time between two long looks back, in milliseconds.
const LOOK_BACK_EVERY_MS: i64 = 10_000;
/// The rows of the table of reports are counted only if the table has at most this many bytes. The number of rows in a
/// larger table is estimated.
const COUNTED_BYTES: i64 = 128 << 20;
/// The time between two searches for old reports that begin at the very first report, in milliseconds. All other
/// searches begin after the last removed report.
const SEARCH_ALL_EVERY_MS: i64 = 3_600_000;
/// A set of labels is removed if it was last used this many milliseconds ago and no open job requires it.
const LABEL_SET_MS: i64 = 86_400_000;
/// The number of latest reports from which the mean number of findings in a report is computed.
const SAMPLE: i64 = 1_000;

/// The times from which a check looks for expired leases and passed deadlines. All earlier leases and deadlines have
/// been handled. So the checks do not read the old row versions that the database cannot remove yet, because these
/// versions have earlier times.
#[derive(Debug, Default)]
pub(crate) struct Floors {
    /// All leases that expired before this time have been handled.
    leases: i64,
    /// All deadlines before this time have been handled.
    deadlines: i64,
    /// The time of the last check.
    checked_at: i64,
    /// The time of the last check with a long look back.
    looked_back_at: i64,
    /// The reports that were removed.
    reports: Removed,
}

/// Where the search for the oldest reports begins. While another transaction is open, PostgreSQL cannot discard removed
/// rows. A search from the first report would read all of them again at each step.
#[derive(Debug, Default)]
struct Removed {
    /// The id of the last removed report.
    last: String,
    /// The time of the last search from the first report. Such searches find reports of a master whose clock was
    /// behind.
    all_at: i64,
}

impl Removed {
    /// Returns an id that is lower than the ids of the reports to search.
    fn floor(&mut self, now: i64) -> String {
        if !(0..SEARCH_ALL_EVERY_MS).contains(&(now - self.all_at)) {
            self.all_at = now;
            self.last.clear();
        }
        self.last.clone()
    }

    fn note(&mut self, last: String) {
        self.last = last;
    }
}

impl Floors {
    /// Returns the times from which a check looks for expired leases and for overdue jobs, and true if the look back
    /// is a long one. If a check with a long look back finds nothing, everything that expired more than
    /// [`LOOK_BACK_MS`] before the check has been handled.
    fn begin(&mut self, now: i64) -> (i64, i64, bool) {
        let all = !(0..LOOK_BACK_EVERY_MS).contains(&(now - self.looked_back_at));
        let last = self.checked_at.min(now) - LOOK_BACK_BRIEFLY_MS;
        self.checked_at = now;
        if all {
            self.looked_back_at = now;
            (self.leases, self.deadlines, all)
        } else {
            (self.leases.max(last), self.deadlines.max(last), all)
        }
    }
}

/// The work that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Agenda {
    /// True if a task is due.
    pub task_due: bool,
    /// True if runs wait for a plugin or a camera.
    pub runs_wait: bool,
    /// True if leases have expired.
    pub expired: bool,
    /// True if jobs have passed their deadline.
    pub overdue: bool,
}

/// The result of [`Store::reap`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reaped {
    /// The number of leases that had expired.
    pub expired: u64,
    /// The number of jobs that were given up at their deadline.
    pub overdue: u64,
    /// The runs that ended.
    pub finished_runs: Vec<RunId>,
}

/// A summary of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueState {
    /// The number of jobs that wait.
    pub queued: u64,
    /// The number of jobs that nodes hold.
    pub running: u64,
    /// The number of dead jobs.
    pub dead: u64,
    /// Milliseconds since the oldest queued job was created.
    pub oldest_queued_ms: i64,
    /// Milliseconds since the longest-running job was leased.
    pub oldest_running_ms: i64,
}

impl Store {
    /// Returns the work that is due at `now`, with a single statement.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn agenda(&self, now: i64) -> Result<Agenda, StoreError> {
        let (leases, deadlines, all) = self.known.upkeep.lock().begin(now);
        let sql = "SELECT \
             (SELECT COUNT(*) FROM (SELECT id FROM tasks WHERE next_run_at <= $1 AND enabled = 1 LIMIT 1) AS due) AS task_due, \
             (SELECT COUNT(*) FROM (SELECT id FROM runs WHERE state = 'waiting' LIMIT 1) AS waits) AS runs_wait, \
             (SELECT COUNT(*) FROM (SELECT id FROM jobs WHERE state = 'running' AND leased_until < $1 \
              AND leased_until >= $2 LIMIT 1) AS expired) AS expired, \
             (SELECT COUNT(*) FROM (SELECT id FROM jobs WHERE deadline_at IS NOT NULL AND deadline_at < $1 \
              AND deadline_at >= $3 AND state IN ('queued', 'running') LIMIT 1) AS overdue) AS overdue";
        let row = query(sql).bind(now).bind(leases).bind(deadlines).fetch_one(&self.readers).await?;
        let some = |column| Ok::<_, StoreError>(count(&row, column)? > 0);
        let agenda = Agenda {
            task_due: some("task_due")?,
            runs_wait: some("runs_wait")?,
            expired: some("expired")?,
            overdue: some("overdue")?,
        };
        if all {
            let mut floors = self.known.upkeep.lock();
            let settled = now - LOOK_BACK_MS;
            if !agenda.expired {
                floors.leases = floors.leases.max(settled);
            }
            if !agenda.overdue {
                floors.deadlines = floors.deadlines.max(settled);
            }
        }
        Ok(agenda)
    }

    /// Takes back expired leases, gives up overdue jobs, and ends the runs of the jobs that were given up. `heard` is
    /// false if the master could not receive heartbeats for a while. In this case, nodes keep their jobs, because the
    /// nodes may still work on these jobs, and only queued jobs are given up.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn reap(&self, heard: bool, now: i64) -> Result<Reaped, StoreError> {
        let mut reaped = Reaped::default();
        let mut ended = BTreeSet::new();
        if heard {
            let gone = self.expire(now).await?;
            reaped.expired = gone.len() as u64;
            let (queued, given_up): (Vec<_>, Vec<_>) = gone.into_iter().partition(|(_, dead, _)| !dead);
            self.known.ready.add(queued.into_iter().map(|(_, _, job)| job), now);
            ended.extend(given_up.into_iter().map(|(run, _, _)| run));
        }
        let overdue = self.give_up(heard, now).await?;
        reaped.overdue = overdue.len() as u64;
        ended.extend(overdue);
        reaped.finished_runs = self.finish_runs(ended.into_iter().map(|run| (run, Ended::Some)), now).await?;
        Ok(reaped)
    }

    /// Ends runs that have no open jobs but whose end was not recorded because a master died. Also removes unused sets
    /// of labels. Returns the ended runs.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn tidy(&self, now: i64) -> Result<Vec<RunId>, StoreError> {
        let old = "required <> '' AND used_at < $1 AND NOT EXISTS (SELECT 1 FROM jobs \
                   WHERE jobs.state IN ('queued', 'running') AND jobs.required = label_sets.required)";
        let sql = format!("SELECT required FROM label_sets WHERE {old} LIMIT 1");
        let before = now - LABEL_SET_MS;
        if query(sql).bind(before).fetch_optional(&self.readers).await?.is_some() {
            self.writer
                .run_relaxed(move |connection| {
                    Box::pin(async move {
                        let sql = format!("DELETE FROM label_sets WHERE {old}");
                        query(sql).bind(before).execute(connection).await
                    })
                })
                .await?;
        }
        self.finish_all(now).await
    }

    /// Returns a summary of the queue.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn queue_state(&self, now: i64) -> Result<QueueState, StoreError> {
        let sql = "SELECT (SELECT COUNT(*) FROM jobs WHERE state = 'queued') AS queued, \
                   (SELECT COUNT(*) FROM jobs WHERE state = 'running') AS running, \
                   (SELECT COUNT(*) FROM jobs WHERE state = 'dead') AS dead, \
                   (SELECT MIN(created_at) FROM jobs WHERE state = 'queued') AS oldest_queued, \
                   (SELECT MIN(started_at) FROM jobs WHERE state = 'running') AS oldest_running";
        let row = query(sql).fetch_one(&self.readers).await?;
        let age = |column| -> Result<i64, StoreError> {
            Ok(row.try_get::<Option<i64>>(column)?.map_or(0, |since| (now - since).max(0)))
        };
        Ok(QueueState {
            queued: count(&row, "queued")?,
            running: count(&row, "running")?,
            dead: count(&row, "dead")?,
            oldest_queued_ms: age("oldest_queued")?,
            oldest_running_ms: age("oldest_running")?,
        })
    }

    /// Removes some of the rows that are older than `max_age_ms`. Returns the number of removed rows. Call this
    /// function until it returns 0. Each step reads only a limited number of the oldest rows.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn prune(&self, max_age_ms: i64, now: i64) -> Result<u64, StoreError> {
        let before = now - max_age_ms;
        // A query first tests whether there are old rows, because most of the time there are none.
        let sql = "SELECT (SELECT COUNT(*) FROM (SELECT id FROM reports WHERE id > $3 ORDER BY id LIMIT 1) AS r \
                   WHERE id < $2) + (SELECT COUNT(*) FROM (SELECT id FROM runs WHERE state IN ('finished', 'cancelled') \
                   AND finished_at < $1 ORDER BY finished_at LIMIT 1) AS e) \
                   + (SELECT COUNT(*) FROM (SELECT id, created_at FROM shadow_findings ORDER BY id LIMIT 1) AS s WHERE created_at < $1) \
                   + (SELECT COUNT(*) FROM (SELECT day FROM plugin_usage WHERE (day + 1) * 86400000 < $1 LIMIT 1) AS u) \
                   + (SELECT COUNT(*) FROM (SELECT run_id FROM submitters WHERE run_id < $2 AND NOT EXISTS \
                   (SELECT 1 FROM runs WHERE runs.id = submitters.run_id) LIMIT 1) AS m) AS old";
        let floor = self.known.upkeep.lock().reports.floor(now);
        let query_old = query(sql).bind(before).bind(first_name(before)).bind(&floor);
        if count(&query_old.fetch_one(&self.readers).await?, "old")? == 0 {
            return Ok(0);
        }
        let (pruned, last) = self
            .writer
            .run_relaxed(move |connection| {
                Box::pin(async move {
                    let (mut pruned, last) = drop_reports(connection, &floor, &first_name(before)).await?;
                    let statements = [
                        "DELETE FROM submitters WHERE run_id IN (SELECT id FROM runs WHERE state IN ('finished', 'cancelled') \
                         AND finished_at < $1 ORDER BY id LIMIT $2)",
                        "DELETE FROM jobs WHERE id IN (SELECT jobs.id FROM jobs JOIN (SELECT id FROM runs \
                         WHERE state IN ('finished', 'cancelled') AND finished_at < $1 ORDER BY id LIMIT 20) AS ended \
                         ON ended.id = jobs.run_id LIMIT $2)",
                        "DELETE FROM runs WHERE id IN (SELECT id FROM runs WHERE state IN ('finished', 'cancelled') \
                         AND finished_at < $1 AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.run_id = runs.id) ORDER BY id LIMIT $2)",
                        "DELETE FROM shadow_findings WHERE id IN (SELECT id FROM \
                         (SELECT id, created_at FROM shadow_findings ORDER BY id LIMIT $2) AS oldest WHERE created_at < $1)",
                        "DELETE FROM plugin_usage WHERE (digest, day) IN \
                         (SELECT digest, day FROM plugin_usage WHERE (day + 1) * 86400000 < $1 LIMIT $2)",
                    ];
                    for sql in statements {
                        let gone = query(sql).bind(before).bind(PRUNE_STEP).execute(&mut *connection).await?;
                        pruned += gone.rows_affected();
                    }
                    // A submission that failed, or that an earlier request had made already, has no run. The id of a run
                    // tells its time.
                    let sql = "DELETE FROM submitters WHERE run_id IN (SELECT run_id FROM submitters WHERE run_id < $1 \
                               AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.id = submitters.run_id) \
                               ORDER BY run_id LIMIT $2)";
                    let without_run = query(sql).bind(first_name(before)).bind(PRUNE_STEP);
                    pruned += without_run.execute(&mut *connection).await?.rows_affected();
                    Ok((pruned, last))
                })
            })
            .await?;
        self.note_removed(last);
        Ok(pruned)
    }

    /// Returns the approximate number of findings: the number of reports times the mean number of findings in the
    /// latest reports. If PostgreSQL holds very many reports, their number is an estimate.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn count_findings(&self) -> Result<u64, StoreError> {
        let reports = match self.dialect {
            Dialect::Sqlite => "SELECT COUNT(*) AS reports FROM reports",
            // The rows of a small table are counted. The size of a large table is divided by the mean size of its
            // latest rows, because PostgreSQL's own estimate may be old or missing.
            Dialect::Postgres => {
                "SELECT CASE WHEN pg_relation_size('reports') <= $1 THEN (SELECT COUNT(*) FROM reports) \
                 ELSE (SELECT CAST(pg_table_size('reports') / GREATEST(AVG(pg_column_size(latest.*)), 1) AS BIGINT) \
                 FROM (SELECT * FROM reports ORDER BY id DESC LIMIT 1000) AS latest) END AS reports"
            }
        };
        let reports = match self.dialect {
            Dialect::Sqlite => query(reports),
            Dialect::Postgres => query(reports).bind(COUNTED_BYTES),
        };
        let reports = count(&reports.fetch_one(&self.readers).await?, "reports")?;
        let sql = "SELECT COUNT(*) AS sampled, CAST(COALESCE(SUM(findings), 0) AS BIGINT) AS findings \
                   FROM (SELECT findings FROM reports ORDER BY id DESC LIMIT $1) AS latest";
        let row = query(sql).bind(SAMPLE).fetch_one(&self.readers).await?;
        let (sampled, findings) = (count(&row, "sampled")?, count(&row, "findings")?);
        if reports <= sampled {
            return Ok(findings);
        }
        Ok((reports as f64 * findings as f64 / sampled.max(1) as f64) as u64)
    }

    /// Removes the oldest reports until `excess` findings are removed. One call removes a limited number of reports.
    /// Returns the number of removed findings.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn prune_oldest(&self, excess: u64, now: i64) -> Result<u64, StoreError> {
        // Reports are removed as a whole, so slightly more findings than the excess may be removed.
        let sql = "SELECT id, findings FROM reports WHERE id > $1 ORDER BY id LIMIT $2";
        let floor = self.known.upkeep.lock().reports.floor(now);
        let rows = query(sql).bind(&floor).bind(PRUNE_STEP).fetch_all(&self.readers).await?;
        let (mut last, mut pruned) = (None, 0);
        for row in &rows {
            if pruned >= excess {
                break;
            }
            pruned += count(row, "findings")?;
            last = Some(text(row, "id")?);
        }
        let Some(last) = last else { return Ok(0) };
        // The bound sorts after that report and before all later ones.
        let bound = format!("{last}.");
        let last = self
            .writer
            .run_relaxed(move |connection| {
                Box::pin(async move {
                    let (_, last) = drop_reports(connection, &floor, &bound).await?;
                    // The findings of candidates are useful only beside the findings of active plugins, and are
                    // removed with them.
                    let sql = "DELETE FROM shadow_findings WHERE id > $1 \
                               AND id < (SELECT MIN(id) FROM reports WHERE id > $2)";
                    query(sql).bind(floor).bind(bound).execute(connection).await?;
                    Ok(last)
                })
            })
            .await?;
        self.note_removed(last);
        Ok(pruned)
    }

    fn note_removed(&self, last: Option<String>) {
        if let Some(last) = last {
            self.known.upkeep.lock().reports.note(last);
        }
    }

    /// Gives `role` to the master `holder`, or renews the role, for `hold_ms` milliseconds by the database's clock.
    /// Returns false if another master holds the role.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn lead(&self, role: &'static str, holder: String, hold_ms: i64) -> Result<bool, StoreError> {
        let now = self.dialect.now();
        let sql = format!(
            "INSERT INTO leaders (role, holder, held_until) VALUES ($1, $2, {now} + $3) \
             ON CONFLICT (role) DO UPDATE SET holder = $2, held_until = {now} + $3 \
             WHERE leaders.holder = $2 OR leaders.held_until < {now}"
        );
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let led = query(sql).bind(role).bind(holder).bind(hold_ms).execute(connection).await?;
                    Ok(led.rows_affected() > 0)
                })
            })
            .await
    }
}

impl Store {
    /// Takes back expired leases. Returns each job's run, whether the job was given up, and the job.
    async fn expire(&self, now: i64) -> Result<Vec<(RunId, bool, ReadyJob)>, StoreError> {
        let lost = failure("lease-expired", "The node that held the job sent no heartbeat in time.")?;
        let floor = self.known.upkeep.lock().leases;
        let of = "state = 'running' AND leased_until < $1 AND leased_until >= $3";
        let dialect = self.dialect;
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = format!(
                        "{EXPIRED} WHERE {} RETURNING {QUEUED_AGAIN}, run_id, state",
                        dialect.free("jobs", of, REAP_STEP)
                    );
                    let rows = query(sql).bind(now).bind(lost).bind(floor).fetch_all(connection).await?;
                    let read =
                        |row| Ok((parsed(row, "run_id")?, text(row, "state")? == "dead", read_queued(row)?));
                    rows.iter().map(read).collect()
                })
            })
            .await
    }

    /// Gives up overdue jobs, and cancels overdue runs that still wait. Returns the runs of the jobs that it gave up.
    async fn give_up(&self, heard: bool, now: i64) -> Result<Vec<RunId>, StoreError> {
        let late = failure("deadline-exceeded", "The job did not end before the deadline of its run.")?;
        let floor = self.known.upkeep.lock().deadlines;
        // A node that could not report may have finished its job in time.
        let states = if heard { "state IN ('queued', 'running')" } else { "state = 'queued'" };
        let of = format!("deadline_at IS NOT NULL AND deadline_at < $1 AND deadline_at >= $3 AND {states}");
        let dialect = self.dialect;
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = "UPDATE runs SET state = 'cancelled', finished_at = $1 \
                               WHERE state = 'waiting' AND deadline_at IS NOT NULL AND deadline_at < $1";
                    query(sql).bind(now).execute(&mut *connection).await?;
                    let sql = format!(
                        "UPDATE jobs SET state = 'dead', failure = $2, finished_at = $1, leased_until = NULL, \
                         lease = NULL WHERE {} RETURNING run_id",
                        dialect.free("jobs", &of, REAP_STEP)
                    );
                    let rows = query(sql).bind(now).bind(late).bind(floor).fetch_all(connection).await?;
                    rows.iter().map(|row| parsed(row, "run_id")).collect()
                })
            })
            .await
    }
}

/// Removes some of the oldest reports, and their marks: those after the id `floor` and before the id `bound`. Returns
/// the number of removed reports, and the id of the last one.
async fn drop_reports(
    connection: &mut Connection,
    floor: &str,
    bound: &str,
) -> Result<(u64, Option<String>), StoreError> {
    let sql = "SELECT id FROM reports WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3";
    let rows = query(sql).bind(floor).bind(bound).bind(PRUNE_STEP).fetch_all(&mut *connection).await?;
    let Some(last) = rows.last().map(|row| text(row, "id")).transpose()? else { return Ok((0, None)) };
    let marks = "DELETE FROM marks WHERE report_id > $1 AND report_id <= $2";
    query(marks).bind(floor).bind(&last).execute(&mut *connection).await?;
    let reports = "DELETE FROM reports WHERE id > $1 AND id <= $2";
    let gone = query(reports).bind(floor).bind(&last).execute(connection).await?;
    Ok((gone.rows_affected(), Some(last)))
}

/// Returns a failure as JSON, as the store writes it.
pub(crate) fn failure(kind: &str, detail: &str) -> Result<String, StoreError> {
    Ok(serde_json::to_string(&Failure { kind: kind.into(), detail: detail.into() })?)
}

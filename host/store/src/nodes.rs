//! Nodes: which ones are registered, in which incarnation, and when each was last heard from. An incarnation is one
//! process of a node: the node gets a new one at every start.

use easysight_protocol::{
    DistributedNode, Incarnation, Labels, NodeJob, NodeState, RegisterRequest, RunId, Totals,
};
use serde_json::json;

use crate::{
    Acting, Area, Dialect, Store, StoreError,
    audit::fields,
    beats::clock_offset,
    db::{Connection, Row, query},
    endings::Ended,
    jobs::{QUEUED_AGAIN, read_queued},
    query::{json, maybe_json, maybe_text, maybe_time, parsed, text, time_of},
    ready::ReadyJob,
    upkeep::EXPIRED,
};

/// Returns the time one lease before `now`. A node is silent if its last sign of life was before this time. While the
/// master or its database is unavailable, no sign of life can be recorded, so a master that has been listening for
/// less than one lease treats no node as silent.
#[must_use]
pub const fn silent_before(listening_since: i64, now: i64, lease_ms: i64) -> i64 {
    if now - listening_since < lease_ms { i64::MIN } else { now - lease_ms }
}

/// The outcome of a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registration {
    /// The node is registered. The jobs of its former incarnation are queued again, or dead if they failed at their
    /// last attempt.
    Accepted {
        /// The number of jobs that were taken from the former incarnation.
        requeued: u64,
    },
    /// Another process with this id is alive.
    InUse {
        /// The host of that process.
        hostname: String,
        /// Milliseconds since that process was last heard from.
        heard_ms_ago: i64,
    },
}

impl Store {
    /// Registers an incarnation of a node. The registration is refused if another incarnation is registered and not
    /// silent, unless the request names that incarnation as replaced. A node is silent if its last sign of life was
    /// before `silent_before`, see [`silent_before`](crate::silent_before).
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn register_node(
        &self,
        request: RegisterRequest,
        now: i64,
        silent_before: i64,
    ) -> Result<Registration, StoreError> {
        let dialect = self.dialect;
        let (outcome, queued, ended) = self
            .writer
            .run(move |connection| Box::pin(register(connection, dialect, request, now, silent_before)))
            .await?;
        self.known.ready.add(queued, now);
        self.finish_runs(ended.into_iter().map(|run| (run, Ended::Some)), now).await?;
        Ok(outcome)
    }

    /// Removes the registration of an incarnation of a node, and queues the jobs that it held again at once. Returns
    /// false if the incarnation was not registered.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn unregister_node(
        &self,
        node_id: String,
        incarnation: Incarnation,
        now: i64,
    ) -> Result<bool, StoreError> {
        let dialect = self.dialect;
        let (gone, queued) = self
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = "UPDATE nodes SET registered = 0, draining = 0 WHERE id = $1 AND incarnation = $2 AND registered = 1";
                    let gone = query(sql)
                        .bind(&node_id)
                        .bind(incarnation.to_string())
                        .execute(&mut *connection)
                        .await?;
                    let held =
                        dialect.all("jobs", "state = 'running' AND node_id = $1 AND incarnation = $2");
                    let sql = format!(
                        "UPDATE jobs SET state = 'queued', leased_until = NULL, not_before = $3 WHERE {held} \
                         RETURNING {QUEUED_AGAIN}"
                    );
                    let rows = query(sql)
                        .bind(&node_id)
                        .bind(incarnation.to_string())
                        .bind(now)
                        .fetch_all(connection)
                        .await?;
                    let queued = rows.iter().map(read_queued).collect::<Result<Vec<_>, _>>()?;
                    Ok((gone.rows_affected() > 0, queued))
                })
            })
            .await?;
        self.known.ready.add(queued, now);
        Ok(gone)
    }
}

impl Acting<'_> {
    /// Removes an offline node from the list. Returns false if there is no such node.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn forget_node(
        &self,
        node_id: String,
        silent_before: i64,
        now: i64,
    ) -> Result<bool, StoreError> {
        let entry = self.entry("node.remove", "node", &node_id, now);
        self.store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = "DELETE FROM nodes WHERE id = $1 AND (registered = 0 OR last_heartbeat < $2) \
                               RETURNING document";
                    let gone =
                        query(sql).bind(node_id).bind(silent_before).fetch_optional(&mut *connection).await?;
                    let Some(gone) = gone else { return Ok(false) };
                    let node: RegisterRequest = json(&gone, "document")?;
                    let before = fields([("name", json!(node.name)), ("labels", json!(node.labels))]);
                    entry.before(before).write(connection).await?;
                    Ok(true)
                })
            })
            .await
    }

    /// Drains a node, or resumes it. A drained node finishes its jobs and gets no new ones, also after it was
    /// restarted. Returns false if there is no such node.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn drain_node(&self, node_id: String, drained: bool, now: i64) -> Result<bool, StoreError> {
        let action = if drained { "node.drain" } else { "node.resume" };
        let entry = self.entry(action, "node", &node_id, now);
        self.store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = "UPDATE nodes SET drained = $2 WHERE id = $1 RETURNING document";
                    let changed = query(sql).bind(node_id).bind(i64::from(drained));
                    let Some(row) = changed.fetch_optional(&mut *connection).await? else {
                        return Ok(false);
                    };
                    let node: RegisterRequest = json(&row, "document")?;
                    entry.after(fields([("name", json!(node.name))])).write(connection).await?;
                    Ok(true)
                })
            })
            .await
    }
}

impl Store {
    /// Returns the labels of a node, or None if the node is not registered with this incarnation.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn node_labels(
        &self,
        node_id: &str,
        incarnation: Incarnation,
    ) -> Result<Option<Labels>, StoreError> {
        let sql = "SELECT document FROM nodes WHERE id = $1 AND incarnation = $2 AND registered = 1";
        let row =
            query(sql).bind(node_id).bind(incarnation.to_string()).fetch_optional(&self.readers).await?;
        row.map(|row| Ok(json::<RegisterRequest>(&row, "document")?.labels)).transpose()
    }

    /// Returns all nodes, sorted by name, each with the jobs that it holds for the cameras of an area. If the area is
    /// limited, the totals of the nodes are zero, because they count all jobs. The ends of the nodes' leases are left
    /// out, because the store does not know how long a lease is.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn nodes(&self, area: &Area, silent_before: i64) -> Result<Vec<DistributedNode>, StoreError> {
        let sql = "SELECT id, registered, document, totals, draining, drained, registered_at, last_heartbeat, last_poll_at, \
                   clock_offset_ms, system, plugins FROM nodes ORDER BY id";
        let rows = query(sql).fetch_all(&self.readers).await?;
        let mut nodes = rows.iter().map(|row| read(row, silent_before)).collect::<Result<Vec<_>, _>>()?;
        let within = area.and(self.dialect, "jobs.camera_id", "$1");
        let sql = format!(
            "SELECT jobs.id AS id, jobs.node_id AS node_id, jobs.run_id AS run_id, jobs.camera_id AS camera_id, \
             jobs.started_at AS started_at, cameras.name AS camera_name FROM jobs \
             LEFT JOIN cameras ON cameras.id = jobs.camera_id WHERE jobs.state = 'running'{within} ORDER BY jobs.id"
        );
        let held = area.bound_to(query(sql)).fetch_all(&self.readers).await?;
        if !area.is_all() {
            nodes.iter_mut().for_each(|node| node.totals = Totals::default());
        }
        for row in &held {
            let node = text(row, "node_id")?;
            if let Some(node) = nodes.iter_mut().find(|one| one.id == node) {
                let job = read_job(row)?;
                node.current_tasks.push(job.id);
                node.jobs.push(job);
            }
        }
        nodes.sort_by(|a, b| a.name.cmp(&b.name).then(a.id.cmp(&b.id)));
        Ok(nodes)
    }
}

/// Registers an incarnation. Also returns the jobs that are queued again, and the runs of the jobs that are dead.
async fn register(
    connection: &mut Connection,
    dialect: Dialect,
    request: RegisterRequest,
    now: i64,
    silent_before: i64,
) -> Result<(Registration, Vec<ReadyJob>, Vec<RunId>), StoreError> {
    let sql = format!(
        "SELECT incarnation, registered, document, last_heartbeat FROM nodes WHERE id = $1{}",
        dialect.to_change()
    );
    let known = query(sql).bind(&request.id).fetch_optional(&mut *connection).await?;
    if let Some(row) = known {
        let incarnation: Incarnation = parsed(&row, "incarnation")?;
        let heard: i64 = row.try_get("last_heartbeat")?;
        let lives = row.try_get::<i64>("registered")? != 0 && heard > silent_before;
        if lives && incarnation != request.incarnation && request.replaces != Some(incarnation) {
            let other: RegisterRequest = json(&row, "document")?;
            let refused = Registration::InUse { hostname: other.system.hostname, heard_ms_ago: now - heard };
            return Ok((refused, Vec::new(), Vec::new()));
        }
    }
    query(
        "INSERT INTO nodes (id, incarnation, registered, document, totals, draining, registered_at, last_heartbeat, \
         clock_offset_ms) VALUES ($1, $2, 1, $3, $4, 0, $5, $5, $6) \
         ON CONFLICT (id) DO UPDATE SET incarnation = $2, registered = 1, document = $3, totals = $4, draining = 0, \
         registered_at = $5, last_heartbeat = $5, last_poll_at = NULL, clock_offset_ms = $6, system = NULL, plugins = NULL, \
         polls_over = 0",
    )
    .bind(&request.id)
    .bind(request.incarnation.to_string())
    .bind(serde_json::to_string(&request)?)
    .bind(serde_json::to_string(&Totals::default())?)
    .bind(now)
    .bind(clock_offset(request.clock, now))
    .execute(&mut *connection)
    .await?;
    // The jobs of a former incarnation ended with that incarnation. One of these jobs may have caused the end, so the
    // attempt of each job counts as a failure.
    let held = dialect.all("jobs", "state = 'running' AND node_id = $3 AND incarnation <> $4");
    let sql = format!("{EXPIRED} WHERE {held} RETURNING {QUEUED_AGAIN}, run_id, state");
    let rows = query(sql)
        .bind(now)
        .bind(crate::upkeep::failure("node-restarted", "The node was restarted in the middle of the job.")?)
        .bind(&request.id)
        .bind(request.incarnation.to_string())
        .fetch_all(connection)
        .await?;
    let (mut queued, mut ended) = (Vec::new(), Vec::new());
    for row in &rows {
        if text(row, "state")? == "dead" {
            ended.push(parsed(row, "run_id")?);
        } else {
            queued.push(read_queued(row)?);
        }
    }
    Ok((Registration::Accepted { requeued: rows.len() as u64 }, queued, ended))
}

fn read_job(row: &Row) -> Result<NodeJob, StoreError> {
    Ok(NodeJob {
        id: parsed(row, "id")?,
        run_id: parsed(row, "run_id")?,
        camera_id: maybe_text(row, "camera_id")?,
        camera_name: maybe_text(row, "camera_name")?,
        since: maybe_time(row, "started_at")?,
    })
}

fn read(row: &Row, silent_before: i64) -> Result<DistributedNode, StoreError> {
    let document: RegisterRequest = json(row, "document")?;
    let heard = row.try_get::<i64>("last_heartbeat")?;
    let registered = row.try_get::<i64>("registered")? != 0;
    let drained = row.try_get::<i64>("drained")? != 0;
    let status = if !registered || heard < silent_before {
        NodeState::Offline
    } else if drained || row.try_get::<i64>("draining")? != 0 {
        NodeState::Draining
    } else {
        NodeState::Online
    };
    Ok(DistributedNode {
        id: text(row, "id")?,
        name: document.name,
        status,
        drained,
        current_tasks: Vec::new(),
        jobs: Vec::new(),
        cached_plugins: maybe_json(row, "plugins")?,
        capacity: document.capacity,
        pool_size: document.pool_size,
        labels: document.labels,
        version: document.version,
        system: maybe_json(row, "system")?.unwrap_or(document.system),
        totals: json(row, "totals")?,
        registered_at: time_of(row, "registered_at")?,
        last_heartbeat: time_of(row, "last_heartbeat")?,
        lease_expires_at: None,
        last_poll_at: maybe_time(row, "last_poll_at")?,
        clock_offset_ms: row.try_get("clock_offset_ms")?,
    })
}

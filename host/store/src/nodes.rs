//! Nodes: who is there, in which life, and when it was heard of last.

use easysight_protocol::{
    DistributedNode, HeartbeatRequest, Incarnation, JobId, Labels, NodeState, RegisterRequest, Totals,
};
use sqlx::{AnyConnection, AssertSqlSafe, Row, any::AnyRow};

use crate::{
    Store, StoreError,
    dispatch::clock_offset,
    query::{json, maybe_time, parsed, text, time_of},
    upkeep::EXPIRED,
};

/// What became of a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registration {
    /// The node is known; so many jobs of its former life were offered again.
    Accepted {
        /// Jobs that are offered again.
        requeued: u64,
    },
    /// Another process of this id lives.
    InUse {
        /// Where it runs.
        hostname: String,
        /// Milliseconds since it was heard of.
        heard_ms_ago: i64,
    },
}

/// What became of a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeartbeatOutcome {
    /// Leases were renewed.
    Noted {
        /// Held jobs that are the node's no longer.
        revoked: Vec<JobId>,
        /// Jobs that never reached it and are offered again.
        lost: u64,
    },
    /// There is no such node, or it is not registered.
    Unknown,
    /// Another life of this node has registered since.
    Superseded,
}

/// Nodes: who they are and when they were heard of.
pub trait NodeRepository {
    /// Registers a life of a node. Another life that was heard of within the time of a lease keeps
    /// it out, unless the new one knows that it is over.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn register_node(
        &self,
        request: RegisterRequest,
        now: i64,
        lease_ms: i64,
    ) -> impl Future<Output = Result<Registration, StoreError>> + Send;

    /// Forgets a life of a node; what it held is offered again at once. False where it was not
    /// registered.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn unregister_node(
        &self,
        node_id: String,
        incarnation: Incarnation,
        now: i64,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Removes a node that is offline from the list. False where there is none.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn forget_node(
        &self,
        node_id: String,
        now: i64,
        lease_ms: i64,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// The labels of a node that is registered.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn node_labels(&self, node_id: &str) -> impl Future<Output = Result<Option<Labels>, StoreError>> + Send;

    /// All nodes by name, and what each of them holds.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn nodes(
        &self,
        now: i64,
        lease_ms: i64,
    ) -> impl Future<Output = Result<Vec<DistributedNode>, StoreError>> + Send;
}

impl NodeRepository for Store {
    async fn register_node(
        &self,
        request: RegisterRequest,
        now: i64,
        lease_ms: i64,
    ) -> Result<Registration, StoreError> {
        self.writer.run(move |connection| Box::pin(register(connection, request, now, lease_ms))).await
    }

    async fn unregister_node(
        &self,
        node_id: String,
        incarnation: Incarnation,
        now: i64,
    ) -> Result<bool, StoreError> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = "UPDATE nodes SET registered = 0, draining = 0 WHERE id = $1 AND incarnation = $2 AND registered = 1";
                    let gone = sqlx::query(sql)
                        .bind(&node_id)
                        .bind(incarnation.to_string())
                        .execute(&mut *connection)
                        .await?;
                    let sql = "UPDATE jobs SET state = 'queued', leased_until = NULL, not_before = $3 \
                               WHERE state = 'running' AND node_id = $1 AND incarnation = $2";
                    sqlx::query(sql)
                        .bind(&node_id)
                        .bind(incarnation.to_string())
                        .bind(now)
                        .execute(connection)
                        .await?;
                    Ok(gone.rows_affected() > 0)
                })
            })
            .await
    }

    async fn forget_node(&self, node_id: String, now: i64, lease_ms: i64) -> Result<bool, StoreError> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = "DELETE FROM nodes WHERE id = $1 AND (registered = 0 OR last_heartbeat < $2)";
                    let gone =
                        sqlx::query(sql).bind(node_id).bind(now - lease_ms).execute(connection).await?;
                    Ok(gone.rows_affected() > 0)
                })
            })
            .await
    }

    async fn node_labels(&self, node_id: &str) -> Result<Option<Labels>, StoreError> {
        let row = sqlx::query("SELECT document FROM nodes WHERE id = $1 AND registered = 1")
            .bind(node_id)
            .fetch_optional(&self.readers)
            .await?;
        row.map(|row| Ok(json::<RegisterRequest>(&row, "document")?.labels)).transpose()
    }

    async fn nodes(&self, now: i64, lease_ms: i64) -> Result<Vec<DistributedNode>, StoreError> {
        let sql = "SELECT id, registered, document, totals, draining, registered_at, last_heartbeat, last_poll_at, \
                   clock_offset_ms FROM nodes ORDER BY id";
        let rows = sqlx::query(sql).fetch_all(&self.readers).await?;
        let mut nodes = rows.iter().map(|row| read(row, now, lease_ms)).collect::<Result<Vec<_>, _>>()?;
        let held = sqlx::query("SELECT id, node_id FROM jobs WHERE state = 'running' ORDER BY id")
            .fetch_all(&self.readers)
            .await?;
        for row in &held {
            let (job, node) = (parsed(row, "id")?, text(row, "node_id")?);
            if let Some(node) = nodes.iter_mut().find(|one| one.id == node) {
                node.current_tasks.push(job);
            }
        }
        nodes.sort_by(|a, b| a.name.cmp(&b.name).then(a.id.cmp(&b.id)));
        Ok(nodes)
    }
}

async fn register(
    connection: &mut AnyConnection,
    request: RegisterRequest,
    now: i64,
    lease_ms: i64,
) -> Result<Registration, StoreError> {
    let sql = "SELECT incarnation, registered, document, last_heartbeat FROM nodes WHERE id = $1";
    let known = sqlx::query(sql).bind(&request.id).fetch_optional(&mut *connection).await?;
    if let Some(row) = known {
        let incarnation: Incarnation = parsed(&row, "incarnation")?;
        let heard_ms_ago = now - row.try_get::<i64, _>("last_heartbeat")?;
        let lives = row.try_get::<i64, _>("registered")? != 0 && heard_ms_ago < lease_ms;
        if lives && incarnation != request.incarnation && request.replaces != Some(incarnation) {
            let other: RegisterRequest = json(&row, "document")?;
            return Ok(Registration::InUse { hostname: other.system.hostname, heard_ms_ago });
        }
    }
    sqlx::query(
        "INSERT INTO nodes (id, incarnation, registered, document, totals, draining, registered_at, last_heartbeat, \
         clock_offset_ms) VALUES ($1, $2, 1, $3, $4, 0, $5, $5, $6) \
         ON CONFLICT (id) DO UPDATE SET incarnation = $2, registered = 1, document = $3, totals = $4, draining = 0, \
         registered_at = $5, last_heartbeat = $5, last_poll_at = NULL, clock_offset_ms = $6",
    )
    .bind(&request.id)
    .bind(request.incarnation.to_string())
    .bind(serde_json::to_string(&request)?)
    .bind(serde_json::to_string(&Totals::default())?)
    .bind(now)
    .bind(clock_offset(request.clock, now))
    .execute(&mut *connection)
    .await?;
    // What a former life held did not survive it. It may have been what ended it, so this counts.
    let sql = format!("{EXPIRED} WHERE state = 'running' AND node_id = $3 AND incarnation <> $4");
    let requeued = sqlx::query(AssertSqlSafe(sql))
        .bind(now)
        .bind(crate::upkeep::failure("node-restarted", "The node was restarted in the middle of the job.")?)
        .bind(&request.id)
        .bind(request.incarnation.to_string())
        .execute(connection)
        .await?;
    Ok(Registration::Accepted { requeued: requeued.rows_affected() })
}

/// Notes a heartbeat; answers why it is refused.
pub(crate) async fn note_heartbeat(
    connection: &mut AnyConnection,
    node_id: &str,
    request: &HeartbeatRequest,
    now: i64,
) -> Result<Option<HeartbeatOutcome>, StoreError> {
    let sql = "UPDATE nodes SET last_heartbeat = $3, draining = $4, totals = $5, clock_offset_ms = $6 \
               WHERE id = $1 AND incarnation = $2 AND registered = 1 RETURNING document";
    let noted = sqlx::query(sql)
        .bind(node_id)
        .bind(request.incarnation.to_string())
        .bind(now)
        .bind(i64::from(request.draining))
        .bind(serde_json::to_string(&request.totals)?)
        .bind(clock_offset(request.clock, now))
        .fetch_optional(&mut *connection)
        .await?;
    match (noted, &request.system) {
        (Some(row), Some(system)) => {
            let mut document: RegisterRequest = json(&row, "document")?;
            document.system = system.clone();
            sqlx::query("UPDATE nodes SET document = $2 WHERE id = $1")
                .bind(node_id)
                .bind(serde_json::to_string(&document)?)
                .execute(connection)
                .await?;
            Ok(None)
        }
        (Some(_), None) => Ok(None),
        (None, _) => {
            let other = sqlx::query("SELECT incarnation FROM nodes WHERE id = $1 AND registered = 1")
                .bind(node_id)
                .fetch_optional(connection)
                .await?;
            let superseded = match other {
                Some(row) => parsed::<Incarnation>(&row, "incarnation")? != request.incarnation,
                None => false,
            };
            Ok(Some(if superseded { HeartbeatOutcome::Superseded } else { HeartbeatOutcome::Unknown }))
        }
    }
}

fn read(row: &AnyRow, now: i64, lease_ms: i64) -> Result<DistributedNode, StoreError> {
    let document: RegisterRequest = json(row, "document")?;
    let heard = row.try_get::<i64, _>("last_heartbeat")?;
    let registered = row.try_get::<i64, _>("registered")? != 0;
    let status = if !registered || now - heard > lease_ms {
        NodeState::Offline
    } else if row.try_get::<i64, _>("draining")? != 0 {
        NodeState::Draining
    } else {
        NodeState::Online
    };
    Ok(DistributedNode {
        id: text(row, "id")?,
        name: document.name,
        status,
        current_tasks: Vec::new(),
        capacity: document.capacity,
        pool_size: document.pool_size,
        labels: document.labels,
        version: document.version,
        system: document.system,
        totals: json(row, "totals")?,
        registered_at: time_of(row, "registered_at")?,
        last_heartbeat: time_of(row, "last_heartbeat")?,
        last_poll_at: maybe_time(row, "last_poll_at")?,
        clock_offset_ms: row.try_get("clock_offset_ms")?,
    })
}

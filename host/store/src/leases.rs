//! Leases: which node works on which job, until when, and in which attempt. Every statement that changes a job checks
//! state, lease and attempt again, so that no change is based on an outdated state.

use std::{collections::BTreeMap, sync::Arc};

use easysight_protocol::{HeartbeatRequest, Incarnation, JobPlan, Labels, LeaseToken, LeasedJob};

use crate::{HeartbeatOutcome, Store, StoreError, beats::Beat, db::Via, leasing::Ask, looks::look, runs};

/// A node's request for jobs.
#[derive(Debug, Clone)]
pub struct WantedLease {
    /// The node's id.
    pub node_id: String,
    /// The node's incarnation, which is the id of its process.
    pub incarnation: Incarnation,
    /// The number of the node's poll.
    pub poll: u64,
    /// The node's labels.
    pub labels: Labels,
    /// The maximum number of jobs.
    pub max_jobs: u32,
    /// The time before which a good picture is too old, in milliseconds since 1970. A good picture shows a camera
    /// while it is healthy. It is requested of each camera that has none or whose last one was taken before this time.
    /// If absent, no picture is requested.
    pub good_pictures_before: Option<i64>,
}

/// The jobs that a node is given.
#[derive(Debug, Clone, PartialEq)]
pub struct Leased {
    /// The token of the lease, which proves the right to report results.
    pub lease: LeaseToken,
    /// The plans that the jobs refer to.
    pub plans: Vec<JobPlan>,
    /// The jobs.
    pub jobs: Vec<LeasedJob>,
    /// True if an administrator drains the node, so that it gets no jobs.
    pub drained: bool,
}

impl Leased {
    /// Makes a lease without jobs.
    #[must_use]
    pub const fn nothing(lease: LeaseToken) -> Self {
        Self { lease, plans: Vec::new(), jobs: Vec::new(), drained: false }
    }
}

/// Returns true if a node with these labels may lease jobs that require the labels in `required`, one `key=value` on
/// each line.
#[must_use]
pub fn satisfies(labels: &Labels, required: &str) -> bool {
    crate::ready::satisfies(labels, required)
}

impl Store {
    /// Leases queued jobs: highest priority first, then oldest first. Returns None if the node's incarnation is not
    /// the registered one.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn lease(
        &self,
        wanted: WantedLease,
        now: i64,
        lease_ms: i64,
    ) -> Result<Option<Leased>, StoreError> {
        self.leases.send(Ask { wanted, now, until: now + lease_ms }).await
    }

    /// Records that a node is alive and renews the leases of the jobs that it holds. If a lease has expired and no
    /// other node has leased the job since, the node gets the lease back. Jobs that were lost on the way to the node
    /// are queued again.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn heartbeat(
        &self,
        node_id: String,
        request: HeartbeatRequest,
        now: i64,
        lease_ms: i64,
    ) -> Result<HeartbeatOutcome, StoreError> {
        let beaten = self.beats.send(Beat { node_id, request, now, until: now + lease_ms }).await?;
        self.known.ready.add(beaten.queued, now);
        let reopened = beaten.reopened;
        if !reopened.is_empty() {
            self.writer.run(move |connection| Box::pin(runs::reopen(connection, reopened))).await?;
        }
        Ok(beaten.outcome)
    }

    /// Returns true if a query may find a job for a node with these labels. If false, no query is needed: the store
    /// has in memory the jobs that it queued itself, and its last query was made a moment ago.
    pub fn may_have_work(&self, labels: &Labels, now: i64) -> bool {
        let ready = &self.known.ready;
        ready.wants_list() || ready.has(labels, now) || !ready.looks(&[labels], 1, now).is_empty()
    }

    /// Records that nodes polled, given as `(node, incarnation, time)`. Returns the nodes whose incarnation is not
    /// the registered one.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn note_polls(
        &self,
        polls: Vec<(String, Incarnation, i64)>,
    ) -> Result<Vec<(String, Incarnation)>, StoreError> {
        if polls.is_empty() {
            return Ok(Vec::new());
        }
        let (dialect, noted) = (self.dialect, Arc::clone(&self.known));
        let lives: Vec<_> = polls.iter().map(|(node, life, _)| (node.clone(), *life)).collect();
        let known = self
            .writer
            .run_relaxed(move |connection| {
                Box::pin(async move { noted.polls.greet(connection, dialect, &polls).await })
            })
            .await?;
        Ok(lives.into_iter().filter(|life| !known.contains_key(life)).collect())
    }

    /// Queries for ready jobs that nodes with any of these labels may lease, if a query is necessary. Then counts all
    /// ready jobs that this store has in memory, by the labels that the jobs require (one `key=value` on each line).
    /// If there are thousands of ready jobs, only a part of them is in memory.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn ready_jobs(
        &self,
        labels: Vec<Labels>,
        now: i64,
    ) -> Result<BTreeMap<String, usize>, StoreError> {
        let labels: Vec<&Labels> = labels.iter().collect();
        look(&mut Via::Pool(&self.readers), &self.known.ready, &labels, 1, now).await?;
        Ok(self.known.ready.counts())
    }

    /// Returns the same as [`Self::ready_jobs`], but without a query.
    pub fn known_ready_jobs(&self) -> BTreeMap<String, usize> {
        self.known.ready.counts()
    }

    /// Makes the next query read from the beginning, because another master queued jobs.
    pub fn doubt_ready_jobs(&self) {
        self.known.ready.doubt();
    }
}

//! Leases: who works on which job, until when, and which attempt it is. State, lease and attempt are
//! checked again inside every statement that changes a job, so that nobody acts on what was.

use std::{collections::BTreeMap, sync::Arc};

use easysight_protocol::{HeartbeatRequest, Incarnation, JobPlan, Labels, LeaseToken, LeasedJob};

use crate::{HeartbeatOutcome, Store, StoreError, beats::Beat, db::Via, leasing::Ask, looks::look, runs};

/// What a node asks for.
#[derive(Debug, Clone)]
pub struct WantedLease {
    /// The node.
    pub node_id: String,
    /// Its life.
    pub incarnation: Incarnation,
    /// Which of its polls this is.
    pub poll: u64,
    /// What it has.
    pub labels: Labels,
    /// Jobs at the most.
    pub max_jobs: u32,
    /// Of cameras whose last good picture is older than this, or that have none, one is asked for; of
    /// none where absent.
    pub good_pictures_before: Option<i64>,
}

/// What a node is given.
#[derive(Debug, Clone, PartialEq)]
pub struct Leased {
    /// Proves the right to report.
    pub lease: LeaseToken,
    /// What the jobs refer to.
    pub plans: Vec<JobPlan>,
    /// The jobs.
    pub jobs: Vec<LeasedJob>,
}

impl Leased {
    pub(crate) fn nothing() -> Self {
        Self { lease: LeaseToken::fresh(), plans: Vec::new(), jobs: Vec::new() }
    }
}

/// True where a node with these labels may have jobs that require those.
#[must_use]
pub fn satisfies(labels: &Labels, required: &str) -> bool {
    crate::ready::satisfies(labels, required)
}

impl Store {
    /// Leases queued jobs, highest priority first, oldest first. None where the node's life is not
    /// the one that is registered.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn lease(
        &self,
        wanted: WantedLease,
        now: i64,
        lease_ms: i64,
    ) -> Result<Option<Leased>, StoreError> {
        self.leases.send(Ask { wanted, now, until: now + lease_ms }).await
    }

    /// Notes that a node lives, renews the leases of what it holds, gives back to it what expired and nobody else
    /// has, and offers again what was lost on the way to it.
    ///
    /// # Errors
    ///
    /// Those of the database.
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

    /// True where a look at the database may find a job for a node with these labels. False costs no
    /// statement: what this store queued is known, and the last look was a moment ago.
    pub fn may_have_work(&self, labels: &Labels, now: i64) -> bool {
        let ready = &self.known.ready;
        ready.wants_list() || ready.has(labels, now) || !ready.looks(&[labels], 1, now).is_empty()
    }

    /// Notes that nodes asked for jobs, `(node, life, when)`; answers those whose life is not the one that is
    /// registered.
    ///
    /// # Errors
    ///
    /// Those of the database.
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
        Ok(lives.into_iter().filter(|life| !known.contains(life)).collect())
    }

    /// How many jobs are ready that nodes with any of these labels may have, by the labels that the jobs require
    /// (one `key=value` a line). Counts what is known to this store after a look at the database, which is not
    /// all where there are thousands.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn ready_jobs(
        &self,
        labels: Vec<Labels>,
        now: i64,
    ) -> Result<BTreeMap<String, usize>, StoreError> {
        let labels: Vec<&Labels> = labels.iter().collect();
        look(&mut Via::Pool(&self.readers), &self.known.ready, &labels, 1, now).await?;
        Ok(self.known.ready.counts())
    }

    /// The same without a look at the database.
    pub fn known_ready_jobs(&self) -> BTreeMap<String, usize> {
        self.known.ready.counts()
    }

    /// Another master queued jobs: the next look is a thorough one.
    pub fn doubt_ready_jobs(&self) {
        self.known.ready.doubt();
    }
}

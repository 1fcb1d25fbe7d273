//! Candidates, which run beside the active plugins: the list of candidates, and the comparison of their findings.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use easysight_protocol::{
    Finding, Ids, JobId, MeanCost, ShadowChange, ShadowDiagnosis, ShadowDifference, ShadowReport,
};
use serde_json::json;

use crate::{
    Acting, Dialect, Store, StoreError,
    audit::fields,
    db::{Connection, Rows, query},
    query::{count, json, maybe_text, parsed, text, time_of},
    reports::list,
};

/// The maximum number of differences in a report.
const SHOWN_DIFFERENCES: i64 = 50;

/// A candidate of a diagnosis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shadow {
    /// The diagnosis.
    pub diagnosis: String,
    /// The candidate.
    pub digest: String,
    /// When the plugin became the candidate.
    pub since: DateTime<Utc>,
}

impl Acting<'_> {
    /// Makes a plugin the candidate for these diagnoses.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Conflict`] if one of the diagnoses has another candidate, or another error if the
    /// database fails. In both cases, nothing is changed.
    pub async fn shadow(&self, digest: String, diagnoses: Vec<String>, now: i64) -> Result<(), StoreError> {
        let entry = self.entry("plugin.begin_shadow", "plugin", &digest, now);
        self.store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    let mut begun = Vec::new();
                    for diagnosis in diagnoses {
                        let sql = "INSERT INTO shadows (diagnosis, digest, since) VALUES ($1, $2, $3) \
                                   ON CONFLICT (diagnosis) DO NOTHING";
                        let new = query(sql)
                            .bind(&diagnosis)
                            .bind(&digest)
                            .bind(now)
                            .execute(&mut *connection)
                            .await?;
                        let sql = "SELECT digest FROM shadows WHERE diagnosis = $1";
                        let row = query(sql).bind(&diagnosis).fetch_one(&mut *connection).await?;
                        let stands = text(&row, "digest")?;
                        if stands != digest {
                            let detail = format!(
                                "{stands} is the candidate for `{diagnosis}` already; end its candidacy first"
                            );
                            return Err(StoreError::Conflict(detail.into()));
                        }
                        if new.rows_affected() > 0 {
                            begun.push(diagnosis);
                        }
                    }
                    if begun.is_empty() {
                        return Ok(());
                    }
                    entry.after(fields([("candidate_for", json!(begun))])).write(connection).await
                })
            })
            .await
    }

    /// Ends the candidacy of a plugin for these diagnoses. The plugin's findings stay. The plugin's baselines are
    /// removed when the plugin is no longer the candidate for any diagnosis.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn end_shadow(
        &self,
        digest: String,
        diagnoses: Vec<String>,
        now: i64,
    ) -> Result<(), StoreError> {
        let entry = self.entry("plugin.end_shadow", "plugin", &digest, now);
        self.store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    let ended = end(connection, &digest, &diagnoses).await?;
                    if ended.is_empty() {
                        return Ok(());
                    }
                    entry.before(fields([("candidate_for", json!(ended))])).write(connection).await
                })
            })
            .await
    }
}

impl Store {
    /// Returns all candidates, sorted by diagnosis.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn shadows(&self) -> Result<Vec<Shadow>, StoreError> {
        let sql = "SELECT diagnosis, digest, since FROM shadows ORDER BY diagnosis";
        let rows = query(sql).fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                let (diagnosis, digest) = (text(row, "diagnosis")?, text(row, "digest")?);
                Ok(Shadow { diagnosis, digest, since: time_of(row, "since")? })
            })
            .collect()
    }

    /// Compares a candidate's findings with those of the active plugins, over all stored jobs.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn shadow_report(&self, digest: &str) -> Result<ShadowReport, StoreError> {
        let sql = "SELECT diagnosis, active, candidate, COUNT(*) AS compared, \
                   CAST(AVG(active_fuel) AS DOUBLE PRECISION) AS active_fuel, AVG(active_ms) AS active_ms, \
                   CAST(AVG(candidate_fuel) AS DOUBLE PRECISION) AS candidate_fuel, \
                   AVG(candidate_ms) AS candidate_ms FROM shadow_findings WHERE digest = $1 \
                   GROUP BY diagnosis, active, candidate ORDER BY diagnosis, compared DESC, active, candidate";
        let rows = query(sql).bind(digest).fetch_all(&self.readers).await?;
        let mut of: BTreeMap<String, ShadowDiagnosis> = BTreeMap::new();
        for shadow in self.shadows().await?.into_iter().filter(|shadow| shadow.digest == digest) {
            let stands = ShadowDiagnosis { since: Some(shadow.since), ..nothing(&shadow.diagnosis) };
            of.insert(shadow.diagnosis, stands);
        }
        for row in &rows {
            let diagnosis = text(row, "diagnosis")?;
            let one = of.entry(diagnosis).or_insert_with_key(|diagnosis| nothing(diagnosis));
            let group: u64 = count(row, "compared")?;
            let cost = |fuel: &str, ms: &str| -> Result<MeanCost, StoreError> {
                Ok(MeanCost { fuel: row.try_get(fuel)?, compute_ms: row.try_get(ms)? })
            };
            one.active = mean(one.active, one.compared, cost("active_fuel", "active_ms")?, group);
            one.candidate = mean(one.candidate, one.compared, cost("candidate_fuel", "candidate_ms")?, group);
            one.compared += group;
            let (active, candidate) = (text(row, "active")?, text(row, "candidate")?);
            if active == candidate {
                one.agreed += group;
            } else {
                one.changes.push(ShadowChange { active, candidate, count: group });
            }
        }
        let differences = self.differences(digest).await?;
        Ok(ShadowReport { digest: digest.to_owned(), diagnoses: of.into_values().collect(), differences })
    }
}

impl Store {
    async fn differences(&self, digest: &str) -> Result<Vec<ShadowDifference>, StoreError> {
        let sql = "SELECT job_id, camera_id, created_at, active, document FROM shadow_findings \
                   WHERE digest = $1 AND document IS NOT NULL ORDER BY id DESC LIMIT $2";
        let rows = query(sql).bind(digest).bind(SHOWN_DIFFERENCES).fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                Ok(ShadowDifference {
                    job_id: parsed(row, "job_id")?,
                    camera_id: maybe_text(row, "camera_id")?,
                    created_at: time_of(row, "created_at")?,
                    active: text(row, "active")?,
                    candidate: json(row, "document")?,
                })
            })
            .collect()
    }
}

fn nothing(diagnosis: &str) -> ShadowDiagnosis {
    ShadowDiagnosis {
        diagnosis: diagnosis.to_owned(),
        since: None,
        compared: 0,
        agreed: 0,
        changes: Vec::new(),
        active: MeanCost::default(),
        candidate: MeanCost::default(),
    }
}

/// Returns the mean cost of all runs in two groups. `a` and `b` are the mean costs of the two groups. They are weighted
/// by the numbers of runs in the groups.
fn mean(a: MeanCost, runs_a: u64, b: MeanCost, runs_b: u64) -> MeanCost {
    let share = runs_b as f64 / (runs_a + runs_b).max(1) as f64;
    let of = |a: f64, b: f64| a + (b - a) * share;
    MeanCost { fuel: of(a.fuel, b.fuel), compute_ms: of(a.compute_ms, b.compute_ms) }
}

/// Ends the candidacy of a plugin for these diagnoses. Returns the diagnoses for which the plugin was the candidate.
pub(crate) async fn end(
    connection: &mut Connection,
    digest: &str,
    diagnoses: &[String],
) -> Result<Vec<String>, StoreError> {
    let mut ended = Vec::new();
    for diagnosis in diagnoses {
        let gone = query("DELETE FROM shadows WHERE diagnosis = $1 AND digest = $2")
            .bind(diagnosis)
            .bind(digest)
            .execute(&mut *connection)
            .await?;
        if gone.rows_affected() > 0 {
            ended.push(diagnosis.clone());
        }
    }
    let sql =
        "DELETE FROM baselines WHERE plugin = $1 AND NOT EXISTS (SELECT 1 FROM shadows WHERE digest = $1)";
    query(sql).bind(digest).execute(connection).await?;
    Ok(ended)
}

/// Returns the digests among `digests` whose plugins are candidates now.
pub(crate) async fn standing(
    connection: &mut Connection,
    dialect: Dialect,
    digests: &BTreeSet<&str>,
) -> Result<BTreeSet<String>, StoreError> {
    if digests.is_empty() {
        return Ok(BTreeSet::new());
    }
    let sql = format!("SELECT DISTINCT digest FROM shadows WHERE {}", dialect.among("digest", "$1"));
    let rows = query(sql).bind(list(digests)).fetch_all(connection).await?;
    rows.iter().map(|row| text(row, "digest")).collect()
}

/// The candidates' findings in one job, and the findings of the active plugins.
pub(crate) struct Compared<'a> {
    pub(crate) job_id: JobId,
    pub(crate) camera_id: Option<&'a str>,
    pub(crate) findings: &'a [Finding],
    pub(crate) shadows: &'a [Finding],
}

/// Stores the candidates' findings. A finding is left out if no active plugin has a finding of the same diagnosis to
/// compare it with.
pub(crate) async fn keep(
    connection: &mut Connection,
    dialect: Dialect,
    ids: &Ids,
    compared: &[Compared<'_>],
    now: i64,
) -> Result<(), StoreError> {
    let mut new: Vec<(&Compared<'_>, &Finding, &Finding, &str, Option<String>)> = Vec::new();
    for job in compared {
        for candidate in job.shadows {
            let active = job.findings.iter().find(|one| one.diagnosis == candidate.diagnosis);
            let (Some(active), Some(digest)) = (active, &candidate.digest) else { continue };
            let differs = active.word() != candidate.word();
            let document = if differs { Some(serde_json::to_string(candidate)?) } else { None };
            new.push((job, active, candidate, digest, document));
        }
    }
    if new.is_empty() {
        return Ok(());
    }
    let fuel = |finding: &Finding| i64::try_from(finding.fuel).unwrap_or(i64::MAX);
    let rows = Rows::new()
        .texts("id", new.iter().map(|_| ids.next(now).to_string()))
        .texts("job_id", new.iter().map(|(job, ..)| job.job_id.to_string()))
        .texts("digest", new.iter().map(|(.., digest, _)| *digest))
        .texts("diagnosis", new.iter().map(|(_, _, candidate, ..)| candidate.diagnosis.as_str()))
        .maybe_texts("camera_id", new.iter().map(|(job, ..)| job.camera_id))
        .texts("active", new.iter().map(|(_, active, ..)| active.word()))
        .integers("active_fuel", new.iter().map(|(_, active, ..)| fuel(active)))
        .maybe_reals("active_ms", new.iter().map(|(_, active, ..)| Some(active.compute_ms)))
        .texts("candidate", new.iter().map(|(_, _, candidate, ..)| candidate.word()))
        .integers("candidate_fuel", new.iter().map(|(_, _, candidate, ..)| fuel(candidate)))
        .maybe_reals("candidate_ms", new.iter().map(|(_, _, candidate, ..)| Some(candidate.compute_ms)))
        .maybe_texts("document", new.iter().map(|(.., document)| document.as_deref()));
    let sql = format!(
        "INSERT INTO shadow_findings ({}, created_at) SELECT {}, $1 FROM {} WHERE 1 = 1 \
         ON CONFLICT (job_id, digest, diagnosis) DO NOTHING",
        rows.names(""),
        rows.names("x."),
        rows.table(dialect, 2, "x")
    );
    query(sql).bind(now).bind_rows(rows, dialect)?.execute(connection).await?;
    Ok(())
}

//! Baselines: what plugins remember about cameras. A lease carries a camera's baselines to the node. The recorded
//! result of the job brings new baselines back. A camera's baselines are removed when another camera replaces it, or
//! when its view changes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use easysight_protocol::{
    Baseline, BaselineInfo, Finding, JobPlan, LOOKS_MEMORY, LeasedJob, MAX_BASELINE_BYTES, PlannedPlugin,
    plugin_name,
};
use serde_json::json;

use crate::{
    Acting, Area, Dialect, Store, StoreError,
    audit::fields,
    cameras,
    db::{Connection, Rows, query},
    jobs::{QUEUED_AGAIN, read_queued},
    lost::{self, Spared},
    query::{count, maybe_text, text, time_of},
    ready::ReadyJob,
    reports::list,
    shadows,
};

/// The maximum number of base64 characters of all baselines in one lease. If the baselines of a lease's jobs would
/// exceed this limit, the lease gets fewer jobs, but at least one. The baselines of all standard plugins for one
/// camera fit, even if each baseline has the maximum size.
const MAX_LEASE_LETTERS: u64 = 32 * ((MAX_BASELINE_BYTES as u64).div_ceil(3) * 4);

impl Acting<'_> {
    /// Removes all baselines of a camera, or only the baseline of the plugin with this name. Returns the number of
    /// removed baselines, or None if there is no such camera. A job that was leased before the reset cannot bring a
    /// baseline back.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn reset_baselines(
        &self,
        camera: String,
        plugin: Option<String>,
        now: i64,
    ) -> Result<Option<u64>, StoreError> {
        let entry = self.entry("camera.reset_baselines", "camera", &camera, now);
        let (dialect, area) = (self.store.dialect, self.area().clone());
        self.store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    if cameras::lock(connection, dialect, &area, &camera).await?.is_none() {
                        return Ok(None);
                    }
                    let forgotten = match &plugin {
                        Some(plugin) => forget_one(connection, &camera, plugin, now).await?,
                        None => forget_all(connection, &camera, now).await?,
                    };
                    let after = fields([("plugin", json!(plugin)), ("removed", json!(forgotten))]);
                    entry.after(after).write(connection).await?;
                    Ok(Some(forgotten))
                })
            })
            .await
    }
}

impl Store {
    /// Returns the baselines of a camera, sorted by plugin. The list is empty if the camera is not in the area.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn baselines(&self, area: &Area, camera: &str) -> Result<Vec<BaselineInfo>, StoreError> {
        let sql = format!(
            "SELECT plugin, size_bytes, as_of FROM baselines WHERE camera_id = $1 AND data IS NOT NULL{} \
             ORDER BY plugin",
            area.and(self.dialect, "camera_id", "$2")
        );
        let rows = area.bound_to(query(sql).bind(camera)).fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                Ok(BaselineInfo {
                    plugin: text(row, "plugin")?,
                    size_bytes: count(row, "size_bytes")?,
                    stored_at: time_of(row, "as_of")?,
                })
            })
            .collect()
    }
}

/// The parts of a recorded job's result that baselines depend on.
pub(crate) struct Brought<'a> {
    pub(crate) camera_id: &'a str,
    /// When the recorded attempt was leased.
    pub(crate) started_at: i64,
    pub(crate) findings: &'a [Finding],
    pub(crate) shadows: &'a [Finding],
    pub(crate) baselines: &'a [Baseline],
}

/// The data about cameras that leases need, without the contents of baselines.
#[derive(Default)]
pub(crate) struct Held {
    /// When the last good picture of each camera was taken.
    pictures: HashMap<String, Option<i64>>,
    /// The cameras that give no picture. A picture is requested from them less often.
    spared: Spared,
    /// The size of a baseline in a response, in base64 characters, by camera and plugin.
    letters: HashMap<(String, String), u64>,
}

impl Held {
    pub(crate) async fn of(
        connection: &mut Connection,
        dialect: Dialect,
        cameras: Vec<&str>,
    ) -> Result<Self, StoreError> {
        let mut held = Self::default();
        if cameras.is_empty() {
            return Ok(held);
        }
        let sql = format!(
            "SELECT cameras.id AS camera_id, cameras.good_picture_at AS good_picture_at, b.plugin AS plugin, \
             b.size_bytes AS size_bytes, {} FROM cameras LEFT JOIN baselines b ON b.camera_id = cameras.id \
             AND b.data IS NOT NULL WHERE {}",
            lost::COLUMNS,
            dialect.among("cameras.id", "$1")
        );
        for row in &query(sql).bind(list(cameras)).fetch_all(connection).await? {
            let camera = text(row, "camera_id")?;
            held.pictures.insert(camera.clone(), row.try_get("good_picture_at")?);
            held.spared.note(&camera, row)?;
            if let Some(plugin) = maybe_text(row, "plugin")? {
                let size: u64 = count(row, "size_bytes")?;
                held.letters.insert((camera, plugin), size.div_ceil(3) * 4);
            }
        }
        Ok(held)
    }

    /// Returns true if the camera exists, and has no good picture or only one that is older than `before`.
    fn lacks_picture(&self, camera: &str, before: i64) -> bool {
        self.pictures.get(camera).is_some_and(|taken| taken.is_none_or(|taken| taken < before))
    }
}

/// Adds to each leased job the baselines of its plan's plugins. Also requests a good picture, which shows the camera
/// while it is healthy, if the camera has none or if its last one was taken before `good_before`.
///
/// A plan may spare lost cameras: cameras that give no picture, see [`lost`]. If the job's camera is lost and is not to
/// be asked for a picture yet, the job gets the data about the loss. The node then only tests whether the camera
/// accepts a connection.
///
/// Jobs that do not fit into the response are queued again, as if they had never been leased. Returns these jobs.
pub(crate) async fn attach(
    connection: &mut Connection,
    dialect: Dialect,
    held: &Held,
    plans: &[JobPlan],
    good_before: Option<i64>,
    now: i64,
    jobs: &mut Vec<LeasedJob>,
) -> Result<Vec<ReadyJob>, StoreError> {
    for job in jobs.iter_mut() {
        job.good_picture = match (&job.camera_id, good_before) {
            (Some(camera), Some(before)) => held.lacks_picture(camera, before),
            _ => false,
        };
        let spares = plans.get(job.plan).is_some_and(|plan| plan.spares_lost);
        job.lost = job.camera_id.as_ref().filter(|_| spares).and_then(|camera| held.spared.at(camera, now));
    }
    let weight = |job: &LeasedJob| -> u64 {
        let Some(camera) = &job.camera_id else { return 0 };
        let names = plugins_of(plans, job).into_iter();
        names.filter_map(|name| held.letters.get(&(camera.clone(), name.to_owned()))).sum()
    };
    let mut total = 0;
    let full = jobs.iter().position(|job| {
        let first = total == 0;
        total += weight(job);
        total > MAX_LEASE_LETTERS && !first
    });
    let handed_back = match full {
        Some(full) => hand_back(connection, dialect, &jobs.split_off(full)).await?,
        None => Vec::new(),
    };
    if total > 0 {
        fill(connection, dialect, plans, jobs).await?;
    }
    Ok(handed_back)
}

async fn fill(
    connection: &mut Connection,
    dialect: Dialect,
    plans: &[JobPlan],
    jobs: &mut [LeasedJob],
) -> Result<(), StoreError> {
    let cameras: Vec<&str> = jobs.iter().filter_map(|job| job.camera_id.as_deref()).collect();
    let sql = format!(
        "SELECT camera_id, plugin, data FROM baselines WHERE {} AND data IS NOT NULL",
        dialect.among("camera_id", "$1")
    );
    let rows = query(sql).bind(list(cameras)).fetch_all(connection).await?;
    let mut kept: HashMap<(String, String), String> = HashMap::new();
    for row in &rows {
        kept.insert((text(row, "camera_id")?, text(row, "plugin")?), text(row, "data")?);
    }
    for job in jobs {
        let Some(camera) = job.camera_id.clone() else { continue };
        let remembered = plugins_of(plans, job).into_iter().filter_map(|name| {
            let data = kept.get(&(camera.clone(), name.to_owned()))?;
            Some(Baseline { plugin: name.to_owned(), data: data.clone() })
        });
        job.baselines = remembered.collect();
    }
    Ok(())
}

/// Returns the names of the baselines that the job needs. These are the baselines of the plan's plugins and, under
/// their digests, those of its candidates. The names of the candidates' plugins are included too, because a candidate
/// without a baseline of its own begins with the baseline of the version that it runs beside. If some of the checks are
/// short looks, the node's own baseline ([`LOOKS_MEMORY`]) is included.
fn plugins_of<'a>(plans: &'a [JobPlan], job: &LeasedJob) -> Vec<&'a str> {
    let Some(plan) = plans.get(job.plan) else { return Vec::new() };
    let all = plan.plugins.iter().chain(&plan.shadows).map(|plugin| plugin_name(&plugin.name));
    let mut names = Vec::new();
    for name in all.chain(plan.shadows.iter().map(PlannedPlugin::shadow_memory)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if plan.full_look_every > 1 {
        names.push(LOOKS_MEMORY);
    }
    names
}

async fn hand_back(
    connection: &mut Connection,
    dialect: Dialect,
    jobs: &[LeasedJob],
) -> Result<Vec<ReadyJob>, StoreError> {
    let sql = format!(
        "UPDATE jobs SET state = 'queued', attempt = attempt - 1, lease = NULL, node_id = NULL, \
         incarnation = NULL, poll = NULL, leased_until = NULL, started_at = NULL WHERE {} RETURNING {QUEUED_AGAIN}",
        dialect.among("id", "$1")
    );
    let ids = list(jobs.iter().map(|job| job.id));
    query(sql).bind(ids).fetch_all(connection).await?.iter().map(read_queued).collect()
}

/// Stores the baselines of recorded jobs. A baseline is discarded if its camera was removed, if the camera's baselines
/// were reset after the job was leased, or if a job that was leased later has already brought a baseline.
pub(crate) async fn keep(
    connection: &mut Connection,
    dialect: Dialect,
    brought: &[Brought<'_>],
    now: i64,
) -> Result<(), StoreError> {
    let candidates = brought.iter().flat_map(|one| one.shadows).filter_map(|one| one.digest.as_deref());
    let standing = shadows::standing(connection, dialect, &candidates.collect()).await?;
    // If a batch has two jobs on one camera, the job that was leased later counts.
    let mut latest: BTreeMap<(&str, &str), Kept<'_>> = BTreeMap::new();
    for one in brought {
        let moved = Finding::moved(one.findings);
        if let Some(finder) = moved {
            forget_others(connection, one.camera_id, finder, now).await?;
        }
        for baseline in one.baselines {
            let plugin = baseline.plugin.as_str();
            // The view changed, as the plugin `finder` reports. The other plugins have added the new view to what
            // they knew about the former one, so their baselines are a mixture of two views.
            if moved.is_some_and(|finder| finder != plugin) {
                continue;
            }
            let size = match acceptable(baseline, one, &standing) {
                Ok(size) => size,
                Err(reason) => {
                    tracing::warn!(camera = one.camera_id, plugin, reason, "a baseline is not stored");
                    continue;
                }
            };
            let kept = Kept { started_at: one.started_at, size, data: &baseline.data };
            let key = (one.camera_id, plugin);
            if latest.get(&key).is_none_or(|so_far| so_far.started_at <= one.started_at) {
                latest.insert(key, kept);
            }
        }
    }
    if latest.is_empty() {
        return Ok(());
    }
    let rows = Rows::new()
        .texts("camera_id", latest.keys().map(|(camera, _)| *camera))
        .texts("plugin", latest.keys().map(|(_, plugin)| *plugin))
        .texts("data", latest.values().map(|kept| kept.data))
        .integers("size_bytes", latest.values().map(|kept| i64::try_from(kept.size).unwrap_or(i64::MAX)))
        .integers("started_at", latest.values().map(|kept| kept.started_at));
    let sql = format!(
        "INSERT INTO baselines (camera_id, plugin, data, size_bytes, as_of) \
         SELECT x.camera_id, x.plugin, x.data, x.size_bytes, x.started_at FROM {} \
         JOIN cameras ON cameras.id = x.camera_id WHERE cameras.baselines_since <= x.started_at \
         ORDER BY x.camera_id, x.plugin \
         ON CONFLICT (camera_id, plugin) DO UPDATE SET data = excluded.data, \
         size_bytes = excluded.size_bytes, as_of = excluded.as_of WHERE baselines.as_of <= excluded.as_of",
        rows.table(dialect, 1, "x")
    );
    query(sql).bind_rows(rows, dialect)?.execute(connection).await?;
    Ok(())
}

/// A baseline that is to be stored.
struct Kept<'a> {
    started_at: i64,
    size: usize,
    data: &'a str,
}

/// Returns the size of a baseline in bytes, or the reason why it must not be stored.
fn acceptable(
    baseline: &Baseline,
    brought: &Brought<'_>,
    standing: &BTreeSet<String>,
) -> Result<usize, String> {
    let judged = brought.findings.iter().filter_map(Finding::plugin_name).any(|name| name == baseline.plugin);
    let shadow = || brought.shadows.iter().any(|one| one.digest.as_ref() == Some(&baseline.plugin));
    let of_host = brought.findings.iter().any(|one| one.look.is_some()) && baseline.plugin == LOOKS_MEMORY;
    if !judged && !of_host && !shadow() {
        return Err("the plugin has no finding in this job".into());
    }
    if !judged && !of_host && !standing.contains(&baseline.plugin) {
        return Err("the candidate is no longer compared with an active plugin".into());
    }
    baseline.bytes().map(|bytes| bytes.len()).map_err(|error| error.to_string())
}

/// Removes all baselines of a camera, because a person requested the reset. Returns the number of removed baselines.
pub(crate) async fn forget_all(
    connection: &mut Connection,
    camera: &str,
    now: i64,
) -> Result<u64, StoreError> {
    let sql = "SELECT COUNT(*) AS kept FROM baselines WHERE camera_id = $1 AND data IS NOT NULL";
    let kept: i64 = query(sql).bind(camera).fetch_one(&mut *connection).await?.try_get("kept")?;
    remove(connection, camera).await?;
    query("UPDATE cameras SET baselines_since = $2 WHERE id = $1")
        .bind(camera)
        .bind(now + 1)
        .execute(connection)
        .await?;
    u64::try_from(kept).map_err(StoreError::corrupt)
}

/// Removes the baselines of a camera.
pub(crate) async fn remove(connection: &mut Connection, camera: &str) -> Result<(), StoreError> {
    query("DELETE FROM baselines WHERE camera_id = $1").bind(camera).execute(connection).await?;
    Ok(())
}

async fn forget_one(
    connection: &mut Connection,
    camera: &str,
    plugin: &str,
    now: i64,
) -> Result<u64, StoreError> {
    let sql = "UPDATE baselines SET data = NULL, size_bytes = 0 \
               WHERE camera_id = $1 AND plugin = $2 AND data IS NOT NULL";
    let forgotten = query(sql).bind(camera).bind(plugin).execute(&mut *connection).await?;
    // A row is written even if there was no baseline. A job that was leased before the reset may still be running, and
    // may bring the first baseline. The time in the row shows that this baseline is to be discarded.
    let sql = "INSERT INTO baselines (camera_id, plugin, data, size_bytes, as_of) VALUES ($1, $2, NULL, 0, $3) \
               ON CONFLICT (camera_id, plugin) DO UPDATE SET as_of = $3";
    query(sql).bind(camera).bind(plugin).bind(now + 1).execute(connection).await?;
    Ok(forgotten.rows_affected())
}

/// Removes the baselines of a camera's former view, except the baseline of `finder`, the plugin that reported the
/// changed view.
async fn forget_others(
    connection: &mut Connection,
    camera: &str,
    finder: &str,
    now: i64,
) -> Result<(), StoreError> {
    let sql =
        "UPDATE baselines SET data = NULL, size_bytes = 0, as_of = $3 WHERE camera_id = $1 AND plugin <> $2";
    query(sql).bind(camera).bind(finder).bind(now + 1).execute(connection).await?;
    Ok(())
}

//! Replays: which stored verdicts another limit of a metric would have changed. No plugin is run and nothing is stored.
//!
//! A plugin names the metric that decided a verdict and its threshold, but not the rule behind its verdicts. A replay
//! assumes the simplest one: a verdict is an alarm if the deciding metric is beyond its limit. The first reading
//! ([`survey`]) shows the side of each limit and which stored verdicts the rule reproduces ([`limits`]). The second one
//! applies the rule with the other limit ([`judge`]), and counts the verdicts ([`tally`]). Verdicts whose outcome does
//! not follow from the stored data are counted separately.
//! What a plugin remembers of a camera stays as it was, because it is not stored with the measurements.

mod judge;
mod limits;
mod part;
mod survey;
mod tally;
mod walk;

use std::collections::HashMap;

use easysight_protocol::{
    CameraReplay, CheckReplay, Evidence, JobId, LimitSide, MetricLimit, Replay, ReplayChecks, ReplayLimits,
    UntoldLimit,
};
use serde::Deserialize;

use crate::{
    Area, Store, StoreError,
    db::query,
    measurements::{Check, Chunk},
    query::{parsed, time},
    reports::json_of,
};

pub use walk::ReplayCameras;

use judge::Question;
use limits::Limits;
use part::{Names, Part};
use survey::Survey;
use tally::{CameraChanges, Change, Counted, Tally};
use walk::{Visit, Walk, WalkedCamera};

/// The number of reports whose pictures one statement reads.
const PORTION: usize = 200;

/// Which checks are read.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplayScope {
    /// The id of the diagnosis.
    pub diagnosis: String,
    /// The cameras.
    pub cameras: ReplayCameras,
    /// The beginning, in milliseconds since 1970.
    pub since: i64,
    /// The end, which is not part of the period, in milliseconds since 1970.
    pub until: i64,
}

/// Which limit is replaced, and by what.
#[derive(Debug, Clone, PartialEq)]
pub struct OtherLimit {
    /// The name of the metric.
    pub metric: String,
    /// The side on which values raise an alarm. If None, the side that decided more verdicts.
    pub side: Option<LimitSide>,
    /// The only present limit that is replaced. None for all.
    pub from: Option<f64>,
    /// The limit that replaces it.
    pub threshold: f64,
    /// The maximum number of cameras in the answer.
    pub limit: usize,
}

/// The answer of a replay.
#[derive(Debug, Clone, PartialEq)]
pub enum Replayed {
    /// The verdicts that the other limit would have changed.
    Done(Box<Replay>),
    /// No check has a verdict of the diagnosis.
    NoVerdicts(ReplayChecks),
    /// The metric decided no verdict on this side or with this limit, or its verdicts do not show the side.
    NoSuchLimit {
        /// The limits that decided verdicts.
        limits: Vec<MetricLimit>,
        /// The metrics whose verdicts do not show the side.
        untold: Vec<UntoldLimit>,
    },
}

/// Reads the verdicts of one diagnosis for the survey.
struct Surveying {
    diagnosis: String,
    survey: Survey,
}

/// Reads the verdicts once more for the tally.
struct Tallying {
    diagnosis: String,
    names: Names,
    tally: Tally,
}

impl Visit for Surveying {
    fn take(&mut self, camera: u32, chunk: &Chunk, wanted: &dyn Fn(&Check) -> bool) {
        let part = Part::of(chunk, &self.diagnosis, &mut self.survey.names, wanted);
        self.survey.take(camera, &part);
    }
}

impl Visit for Tallying {
    fn take(&mut self, camera: u32, chunk: &Chunk, wanted: &dyn Fn(&Check) -> bool) {
        let part = Part::of(chunk, &self.diagnosis, &mut self.names, wanted);
        self.tally.take(camera, &part);
    }
}

impl Store {
    /// Returns the limits by which a diagnosis decided its verdicts.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails. Damaged measurements are counted, and not an error.
    pub async fn replay_limits(
        &self,
        area: &Area,
        scope: &ReplayScope,
        now: i64,
    ) -> Result<ReplayLimits, StoreError> {
        let cameras = self.walked(area, &scope.cameras).await?;
        let (limits, checks) = self.survey(scope, &cameras, now).await?;
        Ok(ReplayLimits {
            diagnosis: scope.diagnosis.clone(),
            since: time(scope.since)?,
            until: time(scope.until)?,
            checks,
            limits: limits.shown(),
            untold: limits.untold,
        })
    }

    /// Returns the verdicts that another limit would have changed. All checks are read twice, camera by camera.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails. Damaged measurements are counted, and not an error.
    pub async fn replay(
        &self,
        area: &Area,
        scope: &ReplayScope,
        other: &OtherLimit,
        now: i64,
    ) -> Result<Replayed, StoreError> {
        let cameras = self.walked(area, &scope.cameras).await?;
        let (limits, checks) = self.survey(scope, &cameras, now).await?;
        if checks.verdicts == 0 {
            return Ok(Replayed::NoVerdicts(checks));
        }
        let Some(limit) = chosen(&limits, other) else {
            return Ok(Replayed::NoSuchLimit { limits: limits.shown(), untold: limits.untold });
        };
        let question = Question { limit, from: other.from, threshold: other.threshold };
        let tallying = Tallying {
            diagnosis: scope.diagnosis.clone(),
            names: limits.names.clone(),
            tally: Tally::new(limits, question),
        };
        let (Tallying { tally, .. }, _) = self.walk(walk_of(scope, &cameras, now), tallying).await?;
        let Counted { limits, verdicts, cameras: of_cameras, quiet, mut changed } = tally.done();
        let omitted = changed.len().saturating_sub(other.limit);
        changed.truncate(other.limit);
        let ends = changed.iter().flat_map(|one| [one.ends.0.job(), one.ends.1.job()]);
        let evidence = self.evidence_of(ends.collect()).await?;
        let shown = changed.iter().filter_map(|one| Some((cameras.get(one.camera as usize)?, one)));
        let changes = shown.map(|(camera, one)| of_camera(camera, one, &evidence));
        let changes = changes.collect::<Result<_, StoreError>>()?;
        let (Some(shown), Some(limit)) = (limits.shown_of(limit), limits.list.get(limit)) else {
            return Err(StoreError::corrupt("a limit is missing"));
        };
        Ok(Replayed::Done(Box::new(Replay {
            diagnosis: scope.diagnosis.clone(),
            since: time(scope.since)?,
            until: time(scope.until)?,
            alarms_beyond: limit.alarms_beyond(),
            limit: shown,
            threshold: other.threshold,
            from: other.from,
            checks,
            verdicts,
            cameras: of_cameras,
            quiet_beyond: quiet,
            changes,
            omitted: omitted as u64,
        })))
    }

    async fn survey(
        &self,
        scope: &ReplayScope,
        cameras: &[WalkedCamera],
        now: i64,
    ) -> Result<(Limits, ReplayChecks), StoreError> {
        let surveying = Surveying { diagnosis: scope.diagnosis.clone(), survey: Survey::default() };
        let (Surveying { survey, .. }, damaged_days) =
            self.walk(walk_of(scope, cameras, now), surveying).await?;
        let mut checks = ReplayChecks {
            cameras: survey.cameras,
            verdicts: survey.verdicts,
            alarms: survey.alarms,
            without_verdict: survey.without_verdict,
            explained: 0,
            damaged_days,
        };
        let limits = Limits::of(survey);
        checks.explained = limits.list.iter().map(|limit| limit.explained().1).sum();
        Ok((limits, checks))
    }

    /// Returns the pictures of jobs whose reports are kept.
    async fn evidence_of(&self, jobs: Vec<JobId>) -> Result<HashMap<JobId, Evidence>, StoreError> {
        #[derive(Deserialize)]
        struct Pictured {
            #[serde(default)]
            evidence: Option<Evidence>,
        }
        let sql =
            format!("SELECT job_id, document FROM reports WHERE {}", self.dialect.among("job_id", "$1"));
        let mut found = HashMap::new();
        for jobs in jobs.chunks(PORTION) {
            let names: Vec<String> = jobs.iter().map(JobId::to_string).collect();
            for row in &query(sql.clone()).bind(names).fetch_all(&self.readers).await? {
                let document: Vec<u8> = row.try_get("document")?;
                let findings: Vec<Pictured> = serde_json::from_slice(&json_of(&document)?)?;
                if let Some(evidence) = findings.into_iter().find_map(|one| one.evidence) {
                    found.insert(parsed(row, "job_id")?, evidence);
                }
            }
        }
        Ok(found)
    }
}

fn walk_of<'a>(scope: &'a ReplayScope, cameras: &'a [WalkedCamera], now: i64) -> Walk<'a> {
    Walk { cameras, diagnosis: &scope.diagnosis, time: (scope.since, scope.until), now }
}

/// Returns the place of the limit that is replaced.
fn chosen(limits: &Limits, other: &OtherLimit) -> Option<usize> {
    let shown = limits.shown();
    let named = shown.iter().filter(|one| one.metric == other.metric);
    let on_side = named.filter(|one| other.side.is_none_or(|side| side == one.side));
    let mut places = on_side.filter_map(|one| limits.place_of(&one.metric, &one.unit, one.side));
    places.find(|place| other.from.is_none_or(|from| limits.has(*place, from)))
}

fn of_camera(
    camera: &WalkedCamera,
    one: &CameraChanges,
    evidence: &HashMap<JobId, Evidence>,
) -> Result<CameraReplay, StoreError> {
    let check = |change: &Change| -> Result<CheckReplay, StoreError> {
        Ok(CheckReplay {
            at: time(change.check.at)?,
            job_id: change.job(),
            value: change.value,
            becomes_alarm: change.becomes_alarm,
            evidence: evidence.get(&change.job()).cloned(),
        })
    };
    let (first, last) = &one.ends;
    Ok(CameraReplay {
        camera_id: camera.id.clone(),
        name: camera.name.clone(),
        verdicts: one.verdicts,
        alarms_before: one.alarms,
        alarms_after: (one.alarms + one.changes.raised).saturating_sub(one.changes.cleared),
        changes: one.changes,
        first: check(first)?,
        last: check(last)?,
    })
}

#[cfg(test)]
mod tests;

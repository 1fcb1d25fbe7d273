//! Stored findings.

use std::collections::HashSet;

use easysight_protocol::{DiagnosisResult, Failure, JobId, Page, RunId, Status};

use crate::{
    Area, PageRequest, Store, StoreError,
    db::{Row, query},
    query::{MAX_LOOKED_THROUGH, Select, parsed, text},
    reports::{COLUMNS, finding_name, first_name, kinds_with, list, parts, read},
};

/// The maximum number of reports that one statement reads.
const STEP: u32 = 250;
/// If an area has more memberships of cameras in groups than this, its reports are looked for among the latest reports of
/// all cameras. Otherwise, all reports of its cameras are read from the index.
const LARGE_AREA: i64 = 100;

/// Which findings to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FindingFilter {
    /// Findings of this run.
    pub run_id: Option<RunId>,
    /// Findings of this job.
    pub job_id: Option<JobId>,
    /// Findings of this task.
    pub task_id: Option<String>,
    /// Findings of this camera.
    pub camera_id: Option<String>,
    /// Findings of this diagnosis.
    pub diagnosis: Option<String>,
    /// Findings with this status, or with this kind of failure if they have no status.
    pub status: Option<String>,
    /// Findings recorded at this time or later, in milliseconds since 1970.
    pub since: Option<i64>,
    /// Findings recorded before this time, in milliseconds since 1970.
    pub until: Option<i64>,
}

impl Store {
    /// Lists the findings of the cameras of an area, latest first. A camera of the area may have been checked by a task
    /// that names nothing of the area. The findings of such a check do not name the task, and a filter by this task or
    /// its run does not find them. If only a few of very many findings match, a page may have fewer findings than
    /// requested, although there is a next page.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn findings(
        &self,
        area: &Area,
        filter: &FindingFilter,
        page: &PageRequest,
    ) -> Result<Page<DiagnosisResult>, StoreError> {
        let kinds = match &filter.diagnosis {
            Some(diagnosis) if area.is_all() && !filter.is_narrow() && !filter.is_marked() => {
                let rows = query("SELECT id, diagnoses FROM report_kinds").fetch_all(&self.readers).await?;
                Some(kinds_with(&rows, diagnosis)?)
            }
            _ => None,
        };
        let limit = page.limit as usize;
        let mut items: Vec<DiagnosisResult> = Vec::new();
        let mut after = page.after.as_deref().map(|mark| {
            let (report, position) = parts(mark);
            (report.to_owned(), position)
        });
        let mut looked = 0;
        let by_area =
            !area.is_all() && !filter.is_narrow() && filter.task_id.is_none() && !filter.is_marked();
        let is_large = by_area && area.has_more_than(&self.readers, self.dialect, LARGE_AREA).await?;
        loop {
            let mut floor = None;
            let rows = match &kinds {
                Some(kinds) => self.of_kinds(area, filter, kinds, after.as_ref()).await?,
                None if filter.is_marked() && !filter.is_narrow() && filter.task_id.is_none() => {
                    self.marked(area, filter, after.as_ref()).await?
                }
                None if is_large => {
                    // The search begins at the latest report that may match. It ends at the floor, which is not needed
                    // below the oldest report that may match.
                    let last = after.as_ref().map(|(report, _)| report.clone());
                    let last = [last, filter.until.map(first_name)].into_iter().flatten().min();
                    let oldest = filter.since.map(first_name).unwrap_or_default();
                    floor = self.floor("reports", last.as_deref(), MAX_LOOKED_THROUGH).await?;
                    floor = floor.filter(|floor| *floor > oldest);
                    self.step(area, filter, None, after.as_ref(), floor.as_deref()).await?
                }
                None if by_area => self.within(area, filter, after.as_ref()).await?,
                None => self.step(area, filter, None, after.as_ref(), None).await?,
            };
            let runs = self.runs_of(area, &rows).await?;
            for row in &rows {
                let found = read(row)?;
                for (position, mut finding) in found.into_iter().enumerate().rev() {
                    let is_before = after
                        .as_ref()
                        .is_none_or(|(report, at)| parts(&finding.id).0 != report || position < *at);
                    let is_run_seen = runs.contains(&finding.run_id);
                    if is_before && filter.is_met_by(&finding) && (is_run_seen || !filter.names_run()) {
                        if !is_run_seen {
                            finding.task_id = None;
                        }
                        items.push(finding);
                    }
                }
                if items.len() > limit {
                    items.truncate(limit);
                    let next = items.last().map(|finding| finding.id.clone());
                    return Ok(Page { items, next });
                }
                looked += 1;
                after = Some((text(row, "id")?, 0));
                if looked >= MAX_LOOKED_THROUGH {
                    let next = after.map(|(report, position)| finding_name(&report, position));
                    return Ok(Page { items, next });
                }
            }
            if rows.len() < STEP as usize {
                // There may be more findings below the floor.
                let next = floor.map(|floor| finding_name(&floor, 0));
                return Ok(Page { items, next });
            }
        }
    }

    /// Returns findings of all cameras by their ids, oldest first. Findings that no longer exist are left out.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn findings_named(&self, ids: &[String]) -> Result<Vec<DiagnosisResult>, StoreError> {
        let sql = format!("{COLUMNS} WHERE {} ORDER BY id", self.dialect.among("id", "$1"));
        let reports: std::collections::BTreeSet<&str> = ids.iter().map(|id| parts(id).0).collect();
        let rows = query(sql).bind(list(reports)).fetch_all(&self.readers).await?;
        let mut named = Vec::with_capacity(ids.len());
        for row in &rows {
            named.extend(read(row)?.into_iter().filter(|finding| ids.contains(&finding.id)));
        }
        Ok(named)
    }
}

impl FindingFilter {
    /// Returns true if the filter names a run or a task.
    const fn names_run(&self) -> bool {
        self.run_id.is_some() || self.task_id.is_some()
    }

    /// Returns true if only few reports can match, even if very many are stored.
    const fn is_narrow(&self) -> bool {
        self.run_id.is_some() || self.job_id.is_some() || self.camera_id.is_some()
    }

    /// Returns true if all matching findings are in the table `marks`, which lists the findings that a person should
    /// see.
    fn is_marked(&self) -> bool {
        let unmarked = [Status::Normal.as_str(), Failure::INCONCLUSIVE, Failure::UNSUPPORTED_CLIP];
        self.status.as_deref().is_some_and(|word| !unmarked.contains(&word))
    }

    /// Returns true if a finding has the filter's diagnosis and status. The statement has checked the rest of the
    /// filter.
    fn is_met_by(&self, result: &DiagnosisResult) -> bool {
        self.diagnosis.as_ref().is_none_or(|one| *one == result.finding.diagnosis)
            && self.status.as_deref().is_none_or(|word| word == result.finding.word())
    }
}

impl Store {
    /// Returns those runs of reports of which something is in the area.
    async fn runs_of(&self, area: &Area, reports: &[Row]) -> Result<HashSet<RunId>, StoreError> {
        let runs = reports.iter().map(|row| parsed(row, "run_id")).collect::<Result<HashSet<RunId>, _>>()?;
        self.runs_within(area, runs.into_iter().collect()).await
    }

    /// Reads the next reports that may have matching findings, latest first, down to the report `floor`.
    async fn step(
        &self,
        area: &Area,
        filter: &FindingFilter,
        kind: Option<i64>,
        after: Option<&(String, usize)>,
        floor: Option<&str>,
    ) -> Result<Vec<Row>, StoreError> {
        let mut select = Select::new(COLUMNS)
            .and("run_id = ?", filter.run_id.map(|id| id.to_string()))
            .and("job_id = ?", filter.job_id.map(|id| id.to_string()))
            .and("task_id = ?", filter.task_id.clone())
            .and("camera_id = ?", filter.camera_id.clone())
            .and_integer("kind = ?", kind)
            .and("id >= ?", filter.since.map(first_name))
            .and("id < ?", filter.until.map(first_name))
            .and("id >= ?", floor)
            .within(self.dialect, area, "camera_id");
        if let (true, Some(word)) = (filter.is_marked(), &filter.status) {
            // Marks are looked up by report here, because the other filters leave few reports.
            let (diagnosis, word) = (filter.diagnosis.clone(), Some(word.clone()));
            let of = "EXISTS (SELECT 1 FROM marks WHERE marks.report_id = reports.id AND marks.word = ?)";
            select = select.and(of, word);
            let of =
                "EXISTS (SELECT 1 FROM marks WHERE marks.report_id = reports.id AND marks.diagnosis = ?)";
            select = select.and(of, diagnosis);
        }
        // The report in which the last page ended may have more findings.
        let mark = match after {
            Some((report, 0)) => select.and("id < ?", Some(report.clone())),
            Some((report, _)) => select.and("id <= ?", Some(report.clone())),
            None => select,
        };
        let page = PageRequest { after: None, limit: STEP - 1 };
        mark.page(&self.readers, "id DESC", "", &page).await
    }

    /// Reads reports as [`Self::step`] does, but finds them by their marks only. This is faster if the filter has no
    /// other field that selects few reports.
    async fn marked(
        &self,
        area: &Area,
        filter: &FindingFilter,
        after: Option<&(String, usize)>,
    ) -> Result<Vec<Row>, StoreError> {
        let select = Select::new("SELECT DISTINCT report_id FROM marks")
            .and("word = ?", filter.status.clone())
            .and("diagnosis = ?", filter.diagnosis.clone())
            .and("report_id >= ?", filter.since.map(first_name))
            .and("report_id < ?", filter.until.map(first_name));
        let select = match area.value() {
            Some(groups) => select.and_value(
                &format!(
                    "EXISTS (SELECT 1 FROM reports WHERE reports.id = marks.report_id{})",
                    area.and(self.dialect, "reports.camera_id", "?")
                ),
                groups,
            ),
            None => select,
        };
        let select = match after {
            Some((report, 0)) => select.and("report_id < ?", Some(report.clone())),
            Some((report, _)) => select.and("report_id <= ?", Some(report.clone())),
            None => select,
        };
        let page = PageRequest { after: None, limit: STEP - 1 };
        let marks = select.page(&self.readers, "report_id DESC", "", &page).await?;
        let ids = marks.iter().map(|row| text(row, "report_id")).collect::<Result<Vec<_>, _>>()?;
        self.reports_named(ids).await
    }

    /// Reads reports as [`Self::step`] does, but finds them by the cameras of a limited area only. The ids are read
    /// first: the index by camera has them, so the documents of earlier reports are not touched.
    async fn within(
        &self,
        area: &Area,
        filter: &FindingFilter,
        after: Option<&(String, usize)>,
    ) -> Result<Vec<Row>, StoreError> {
        let select = Select::new("SELECT id FROM reports")
            .within(self.dialect, area, "camera_id")
            .and("id >= ?", filter.since.map(first_name))
            .and("id < ?", filter.until.map(first_name));
        let select = match after {
            Some((report, 0)) => select.and("id < ?", Some(report.clone())),
            Some((report, _)) => select.and("id <= ?", Some(report.clone())),
            None => select,
        };
        let page = PageRequest { after: None, limit: STEP - 1 };
        // The form `id || ''` keeps the databases from reading the reports of all cameras in the order of their ids.
        let rows = select.page(&self.readers, "id || '' DESC", "", &page).await?;
        let ids = rows.iter().map(|row| text(row, "id")).collect::<Result<Vec<_>, _>>()?;
        self.reports_named(ids).await
    }

    /// Reads the reports with these ids, latest first.
    async fn reports_named(&self, ids: Vec<String>) -> Result<Vec<Row>, StoreError> {
        let sql = format!("{COLUMNS} WHERE {} ORDER BY id DESC", self.dialect.among("id", "$1"));
        query(sql).bind(list(ids)).fetch_all(&self.readers).await
    }

    /// Reads reports as [`Self::step`] does, but only reports of these kinds. Reports are of one kind if they have
    /// findings of the same diagnoses. Each kind is read by a statement of its own, because such a statement can use
    /// the index.
    async fn of_kinds(
        &self,
        area: &Area,
        filter: &FindingFilter,
        kinds: &[i64],
        after: Option<&(String, usize)>,
    ) -> Result<Vec<Row>, StoreError> {
        let mut all = Vec::new();
        for kind in kinds {
            for row in self.step(area, filter, Some(*kind), after, None).await? {
                all.push((text(&row, "id")?, row));
            }
        }
        all.sort_by(|(a, _), (b, _)| b.cmp(a));
        all.truncate(STEP as usize);
        Ok(all.into_iter().map(|(_, row)| row).collect())
    }
}

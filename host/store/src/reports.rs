//! Reports. A report is one row that contains all findings of a job, in one compressed document. Findings that a
//! person should see are also listed in the table `marks`, so that they are found without reading all reports.

use std::{borrow::Cow, cell::RefCell, collections::HashSet, io};

use easysight_protocol::{DiagnosisResult, Finding, JobId, RunId};
use parking_lot::Mutex;
use uuid::Uuid;
use zstd::bulk::Compressor;

use crate::{
    Dialect, StoreError,
    db::{Connection, Row, Rows, Value, query},
    query::{maybe_text, parsed, text, time_of},
};

/// The compression level of zstd. A higher level takes more time and saves more space.
const LEVEL: i32 = 1;
/// The maximum size of a document before it is compressed, in bytes.
const MAX_DOCUMENT: usize = 64 << 20;
/// The maximum number of reports that one statement inserts into SQLite.
const MOST_INSERTED: usize = 32;
/// The kind of reports that were made before kinds were recorded (see [`Document::kind`]). Such a report may have
/// findings of any diagnosis.
pub(crate) const ANY_KIND: i64 = 0;

pub(crate) const COLUMNS: &str = "SELECT id, job_id, run_id, task_id, camera_id, node_id, captured_at, recorded_at, \
                                  document FROM reports";

/// Findings as they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) bytes: Vec<u8>,
    /// The number of findings.
    pub(crate) count: usize,
    /// The kind of the report: the hash of `diagnoses`. A search for one diagnosis reads only the reports of kinds that
    /// include the diagnosis.
    pub(crate) kind: i64,
    /// The ids of the diagnoses that have a finding, sorted, one on each line.
    pub(crate) diagnoses: String,
    /// Position, diagnosis and word ([`Finding::word`]) of each finding that a person should see.
    pub(crate) marks: Vec<(usize, String, String)>,
}

/// One job's findings that are to be stored.
pub(crate) struct Report<'a> {
    pub(crate) id: Uuid,
    pub(crate) job_id: JobId,
    pub(crate) run_id: RunId,
    pub(crate) task_id: Option<&'a str>,
    pub(crate) camera_id: Option<&'a str>,
    pub(crate) node_id: Option<&'a str>,
    pub(crate) captured_at: i64,
    pub(crate) document: &'a Document,
}

impl Document {
    pub(crate) fn of(findings: &[Finding]) -> Result<Self, StoreError> {
        let json = serde_json::to_vec(findings)?;
        let bytes = compressed(&json).map_err(StoreError::corrupt)?;
        let mut names: Vec<&str> = findings.iter().map(|one| one.diagnosis.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let diagnoses = names.join("\n");
        let marked = findings.iter().enumerate().filter(|(_, one)| one.is_abnormal() || one.is_failed());
        let marks = marked.map(|(at, one)| (at, one.diagnosis.clone(), one.word().to_owned())).collect();
        Ok(Self { bytes, count: findings.len(), kind: kind_of(&diagnoses), diagnoses, marks })
    }
}

fn compressed(json: &[u8]) -> io::Result<Vec<u8>> {
    thread_local! {
        /// The thread's compressor. Creating one takes longer than compressing a few findings.
        static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    }
    COMPRESSOR.with_borrow_mut(|compressor| match compressor {
        Some(compressor) => compressor.compress(json),
        None => compressor.insert(Compressor::new(LEVEL)?).compress(json),
    })
}

/// Hashes the diagnoses by FNV-1a, <http://www.isthe.com/chongo/tech/comp/fnv/>. The result is the same on every
/// master, and is never [`ANY_KIND`].
fn kind_of(diagnoses: &str) -> i64 {
    let hash = diagnoses.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    i64::from_be_bytes(hash.to_be_bytes()).max(i64::MIN + 1).checked_abs().unwrap_or(1).max(1)
}

/// Reads the findings of a document.
fn findings_of(bytes: &[u8]) -> Result<Vec<Finding>, StoreError> {
    Ok(serde_json::from_slice(&json_of(bytes)?)?)
}

/// Returns a document as JSON. Documents of earlier versions are not compressed.
pub(crate) fn json_of(bytes: &[u8]) -> Result<Cow<'_, [u8]>, StoreError> {
    if bytes.first() == Some(&b'[') {
        return Ok(bytes.into());
    }
    Ok(zstd::bulk::decompress(bytes, MAX_DOCUMENT).map_err(StoreError::corrupt)?.into())
}

/// Returns the smallest possible id of a report that was recorded at `time` or later.
pub(crate) fn first_name(time: i64) -> String {
    let milliseconds = u64::try_from(time.max(0)).unwrap_or(0) & ((1 << 48) - 1);
    Uuid::from_u128(u128::from(milliseconds) << 80).to_string()
}

/// Returns the name of a finding: the id of its report, and its position in the report.
pub(crate) fn finding_name(report: &str, position: usize) -> String {
    format!("{report}.{position}")
}

/// Splits a finding's name into its parts.
pub(crate) fn parts(name: &str) -> (&str, usize) {
    match name.split_once('.') {
        Some((report, position)) => (report, position.parse().unwrap_or(0)),
        None => (name, 0),
    }
}

/// Stores reports. If a job already has a report, that report stays unchanged.
pub(crate) async fn keep(
    connection: &mut Connection,
    dialect: Dialect,
    known_kinds: &Mutex<HashSet<i64>>,
    reports: &[Report<'_>],
    now: i64,
) -> Result<(), StoreError> {
    if reports.is_empty() {
        return Ok(());
    }
    let kinds = new_kinds(known_kinds, reports);
    if !kinds.is_empty() {
        let rows = Rows::new()
            .integers("id", kinds.iter().map(|(id, _)| *id))
            .texts("diagnoses", kinds.iter().map(|(_, diagnoses)| *diagnoses));
        let sql = format!(
            "INSERT INTO report_kinds (id, diagnoses) SELECT x.id, x.diagnoses FROM {} WHERE 1 = 1 ORDER BY x.id \
             ON CONFLICT (id) DO NOTHING",
            rows.table(dialect, 1, "x")
        );
        query(sql).bind_rows(rows, dialect)?.execute(&mut *connection).await?;
    }
    insert(connection, dialect, reports, now).await?;
    let marks: Vec<_> = reports
        .iter()
        .flat_map(|report| report.document.marks.iter().map(move |mark| (report.id, mark)))
        .collect();
    if !marks.is_empty() {
        let position = |at: usize| i64::try_from(at).unwrap_or(i64::MAX);
        let rows = Rows::new()
            .texts("report_id", marks.iter().map(|(id, _)| id.to_string()))
            .integers("position", marks.iter().map(|(_, (at, ..))| position(*at)))
            .texts("diagnosis", marks.iter().map(|(_, (_, diagnosis, _))| diagnosis.as_str()))
            .texts("word", marks.iter().map(|(_, (_, _, word))| word.as_str()));
        let sql = format!(
            "INSERT INTO marks ({}) SELECT {} FROM {}",
            rows.names(""),
            rows.names("x."),
            rows.table(dialect, 1, "x")
        );
        query(sql).bind_rows(rows, dialect)?.execute(connection).await?;
    }
    known_kinds.lock().extend(kinds.into_iter().map(|(id, _)| id));
    Ok(())
}

fn new_kinds<'a>(known: &Mutex<HashSet<i64>>, reports: &'a [Report<'_>]) -> Vec<(i64, &'a str)> {
    let known = known.lock();
    let kinds = reports.iter().map(|one| (one.document.kind, one.document.diagnoses.as_str()));
    let mut kinds: Vec<_> = kinds.filter(|(id, _)| !known.contains(id)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// Returns the statement that inserts this number of reports.
fn insert_into_sqlite(columns: &str, reports: usize) -> String {
    let width = columns.split(',').count();
    let row = |at: usize| {
        let values: Vec<String> = (1..=width).map(|column| format!("${}", at * width + column)).collect();
        format!("({})", values.join(", "))
    };
    let rows: Vec<String> = (0..reports).map(row).collect();
    format!("INSERT INTO reports ({columns}) VALUES {} ON CONFLICT (job_id) DO NOTHING", rows.join(", "))
}

async fn insert(
    connection: &mut Connection,
    dialect: Dialect,
    reports: &[Report<'_>],
    now: i64,
) -> Result<(), StoreError> {
    let columns =
        "id, job_id, run_id, task_id, camera_id, node_id, captured_at, kind, findings, document, recorded_at";
    let count = |report: &Report<'_>| i64::try_from(report.document.count).unwrap_or(i64::MAX);
    match dialect {
        // JSON has no bytes, so the batch cannot be one JSON text. A statement has a power of two of reports, so that few
        // different statements are prepared.
        Dialect::Sqlite => {
            let mut rest = reports;
            while let Some(fitting) = rest.len().min(MOST_INSERTED).checked_ilog2() {
                let (portion, later) = rest.split_at(1 << fitting);
                rest = later;
                let mut insert = query(insert_into_sqlite(columns, portion.len()));
                for report in portion {
                    insert = insert
                        .bind(report.id.to_string())
                        .bind(report.job_id.to_string())
                        .bind(report.run_id.to_string())
                        .bind(report.task_id)
                        .bind(report.camera_id)
                        .bind(report.node_id)
                        .bind(report.captured_at)
                        .bind(report.document.kind)
                        .bind(count(report))
                        .bind(report.document.bytes.clone())
                        .bind(now);
                }
                insert.execute(&mut *connection).await?;
            }
        }
        Dialect::Postgres => {
            let rows = Rows::new()
                .texts("id", reports.iter().map(|one| one.id.to_string()))
                .texts("job_id", reports.iter().map(|one| one.job_id.to_string()))
                .texts("run_id", reports.iter().map(|one| one.run_id.to_string()))
                .maybe_texts("task_id", reports.iter().map(|one| one.task_id))
                .maybe_texts("camera_id", reports.iter().map(|one| one.camera_id))
                .maybe_texts("node_id", reports.iter().map(|one| one.node_id))
                .integers("captured_at", reports.iter().map(|one| one.captured_at))
                .integers("kind", reports.iter().map(|one| one.document.kind))
                .integers("findings", reports.iter().map(count))
                .bytes("document", reports.iter().map(|one| one.document.bytes.clone()));
            let sql = format!(
                "INSERT INTO reports ({columns}) SELECT {}, $1 FROM {} ON CONFLICT (job_id) DO NOTHING",
                rows.names("x."),
                rows.table(dialect, 2, "x")
            );
            query(sql).bind(now).bind_rows(rows, dialect)?.execute(connection).await?;
        }
    }
    Ok(())
}

/// Reads the findings of a report, each as a separate result.
pub(crate) fn read(row: &Row) -> Result<Vec<DiagnosisResult>, StoreError> {
    let id = text(row, "id")?;
    let result = |(position, finding): (usize, Finding)| {
        Ok(DiagnosisResult {
            id: finding_name(&id, position),
            job_id: parsed(row, "job_id")?,
            run_id: parsed(row, "run_id")?,
            task_id: maybe_text(row, "task_id")?,
            camera_id: maybe_text(row, "camera_id")?,
            node_id: maybe_text(row, "node_id")?,
            captured_at: time_of(row, "captured_at")?,
            recorded_at: time_of(row, "recorded_at")?,
            finding,
        })
    };
    findings_of(&row.try_get::<Vec<u8>>("document")?)?.into_iter().enumerate().map(result).collect()
}

/// Returns the kinds of reports that may contain findings of a diagnosis.
pub(crate) fn kinds_with(rows: &[Row], diagnosis: &str) -> Result<Vec<i64>, StoreError> {
    let mut kinds = vec![ANY_KIND];
    for row in rows {
        if text(row, "diagnoses")?.lines().any(|one| one == diagnosis) {
            kinds.push(row.try_get("id")?);
        }
    }
    Ok(kinds)
}

/// Returns a list of ids as a value for a statement.
pub(crate) fn list<T: ToString>(ids: impl IntoIterator<Item = T>) -> Value {
    Value::Texts(ids.into_iter().map(|id| Some(id.to_string())).collect())
}

#[cfg(test)]
mod tests {
    use easysight_protocol::{Failure, Ids, Status};

    use super::*;

    fn finding(diagnosis: &str, status: Option<Status>, failure: Option<&str>) -> Finding {
        let failure = failure.map(|kind| Failure { kind: kind.into(), detail: "why".into() });
        Finding { status, failure, ..Finding::blank(diagnosis) }
    }

    #[test]
    fn a_document_holds_findings_and_marks_those_to_look_at() {
        let findings = [
            finding("blur", Some(Status::Normal), None),
            finding("dark", Some(Status::Error), None),
            finding("freeze", None, Some(Failure::INCONCLUSIVE)),
            finding("noise", None, Some("fuel-exhausted")),
        ];
        let document = Document::of(&findings).unwrap();
        assert_eq!(findings_of(&document.bytes).unwrap(), findings);
        let marks = [(1, "dark", "error"), (3, "noise", "fuel-exhausted")];
        assert_eq!(document.marks, marks.map(|(at, of, word)| (at, of.to_owned(), word.to_owned())));
        let [a, b, c, d] = findings;
        assert_eq!(Document::of(&[d, c, b, a]).unwrap().kind, document.kind);
        assert_ne!(Document::of(&[]).unwrap().kind, document.kind);
        assert_eq!(findings_of(b"[]").unwrap(), []);
    }

    #[test]
    fn names_sort_by_the_time_of_the_recording() {
        let ids = Ids::default();
        let names: Vec<String> = (0..100).map(|at| ids.next(5_000 + at / 50).to_string()).collect();
        assert!(names.is_sorted(), "{names:?}");
        assert!(first_name(5_000) <= names[0] && names[99] < first_name(5_002));
        assert!(first_name(5_001) > names[49] && first_name(5_001) <= names[50]);
        assert_eq!(parts(&finding_name(&names[0], 7)), (names[0].as_str(), 7));
    }
}

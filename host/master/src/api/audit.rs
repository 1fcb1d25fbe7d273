//! The audit log: a list of what people changed, and its export.

use std::io;

use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use easysight_daemon::problem::Error;
use easysight_protocol::{AuditEntry, Page, Problem};
use easysight_store::{AuditFilter, PageRequest};
use futures::stream;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{master::Shared, problems::store_error};

use super::{
    parameters::{PageQuery, Params},
    results::harmless,
};

/// The number of entries that one portion of an export contains.
const PORTION: u32 = 500;
/// The longest text in a filter, in characters.
const MAX_TEXT: usize = 200;
const NDJSON: &str = "application/x-ndjson";
const CSV: &str = "text/csv";
const COLUMNS: [&str; 15] = [
    "id",
    "at",
    "actor_kind",
    "actor_id",
    "actor_name",
    "way",
    "address",
    "forwarded_for",
    "request_id",
    "action",
    "object_kind",
    "object_id",
    "outcome",
    "before",
    "after",
];

/// The format of the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AuditFormat {
    /// One page.
    Json,
    /// All entries that the filters select.
    Csv,
    /// All entries that the filters select, one JSON object in each line.
    Ndjson,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditQuery {
    /// Only entries of the caller with this id or this name.
    who: Option<String>,
    /// Only entries with this action (such as `camera.update`), or about this kind of object (such as `camera`).
    action: Option<String>,
    /// Only entries about the object with this id.
    object: Option<String>,
    /// Only entries of this time or later.
    since: Option<DateTime<Utc>>,
    /// Only entries before this time.
    until: Option<DateTime<Utc>>,
    /// Only entries in which this text occurs: in the names and ids of callers and objects, or in what was changed.
    q: Option<String>,
    /// The format. If absent, the header `Accept` decides.
    #[param(inline)]
    format: Option<AuditFormat>,
    /// The value of `next` on the previous page.
    after: Option<String>,
    /// The largest number of items on the page, 1 to 1000. If absent, 100.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<u32>,
}

/// Lists the entries of the audit log, latest first: what people changed, who changed it, when and from where. With
/// `Accept: text/csv` or `format=csv`, and with `Accept: application/x-ndjson` or `format=ndjson`, the answer contains
/// all entries that the filters select (after the entry `after`, if it is given); `limit` has no effect then.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(AuditQuery),
    responses((status = 200, content((Page<AuditEntry> = "application/json"), (String = "text/csv"),
            (String = "application/x-ndjson"))),
        (status = "default", body = Problem)))]
pub(super) async fn list(
    State(master): State<Shared>,
    Params(query): Params<AuditQuery>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let format = match query.format {
        Some(format) => format,
        None if accepts.contains(CSV) => AuditFormat::Csv,
        None if accepts.contains(NDJSON) => AuditFormat::Ndjson,
        None => AuditFormat::Json,
    };
    let filter = AuditFilter {
        who: plain("who", query.who)?,
        action: plain("action", query.action)?,
        object: plain("object", query.object)?,
        since: query.since.map(|at| at.timestamp_millis()),
        until: query.until.map(|at| at.timestamp_millis()),
        text: plain("q", query.q)?,
    };
    let mut page = PageQuery { after: query.after, limit: query.limit }.page()?;
    if format == AuditFormat::Json {
        let found = master.store.audit(&filter, &page).await.map_err(|error| store_error(&error))?;
        return Ok(Json(found).into_response());
    }
    page.limit = PORTION;
    let first = master.store.audit(&filter, &page).await.map_err(|error| store_error(&error))?;
    let first = Portion { page: first, begins: true };
    let export = Export { master, filter, format, next: Some(first) };
    let (media, file) = match format {
        AuditFormat::Ndjson => (NDJSON, "attachment; filename=\"audit.ndjson\""),
        AuditFormat::Csv | AuditFormat::Json => {
            ("text/csv; charset=utf-8", "attachment; filename=\"audit.csv\"")
        }
    };
    let body = Body::from_stream(stream::try_unfold(export, Export::portion));
    Ok(([(header::CONTENT_TYPE, media), (header::CONTENT_DISPOSITION, file)], body).into_response())
}

/// Refuses texts that no entry contains.
fn plain(name: &str, text: Option<String>) -> Result<Option<String>, Error> {
    let is_plain = |text: &String| text.chars().count() <= MAX_TEXT && !text.contains(char::is_control);
    if text.as_ref().is_none_or(is_plain) {
        return Ok(text.filter(|text| !text.is_empty()));
    }
    let detail = format!("{name}: expected at most {MAX_TEXT} characters, no control characters");
    Err(Error::new(StatusCode::BAD_REQUEST, "invalid-query", detail))
}

/// An export that is under way.
struct Export {
    master: Shared,
    filter: AuditFilter,
    format: AuditFormat,
    /// The next portion. None at the end.
    next: Option<Portion>,
}

struct Portion {
    page: Page<AuditEntry>,
    /// True for the first portion.
    begins: bool,
}

impl Export {
    /// Writes the next portion, and reads the one after it.
    async fn portion(mut self) -> io::Result<Option<(Bytes, Self)>> {
        let Some(Portion { page, begins }) = self.next.take() else { return Ok(None) };
        let bytes = match self.format {
            AuditFormat::Ndjson => lines(&page.items)?,
            AuditFormat::Csv | AuditFormat::Json => csv(&page.items, begins)?,
        };
        if page.next.is_some() {
            let wanted = PageRequest { after: page.next, limit: PORTION };
            // The client notices a failure: the connection ends before the end of the body.
            let page = self.master.store.audit(&self.filter, &wanted).await.map_err(|error| {
                tracing::error!(%error, "an export of the audit log was aborted");
                io::Error::other(error.to_string())
            })?;
            self.next = Some(Portion { page, begins: false });
        }
        Ok(Some((bytes.into(), self)))
    }
}

fn lines(entries: &[AuditEntry]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut bytes, entry)?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

fn csv(entries: &[AuditEntry], with_head: bool) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    if with_head {
        writer.write_record(COLUMNS)?;
    }
    for entry in entries {
        let text = |text: &Option<String>| harmless(text.as_deref().unwrap_or_default());
        let json = |fields: &Option<_>| fields.as_ref().map(serde_json::to_string).transpose();
        writer.write_record([
            entry.id.to_string(),
            entry.at.to_rfc3339(),
            word(&entry.actor.kind)?,
            text(&entry.actor.id),
            text(&entry.actor.name),
            word(&entry.way)?,
            text(&entry.address),
            text(&entry.forwarded_for),
            text(&entry.request_id),
            entry.action.clone(),
            entry.object.kind.clone(),
            text(&entry.object.id),
            word(&entry.outcome)?,
            json(&entry.before)?.unwrap_or_default(),
            json(&entry.after)?.unwrap_or_default(),
        ])?;
    }
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

/// Returns the word of a value on the wire.
fn word(value: &impl Serialize) -> io::Result<String> {
    match serde_json::to_value(value)? {
        serde_json::Value::String(word) => Ok(word),
        other => Err(io::Error::other(format!("expected a string, not {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use easysight_protocol::{ActorKind, AuditActor, AuditId, AuditObject, AuditOutcome, AuditWay};
    use serde_json::json;

    use super::*;

    #[test]
    fn names_that_a_spreadsheet_would_compute_are_defused() {
        let entry = AuditEntry {
            id: AuditId::fresh(),
            at: DateTime::from_timestamp_millis(0).unwrap(),
            actor: AuditActor {
                kind: ActorKind::Token,
                id: Some("1".into()),
                name: Some("=HYPERLINK(\"http://evil\")".into()),
            },
            way: AuditWay::Api,
            address: Some("10.0.0.1".into()),
            forwarded_for: Some("@SUM(1)".into()),
            request_id: Some("+1".into()),
            action: "camera.update".into(),
            object: AuditObject { kind: "camera".into(), id: Some("-gate".into()) },
            outcome: AuditOutcome::Done,
            before: None,
            after: Some(BTreeMap::from([("name".to_owned(), json!("=1"))])),
        };
        let text = String::from_utf8(csv(std::slice::from_ref(&entry), true).unwrap()).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        assert_eq!(reader.headers().unwrap().len(), COLUMNS.len());
        let record = reader.records().next().unwrap().unwrap();
        assert_eq!(record.get(4), Some("'=HYPERLINK(\"http://evil\")"));
        let defused = [record.get(7), record.get(8), record.get(11)];
        assert_eq!(defused, [Some("'@SUM(1)"), Some("'+1"), Some("'-gate")]);
        assert!(record.iter().all(|cell| !cell.starts_with(['=', '+', '-', '@'])), "{text}");
        assert!(csv(&[], false).unwrap().is_empty());
    }
}

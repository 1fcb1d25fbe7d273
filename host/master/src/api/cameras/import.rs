//! The import of many cameras from a table, and a preview of the import.

use std::collections::{HashMap, HashSet};

use axum::{Json, body::Body, extract::State};
use easysight_daemon::{body::gather, problem::Error};
use easysight_protocol::{
    CameraRequest, ImportAction, ImportAnswer, Labels, LineProblem, PlannedLine, Problem, masked_source,
};
use easysight_store::{Area, StoredCamera};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    super::{
        by::{By, Within},
        check,
        parameters::Params,
    },
    offered::{KEPT, check_camera, resolve},
    sheet::{Column, Sheet, SheetLine},
};
use crate::{
    master::Shared,
    problems::{invalid, store_error},
};

/// The largest size of an import, in bytes. The largest number of lines is [`MAX_LINES`].
const MAX_BYTES: usize = 16 << 20;
const MAX_LINES: usize = 50_000;
/// The largest number of problems in an answer, and the largest number of lines in a preview.
const MAX_TOLD: usize = 1_000;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct ImportQuery {
    /// If true, nothing is written. The answer lists what would be done with each line.
    #[serde(default)]
    dry_run: bool,
}

/// Creates or changes many cameras from a table. The first line names the columns `id`, `name`, `source`, `groups`
/// (separated by `;`), `labels` (`key=value`, separated by `;`) and `enabled`, in English or Chinese; `name` and
/// `source` are required. The table may be encoded in UTF-8, UTF-16 or GB 18030 (GBK). A comma, a semicolon, a tab or a
/// `|` separates the columns; a first line such as `sep=;` may name the separator. `***` in a source stands for the
/// stored secrets of the camera with this id.
#[utoipa::path(post, path = "/api/v1/diagnosis/cameras/import", tag = "cameras", params(ImportQuery),
    request_body(content = String, content_type = "text/csv",
        example = "id,name,source\ngate,Gate,rtsp://camera/stream\n"),
    responses((status = 200, body = ImportAnswer), (status = "default", body = Problem)))]
pub(in super::super) async fn import(
    State(master): State<Shared>,
    Within(area): Within,
    Params(query): Params<ImportQuery>,
    By(actor): By,
    body: Body,
) -> Result<Json<ImportAnswer>, Error> {
    let bytes = gather(body, MAX_BYTES).await?;
    let sheet = Sheet::read(&bytes, MAX_LINES).map_err(|detail| invalid("", detail))?;
    let ids = sheet.lines.iter().map(|line| line.text(Column::Id)).filter(|id| !id.is_empty());
    let ids: Vec<String> = ids.map(str::to_owned).collect();
    let known = master.store.cameras_named(&area, &ids).await.map_err(|error| store_error(&error))?;
    let known: HashMap<_, _> = known.into_iter().map(|one| (one.camera.id.clone(), one)).collect();
    let foreign = master.store.foreign_ids(&area, &ids).await.map_err(|error| store_error(&error))?;
    let mut answer = ImportAnswer {
        dry_run: query.dry_run,
        created: 0,
        updated: 0,
        refused: 0,
        problems: Vec::new(),
        encoding: sheet.encoding.to_owned(),
        separator: sheet.separator,
        lines: Vec::new(),
    };
    let mut cameras = Vec::new();
    for line in &sheet.lines {
        let read = read_line(line, &known).and_then(|line| confined(line, &area, &foreign));
        match read {
            Ok((planned, id, request)) => {
                let is_new = planned.action == ImportAction::Create;
                *(if is_new { &mut answer.created } else { &mut answer.updated }) += 1;
                if query.dry_run && answer.lines.len() < MAX_TOLD {
                    answer.lines.push(planned);
                }
                cameras.push((id, request));
            }
            Err(error) => {
                answer.refused += 1;
                if answer.problems.len() < MAX_TOLD {
                    answer.problems.push(problem(line.number, &error));
                }
            }
        }
    }
    if !query.dry_run {
        let done = master.store.by(actor).import_cameras(cameras, master.now_ms()).await;
        let done = done.map_err(|error| store_error(&error))?;
        (answer.created, answer.updated) = (done.created, done.updated);
        master.note_change();
    }
    Ok(Json(answer))
}

/// What to do with a line, and the camera that it describes with its id.
type ReadLine = (PlannedLine, String, CameraRequest);

fn problem(line: u64, error: &Error) -> LineProblem {
    let reason = error.reason();
    LineProblem {
        line,
        code: reason.map_or("invalid", |reason| reason.code).to_owned(),
        values: reason.map(|reason| reason.values.clone()).unwrap_or_default(),
        detail: error.detail().to_owned(),
    }
}

/// Refuses a line that leads outside of the caller's area. The store checks the same when it writes the cameras, but it
/// would refuse all lines together.
fn confined(read: ReadLine, area: &Area, foreign: &HashSet<String>) -> Result<ReadLine, Error> {
    let (_, id, request) = &read;
    if foreign.contains(id) {
        let detail = "id: this id is taken already; choose another one, or leave it empty";
        return Err(invalid("", detail).because("id-taken", []));
    }
    if let Some(group) = request.groups.iter().find(|group| !area.has_group(group)) {
        let error = invalid("", format!("groups: the group `{group}` is not in your area"));
        return Err(error.because("group-outside", [("group", group.as_str().into())]));
    }
    if !area.is_all() && request.groups.is_empty() {
        let detail = "groups: the camera must be in at least one group of your area";
        return Err(invalid("", detail).because("group-missing", []));
    }
    Ok(read)
}

fn read_line(line: &SheetLine, known: &HashMap<String, StoredCamera>) -> Result<ReadLine, Error> {
    let parts = |column: Column| -> Vec<String> {
        let parts = line.text(column).split([';', '；']).map(str::trim);
        parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    let mut labels = Labels::new();
    for (at, part) in parts(Column::Labels).iter().enumerate() {
        // The error does not quote the string, because an address with its password may be in the wrong column.
        let (key, value) = part.split_once('=').ok_or_else(|| {
            let detail = format!("labels: label {} is not of the form key=value", at + 1);
            invalid("", detail).because("label-form", [("at", (at + 1).into())])
        })?;
        labels.insert(key.trim().to_owned(), value.trim().to_owned());
    }
    let enabled = match line.text(Column::Enabled).to_lowercase().as_str() {
        "" | "true" | "yes" | "1" | "是" | "启用" => true,
        "false" | "no" | "0" | "否" | "停用" | "禁用" => false,
        _ => return Err(invalid("", "enabled: expected true or false").because("enabled-invalid", [])),
    };
    let mut request = CameraRequest {
        id: None,
        name: line.text(Column::Name).to_owned(),
        source: line.text(Column::Source).to_owned(),
        enabled,
        labels,
        groups: parts(Column::Groups),
    };
    let given = Some(line.text(Column::Id)).filter(|id| !id.is_empty());
    let known = given.and_then(|id| known.get(id));
    let kept = match known {
        Some(known) => resolve(&mut request, known)?,
        None => check_camera(&request).map(|()| false)?,
    };
    let id = check::id_or_new(given.map(str::to_owned))
        .map_err(|error| error.because("id-invalid", [("most", 128.into())]))?;
    let planned = PlannedLine {
        line: line.number,
        action: match known {
            None => ImportAction::Create,
            Some(known) if is_same(known, &request) => ImportAction::Keep,
            Some(_) => ImportAction::Update,
        },
        id: given.map(str::to_owned),
        name: request.name.clone(),
        source: masked_source(&request.source),
        note: kept.then(|| KEPT.to_owned()),
    };
    Ok((planned, id, request))
}

fn is_same(known: &StoredCamera, request: &CameraRequest) -> bool {
    let mut groups = request.groups.clone();
    groups.sort();
    groups.dedup();
    known.source == request.source
        && known.camera.name == request.name
        && known.camera.enabled == request.enabled
        && known.camera.labels == request.labels
        && known.camera.groups == groups
}

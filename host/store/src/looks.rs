//! Queries ("looks") for ready jobs, made if too few jobs are known.

use std::{cmp::Reverse, collections::HashSet, time::Instant};

use easysight_protocol::Labels;
use uuid::Uuid;

use crate::{
    StoreError,
    db::{Query, Row, Via, query},
    query::{maybe_text, parsed, text},
    ready::{Key, LOOK, Look, Ready},
    reports::first_name,
};

/// The maximum number of sets of labels that are queried one by one without a check. If there are more sets, one query
/// first finds the sets that have jobs.
const SINGLE_LOOKS: usize = 4;
/// The maximum difference between the clocks of masters, in milliseconds.
const CLOCKS_DIFFER_MS: i64 = 60_000;

/// Queries for jobs that nodes with any of these labels may lease, if too few jobs are known.
pub(crate) async fn look(
    via: &mut Via<'_>,
    ready: &Ready,
    labels: &[&Labels],
    wanted: usize,
    now: i64,
) -> Result<(), StoreError> {
    if ready.wants_list() {
        let rows = query("SELECT required FROM label_sets").fetch_all(&mut *via).await?;
        ready.list(rows.iter().map(|row| text(row, "required")).collect::<Result<_, _>>()?);
    }
    let mut looks = ready.looks(labels, wanted, now);
    if looks.len() > SINGLE_LOOKS {
        let sql = "SELECT required FROM label_sets WHERE EXISTS (SELECT 1 FROM jobs \
                   WHERE jobs.state = 'queued' AND jobs.required = label_sets.required AND jobs.not_before <= $1)";
        let started = Instant::now();
        let rows = query(sql).bind(now).fetch_all(&mut *via).await?;
        let some = rows.iter().map(|row| text(row, "required")).collect::<Result<HashSet<_>, _>>()?;
        let took = started.elapsed();
        looks.retain(|look| {
            let has = some.contains(&look.required);
            if !has {
                ready.looked(look, Vec::new(), now, took);
            }
            has
        });
    }
    let from = match looks.iter().any(|look| look.after.is_none()) {
        true => first_open(via, now).await?,
        false => String::new(),
    };
    for look in looks {
        let started = Instant::now();
        let found = look_at(via, &look, &from, now).await?;
        ready.looked(&look, found, now, started.elapsed());
    }
    Ok(())
}

/// Returns a lower limit for the ids of open jobs. Ids sort by time, and jobs are created after their run, so no open
/// job is older than the oldest open run. The limit is earlier by the difference that the clocks of masters may have.
///
/// With this limit, queries skip jobs that ended long ago. Their entries in the index of queued jobs remain as long as
/// another transaction prevents PostgreSQL from removing old row versions.
async fn first_open(via: &mut Via<'_>, now: i64) -> Result<String, StoreError> {
    let sql = "SELECT MIN(id) AS id FROM runs WHERE state IN ('waiting', 'running')";
    let oldest = match query(sql).fetch_optional(&mut *via).await? {
        Some(row) => maybe_text(&row, "id")?,
        None => None,
    };
    let created = oldest.and_then(|id| id.parse::<Uuid>().ok()?.get_timestamp());
    let created =
        created.and_then(|at| i64::try_from(at.to_unix().0).ok()).map_or(now, |seconds| 1_000 * seconds);
    Ok(first_name(created.min(now) - CLOCKS_DIFFER_MS))
}

async fn look_at(via: &mut Via<'_>, look: &Look, from: &str, now: i64) -> Result<Vec<Key>, StoreError> {
    let mut found: Vec<Key> = Vec::new();
    if let Some((priority, id)) = look.after {
        // Each of the two conditions selects one range of the index. A single combined condition would not.
        let condition = "AND priority = $4 AND id > $5 ORDER BY id";
        let same = queued(condition, look, now).bind(priority.0).bind(id.to_string());
        add(&mut found, &same.fetch_all(&mut *via).await?)?;
        if found.len() < LOOK {
            let less = queued("AND priority < $4 ORDER BY priority DESC, id", look, now).bind(priority.0);
            add(&mut found, &less.fetch_all(&mut *via).await?)?;
            found.truncate(LOOK);
        }
    } else {
        let all = queued("AND id >= $4 ORDER BY priority DESC, id", look, now).bind(from);
        add(&mut found, &all.fetch_all(&mut *via).await?)?;
    }
    Ok(found)
}

fn queued(condition: &str, look: &Look, now: i64) -> Query {
    let sql = format!(
        "SELECT id, priority FROM jobs WHERE state = 'queued' AND required = $1 AND not_before <= $2 {condition} LIMIT $3"
    );
    query(sql).bind(&look.required).bind(now).bind(i64::try_from(LOOK).unwrap_or(i64::MAX))
}

fn add(found: &mut Vec<Key>, rows: &[Row]) -> Result<(), StoreError> {
    for row in rows {
        found.push((Reverse(row.try_get::<i64>("priority")?), parsed(row, "id")?));
    }
    Ok(())
}

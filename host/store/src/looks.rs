//! Queries ("looks") for ready jobs, made if the jobs that are known are not enough.

use std::{cmp::Reverse, collections::HashSet, time::Instant};

use easysight_protocol::Labels;

use crate::{
    StoreError,
    db::{Query, Row, Via, query},
    query::{parsed, text},
    ready::{Key, LOOK, Look, Ready},
};

/// Most sets of labels that are queried one by one. If there are more, those without a job are sorted out first.
const SINGLE_LOOKS: usize = 4;

/// Queries for jobs that nodes with any of these labels may have, if the jobs that are known are not enough.
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
    for look in looks {
        let started = Instant::now();
        let found = look_at(via, &look, now).await?;
        ready.looked(&look, found, now, started.elapsed());
    }
    Ok(())
}

async fn look_at(via: &mut Via<'_>, look: &Look, now: i64) -> Result<Vec<Key>, StoreError> {
    let mut found: Vec<Key> = Vec::new();
    if let Some((priority, id)) = look.after {
        // Each of the two conditions is one range of the index. A single condition for both would not be.
        let condition = "AND priority = $4 AND id > $5 ORDER BY id";
        let same = queued(condition, look, now).bind(priority.0).bind(id.to_string());
        add(&mut found, &same.fetch_all(&mut *via).await?)?;
        if found.len() < LOOK {
            let less = queued("AND priority < $4 ORDER BY priority DESC, id", look, now).bind(priority.0);
            add(&mut found, &less.fetch_all(&mut *via).await?)?;
            found.truncate(LOOK);
        }
    } else {
        add(&mut found, &queued("ORDER BY priority DESC, id", look, now).fetch_all(&mut *via).await?)?;
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

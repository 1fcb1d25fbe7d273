//! Tasks, and when they are due.

use easysight_protocol::{Page, Task, TaskRequest};

use crate::{
    Acting, PageRequest, Store, StoreError,
    audit::{Fields, difference, fields_of},
    db::{Row, query},
    query::{Select, json, maybe_time, page_of, text, time_of},
};

const COLUMNS: &str = "SELECT id, definition, enabled, next_run_at, created_at, updated_at FROM tasks";

impl Acting<'_> {
    /// Creates a task.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Conflict`] if the id exists already, or another error if the database fails.
    pub async fn create_task(
        &self,
        id: String,
        definition: TaskRequest,
        next_run_at: Option<i64>,
        now: i64,
    ) -> Result<(), StoreError> {
        let document = serde_json::to_string(&definition)?;
        let entry = self.entry("task.create", "task", &id, now).after(shown(&definition)?);
        self.store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    let made = query(
                        "INSERT INTO tasks (id, definition, enabled, next_run_at, created_at, updated_at) \
                         VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT (id) DO NOTHING",
                    )
                    .bind(&id)
                    .bind(document)
                    .bind(i64::from(definition.enabled))
                    .bind(next_run_at)
                    .bind(now)
                    .execute(&mut *connection)
                    .await?;
                    if made.rows_affected() == 0 {
                        return Err(StoreError::Conflict(format!("a task `{id}` exists already").into()));
                    }
                    entry.write(connection).await
                })
            })
            .await
    }

    /// Changes a task. Returns false if it does not exist.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn update_task(
        &self,
        id: String,
        definition: TaskRequest,
        next_run_at: Option<i64>,
        now: i64,
    ) -> Result<bool, StoreError> {
        let document = serde_json::to_string(&definition)?;
        let entry = self.entry("task.update", "task", &id, now);
        let after = shown(&definition)?;
        let dialect = self.store.dialect;
        self.store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql =
                        format!("SELECT definition, enabled FROM tasks WHERE id = $1{}", dialect.to_change());
                    let known = query(sql).bind(&id).fetch_optional(&mut *connection).await?;
                    let Some(known) = known else { return Ok(false) };
                    query(
                        "UPDATE tasks SET definition = $2, enabled = $3, next_run_at = $4, updated_at = $5 \
                         WHERE id = $1",
                    )
                    .bind(id)
                    .bind(document)
                    .bind(i64::from(definition.enabled))
                    .bind(next_run_at)
                    .bind(now)
                    .execute(&mut *connection)
                    .await?;
                    if let Some((before, after)) = difference(&shown(&defined(&known)?)?, &after) {
                        let is_only_enabled = before.keys().chain(after.keys()).all(|name| name == "enabled");
                        let entry = match (is_only_enabled, definition.enabled) {
                            (false, _) => entry,
                            (true, false) => entry.rather("task.pause"),
                            (true, true) => entry.rather("task.resume"),
                        };
                        entry.before(before).after(after).write(connection).await?;
                    }
                    Ok(true)
                })
            })
            .await
    }

    /// Removes a task. Its runs stay until they are pruned. Returns false if the task did not exist.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn delete_task(&self, id: String, now: i64) -> Result<bool, StoreError> {
        let entry = self.entry("task.delete", "task", &id, now);
        self.store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = "DELETE FROM tasks WHERE id = $1 RETURNING definition, enabled";
                    let deleted = query(sql).bind(id).fetch_optional(&mut *connection).await?;
                    let Some(deleted) = deleted else { return Ok(false) };
                    entry.before(shown(&defined(&deleted)?)?).write(connection).await?;
                    Ok(true)
                })
            })
            .await
    }
}

impl Store {
    /// Returns a task, or None if it does not exist. The caller fills in `waits_for`.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn task(&self, id: &str) -> Result<Option<Task>, StoreError> {
        let row = Select::new(COLUMNS).and("id = ?", Some(id)).query().fetch_optional(&self.readers).await?;
        row.as_ref().map(read).transpose()
    }

    /// Lists tasks in the order of their ids.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn tasks(&self, page: &PageRequest) -> Result<Page<Task>, StoreError> {
        let rows = Select::new(COLUMNS).page(&self.readers, "id", "id > ?", page).await?;
        page_of(&rows, page.limit, read, |task| task.id.clone())
    }

    /// Returns the enabled tasks whose next run is due, earliest first.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn due_tasks(&self, now: i64, limit: i64) -> Result<Vec<Task>, StoreError> {
        let sql = "SELECT id, definition, enabled, next_run_at, created_at, updated_at FROM tasks \
                   WHERE next_run_at IS NOT NULL AND next_run_at <= $1 AND enabled = 1 \
                   ORDER BY next_run_at LIMIT $2";
        let rows = query(sql).bind(now).bind(limit).fetch_all(&self.readers).await?;
        rows.iter().map(read).collect()
    }

    /// Moves a task's next run from `from` to `to`. Returns false if another caller has moved it already.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn advance_task(&self, id: String, from: i64, to: Option<i64>) -> Result<bool, StoreError> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = "UPDATE tasks SET next_run_at = $3 WHERE id = $1 AND next_run_at = $2";
                    let moved = query(sql).bind(id).bind(from).bind(to).execute(connection).await?;
                    Ok(moved.rows_affected() > 0)
                })
            })
            .await
    }
}

fn read(row: &Row) -> Result<Task, StoreError> {
    Ok(Task {
        id: text(row, "id")?,
        definition: defined(row)?,
        next_run_at: maybe_time(row, "next_run_at")?,
        created_at: time_of(row, "created_at")?,
        updated_at: time_of(row, "updated_at")?,
        waits_for: Vec::new(),
    })
}

fn defined(row: &Row) -> Result<TaskRequest, StoreError> {
    let mut definition: TaskRequest = json(row, "definition")?;
    definition.enabled = row.try_get::<i64>("enabled")? != 0;
    definition.id = None;
    Ok(definition)
}

/// Returns the fields of a definition for the audit log.
fn shown(definition: &TaskRequest) -> Result<Fields, StoreError> {
    fields_of(&TaskRequest { id: None, ..definition.clone() })
}

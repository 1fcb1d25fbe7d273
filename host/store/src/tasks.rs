//! Tasks, and when they are due.

use easysight_protocol::{Page, Task, TaskRequest};

use crate::{
    PageRequest, Store, StoreError,
    db::{Row, query},
    query::{Select, json, maybe_time, page_of, text, time_of},
};

const COLUMNS: &str = "SELECT id, definition, enabled, next_run_at, created_at, updated_at FROM tasks";

impl Store {
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
        self.writer
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
                    .execute(connection)
                    .await?;
                    if made.rows_affected() == 0 {
                        return Err(StoreError::Conflict(format!("a task `{id}` exists already").into()));
                    }
                    Ok(())
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
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let changed = query(
                        "UPDATE tasks SET definition = $2, enabled = $3, next_run_at = $4, updated_at = $5 \
                         WHERE id = $1",
                    )
                    .bind(id)
                    .bind(document)
                    .bind(i64::from(definition.enabled))
                    .bind(next_run_at)
                    .bind(now)
                    .execute(connection)
                    .await?;
                    Ok(changed.rows_affected() > 0)
                })
            })
            .await
    }

    /// Removes a task. Its runs stay until they are pruned. Returns false if the task did not exist.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn delete_task(&self, id: String) -> Result<bool, StoreError> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let deleted =
                        query("DELETE FROM tasks WHERE id = $1").bind(id).execute(connection).await?;
                    Ok(deleted.rows_affected() > 0)
                })
            })
            .await
    }

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
    let mut definition: TaskRequest = json(row, "definition")?;
    definition.enabled = row.try_get::<i64>("enabled")? != 0;
    definition.id = None;
    Ok(Task {
        id: text(row, "id")?,
        definition,
        next_run_at: maybe_time(row, "next_run_at")?,
        created_at: time_of(row, "created_at")?,
        updated_at: time_of(row, "updated_at")?,
        waits_for: Vec::new(),
    })
}

//! Tasks, and when they are due.

use easysight_protocol::{Page, Task, TaskRequest};

use crate::{
    Acting, Area, PageRequest, Store, StoreError,
    audit::{Fields, difference, fields_of},
    db::{Row, query},
    query::{Select, json, maybe_time, page_of, text, time_of},
    versions::{Version, moved_on},
};

const COLUMNS: &str = "SELECT id, definition, enabled, next_run_at, created_at, updated_at FROM tasks";

impl Acting<'_> {
    /// Creates a task.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Conflict`] if the id exists already, [`StoreError::Outside`] if the task names something
    /// that is not in the caller's area, or another error if the database fails.
    pub async fn create_task(
        &self,
        id: String,
        definition: TaskRequest,
        next_run_at: Option<i64>,
        now: i64,
    ) -> Result<(), StoreError> {
        let document = serde_json::to_string(&definition)?;
        let entry = self.entry("task.create", "task", &id, now).after(shown(&definition)?);
        let (dialect, area) = (self.store.dialect, self.area().clone());
        self.store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    area.must_cover(&mut *connection, dialect, &definition, None).await?;
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
                        return Err(StoreError::taken("task", &id));
                    }
                    entry.write(connection).await
                })
            })
            .await
    }

    /// Changes a task. Returns false if it does not exist in the caller's area.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Outside`] if not all of the task is in the caller's area, before and after,
    /// [`StoreError::Changed`] if the caller's condition does not hold, or another error if the database fails.
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
        let (dialect, area) = (self.store.dialect, self.area().clone());
        let precondition = self.precondition.clone();
        self.store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    let of_area = area.and_named(dialect, "definition", "$2");
                    let sql = format!(
                        "SELECT definition, enabled, created_at, updated_at FROM tasks WHERE id = $1{of_area}{}",
                        dialect.to_change()
                    );
                    let known = area.bound_to(query(sql).bind(&id)).fetch_optional(&mut *connection).await?;
                    let Some(known) = known else { return Ok(false) };
                    let before = defined(&known)?;
                    area.must_own(&mut *connection, dialect, &before, "task").await?;
                    area.must_cover(&mut *connection, dialect, &definition, Some(&before)).await?;
                    precondition.check(Version::read(&known)?)?;
                    let sql = format!(
                        "UPDATE tasks SET definition = $2, enabled = $3, next_run_at = $4, updated_at = {} \
                         WHERE id = $1",
                        moved_on("updated_at", "$5")
                    );
                    query(sql)
                        .bind(id)
                        .bind(document)
                        .bind(i64::from(definition.enabled))
                        .bind(next_run_at)
                        .bind(now)
                        .execute(&mut *connection)
                        .await?;
                    if let Some((before, after)) = difference(&shown(&before)?, &after) {
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

    /// Removes a task. Its runs stay until they are pruned. Returns false if the task did not exist in the caller's
    /// area.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Outside`] if not all of the task is in the caller's area, [`StoreError::Changed`] if the
    /// caller's condition does not hold, or another error if the database fails.
    pub async fn delete_task(&self, id: String, now: i64) -> Result<bool, StoreError> {
        let entry = self.entry("task.delete", "task", &id, now);
        let (dialect, area) = (self.store.dialect, self.area().clone());
        let precondition = self.precondition.clone();
        self.store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    let of_area = area.and_named(dialect, "definition", "$2");
                    let sql = format!(
                        "DELETE FROM tasks WHERE id = $1{of_area} \
                         RETURNING definition, enabled, created_at, updated_at"
                    );
                    let deleted = area.bound_to(query(sql).bind(id)).fetch_optional(&mut *connection).await?;
                    let Some(deleted) = deleted else { return Ok(false) };
                    // An error undoes the transaction.
                    area.must_own(&mut *connection, dialect, &defined(&deleted)?, "task").await?;
                    precondition.check(Version::read(&deleted)?)?;
                    entry.before(shown(&defined(&deleted)?)?).write(connection).await?;
                    Ok(true)
                })
            })
            .await
    }
}

impl Store {
    /// Returns a task, or None if it names nothing in the area. Groups and cameras that are not in the area are left
    /// out. The caller fills in `waits_for`.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn task(&self, area: &Area, id: &str) -> Result<Option<Task>, StoreError> {
        let Some(task) = self.whole_task(area, id).await? else { return Ok(None) };
        Ok(self.parts(area, vec![task]).await?.pop())
    }

    /// Returns a task that a caller with this area may change and start, or None if it names nothing in the area.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Outside`] if not all of the task is in the area, or another error if the database fails.
    pub async fn task_to_change(&self, area: &Area, id: &str) -> Result<Option<Task>, StoreError> {
        let task = self.whole_task(area, id).await?;
        if let Some(task) = &task {
            area.must_own(&self.readers, self.dialect, &task.definition, "task").await?;
        }
        Ok(task)
    }

    /// Lists the tasks that name something in the area, in the order of their ids. Groups and cameras that are not in
    /// the area are left out.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn tasks(&self, area: &Area, page: &PageRequest) -> Result<Page<Task>, StoreError> {
        let select = Select::new(COLUMNS).naming(self.dialect, area, "definition");
        let rows = select.page(&self.readers, "id", "id > ?", page).await?;
        let Page { items, next } = page_of(&rows, page.limit, read, |task| task.id.clone())?;
        Ok(Page { items: self.parts(area, items).await?, next })
    }

    async fn whole_task(&self, area: &Area, id: &str) -> Result<Option<Task>, StoreError> {
        let select = Select::new(COLUMNS).and("id = ?", Some(id)).naming(self.dialect, area, "definition");
        select.query().fetch_optional(&self.readers).await?.as_ref().map(read).transpose()
    }

    /// Removes the groups and cameras that are not in the area from the tasks.
    async fn parts(&self, area: &Area, mut tasks: Vec<Task>) -> Result<Vec<Task>, StoreError> {
        if area.is_all() {
            return Ok(tasks);
        }
        let definitions = tasks.iter().map(|task| task.definition.clone()).collect();
        let parts = area.parts_of(&self.readers, self.dialect, definitions).await?;
        for (task, part) in tasks.iter_mut().zip(parts) {
            task.definition = part.definition;
        }
        Ok(tasks)
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

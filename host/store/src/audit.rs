//! The audit log: who changed what, when, from where, and what was different before and after.
//!
//! The commands by which people change data belong to [`Acting`], so none of them can be carried out without a caller.
//! Each command writes its entry on the connection that makes the change, in the same transaction: either both are
//! stored or neither.

mod difference;
mod imports;
mod sign_ins;

use std::{collections::BTreeMap, sync::Arc};

use easysight_protocol::{
    ActorKind, AuditActor, AuditEntry, AuditObject, AuditOutcome, AuditWay, Page, RunId,
};
use serde::Serialize;
use serde_json::Value;

use crate::{
    Area, Dialect, PageRequest, Precondition, Store, StoreError,
    db::{Connection, Row, Rows, query},
    query::{Select, count, maybe_json, maybe_text, page_of, parsed, text, time_of, word},
    runs::word_of,
};

pub(crate) use difference::difference;
pub(crate) use imports::Tally;
pub use sign_ins::RefusedSignIns;

/// The maximum number of entries that one step of pruning removes.
const PRUNE_STEP: i64 = 500;

/// The columns of the table.
const COLUMNS: &str = "id, recorded_at, actor_kind, actor_id, actor_name, way, address, forwarded_for, request_id, \
                       action, object_kind, object_id, outcome, before_json, after_json";

/// The text that is searched.
const TEXT: &str = "COALESCE(actor_id, '') || ' ' || COALESCE(actor_name, '') || ' ' || COALESCE(object_id, '') \
                    || ' ' || COALESCE(before_json, '') || ' ' || COALESCE(after_json, '')";

/// Fields of an object, by name.
pub(crate) type Fields = BTreeMap<String, Value>;

/// The caller who makes a change, as the audit log describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The identity of the caller.
    pub who: AuditActor,
    /// The program through which the caller makes the change.
    pub way: AuditWay,
    /// The network address from which the request came.
    pub address: Option<String>,
    /// The header `X-Forwarded-For` of the request.
    pub forwarded_for: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
    /// The cameras that the caller may see and change.
    pub area: Area,
}

impl Actor {
    /// A caller without a request: a person who runs a program on the master's machine.
    #[must_use]
    pub const fn on_this_machine(kind: ActorKind, name: Option<String>) -> Self {
        let who = AuditActor { kind, id: None, name };
        let area = Area::ALL;
        Self { who, way: AuditWay::Cli, address: None, forwarded_for: None, request_id: None, area }
    }
}

/// The store, used by a caller who changes data. Every change is recorded in the audit log.
#[derive(Clone)]
pub struct Acting<'s> {
    pub(crate) store: &'s Store,
    actor: Arc<Actor>,
    /// What must hold for the stored version of the camera or task that a command changes.
    pub(crate) precondition: Precondition,
}

/// Which entries to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Entries of the caller with this id or name.
    pub who: Option<String>,
    /// Entries with this action, or about objects of this kind.
    pub action: Option<String>,
    /// Entries about the object with this id.
    pub object: Option<String>,
    /// Entries of this time or later, in milliseconds since 1970.
    pub since: Option<i64>,
    /// Entries before this time, in milliseconds since 1970.
    pub until: Option<i64>,
    /// Entries in which this text occurs: in the names and ids of callers and objects, or in the fields. Upper and
    /// lower case of ASCII letters are the same.
    pub text: Option<String>,
}

/// An entry that is to be written.
#[derive(Clone)]
pub(crate) struct Entry {
    id: String,
    at: i64,
    actor: Arc<Actor>,
    action: &'static str,
    object_kind: &'static str,
    object_id: Option<String>,
    outcome: AuditOutcome,
    before: Option<Fields>,
    after: Option<Fields>,
    /// If set, the entry is written only if this run exists.
    run: Option<RunId>,
}

impl Store {
    /// Returns the store for a caller who changes data.
    #[must_use]
    pub fn by(&self, actor: Actor) -> Acting<'_> {
        Acting { store: self, actor: Arc::new(actor), precondition: Precondition::default() }
    }

    /// Lists entries of the audit log, latest first.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn audit(
        &self,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<AuditEntry>, StoreError> {
        let wanted = filter.text.as_ref().map(|text| {
            let escaped = text.to_ascii_lowercase().replace('\\', "\\\\").replace('%', "\\%");
            format!("%{}%", escaped.replace('_', "\\_"))
        });
        let rows = Select::new(&format!("SELECT {COLUMNS} FROM audit"))
            .and("(actor_id = ? OR actor_name = ?)", filter.who.clone())
            .and("(action = ? OR object_kind = ?)", filter.action.clone())
            .and("object_id = ?", filter.object.clone())
            .and_integer("recorded_at >= ?", filter.since)
            .and_integer("recorded_at < ?", filter.until)
            .and(&format!("{} LIKE ? ESCAPE '\\'", self.dialect.ascii_lower(TEXT)), wanted)
            .page(&self.readers, "id DESC", "id < ?", page)
            .await?;
        page_of(&rows, page.limit, read, |entry| entry.id.to_string())
    }

    /// Removes some of the entries that are older than `max_age_ms`. Returns the number of removed entries. Call this
    /// function until it returns 0.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn prune_audit(&self, max_age_ms: i64, now: i64) -> Result<u64, StoreError> {
        let before = now - max_age_ms;
        // A query first tests whether there are old entries, because most of the time there are none.
        let sql = "SELECT COUNT(*) AS old FROM (SELECT id, recorded_at FROM audit ORDER BY id LIMIT 1) AS oldest \
                   WHERE recorded_at < $1";
        if count(&query(sql).bind(before).fetch_one(&self.readers).await?, "old")? == 0 {
            return Ok(0);
        }
        self.writer
            .run_relaxed(move |connection| {
                Box::pin(async move {
                    let sql = "DELETE FROM audit WHERE id IN (SELECT id FROM (SELECT id, recorded_at FROM audit \
                               ORDER BY id LIMIT $2) AS oldest WHERE recorded_at < $1)";
                    let gone = query(sql).bind(before).bind(PRUNE_STEP).execute(connection).await?;
                    Ok(gone.rows_affected())
                })
            })
            .await
    }
}

impl Acting<'_> {
    /// Returns the cameras that the caller may change.
    pub(crate) fn area(&self) -> &Area {
        &self.actor.area
    }

    /// Records that the caller was not allowed to do something. `request` names the request, such as
    /// `DELETE /api/v1/tokens/{id}`.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn note_refusal(&self, request: String, now: i64) -> Result<(), StoreError> {
        let mut entry = self.entry("request.refuse", "request", request, now);
        entry.outcome = AuditOutcome::Refused;
        self.store
            .writer
            .run_relaxed(move |connection| Box::pin(async move { entry.write(connection).await }))
            .await
    }

    /// Makes an entry for a change of one object.
    pub(crate) fn entry(
        &self,
        action: &'static str,
        object_kind: &'static str,
        object_id: impl Into<String>,
        now: i64,
    ) -> Entry {
        Entry { object_id: Some(object_id.into()), ..self.entry_of_many(action, object_kind, now) }
    }

    /// Makes an entry for a change of many objects.
    pub(crate) fn entry_of_many(&self, action: &'static str, object_kind: &'static str, now: i64) -> Entry {
        Entry {
            id: self.store.known.ids.next(now).to_string(),
            at: now,
            actor: Arc::clone(&self.actor),
            action,
            object_kind,
            object_id: None,
            outcome: AuditOutcome::Done,
            before: None,
            after: None,
            run: None,
        }
    }
}

impl Entry {
    /// Adds the fields before the change.
    pub(crate) fn before(self, fields: Fields) -> Self {
        Self { before: Some(fields), ..self }
    }

    /// Adds the fields after the change.
    pub(crate) fn after(self, fields: Fields) -> Self {
        Self { after: Some(fields), ..self }
    }

    /// Replaces the action with a more precise one.
    pub(crate) fn rather(self, action: &'static str) -> Self {
        Self { action, ..self }
    }

    /// Sets the object, for a change whose object is known only after the entry was made.
    pub(crate) fn about(self, object_id: Option<String>) -> Self {
        Self { object_id, ..self }
    }

    /// Makes the entry depend on a new run: if an earlier request has already created the run, nothing is changed, and
    /// the entry is not written.
    pub(crate) fn with_run(self, run: RunId) -> Self {
        Self { run: Some(run), ..self }
    }

    /// Returns the run on which the entry depends.
    pub(crate) const fn run(&self) -> Option<RunId> {
        self.run
    }

    /// Writes the entry.
    pub(crate) async fn write(&self, connection: &mut Connection) -> Result<(), StoreError> {
        Self::write_all(&[self], connection).await
    }

    /// Writes entries.
    pub(crate) async fn write_all(entries: &[&Self], connection: &mut Connection) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let dialect = connection.dialect();
        let (sql, rows) = Self::statement(dialect, entries, "TRUE", 1)?;
        query(sql).bind_rows(rows, dialect)?.execute(connection).await?;
        Ok(())
    }

    /// Replaces the stored fields after the change of an entry. Returns 0 if the entry is not stored.
    async fn write_after(&self, connection: &mut Connection) -> Result<u64, StoreError> {
        let sql = "UPDATE audit SET after_json = $2 WHERE id = $1";
        let changed =
            query(sql).bind(&self.id).bind(document(self.after.as_ref())?).execute(connection).await?;
        Ok(changed.rows_affected())
    }

    /// Returns a statement that writes entries, with its batch of rows. The statement leaves out entries that do not
    /// meet `condition`, which may use the column `run_id`. `first` is the number of its first parameter.
    pub(crate) fn statement(
        dialect: Dialect,
        entries: &[&Self],
        condition: &str,
        first: usize,
    ) -> Result<(String, Rows), StoreError> {
        let words = |word: fn(&Self) -> Result<String, StoreError>| -> Result<Vec<String>, StoreError> {
            entries.iter().map(|one| word(one)).collect()
        };
        let documents = |fields: fn(&Self) -> Option<&Fields>| -> Result<Vec<Option<String>>, StoreError> {
            entries.iter().map(|one| document(fields(one))).collect()
        };
        let who = || entries.iter().map(|one| &one.actor.who);
        let actors = || entries.iter().map(|one| &one.actor);
        let rows = Rows::new()
            .texts("id", entries.iter().map(|one| one.id.as_str()))
            .integers("recorded_at", entries.iter().map(|one| one.at))
            .texts("actor_kind", words(|one| word_of(&one.actor.who.kind))?)
            .maybe_texts("actor_id", who().map(|who| who.id.as_deref()))
            .maybe_texts("actor_name", who().map(|who| who.name.as_deref()))
            .texts("way", words(|one| word_of(&one.actor.way))?)
            .maybe_texts("address", actors().map(|actor| actor.address.as_deref()))
            .maybe_texts("forwarded_for", actors().map(|actor| actor.forwarded_for.as_deref()))
            .maybe_texts("request_id", actors().map(|actor| actor.request_id.as_deref()))
            .texts("action", entries.iter().map(|one| one.action))
            .texts("object_kind", entries.iter().map(|one| one.object_kind))
            .maybe_texts("object_id", entries.iter().map(|one| one.object_id.as_deref()))
            .texts("outcome", words(|one| word_of(&one.outcome))?)
            .maybe_texts("before_json", documents(|one| one.before.as_ref())?)
            .maybe_texts("after_json", documents(|one| one.after.as_ref())?)
            .maybe_texts("run_id", entries.iter().map(|one| one.run.map(|run| run.to_string())));
        let sql = format!(
            "INSERT INTO audit ({COLUMNS}) SELECT {COLUMNS} FROM {} WHERE {condition}",
            rows.table(dialect, first, "z")
        );
        Ok((sql, rows))
    }
}

/// Returns an object's fields.
pub(crate) fn fields_of(object: &impl Serialize) -> Result<Fields, StoreError> {
    Ok(serde_json::from_value(serde_json::to_value(object)?)?)
}

/// Makes fields of names and values.
pub(crate) fn fields<const N: usize>(fields: [(&str, Value); N]) -> Fields {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Returns fields as they are stored.
fn document(fields: Option<&Fields>) -> Result<Option<String>, StoreError> {
    let bounded = fields.map(|fields| difference::bounded(fields.clone()));
    Ok(bounded.map(|fields| serde_json::to_string(&fields)).transpose()?)
}

fn read(row: &Row) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        id: parsed(row, "id")?,
        at: time_of(row, "recorded_at")?,
        actor: AuditActor {
            kind: word(row, "actor_kind")?,
            id: maybe_text(row, "actor_id")?,
            name: maybe_text(row, "actor_name")?,
        },
        way: word(row, "way")?,
        address: maybe_text(row, "address")?,
        forwarded_for: maybe_text(row, "forwarded_for")?,
        request_id: maybe_text(row, "request_id")?,
        action: text(row, "action")?,
        object: AuditObject { kind: text(row, "object_kind")?, id: maybe_text(row, "object_id")? },
        outcome: word(row, "outcome")?,
        before: maybe_json(row, "before_json")?,
        after: maybe_json(row, "after_json")?,
    })
}

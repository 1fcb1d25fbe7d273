//! The entry of an import. An import is written in portions, each in its own transaction. All portions share one entry:
//! the first portion that changes something writes it, and later ones complete it, each in its own transaction. So the
//! entry always describes what was written, even if the import fails half-way.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Entry, Fields, fields};
use crate::{StoreError, cameras::Change, db::Connection};

/// The maximum number of ids of new cameras, and of changed cameras, in the entry of an import.
const MAX_IDS: usize = 1_000;

/// What an import has changed so far.
pub(crate) struct Tally {
    entry: Entry,
    is_written: bool,
    created: Listed,
    updated: Listed,
    unchanged: u64,
    /// The number of changed cameras in which each field was changed.
    by_field: BTreeMap<String, u64>,
}

/// Ids, of which only the first ones are kept.
#[derive(Default)]
struct Listed {
    count: u64,
    ids: Vec<String>,
}

impl Listed {
    fn add(&mut self, id: String) {
        self.count += 1;
        if self.ids.len() < MAX_IDS {
            self.ids.push(id);
        }
    }
}

impl Tally {
    pub(crate) fn new(entry: Entry) -> Self {
        let (created, updated) = (Listed::default(), Listed::default());
        Self { entry, is_written: false, created, updated, unchanged: 0, by_field: BTreeMap::new() }
    }

    /// Adds a portion, and writes or completes the entry.
    pub(crate) async fn add(
        mut self,
        connection: &mut Connection,
        changes: Vec<(String, Change)>,
    ) -> Result<Self, StoreError> {
        for (id, change) in changes {
            match change {
                Change::Same => self.unchanged += 1,
                Change::Created(_) => self.created.add(id),
                Change::Updated(_, after) => {
                    for name in after.into_keys() {
                        *self.by_field.entry(name).or_default() += 1;
                    }
                    self.updated.add(id);
                }
            }
        }
        if self.created.count + self.updated.count == 0 {
            return Ok(self);
        }
        self.entry = self.entry.clone().after(self.summary());
        if self.is_written {
            self.entry.write_after(connection).await?;
        } else {
            self.entry.write(connection).await?;
            self.is_written = true;
        }
        Ok(self)
    }

    fn summary(&self) -> Fields {
        fields([
            ("created", json!(self.created.count)),
            ("created_ids", json!(self.created.ids)),
            ("updated", json!(self.updated.count)),
            ("updated_ids", json!(self.updated.ids)),
            ("updated_fields", json!(self.by_field)),
            ("unchanged", json!(self.unchanged)),
        ])
    }
}

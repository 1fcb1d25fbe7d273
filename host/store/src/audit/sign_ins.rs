//! The entries of refused sign-ins. Whoever guesses passwords may be refused very often, so the refusals of a minute share
//! one entry, which counts them.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use easysight_protocol::{AuditOutcome, UserInfo};
use serde_json::json;

use super::{Actor, Entry, Fields, fields};
use crate::{Store, StoreError};

/// The longest part of a user's name in an entry, in characters.
const MAX_NAME: usize = 64;

/// Refused sign-ins that share an entry.
#[derive(Debug)]
pub struct RefusedSignIns {
    id: String,
    at: i64,
    /// Who began the entry. All requests that share the entry are recorded under this caller.
    by: Actor,
    /// The id and the name of the user. None if no user has the name that was given. That name is not recorded, because
    /// people sometimes type their password into the field for the name.
    user: Option<(String, String)>,
    reason: &'static str,
    attempts: AtomicU64,
}

impl RefusedSignIns {
    /// Counts another sign-in. Returns the number of sign-ins.
    pub fn add(&self) -> u64 {
        self.attempts.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn fields(&self) -> Fields {
        let mut all = fields([
            ("reason", json!(self.reason)),
            ("attempts", json!(self.attempts.load(Ordering::Relaxed))),
        ]);
        if let Some((_, name)) = &self.user {
            all.insert("name".into(), json!(name.chars().take(MAX_NAME).collect::<String>()));
        }
        all
    }
}

impl Store {
    /// Makes an entry for refused sign-ins, beginning with one. `user` is the user with the name that was given, `reason`
    /// a stable word. The entry is not stored yet.
    #[must_use]
    pub fn refused_sign_ins(
        &self,
        by: Actor,
        user: Option<&UserInfo>,
        reason: &'static str,
        now: i64,
    ) -> RefusedSignIns {
        RefusedSignIns {
            id: self.known.ids.next(now).to_string(),
            at: now,
            by,
            user: user.map(|user| (user.id.clone(), user.name.clone())),
            reason,
            attempts: AtomicU64::new(1),
        }
    }

    /// Writes the entry of refused sign-ins, or brings it up to date.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn note_refused_sign_ins(&self, refused: Arc<RefusedSignIns>) -> Result<(), StoreError> {
        let entry = Entry {
            id: refused.id.clone(),
            object_id: refused.user.as_ref().map(|(id, _)| id.clone()),
            outcome: AuditOutcome::Refused,
            ..self.by(refused.by.clone()).entry_of_many("session.refuse", "session", refused.at)
        };
        self.writer
            .run_relaxed(move |connection| {
                Box::pin(async move {
                    // The number is read here: commands of several requests may come in another order.
                    let entry = entry.after(refused.fields());
                    match entry.write_after(connection).await? {
                        0 => entry.write(connection).await,
                        _ => Ok(()),
                    }
                })
            })
            .await
    }
}

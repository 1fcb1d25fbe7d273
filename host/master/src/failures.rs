//! Decides what the audit log says of refused sign-ins. An attacker may try as often as the network allows, so the
//! refusals of a minute with one name from one address share an entry, and the number of entries is limited. Beyond this
//! number, all refusals of a minute share an entry, which names neither a user nor an address.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use easysight_store::RefusedSignIns;
use parking_lot::Mutex;

/// The time for which refused sign-ins share an entry.
const SHARED: Duration = Duration::from_secs(60);
/// The largest number of entries with a name or an address that are begun in [`PERIOD`].
const MOST: usize = 500;
const PERIOD: Duration = Duration::from_secs(3_600);

/// Why a sign-in was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Refusal {
    /// The name or the password is wrong, or the user is disabled.
    Wrong,
    /// The sign-in came too early after failures. The password was not compared.
    TooEarly,
}

impl Refusal {
    /// Returns the word in the audit log.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Wrong => "wrong-password",
            Self::TooEarly => "too-early",
        }
    }
}

/// The entries that refused sign-ins share. None for those that name neither a user nor an address.
type Entries = HashMap<(Refusal, Option<(String, String)>), (Instant, Arc<RefusedSignIns>)>;

/// The refused sign-ins of the last minute.
#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<Lately>);

#[derive(Debug, Default)]
struct Lately {
    entries: Entries,
    /// When the present period began, and the number of entries that were begun in it.
    period: Option<(Instant, usize)>,
}

/// What to do with the entry of a refused sign-in.
#[derive(Debug)]
pub(crate) enum Step {
    /// Begin an entry, with [`Failures::begin`]. It may name the user and the address.
    Begin {
        /// True if the entry may name the user and the address.
        named: bool,
    },
    /// Bring this entry up to date.
    Update(Arc<RefusedSignIns>),
    /// Nothing: the entry counts the sign-in. The number is written only when it has doubled, so the number in the audit
    /// log may be little more than half of it.
    Nothing,
}

impl Failures {
    /// Counts a refused sign-in with this name, as it is compared, from this address.
    pub(crate) fn count(&self, refusal: Refusal, login: &str, address: &str, now: Instant) -> Step {
        let mut lately = self.0.lock();
        lately.entries.retain(|_, (begun, _)| now.saturating_duration_since(*begun) < SHARED);
        let named = (refusal, Some((login.to_owned(), address.to_owned())));
        if let Some((_, entry)) = lately.entries.get(&named) {
            return counted(refusal, entry);
        }
        if lately.has_room(now) {
            return Step::Begin { named: true };
        }
        match lately.entries.get(&(refusal, None)) {
            Some((_, entry)) => counted(refusal, entry),
            None => Step::Begin { named: false },
        }
    }

    /// Begins an entry. If another request has begun one in the meantime, returns that one, which counts this sign-in too.
    /// `origin` is the name and the address, or None if the entry names neither.
    pub(crate) fn begin(
        &self,
        refusal: Refusal,
        origin: Option<(String, String)>,
        entry: RefusedSignIns,
        now: Instant,
    ) -> Arc<RefusedSignIns> {
        let mut lately = self.0.lock();
        let key = (refusal, origin);
        if let Some((_, known)) = lately.entries.get(&key) {
            known.add();
            return Arc::clone(known);
        }
        let entry = Arc::new(entry);
        if key.1.is_some() {
            lately.note_begun();
        }
        lately.entries.insert(key, (now, Arc::clone(&entry)));
        entry
    }
}

impl Lately {
    /// Returns true if another entry may be begun in the present period. Begins a new period if the last one is over.
    fn has_room(&mut self, now: Instant) -> bool {
        match self.period {
            Some((began, begun)) if now.saturating_duration_since(began) < PERIOD => begun < MOST,
            _ => {
                self.period = Some((now, 0));
                true
            }
        }
    }

    const fn note_begun(&mut self) {
        if let Some((_, begun)) = &mut self.period {
            *begun += 1;
        }
    }
}

/// Counts a sign-in. Sign-ins that come too early cost an attacker nothing, so their entry is written only when their
/// number has doubled.
fn counted(refusal: Refusal, entry: &Arc<RefusedSignIns>) -> Step {
    let attempts = entry.add();
    match refusal {
        Refusal::TooEarly if !attempts.is_power_of_two() => Step::Nothing,
        _ => Step::Update(Arc::clone(entry)),
    }
}

#[cfg(test)]
mod tests {
    use easysight_protocol::ActorKind;
    use easysight_store::{Actor, Store};

    use super::*;

    fn nobody() -> Actor {
        Actor::on_this_machine(ActorKind::Anybody, None)
    }

    async fn store() -> (Store, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/t.db", dir.path().display());
        (Store::open(&url).await.unwrap().0, dir)
    }

    #[tokio::test]
    async fn refusals_of_a_minute_share_an_entry_and_entries_are_limited() {
        let (store, _dir) = store().await;
        let (failures, start) = (Failures::default(), Instant::now());
        let count = |refusal, login: &str, after: u64| {
            let now = start + Duration::from_secs(after);
            let step = failures.count(refusal, login, "10.0.0.1", now);
            if let Step::Begin { named } = step {
                let origin = named.then(|| (login.to_owned(), "10.0.0.1".to_owned()));
                failures.begin(
                    refusal,
                    origin,
                    store.refused_sign_ins(nobody(), None, refusal.word(), 1),
                    now,
                );
            }
            step
        };
        let begins = |step: &Step| matches!(step, Step::Begin { named: true });
        assert!(begins(&count(Refusal::Wrong, "ada", 0)));
        assert!(matches!(count(Refusal::Wrong, "ada", 59), Step::Update(entry) if entry.add() == 3));
        assert!(begins(&count(Refusal::Wrong, "ada", 60)));
        assert!(begins(&count(Refusal::TooEarly, "ada", 60)));
        let written: Vec<bool> =
            (2..=9).map(|_| matches!(count(Refusal::TooEarly, "ada", 61), Step::Update(_))).collect();
        assert_eq!(written, [true, false, true, false, false, false, true, false]);
        let begun = (3..2 * MOST).filter(|number| begins(&count(Refusal::Wrong, &number.to_string(), 62)));
        assert_eq!(begun.count(), MOST - 3);
        // Beyond that, one entry a minute for all.
        assert!(matches!(count(Refusal::Wrong, "eve", 62), Step::Update(_)));
        assert!(matches!(count(Refusal::Wrong, "eve", 122), Step::Begin { named: false }));
        assert!(begins(&count(Refusal::Wrong, "eve", 3_600)));
    }
}

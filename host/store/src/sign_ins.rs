//! Failed sign-ins, and the delays after them. They are stored in the database, so that several masters share the
//! counts and a restart does not reset them. There are three counters, each with its own limit:
//!
//! - for a name and an address: the strictest limit. It delays only the client that guesses.
//! - for a name, from all addresses: against guesses from many addresses.
//! - for an address, with all names: against one address that tries many names.
//!
//! The last two limits do not apply to an address from which the user has signed in before. Otherwise, a stranger could
//! lock a user out by guessing passwords continuously.
//!
//! An attempt counts as failed before its password is compared. If the password is right, this count is undone.
//! Otherwise, many guesses at the same moment would all be compared.

use crate::{
    Store, StoreError,
    db::{Connection, Row, query},
    query::{count, text},
};

/// The time without a failure after which earlier failures no longer count, in milliseconds.
pub(crate) const REMEMBERED_MS: i64 = 24 * 3_600_000;
/// The time for which an address counts as known after a sign-in, in milliseconds.
pub(crate) const KNOWN_MS: i64 = 90 * 24 * 3_600_000;
/// The condition for rows that no longer matter. `$3` is the time before which failures no longer count, `$4` the time
/// before which an address is no longer known.
pub(crate) const LONG_AGO: &str = "failed_at < $3 AND (succeeded_at IS NULL OR succeeded_at < $4)";

/// The sign-ins of a name from an address.
const PAIR: Limit = Limit { free: 5, first_ms: 2_000, longest_ms: 900_000 };
/// The sign-ins of a name from all addresses. The delays are short, because they also affect the user with this name.
const NAME: Limit = Limit { free: 30, first_ms: 1_000, longest_ms: 60_000 };
/// The sign-ins from an address. Many people may share it.
const ADDRESS: Limit = Limit { free: 50, first_ms: 1_000, longest_ms: 60_000 };

/// When delays begin, and how long they are.
struct Limit {
    /// The number of failures before the first delay.
    free: u64,
    first_ms: i64,
    longest_ms: i64,
}

impl Limit {
    /// Returns the delay after a number of failures: each failure doubles it.
    fn delay(&self, failures: u64) -> i64 {
        let Some(beyond) = failures.checked_sub(self.free) else { return 0 };
        let doubled = u32::try_from(beyond).ok().and_then(|by| 1_i64.checked_shl(by)).filter(|n| *n > 0);
        doubled
            .and_then(|times| times.checked_mul(self.first_ms))
            .map_or(self.longest_ms, |delay| delay.min(self.longest_ms))
    }
}

/// The keys under which one sign-in is counted. Names and addresses are hashed, because people sometimes type their
/// password into the field for the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    pair: String,
    name: String,
    address: String,
}

/// The stored counter of one key.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    failures: u64,
    failed_at: i64,
    succeeded_at: Option<i64>,
}

impl Counted {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            failures: count(row, "failures")?,
            failed_at: row.try_get("failed_at")?,
            succeeded_at: row.try_get("succeeded_at")?,
        })
    }

    /// Returns the number of failures that still count.
    const fn failures(&self, now: i64) -> u64 {
        if now - self.failed_at > REMEMBERED_MS { 0 } else { self.failures }
    }

    /// Returns the time until the next attempt is allowed.
    fn wait(&self, limit: &Limit, now: i64) -> i64 {
        // The clock of another master may be a little ahead.
        let elapsed = (now - self.failed_at).max(0);
        limit.delay(self.failures(now)) - elapsed
    }
}

/// Returns the time for which a sign-in must wait, or None if it may continue.
fn wait(pair: Counted, name: Counted, address: Counted, now: i64) -> Option<i64> {
    let known = pair.succeeded_at.is_some_and(|at| now - at < KNOWN_MS);
    let wider = if known { 0 } else { name.wait(&NAME, now).max(address.wait(&ADDRESS, now)) };
    Some(pair.wait(&PAIR, now).max(wider)).filter(|wait| *wait > 0)
}

impl SignIn {
    /// `login` is the name as it is compared, `address` the address from which the request came.
    #[must_use]
    pub fn new(login: &str, address: &str) -> Self {
        let key = |kind: &str, login: &str, address: &str| {
            // The length makes the text unambiguous: two different pairs never give the same text.
            let text = format!("{kind} {} {login} {address}", login.len());
            blake3::hash(text.as_bytes()).to_hex().to_string()
        };
        Self {
            pair: key("pair", login, address),
            name: key("name", login, ""),
            address: key("address", "", address),
        }
    }

    /// Returns the keys in the order in which their rows are locked.
    fn keys(&self) -> [&str; 3] {
        let mut keys = [self.pair.as_str(), &self.name, &self.address];
        keys.sort_unstable();
        keys
    }

    fn wait(&self, rows: &[Row], now: i64) -> Result<Option<i64>, StoreError> {
        let (mut pair, mut name, mut address) = (Counted::default(), Counted::default(), Counted::default());
        for row in rows {
            let key = text(row, "key")?;
            let place = match key {
                _ if key == self.pair => &mut pair,
                _ if key == self.name => &mut name,
                _ => &mut address,
            };
            *place = Counted::read(row)?;
        }
        Ok(wait(pair, name, address, now))
    }
}

impl Store {
    /// Returns the time in milliseconds for which a sign-in must wait, or None if it may continue. Changes nothing.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn sign_in_wait(&self, sign_in: &SignIn, now: i64) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT key, failures, failed_at, succeeded_at FROM sign_ins WHERE key IN ($1, $2, $3)";
        let [first, second, third] = sign_in.keys();
        let rows = query(sql).bind(first).bind(second).bind(third).fetch_all(&self.readers).await?;
        sign_in.wait(&rows, now)
    }

    /// Counts a sign-in as failed, before its password is compared. If the sign-in must wait, counts nothing and
    /// returns the waiting time in milliseconds.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn count_sign_in(&self, sign_in: SignIn, now: i64) -> Result<Option<i64>, StoreError> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    // This statement locks the row. Other masters wait for it.
                    let sql = "INSERT INTO sign_ins (key, failures, failed_at) VALUES ($1, 0, $2) \
                               ON CONFLICT (key) DO UPDATE SET failures = sign_ins.failures \
                               RETURNING key, failures, failed_at, succeeded_at";
                    let mut rows = Vec::new();
                    for key in sign_in.keys() {
                        rows.push(query(sql).bind(key).bind(now).fetch_one(&mut *connection).await?);
                    }
                    if let Some(wait) = sign_in.wait(&rows, now)? {
                        return Ok(Some(wait));
                    }
                    let sql = "UPDATE sign_ins SET failures = 1 + CASE WHEN failed_at < $3 THEN 0 ELSE failures END, \
                               failed_before = failed_at, failed_at = $2 WHERE key = $1";
                    for key in sign_in.keys() {
                        let counting = query(sql).bind(key).bind(now).bind(now - REMEMBERED_MS);
                        counting.execute(&mut *connection).await?;
                    }
                    Ok(None)
                })
            })
            .await
    }

    /// Undoes the count of [`Self::count_sign_in`], because the password was right. Also resets the failures of this
    /// name from this address.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn forgive_sign_in(&self, sign_in: SignIn, now: i64) -> Result<(), StoreError> {
        self.writer
            .run(move |connection| Box::pin(async move { succeeded(connection, sign_in, now).await }))
            .await
    }
}

/// Does the same as [`Store::forgive_sign_in`], inside a transaction.
pub(crate) async fn succeeded(
    connection: &mut Connection,
    sign_in: SignIn,
    now: i64,
) -> Result<(), StoreError> {
    // The time of the last failure is restored too. Otherwise, old failures would count forever if somebody signs in
    // every day.
    let sql = "UPDATE sign_ins SET failures = CASE WHEN key = $2 OR failures < 1 THEN 0 ELSE failures - 1 END, \
               failed_at = failed_before, \
               succeeded_at = CASE WHEN key = $2 THEN $3 ELSE succeeded_at END WHERE key = $1";
    for key in sign_in.keys() {
        query(sql).bind(key).bind(&sign_in.pair).bind(now).execute(&mut *connection).await?;
    }
    Ok(())
}

pub(crate) async fn prune(connection: &mut Connection, now: i64) -> Result<(), StoreError> {
    let sql = LONG_AGO.replace("$3", "$1").replace("$4", "$2");
    let sql = format!("DELETE FROM sign_ins WHERE {sql}");
    query(sql).bind(now - REMEMBERED_MS).bind(now - KNOWN_MS).execute(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(failures: u64) -> Counted {
        Counted { failures, failed_at: 1_000_000, succeeded_at: None }
    }

    #[test]
    fn each_failure_after_the_fifth_doubles_the_delay() {
        let delays: Vec<_> = [0, 4, 5, 6, 7, 13, 14, 70, 1_000_000].map(|n| PAIR.delay(n)).into();
        assert_eq!(delays, [0, 0, 2_000, 4_000, 8_000, 512_000, 900_000, 900_000, 900_000]);
    }

    #[test]
    fn failures_from_elsewhere_do_not_delay_an_address_that_is_known() {
        let stranger = failed(0);
        let person = Counted { succeeded_at: Some(1), ..stranger };
        let now = 1_000_000;
        assert_eq!(wait(stranger, failed(1_000), failed(0), now), Some(60_000));
        assert_eq!(wait(stranger, failed(0), failed(1_000), now), Some(60_000));
        assert_eq!(wait(person, failed(1_000), failed(1_000), now), None);
        assert_eq!(wait(Counted { failures: 5, ..person }, failed(5), failed(5), now), Some(2_000));
        assert_eq!(
            wait(person, failed(1_000), failed(0), now + KNOWN_MS),
            None,
            "failures no longer count by then"
        );
    }

    #[test]
    fn a_delay_ends_and_failures_are_forgotten_after_a_day() {
        assert_eq!(wait(failed(6), failed(6), failed(6), 1_003_999), Some(1));
        assert_eq!(wait(failed(6), failed(6), failed(6), 1_004_000), None);
        assert_eq!(failed(9).failures(1_000_000 + REMEMBERED_MS), 9);
        assert_eq!(failed(9).failures(1_000_001 + REMEMBERED_MS), 0);
        // The clock of the master that counted was ahead.
        assert_eq!(wait(failed(5), failed(5), failed(5), 900_000), Some(2_000));
    }

    #[test]
    fn names_and_addresses_are_counted_apart() {
        let one = SignIn::new("ada", "10.0.0.1");
        assert_eq!(one, SignIn::new("ada", "10.0.0.1"));
        assert_ne!(one.pair, SignIn::new("ada", "10.0.0.2").pair);
        assert_eq!(one.name, SignIn::new("ada", "10.0.0.2").name);
        assert_eq!(one.address, SignIn::new("eve", "10.0.0.1").address);
        assert_ne!(SignIn::new("a", "b c").pair, SignIn::new("a b", "c").pair);
    }
}

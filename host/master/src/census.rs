//! Takes the census of the cameras once an hour, on the master that does the upkeep.

use easysight_store::{Store, StoreError};

/// The duration of an hour, in milliseconds.
const HOUR_MS: i64 = 3_600_000;

/// The state of the census.
#[derive(Debug, Default)]
pub(crate) struct Census {
    /// The hour of the last census, counted since 1970.
    hour: Option<i64>,
}

impl Census {
    /// Takes the census if it has not been taken in the hour of `now`. Returns true if it was taken. If `trusts_ages`
    /// is false, the clock may be wrong, and old counts stay.
    pub(crate) async fn step(
        &mut self,
        store: &Store,
        trusts_ages: bool,
        now: i64,
    ) -> Result<bool, StoreError> {
        let hour = now.div_euclid(HOUR_MS);
        if self.hour == Some(hour) {
            return Ok(false);
        }
        store.take_census(now).await?;
        if trusts_ages {
            store.prune_census(now).await?;
        }
        // During an upgrade, a master of an earlier version may have created cameras, which a search would not find.
        store.fill_words().await?;
        self.hour = Some(hour);
        Ok(true)
    }
}

//! Lost cameras: cameras that give no picture. After two attempts without a picture, a picture is requested at longer
//! and longer intervals, because each attempt occupies a node until the attempt times out. Checks in between only test
//! whether the camera accepts a connection. The first picture ends the loss.

use std::collections::HashMap;

use easysight_protocol::{Finding, Look, Lost};

use crate::{
    StoreError,
    db::{Row, Rows},
    query::{maybe_text, maybe_time, small, time},
};

/// The columns of a camera's row that describe its loss.
pub(crate) const COLUMNS: &str =
    "lost_since, lost_reason, lost_connects, lost_looks, lost_looked_at, next_full_look_at";
/// The assignments that write the columns of [`COLUMNS`] from the rows `x`. [`add`] adds these columns to the rows.
pub(crate) const SET: &str = "lost_since = x.lost_since, lost_reason = x.lost_reason, lost_connects = x.lost_connects, \
     lost_looks = x.lost_looks, lost_looked_at = x.lost_looked_at, next_full_look_at = x.next_full_look_at";

/// The number of attempts without a picture after which a picture is requested less often. A single attempt without a
/// picture may be an accident.
const SURE: u32 = 2;
/// The first pause, in milliseconds. The pause doubles with every further attempt.
const FIRST_PAUSE_MS: i64 = 60_000;
/// The longest pause, in milliseconds. If a camera accepts connections but gives no picture, its recovery is noticed
/// after at most this time. If a camera accepted no connection, a picture is requested as soon as it accepts one.
pub(crate) const LONGEST_PAUSE_MS: i64 = 900_000;

/// Reads the loss from a camera's row. Returns None if the camera is not lost.
pub(crate) fn read(row: &Row) -> Result<Option<Lost>, StoreError> {
    let Some(since) = maybe_time(row, "lost_since")? else { return Ok(None) };
    Ok(Some(Lost {
        reason: maybe_text(row, "lost_reason")?.unwrap_or_default(),
        connects: row.try_get::<Option<i64>>("lost_connects")?.unwrap_or(0) != 0,
        since,
        looks: small(row, "lost_looks")?,
        looked_at: maybe_time(row, "lost_looked_at")?.unwrap_or(since),
        next_full_look_at: maybe_time(row, "next_full_look_at")?.unwrap_or(since),
    }))
}

/// Returns a camera's loss after a check, or None if the camera is not lost.
pub(crate) fn after(
    camera: &str,
    known: Option<Lost>,
    findings: &[Finding],
    captured_at: i64,
) -> Result<Option<Lost>, StoreError> {
    let at = time(captured_at)?;
    let loss = findings.iter().find_map(|finding| finding.loss.as_deref().map(|reason| (finding, reason)));
    let Some((finding, reason)) = loss else {
        // A check in which no plugin could run does not show whether the camera is lost.
        let seen = findings.iter().any(|finding| finding.plugin.is_some());
        return Ok(known.filter(|known| !seen || known.looked_at > at));
    };
    // The loss does not change after a check that only tested the connection, or after a check of a clip that was
    // captured before the last attempt.
    if finding.look == Some(Look::Connect) || known.as_ref().is_some_and(|known| known.looked_at > at) {
        return Ok(known);
    }
    let looks = known.as_ref().map_or(0, |known| known.looks).saturating_add(1);
    Ok(Some(Lost {
        reason: reason.to_owned(),
        connects: finding.connects.unwrap_or(true),
        since: known.map_or(at, |known| known.since),
        looks,
        looked_at: at,
        next_full_look_at: time(captured_at.saturating_add(pause_ms(camera, looks)))?,
    }))
}

/// Returns the pause after this many attempts without a picture, in milliseconds. The pause is shortened by up to a
/// quarter, depending on the camera's id and the number of attempts, so that cameras that were lost at the same
/// moment do not get the next request at the same moment.
fn pause_ms(camera: &str, looks: u32) -> i64 {
    if looks < SURE {
        return 0;
    }
    let doubled = FIRST_PAUSE_MS << (looks - SURE).min(8);
    let less = camera.bytes().chain(looks.to_le_bytes()).map(u32::from).sum::<u32>() % 251;
    doubled.min(LONGEST_PAUSE_MS) * i64::from(1_000 - less) / 1_000
}

/// Adds to `rows` the columns that [`SET`] reads.
pub(crate) fn add(rows: Rows, all: &[Option<Lost>]) -> Rows {
    let each = || all.iter().map(Option::as_ref);
    rows.maybe_integers("lost_since", each().map(|one| one.map(|lost| lost.since.timestamp_millis())))
        .maybe_texts("lost_reason", each().map(|one| one.map(|lost| lost.reason.as_str())))
        .maybe_integers("lost_connects", each().map(|one| one.map(|lost| i64::from(lost.connects))))
        .maybe_integers("lost_looks", each().map(|one| one.map(|lost| i64::from(lost.looks))))
        .maybe_integers("lost_looked_at", each().map(|one| one.map(|lost| lost.looked_at.timestamp_millis())))
        .maybe_integers(
            "next_full_look_at",
            each().map(|one| one.map(|lost| lost.next_full_look_at.timestamp_millis())),
        )
}

/// The lost cameras, by id. Jobs with `spares_lost` request no picture from such a camera until its
/// `next_full_look_at`.
#[derive(Debug, Default)]
pub(crate) struct Spared(HashMap<String, Lost>);

impl Spared {
    /// Adds the camera of a row, if it is lost.
    pub(crate) fn note(&mut self, camera: &str, row: &Row) -> Result<(), StoreError> {
        if let Some(lost) = read(row)? {
            self.0.insert(camera.to_owned(), lost);
        }
        Ok(())
    }

    /// Returns the loss of a camera if the camera is not to be asked for a picture at `now`, or None otherwise.
    pub(crate) fn at(&self, camera: &str, now: i64) -> Option<Lost> {
        self.0.get(camera).filter(|lost| now < lost.next_full_look_at.timestamp_millis()).cloned()
    }
}

#[cfg(test)]
mod tests {
    use easysight_protocol::Status;

    use super::*;

    fn without_picture(reason: &str, look: Option<Look>) -> Vec<Finding> {
        let loss = Some(reason.to_owned());
        let status = Some(Status::Critical);
        vec![Finding { status, loss, connects: Some(false), look, ..Finding::blank("signal_loss") }]
    }

    fn picture() -> Vec<Finding> {
        let plugin = Some("freeze@1.0.0".to_owned());
        vec![Finding { status: Some(Status::Normal), plugin, ..Finding::blank("freeze") }]
    }

    fn pauses(lost: &Lost) -> i64 {
        (lost.next_full_look_at - lost.looked_at).num_milliseconds()
    }

    #[test]
    fn a_camera_is_asked_ever_more_rarely_and_as_before_once_it_gave_a_picture() {
        let mut known = None;
        let mut seen = Vec::new();
        for n in 1..=9 {
            known = after("a", known, &without_picture("connect-timed-out", None), n * 1_000_000).unwrap();
            seen.push(pauses(known.as_ref().unwrap()));
        }
        assert_eq!(seen[0], 0, "the next check asks again, to be sure");
        for (n, pause) in (0..).zip(&seen[1..]) {
            let most = (FIRST_PAUSE_MS << n).min(LONGEST_PAUSE_MS);
            assert!((most * 3 / 4..=most).contains(pause), "{seen:?}");
        }
        let lost = known.clone().unwrap();
        assert_eq!((lost.looks, lost.since.timestamp_millis()), (9, 1_000_000));
        assert_eq!(after("a", known, &picture(), 10_000_000).unwrap(), None);
    }

    #[test]
    fn what_did_not_ask_for_a_picture_and_what_came_late_change_nothing() {
        let known = after("a", None, &without_picture("unauthorized", None), 5_000).unwrap();
        let connect = without_picture("unauthorized", Some(Look::Connect));
        assert_eq!(after("a", known.clone(), &connect, 6_000).unwrap(), known);
        assert_eq!(after("a", known.clone(), &picture(), 4_000).unwrap(), known);
        assert_eq!(after("a", known.clone(), &without_picture("stalled", None), 4_000).unwrap(), known);
        assert_eq!(after("a", known.clone(), &[Finding::blank("freeze")], 6_000).unwrap(), known);
        assert_eq!(after("a", known, &picture(), 6_000).unwrap(), None);
    }

    #[test]
    fn those_that_are_lost_together_are_not_asked_together() {
        let pauses: std::collections::BTreeSet<i64> =
            (0..40).map(|n| pause_ms(&format!("c{n}"), 6)).collect();
        assert!(pauses.len() > 10, "{pauses:?}");
    }
}

//! Checks the handling of baselines: a baseline may be the plugin's own, written by an older version of the
//! plugin, or damaged.

use bytes::Bytes;

use super::{
    Check,
    battery::{Battery, Tally},
};
use crate::scene::Picture;

/// Sizes of baselines that no plugin wrote, in bytes.
const STRANGE_BYTES: [usize; 5] = [0, 1, 7, 4_096, 200_000];

pub(super) fn checks(battery: &Battery<'_>) -> Vec<Check> {
    let Some(clip) = battery.small(Picture::Street).clip() else { return Vec::new() };
    let config = battery.plugin.resolve_config(None).unwrap_or_else(|_| "{}".into());
    let mut tally = Tally::default();
    let first = battery.run(&clip);
    let mut known: Vec<(String, Bytes)> = Vec::new();
    if let Some(own) = first.baseline {
        known.push(("half of its own baseline".into(), own.slice(..own.len() / 2)));
        known.push(("its own baseline".into(), own));
    }
    for bytes in STRANGE_BYTES {
        let strange = |at: usize| (at.wrapping_mul(0x9E37_79B1) >> 13) as u8;
        known.push((
            format!("{bytes} bytes that the plugin did not write"),
            (0..bytes).map(strange).collect(),
        ));
    }
    for (what, baseline) in known {
        tally.take(&what, &battery.run_with(&clip, config.clone(), Some(baseline)), false);
    }
    let mut check = tally.check("baseline");
    if !check.advice.is_empty() {
        check.advice =
            "begin the baseline with a version number of its layout, and start anew if the bytes are not what \
                        the plugin would have written"
                .to_owned();
    }
    vec![check]
}

//! Checks unusual clips that cameras send now and then: tiny, huge, a single frame, without colour, black, noise, with
//! timestamps that stand still, with the maximum counts of decoding errors. This module also checks that the same clip
//! gives the same finding.

use std::{sync::Arc, time::Duration};

use easysight_capture::{Clip, ClipInfo, DecoderEvidence, Frame, SampleRange};

use super::{Check, battery::Battery};
use crate::scene::{Picture, Rendering};

/// The sizes to try: one row, one column, odd or prime sides, and the sizes of old and new cameras.
const SIZES: [(u32, u32); 12] = [
    (1, 1),
    (2, 2),
    (3, 5),
    (1, 1080),
    (1920, 1),
    (31, 33),
    (353, 289),
    (704, 576),
    (1080, 1920),
    (2560, 1440),
    (3840, 2160),
    (7680, 4320),
];
/// Clips with at least this many pixels in a frame have one frame, because only the size matters.
const LARGE_PIXELS: u32 = 1_000_000;

pub(super) fn checks(battery: &Battery<'_>) -> Vec<Check> {
    vec![
        determinism(battery),
        battery.over("sizes", SIZES.into_iter().map(|size| sized(battery, size))),
        battery.over("few-frames", few_frames(battery)),
        battery.over("times", times(battery)),
        battery.over("pictures", pictures(battery)),
        battery.over("streams", streams(battery)),
    ]
}

/// Compares two runs, bit for bit.
fn determinism(battery: &Battery<'_>) -> Check {
    let Some(clip) = battery.small(Picture::Street).clip() else {
        return Check::pass("determinism", "no clip for the comparison");
    };
    let (one, two) = (battery.run(&clip), battery.run(&clip));
    // The debug format of a number can be parsed back to the same bits, and distinguishes −0 from 0.
    let told =
        |outcome: &easysight_sandbox::RunOutcome| format!("{:?} {:?}", outcome.result, outcome.baseline);
    if told(&one) == told(&two) && one.fuel == two.fuel {
        Check::pass("determinism", format!("two runs: the same finding and {} units of fuel", one.fuel))
    } else {
        Check::fail(
            "determinism",
            format!("two runs on the same clip differ: fuel {} and {}", one.fuel, two.fuel),
            "use only the clip, the configuration and the baseline",
        )
    }
}

fn sized(battery: &Battery<'_>, size: (u32, u32)) -> (String, Option<Arc<Clip>>) {
    let mut rendering = battery.rendering(Picture::Street, size);
    if size.0.saturating_mul(size.1) >= LARGE_PIXELS {
        rendering.frames = 1;
    }
    (format!("{} × {}", size.0, size.1), rendering.clip())
}

/// Clips with few frames: a snapshot, and one frame fewer than the plugin requests. (The host never hands over a
/// clip without frames.)
fn few_frames(battery: &Battery<'_>) -> Vec<(String, Option<Arc<Clip>>)> {
    let whole = battery.small(Picture::Street);
    let least = battery.plugin.descriptor().clip.min_frames;
    let mut counts = vec![1, 2, least.saturating_sub(1), least];
    counts.retain(|count| *count > 0);
    counts.sort_unstable();
    counts.dedup();
    let clip = |frames| (format!("{frames} frames"), Rendering { frames, ..whole }.clip());
    counts.into_iter().map(clip).collect()
}

/// Clips with unusual timestamps: clocks of cameras stand still, jump and stutter.
fn times(battery: &Battery<'_>) -> Vec<(String, Option<Arc<Clip>>)> {
    let whole = battery.small(Picture::Street);
    let several = Rendering { frames: whole.frames.max(8), ..whole };
    let at = |what: &str, interval| (what.to_owned(), Rendering { interval, ..several }.clip());
    vec![
        at("all frames at the same time", Duration::ZERO),
        at("frames a microsecond apart", Duration::from_micros(1)),
        at("frames an hour apart", Duration::from_secs(3_600)),
        ("bursts".to_owned(), retimed(&several, |index| Duration::from_millis(u64::from(index / 4) * 1_000))),
    ]
}

/// Returns the same frames with other timestamps.
fn retimed(rendering: &Rendering, time: impl Fn(u32) -> Duration) -> Option<Arc<Clip>> {
    let clip = rendering.clip()?;
    rebuilt(&clip, clip.info().clone(), DecoderEvidence::default(), time)
}

/// Returns the same pictures with other metadata.
fn rebuilt(
    clip: &Clip,
    info: ClipInfo,
    evidence: DecoderEvidence,
    time: impl Fn(u32) -> Duration,
) -> Option<Arc<Clip>> {
    use easysight_capture::PlaneKind::{Cb, Cr, Luma};
    let size = (info.width, info.height);
    let frames = (0..u32::try_from(clip.frames().len()).ok()?).map(|index| {
        let planes = [Luma, Cb, Cr].map(|plane| clip.plane(index, plane, 0).unwrap_or_default());
        Frame::new(time(index), index == 0, size, &planes.concat().into()).ok()
    });
    Clip::new(info, evidence, frames.collect::<Option<Vec<_>>>()?).ok().map(Arc::new)
}

/// Returns one clip for each kind of picture, including those that show nothing.
fn pictures(battery: &Battery<'_>) -> Vec<(String, Option<Arc<Clip>>)> {
    let shown =
        Picture::ALL.into_iter().map(|picture| (picture.word().to_owned(), battery.small(picture).clip()));
    shown.collect()
}

/// Returns clips whose metadata are sparse, unusual or extreme.
fn streams(battery: &Battery<'_>) -> Vec<(String, Option<Arc<Clip>>)> {
    let Some(clip) = battery.small(Picture::Street).clip() else { return Vec::new() };
    let time = |index: u32| Duration::from_millis(40) * index;
    let with = |what: &str, change: fn(&mut ClipInfo), evidence: DecoderEvidence| {
        let mut info = clip.info().clone();
        change(&mut info);
        (what.to_owned(), rebuilt(&clip, info, evidence, time))
    };
    let count = u32::MAX;
    let damaged = DecoderEvidence {
        missed_packets: count,
        corrupt_frames: count,
        concealed_blocks: count,
        missing_references: count,
        lines: Vec::new(),
    };
    let sound = DecoderEvidence::default;
    vec![
        with("limited range", |info| info.range = SampleRange::Limited, sound()),
        with("no codec, no rate", |info| (info.codec, info.frame_rate) = (None, None), sound()),
        with("a rate of a million", |info| info.frame_rate = Some(1e6), sound()),
        with("live", |info| info.live = true, sound()),
        with("maximum counts of decoding errors", |_| {}, damaged),
    ]
}

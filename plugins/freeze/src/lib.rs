//! A picture that stands still: time goes on, the picture does not.
//!
//! A camera's sensor makes noise, and however hard an encoder erases it, here and there a tile changes
//! to what it never showed before, for as long as one looks. A frozen picture is handed to the encoder
//! again and again: after a keyframe it refines it for a moment, its B-frames go to and fro between the
//! same few renderings, and then nothing new comes. So new tiles are counted, where the encoder has
//! settled and outside the strip where a recorder's clock may run. An encoder that comes closer to a
//! picture that stands has ever less to change; what noise changes goes up and down, and comes again
//! after a rest. Where an encoder is starved it refines for seconds: such changes are never undone,
//! while those of noise are, by half. Where keyframes are so close that no encoder settles between
//! them, they are compared with each other: a live sensor leaves hardly a tile of them alike. And where
//! keyframes go by unseen between two looks, a picture that stands still is known by its last seconds:
//! whatever they show was shown before to the last sample, tile by tile.
//!
//! A camera is remembered from one check to the next: whether the picture was alike then.

mod lately;
mod memory;
mod news;
mod watch;

use easysight_sdk::{
    Clip, Description, Failure, Finding, JsonSchema, Plugin, Report, Status, Text, descriptor, finding,
};
use serde::Deserialize;

use memory::Memory;
use watch::{Seen, watch};

/// Stretch of the clip that is asked for.
const SPAN_MS: u32 = 3_000;
/// Time between its frames.
const INTERVAL_MS: u32 = 200;
/// Comparisons without which nothing can be told.
const LEAST_PAIRS: usize = 2;
/// Changes below this (mean square of a textured pixel, grey levels) are no refinement of a starved
/// encoder. Measured: 0.1 to 50 of frozen pictures at a tight bit rate.
const REFINING_ENERGY: f64 = 0.1;
/// Changes of which less than this is undone come from an encoder that refines. Measured: up to 0.05
/// of frozen pictures; 0.1 to 0.5 of noise unless the encoder lacks the bits to show it.
const REFINING_UNDONE: f64 = 0.08;
/// Keyframes that render at least this share of the tiles otherwise than before are of a live picture.
/// Measured: 0.95 and more with noise that the encoder keeps, 0.02 to 0.82 of frozen pictures. Between
/// keyframes from which a coarse MPEG-4 has erased the noise of a static scene it was 0.14 to 0.49.
const LIVE_RENEWED: f64 = 0.9;
/// A picture stands where no more than this share of its textured tiles show what they never showed, at
/// most looks of the last seconds, and at the end: the few renderings that an encoder has of a picture
/// come again to the last sample. Measured of frozen pictures by six encoders at steady rates: 0, and up to
/// 0.008 where a clock runs; 0.12 and more of parts of live pictures in which nothing moves, unless their
/// noise is erased altogether.
const STANDING: f64 = 0.01;
/// Nor may any of these looks show more than this: a keyframe that codes the noise of a live picture afresh
/// shows it in most tiles. Measured: 0.02 at the most of frozen pictures, 0.27 and more of live ones.
const AFRESH: f64 = 0.15;
/// So many keyframes up to which something new came are no chance. Measured: of three, all where a
/// coarse MPEG-4 shows a live picture in which nothing moves, none of frozen pictures at that quality.
const RESTLESS: usize = 2;
/// Score of what cannot be told yet: below every live picture, and no alarm.
const UNDECIDED_SCORE: f64 = 52.0;
/// So many checks on end must have shown the same picture before a picture that only refines, or a
/// scene whose noise is known to be erased, is called frozen. In one clip it looks like an empty room;
/// in the course of half a day, at a check an hour, light changes in every room.
const ALIKE_CHECKS: u32 = 12;

/// When a picture counts as frozen.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// The picture is frozen where nothing new was seen for the last so many seconds.
    #[schemars(range(min = 0.5, max = 2.8), extend("unit" = "s"))]
    pub still_s: f64,
    /// A live picture shows something new in at least this share of its textured tiles (16 × 16
    /// pixels) from one look to the next, five times a second.
    #[schemars(range(min = 0.0, max = 0.5), extend("unit" = "share"))]
    pub least_changed_share: f64,
    /// Where keyframes follow each other so closely that the encoder never settles: the picture is
    /// frozen where a keyframe renders less than this share of its textured tiles otherwise than all
    /// keyframes before it.
    #[schemars(range(min = 0.0, max = 0.9), extend("unit" = "share"))]
    pub least_renewed_share: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { still_s: 1.5, least_changed_share: 0.001, least_renewed_share: 0.5 }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct Freeze;

impl Plugin for Freeze {
    type Config = Config;

    fn descriptor() -> Description {
        descriptor("freeze", env!("CARGO_PKG_VERSION"))
            .diagnosis(
                "freeze",
                Text::new("画面冻结", "Freeze"),
                Text::new(
                    "时间在走而画面不动。静止但有传感器噪声的正常画面不会报警，只有叠加时钟在走的冻结画面也能发现。",
                    "Time goes on and the picture does not. A static scene with the noise of a live sensor \
                     passes; a frozen picture under a running clock is found.",
                ),
            )
            .over_time(2, INTERVAL_MS, SPAN_MS)
            // The clock that is drawn into a picture stands still with it.
            .explains("freeze", &["clock"])
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        let frames = clip.frames();
        let (Some(first), Some(last)) = (frames.first(), frames.last()) else {
            return Err(Failure::UnsupportedClip("the clip has no frame".into()));
        };
        let covered_s = seconds(last.timestamp_us - first.timestamp_us);
        if frames.len() < 2 || covered_s == 0.0 {
            return Err(Failure::UnsupportedClip(
                "a single picture cannot tell whether it is frozen; a stretch of video is needed".into(),
            ));
        }
        let seen = watch(clip, &frames, config.still_s, config.least_changed_share)?;
        let verdict = judge(&seen, &config);
        let memory = Memory::recall_and_renew(clip, verdict)?;
        Ok(Report { findings: vec![conclude(&seen, covered_s, verdict, &memory, &config)?] })
    }
}

/// What one clip says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It moves, or has the noise of a live picture.
    Live,
    /// Nothing new comes where the encoder has settled.
    Still,
    /// Everything that the last seconds show came before, though no encoder settled.
    ComesAgain,
    /// It changes only the way a starved encoder refines a picture.
    Refining,
    /// There was too little to compare.
    TooShort,
}

fn judge(seen: &Seen, config: &Config) -> Verdict {
    let long_enough = seen.still_s >= config.still_s;
    if seen.moved && !long_enough {
        Verdict::Live
    } else if by_settled_looks(seen, long_enough, config) != Verdict::Still
        && long_enough
        && comes_again(seen)
    {
        Verdict::ComesAgain
    } else {
        by_settled_looks(seen, long_enough, config)
    }
}

/// As far as the looks tell for which the encoder had settled.
fn by_settled_looks(seen: &Seen, long_enough: bool, config: &Config) -> Verdict {
    if seen.pairs < LEAST_PAIRS {
        match seen.renewed_share {
            Some(share) if share >= LIVE_RENEWED => Verdict::Live,
            Some(share) if share < config.least_renewed_share && long_enough && seen.restless < RESTLESS => {
                Verdict::Still
            }
            _ => Verdict::TooShort,
        }
    } else if seen.changed_share > config.least_changed_share {
        let refines = seen.energy >= REFINING_ENERGY && seen.undone < REFINING_UNDONE;
        if refines && seen.scattered == 0 { Verdict::Refining } else { Verdict::Live }
    } else if seen.news.after_rest || seen.news.ago_s.is_some_and(|ago_s| ago_s < config.still_s) {
        Verdict::Live
    } else if long_enough {
        Verdict::Still
    } else {
        Verdict::TooShort
    }
}

/// Whether the last seconds show nothing that was not shown before, whatever came by the way.
fn comes_again(seen: &Seen) -> bool {
    let lately = &seen.lately;
    lately.usually_new.max(lately.lasting) <= STANDING && lately.most_new <= AFRESH && lately.drawn == 0
}

/// What decided, its value, and the threshold.
fn decisive(seen: &Seen, verdict: Verdict, config: &Config) -> (&'static str, f64, f64) {
    let least = config.least_changed_share;
    if verdict == Verdict::ComesAgain {
        return ("new_share", seen.lately.usually_new.max(seen.lately.lasting), STANDING);
    }
    match seen.renewed_share {
        Some(share) if seen.pairs < LEAST_PAIRS => ("renewed_share", share, config.least_renewed_share),
        // News of before it froze says nothing of a frozen picture.
        _ if verdict == Verdict::Live => ("changed_share", seen.changed_share.max(seen.news.share), least),
        _ => ("changed_share", seen.changed_share, least),
    }
}

/// The finding, with what earlier checks of this camera add.
fn conclude(
    seen: &Seen,
    covered_s: f64,
    verdict: Verdict,
    memory: &Memory,
    config: &Config,
) -> Result<Finding, Failure> {
    let for_long = memory.alike_checks() >= ALIKE_CHECKS;
    let frozen = match verdict {
        Verdict::Live => false,
        Verdict::Still | Verdict::ComesAgain if memory.erases_noise() => for_long,
        Verdict::Still | Verdict::ComesAgain => true,
        Verdict::Refining => for_long,
        Verdict::TooShort => {
            return Err(Failure::Inconclusive(format!(
                "nothing moves, and the {covered_s:.1} s that the clip covers are too short to tell more"
            )));
        }
    };
    let (metric, value, threshold) = decisive(seen, verdict, config);
    // 0 where nothing is new, 50 at the threshold, near 100 far above it.
    let score = match verdict {
        Verdict::Live if seen.moved && seen.still_s < config.still_s => 100.0,
        Verdict::Still | Verdict::ComesAgain if !frozen => UNDECIDED_SCORE,
        Verdict::Live | Verdict::Still | Verdict::ComesAgain => 100.0 * value / (value + threshold).max(1e-9),
        _ if frozen => 25.0,
        _ => UNDECIDED_SCORE,
    };
    let finding = finding("freeze")
        .metric(metric, value, "share")
        .metric("still_s", seen.still_s, "s")
        .metric("covered_s", covered_s, "s")
        .metric("change_energy", seen.energy, "grey level²")
        .metric("undone_share", seen.undone, "share")
        .metric("alike_checks", f64::from(memory.alike_checks()), "")
        .decided_by(metric, threshold)
        .score(score);
    Ok(if frozen {
        let still_s = seen.still_s;
        finding
            .judged(
                Status::Error,
                Text::new(
                    format!("画面冻结：时间在走，画面至少 {still_s:.1} 秒没有变化（仅凭这段画面）。"),
                    format!(
                        "The picture is frozen: time goes on, and it has not changed for at least {still_s:.1} s (by \
                         this clip alone)."
                    ),
                ),
            )
            .suggest(Text::new(
                "重启摄像机或编码器；若时钟叠加仍在走，检查视频输入。",
                "Restart the camera or the encoder; where a clock still runs over the picture, check the \
                 encoder's video input.",
            ))
            .into()
    } else if verdict == Verdict::Live {
        finding.judged(Status::Normal, Text::new("画面在变化。", "The picture is alive.")).into()
    } else {
        // A finding rather than a failure: only what is found is remembered for the next check.
        finding
            .judged(
                Status::Normal,
                Text::new(
                    "画面静止，变化可能只来自编码器；若之后的检查仍相同，将报冻结。",
                    "Nothing moves, and what changes may be the encoder's doing; where the next checks of this \
                     camera show the same, it is called frozen.",
                ),
            )
            .into()
    })
}

fn seconds(us: u64) -> f64 {
    // Exact up to 2^53 µs, which is 285 years.
    us as f64 / 1e6
}

easysight_sdk::export!(Freeze);

#[cfg(test)]
mod tests;

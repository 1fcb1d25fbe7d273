//! Finds a frozen picture: time goes on, but the picture does not change.
//!
//! A sensor produces noise. Even if an encoder removes most of the noise, a tile (16 × 16 pixels) occasionally changes
//! to content that it has not shown before. If a picture is frozen, the encoder receives the same picture repeatedly.
//! After a keyframe, it refines the picture for a moment, and its B-frames alternate between a few renderings. After
//! that the encoder has settled: no tile shows new content. Therefore the plugin measures the share of tiles with new
//! content. It counts only frames for which the encoder has settled, and ignores the strip where a recorder's clock may
//! run.
//!
//! Three cases need other measurements. First, an encoder with too few bits refines a static picture for seconds: the
//! changes become smaller and are never undone, whereas half of the changes caused by noise are undone. Second,
//! keyframes may be so close that the encoder never settles between them. The keyframes are then compared with each
//! other: with a live sensor, hardly any tile stays the same. Third, there may be undetected keyframes between the
//! compared frames. A frozen picture is then recognised by its last seconds: each tile shows only content that it
//! showed before, with exactly the same samples.
//!
//! From one check to the next the plugin remembers whether the camera's picture was the same, and how much noise the
//! camera usually shows (see [`usual`]). A picture whose noise stands still is frozen, even if the encoder still
//! refines the picture.

mod grain;
mod grid;
mod keyframes;
mod lately;
mod memory;
mod motion;
mod news;
mod pairs;
mod usual;
mod watch;

use easysight_sdk::{
    Clip, Description, Failure, Finding, JsonSchema, Plugin, Report, Status, Text, descriptor, finding,
    in_chinese,
};
use serde::Deserialize;

use memory::Memory;
use usual::{Noise, Stands};
use watch::{Seen, watch};

/// The requested duration of the clip.
const SPAN_MS: u32 = 3_000;
/// The interval between frames.
const INTERVAL_MS: u32 = 200;
/// The smallest number of comparisons for a judgement.
const LEAST_PAIRS: usize = 2;
/// The smallest energy (mean square per textured pixel, in grey levels²) at which changes may come from an encoder that
/// has too few bits and refines a static picture. Frozen pictures at a low bit rate have energies of 0.1 to 50.
const REFINING_ENERGY: f64 = 0.1;
/// If the share of the changes that are undone later is below this limit, the changes come from an encoder that refines
/// a static picture. Frozen pictures reach at most 0.05. Noise has shares of 0.1 to 0.5, unless the encoder has too few
/// bits to show the noise.
const REFINING_UNDONE: f64 = 0.08;
/// The picture is live if each keyframe after the first renders at least this share of the tiles differently than all
/// keyframes before. If the encoder keeps the noise, the share is 0.95 and more. Frozen pictures have shares of 0.02 to
/// 0.82. A static scene from which a coarse MPEG-4 encoder has removed the noise has 0.14 to 0.49.
const LIVE_RENEWED: f64 = 0.9;
/// The largest share of the textured tiles that may show new content in a static picture. It limits both
/// [`Lately::usually_new`](lately::Lately::usually_new) and [`Lately::lasting`](lately::Lately::lasting). An encoder
/// produces only a few renderings of a static picture, and repeats them exactly. Frozen pictures from six encoders at
/// constant rates have shares of 0, and up to 0.008 if a clock runs. Parts of live pictures without movement have 0.12
/// and more, unless the noise is removed completely.
const STANDING: f64 = 0.01;
/// The largest share of new tiles that a frame of the last seconds may have in a static picture. In a live picture, a
/// keyframe encodes the noise anew, so that most tiles show new content. Frozen pictures reach at most 0.02. Live
/// pictures reach 0.27 and more.
const AFRESH: f64 = 0.15;
/// If new content appears just before at least this number of keyframes ([`Seen::restless`]), the comparison of the
/// keyframes does not call the picture frozen. In a static picture, new content may appear before fewer keyframes, by
/// coincidence. In clips with three keyframes from a coarse MPEG-4 encoder, new content precedes all three if the
/// picture is live without movement, and none if the picture is frozen.
const RESTLESS: usize = 2;
/// The score of a picture that cannot be judged yet: slightly above 50, the score at the threshold, because no alarm is
/// raised.
const UNDECIDED_SCORE: f64 = 52.0;
/// The number of consecutive checks with the same picture after which two kinds of picture count as frozen: a picture
/// that the encoder only refines, and a scene from which the encoder is known to remove the noise. In a single clip,
/// neither kind can be distinguished from an empty room. With a check every hour, the checks take half a day, in which
/// the light changes in every room.
const ALIKE_CHECKS: u32 = 12;

/// When a picture counts as frozen.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// The picture is frozen if it shows nothing new for at least this time.
    #[schemars(title = "Frozen time limit", transform = in_chinese(
        "静止时间",
        "画面至少在这段时间内没有任何新内容，即判为冻结。",
    ))]
    #[schemars(range(min = 0.5, max = 2.8), extend("unit" = "s"))]
    pub still_s: f64,
    /// A live picture shows new content in more than this share of its textured tiles (16 × 16 pixels each) from one
    /// compared frame to the next. Five frames per second are compared.
    #[schemars(title = "Least changing share", transform = in_chinese(
        "变化图块占比下限",
        "未冻结的画面，从一个比较帧到下一个，有纹理的图块（每块 16 × 16 像素）中有超过这一比例出现新内容。每\
         秒比较五帧。",
    ))]
    #[schemars(range(min = 0.0, max = 0.5), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "changed_share", "side": "below"}))]
    pub least_changed_share: f64,
    /// A keyframe of a live picture renders at least this share of the textured tiles differently than all keyframes
    /// before. If the share is smaller, the picture is frozen. This setting applies only if keyframes follow each
    /// other so closely that the encoder never settles.
    #[schemars(title = "Least renewed share", transform = in_chinese(
        "关键帧更新占比下限",
        "未冻结的画面，每个关键帧有纹理的图块中至少有这一比例与之前的所有关键帧都不同；若占比更小，即判为冻\
         结。仅在关键帧过密、编码器始终来不及稳定时适用。",
    ))]
    #[schemars(range(min = 0.0, max = 0.9), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "renewed_share", "side": "below"}))]
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
                    "Time goes on, but the picture does not change. A static scene with the noise of a live \
                     sensor raises no alarm; a frozen picture with a running clock over it is found.",
                ),
            )
            .over_time(2, INTERVAL_MS, SPAN_MS)
            // The clock that is drawn into a picture freezes with it.
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
                "a single picture cannot show whether it is frozen; several frames are needed".into(),
            ));
        }
        let seen = watch(clip, &frames, config.still_s, config.least_changed_share)?;
        let verdict = judge(&seen, &config);
        let memory = Memory::recall_and_renew(clip, verdict, noise(&seen, &config))?;
        Ok(Report { findings: vec![conclude(&seen, covered_s, verdict, &memory, &config)?] })
    }
}

/// Returns the noise of a clip. The result is None if something moves or the clip is too short.
fn noise(seen: &Seen, config: &Config) -> Option<Noise> {
    let at_rest = seen.pairs >= LEAST_PAIRS && seen.still_s >= config.still_s;
    let is_redrawn = seen.scattered > 0 || seen.lately.drawn > 0;
    (at_rest && !is_redrawn).then_some(seen.noise)
}

/// The judgement of one clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The picture moves, or has the noise of a live picture.
    Live,
    /// The frames for which the encoder has settled show nothing new.
    Still,
    /// Everything in the last seconds was shown before, even though the encoder may not have settled.
    ComesAgain,
    /// The picture changes only because an encoder with too few bits refines it.
    Refining,
    /// There were too few frames to compare.
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

/// Judges a clip by the frames for which the encoder had settled.
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

/// True if the last seconds show nothing new, even if the encoder did not settle.
fn comes_again(seen: &Seen) -> bool {
    let lately = &seen.lately;
    lately.usually_new.max(lately.lasting) <= STANDING && lately.most_new <= AFRESH && lately.drawn == 0
}

/// Returns the deciding metric, its value and its threshold.
fn decisive(seen: &Seen, verdict: Verdict, config: &Config) -> (&'static str, f64, f64) {
    let least = config.least_changed_share;
    if verdict == Verdict::ComesAgain {
        return ("new_share", seen.lately.usually_new.max(seen.lately.lasting), STANDING);
    }
    match seen.renewed_share {
        Some(share) if seen.pairs < LEAST_PAIRS => ("renewed_share", share, config.least_renewed_share),
        // New content counts only in a live picture. In a frozen picture, all new content is older than the freeze.
        _ if verdict == Verdict::Live => ("changed_share", seen.changed_share.max(seen.news.share), least),
        _ => ("changed_share", seen.changed_share, least),
    }
}

/// Makes the finding from this clip and from the memory of earlier checks of this camera.
fn conclude(
    seen: &Seen,
    covered_s: f64,
    verdict: Verdict,
    memory: &Memory,
    config: &Config,
) -> Result<Finding, Failure> {
    let for_long = memory.alike_checks() >= ALIKE_CHECKS;
    let stands = memory.stands();
    let frozen = match verdict {
        _ if stands.is_some() => true,
        Verdict::Live => false,
        Verdict::Still | Verdict::ComesAgain if memory.erases_noise() => for_long,
        Verdict::Still | Verdict::ComesAgain => true,
        Verdict::Refining => for_long,
        Verdict::TooShort => {
            return Err(Failure::Inconclusive(format!(
                "nothing moves, and a clip of {covered_s:.1} s is too short to call the picture frozen"
            )));
        }
    };
    let (share, value, threshold) = decisive(seen, verdict, config);
    let (decision, threshold) =
        stands.map_or((share, threshold), |stands| ("grain", stands.most_grain.into()));
    // The score is 0 if nothing is new, 50 at the threshold and near 100 far above it.
    let score = match verdict {
        _ if stands.is_some() => share_of(seen.noise.grain.into(), threshold),
        Verdict::Live if seen.moved && seen.still_s < config.still_s => 100.0,
        Verdict::Still | Verdict::ComesAgain if !frozen => UNDECIDED_SCORE,
        Verdict::Live | Verdict::Still | Verdict::ComesAgain => share_of(value, threshold),
        _ if frozen => 25.0,
        _ => UNDECIDED_SCORE,
    };
    let finding = finding("freeze")
        .metric(share, value, "share")
        .metric("still_s", seen.still_s, "s")
        .metric("covered_s", covered_s, "s")
        .metric("change_energy", seen.energy, "grey level²")
        .metric("undone_share", seen.undone, "share")
        .metric("grain", seen.noise.grain.into(), "grey level²")
        .metric("fineness", seen.noise.fineness[0].into(), "grey level²")
        .metric("alike_checks", f64::from(memory.alike_checks()), "")
        .decided_by(decision, threshold)
        .score(score);
    Ok(if frozen {
        finding
            .judged(Status::Error, message(seen.still_s, stands))
            .suggest(Text::new(
                "重启摄像机或编码器；若时钟叠加仍在走，检查视频输入。",
                "Restart the camera or the encoder; if a clock still runs over the picture, check the \
                 encoder's video input.",
            ))
            .into()
    } else if verdict == Verdict::Live {
        finding.judged(Status::Normal, Text::new("画面在变化。", "The picture changes.")).into()
    } else {
        // This is a finding and not a failure, because the memory for the next check is stored only with a
        // finding.
        finding
            .judged(
                Status::Normal,
                Text::new(
                    "画面静止，变化可能只来自编码器；若之后的检查仍相同，将报冻结。",
                    "Nothing moves, and the changes may come from the encoder alone. If the next checks of \
                     this camera show the same, the picture is reported as frozen.",
                ),
            )
            .into()
    })
}

/// Returns the score of a value: 0 for 0, 50 at the threshold.
fn share_of(value: f64, threshold: f64) -> f64 {
    100.0 * value / (value + threshold).max(1e-9)
}

/// Returns the message of a frozen picture.
fn message(still_s: f64, stands: Option<Stands>) -> Text {
    match stands {
        Some(Stands { looks, .. }) => Text::new(
            format!(
                "画面冻结：此前 {looks} 次检查中画面噪点一直在变化，现在噪点仍在画面上，却不再变化（与之前的检查对比）。"
            ),
            format!(
                "The picture is frozen: in {looks} earlier checks, its noise changed from frame to frame. The noise is \
                 still visible, but it no longer changes (compared with these checks)."
            ),
        ),
        None => Text::new(
            format!("画面冻结：时间在走，画面至少 {still_s:.1} 秒没有变化（仅凭这段画面）。"),
            format!(
                "The picture is frozen: it has not changed for at least {still_s:.1} s, although time goes on \
                 (judged by this clip alone)."
            ),
        ),
    }
}

fn seconds(us: u64) -> f64 {
    // Exact up to 2^53 µs, which is 285 years.
    us as f64 / 1e6
}

easysight_sdk::export!(Freeze);

#[cfg(test)]
mod tests;

//! The damage that is visible in the picture.

use std::collections::{BTreeMap, BTreeSet};

use easysight_sdk::{
    Clip, Failure, FrameInfo, PlaneKind, Rect, SampleRange,
    image::{Seams, TILE, seams},
};

/// The number of frames, evenly spread over the clip, that are examined closely.
const LOOKS: u32 = 5;
/// The number of keyframes whose previous frame is also examined closely, because damage is worst just before a
/// keyframe.
const LAST_LOOKS: usize = 2;
/// The smallest number of torn borders that counts. In a small picture, a few borders are a large share.
pub(crate) const LEAST_TORN: usize = 4;
/// The displacement of the grid that serves as a control, in samples. On the displaced grid, there are no borders of
/// blocks of 16, 8 or 4 samples.
const ASIDE: u32 = 6;
/// The largest width of the small picture in which colours are measured.
const COLOUR_WIDTH: u32 = 320;
/// The level whose samples are means of macroblocks.
const BLOCK_LEVEL: u32 = 4;
/// If the mean of a macroblock changes by more than this number of grey levels, the macroblock counts as changed. With
/// extreme compression, keyframes refresh the texture, but change means by less.
const CHANGE: u8 = 16;
/// If more than this share of the picture changes at a keyframe, the cause is a cut, or a turn of the camera.
const CUT: f64 = 0.6;
/// The share that a keyframe repairs is reduced by this many times the largest share that a frame without a keyframe
/// restores. Moving objects uncover background that the first frame showed, and in a time-lapse, or when clouds and
/// exposure change, the light of the first frame returns. Both happen at any frame, but a repair only at a keyframe.
const USUAL: f64 = 1.5;

/// The measurements of a clip. Each share is a share of the picture, or of its borders between macroblocks.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Picture {
    /// The width and height of the picture in macroblocks.
    pub(crate) tiles: (f32, f32),
    /// The torn borders of the worst frame.
    pub(crate) worst: Seams,
    /// The smallest share of torn borders in a frame.
    pub(crate) least_torn: f64,
    /// The share of torn borders in the worst frame, without borders that are torn in all examined frames. A logo or a
    /// line drawn over the picture has such static torn borders.
    pub(crate) fleeting_torn: f64,
    /// The share of torn borders of the worst frame on a displaced grid. Damage lies only on the grid of the
    /// macroblocks. Objects with hard edges, such as lettering and trucks, leave the same number of breaks on any grid.
    /// The share is 0 if fewer than [`LEAST_TORN`] borders are torn on the grid of the macroblocks.
    pub(crate) beside_torn: f64,
    /// The largest share of a frame with colours that no camera can send.
    pub(crate) impossible: f64,
    /// The largest share of a frame with the grey of missing references, minus the smallest.
    pub(crate) grey_rise: f64,
    /// The largest share of the picture that a keyframe repairs.
    pub(crate) repaired: f64,
}

impl Picture {
    pub(crate) fn of(clip: &dyn Clip) -> Result<Self, Failure> {
        let frames = clip.frames();
        if frames.is_empty() {
            return Err(Failure::UnsupportedClip("the clip has no frame".into()));
        }
        let info = clip.info();
        let tiles = (info.width as f32 / TILE as f32, info.height as f32 / TILE as f32);
        let mut picture = Self { tiles, least_torn: 1.0, ..Self::default() };
        let (mut least_grey, mut most_grey) = (1.0_f64, 0.0_f64);
        let looks = looks(&frames);
        let mut times_torn = BTreeMap::new();
        let mut worst_frame = 0;
        for &frame in &looks {
            let found = seams(&clip.luma(frame, 0)?, info.width as usize);
            picture.least_torn = picture.least_torn.min(found.torn_share());
            for tile in found.torn.iter().collect::<BTreeSet<_>>() {
                *times_torn.entry(*tile).or_insert(0_usize) += 1;
            }
            if frame == 0 || found.torn.len() > picture.worst.torn.len() {
                picture.worst = found;
                worst_frame = frame;
            }
            let colours = Colours::of(clip, frame)?;
            picture.impossible = picture.impossible.max(colours.impossible);
            least_grey = least_grey.min(colours.grey);
            most_grey = most_grey.max(colours.grey);
        }
        let stays = |tile: &(u32, u32)| times_torn.get(tile).is_some_and(|times| *times == looks.len());
        let fleeting = picture.worst.torn.iter().filter(|tile| !stays(tile)).count();
        picture.fleeting_torn = fleeting as f64 / picture.worst.borders.max(1) as f64;
        if picture.worst.torn.len() >= LEAST_TORN {
            picture.beside_torn = beside_torn(clip, worst_frame)?;
        }
        picture.grey_rise = (most_grey - least_grey).max(0.0);
        picture.repaired = repaired(clip, &frames)?;
        Ok(picture)
    }
}

/// Returns the share of torn borders on a grid that is displaced by [`ASIDE`].
fn beside_torn(clip: &dyn Clip, frame: u32) -> Result<f64, Failure> {
    let (width, height) = clip.size(PlaneKind::Luma, 0)?;
    if width.min(height) <= ASIDE {
        return Ok(0.0);
    }
    let area = Rect { x: ASIDE, y: ASIDE, width: width - ASIDE, height: height - ASIDE };
    let samples = clip.crop(frame, PlaneKind::Luma, 0, area)?;
    Ok(seams(&samples, area.width as usize).torn_share())
}

/// Chooses [`LOOKS`] frames, evenly spread over the clip, and the frames just before the first [`LAST_LOOKS`]
/// keyframes. A keyframe at the beginning does not count.
fn looks(frames: &[FrameInfo]) -> Vec<u32> {
    let last = u32::try_from(frames.len()).unwrap_or(u32::MAX).saturating_sub(1);
    let mut looks: Vec<u32> = (0..LOOKS).map(|at| last * at / (LOOKS - 1)).collect();
    if frames.iter().any(|frame| !frame.keyframe) {
        let before = (0..).zip(frames.iter().skip(1)).filter(|(_, next)| next.keyframe).map(|(at, _)| at);
        looks.extend(before.take(LAST_LOOKS));
    }
    looks.sort_unstable();
    looks.dedup();
    looks
}

/// The shares of a frame with colours that are signs of damage.
struct Colours {
    impossible: f64,
    grey: f64,
}

impl Colours {
    fn of(clip: &dyn Clip, frame: u32) -> Result<Self, Failure> {
        let level = clip.level_within(COLOUR_WIDTH);
        // On the next finer level, chroma planes have the size of the luma plane on `level`.
        let finer = level.saturating_sub(1);
        let luma = clip.luma(frame, finer + 1).or_else(|_| clip.luma(frame, level))?;
        let cb = clip.plane(frame, PlaneKind::Cb, finer)?;
        let cr = clip.plane(frame, PlaneKind::Cr, finer)?;
        let samples = luma.len().min(cb.len()).max(1) as f64;
        // In each colour that a camera can send, chroma values that are both below 95 mean that green exceeds 115 and
        // luma exceeds 70. An area that was never written contains only zeros: low chroma values, but hardly any luma.
        let dark = match clip.info().range {
            SampleRange::Limited => 60,
            SampleRange::Full => 50,
        };
        let planes = || luma.iter().zip(&cb).zip(&cr);
        let impossible: u32 =
            planes().map(|((&y, &cb), &cr)| u32::from((y < dark) & (cb < 95) & (cr < 95))).sum();
        let near = |sample: u8| sample.abs_diff(128) <= 1;
        let grey: u32 = planes().map(|((&y, &cb), &cr)| u32::from(near(y) & near(cb) & near(cr))).sum();
        Ok(Self { impossible: f64::from(impossible) / samples, grey: f64::from(grey) / samples })
    }
}

/// Returns the largest share of the picture that a keyframe repairs. A block is repaired if it changes at the keyframe
/// and shows the content of the first frame again. [`USUAL`] times the share that other frames restore in the same way
/// is subtracted.
fn repaired(clip: &dyn Clip, frames: &[FrameInfo]) -> Result<f64, Failure> {
    let keys = frames.iter().skip(2).filter(|frame| frame.keyframe).count();
    if keys == 0 || frames.iter().skip(1).all(|frame| frame.keyframe) {
        return Ok(0.0);
    }
    let level = BLOCK_LEVEL.min(clip.info().levels.saturating_sub(1));
    let first = clip.luma(0, level)?;
    let mut before = first.clone();
    let (mut at_keys, mut usual) = (0.0_f64, 0.0_f64);
    for (at, frame) in (0_u32..).zip(frames).skip(1) {
        let now = clip.luma(at, level)?;
        let share = restored(&before, &now, &first);
        if !frame.keyframe {
            usual = usual.max(share);
        } else if at > 1 && moved(&before, &now) <= CUT {
            at_keys = at_keys.max(share);
        }
        before = now;
    }
    Ok((at_keys - USUAL * usual).max(0.0))
}

/// Returns the share of the blocks that change from `before` to `after`.
fn moved(before: &[u8], after: &[u8]) -> f64 {
    let count = before.iter().zip(after).filter(|(a, b)| a.abs_diff(**b) > CHANGE).count();
    count as f64 / before.len().max(1) as f64
}

/// Returns the share of the blocks that change from `before` to `after`, and then show the content of `first` again.
fn restored(before: &[u8], after: &[u8], first: &[u8]) -> f64 {
    let pairs = before.iter().zip(after).zip(first);
    let count =
        pairs.filter(|((a, b), first)| a.abs_diff(**b) > CHANGE && b.abs_diff(**first) <= CHANGE / 2).count();
    count as f64 / before.len().max(1) as f64
}

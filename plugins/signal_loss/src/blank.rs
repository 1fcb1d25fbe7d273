//! The course of a clip: when it shows a picture, and when it is blank.

use easysight_sdk::{Clip, Failure, PlaneKind, image::Histogram};

use crate::{Config, SPAN_MS};

/// The largest width of the judged picture. Each of its samples is the mean of 8 × 8 pixels or more. This averaging
/// reduces the noise of an amplifier without a signal from at most 15 grey levels to 2 grey levels.
const WIDTH: u32 = 64;
/// A sample counts as having the most frequent value if it differs from this value by at most this much. Coding and
/// noise change black by up to this much.
const REACH: u8 = 2;
/// The width of the picture in which lettering is searched for.
const FINE_WIDTH: u32 = 320;
/// A sample is lettering if it is brighter than the most frequent level by at least this number of grey levels.
const LETTERS: u8 = 70;
/// The largest share of the picture that lettering (a clock, a name and a channel) covers, including a margin of one
/// sample. If more of the picture is bright, the picture is a scene at night.
const MOST_LETTERS: f64 = 0.25;
/// The largest luma of black, in full and in limited range. Black is 16 in limited range, and noise raises its
/// mean, because values below 16 are clipped. `blue_screen` does not judge black up to this luma.
const BLACK: u8 = 33;
/// The largest distance of grey's chroma from 128.
const GREY: u8 = 11;
/// The smallest luma of white.
const WHITE: u8 = 229;
/// A frame shows a picture if its most frequent colour covers less than this share.
const PICTURE: f64 = 0.6;
/// The number of frames that are judged.
const LOOKS: u32 = 5;
/// A clip with at least this number of decoded bytes may be short because it reached the size limit. A smaller clip is
/// short only because the stream ended.
const LARGE: u64 = 100 << 20;

/// The measurements of a clip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Course {
    /// The share of the last frame that is blank.
    pub(crate) blank_share: f64,
    /// The time of the last frame that shows a picture, in seconds. None if no frame shows one.
    pub(crate) picture_until_s: Option<f64>,
    /// The share of the requested duration that the clip covers; 1 for a recording.
    pub(crate) covered_share: f64,
}

/// The measurements of one frame.
#[derive(Debug, Clone, Copy)]
struct Look {
    at_s: f64,
    /// The share of the most frequent colour.
    solid: f64,
    /// The share of the most frequent colour, without lettering, if this colour is black; otherwise 0.
    black: f64,
    /// The share of the most frequent colour if this colour is white; otherwise 0.
    white: f64,
}

impl Course {
    pub(crate) fn of(clip: &dyn Clip, config: &Config) -> Result<Self, Failure> {
        let frames = clip.frames();
        let indices = clip.spread(LOOKS);
        let mut looks = Vec::with_capacity(indices.len());
        for frame in indices {
            let at_us = frames.get(frame as usize).map_or(0, |frame| frame.timestamp_us);
            looks.push(Look::of(clip, frame, at_us as f64 / 1e6)?);
        }
        let had_picture = looks.iter().any(|look| look.solid < PICTURE);
        let blank = |look: &Look| if had_picture { look.black.max(look.white) } else { look.black };
        let Some(end) = looks.last() else {
            return Err(Failure::UnsupportedClip("the clip has no frame".into()));
        };
        let with_picture = looks.iter().rev().find(|look| blank(look) < config.blank_share);
        let blank_share = match with_picture {
            // Black always counts. White counts only if the clip also shows a picture, because `brightness` judges
            // a clip that is white throughout. Other colours are judged by `blue_screen`.
            Some(_) if had_picture => blank(end),
            _ => end.black,
        };
        let picture_until_s = with_picture.filter(|_| had_picture).map(|look| look.at_s);
        Ok(Self { blank_share, picture_until_s, covered_share: covered_share(clip, end.at_s) })
    }
}

impl Look {
    fn of(clip: &dyn Clip, frame: u32, at_s: f64) -> Result<Self, Failure> {
        let level = clip.level_within(WIDTH);
        let plane = clip.luma(frame, level)?;
        let (luma, share) = Histogram::of(&plane).densest(REACH);
        let mut solid = share;
        let mut grey = true;
        for plane in [PlaneKind::Cb, PlaneKind::Cr] {
            let (value, share) = Histogram::of(&clip.plane(frame, plane, level)?).densest(REACH);
            solid = solid.min(share);
            grey &= value.abs_diff(128) <= GREY;
        }
        let is = |black: bool, share: f64| if grey && black { share } else { 0.0 };
        let black = if grey && luma <= BLACK { without_letters(clip, frame, &plane, luma)? } else { 0.0 };
        Ok(Self { at_s, solid, black: black.max(is(luma <= BLACK, solid)), white: is(luma >= WHITE, solid) })
    }
}

/// Returns the share of the small picture's samples whose level is at most [`REACH`] from the most frequent level
/// `luma`. Samples with lettering in them or beside them are ignored. Returns 0 if too much of the picture is bright.
fn without_letters(clip: &dyn Clip, frame: u32, plane: &[u8], luma: u8) -> Result<f64, Failure> {
    let (small, level) = (clip.level_within(WIDTH), clip.level_within(FINE_WIDTH));
    let (columns, _) = clip.size(PlaneKind::Luma, small)?;
    let (width, _) = clip.size(PlaneKind::Luma, level)?;
    let step = 1_usize << small.saturating_sub(level);
    let columns = columns.max(1) as usize;
    let mut written = vec![false; plane.len()];
    let mut bright = 0;
    for (y, row) in clip.luma(frame, level)?.chunks(width.max(1) as usize).enumerate() {
        for (x, _) in row.iter().enumerate().filter(|&(_, &sample)| sample >= luma.saturating_add(LETTERS)) {
            let (x, y) = (x / step, y / step);
            for y in y.saturating_sub(1)..=y + 1 {
                for x in x.saturating_sub(1)..=(x + 1).min(columns - 1) {
                    if let Some(mark) = written.get_mut(y * columns + x).filter(|mark| !**mark) {
                        *mark = true;
                        bright += 1;
                    }
                }
            }
        }
    }
    if f64::from(bright) > MOST_LETTERS * plane.len() as f64 {
        return Ok(0.0);
    }
    let rest = plane.iter().zip(&written).filter(|&(_, &written)| !written).map(|(&sample, _)| sample);
    let (mut near, mut all) = (0_u32, 0_u32);
    for sample in rest {
        near += u32::from(sample.abs_diff(luma) <= REACH);
        all += 1;
    }
    Ok(f64::from(near) / f64::from(all.max(1)))
}

/// Returns the share of the requested duration that the clip covers. A capture ends early only if the stream ends,
/// or if the clip reaches the size limit. Returns 1 for a recording and for a clip of [`LARGE`] or more.
fn covered_share(clip: &dyn Clip, covered_s: f64) -> f64 {
    let info = clip.info();
    let bytes = u64::from(info.width) * u64::from(info.height) * 3 / 2 * u64::from(info.frames);
    if info.live && bytes < LARGE { (covered_s * 1_000.0 / f64::from(SPAN_MS)).min(1.0) } else { 1.0 }
}

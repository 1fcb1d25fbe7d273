//! The course of a clip: when there is a picture, and when there is none.

use easysight_sdk::{Clip, Failure, PlaneKind, SampleRange, image::Histogram};

use crate::{Config, SPAN_MS};

/// Width of the picture that is judged.
const WIDTH: u32 = 320;
/// Samples so many levels around the most frequent one are the same: what coding leaves of black.
const REACH: u8 = 2;
/// Black is at most so far above the range's black: coding and converting between ranges lift it.
const BLACK: u8 = 8;
/// Above this, in the same levels, it is no black any more; in between it counts in part.
const NOT_BLACK: u8 = 24;
/// Share of one colour below which there was a picture before.
const PICTURE: f64 = 0.6;
/// Frames that are looked at.
const LOOKS: u32 = 5;
/// Bytes of a clip above which it may be shorter because it is too large, not because it broke off.
const LARGE: u64 = 100 << 20;

/// What is measured of a clip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Course {
    /// Share of the last picture that is blank.
    pub(crate) blank_share: f64,
    /// When the last picture was seen, in seconds; none where there never was one.
    pub(crate) picture_until_s: Option<f64>,
    /// Share of the stretch that was asked for which a live stream covers; 1 of a recording.
    pub(crate) covered_share: f64,
}

/// One frame.
#[derive(Debug, Clone, Copy)]
struct Look {
    at_s: f64,
    /// Share of the most frequent colour.
    solid: f64,
    /// The same, as far as it is black.
    black: f64,
}

impl Course {
    pub(crate) fn of(clip: &dyn Clip, config: &Config) -> Result<Self, Failure> {
        let frames = clip.frames();
        let last = u32::try_from(frames.len()).unwrap_or(u32::MAX).saturating_sub(1);
        let mut indices: Vec<u32> = (0..LOOKS).map(|at| last * at / (LOOKS - 1)).collect();
        indices.dedup();
        let mut looks = Vec::with_capacity(indices.len());
        for frame in indices {
            let at_us = frames.get(frame as usize).map_or(0, |frame| frame.timestamp_us);
            looks.push(Look::of(clip, frame, at_us as f64 / 1e6)?);
        }
        let had_picture = looks.iter().any(|look| look.solid < PICTURE);
        let blank = |look: &Look| if had_picture { look.solid } else { look.black };
        let Some(end) = looks.last() else {
            return Err(Failure::UnsupportedClip("the clip has no frame".into()));
        };
        let with_picture = looks.iter().rev().find(|look| blank(look) < config.blank_share);
        let blank_share = match with_picture {
            // A solid colour that came up within the clip is a loss, one that was there all along is
            // for others to judge; black counts either way.
            Some(_) if had_picture => blank(end).max(end.black),
            _ => end.black,
        };
        let picture_until_s = with_picture.filter(|_| had_picture).map(|look| look.at_s);
        Ok(Self { blank_share, picture_until_s, covered_share: covered_share(clip, end.at_s) })
    }
}

impl Look {
    fn of(clip: &dyn Clip, frame: u32, at_s: f64) -> Result<Self, Failure> {
        let level = clip.level_within(WIDTH);
        let (luma, share) = Histogram::of(&clip.luma(frame, level)?).densest(REACH);
        let mut solid = share;
        let mut grey = true;
        for plane in [PlaneKind::Cb, PlaneKind::Cr] {
            let (value, share) = Histogram::of(&clip.plane(frame, plane, level)?).densest(REACH);
            solid = solid.min(share);
            grey &= value.abs_diff(128) <= BLACK;
        }
        let floor = match clip.info().range {
            SampleRange::Limited => 16,
            SampleRange::Full => 0,
        };
        let above = luma.saturating_sub(floor);
        let fade = f64::from(NOT_BLACK.saturating_sub(above)) / f64::from(NOT_BLACK - BLACK);
        let black = if grey { solid * fade.min(1.0) } else { 0.0 };
        Ok(Self { at_s, solid, black })
    }
}

/// A capture ends early only where the stream does, or where the clip would be too large.
fn covered_share(clip: &dyn Clip, covered_s: f64) -> f64 {
    let info = clip.info();
    let bytes = u64::from(info.width) * u64::from(info.height) * 3 / 2 * u64::from(info.frames);
    if info.live && bytes < LARGE { (covered_s * 1_000.0 / f64::from(SPAN_MS)).min(1.0) } else { 1.0 }
}

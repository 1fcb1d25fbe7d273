//! The share of a picture that has one colour, and the share that forms columns of one colour.

use crate::{lettered::written_share as written_share_of, palette::strong_colours};

use easysight_sdk::{
    Clip, Failure, PlaneKind,
    image::{Histogram, far_apart},
};

/// The largest width of the judged picture.
const WIDTH: u32 = 320;
/// A sample counts as having the most frequent value if it differs from this value by at most this much. Coding changes
/// a solid colour by up to this much.
const REACH: u8 = 3;
/// The largest difference between two frames at which a sample counts as unchanged.
const STILL: u8 = 2;
/// The share of the samples that may change in a static picture, for example because the card has a clock.
const MAY_CHANGE: f64 = 0.03;
/// A picture with at least this share of one colour need not be static, because coding may change it slightly.
const CERTAIN: f64 = 0.97;
/// A frame shows a scene, not a drawn picture, if the most frequent luma value covers less than this share.
const PICTURE: f64 = 0.6;
/// The upper part of the picture that bars fill, as a share of the height. Test cards have other content below.
const BARS_DOWN: f64 = 0.6;
/// The share of a column that must have one colour. Lettering may cover the rest.
const FLAT: f64 = 0.7;
/// The number of reference rows that are tried; see [`Columns::of`].
const HELD_AGAINST: usize = 4;
/// The smallest and the largest number of borders between bars. If there are fewer or more borders, the columns are not
/// bars.
const BORDERS: std::ops::RangeInclusive<usize> = 3..=16;
/// The smallest difference between the values of neighbouring bars, in at least one of the planes.
const BORDER: u8 = 12;

/// The measurements of a clip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Drawn {
    /// The share of the picture that has its most frequent colour and is static.
    pub(crate) solid_share: f64,
    /// The share of the columns that have one colour each; 0 if the columns do not form bars.
    pub(crate) bar_share: f64,
    /// The share of the rows that contain large letters; 0 if there is no notice over the picture (see
    /// [`crate::lettered`]).
    pub(crate) written_share: f64,
    /// The number of saturated colours that have exactly flat areas (see [`crate::palette`]).
    pub(crate) card_colours: u32,
    /// The time of the last chosen frame, except the final one, that shows a scene, in seconds. None if no such frame
    /// shows one.
    pub(crate) picture_until_s: Option<f64>,
    /// The most frequent value of each plane, as coded.
    pub(crate) luma: u8,
    pub(crate) cb: u8,
    pub(crate) cr: u8,
}

impl Drawn {
    /// Measures a clip. The last frame decides, because it shows the present state. Other frames show whether the
    /// picture is static.
    pub(crate) fn of(clip: &dyn Clip) -> Result<Self, Failure> {
        // Frames are chosen by their times, not by their numbers. So the result hardly depends on how many frames the
        // clip has.
        let looks = clip.spread(3);
        let last = looks.last().copied().unwrap_or(0);
        let level = clip.level_within(WIDTH);
        let luma = clip.luma(last, level)?;
        let cb = clip.plane(last, PlaneKind::Cb, level)?;
        let cr = clip.plane(last, PlaneKind::Cr, level)?;
        let peaks = [&luma, &cb, &cr].map(|plane| Histogram::of(plane).densest(REACH));
        let [(luma_at, _), (cb_at, _), (cr_at, _)] = peaks;
        let mut solid_share = peaks.iter().fold(1.0_f64, |least, (_, share)| least.min(*share));
        if solid_share < CERTAIN && last > 0 {
            let before = clip.luma(looks.get(looks.len() / 2).copied().unwrap_or(0), level)?;
            let moving = far_apart(&before, &luma, STILL) as f64 / luma.len().max(1) as f64;
            solid_share *= (1.0 - (moving - MAY_CHANGE) / MAY_CHANGE).clamp(0.0, 1.0);
        }
        // A notice is in every frame of the clip. Lettering on a passing vehicle or sign is not.
        let mut written_share = 1.0_f64;
        for &look in &looks {
            if written_share > 0.0 {
                written_share = written_share.min(written_share_of(clip, look)?);
            }
        }
        let (width, _) = clip.size(PlaneKind::Luma, level)?;
        let (chroma_width, _) = clip.size(PlaneKind::Cb, level)?;
        let planes = [(&luma, width), (&cb, chroma_width), (&cr, chroma_width)];
        let columns: Vec<Columns> =
            planes.iter().map(|(plane, width)| Columns::of(plane, *width as usize)).collect();
        let picture_until_s = picture_until(clip, &looks, level)?;
        let bar_share = bar_share(&columns);
        let card_colours = strong_colours(clip, last)?;
        Ok(Self {
            solid_share,
            bar_share,
            written_share,
            card_colours,
            picture_until_s,
            luma: luma_at,
            cb: cb_at,
            cr: cr_at,
        })
    }

    /// True if the most frequent colour is black of either sample range.
    pub(crate) const fn is_black(&self) -> bool {
        self.luma < 34 && self.cb.abs_diff(128) < 12 && self.cr.abs_diff(128) < 12
    }

    pub(crate) const fn is_white(&self) -> bool {
        self.luma > 228 && self.cb.abs_diff(128) < 12 && self.cr.abs_diff(128) < 12
    }

    /// The colour's name in Chinese and English.
    pub(crate) const fn colour_name(&self) -> (&'static str, &'static str) {
        let (cb, cr) = (self.cb as i16 - 128, self.cr as i16 - 128);
        match (cb, cr) {
            (-11..=11, -11..=11) => ("灰", "grey"),
            _ if cb > 0 && cr < cb / 2 => ("蓝", "blue"),
            _ if cr > 0 && cb < cr / 2 => ("红", "red"),
            _ if cb > 0 => ("紫", "purple"),
            _ if cr > cb / 2 => ("黄", "yellow"),
            _ => ("绿", "green"),
        }
    }
}

/// Returns the time of the last of the frames `looks`, except the final one, that shows a scene ([`PICTURE`]).
fn picture_until(clip: &dyn Clip, looks: &[u32], level: u32) -> Result<Option<f64>, Failure> {
    let frames = clip.frames();
    for &look in looks.iter().rev().skip(1) {
        let (_, share) = Histogram::of(&clip.luma(look, level)?).densest(REACH);
        if share < PICTURE {
            return Ok(frames.get(look as usize).map(|frame| frame.timestamp_us as f64 / 1e6));
        }
    }
    Ok(None)
}

/// The columns of a plane: the sample of each column in one row, and whether most of the column has nearly the same
/// value.
struct Columns {
    middle: Vec<u8>,
    flat: Vec<bool>,
}

impl Columns {
    /// Takes one row as the reference. A column is flat if most of its samples are near its sample in this row.
    /// Lettering may cover a row, so a few rows are tried. The row with the largest number of flat columns is used.
    fn of(samples: &[u8], width: usize) -> Self {
        let rows = samples.len().checked_div(width).unwrap_or_default();
        let down = ((rows as f64) * BARS_DOWN) as usize;
        let against = |at: usize| Self::against(samples, width, down, at * down / (HELD_AGAINST + 1));
        let flat = |columns: &Self| columns.flat.iter().filter(|&&flat| flat).count();
        let best = (1..=HELD_AGAINST).map(against).max_by_key(flat);
        best.unwrap_or(Self { middle: Vec::new(), flat: Vec::new() })
    }

    fn against(samples: &[u8], width: usize, down: usize, row: usize) -> Self {
        let lines = || samples.chunks_exact(width.max(1)).take(down);
        let middle = lines().nth(row).map(<[u8]>::to_vec).unwrap_or_default();
        let mut near = vec![0_u16; middle.len()];
        for line in lines() {
            for ((near, &middle), &sample) in near.iter_mut().zip(&middle).zip(line) {
                *near += u16::from(middle.abs_diff(sample) <= REACH);
            }
        }
        let flat = near.iter().map(|&near| f64::from(near) > FLAT * down as f64).collect();
        Self { middle, flat }
    }
}

/// Returns the share of the columns that have one colour in every plane, if the columns form bars.
fn bar_share(planes: &[Columns]) -> f64 {
    let [luma, cb, cr] = planes else { return 0.0 };
    let width = luma.flat.len();
    let chroma = |plane: &Columns, at: usize| {
        plane.flat.get(at * cb.flat.len() / width.max(1)).copied().unwrap_or(false)
    };
    let flat = (0..width)
        .filter(|&at| luma.flat.get(at).copied().unwrap_or(false) && chroma(cb, at) && chroma(cr, at))
        .count();
    // At a border, one or two columns have a mixed colour. So each column is compared with the third column before it.
    let mut borders = 0;
    let mut since = 0;
    for at in 3..cb.middle.len() {
        let step = planes.iter().any(|plane| {
            let scale = plane.middle.len() / cb.middle.len().max(1);
            let value = |at: usize| plane.middle.get(at * scale).copied().unwrap_or_default();
            value(at).abs_diff(value(at - 3)) >= BORDER
        });
        since += 1;
        if step && since > 4 {
            borders += 1;
            since = 0;
        }
    }
    if BORDERS.contains(&borders) { flat as f64 / width.max(1) as f64 } else { 0.0 }
}

//! How long the picture stands still: the walk over the frames of a clip.

use easysight_sdk::{
    Clip, Failure, FrameInfo, PlaneKind, Rect,
    image::{TILE, changed_tiles, far_apart, textured_tiles},
};

use crate::{Config, seconds};

/// Rows of pixels that are pulled at a time: four rows of tiles.
const BAND: u32 = 4 * TILE as u32;
/// A tile shows something where its samples span so many grey levels.
const TEXTURE: u8 = 10;
/// Share of the tiles that must show something for the picture to tell anything.
const LEAST_TEXTURED: f64 = 0.02;
/// After a keyframe an encoder refines the picture for a while, although nothing changes.
const SETTLING_US: u64 = 380_000;
/// Level at which structure is compared across a keyframe: averages of 4 × 4 pixels, in which the
/// traces of coding afresh fade and edges stay.
const STRUCTURE_LEVEL: u32 = 2;
/// Grey levels by which such an average may differ from one coding to the next. Measured up to 4 on
/// average for hard compression; edges that move differ by far more.
const STRUCTURE_TOLERANCE: u8 = 20;
/// Share of such averages that may differ by more: the digits of a clock.
const STRUCTURE_MOVED: f64 = 0.005;

/// The longest time for which the picture stands still.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stretch {
    /// In seconds.
    pub(crate) still_s: f64,
    /// The least share of textured tiles that changed within one of the comparisons; 1 of none.
    pub(crate) least_changed: f64,
    /// Something moved at some time.
    pub(crate) moved: bool,
}

/// Walks over the clip.
pub(crate) fn longest_stretch(
    clip: &dyn Clip,
    frames: &[FrameInfo],
    config: &Config,
) -> Result<Stretch, Failure> {
    let texture = Texture::of(clip)?;
    let mut stretch = Stretch { still_s: 0.0, least_changed: 1.0, moved: false };
    // Streams whose frames are all keyframes (MJPEG) code every frame alike, so nothing settles.
    let intra_only = frames.iter().all(|frame| frame.keyframe);
    let (Some(first), Some(last)) = (frames.first(), frames.last()) else { return Ok(stretch) };
    let mut keyframe_us = first.timestamp_us;
    let mut run = Run { since_us: first.timestamp_us, compared_us: 0 };
    for (at, pair) in (0_u32..).zip(frames.windows(2)) {
        let [before, frame] = pair else { continue };
        let now = frame.timestamp_us;
        let still = if frame.keyframe && !intra_only {
            keyframe_us = now;
            same_structure(clip, at, at + 1)?
        } else if intra_only || before.timestamp_us - keyframe_us >= SETTLING_US {
            let share = texture.changed_share(clip, at, at + 1, config.max_changed_share)?;
            stretch.least_changed = stretch.least_changed.min(share);
            run.compared_us += now - before.timestamp_us;
            share <= config.max_changed_share
        } else {
            true
        };
        if still {
            stretch.still_s = stretch.still_s.max(run.still_s(now));
        } else {
            stretch.moved = true;
            run = Run { since_us: now, compared_us: 0 };
            // What is left of the clip may not be enough for a freeze any more.
            if seconds(last.timestamp_us - now) < config.still_s {
                break;
            }
        }
    }
    Ok(stretch)
}

/// A time in which nothing moved so far.
struct Run {
    since_us: u64,
    /// Time covered by comparisons sample by sample.
    compared_us: u64,
}

impl Run {
    /// How long it lasts; nothing where less than a third of it was compared sample by sample, since
    /// structure alone stays in a live picture as well.
    fn still_s(&self, now: u64) -> f64 {
        let lasting = now - self.since_us;
        if 3 * self.compared_us < lasting { 0.0 } else { seconds(lasting) }
    }
}

/// Where the first frame shows something, in tiles of level 0.
struct Texture {
    width: u32,
    bands: Vec<Rect>,
    tiles: Vec<Vec<bool>>,
    textured: usize,
}

impl Texture {
    fn of(clip: &dyn Clip) -> Result<Self, Failure> {
        let (width, height) = clip.size(PlaneKind::Luma, 0)?;
        let columns = width as usize / TILE;
        let mut texture = Self { width, bands: Vec::new(), tiles: Vec::new(), textured: 0 };
        let mut y = 0;
        while y < height {
            let band = Rect { x: 0, y, width, height: BAND.min(height - y) };
            let mut tiles = vec![false; band.height as usize / TILE * columns];
            textured_tiles(&clip.crop(0, PlaneKind::Luma, 0, band)?, width as usize, TEXTURE, &mut tiles);
            texture.textured += tiles.iter().filter(|&&tile| tile).count();
            texture.bands.push(band);
            texture.tiles.push(tiles);
            y += BAND;
        }
        let all = texture.tiles.iter().map(Vec::len).sum::<usize>();
        if texture.textured == 0 || (texture.textured as f64) < LEAST_TEXTURED * all as f64 {
            return Err(Failure::Inconclusive(
                "the picture is too flat to tell: next to nothing in it could move".into(),
            ));
        }
        Ok(texture)
    }

    /// Share of the textured tiles that differ between two frames. Ends as soon as it is above
    /// `enough`, and gives the share that was found up to there.
    fn changed_share(&self, clip: &dyn Clip, before: u32, after: u32, enough: f64) -> Result<f64, Failure> {
        let mut changed = 0;
        for at in scattered(self.bands.len()) {
            let (Some(&band), Some(textured)) = (self.bands.get(at), self.tiles.get(at)) else { continue };
            let pull = |frame| clip.crop(frame, PlaneKind::Luma, 0, band);
            let mut marks = vec![false; textured.len()];
            changed_tiles(&pull(before)?, &pull(after)?, self.width as usize, &mut marks);
            changed += marks.iter().zip(textured).filter(|&(&mark, &textured)| mark && textured).count();
            if changed as f64 > enough * self.textured as f64 {
                break;
            }
        }
        Ok(changed as f64 / self.textured as f64)
    }
}

/// The numbers below `count` in an order that begins in the middle, where things move, and gets
/// around the picture quickly: every third, beginning at three places.
fn scattered(count: usize) -> impl Iterator<Item = usize> {
    let middle = count / 2;
    (0..3).flat_map(move |begin| (begin..count).step_by(3)).map(move |at| (at + middle) % count.max(1))
}

/// Whether two frames on both sides of a keyframe show the same edges in the same places.
fn same_structure(clip: &dyn Clip, before: u32, after: u32) -> Result<bool, Failure> {
    let level = STRUCTURE_LEVEL.min(clip.info().levels - 1);
    let (a, b) = (clip.luma(before, level)?, clip.luma(after, level)?);
    Ok(far_apart(&a, &b, STRUCTURE_TOLERANCE) as f64 <= STRUCTURE_MOVED * a.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scattered_order_visits_everything_once() {
        for count in 0..40 {
            let mut order: Vec<usize> = scattered(count).collect();
            order.sort_unstable();
            assert_eq!(order, (0..count).collect::<Vec<_>>());
        }
    }
}

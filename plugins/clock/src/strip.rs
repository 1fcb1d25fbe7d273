//! A part of the picture in which a clock may run, frame by frame.

use easysight_sdk::{Clip, Failure, PlaneKind, Rect};

/// The side of a tile in samples: about half a digit.
pub(crate) const TILE: usize = 8;
/// A sample shows something else if it changes by more than this number of grey levels. Coding and noise change it by
/// less.
const CHANGED: u8 = 40;
/// A tile changes if at least this number of its samples changes. A digit changes more samples, and single bright
/// specks change fewer.
const LEAST_CHANGED: u8 = 4;
/// Two samples of a row, two apart, are a stroke side (an edge of a stroke of a letter or digit) if they differ by at
/// least this number of grey levels.
pub(crate) const STROKE: i16 = 60;
/// The same difference for dimmed lettering.
pub(crate) const FAINT_STROKE: i16 = 25;

/// The same strip of each frame.
#[derive(Debug)]
pub(crate) struct Strip {
    pub(crate) area: Rect,
    looks: Vec<Vec<u8>>,
}

/// A box of samples within a strip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) left: usize,
    pub(crate) top: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Place {
    /// True if the two boxes have a sample in common.
    pub(crate) const fn touches(&self, other: &Self) -> bool {
        self.left < other.left + other.width
            && other.left < self.left + self.width
            && self.top < other.top + other.height
            && other.top < self.top + self.height
    }
}

/// The stroke sides in a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Strokes {
    /// The mean number of stroke sides in a frame.
    pub(crate) shown: f32,
    /// The number of stroke sides that are the same in all frames.
    pub(crate) lasting: f32,
}

impl Strip {
    pub(crate) fn pull(clip: &dyn Clip, frames: &[u32], level: u32, area: Rect) -> Result<Self, Failure> {
        let looks = frames.iter().map(|&frame| clip.crop(frame, PlaneKind::Luma, level, area));
        Ok(Self { area, looks: looks.collect::<Result<_, _>>()? })
    }

    pub(crate) const fn columns(&self) -> usize {
        self.area.width as usize / TILE
    }

    /// Returns for each tile the pairs of frames between which it changed, one bit for each pair.
    pub(crate) fn changes(&self) -> Vec<u32> {
        let (width, columns) = (self.area.width as usize, self.columns());
        let mut changes = vec![0_u32; columns * (self.area.height as usize / TILE)];
        let mut counts = vec![[0_u8; TILE]; columns];
        for (bit, (before, after)) in self.looks.iter().zip(self.looks.iter().skip(1)).enumerate() {
            let bands = before.chunks_exact(TILE * width).zip(after.chunks_exact(TILE * width));
            for ((before, after), marks) in bands.zip(changes.chunks_exact_mut(columns.max(1))) {
                counts.fill([0; TILE]);
                for (before, after) in before.chunks_exact(width).zip(after.chunks_exact(width)) {
                    let tiles = before.as_chunks::<TILE>().0.iter().zip(after.as_chunks::<TILE>().0);
                    for ((before, after), counts) in tiles.zip(&mut counts) {
                        for ((&before, &after), count) in before.iter().zip(after).zip(counts) {
                            *count += u8::from(before.abs_diff(after) > CHANGED);
                        }
                    }
                }
                for (mark, counts) in marks.iter_mut().zip(&counts) {
                    if counts.iter().sum::<u8>() >= LEAST_CHANGED {
                        *mark |= 1 << bit;
                    }
                }
            }
        }
        changes
    }

    /// Counts the stroke sides within a place. `height` is the smallest difference of a stroke side in grey levels, for
    /// example [`STROKE`].
    pub(crate) fn strokes(&self, place: Place, height: i16) -> Strokes {
        let mut shown = 0_usize;
        let mut lasting: Option<Vec<i8>> = None;
        for look in &self.looks {
            let mut sides = Vec::with_capacity(place.width * place.height);
            for row in look.chunks_exact(self.area.width as usize).skip(place.top).take(place.height) {
                let row = row.get(place.left..(place.left + place.width).min(row.len())).unwrap_or_default();
                let pairs = row.iter().zip(row.get(2..).unwrap_or_default());
                sides.extend(pairs.map(|(&a, &b)| {
                    let rise = i16::from(b) - i16::from(a);
                    i8::from(rise >= height) - i8::from(rise <= -height)
                }));
            }
            shown += sides.iter().filter(|&&side| side != 0).count();
            lasting = Some(match lasting {
                None => sides,
                Some(before) => {
                    before.iter().zip(&sides).map(|(&a, &b)| if a == b { a } else { 0 }).collect()
                }
            });
        }
        let lasting = lasting.unwrap_or_default().iter().filter(|&&side| side != 0).count();
        Strokes { shown: shown as f32 / self.looks.len().max(1) as f32, lasting: lasting as f32 }
    }
}

//! The lone steps of bands of rows and columns, averaged into profiles.

use easysight_sdk::{Clip, Failure, PlaneKind, Rect};

use crate::grid::{BAND, PARTS};

/// The number of bands of rows, and of columns, in each part of the picture.
const BANDS: u32 = 2;

/// The direction of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// From each column to the next.
    Across,
    /// From each row to the next.
    Down,
}

/// The mean lone step at each place between two neighbouring columns or rows, in grey levels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Profiles {
    /// The profile of the whole picture. It has one place fewer than the picture has columns (or rows).
    pub(crate) whole: Vec<f32>,
    /// The profiles of the parts, from left to right and from top to bottom. Each profile has [`Profiles::length`]
    /// places.
    pub(crate) parts: Vec<Vec<f32>>,
    pub(crate) length: usize,
}

impl Profiles {
    pub(crate) fn of(clip: &dyn Clip, frames: &[u32], level: u32, way: Way) -> Result<Self, Failure> {
        let (width, height) = clip.size(PlaneKind::Luma, level)?;
        let (along, beside) = match way {
            Way::Across => (width, height),
            Way::Down => (height, width),
        };
        let length = (along / PARTS) as usize;
        // A strip covers a whole row of parts for steps across, or a whole column of parts for steps down. Later, each
        // strip is cut into its parts.
        let mut strips = vec![vec![0_u32; along as usize - 1]; PARTS as usize];
        for &frame in frames {
            for (band, strip) in (0..PARTS * BANDS).zip((0..PARTS).flat_map(|part| [part; BANDS as usize])) {
                let place = (beside - BAND.min(beside)) * band / (PARTS * BANDS - 1);
                let area = match way {
                    Way::Across => Rect { x: 0, y: place, width, height: BAND },
                    Way::Down => Rect { x: place, y: 0, width: BAND, height },
                };
                let samples = clip.crop(frame, PlaneKind::Luma, level, area)?;
                let Some(sums) = strips.get_mut(strip as usize) else { continue };
                match way {
                    Way::Across => add_across(&samples, width as usize, sums),
                    Way::Down => add_down(&samples, sums),
                }
            }
        }
        let steps = (BAND * BANDS) as f32 * frames.len() as f32;
        let mut whole = vec![0.0; along as usize - 1];
        for strip in &strips {
            for (whole, &sum) in whole.iter_mut().zip(strip) {
                *whole += sum as f32 / (steps * PARTS as f32);
            }
        }
        let cut = |strip: &Vec<u32>, part: u32| -> Vec<f32> {
            let places = strip.iter().skip(part as usize * length).take(length);
            places.map(|&sum| sum as f32 / steps).collect()
        };
        let parts = (0..PARTS).flat_map(|row| (0..PARTS).map(move |column| (column, row)));
        let parts = parts.map(|(column, row)| match way {
            Way::Across => (row, column),
            Way::Down => (column, row),
        });
        let parts = parts.filter_map(|(strip, part)| Some(cut(strips.get(strip as usize)?, part))).collect();
        Ok(Self { whole, parts, length })
    }
}

/// Adds to `sums` the lone step from each sample of a band of rows to its right neighbour.
fn add_across(band: &[u8], width: usize, sums: &mut [u32]) {
    let mut steps = vec![0; width.saturating_sub(1)];
    for row in band.chunks_exact(width) {
        for ((&left, &right), step) in row.iter().zip(row.get(1..).unwrap_or_default()).zip(&mut steps) {
            *step = left.abs_diff(right);
        }
        let at = |from: usize| steps.get(from..).unwrap_or_default();
        add_lone(at(0), at(1), at(2), sums.get_mut(1..).unwrap_or_default());
    }
}

/// Adds to `sums` the lone steps from each row of a band of columns to the next row.
fn add_down(band: &[u8], sums: &mut [u32]) {
    const WIDTH: usize = BAND as usize;
    let mut steps = vec![0; band.len().saturating_sub(WIDTH)];
    for ((&upper, &lower), step) in band.iter().zip(band.get(WIDTH..).unwrap_or_default()).zip(&mut steps) {
        *step = upper.abs_diff(lower);
    }
    let rows = || steps.chunks_exact(WIDTH);
    let triples = rows().zip(rows().skip(1)).zip(rows().skip(2));
    for (((before, at), after), sum) in triples.zip(sums.iter_mut().skip(1)) {
        let mut lone = [0; WIDTH];
        add_lone(before, at, after, &mut lone);
        *sum += lone.iter().sum::<u32>();
    }
}

/// Adds to `sums` the height by which each step exceeds the larger of its two neighbouring steps.
fn add_lone(before: &[u8], at: &[u8], after: &[u8], sums: &mut [u32]) {
    for (((&before, &at), &after), sum) in before.iter().zip(at).zip(after).zip(sums) {
        *sum += u32::from(at.saturating_sub(before.max(after)));
    }
}

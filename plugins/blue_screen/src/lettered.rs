//! A notice that is written over a picture. The servers of public traffic cameras send it in place of a camera's
//! picture: large letters and bars of one strong colour across the middle of a darkened old picture. Letters are drawn,
//! so they all have exactly the same colour, which is much brighter than the surroundings. A row of samples through a
//! line of writing enters and leaves the letters many times, over the whole width. Lamps, lines on the road and
//! vehicles have strong colours too, but they have fewer edges in a row and no dark background. One picture is enough.

use easysight_sdk::{Clip, Failure, PlaneKind};

/// The largest width of the judged picture; chroma has half of it.
const WIDTH: u32 = 320;
/// The share of the height, at the top and at the bottom, that is ignored because cameras write their names there.
const STRIP: f64 = 0.15;
/// The smallest distance of Cb or Cr from 128 at which a colour is strong.
const STRONG: u8 = 32;
/// The largest distance of Cb or Cr from the letters' colour at which a sample counts as a part of a letter.
/// Subsampling and coding smear the letters' colour.
const NEAR: u8 = 20;
/// The side of a bin, in levels of Cb and of Cr. The letters' colour is the middle of the fullest bin.
const BIN: usize = 8;
/// The smallest difference in mean brightness between the letters and the rest of the picture. The measured difference
/// is 154 on a notice, and at most 62 in lit streets whose strong colours have a similar number of edges.
const BRIGHTER: f64 = 100.0;
/// The smallest share of the samples that letters cover.
const LEAST_SHARE: f64 = 0.03;
/// The smallest share of the columns that letters reach.
const LEAST_SPREAD: f64 = 0.5;
/// A row counts as written if it enters the letters at least this many times.
const LEAST_RUNS: usize = 6;

/// Returns the share of the rows in the middle of a picture that are written; 0 if there is no notice.
pub(crate) fn written_share(clip: &dyn Clip, frame: u32) -> Result<f64, Failure> {
    let level = clip.level_within(WIDTH);
    let finer = level + 1;
    let (width, height) = clip.size(PlaneKind::Cb, level)?;
    if finer >= clip.info().levels || clip.size(PlaneKind::Luma, finer)? != (width, height) {
        return Ok(0.0);
    }
    let width = width.max(1) as usize;
    let top = (STRIP * f64::from(height)) as usize * width;
    let middle = |plane: Vec<u8>| -> Vec<u8> {
        plane.get(top..plane.len().saturating_sub(top)).unwrap_or_default().to_vec()
    };
    let cb = middle(clip.plane(frame, PlaneKind::Cb, level)?);
    let cr = middle(clip.plane(frame, PlaneKind::Cr, level)?);
    let luma = middle(clip.luma(frame, finer)?);
    let Some((letter_cb, letter_cr)) = strongest(&cb, &cr) else { return Ok(0.0) };
    let is_letter = |(&cb, &cr): (&u8, &u8)| {
        strong(cb, cr) && cb.abs_diff(letter_cb) <= NEAR && cr.abs_diff(letter_cr) <= NEAR
    };
    let letters: Vec<bool> = cb.iter().zip(&cr).map(is_letter).collect();
    Ok(if is_drawn(&letters, &luma, width) { written(&letters, width) } else { 0.0 })
}

const fn strong(cb: u8, cr: u8) -> bool {
    cb.abs_diff(128) >= STRONG || cr.abs_diff(128) >= STRONG
}

/// Returns the most frequent strong colour, or none if there is no strong colour. Stronger colours have more weight,
/// because letters that are smeared into the background are weaker.
fn strongest(cb: &[u8], cr: &[u8]) -> Option<(u8, u8)> {
    const BINS: usize = 256 / BIN;
    let mut counts = vec![0_u32; BINS * BINS];
    for (&cb, &cr) in cb.iter().zip(cr).filter(|&(&cb, &cr)| strong(cb, cr)) {
        if let Some(count) = counts.get_mut(usize::from(cb) / BIN * BINS + usize::from(cr) / BIN) {
            *count += u32::from(cb.abs_diff(128).max(cr.abs_diff(128)));
        }
    }
    let (at, &most) = counts.iter().enumerate().max_by_key(|&(_, &count)| count)?;
    let middle = |bin: usize| (bin * BIN + BIN / 2) as u8;
    (most > 0).then_some((middle(at / BINS), middle(at % BINS)))
}

/// True if the letters are brighter than the rest, cover enough samples, and are spread over enough columns.
fn is_drawn(letters: &[bool], luma: &[u8], width: usize) -> bool {
    let mean = |of: bool| {
        let samples = letters.iter().zip(luma).filter(|&(&letter, _)| letter == of);
        let (sum, count) =
            samples.fold((0_u64, 0_u64), |(sum, count), (_, &luma)| (sum + u64::from(luma), count + 1));
        sum as f64 / count.max(1) as f64
    };
    let mut reached = vec![false; width];
    for row in letters.chunks_exact(width) {
        reached.iter_mut().zip(row).for_each(|(reached, &letter)| *reached |= letter);
    }
    let count = letters.iter().filter(|&&letter| letter).count();
    let columns = reached.iter().filter(|&&reached| reached).count();
    mean(true) - mean(false) >= BRIGHTER
        && count as f64 >= LEAST_SHARE * letters.len() as f64
        && columns as f64 >= LEAST_SPREAD * width as f64
}

/// Returns the share of the rows that enter the letters many times.
fn written(letters: &[bool], width: usize) -> f64 {
    let runs = |row: &[bool]| row.windows(2).filter(|pair| matches!(pair, [false, true])).count();
    let rows = letters.chunks_exact(width).map(runs);
    rows.filter(|&runs| runs >= LEAST_RUNS).count() as f64 / (letters.len() / width).max(1) as f64
}

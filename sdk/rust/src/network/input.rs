//! The input of a network, made from a picture.

use super::Maps;
use crate::{Clip, Failure, PlaneKind, SampleRange};

/// The width of the luma plane in a network's input, independent of the size and shape of the picture.
pub const LUMA_WIDTH: usize = 320;
/// The height of the luma plane; see [`LUMA_WIDTH`].
pub const LUMA_HEIGHT: usize = 192;
/// The width of both chroma planes.
pub const CHROMA_WIDTH: usize = LUMA_WIDTH / 2;
/// The height of both chroma planes; see [`CHROMA_WIDTH`].
pub const CHROMA_HEIGHT: usize = LUMA_HEIGHT / 2;

/// Converts a frame to maps of [`CHROMA_WIDTH`] × [`CHROMA_HEIGHT`] places with six channels: the four luma samples
/// of a square of 2 × 2, row by row, then Cb and Cr. Samples of limited range are first converted to full range. Then
/// the sample 128 becomes 0, and a difference of 128 between two samples becomes [`ONE`](super::ONE), the fixed-point
/// number for 1.
///
/// # Errors
///
/// The errors of [`Clip::plane`].
pub fn picture(clip: &dyn Clip, frame: u32) -> Result<Maps, Failure> {
    let level = clip.level_not_below(LUMA_WIDTH as u32);
    let plane = |kind, width, height| -> Result<Vec<u8>, Failure> {
        let (across, _) = clip.size(kind, level)?;
        Ok(shrunk(&clip.plane(frame, kind, level)?, across as usize, width, height))
    };
    let luma = plane(PlaneKind::Luma, LUMA_WIDTH, LUMA_HEIGHT)?;
    let cb = plane(PlaneKind::Cb, CHROMA_WIDTH, CHROMA_HEIGHT)?;
    let cr = plane(PlaneKind::Cr, CHROMA_WIDTH, CHROMA_HEIGHT)?;
    let is_limited = clip.info().range == SampleRange::Limited;
    // ITU-R BT.601: black 16, white 235; chroma 16 to 240 around 128.
    let tone = |sample: u8| match i32::from(sample) {
        sample if is_limited => ((sample - 16).clamp(0, 219) * 510 / 219 - 256) as i16,
        sample => (2 * sample - 256) as i16,
    };
    let colour = |sample: u8| match i32::from(sample) - 128 {
        sample if is_limited => (sample * 510 / 224).clamp(-256, 254) as i16,
        sample => (2 * sample) as i16,
    };
    let mut values = Vec::with_capacity(6 * CHROMA_WIDTH * CHROMA_HEIGHT);
    let rows = luma.as_chunks::<{ 2 * LUMA_WIDTH }>().0;
    let chroma = cb.as_chunks::<CHROMA_WIDTH>().0.iter().zip(cr.as_chunks::<CHROMA_WIDTH>().0);
    for (pair, (cb, cr)) in rows.iter().zip(chroma) {
        let (upper, lower) = pair.split_at(LUMA_WIDTH);
        let squares = upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0);
        for ((([a, b], [c, d]), &cb), &cr) in squares.zip(cb).zip(cr) {
            values.extend([tone(*a), tone(*b), tone(*c), tone(*d), colour(cb), colour(cr)]);
        }
    }
    Ok(Maps { width: CHROMA_WIDTH, channels: 6, values })
}

/// The samples of a row (or of a column) that are averaged into one sample, and the weight of each sample in 256ths.
struct Span {
    first: usize,
    shares: Vec<u16>,
}

fn spans(from: usize, to: usize) -> Vec<Span> {
    let place = |at: usize| at as f64 * from as f64 / to as f64;
    let span = |at: usize| {
        let (begin, end) = (place(at), place(at + 1));
        let first = (begin as usize).min(from.saturating_sub(1));
        let last = (end.ceil() as usize).clamp(first + 1, from.max(1));
        let covered = |sample: usize| (end.min(sample as f64 + 1.0) - begin.max(sample as f64)).max(0.0);
        let mut shares: Vec<u16> =
            (first..last).map(|sample| (256.0 * covered(sample) / (end - begin)) as u16).collect();
        // The remainder of the rounding is given to the middle sample.
        let lost = 256_u16.saturating_sub(shares.iter().sum());
        let middle = shares.len() / 2;
        if let Some(share) = shares.get_mut(middle) {
            *share += lost;
        }
        Span { first, shares }
    };
    (0..to).map(span).collect()
}

/// Resizes a plane of `width` samples a row. Each new sample is the mean of the area that it covers.
#[must_use]
pub fn shrunk(samples: &[u8], width: usize, to_width: usize, to_height: usize) -> Vec<u8> {
    let height = samples.len().checked_div(width).unwrap_or(0);
    if height == 0 {
        return vec![0; to_width * to_height];
    }
    if (width, height) == (to_width, to_height) {
        return samples.to_vec();
    }
    // Each group of rows is first averaged into one row. This step handles many columns at a time, and the step across
    // the columns has fewer rows to handle.
    let across = spans(width, to_width);
    let mut small = Vec::with_capacity(to_width * to_height);
    let mut sums = vec![0_u16; width];
    for Span { first, shares } in spans(height, to_height) {
        sums.fill(0);
        for (row, share) in samples.chunks_exact(width).skip(first).zip(shares) {
            for (sum, &sample) in sums.iter_mut().zip(row) {
                // The shares add up to 256, so the sum is at most 255 × 256.
                *sum += u16::from(sample) * share;
            }
        }
        if width == to_width {
            small.extend(sums.iter().map(|&sum| ((u32::from(sum) + 128) >> 8) as u8));
            continue;
        }
        small.extend(across.iter().map(|Span { first, shares }| {
            let sums = sums.get(*first..).unwrap_or_default();
            let sum: u32 =
                sums.iter().zip(shares).map(|(&sum, &share)| u32::from(sum) * u32::from(share)).sum();
            ((sum + (1 << 15)) >> 16) as u8
        }));
    }
    small
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_area_keeps_its_mean(
            (width, samples) in (1..50_usize, 1..50_usize)
                .prop_flat_map(|(w, h)| (Just(w), prop::collection::vec(any::<u8>(), w * h))),
            (to_width, to_height) in (1..60_usize, 1..60_usize),
        ) {
            let mean = |samples: &[u8]| {
                samples.iter().map(|&sample| f64::from(sample)).sum::<f64>() / samples.len() as f64
            };
            let small = shrunk(&samples, width, to_width, to_height);
            prop_assert_eq!(small.len(), to_width * to_height);
            // The middle sample of each area also gets what the rounding of the other shares has lost: less than one 256th
            // for each of them, in each direction.
            let lost = |from: usize, to: usize| (from.div_ceil(to) + 1) as f64;
            let most = lost(width, to_width) + lost(samples.len() / width, to_height);
            prop_assert!((mean(&small) - mean(&samples)).abs() < most);
        }
    }

    #[test]
    fn a_half_is_the_mean_of_squares_and_the_same_size_the_same() {
        let samples: Vec<u8> = vec![0, 10, 20, 30, 40, 50, 60, 70];
        assert_eq!(shrunk(&samples, 4, 2, 1), [25, 45]);
        assert_eq!(shrunk(&samples, 4, 4, 2), samples);
    }
}

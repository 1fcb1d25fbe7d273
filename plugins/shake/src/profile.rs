//! A frame reduced to profiles: how its brightness changes along x in each of a few bands, and along
//! y in each of a few strips. Shifting the picture shifts them, and they average noise away.

/// Horizontal bands, whose columns are summed.
pub(crate) const BANDS: usize = 5;
/// Vertical strips, whose rows are summed.
pub(crate) const STRIPS: usize = 6;

/// The slopes of a frame's profiles: the mean of a band's column (or a strip's row) less that of its
/// neighbour but one, in 16ths of a grey level. Slopes stay when the light changes.
#[derive(Debug, Clone)]
pub(crate) struct Profiles {
    /// Of each band, along x; as long as the picture is wide.
    pub(crate) across: Vec<Vec<i16>>,
    /// Of each strip, along y; as long as the picture is high.
    pub(crate) down: Vec<Vec<i16>>,
    /// `across` and `down` without what all bands, or all strips, have in common. Interference lays the
    /// same wave over the whole picture, which moves while the camera stands; and so does a change of
    /// the light. What is left moves with the camera as before.
    pub(crate) apart: [Vec<Vec<i16>>; 2],
}

impl Profiles {
    /// Of a plane of `width` samples a row.
    pub(crate) fn of(samples: &[u8], width: usize) -> Self {
        let height = samples.len() / width.max(1);
        let band_height = (height / BANDS).max(1);
        let strip_width = (width / STRIPS).max(1);
        let mut across = Vec::with_capacity(BANDS);
        let mut down = vec![Vec::new(); STRIPS];
        for band in samples.chunks(width.max(1) * band_height).take(BANDS) {
            let mut sums = vec![0_u32; width];
            let mut rows = 0;
            // At most 256 rows fit into 16 bits, which are summed at twice the pace.
            for part in band.chunks(width.max(1) * 256) {
                let mut short = vec![0_u16; width];
                for row in part.chunks_exact(width.max(1)) {
                    rows += 1;
                    for (sum, &sample) in short.iter_mut().zip(row) {
                        *sum += u16::from(sample);
                    }
                    for (strip, down) in row.chunks_exact(strip_width).zip(&mut down) {
                        down.push(strip.iter().map(|&sample| u32::from(sample)).sum());
                    }
                }
                for (sum, part) in sums.iter_mut().zip(short) {
                    *sum += u32::from(part);
                }
            }
            across.push(slopes(&sums, rows));
        }
        let down: Vec<_> = down.iter().map(|sums| slopes(sums, strip_width as u32)).collect();
        let apart = [without_mean(&across), without_mean(&down)];
        Self { across, down, apart }
    }
}

/// The same without what all bands, or all strips, have in common.
fn without_mean(slopes: &[Vec<i16>]) -> Vec<Vec<i16>> {
    let length = slopes.iter().map(Vec::len).min().unwrap_or_default();
    let mut means = vec![0_i16; length];
    let parts = slopes.len().max(1) as i16;
    for one in slopes {
        // Each at most 4,080 and few of them, so that sixteen bits hold the sum of up to eight.
        means.iter_mut().zip(one).for_each(|(sum, &slope)| *sum = sum.saturating_add(slope));
    }
    means.iter_mut().for_each(|mean| *mean /= parts);
    slopes.iter().map(|one| one.iter().zip(&means).map(|(&slope, &mean)| slope - mean).collect()).collect()
}

/// Slopes of a profile of sums over `count` samples each; 0 at both ends.
fn slopes(sums: &[u32], count: u32) -> Vec<i16> {
    let scale = 16.0 / count.max(1) as f32;
    let mut slopes = vec![0; sums.len()];
    let pairs = sums.iter().zip(sums.iter().skip(2));
    for (slope, (&before, &after)) in slopes.iter_mut().skip(1).zip(pairs) {
        // At most 255 × 16, which fits.
        *slope = ((after as i32 - before as i32) as f32 * scale) as i16;
    }
    slopes
}

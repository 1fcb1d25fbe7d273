//! The profiles of a frame: the changes of its brightness along x in each of a few horizontal bands, and along y in
//! each of a few vertical strips. If the picture shifts, its profiles shift too. Each value is an average over many
//! samples, which removes noise.

/// The number of horizontal bands, whose columns are summed.
pub(crate) const BANDS: usize = 5;
/// The number of vertical strips, whose rows are summed.
pub(crate) const STRIPS: usize = 6;

/// The steepest slope, from black to white, in 16ths of a grey level.
pub(crate) const STEEPEST: i16 = 255 * 16;

/// The slopes of a frame's profiles: the mean of a band's column (or a strip's row) minus the mean two columns (or
/// rows) away, in 16ths of a grey level. Slopes stay the same when the light changes.
#[derive(Debug, Clone)]
pub(crate) struct Profiles {
    /// The slopes of each band along x. Each band has one slope per column of the picture.
    pub(crate) across: [Vec<i16>; BANDS],
    /// The slopes of each strip along y. Each strip has one slope per row of the picture.
    pub(crate) down: [Vec<i16>; STRIPS],
    /// The slopes of `across` minus their mean over all bands. Interference adds the same wave to all bands, and this
    /// wave moves although the camera does not. A change of the light has the same effect. The differences from the
    /// mean move only with the camera.
    pub(crate) across_apart: [Vec<i16>; BANDS],
    /// The slopes of `down` minus their mean over all strips.
    pub(crate) down_apart: [Vec<i16>; STRIPS],
}

impl Profiles {
    /// Computes the profiles of a plane with rows of `width` samples.
    pub(crate) fn of(samples: &[u8], width: usize) -> Self {
        let width = width.max(1);
        let height = samples.len() / width;
        let band_height = (height / BANDS).max(1);
        let strip_width = (width / STRIPS).max(1);
        // The summed width of a strip is a multiple of sixteen samples (whole vectors), except in small pictures.
        let summed = if strip_width < 32 { strip_width } else { strip_width / 16 * 16 };
        let across = std::array::from_fn(|band| {
            let begin = (band * band_height * width).min(samples.len());
            let end = (begin + band_height * width).min(samples.len());
            let rows = samples.get(begin..end).unwrap_or_default();
            slopes(&column_sums(rows, width), rows.len() / width)
        });
        let down = std::array::from_fn(|strip| {
            let sum = |row: &[u8]| -> u32 {
                let strip = row.get(strip * strip_width..strip * strip_width + summed).unwrap_or_default();
                strip.iter().map(|&sample| u32::from(sample)).sum()
            };
            let sums: Vec<u32> = samples.chunks_exact(width).take(BANDS * band_height).map(sum).collect();
            slopes(&sums, summed)
        });
        let (across_apart, down_apart) = (without_mean(&across), without_mean(&down));
        Self { across, down, across_apart, down_apart }
    }
}

/// Sums the columns of some rows.
fn column_sums(rows: &[u8], width: usize) -> Vec<u32> {
    let mut sums = vec![0_u32; width];
    // The sums of at most 256 rows fit into 16 bits. Adding 16-bit numbers is twice as fast as adding 32-bit numbers.
    for part in rows.chunks(width * 256) {
        let mut short = vec![0_u16; width];
        for row in part.chunks_exact(width) {
            for (sum, &sample) in short.iter_mut().zip(row) {
                *sum += u16::from(sample);
            }
        }
        for (sum, part) in sums.iter_mut().zip(short) {
            *sum += u32::from(part);
        }
    }
    sums
}

/// Subtracts the mean over all bands, or over all strips, from each slope.
fn without_mean<const PARTS: usize>(slopes: &[Vec<i16>; PARTS]) -> [Vec<i16>; PARTS] {
    const { assert!(0 < PARTS && PARTS <= 8, "sums fit into sixteen bits") };
    let length = slopes.iter().map(Vec::len).min().unwrap_or_default();
    let mut means = vec![0_i16; length];
    for one in slopes {
        means.iter_mut().zip(one).for_each(|(sum, &slope)| *sum += slope);
    }
    means.iter_mut().for_each(|mean| *mean /= PARTS as i16);
    slopes.each_ref().map(|one| {
        let apart = |(&slope, &mean): (&i16, &i16)| (slope - mean).clamp(-STEEPEST, STEEPEST);
        one.iter().zip(&means).map(apart).collect()
    })
}

/// Computes the slopes of a profile. Each element of `sums` is the sum of `count` samples. The first and the last slope
/// are 0.
fn slopes(sums: &[u32], count: usize) -> Vec<i16> {
    let scale = 16.0 / count.max(1) as f32;
    let mut slopes = vec![0; sums.len()];
    let after = sums.get(2..).unwrap_or_default();
    let middle = slopes.get_mut(1..).unwrap_or_default();
    for (slope, (&before, &after)) in middle.iter_mut().zip(sums.iter().zip(after)) {
        // The absolute value is at most STEEPEST, which fits into 16 bits.
        *slope = ((after as i32 - before as i32) as f32 * scale) as i32 as i16;
    }
    slopes
}

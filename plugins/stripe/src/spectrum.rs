//! Waves of any angle that extend over all patches of a picture.
//!
//! The picture, and the change since another frame, are divided into patches over their whole area. Each patch is
//! transformed with Hann's window. The spectrum of a scene falls off smoothly and differs from patch to patch;
//! interference adds the same narrow peak to all of them, whether they show road or sky. So each frequency is rated by
//! the amplitude that it has in nearly all patches: at most two patches, in which it is weakest, are left out, and its
//! smallest amplitude in the others counts. A peak must be many times as high as the median of the ring of frequencies
//! around it. Fences, bricks and façades follow perspective, so their frequency differs from patch to patch. One
//! transform is enough for the picture and the change: the picture is the real part of its input, and the change is the
//! imaginary part.

use easysight_sdk::{Clip, Failure, PlaneKind, Rect};

use crate::fourier::{Fourier, Patch, SIDE};

/// The largest width, in pixels, of the picture that is measured. Wider pictures are reduced, which removes only
/// stripes that are hardly visible.
const WIDTH: u32 = 960;
/// The largest number of patches across.
const ACROSS: u32 = 4;
/// The largest number of patches down.
const DOWN: u32 = 3;
/// One patch in this number may be without the wave: at most two of [`ACROSS`] × [`DOWN`] patches. White sky, for
/// example, clips the wave.
const MAY_LACK: usize = 6;
/// The number of lowest powers that are stored for each frequency: those of the patches that may be left out, and the
/// next one, which counts.
const LOWEST: usize = (ACROSS * DOWN) as usize / MAY_LACK + 1;
/// The smallest number of waves over a patch, for the change. Hann's window spreads every frequency over two more on
/// each side, and the light and shade of a scene have low frequencies.
const FEWEST: f32 = 3.5;
/// The smallest number of waves over a patch, for the picture.
const FEWEST_STANDING: f32 = 5.5;
/// The largest number of waves over a patch. The pattern of colours on the sensor leaves a chequered pattern,
/// at half a wave per sample.
const MOST: f32 = 0.47 * SIDE as f32;
/// The radii of the ring around a peak, in frequencies. The spread of the window does not reach the ring.
const RING: std::ops::Range<f32> = 3.5..6.3;
/// The amplitude that the rounding of samples leaves.
const ROUNDING: f32 = 0.15;
/// The factor by which a peak of the change must exceed the median of the ring.
const CHANGING: f32 = 6.0;
/// The same factor for oblique waves of the picture.
const OBLIQUE: f32 = 11.0;
/// The same factor for vertical or horizontal waves of the picture, which man-made objects also have.
const UPRIGHT: f32 = 13.0;
/// The factor by which a vertical or horizontal wave must also exceed the lower and higher frequencies on its
/// axis, because a single edge from side to side contains all of them.
const OVER_EDGES: f32 = 4.0;
/// The distances of these lower and higher frequencies from the peak.
const BEFORE_AND_BEHIND: std::ops::RangeInclusive<i32> = 4..=8;
/// The number of frequencies on either side of the axes that count as vertical or horizontal.
const ON_AXIS: i32 = 1;
/// The share of the required factor above which a peak starts to count. From the whole factor on, it counts in full.
const BEGINS: f32 = 0.75;

/// A wave over the whole picture.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Peak {
    /// The grey levels from the mean to the crest. The value is reduced if the peak exceeds its ring by less than the
    /// required factor.
    pub(crate) amplitude: f64,
    /// The distance from crest to crest, in pixels of the native picture.
    pub(crate) period: f64,
    /// The clockwise angle of the stripes from the horizontal, in degrees, 0 to 180.
    pub(crate) angle: f64,
}

/// The strongest waves.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Peaks {
    pub(crate) standing: Peak,
    pub(crate) changing: Peak,
}

/// Measures a frame, and the change from it to another. A picture smaller than a patch has no peaks.
///
/// # Errors
///
/// [`Failure`] if the planes cannot be read.
pub(crate) fn peaks(clip: &dyn Clip, frame: u32, other: Option<u32>) -> Result<Peaks, Failure> {
    let level = clip.level_within(WIDTH);
    let (width, height) = clip.size(PlaneKind::Luma, level)?;
    let side = SIDE as u32;
    if width.min(height) < side {
        return Ok(Peaks::default());
    }
    let (columns, rows) = ((width / side).clamp(2, ACROSS), (height / side).clamp(2, DOWN));
    let (fourier, window) = (Fourier::new(), window());
    let mut lowest: [Lowest; 2] = [Lowest::new(), Lowest::new()];
    for place in 0..columns * rows {
        let area = Rect {
            x: (width - side) * (place % columns) / (columns - 1),
            y: (height - side) * (place / columns) / (rows - 1),
            width: side,
            height: side,
        };
        let picture = clip.crop(frame, PlaneKind::Luma, level, area)?;
        let other = other.map(|other| clip.crop(other, PlaneKind::Luma, level, area)).transpose()?;
        let spectrum = fourier.turned(&patch(&picture, other.as_deref(), &window));
        for (lowest, powers) in lowest.iter_mut().zip(apart(&spectrum)) {
            lowest.add(powers);
        }
    }
    let lacking = (columns * rows) as usize / MAY_LACK;
    let gain = window.iter().sum::<f32>().powi(2);
    let [pictures, changes] = lowest.map(|lowest| lowest.amplitudes(lacking, gain));
    let scale = f64::from(1_u32 << level);
    Ok(Peaks {
        standing: strongest(&pictures, FEWEST_STANDING, scale, |x, y| {
            if x.abs() <= ON_AXIS || y.abs() <= ON_AXIS { UPRIGHT } else { OBLIQUE }
        }),
        changing: strongest(&changes, FEWEST, scale, |_, _| CHANGING),
    })
}

/// Hann's window along one side.
fn window() -> Vec<f32> {
    (0..SIDE).map(|at| 0.5 - 0.5 * (std::f32::consts::TAU * at as f32 / SIDE as f32).cos()).collect()
}

/// Returns the picture minus its mean as the real part, and its change as the imaginary part, times the window.
fn patch(picture: &[u8], other: Option<&[u8]>, window: &[f32]) -> Patch {
    let mean = picture.iter().map(|&v| u32::from(v)).sum::<u32>() as f32 / picture.len().max(1) as f32;
    let mut patch = Patch { real: vec![0.0; SIDE * SIDE], imaginary: vec![0.0; SIDE * SIDE] };
    let rows = picture.chunks_exact(SIDE).zip(other.unwrap_or(picture).chunks_exact(SIDE));
    let parts = patch.real.chunks_exact_mut(SIDE).zip(patch.imaginary.chunks_exact_mut(SIDE));
    for (((picture, other), (real, imaginary)), down) in rows.zip(parts).zip(window) {
        let samples = picture.iter().zip(other).zip(window);
        for (((&sample, &other), across), (real, imaginary)) in samples.zip(real.iter_mut().zip(imaginary)) {
            let weight = down * across;
            *real = weight * (f32::from(sample) - mean);
            *imaginary = weight * (f32::from(other) - f32::from(sample));
        }
    }
    patch
}

/// Returns the spectra of the real part and of the imaginary part of a patch, as four times the powers. The
/// spectra are separated by their symmetry. The frequencies that are mirror images of others are left out: each
/// spectrum has 65 rows, one for each horizontal frequency, and 128 vertical frequencies in each row.
fn apart(spectrum: &Patch) -> [Vec<f32>; 2] {
    let [mut reals, mut imaginaries] = [vec![0.0; SIDE * (SIDE / 2 + 1)], vec![0.0; SIDE * (SIDE / 2 + 1)]];
    let row = |part: &'_ [f32], x: usize| -> Vec<f32> {
        part.get(x % SIDE * SIDE..(x % SIDE + 1) * SIDE).unwrap_or_default().to_vec()
    };
    // The first vertical frequency is its own mirror image, and the others follow in reverse order.
    let mirror = |part: &[f32], x: usize| {
        let mut row = row(part, SIDE - x);
        row.reverse();
        row.rotate_right(1);
        row
    };
    for (x, (reals, imaginaries)) in
        reals.chunks_exact_mut(SIDE).zip(imaginaries.chunks_exact_mut(SIDE)).enumerate()
    {
        let (a_real, a_imaginary) = (row(&spectrum.real, x), row(&spectrum.imaginary, x));
        let (b_real, b_imaginary) = (mirror(&spectrum.real, x), mirror(&spectrum.imaginary, x));
        let pairs = a_real.iter().zip(&a_imaginary).zip(b_real.iter().zip(&b_imaginary));
        for (((a, ai), (b, bi)), (real, imaginary)) in pairs.zip(reals.iter_mut().zip(imaginaries)) {
            *real = (a + b) * (a + b) + (ai - bi) * (ai - bi);
            *imaginary = (ai + bi) * (ai + bi) + (a - b) * (a - b);
        }
    }
    [reals, imaginaries]
}

/// The lowest powers of each frequency, in ascending order.
struct Lowest {
    powers: [Vec<f32>; LOWEST],
}

impl Lowest {
    fn new() -> Self {
        Self { powers: std::array::from_fn(|_| vec![f32::MAX; SIDE * (SIDE / 2 + 1)]) }
    }

    fn add(&mut self, mut powers: Vec<f32>) {
        for lowest in &mut self.powers {
            for (least, power) in lowest.iter_mut().zip(&mut powers) {
                // This is not `f32::min`, because that function handles NaN.
                (*least, *power) = if *power < *least { (*power, *least) } else { (*least, *power) };
            }
        }
    }

    /// Returns the smallest amplitude of each frequency, after the `lacking` weakest patches are left out.
    fn amplitudes(self, lacking: usize, gain: f32) -> Vec<f32> {
        // The amplitude is 2 |part| / gain; the powers are four times the squares of the parts.
        let powers = self.powers.into_iter().nth(lacking).unwrap_or_default();
        powers.into_iter().map(|power| power.sqrt() / gain).collect()
    }
}

/// Finds the strongest peak that stands alone, with at least `fewest` waves over a patch. `alone` returns the
/// factor by which a peak must exceed its ring.
fn strongest(common: &[f32], fewest: f32, scale: f64, alone: impl Fn(i32, i32) -> f32) -> Peak {
    let half = SIDE as i32 / 2;
    let value = |x: i32, y: i32| {
        // Frequencies left of the axis are mirror images of the frequencies right of it.
        let (x, y) = if x < 0 { (-x, -y) } else { (x, y) };
        let (x, y) = if x > half { (2 * half - x, -y) } else { (x, y) };
        let index = x as usize * SIDE + y.rem_euclid(2 * half) as usize;
        common.get(index).copied().unwrap_or_default()
    };
    let mut best = Peak::default();
    for (x, y) in (-half..half).flat_map(|y| (0..=half).map(move |x| (x, y))) {
        let amplitude = value(x, y);
        let radius = (x as f32).hypot(y as f32);
        // Most frequencies are skipped here.
        if f64::from(amplitude) <= best.amplitude.max(0.5) || radius < fewest || radius > MOST {
            continue;
        }
        let around = (-6..=6).flat_map(|dy| (-6..=6).map(move |dx| (dx, dy)));
        let in_ring = |(dx, dy): &(i32, i32)| RING.contains(&(*dx as f32).hypot(*dy as f32));
        let mut ring: Vec<f32> = around.filter(in_ring).map(|(dx, dy)| value(x + dx, y + dy)).collect();
        ring.sort_unstable_by(f32::total_cmp);
        let middle = ring.get(ring.len() / 2).copied().unwrap_or_default();
        let mut times = amplitude / (middle + ROUNDING) / alone(x, y);
        if x.abs().min(y.abs()) <= ON_AXIS {
            let (dx, dy) = if x.abs() > y.abs() { (1, 0) } else { (0, 1) };
            let both = BEFORE_AND_BEHIND.flat_map(|by| [by, -by]);
            let mut beside: Vec<f32> = both.map(|by| value(x + by * dx, y + by * dy)).collect();
            beside.sort_unstable_by(f32::total_cmp);
            let middle = beside.get(beside.len() / 2).copied().unwrap_or_default();
            times = times.min(amplitude / (middle + ROUNDING) / OVER_EDGES);
        }
        let counts = ((times - BEGINS) / (1.0 - BEGINS)).clamp(0.0, 1.0);
        let amplitude = f64::from(amplitude * counts);
        if amplitude > best.amplitude {
            // The stripes are perpendicular to the direction of the wave.
            let angle = (f64::from(y).atan2(f64::from(x)).to_degrees() + 90.0).rem_euclid(180.0);
            best = Peak { amplitude, period: scale * f64::from(SIDE as f32 / radius), angle };
        }
    }
    best
}

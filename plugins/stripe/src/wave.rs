//! Waves that run through all parts of a picture in step.

/// Parts of the picture along the wave.
const ALONG: usize = 3;
/// Parts of the picture across it: few things of a scene reach over all of them.
const ACROSS: usize = 5;
/// Fields that may lack the wave before it counts as missing: a white wall clips it.
const MAY_LACK: usize = 2;
/// The weak fields' share of the middle one's amplitude up to which, and from which on, the wave is a
/// chance of the scene, and interference, which adds the same to every field.
const CHANCE: f64 = 0.15;
const EVEN: f64 = 0.5;
/// Waves that are looked at closely. Light and shade of the scene have their crests too.
const CRESTS: usize = 24;
/// Samples that a wave spans at the least.
const SHORTEST: usize = 3;

/// Which way a wave runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Axis {
    /// From row to row: horizontal stripes.
    #[default]
    Rows,
    /// From column to column: vertical stripes.
    Columns,
}

/// A wave over the whole picture.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Wave {
    /// Grey levels from the mean to the crest, in the fields where it is weak.
    pub(crate) amplitude: f64,
    /// How many of them the picture has.
    pub(crate) count: f64,
}

/// Mean grey levels of the rows of the upright parts of the picture, and of the columns of the
/// level ones.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Profiles {
    rows: [Vec<f32>; ACROSS],
    columns: [Vec<f32>; ACROSS],
}

impl Profiles {
    pub(crate) fn of(samples: &[u8], width: usize) -> Self {
        let height = samples.len().checked_div(width).unwrap_or_default();
        let part = |length: usize, at: usize| at * length / ACROSS..(at + 1) * length / ACROSS;
        let lines = || samples.chunks_exact(width.max(1));
        let rows = std::array::from_fn(|at| {
            let range = part(width, at);
            let count = range.len().max(1) as f32;
            let mean = |line: &[u8]| {
                let sum: u32 =
                    line.get(range.clone()).unwrap_or_default().iter().map(|&s| u32::from(s)).sum();
                sum as f32 / count
            };
            lines().map(mean).collect()
        });
        let columns = std::array::from_fn(|at| {
            let range = part(height, at);
            let mut sums = vec![0_u32; width];
            for line in lines().skip(range.start).take(range.len()) {
                for (sum, &sample) in sums.iter_mut().zip(line) {
                    *sum += u32::from(sample);
                }
            }
            let count = range.len().max(1) as f32;
            sums.into_iter().map(|sum| sum as f32 / count).collect()
        });
        Self { rows, columns }
    }

    /// What changed.
    pub(crate) fn minus(&self, before: &Self) -> Self {
        let minus = |a: &[Vec<f32>; ACROSS], b: &[Vec<f32>; ACROSS]| {
            std::array::from_fn(|at| {
                let pair = a.get(at).zip(b.get(at));
                pair.map_or_else(Vec::new, |(a, b)| a.iter().zip(b).map(|(a, b)| a - b).collect())
            })
        };
        Self { rows: minus(&self.rows, &before.rows), columns: minus(&self.columns, &before.columns) }
    }

    /// The amplitudes of the waves along an axis, by how many there are over the picture.
    pub(crate) fn spectrum(&self, axis: Axis) -> Vec<f64> {
        let profiles = match axis {
            Axis::Rows => &self.rows,
            Axis::Columns => &self.columns,
        };
        let length = profiles.iter().map(Vec::len).min().unwrap_or_default();
        let whole: Vec<f32> =
            (0..length).map(|at| profiles.iter().filter_map(|profile| profile.get(at)).sum()).collect();
        // What all fields have in step stands out in their sum, so only its crests are looked at closely.
        let rough: Vec<f64> = (0..length / SHORTEST)
            .map(|count| {
                let (real, imaginary) = component(&whole, 0, length, count);
                f64::hypot(real, imaginary) / ACROSS as f64
            })
            .collect();
        let mut crests: Vec<usize> = (1..rough.len()).collect();
        let height = |count: &usize| rough.get(*count).copied().unwrap_or_default();
        crests.sort_by(|a, b| height(b).total_cmp(&height(a)));
        let mut spectrum = vec![0.0; rough.len()];
        for count in crests.into_iter().take(CRESTS) {
            if let Some(place) = spectrum.get_mut(count) {
                *place = common_amplitude(profiles, length, count);
            }
        }
        spectrum
    }
}

/// The strongest wave of at least so many over the picture that is in all of the spectra but
/// `lacking`.
pub(crate) fn lasting(spectra: &[Vec<f64>], least: usize, lacking: usize) -> Wave {
    let longest = spectra.iter().map(Vec::len).max().unwrap_or_default();
    let mut strongest = Wave::default();
    for count in least..longest {
        let at = |spectrum: &Vec<f64>| spectrum.get(count).copied().unwrap_or_default();
        let mut amplitudes: Vec<f64> = spectra.iter().map(at).collect();
        amplitudes.sort_by(f64::total_cmp);
        let lacking = lacking.min(amplitudes.len().saturating_sub(1));
        let amplitude = amplitudes.get(lacking).copied().unwrap_or_default();
        if amplitude > strongest.amplitude {
            strongest = Wave { amplitude, count: count as f64 };
        }
    }
    strongest
}

/// The amplitude, in step with the whole, that all fields but a few have.
fn common_amplitude(profiles: &[Vec<f32>; ACROSS], length: usize, count: usize) -> f64 {
    let mut fields = [(0.0_f64, 0.0_f64); ALONG * ACROSS];
    // Waves of fewer than one in a field are judged over the whole length.
    let parts = if count >= 2 * ALONG { ALONG } else { 1 };
    let mut at = fields.iter_mut();
    for profile in profiles {
        let size = length / parts;
        for (part, samples) in profile.chunks_exact(size.max(1)).take(parts).enumerate() {
            if let Some(field) = at.next() {
                *field = component(samples, part * size, length, count);
            }
        }
    }
    let used = parts * ACROSS;
    let whole = fields.iter().take(used).fold((0.0, 0.0), |sum, field| (sum.0 + field.0, sum.1 + field.1));
    let length = f64::hypot(whole.0, whole.1);
    if length == 0.0 {
        return 0.0;
    }
    let mut in_step: Vec<f64> =
        fields.iter().take(used).map(|field| (field.0 * whole.0 + field.1 * whole.1) / length).collect();
    in_step.sort_by(f64::total_cmp);
    let lacking = if parts == 1 { 0 } else { MAY_LACK };
    let weak = in_step.get(lacking).copied().unwrap_or_default().max(0.0);
    let middle = in_step.get(used / 2).copied().unwrap_or_default().max(1e-9);
    weak * ((weak / middle - CHANCE) / (EVEN - CHANCE)).clamp(0.0, 1.0)
}

/// Amplitude of one wave in some samples of a profile, as a complex number: `count` waves a `length`,
/// with the phase of the profile's beginning, `from` samples before these.
fn component(samples: &[f32], from: usize, length: usize, count: usize) -> (f64, f64) {
    let mean = samples.iter().sum::<f32>() / samples.len().max(1) as f32;
    let turn = std::f64::consts::TAU * count as f64 / length.max(1) as f64;
    let (step_sin, step_cos) = turn.sin_cos();
    let (mut sin, mut cos) = (turn * from as f64).sin_cos();
    let (mut real, mut imaginary) = (0.0, 0.0);
    for &sample in samples {
        let value = f64::from(sample - mean);
        real += value * cos;
        imaginary += value * sin;
        (sin, cos) = (sin * step_cos + cos * step_sin, cos * step_cos - sin * step_sin);
    }
    let scale = 2.0 / samples.len().max(1) as f64;
    (real * scale, imaginary * scale)
}

//! Waves with the same phase in all parts of a picture.

/// The number of parts into which the picture is divided along the wave.
const ALONG: usize = 3;
/// The number of parts into which the picture is divided across the wave. Few objects of a scene extend over all of
/// these parts.
const ACROSS: usize = 5;
/// The number of fields in which the wave may be missing. A field is one of the [`ALONG`] × [`ACROSS`] parts of the
/// picture. A white wall clips the wave.
const MAY_LACK: usize = 2;
/// The largest evenness of a wave that is a coincidence of the scene and does not count. The evenness is the amplitude
/// in the weakest field that may not be missing, divided by the median amplitude of all fields.
const CHANCE: f64 = 0.15;
/// The smallest evenness of a wave that counts in full. Interference adds the same wave to every field.
const EVEN: f64 = 0.5;
/// The number of waves in a frame that are examined closely: those that are highest in the mean of all fields (the
/// crests). One is not enough, because the light and shade of the scene also contain high waves.
const CRESTS: usize = 24;
/// The smallest number of samples in a period of a wave.
const SHORTEST: usize = 3;

/// The number of steps in a grey level of a profile. The profile's values, and the differences of two profiles,
/// fit into twelve bits and a sign.
const STEPS: u32 = 16;
/// The height of the waves with which profiles are multiplied; see [`dot`].
const HEIGHT: f32 = 2047.0;

/// The direction of a wave.
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
    /// The grey levels from the mean to the crest, in the fields in which the wave is weak.
    pub(crate) amplitude: f64,
    /// The number of the wave's periods over the picture.
    pub(crate) count: f64,
}

/// The mean grey levels, in [`STEPS`], of the rows of the picture's vertical strips, and of the columns of
/// its horizontal strips.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Profiles {
    rows: [Vec<i16>; ACROSS],
    columns: [Vec<i16>; ACROSS],
}

impl Profiles {
    pub(crate) fn of(samples: &[u8], width: usize) -> Self {
        let height = samples.len().checked_div(width).unwrap_or_default();
        let part = |length: usize, at: usize| at * length / ACROSS..(at + 1) * length / ACROSS;
        let lines = || samples.chunks_exact(width.max(1));
        let rows = std::array::from_fn(|at| {
            let range = part(width, at);
            let count = range.len();
            let sum = |line: &[u8]| line.iter().map(|&sample| u32::from(sample)).sum();
            lines().map(|line| mean(sum(line.get(range.clone()).unwrap_or_default()), count)).collect()
        });
        let columns = std::array::from_fn(|at| {
            let range = part(height, at);
            let band = samples.get(range.start * width..range.end * width).unwrap_or_default();
            let mut sums = vec![0_u32; width];
            // Sums of at most 256 rows fit into 16 bits. The compiler adds twice as many of these sums at a time
            // as 32-bit sums.
            for band in band.chunks(256 * width.max(1)) {
                let mut short = vec![0_u16; width];
                for line in band.chunks_exact(width.max(1)) {
                    for (sum, &sample) in short.iter_mut().zip(line) {
                        *sum += u16::from(sample);
                    }
                }
                for (sum, short) in sums.iter_mut().zip(short) {
                    *sum += u32::from(short);
                }
            }
            sums.into_iter().map(|sum| mean(sum, range.len())).collect()
        });
        Self { rows, columns }
    }

    /// Returns the change since `before`.
    pub(crate) fn minus(&self, before: &Self) -> Self {
        let minus = |a: &[Vec<i16>; ACROSS], b: &[Vec<i16>; ACROSS]| {
            std::array::from_fn(|at| {
                let pair = a.get(at).zip(b.get(at));
                pair.map_or_else(Vec::new, |(a, b)| a.iter().zip(b).map(|(a, b)| a - b).collect())
            })
        };
        Self { rows: minus(&self.rows, &before.rows), columns: minus(&self.columns, &before.columns) }
    }

    /// Returns the standard deviation, in grey levels, of the mean of an axis' profiles.
    pub(crate) fn deviation(&self, axis: Axis) -> f64 {
        let profiles = self.along(axis);
        let length = profiles.iter().map(Vec::len).min().unwrap_or_default();
        let sum = |at: usize| {
            profiles.iter().filter_map(|profile| profile.get(at)).map(|&v| i32::from(v)).sum::<i32>()
        };
        let scale = ACROSS as f64 * f64::from(STEPS);
        let values: Vec<f64> = (0..length).map(|at| f64::from(sum(at)) / scale).collect();
        let count = length.max(1) as f64;
        let mean = values.iter().sum::<f64>() / count;
        (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt()
    }

    /// Returns the typical step from row to row, in grey levels, that all parts of the picture share. The step of a row
    /// is the smallest step of its parts, or 0 if the signs of their steps differ. The typical step is the median over
    /// the rows. In a change between two frames only noise of whole rows has large steps: objects cover a part of the
    /// width, light changes smoothly, and a camera that shakes moves the edges of a few rows.
    pub(crate) fn common_row_step(&self) -> f64 {
        let length = self.rows.iter().map(Vec::len).min().unwrap_or_default();
        let step = |at: usize| -> i16 {
            let steps = self.rows.iter().filter_map(|rows| Some(rows.get(at)? - rows.get(at - 1)?));
            let (least, most) =
                steps.fold((i16::MAX, i16::MIN), |(least, most), step| (least.min(step), most.max(step)));
            least.max(-most).max(0)
        };
        let mut steps: Vec<i16> = (1..length).map(step).collect();
        if steps.is_empty() {
            return 0.0;
        }
        let middle = steps.len() / 2;
        f64::from(*steps.select_nth_unstable(middle).1) / f64::from(STEPS)
    }

    const fn along(&self, axis: Axis) -> &[Vec<i16>; ACROSS] {
        match axis {
            Axis::Rows => &self.rows,
            Axis::Columns => &self.columns,
        }
    }
}

/// Returns the mean of `count` samples in [`STEPS`]: at most 255 × 16.
fn mean(sum: u32, count: usize) -> i16 {
    let count = (count as u32).max(1);
    ((sum * STEPS + count / 2) / count) as i16
}

/// Profiles of frames, and the conditions for a wave in them.
pub(crate) struct Asked<'a> {
    pub(crate) looks: Vec<&'a Profiles>,
    /// The smallest number of periods over the picture.
    pub(crate) least: usize,
    /// The number of frames in which the wave may be missing.
    pub(crate) lacking: usize,
}

/// Returns for each query the strongest wave along an axis that occurs in all frames of the query except `lacking`.
pub(crate) fn lasting<const N: usize>(axis: Axis, asked: [Asked<'_>; N]) -> [Wave; N] {
    let lines = asked.iter().flat_map(|asked| &asked.looks).flat_map(|look| look.along(axis));
    let length = lines.map(Vec::len).min().unwrap_or_default();
    let mut waves = Waves::new(length);
    let looks: Vec<Vec<Look>> = asked
        .iter()
        .map(|asked| asked.looks.iter().map(|look| Look::of(look.along(axis), length)).collect())
        .collect();
    let crests = crests(&looks, &mut waves, length);
    let mut strongest = [Wave::default(); N];
    for count in 1..length / SHORTEST {
        let mut is_drawn = false;
        for ((asked, looks), (crests, strongest)) in
            asked.iter().zip(&looks).zip(crests.iter().zip(&mut strongest))
        {
            let is_crest = |look: &Vec<bool>| look.get(count).copied().unwrap_or(false);
            let lacking = asked.lacking.min(looks.len().saturating_sub(1));
            // In a frame where the wave is no crest (see [`CRESTS`]), its amplitude counts as 0. If there are too many
            // such frames, the wave is skipped.
            let missing = crests.iter().filter(|look| !is_crest(look)).count();
            if count < asked.least || missing > lacking {
                continue;
            }
            if !is_drawn {
                waves.draw(count);
                is_drawn = true;
            }
            let amplitude = |(look, crests): (&Look, &Vec<bool>)| {
                if is_crest(crests) { look.common_amplitude(&waves, count) } else { 0.0 }
            };
            let mut amplitudes: Vec<f64> = looks.iter().zip(crests).map(amplitude).collect();
            amplitudes.sort_by(f64::total_cmp);
            let amplitude = amplitudes.get(lacking).copied().unwrap_or_default();
            if amplitude > strongest.amplitude {
                *strongest = Wave { amplitude, count: count as f64 };
            }
        }
    }
    strongest
}

/// Returns for each query and frame a list of flags, indexed by the number of periods of a wave. The flag is true if
/// the wave is examined closely. A wave with the same phase in all fields stands out in the mean of the fields.
fn crests(looks: &[Vec<Look>], waves: &mut Waves, length: usize) -> Vec<Vec<Vec<bool>>> {
    let counts = length / SHORTEST;
    let mut heights: Vec<Vec<Vec<f32>>> =
        looks.iter().map(|looks| vec![vec![0.0; counts]; looks.len()]).collect();
    for count in 1..counts {
        waves.draw(count);
        for (look, heights) in looks.iter().flatten().zip(heights.iter_mut().flatten()) {
            let (real, imaginary) = waves.component(&look.whole, 0);
            if let Some(height) = heights.get_mut(count) {
                *height = real * real + imaginary * imaginary;
            }
        }
    }
    let highest = |heights: Vec<f32>| -> Vec<bool> {
        let mut order: Vec<usize> = (1..counts).collect();
        let height = |count: &usize| heights.get(*count).copied().unwrap_or_default();
        order.sort_by(|a, b| height(b).total_cmp(&height(a)));
        let mut crests = vec![false; counts];
        for count in order.into_iter().take(CRESTS) {
            if let Some(crest) = crests.get_mut(count) {
                *crest = true;
            }
        }
        crests
    };
    heights.into_iter().map(|heights| heights.into_iter().map(highest).collect()).collect()
}

/// The profiles of one axis minus their means.
struct Look {
    /// The mean of all profiles.
    whole: Vec<i16>,
    /// Each profile minus its mean.
    entire: [Vec<i16>; ACROSS],
    /// Each profile, in [`ALONG`] parts, minus the mean of each part.
    parts: [Vec<i16>; ACROSS],
}

impl Look {
    fn of(profiles: &[Vec<i16>; ACROSS], length: usize) -> Self {
        let mut sums = vec![0_i32; length];
        for profile in profiles {
            for (sum, &value) in sums.iter_mut().zip(profile) {
                *sum += i32::from(value);
            }
        }
        let whole: Vec<i16> = sums.into_iter().map(|sum| (sum / ACROSS as i32) as i16).collect();
        Self {
            whole: centred(&whole, length),
            entire: profiles.each_ref().map(|profile| centred(profile, length)),
            parts: profiles.each_ref().map(|profile| centred(profile, length / ALONG)),
        }
    }

    /// Returns the amplitude that the drawn wave has in nearly all fields. In each field, only the part of the wave
    /// counts that is in phase with the sum of all fields. The [`MAY_LACK`] fields in which this part is smallest are
    /// left out, and the smallest of the others is returned. It is reduced if the fields are uneven (see [`CHANCE`]).
    /// The drawn wave must have `count` periods over the length.
    fn common_amplitude(&self, waves: &Waves, count: usize) -> f64 {
        let mut fields = [(0.0_f64, 0.0_f64); ALONG * ACROSS];
        // Waves with too few periods in a field are measured over the whole length: in [`ACROSS`] fields, of which none
        // is left out.
        let (parts, profiles) = if count >= 2 * ALONG { (ALONG, &self.parts) } else { (1, &self.entire) };
        let mut at = fields.iter_mut();
        for profile in profiles {
            let size = self.whole.len() / parts;
            for (part, samples) in profile.chunks_exact(size.max(1)).take(parts).enumerate() {
                if let Some(field) = at.next() {
                    let (real, imaginary) = waves.component(samples, part * size);
                    *field = (real.into(), imaginary.into());
                }
            }
        }
        let used = parts * ACROSS;
        let whole =
            fields.iter().take(used).fold((0.0, 0.0), |sum, field| (sum.0 + field.0, sum.1 + field.1));
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
}

/// Subtracts from each part of `size` samples the mean of the part. The differences fit into 13 bits and a sign.
fn centred(profile: &[i16], size: usize) -> Vec<i16> {
    let mut centred = profile.to_vec();
    for part in centred.chunks_mut(size.max(1)) {
        let mean = part.iter().map(|&value| i32::from(value)).sum::<i32>() / part.len() as i32;
        part.iter_mut().for_each(|value| *value -= mean as i16);
    }
    centred
}

/// The waves with which profiles are multiplied. They are integers, because the compiler multiplies and adds eight
/// pairs of integers at once.
struct Waves {
    /// The cosine and sine of one turn, one pair for each sample of a profile.
    turn: Vec<[i16; 2]>,
    /// The cosine of the drawn wave.
    cosine: Vec<i16>,
    /// The sine of the drawn wave.
    sine: Vec<i16>,
}

impl Waves {
    fn new(length: usize) -> Self {
        let step = std::f32::consts::TAU / length.max(1) as f32;
        let at = |place: usize| {
            let (sine, cosine) = (step * place as f32).sin_cos();
            [cosine, sine].map(|value| (HEIGHT * value).round() as i16)
        };
        Self { turn: (0..length).map(at).collect(), cosine: vec![0; length], sine: vec![0; length] }
    }

    /// Draws the wave with `count` periods over a profile. `count` must be smaller than the number of samples.
    fn draw(&mut self, count: usize) {
        let mut place = 0;
        for (cosine, sine) in self.cosine.iter_mut().zip(&mut self.sine) {
            [*cosine, *sine] = self.turn.get(place).copied().unwrap_or_default();
            place += count;
            if place >= self.turn.len() {
                place -= self.turn.len();
            }
        }
    }

    /// Returns the amplitude of the wave in some samples of a profile, in grey levels, as a complex number. The
    /// phase refers to the beginning of the profile, which is `from` samples before these samples.
    fn component(&self, samples: &[i16], from: usize) -> (f32, f32) {
        let scale = 2.0 / (samples.len().max(1) as f32 * HEIGHT * STEPS as f32);
        let part = |wave: &[i16]| {
            dot(samples, wave.get(from..from + samples.len()).unwrap_or_default()) as f32 * scale
        };
        (part(&self.cosine), part(&self.sine))
    }
}

/// Returns the sum of products. The products of 128 samples fit into 32 bits: 2 × 4,080 × 2,047 × 128 < 2³¹.
fn dot(samples: &[i16], wave: &[i16]) -> i64 {
    let short = |(a, b): (&[i16], &[i16])| -> i64 {
        a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum::<i32>().into()
    };
    samples.chunks(128).zip(wave.chunks(128)).map(short).sum()
}

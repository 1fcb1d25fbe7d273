//! One layer of a network.

use super::{
    Maps,
    lanes::{Lanes, add_products, lanes, sums, twin, zero},
};

/// The largest output of a layer in fixed point, nearly 16. Outputs are clamped to −4095 to 4095, or to 0 to 4095 if
/// the layer rectifies.
const MOST: i32 = 4095;

/// The places and channels on which an output depends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Each output depends on all channels of three by three places.
    Square,
    /// Each channel depends on itself at three by three places.
    Depthwise,
    /// Each output depends on all channels of one place.
    Pointwise,
}

/// One layer: its weights, and the numbers with which its sums become outputs.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    way: Way,
    inputs: usize,
    outputs: usize,
    stride: usize,
    dilation: usize,
    flags: u8,
    weights: Weights,
    /// For each output, the number of bits by which its sums are shifted to the right.
    shifts: Vec<u32>,
    biases: Vec<i32>,
}

/// The number of outputs that are summed together, so that their inputs are loaded once.
const TOGETHER: usize = 16;

/// The weights in the order in which they are used.
#[derive(Debug, Clone)]
enum Weights {
    /// The weights of groups of sixteen outputs. Each group has four vectors for each pair of input values. A vector is
    /// for four of the outputs. It contains, output by output, the two weights for the pair. Missing outputs have the
    /// weight 0.
    Outputs(Vec<Vec<[Lanes; 4]>>),
    /// The weights of a depthwise layer, place by place.
    Channels(Vec<i16>),
}

impl Weights {
    /// Puts weights into the order of [`Weights::Outputs`]. `weights` contains `each` weights of the first output, then
    /// those of the next output, and so on.
    fn of_outputs(weights: &[i16], each: usize) -> Self {
        let outputs: Vec<&[i16]> = weights.chunks_exact(each.max(1)).collect();
        let of_some = |some: &[&[i16]]| {
            let weight = |output: usize, at: usize| {
                some.get(output).and_then(|weights| weights.get(at)).copied().unwrap_or(0)
            };
            let of_pair = |pair: usize| {
                std::array::from_fn(|four: usize| {
                    lanes(std::array::from_fn(|lane| weight(4 * four + lane / 2, 2 * pair + lane % 2)))
                })
            };
            (0..each.div_ceil(2)).map(of_pair).collect()
        };
        Self::Outputs(outputs.chunks(TOGETHER).map(of_some).collect())
    }
}

/// Flag: values below 0 become 0.
const RECTIFIES: u8 = 1;
/// Flag: the layer's input is kept for the layer that adds it.
const KEEPS: u8 = 2;
/// Flag: the layer adds the kept input.
const ADDS: u8 = 4;

impl Layer {
    /// Reads the layer at the beginning of the bytes, and returns it with the remaining bytes.
    pub(super) fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (head, rest) = bytes.split_first_chunk::<6>()?;
        let [way, inputs, outputs, stride, dilation, flags] = *head;
        let (inputs, outputs) = (usize::from(inputs), usize::from(outputs));
        let (way, count) = match way {
            0 => (Way::Square, 9 * inputs * outputs),
            1 if inputs == outputs => (Way::Depthwise, 9 * inputs),
            2 => (Way::Pointwise, inputs * outputs),
            _ => return None,
        };
        let (weights, rest) = rest.split_at_checked(count)?;
        let (shifts, rest) = rest.split_at_checked(outputs)?;
        let (biases, rest) = rest.split_at_checked(4 * outputs)?;
        let is_sound = inputs > 0
            && (1..=4).contains(&stride)
            && (1..=16).contains(&dilation)
            && (way == Way::Depthwise || dilation == 1)
            && (way != Way::Pointwise || stride == 1)
            && shifts.iter().all(|shift| (1..=20).contains(shift));
        let weights: Vec<i16> = weights.iter().map(|&weight| i16::from(weight.cast_signed())).collect();
        let weights = match way {
            Way::Square => Weights::of_outputs(&weights, 9 * inputs),
            Way::Pointwise => Weights::of_outputs(&weights, inputs),
            Way::Depthwise => Weights::Channels(weights),
        };
        let layer = Self {
            way,
            inputs,
            outputs,
            stride: stride.into(),
            dilation: dilation.into(),
            flags,
            weights,
            shifts: shifts.iter().map(|&shift| shift.into()).collect(),
            biases: biases.as_chunks().0.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect(),
        };
        is_sound.then_some((layer, rest))
    }

    pub(super) const fn inputs(&self) -> usize {
        self.inputs
    }

    pub(super) const fn outputs(&self) -> usize {
        self.outputs
    }

    pub(super) const fn keeps_input(&self) -> bool {
        self.flags & KEEPS != 0
    }

    pub(super) const fn adds_kept(&self) -> bool {
        self.flags & ADDS != 0
    }

    pub(super) fn run(&self, maps: &Maps, added: Option<&Maps>) -> Maps {
        let sums = match &self.weights {
            Weights::Channels(weights) => self.depthwise(maps, weights),
            Weights::Outputs(weights) if self.way == Way::Square => self.square(maps, weights),
            Weights::Outputs(weights) => self.pointwise(maps, weights),
        };
        let width = if self.way == Way::Pointwise { maps.width } else { maps.width.div_ceil(self.stride) };
        Maps { width, channels: self.outputs, values: self.finished(&sums, width, added) }
    }

    /// Finishes the sums: adds the bias, shifts, adds the kept input and clamps. This function processes a row at a
    /// time, so that the compiler handles several values at once. A vector instruction cannot shift each value by a
    /// different number of bits, but it can multiply, so a multiplication replaces the shift.
    fn finished(&self, sums: &[i32], width: usize, added: Option<&Maps>) -> Vec<i16> {
        let halves = self.biases.iter().zip(&self.shifts).map(|(bias, shift)| bias + (1 << (shift - 1)));
        let halves = halves.collect::<Vec<i32>>().repeat(width);
        let factors = self.shifts.iter().map(|shift| 1 << (31 - shift)).collect::<Vec<i32>>().repeat(width);
        let shifted =
            |sum: i32, half: i32, factor: i32| ((i64::from(sum + half) * i64::from(factor)) >> 31) as i32;
        let least = if self.flags & RECTIFIES == 0 { -MOST } else { 0 };
        let mut values = Vec::with_capacity(sums.len());
        for (at, sums) in sums.chunks_exact(halves.len().max(1)).enumerate() {
            let sums = sums.iter().zip(&halves).zip(&factors);
            let shifted = sums.map(|((&sum, &half), &factor)| shifted(sum, half, factor));
            match added.and_then(|added| added.values.get(at * halves.len()..)) {
                None => values.extend(shifted.map(|value| value.clamp(least, MOST) as i16)),
                Some(added) => values.extend(
                    shifted
                        .zip(added)
                        .map(|(value, &added)| (value + i32::from(added)).clamp(least, MOST) as i16),
                ),
            }
        }
        values
    }

    /// Computes the sums of all outputs at one place, and appends them to `all`. `patch` contains the input values on
    /// which the outputs depend; the values are processed in pairs.
    fn sums(&self, patch: &[i16], weights: &[Vec<[Lanes; 4]>], all: &mut Vec<i32>) {
        let pairs = patch.as_chunks::<2>().0;
        for (at, weights) in weights.iter().enumerate() {
            let mut fours = [zero(); 4];
            for (&pair, weights) in pairs.iter().zip(weights) {
                let pair = twin(pair);
                for (four, &weights) in fours.iter_mut().zip(weights) {
                    *four = add_products(*four, pair, weights);
                }
            }
            let left = self.outputs - at * TOGETHER;
            all.extend(fours.map(sums).as_flattened().iter().take(left));
        }
    }

    fn pointwise(&self, maps: &Maps, weights: &[Vec<[Lanes; 4]>]) -> Vec<i32> {
        let mut values = Vec::with_capacity(maps.values.len() / self.inputs * self.outputs);
        let mut patch = vec![0; self.inputs.next_multiple_of(2)];
        for place in maps.values.chunks_exact(self.inputs) {
            if let Some(patch) = patch.get_mut(..place.len()) {
                patch.copy_from_slice(place);
            }
            self.sums(&patch, weights, &mut values);
        }
        values
    }

    fn square(&self, maps: &Maps, weights: &[Vec<[Lanes; 4]>]) -> Vec<i32> {
        let padded = Padded::of(maps, 1);
        let mut patch = vec![0; (9 * self.inputs).next_multiple_of(2)];
        let (rows, columns) = (maps.height().div_ceil(self.stride), maps.width.div_ceil(self.stride));
        let mut values = Vec::with_capacity(rows * columns * self.outputs);
        for row in (0..rows).map(|row| row * self.stride) {
            for column in (0..columns).map(|column| column * self.stride) {
                for (at, part) in patch.chunks_exact_mut(3 * self.inputs).enumerate().take(3) {
                    part.copy_from_slice(padded.run(row + at, column, 3));
                }
                self.sums(&patch, weights, &mut values);
            }
        }
        values
    }

    /// Computes a depthwise layer row by row, because all places of a row have the same weights.
    fn depthwise(&self, maps: &Maps, weights: &[i16]) -> Vec<i32> {
        let padded = Padded::of(maps, self.dilation);
        let whole = |numbers: &[i16]| numbers.repeat(maps.width);
        let taps: Vec<Vec<i16>> = weights.chunks_exact(self.inputs).map(whole).collect();
        let rows = maps.height().div_ceil(self.stride);
        let mut all = Vec::with_capacity(rows * maps.width.div_ceil(self.stride) * self.outputs);
        let mut sums = vec![0; maps.width * self.outputs];
        for row in (0..rows).map(|row| row * self.stride) {
            sums.fill(0);
            for (at, weights) in taps.iter().enumerate() {
                let (down, across) = (at / 3 * self.dilation, at % 3 * self.dilation);
                let places = padded.run(row + down, across, maps.width);
                for ((sum, &value), &weight) in sums.iter_mut().zip(places).zip(weights) {
                    *sum += i32::from(value) * i32::from(weight);
                }
            }
            all.extend(sums.chunks_exact(self.outputs).step_by(self.stride).flatten());
        }
        all
    }
}

/// Maps with a border of zeros (zero padding).
struct Padded {
    width: usize,
    channels: usize,
    values: Vec<i16>,
}

impl Padded {
    fn of(maps: &Maps, rim: usize) -> Self {
        let (width, channels) = (maps.width + 2 * rim, maps.channels);
        let mut values = vec![0; width * (maps.height() + 2 * rim) * channels];
        let rows = values.chunks_exact_mut((width * channels).max(1)).skip(rim);
        for (to, from) in rows.zip(maps.values.chunks_exact((maps.width * channels).max(1))) {
            if let Some(to) = to.get_mut(rim * channels..(rim + maps.width) * channels) {
                to.copy_from_slice(from);
            }
        }
        Self { width, channels, values }
    }

    /// Returns the values of `places` places of a row.
    fn run(&self, row: usize, column: usize, places: usize) -> &[i16] {
        let begin = (row * self.width + column) * self.channels;
        self.values.get(begin..begin + places * self.channels).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Computes the sum of one output at one place, tap by tap.
    fn plainly(layer: &Layer, weights: &[i16], maps: &Maps, [row, column, output]: [usize; 3]) -> i16 {
        let mut sum = i64::from(layer.biases[output]);
        for tap in 0..9 {
            let place = |at: usize, step: usize| {
                (at * layer.stride + step * layer.dilation).checked_sub(layer.dilation)
            };
            let (Some(y), Some(x)) = (place(row, tap / 3), place(column, tap % 3)) else { continue };
            if y >= maps.height() || x >= maps.width {
                continue;
            }
            for input in 0..layer.inputs {
                let weight = match layer.way {
                    Way::Square => weights[(output * 9 + tap) * layer.inputs + input],
                    Way::Depthwise if input == output => weights[tap * layer.inputs + input],
                    _ => 0,
                };
                let value = maps.values[(y * maps.width + x) * maps.channels + input];
                sum += i64::from(value) * i64::from(weight);
            }
        }
        let shifted = (sum as f64 / f64::from(1 << layer.shifts[output]) + 0.5).floor();
        shifted.clamp(if layer.flags & RECTIFIES == 0 { -4095.0 } else { 0.0 }, 4095.0) as i16
    }

    fn layers() -> impl Strategy<Value = (Layer, Vec<i16>, Maps)> {
        let sizes = (1..4_usize, 1..4_usize, 1..6_usize, 1..6_usize, 1..3_usize, 1..4_usize, any::<bool>());
        sizes.prop_flat_map(|(inputs, outputs, across, down, stride, dilation, is_square)| {
            let (way, outputs, dilation) =
                if is_square { (Way::Square, outputs, 1) } else { (Way::Depthwise, inputs, dilation) };
            let weights = if is_square { 9 * inputs * outputs } else { 9 * inputs };
            (
                prop::collection::vec(-127_i16..=127, weights),
                prop::collection::vec(1..12_u32, outputs),
                prop::collection::vec(-90_000_i32..90_000, outputs),
                prop::collection::vec(-4095_i16..=4095, across * down * inputs),
                0..2_u8,
            )
                .prop_map(move |(weights, shifts, biases, values, flags)| {
                    let plain = weights.clone();
                    let weights = match way {
                        Way::Depthwise => Weights::Channels(weights),
                        _ => Weights::of_outputs(&weights, 9 * inputs),
                    };
                    let layer =
                        Layer { way, inputs, outputs, stride, dilation, flags, weights, shifts, biases };
                    (layer, plain, Maps { width: across, channels: inputs, values })
                })
        })
    }

    proptest! {
        #[test]
        fn agrees_with_plain_loops((layer, weights, maps) in layers()) {
            let out = layer.run(&maps, None);
            let (rows, columns) =
                (maps.height().div_ceil(layer.stride), maps.width.div_ceil(layer.stride));
            prop_assert_eq!((out.width, out.height()), (columns, rows));
            for row in 0..rows {
                for column in 0..columns {
                    for output in 0..layer.outputs {
                        let value = out.values[(row * columns + column) * layer.outputs + output];
                        prop_assert_eq!(value, plainly(&layer, &weights, &maps, [row, column, output]));
                    }
                }
            }
        }
    }
}

//! A small convolutional network with integer weights. It answers questions that no hand-made measure answers, such as
//! whether a part of the picture is dirt or a wall. All sums are integers, so every machine gives the same result.
//!
//! Values are fixed point: 256 represents 1. A weight is a byte times a power of two; each output channel has its own
//! power. `training/` in the project's repository makes the files that [`Network::read`] reads.

mod evidence;
mod input;
mod lanes;
mod layer;

pub use evidence::Evidence;
pub use input::{CHROMA_HEIGHT, CHROMA_WIDTH, LUMA_HEIGHT, LUMA_WIDTH, picture, shrunk};

use layer::Layer;

use crate::Failure;

/// The fixed-point value of 1.
pub const ONE: i16 = 256;

/// A grid with several numbers, the channels, at each place. The order is row by row, place by place, channel by
/// channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maps {
    /// The number of places in a row.
    pub width: usize,
    /// The number of channels at each place.
    pub channels: usize,
    /// The numbers in fixed point: [`ONE`] represents 1.
    pub values: Vec<i16>,
}

impl Maps {
    /// Returns the number of rows.
    #[must_use]
    pub fn height(&self) -> usize {
        self.values.len().checked_div(self.width * self.channels).unwrap_or(0)
    }

    /// Returns the numbers of one channel, place by place.
    pub fn channel(&self, channel: usize) -> impl Iterator<Item = i16> {
        self.values.iter().skip(channel).step_by(self.channels.max(1)).copied()
    }
}

/// A sequence of layers.
#[derive(Debug, Clone)]
pub struct Network {
    layers: Vec<Layer>,
}

impl Network {
    /// Reads a network: the number of layers, then the layers. A layer has six numbers (its kind, the number of its
    /// inputs, the number of its outputs, stride, dilation, flags), then its weights, its shifts (the power of two for
    /// each output) and its biases.
    ///
    /// # Errors
    ///
    /// [`Failure::Internal`] if the bytes are not exactly one network.
    pub fn read(bytes: &[u8]) -> Result<Self, Failure> {
        let broken = || Failure::Internal("the network's weights are incomplete or too long".into());
        let (&count, mut rest) = bytes.split_first().ok_or_else(broken)?;
        let mut layers: Vec<Layer> = Vec::new();
        for _ in 0..count {
            let (layer, after) = Layer::read(rest).ok_or_else(broken)?;
            if layers.last().is_some_and(|before| before.outputs() != layer.inputs()) {
                return Err(broken());
            }
            layers.push(layer);
            rest = after;
        }
        if rest.is_empty() && !layers.is_empty() { Ok(Self { layers }) } else { Err(broken()) }
    }

    /// Returns the output of the last layer.
    ///
    /// # Errors
    ///
    /// [`Failure::Internal`] if the maps do not have the number of channels that the first layer expects.
    pub fn run(&self, input: Maps) -> Result<Maps, Failure> {
        if self.layers.first().is_some_and(|first| first.inputs() != input.channels) {
            return Err(Failure::Internal("the network expects a different number of channels".into()));
        }
        let mut maps = input;
        // The maps that a later layer adds to its output.
        let mut kept: Option<Maps> = None;
        for layer in &self.layers {
            if layer.keeps_input() {
                kept = Some(maps.clone());
            }
            let added = if layer.adds_kept() { kept.take() } else { None };
            maps = layer.run(&maps, added.as_ref());
        }
        Ok(maps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_off_or_goes_on_is_refused() {
        // One pointwise layer from one channel to one: weight 64, shift 6, bias 0.
        let whole = [1, 2, 1, 1, 1, 1, 0, 64, 6, 0, 0, 0, 0];
        let network = Network::read(&whole).expect("whole");
        let maps = Maps { width: 2, channels: 1, values: vec![5, -7] };
        assert_eq!(network.run(maps.clone()).expect("fits"), maps);
        assert!(Network::read(&whole[..12]).is_err());
        assert!(Network::read(&[whole.as_slice(), &[0]].concat()).is_err());
        assert!(network.run(Maps { channels: 2, ..maps }).is_err());
    }
}

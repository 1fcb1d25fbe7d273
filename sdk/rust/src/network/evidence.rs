//! The evidence for a fault, from one channel of a network's last layer.

use super::{Maps, Network, ONE, picture};
use crate::{Clip, Failure, image::connected};

/// The log odds that a part of the picture has a fault, part by part. A part is one place of the network's output. The
/// value is 0 if a fault is as likely as no fault, and above 0 if a fault is more likely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The number of parts in a row.
    pub width: usize,
    /// The log odds in fixed point: [`ONE`] represents 1.
    pub odds: Vec<i16>,
}

impl Evidence {
    /// Runs a network on the middle frame of the clip, and returns the evidence of one channel. `weights` is the
    /// network in the format of [`Network::read`].
    ///
    /// # Errors
    ///
    /// The errors of [`Network::read`], [`Network::run`] and [`Clip::plane`].
    pub fn in_clip(weights: &[u8], channel: usize, clip: &dyn Clip) -> Result<Self, Failure> {
        let middle = clip.frames().len() as u32 / 2;
        Ok(Self::of(&Network::read(weights)?.run(picture(clip, middle)?)?, channel))
    }

    /// Takes the evidence from one channel.
    #[must_use]
    pub fn of(maps: &Maps, channel: usize) -> Self {
        Self { width: maps.width.max(1), odds: maps.channel(channel).collect() }
    }

    /// Returns the mean log odds of the `count` parts with the strongest evidence for the fault; 0 if there are no
    /// parts.
    #[must_use]
    pub fn strongest(&self, count: usize) -> f64 {
        let mut odds = self.odds.clone();
        odds.sort_unstable_by(|a, b| b.cmp(a));
        odds.truncate(count);
        let sum: i64 = odds.iter().map(|&odds| i64::from(odds)).sum();
        sum as f64 / (odds.len().max(1) as f64 * f64::from(ONE))
    }

    /// Returns the share of the picture that is more likely faulty than not.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.odds.iter().filter(|&&odds| odds > 0).count() as f64 / self.odds.len().max(1) as f64
    }

    /// Returns the connected regions that are more likely faulty than not, the largest first. Each region has left,
    /// top, width and height, as shares of the picture.
    #[must_use]
    pub fn regions(&self) -> Vec<[f32; 4]> {
        let is_faulty: Vec<bool> = self.odds.iter().map(|&odds| odds > 0).collect();
        let rows = self.odds.len() / self.width;
        let mut regions = connected(&is_faulty, self.width, |_, _| true);
        regions.sort_by_key(|region| std::cmp::Reverse(region.len()));
        let span = |places: &mut dyn Iterator<Item = usize>, all: usize| {
            let (first, last) = places.fold((usize::MAX, 0), |span, at| (span.0.min(at), span.1.max(at)));
            let share = |count: usize| count as f32 / all.max(1) as f32;
            [share(first), share((last + 1).saturating_sub(first))]
        };
        let around = |region: Vec<usize>| {
            let [left, width] = span(&mut region.iter().map(|at| at % self.width), self.width);
            let [top, height] = span(&mut region.iter().map(|at| at / self.width), rows);
            [left, top, width, height]
        };
        regions.into_iter().map(around).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_parts_count_and_regions_are_bounded() {
        let odds = vec![512, 256, -99, -99, -99, -99, -99, 1];
        let evidence = Evidence { width: 4, odds };
        assert_eq!(evidence.strongest(2), 1.5);
        assert_eq!(evidence.share(), 0.375);
        assert_eq!(evidence.regions(), [[0.0, 0.0, 0.5, 0.5], [0.75, 0.5, 0.25, 0.5]]);
    }
}

//! The rhythm of a clock: changes once a second, and not in between.

/// The step in which phases are tried. A phase is the time from the first frame to the first tick.
const PHASE_US: u64 = 25_000;
/// The largest error of a frame's timestamp.
const JITTER_US: u64 = 30_000;
const SECOND_US: u64 = 1_000_000;

/// The ticks of a clock for each possible phase. A tick is stored as a mask, with one bit for each pair of consecutive
/// frames. The bits of the pairs between which the seconds may change are set. Because timestamps are inexact, a tick
/// may have several bits.
#[derive(Debug)]
pub(crate) struct Rhythm {
    phases: Vec<Vec<u32>>,
    /// The number of ticks of the phase with the fewest ticks.
    least: u32,
}

impl Rhythm {
    /// Makes the rhythm of frames at these times. There may be at most 32 frames.
    pub(crate) fn of(times_us: &[u64]) -> Self {
        let (begin, end) = (times_us.first().copied().unwrap_or(0), times_us.last().copied().unwrap_or(0));
        let between = |at_us: u64| {
            times_us.iter().zip(times_us.iter().skip(1)).zip(0_u32..).fold(0, |mask, ((&from, &to), bit)| {
                let within = at_us + JITTER_US > from && at_us <= to + JITTER_US;
                mask | if within { 1_u32 << bit } else { 0 }
            })
        };
        let phases: Vec<Vec<u32>> = (0..SECOND_US / PHASE_US)
            .map(|phase| {
                let first = begin + phase * PHASE_US;
                (first..end).step_by(SECOND_US as usize).map(between).filter(|&ticks| ticks != 0).collect()
            })
            .collect();
        let least = phases.iter().map(|ticks| ticks.len() as u32).min().unwrap_or(0);
        Self { phases, least }
    }

    /// True if even the phase with the fewest ticks has enough ticks to be distinguished from chance.
    pub(crate) const fn is_long_enough(&self) -> bool {
        self.least >= 2
    }

    /// True if the changes between these frames, one bit for each pair, are the ticks of a clock.
    pub(crate) fn is_kept_by(&self, changes: u32) -> bool {
        changes.count_ones() >= self.least.max(2)
            && self.phases.iter().any(|ticks| {
                let all = ticks.iter().fold(0, |all, tick| all | tick);
                changes & !all == 0 && ticks.iter().all(|tick| (changes & tick).count_ones() == 1)
            })
    }
}

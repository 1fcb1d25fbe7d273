//! The colours that a camera usually shows, and how far they have moved.
//!
//! Grey objects are grey under any lamp for which the white balance corrects. So the places that were nearly grey
//! show a tint that is too faint to be recognised by itself, regardless of the rest of the picture. A tint moves
//! the colours of all these places by the same amount, whereas a lamp, a sky or a lorry moves only some. A camera has
//! more than one state, because of presets, clouds and lamps, so several states are stored, and the nearest state
//! counts. If alarms of tints have ended without intervention twice, such tints are normal for this camera. Only a
//! stronger tint raises an alarm again.

use easysight_sdk::baseline::{Light, References, Remembered};
use serde::{Deserialize, Serialize};

use crate::chroma::{LIT, Pixels, is_daylight, is_warm};

/// The number of cells across and down.
const CELLS: (usize, usize) = (16, 9);
/// The smallest number of checks without an alarm after which the colours of a view are known. Fewer checks do not
/// show the range of the colours.
const KNOWN_AFTER: u16 = 4;
/// The number of states that are kept for each light.
const MOST_STATES: usize = 8;
/// The largest distance between the grey places of a view and of a state, in units of Cb and Cr, at which the view
/// belongs to the state.
const SAME_STATE: f64 = 2.0;
/// A move counts only if at least this share of the grey cells moved in the direction of the median move, and at least
/// half as far as the median.
const AGREE: f64 = 0.8;
/// The number of alarms that must have ended without intervention before alarms that are not stronger are normal for
/// this camera.
const ENDED: u8 = 2;
/// The weight of the latest check in a mean is one divided by the number of checks, but at least one divided by this
/// number.
const LONGEST: u16 = 8;
/// The number of steps per grey level, and per unit of Cb and Cr, in which values are stored.
const PARTS: f64 = 16.0;
/// The largest distance from grey, in units of Cb and Cr, that counts as grey.
const NEARLY_GREY: f64 = 12.0;
/// The smallest share of the cells that must have been grey.
const LEAST_GREY: f64 = 0.1;
/// The correlation of the light of all cells, before and now, below which the camera shows another view.
const ALIKE: f64 = 0.6;
/// The factor by which the threshold rises for warm hues, because a low sun and lamps make grey objects warm.
const WARM: f64 = 2.0;
/// The factor by which the threshold rises if daylight may have moved the colours (see [`Move::by_daylight`]). Clouds
/// over a place that the sun had made warm moved them by 1.4 times the usual threshold.
const DAYLIGHT: f64 = 3.0;

/// The mean luma, Cb and Cr of each cell, row by row, in sixteenths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct View {
    cells: Vec<[i16; 3]>,
    seen: u16,
}

/// The states of a camera by day and by night, and the strength of past alarms that were no faults.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Usual {
    states: References<View>,
    /// The distances by which the colours had moved, in sixteenths of a unit, in alarms that ended without
    /// intervention.
    ended: Vec<u16>,
    /// The distance by which the colours have moved in the present alarm; 0 if there is none.
    alarm: u16,
    /// The severities, in sixteenths of the threshold, of alarms by the picture alone that ended without
    /// intervention.
    ended_alone: Vec<u16>,
    /// The severity of the present alarm by the picture alone; 0 if there is none.
    alarm_alone: u16,
}

impl Remembered for Usual {
    const LAYOUT: u16 = 3;
}

impl Usual {
    /// Returns the distance by which the colours of the grey places have moved from the nearest state of the same view.
    /// None if the view is not known yet, or if hardly any place was grey.
    pub(crate) fn moved(&self, light: Light, now: &View) -> Option<Move> {
        let alike: Vec<&View> = self.states.of(light).iter().filter(|state| state.is_of(now)).collect();
        if alike.iter().map(|state| state.seen).sum::<u16>() < KNOWN_AFTER {
            return None;
        }
        let moves = alike.iter().filter_map(|state| state.moved(now));
        let nearest = moves.min_by(|a, b| a.distance().total_cmp(&b.distance()))?;
        Some(Move { by_daylight: nearest.by_daylight && light == Light::Day, ..nearest })
    }

    /// Returns the distance that a change must exceed to count at all: slightly more than the largest distance in an
    /// alarm that ended without intervention. It is 0 if there were too few such alarms.
    pub(crate) fn tolerated(&self) -> f64 {
        // One more unit allows for rounding and noise.
        most_ended(&self.ended).map_or(0.0, |most| most + 1.0)
    }

    /// Returns the severity that a tint by itself must exceed: 1.2 times the largest severity of the alarms that ended
    /// without intervention.
    pub(crate) fn tolerated_alone(&self) -> f64 {
        most_ended(&self.ended_alone).map_or(0.0, |most| 1.2 * most)
    }

    /// Remembers the colours of a clip without an alarm. For a clip with an alarm, remembers the distance from the
    /// usual colours and the severity by the picture alone.
    pub(crate) fn learn(&mut self, light: Light, now: View, alarm: Option<(f64, f64)>) {
        if let Some((distance, severity)) = alarm {
            self.alarm = self.alarm.max((PARTS * distance) as u16);
            self.alarm_alone = self.alarm_alone.max((PARTS * severity) as u16);
            return;
        }
        for (ended, alarm) in
            [(&mut self.ended, &mut self.alarm), (&mut self.ended_alone, &mut self.alarm_alone)]
        {
            if *alarm > 0 {
                ended.insert(0, *alarm);
                ended.truncate(MOST_STATES);
                *alarm = 0;
            }
        }
        let states = self.states.of(light).iter().enumerate();
        let distances = states
            .filter(|(_, state)| state.is_of(&now))
            .map(|(at, state)| (at, state.moved(&now).map_or(0.0, |moved| moved.distance())));
        let nearest = distances.min_by(|a, b| a.1.total_cmp(&b.1)).filter(|(_, far)| *far <= SAME_STATE);
        let at = nearest.map(|(at, _)| at);
        let state = at.and_then(|at| self.states.of(light).get(at)).map(|state| state.and(&now));
        self.states.keep(light, at, state.unwrap_or(now), MOST_STATES);
    }
}

/// The distance by which the grey places have moved, in units of Cb and Cr.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Move {
    pub(crate) cb: f64,
    pub(crate) cr: f64,
    /// True if daylight may have moved the colours: towards a hue of daylight, while all places together moved towards
    /// grey. When a cloud hides the sun, places that the camera showed as white in warm light turn blue, and the whole
    /// picture turns less colourful.
    pub(crate) by_daylight: bool,
}

impl Move {
    pub(crate) fn distance(&self) -> f64 {
        self.cb.hypot(self.cr)
    }

    /// Returns the threshold for this direction.
    pub(crate) fn threshold(&self, most: f64) -> f64 {
        if self.by_daylight {
            DAYLIGHT * most
        } else if is_warm(self.cb, self.cr) {
            WARM * most
        } else {
            most
        }
    }
}

impl View {
    /// Measures a view. None if the picture has fewer pixels than cells.
    pub(crate) fn of(pixels: &Pixels) -> Option<Self> {
        let (columns, rows) = CELLS;
        let height = pixels.values.len().checked_div(pixels.width)?;
        if pixels.width < columns || height < rows {
            return None;
        }
        let mut sums = vec![[0_i64; 4]; columns * rows];
        for (y, row) in pixels.values.chunks_exact(pixels.width).enumerate() {
            for (x, &(luma, cb, cr)) in row.iter().enumerate() {
                if let Some(sum) = sums.get_mut(y * rows / height * columns + x * columns / pixels.width) {
                    let more = [1, luma.into(), cb.into(), cr.into()];
                    sum.iter_mut().zip(more).for_each(|(sum, value)| *sum += value);
                }
            }
        }
        let part = |sum: i64, count: i64| (PARTS * sum as f64 / count.max(1) as f64) as i16;
        let cells = sums.into_iter();
        let cells = cells.map(|[count, luma, cb, cr]| [luma, cb, cr].map(|sum| part(sum, count))).collect();
        Some(Self { cells, seen: 1 })
    }

    /// True if the camera shows the same view.
    fn is_of(&self, now: &Self) -> bool {
        let light = |view: &Self| -> Vec<f64> { view.cells.iter().map(|&[luma, ..]| luma.into()).collect() };
        let (before, now) = (light(self), light(now));
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
        let (mean_before, mean_now) = (mean(&before), mean(&now));
        let (mut both, mut old, mut new) = (0.0, 0.0, 0.0);
        for (before, now) in before.iter().zip(&now) {
            let (before, now) = (before - mean_before, now - mean_now);
            (both, old, new) = (both + before * now, old + before * before, new + now * now);
        }
        both >= ALIKE * (old * new).sqrt()
    }

    /// Returns the distance by which the colours of the places that were grey in this view have moved. None if hardly
    /// any place was grey and is lit. The distance is 0 if too few places moved alike, or if they moved towards grey.
    fn moved(&self, now: &Self) -> Option<Move> {
        let colour = |&[luma, cb, cr]: &[i16; 3]| [luma, cb, cr].map(|part| f64::from(part) / PARTS);
        let (mut cb_moves, mut cr_moves, mut usual) = (Vec::new(), Vec::new(), (0.0, 0.0));
        let (mut whole, mut whole_now) = ((0.0, 0.0), (0.0, 0.0));
        for (before, now) in self.cells.iter().zip(&now.cells) {
            let ([light, cb, cr], [light_now, cb_now, cr_now]) = (colour(before), colour(now));
            let lit = [light, light_now].iter().all(|&light| LIT.contains(&(light as u8)));
            if lit {
                whole = (whole.0 + cb, whole.1 + cr);
                whole_now = (whole_now.0 + cb_now, whole_now.1 + cr_now);
            }
            if lit && cb.hypot(cr) <= NEARLY_GREY {
                cb_moves.push(cb_now - cb);
                cr_moves.push(cr_now - cr);
                usual = (usual.0 + cb, usual.1 + cr);
            }
        }
        let count = cb_moves.len() as f64;
        if count < (LEAST_GREY * self.cells.len() as f64).max(1.0) {
            return None;
        }
        let (moved_cb, moved_cr) = (median(cb_moves.clone()), median(cr_moves.clone()));
        let fades = whole_now.0.hypot(whole_now.1) <= whole.0.hypot(whole.1);
        let by_daylight = fades && is_daylight(moved_cb, moved_cr);
        let moved = Move { cb: moved_cb, cr: moved_cr, by_daylight };
        let (cb, cr) = (usual.0 / count, usual.1 / count);
        let square = moved.distance().powi(2);
        let with = |&(&cb, &cr): &(&f64, &f64)| cb * moved.cb + cr * moved.cr >= 0.5 * square;
        let agree = cb_moves.iter().zip(&cr_moves).filter(with).count() as f64;
        let away = (cb + moved.cb).hypot(cr + moved.cr) > cb.hypot(cr);
        let none = Move { cb: 0.0, cr: 0.0, by_daylight: false };
        Some(if away && agree >= AGREE * count { moved } else { none })
    }

    /// Returns the view with one more check in its mean.
    fn and(&self, now: &Self) -> Self {
        let seen = self.seen.saturating_add(1);
        let weight = i32::from(seen.min(LONGEST));
        let mean = |before: i16, now: i16| {
            let step = (i32::from(now) - i32::from(before)) / weight;
            before.saturating_add(i16::try_from(step).unwrap_or_default())
        };
        let both = |(&[luma, cb, cr], &[light, blue, red]): (&[i16; 3], &[i16; 3])| {
            [mean(luma, light), mean(cb, blue), mean(cr, red)]
        };
        let cells = self.cells.iter().zip(&now.cells).map(both).collect();
        Self { cells, seen }
    }
}

/// Returns the largest of the values that are stored for alarms that ended without intervention. None if there were too
/// few.
fn most_ended(ended: &[u16]) -> Option<f64> {
    let most = ended.iter().max().filter(|_| ended.len() >= ENDED.into())?;
    Some(f64::from(*most) / PARTS)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

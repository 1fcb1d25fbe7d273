//! Text that cameras and recorders write into the picture.

use super::{Effect, Moment, Physics, drawn, glyphs};
use crate::{
    frame::{BLACK, Frame, GREY, WHITE},
    random::Random,
};

/// The number of dot columns from one letter to the next.
const PITCH: usize = 6;

/// Returns the width of a string in samples, at `size` samples per dot.
pub(super) fn width_of(words: &str, size: usize) -> usize {
    words.chars().count() * PITCH * size
}

/// Returns the date and time that a clock shows after this many seconds.
pub(super) fn time(seconds: f32) -> String {
    let seconds = 8 * 3600 + 14 * 60 + 37 + seconds.max(0.0) as u32;
    format!("2026-11-24 {:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Writes white letters with a black outline.
pub(super) fn write(frame: &mut Frame, words: &str, left: usize, top: usize, size: usize) {
    let lit = |x: i64, y: i64| -> bool {
        if x < 0 || y < 0 {
            return false;
        }
        let (x, y) = (x as usize / size, y as usize / size);
        let letter = words.chars().nth(x / PITCH).map_or([0; 7], glyphs::rows);
        letter.get(y).is_some_and(|row| x % PITCH < 5 && row >> (4 - x % PITCH) & 1 == 1)
    };
    let (right, bottom) = (left + width_of(words, size), top + 7 * size);
    let edge = size.div_ceil(2) as i64;
    for (number, (plane, step)) in frame.planes_mut().into_iter().enumerate() {
        plane.map(|x, y, old| {
            let (x, y) = (x * step, y * step);
            if x + 4 * size < left || x > right + size || y + 4 * size < top || y > bottom + size {
                return old;
            }
            let (x, y) = (x as i64 - left as i64, y as i64 - top as i64);
            if lit(x, y) {
                return if number == 0 { WHITE } else { GREY };
            }
            let beside = [(-edge, 0), (edge, 0), (0, -edge), (0, edge), (edge, edge), (-edge, -edge)];
            if beside.iter().any(|(dx, dy)| lit(x + dx, y + dy)) {
                return if number == 0 { BLACK } else { GREY };
            }
            old
        });
    }
}

/// The time in the upper left corner.
#[derive(Debug)]
pub(crate) struct Clock {
    /// True if the clock runs.
    pub(crate) runs: bool,
}

impl Physics for Clock {
    fn effect(&self, _: Random) -> Box<dyn Effect> {
        let runs = self.runs;
        drawn(move |frame, moment| {
            let (width, height) = frame.size();
            let size = (height / 180).max(1);
            let words = time(if runs { moment.seconds } else { 0.0 });
            write(frame, &words, width / 40, height / 24, size);
        })
    }
}

/// Place and style of an overlay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// In a black box in the upper right corner.
    Boxed,
    /// Small, at the bottom in the middle.
    Bottom,
    /// Large, at the bottom left, without the date.
    Large,
}

/// The time in the style of other camera makers.
#[derive(Debug)]
pub(crate) struct Overlay {
    /// Place and style.
    pub(crate) style: Style,
    /// True if the clock runs.
    pub(crate) runs: bool,
}

impl Physics for Overlay {
    fn effect(&self, _: Random) -> Box<dyn Effect> {
        let Self { style, runs } = *self;
        drawn(move |frame, moment| {
            let (width, height) = frame.size();
            let words = time(if runs { moment.seconds + 9.0 } else { 9.0 });
            match style {
                Style::Boxed => {
                    let size = (height / 200).max(1);
                    let left = width.saturating_sub(width_of(&words, size) + width / 50);
                    let top = height / 30;
                    for ((plane, step), value) in frame.planes_mut().into_iter().zip([BLACK, GREY, GREY]) {
                        plane.map(|x, y, old| {
                            let (x, y) = (x * step, y * step);
                            let inside = x + 3 * size >= left && y + 3 * size >= top && y < top + 10 * size;
                            if inside && x < left + width_of(&words, size) + size { value } else { old }
                        });
                    }
                    write(frame, &words, left, top, size);
                }
                Style::Bottom => {
                    let size = (height / 260).max(1);
                    let left = width.saturating_sub(width_of(&words, size)) / 2;
                    write(frame, &words, left, height - height / 16, size);
                }
                Style::Large => {
                    let clock: String = words.chars().skip(11).collect();
                    write(frame, &clock, width / 30, height - height / 8, (height / 110).max(1));
                }
            }
        })
    }
}

/// The camera's name and a maker's logo.
#[derive(Debug)]
pub(crate) struct Logo;

impl Physics for Logo {
    fn effect(&self, _: Random) -> Box<dyn Effect> {
        Box::new(Self)
    }
}

impl Effect for Logo {
    fn apply(&mut self, frame: &mut Frame, moment: Moment) {
        let (width, height) = frame.size();
        let size = (height / 150).max(1);
        let name = "GATE 04 NORTH";
        let left = width.saturating_sub(width_of(name, size) + width / 40);
        write(frame, name, left, height - height / 12, size);
        write(frame, &time(moment.seconds), width / 40, height / 24, size);
        // A filled square with a hole.
        let (side, right, top) = (height / 10, width - width / 30, height / 24);
        for ((plane, step), value) in frame.planes_mut().into_iter().zip([90, 100, 180]) {
            plane.map(|x, y, old| {
                let (x, y) = (x * step, y * step);
                let inside = x < right && x + side >= right && y >= top && y < top + side;
                let hole = x + side / 3 < right
                    && x + 2 * side / 3 >= right
                    && y >= top + side / 3
                    && y < top + 2 * side / 3;
                if inside && !hole { value } else { old }
            });
        }
    }
}

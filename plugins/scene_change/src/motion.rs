//! The motion of a view within the picture, its description in words, and its size as one number.

use easysight_sdk::Text;

/// A motion: a rotation around the middle, a zoom, then a shift.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Motion {
    /// The shift to the right, as a share of the picture's width.
    pub(crate) right: f32,
    /// The shift down, also as a share of the picture's width.
    pub(crate) down: f32,
    /// The clockwise rotation.
    pub(crate) degrees: f32,
    /// The factor by which the view becomes larger.
    pub(crate) zoom: f32,
}

impl Motion {
    /// No motion.
    pub(crate) const NONE: Self = Self { right: 0.0, down: 0.0, degrees: 0.0, zoom: 1.0 };

    /// Returns the motion with an additional shift.
    pub(crate) fn shifted(self, right: f32, down: f32) -> Self {
        Self { right: self.right + right, down: self.down + down, ..self }
    }

    /// Returns the distance that the farthest-moving corner of the picture moved, as a share of the width.
    pub(crate) fn reach(&self, width: usize, height: usize) -> f32 {
        let (sin, cos) = self.degrees.to_radians().sin_cos();
        let (half_width, half_height) = (0.5, 0.5 * height as f32 / width.max(1) as f32);
        let corners = [(-1.0, -1.0), (1.0, -1.0), (-1.0, 1.0), (1.0, 1.0)];
        let moved = corners.map(|(x, y): (f32, f32)| {
            let (x, y) = (x * half_width, y * half_height);
            let to_x = self.zoom * (x * cos - y * sin) + self.right;
            let to_y = self.zoom * (x * sin + y * cos) + self.down;
            (to_x - x).hypot(to_y - y)
        });
        moved.into_iter().fold(0.0, f32::max)
    }

    /// Describes how the former view moved within the picture.
    pub(crate) fn words(&self) -> Text {
        let (mut zh, mut en) = (Vec::new(), Vec::new());
        let mut say = |amount: f32, least: f32, forth: [&str; 2], back: [&str; 2], unit: [&str; 2]| {
            if amount.abs() >= least {
                let [zh_way, en_way] = if amount > 0.0 { forth } else { back };
                zh.push(format!("{zh_way} {:.0}{}", amount.abs(), unit[0]));
                en.push(format!("{:.0}{} {en_way}", amount.abs(), unit[1]));
            }
        };
        say(100.0 * self.right, 0.5, ["右移", "to the right"], ["左移", "to the left"], ["%", " %"]);
        say(100.0 * self.down, 0.5, ["下移", "down"], ["上移", "up"], ["%", " %"]);
        say(self.degrees, 0.5, ["顺时针转", "clockwise"], ["逆时针转", "counter-clockwise"], ["°", "°"]);
        let larger = 100.0 * (self.zoom - 1.0);
        say(larger, 4.0, ["放大", "larger"], ["缩小", "smaller"], ["%", " %"]);
        Text::new(zh.join("、"), en.join(", "))
    }
}

//! Measures the costs of one run on an ordinary camera's picture, and compares them with the limits.

use std::time::Duration;

use super::{Check, Costs, battery::Battery, battery::Tally, milliseconds};
use crate::scene::Picture;

/// The picture size of an ordinary camera.
const SIZE: (u32, u32) = (1280, 720);

/// Measures the costs. `None` if the clip cannot be made.
pub(super) fn measure(battery: &Battery<'_>, cold: Duration, warm: Duration) -> Option<Costs> {
    let clip = battery.rendering(Picture::Street, SIZE).clip()?;
    // The first run builds the pyramid, which all plugins of a job share, so it is not measured.
    drop(battery.run(&clip));
    let outcome = battery.run(&clip);
    let frames = clip.frames().len();
    Some(Costs {
        cold_ms: milliseconds(cold),
        warm_ms: milliseconds(warm),
        clip: format!("{} × {}, {frames} frames", SIZE.0, SIZE.1),
        run_ms: milliseconds(outcome.elapsed),
        fuel: outcome.fuel,
        fuel_per_frame: outcome.fuel / (frames as u64).max(1),
        memory_bytes: outcome.memory_bytes,
        bytes_handed_over: outcome.bytes_handed_over,
    })
}

pub(super) fn checks(battery: &Battery<'_>, costs: Option<&Costs>) -> Vec<Check> {
    let Some(costs) = costs else { return Vec::new() };
    let mut ordinary = Tally::default();
    let clip = battery.small(Picture::Street).clip();
    if let Some(clip) = clip {
        ordinary.take("an ordinary clip", &battery.run(&clip), false);
    }
    let share = |used: u64, granted: u64| 100.0 * used as f64 / granted.max(1) as f64;
    let fuel = share(costs.fuel, battery.limits.fuel);
    let memory = share(costs.memory_bytes as u64, battery.limits.memory_bytes as u64);
    let limited = |name, used: String, percent: f64, advice: &str| {
        let found = format!("{used}, {percent:.1} % of the limit");
        if percent > 50.0 { Check::advise(name, found, advice) } else { Check::pass(name, found) }
    };
    vec![
        ordinary.check("runs"),
        limited(
            "fuel",
            format!(
                "{} units per run, {} per frame, {:.1} ms",
                costs.fuel, costs.fuel_per_frame, costs.run_ms
            ),
            fuel,
            "a larger picture will exceed the limit: use a smaller level of the pyramid, or fewer frames",
        ),
        limited(
            "memory",
            format!("{} KiB", costs.memory_bytes.div_ceil(1024)),
            memory,
            "a larger picture will exceed the limit: hold only one frame at a time",
        ),
    ]
}

//! `easysight replay`: shows which verdicts of the last days another limit of a metric would have changed.

use std::{process::ExitCode, time::Duration};

use clap::ValueEnum;
use comfy_table::{Cell, Color, Table};
use easysight_protocol::{
    CameraReplay, CheckReplay, LimitSide, MetricLimit, Replay, ReplayChecks, ReplayLimits, UntoldLimit,
};
use reqwest::Method;

use crate::{
    listing::{self, Format},
    master::Remote,
};

/// The time limit of a request. A replay of millions of checks takes minutes.
const TIMEOUT: Duration = Duration::from_secs(300);
/// The significant digits of values.
const DIGITS: i32 = 4;

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    remote: Remote,
    /// The id of the diagnosis, such as brightness. Without a metric, its present limits are listed.
    diagnosis: String,
    /// The metric whose limit is replaced.
    #[arg(long, requires = "threshold")]
    metric: Option<String>,
    /// The limit that replaces it, in the unit of the metric.
    #[arg(long, requires = "metric", allow_negative_numbers = true)]
    threshold: Option<f64>,
    /// The side on which values raise an alarm, if the metric has limits on both sides.
    #[arg(long, value_enum, requires = "metric")]
    side: Option<Side>,
    /// Replace only this present limit, where there are several.
    #[arg(long, requires = "metric", allow_negative_numbers = true)]
    from: Option<f64>,
    /// Only this camera. Give the option again for more cameras.
    #[arg(long, value_name = "ID")]
    camera: Vec<String>,
    /// Only the cameras of this group.
    #[arg(long)]
    group: Option<String>,
    /// Only the cameras of this task.
    #[arg(long, value_name = "ID")]
    task: Option<String>,
    /// Only cameras with this label: its key and value, or the key alone.
    #[arg(long, value_name = "KEY[=VALUE]")]
    label: Option<String>,
    /// The number of days before now.
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// The largest number of cameras to list.
    #[arg(long, default_value_t = 50, requires = "metric")]
    limit: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Side {
    /// Values above the limit.
    Above,
    /// Values below the limit.
    Below,
}

impl Arguments {
    /// Returns the query of the request.
    fn query(&self) -> Vec<(&'static str, String)> {
        let cameras = (!self.camera.is_empty()).then(|| self.camera.join(","));
        let number = |number: Option<f64>| number.map(|number| number.to_string());
        let side = self.side.map(|side| match side {
            Side::Above => LimitSide::Above,
            Side::Below => LimitSide::Below,
        });
        let all = [
            ("diagnosis", Some(self.diagnosis.clone())),
            ("camera", cameras),
            ("group", self.group.clone()),
            ("task", self.task.clone()),
            ("label", self.label.clone()),
            ("days", Some(self.days.to_string())),
            ("metric", self.metric.clone()),
            ("threshold", number(self.threshold)),
            ("side", side.map(|side| side.as_str().to_owned())),
            ("from", number(self.from)),
            ("limit", self.metric.is_some().then(|| self.limit.to_string())),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// Runs the command. Returns the exit code.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let master = arguments.remote.master()?;
    let format = arguments.remote.format;
    let request = |path: &[&str]| -> anyhow::Result<_> {
        Ok(master.request(Method::GET, path)?.query(&arguments.query()).timeout(TIMEOUT))
    };
    if arguments.metric.is_none() {
        let found: ReplayLimits = master.answer(request(&["diagnosis", "replay", "limits"])?).await?;
        if format == Format::Json {
            format.show(&found, limits)?;
            return Ok(ExitCode::SUCCESS);
        }
        if found.limits.is_empty() && found.untold.is_empty() {
            format.say(&found, "no verdict of these cameras and days was decided by a metric")?;
        }
        for one in &found.untold {
            format.say(&found, &untold(one))?;
        }
        if !found.limits.is_empty() {
            format.show(&found, limits)?;
            format.say(&found, &basis(&found.checks))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let found: Replay = master.answer(request(&["diagnosis", "replay"])?).await?;
    if format == Format::Json {
        format.show(&found, |_| listing::table(&[]))?;
        return Ok(ExitCode::SUCCESS);
    }
    format.say(&found, &sentence(&found))?;
    format.list(&found.changes, "no camera would change", |changes| cameras(changes, &found.limit))?;
    if found.omitted > 0 {
        format.say(
            &found,
            &format!("{} more cameras would change; raise --limit to list them", found.omitted),
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn untold(one: &UntoldLimit) -> String {
    format!(
        "the {} verdicts that {} decided do not show on which side of its limit it raises an alarm",
        one.verdicts, one.metric
    )
}

fn limits(found: &ReplayLimits) -> Table {
    let head = ["metric", "alarms", "present limits", "verdicts", "by the rule", "values", "setting"];
    let mut table = listing::table(&head);
    for one in &found.limits {
        let present: Vec<String> = one.thresholds.iter().take(4).map(|one| rounded(one.threshold)).collect();
        let more = if one.thresholds.len() > 4 || one.other_verdicts > 0 { ", …" } else { "" };
        table.add_row([
            listing::cell(&one.metric),
            Cell::new(one.side.as_str()),
            listing::cell(&format!("{}{more} {}", present.join(", "), one.unit)),
            Cell::new(one.verdicts),
            Cell::new(percent(one.explained, one.verdicts)),
            Cell::new(format!("{} … {}", rounded(one.usually_from), rounded(one.usually_to))),
            listing::cell(&listing::joined(&one.settings)),
        ]);
    }
    table
}

fn cameras(changes: &[CameraReplay], limit: &MetricLimit) -> Table {
    let head = ["camera", "name", "alarms", "raised", "cleared", "unknown", "first change", "last change"];
    let mut table = listing::table(&head);
    for one in changes {
        let count = |count: u64, colour: Color| {
            let cell = Cell::new(if count == 0 { "–".to_owned() } else { count.to_string() });
            if count == 0 { cell } else { cell.fg(colour) }
        };
        table.add_row([
            listing::cell(&one.camera_id),
            listing::cell(&one.name),
            Cell::new(format!("{} → {} of {}", one.alarms_before, one.alarms_after, one.verdicts)),
            count(one.changes.raised, Color::Red),
            count(one.changes.cleared, Color::Green),
            count(one.changes.undetermined, Color::DarkGrey),
            listing::cell(&moment(&one.first, limit)),
            listing::cell(&moment(&one.last, limit)),
        ]);
    }
    table
}

fn moment(check: &CheckReplay, limit: &MetricLimit) -> String {
    let becomes = if check.becomes_alarm { "alarm" } else { "normal" };
    format!("{}: {} {} → {becomes}", listing::time(check.at), rounded(check.value), limit.unit)
}

/// Describes what would change.
fn sentence(found: &Replay) -> String {
    let Replay { limit, verdicts, cameras, .. } = found;
    let mut said = format!(
        "{} {} {} {} instead of {}: new alarms: {}; ended alarms: {}",
        found.diagnosis,
        limit.metric,
        limit.side.as_str(),
        rounded(found.threshold),
        present(found),
        verdicts_in(verdicts.raised, cameras.raised),
        verdicts_in(verdicts.cleared, cameras.cleared)
    );
    if verdicts.undetermined > 0 {
        let undetermined = verdicts_in(verdicts.undetermined, cameras.undetermined);
        said.push_str(&format!("; undetermined: {undetermined}"));
    }
    said.push('\n');
    said.push_str(&basis(&found.checks));
    if found.quiet_beyond > 0 {
        said.push_str(&format!(
            "\nVerdicts beyond the present limit: alarms: {}; normal: {}. The plugin considered more than the limit",
            found.alarms_beyond, found.quiet_beyond
        ));
    }
    said
}

fn present(found: &Replay) -> String {
    match (found.from, found.limit.thresholds.as_slice()) {
        (Some(from), _) => rounded(from),
        (None, [one]) if found.limit.other_verdicts == 0 => rounded(one.threshold),
        (None, [one, ..]) => format!("{} and others", rounded(one.threshold)),
        (None, []) => "the present limits".to_owned(),
    }
}

/// Describes on how many verdicts an answer is based.
fn basis(checks: &ReplayChecks) -> String {
    let mut said = format!(
        "Based on {}; alarms: {}. The rule reproduces {} of the verdicts",
        verdicts_in(checks.verdicts, checks.cameras),
        checks.alarms,
        percent(checks.explained, checks.verdicts)
    );
    if checks.damaged_days > 0 {
        said.push_str(&format!(". Left out: {} of damaged measurements", many(checks.damaged_days, "day")));
    }
    said
}

fn verdicts_in(verdicts: u64, cameras: u64) -> String {
    format!("{} in {}", many(verdicts, "verdict"), many(cameras, "camera"))
}

/// Writes a number with its noun.
fn many(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

fn percent(part: u64, of: u64) -> String {
    if of == 0 { "–".to_owned() } else { format!("{:.1} %", 100.0 * part as f64 / of as f64) }
}

/// Writes a number with as many digits as a reader needs.
fn rounded(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let places = DIGITS - 1 - value.abs().log10().floor() as i32;
    if !(-12..=12).contains(&places) {
        return format!("{value:.3e}");
    }
    let text = format!("{value:.*}", usize::try_from(places).unwrap_or(0));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[derive(Parser)]
    struct Whole {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn a_request_has_only_what_was_given() {
        let read =
            |words: &[&str]| Whole::try_parse_from([&["replay"], words].concat()).map(|one| one.arguments);
        let limits = read(&["brightness", "--group", "yard"]).unwrap().query();
        let wanted = [("diagnosis", "brightness"), ("group", "yard"), ("days", "30")];
        assert_eq!(limits, wanted.map(|(name, value)| (name, value.to_owned())));
        let words =
            ["brightness", "--metric", "odds", "--threshold", "-1.5", "--side", "below", "--camera", "a"];
        let query = read(&[&words[..], &["--camera", "b"]].concat()).unwrap().query();
        for wanted in [("threshold", "-1.5"), ("side", "below"), ("camera", "a,b"), ("limit", "50")] {
            assert!(query.contains(&(wanted.0, wanted.1.to_owned())), "{wanted:?} {query:?}");
        }
        assert!(read(&["brightness", "--metric", "odds"]).is_err());
        assert!(read(&["brightness", "--threshold", "3"]).is_err());
    }

    #[test]
    fn numbers_have_the_digits_that_matter() {
        let all = [80.0, 0.224, 1_234.567, 0.000_123_42, -3.5, 0.0, 1e300].map(rounded);
        assert_eq!(all[..6], ["80", "0.224", "1235", "0.0001234", "-3.5", "0"]);
        assert_eq!(all[6], "1.000e300");
    }

    #[test]
    fn an_answer_says_what_would_change_and_how_certain_that_is() {
        let check = json!({"at": "2026-11-29T22:00:00Z", "job_id": "01890000-0000-7000-8000-000000000001",
            "value": 84.25, "becomes_alarm": true});
        let found: Replay = serde_json::from_value(json!({
            "diagnosis": "brightness", "since": "2026-10-31T00:00:00Z", "until": "2026-11-30T00:00:00Z",
            "limit": {"metric": "luma_p95", "unit": "grey level", "side": "below", "verdicts": 900, "alarms": 20,
                "explained": 899, "thresholds": [{"threshold": 80.0, "verdicts": 900, "cameras": 3}],
                "other_verdicts": 0, "lowest": 2.0, "highest": 250.0, "usually_from": 60.0, "usually_to": 240.0,
                "settings": ["dark_p95"]},
            "threshold": 90.0,
            "checks": {"cameras": 3, "verdicts": 1000, "alarms": 21, "without_verdict": 4, "explained": 998,
                "damaged_days": 1},
            "verdicts": {"raised": 12, "cleared": 0, "undetermined": 2},
            "cameras": {"raised": 1, "cleared": 0, "undetermined": 1},
            "alarms_beyond": 20, "quiet_beyond": 1,
            "changes": [{"camera_id": "gate", "name": "大门", "verdicts": 300, "alarms_before": 5,
                "alarms_after": 17, "changes": {"raised": 12, "cleared": 0, "undetermined": 2},
                "first": check, "last": check}],
            "omitted": 0,
        }))
        .unwrap();
        let said = sentence(&found);
        for part in [
            "below 90 instead of 80",
            "new alarms: 12 verdicts in 1 camera; ended alarms: 0 verdicts in 0 cameras",
            "undetermined: 2 verdicts in 1 camera",
            "99.8 %",
            "1 day of damaged",
            "alarms: 20; normal: 1",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        let shown = cameras(&found.changes, &found.limit).to_string();
        assert!(shown.contains("5 → 17 of 300") && shown.contains("84.25 grey level → alarm"), "{shown}");
    }
}

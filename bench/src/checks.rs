//! Measures the cost of a check of a camera: the processor time of capturing a clip and of judging it with all
//! standard plugins. ffmpeg alone, which only decodes the same part of the stream, is measured for comparison.

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use easysight_author::{Picture, Rendering};
use easysight_bench::table::{self, Row};
use easysight_capture::{CaptureConfig, CaptureError, Capturer, Clip, PlaneKind, Source};
use easysight_diagnose::{
    Baselines, Captured, Examination, Looks, Plan, PluginSet, Taken, capture, capture_part, judge_with,
};
use easysight_protocol::{Look, Status};
use easysight_sandbox::Limits;

use crate::{media, median};

/// The length of the streams in seconds. A check captures at most the first part of a stream.
const SECONDS: f64 = 4.0;
/// The number of checks per hour that one core should reach for the first of the [`CAMERAS`].
const MARK: f64 = 10_000.0;

/// A camera with common settings: H.264 without B-frames, a keyframe every two seconds, a bounded bit rate.
struct Camera {
    size: (u32, u32),
    rate: f64,
    kilobits: u32,
}

const CAMERAS: [Camera; 4] = [
    Camera { size: (1920, 1080), rate: 25.0, kilobits: 4_096 },
    Camera { size: (1920, 1080), rate: 12.5, kilobits: 3_072 },
    Camera { size: (1280, 720), rate: 25.0, kilobits: 2_048 },
    Camera { size: (640, 360), rate: 25.0, kilobits: 768 },
];

/// One in this number of checks is full: it captures everything that the diagnoses request. The other checks end after
/// the first second of video if it shows no fault.
const FULL_EVERY: u32 = 4;

/// Processor time of checks.
#[derive(Default)]
struct Cost {
    checks: u32,
    frames: usize,
    /// The time of ffmpeg's process.
    decoder: Duration,
    /// The time of this process: receiving the frames, making smaller pictures, running the plugins, building the
    /// findings.
    own: Duration,
}

impl Cost {
    fn whole(&self) -> Duration {
        (self.decoder + self.own) / self.checks.max(1)
    }
}

/// Measures the checks of the `given` recording, or of each of the [`CAMERAS`], and prints the results as tables.
pub(crate) fn run(plugins: &PluginSet, given: Option<&Path>, runs: usize) -> anyhow::Result<()> {
    let work = tempfile::tempdir()?;
    let plan = Plan::new(plugins, &[], &BTreeMap::new(), Limits::default())?;
    let mut table = Table::new();
    let heads = [
        "camera",
        "look",
        "frames",
        "decoder, ms",
        "worker, ms",
        "per check, ms",
        "checks per hour and core",
        "decoding by ffmpeg alone, ms",
        "check ÷ decoding",
    ];
    table.load_style(UTF8_FULL_CONDENSED).set_header(heads);
    let mut rows = Vec::new();
    let files = match given {
        Some(file) => vec![(file.display().to_string(), file.to_owned())],
        None => CAMERAS
            .iter()
            .map(|camera| Ok((camera.to_string(), camera.film(work.path())?)))
            .collect::<anyhow::Result<_>>()?,
    };
    for (name, file) in files {
        let Measured { full, short, covered, not_normal } = measure(&plan, &file, runs)?;
        if !not_normal.is_empty() {
            println!("{name}: diagnoses that were not normal in the last look: {}", not_normal.join(", "));
        }
        let mut times = Vec::new();
        for _ in 0..5 {
            times.push(media::decoding_cpu(&file, covered)?);
        }
        let alone = median(times);
        for (look, cost) in [("full", &full), ("short", &short)] {
            if cost.checks == 0 {
                continue;
            }
            let milliseconds = |time: Duration| format!("{:.0}", time.as_secs_f64() * 1e3);
            let whole = cost.whole();
            table.add_row([
                name.clone(),
                look.to_owned(),
                (cost.frames / cost.checks as usize).to_string(),
                milliseconds(cost.decoder / cost.checks),
                milliseconds(cost.own / cost.checks),
                milliseconds(whole),
                format!("{:.0}", an_hour(whole)),
                milliseconds(alone),
                format!("{:.2}", whole.as_secs_f64() / alone.as_secs_f64()),
            ]);
        }
        if rows.is_empty() {
            let on_average = (full.whole() + short.whole() * (FULL_EVERY - 1)) / FULL_EVERY;
            let what = |looks: &str| format!("{name}: checks per hour and core, {looks}");
            rows.push(Row::at_least(&what("all looks full"), an_hour(full.whole()), "checks", MARK));
            let looks = format!("one of {FULL_EVERY} looks full");
            rows.push(Row::at_least(&what(&looks), an_hour(on_average), "checks", MARK));
        }
    }
    println!("{table}\n{}", table::render(&rows));
    Ok(())
}

fn an_hour(check: Duration) -> f64 {
    3_600.0 / check.as_secs_f64()
}

struct Measured {
    full: Cost,
    short: Cost,
    /// The length of the clip of a full check.
    covered: Duration,
    not_normal: Vec<String>,
}

/// Runs this many checks, as a worker does, of a camera that has been checked before.
fn measure(plan: &Plan, file: &Path, runs: usize) -> anyhow::Result<Measured> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let capturer = Capturer::new(CaptureConfig::default());
    let source = Source::from(file);
    let mut known = Baselines::new();
    let mut measured = Measured {
        full: Cost::default(),
        short: Cost::default(),
        covered: Duration::ZERO,
        not_normal: Vec::new(),
    };
    // The first checks are not counted: the camera has no baselines yet, and the code is not in the processor's
    // caches.
    for run in 0..runs.max(1) + FULL_EVERY as usize {
        let (own, decoder) = media::cpu_times()?;
        let looks = Looks::new(FULL_EVERY, plan, &known);
        let (look, mut examination, clip) = runtime.block_on(check(plan, &capturer, &source, &looks, &known));
        looks.note(look, &mut examination);
        let (own_then, decoder_then) = media::cpu_times()?;
        known.append(&mut examination.baselines);
        let clip = clip.map_err(|error| anyhow::anyhow!("{error}"))?;
        if look == Look::Full {
            measured.covered = clip.frames().last().map_or(Duration::ZERO, |frame| frame.timestamp);
        }
        let bad = examination.findings.iter().filter(|one| one.status != Some(Status::Normal));
        measured.not_normal = bad.map(|one| format!("{} ({})", one.diagnosis, one.word())).collect();
        let cost = if look == Look::Full { &mut measured.full } else { &mut measured.short };
        if run < FULL_EVERY as usize {
            continue;
        }
        cost.checks += 1;
        cost.frames += clip.frames().len();
        cost.decoder += decoder_then - decoder;
        cost.own += own_then - own;
    }
    Ok(measured)
}

async fn check(
    plan: &Plan,
    capturer: &Capturer,
    source: &Source,
    looks: &Looks,
    known: &Baselines,
) -> (Look, Examination, Result<Arc<Clip>, CaptureError>) {
    let whole = |captured: Captured| {
        let examination = judge_with(plan, &captured, known);
        (Look::Full, examination, captured.clip)
    };
    let Some(part) = looks.part(plan) else { return whole(capture(capturer, plan, source).await) };
    let enough = async |captured: Captured| {
        let examination = judge_with(plan, &captured, known);
        looks.is_enough(&examination).then_some((Look::Short, examination, captured.clip))
    };
    match capture_part(capturer, plan, source, &part, enough).await {
        Taken::Enough(judged) => judged,
        Taken::Whole(captured) => whole(captured),
    }
}

impl std::fmt::Display for Camera {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { size: (width, height), rate, kilobits } = self;
        write!(f, "{width} × {height}, {rate} frames/s, {kilobits} kbit/s")
    }
}

impl Camera {
    /// Makes the camera's stream: a street with the noise of a sensor.
    fn film(&self, dir: &Path) -> anyhow::Result<PathBuf> {
        let (width, height) = self.size;
        let file = dir.join(format!("{width}x{height}-{}.mp4", self.rate));
        let size = format!("{width}x{height}");
        let (rate, bits, group) =
            (self.rate.to_string(), format!("{}k", self.kilobits), format!("{:.0}", 2.0 * self.rate));
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-f", "rawvideo", "-pix_fmt", "yuvj420p", "-s", &size, "-r", &rate]);
        ffmpeg.args(["-i", "-", "-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-g", &group]);
        ffmpeg.args(["-b:v", &bits, "-maxrate", &bits, "-bufsize", &bits]).arg(&file);
        let mut encoder = ffmpeg.stdin(Stdio::piped()).spawn().context("ffmpeg does not start")?;
        let mut input = encoder.stdin.take().context("ffmpeg has no standard input")?;
        let clip = Rendering {
            picture: Picture::Street,
            size: self.size,
            frames: (SECONDS * self.rate) as u32,
            interval: Duration::from_secs_f64(1.0 / self.rate),
        }
        .clip()
        .context("no such picture")?;
        for frame in (0..).take(clip.frames().len()) {
            for plane in [PlaneKind::Luma, PlaneKind::Cb, PlaneKind::Cr] {
                input.write_all(&clip.plane(frame, plane, 0)?)?;
            }
        }
        drop(input);
        if !encoder.wait()?.success() {
            bail!("ffmpeg cannot make a stream of {self}");
        }
        Ok(file)
    }
}

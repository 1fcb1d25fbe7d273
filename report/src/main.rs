//! `cargo xtask report …`: how well the diagnoses tell healthy pictures from faulty ones.

use std::{fs, path::PathBuf};

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use easysight_report::cases::{self, Order};

/// Measures the diagnoses.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Only make the cases.
    Cases(Cases),
}

#[derive(Debug, clap::Args)]
struct Cases {
    /// Healthy clips, or directories of them; rendered scenes where none is given.
    #[arg(long, value_name = "FILE|DIR")]
    clips: Vec<PathBuf>,
    /// Render scenes beside the clips that are given.
    #[arg(long)]
    scenes: bool,
    /// Where the cases are kept.
    #[arg(long, value_name = "DIR", default_value = "target/report/cases")]
    cases_dir: PathBuf,
    /// Only these kinds (`blur`, `night`, …).
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    kinds: Vec<String>,
    /// Seconds of each clip.
    #[arg(long, value_name = "S", default_value_t = 4.0)]
    seconds: f32,
    /// Other noise, dirt and damage.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Cases to make at a time; one a processor where it is not given.
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Cases(arguments) => {
            let order = arguments.order()?;
            let manifest = cases::make(&order, &|number, all, title| eprintln!("{number}/{all} {title}"))?;
            println!("{} cases in {}", manifest.cases.len(), order.dir.display());
        }
    }
    Ok(())
}

impl Cases {
    fn order(&self) -> anyhow::Result<Order> {
        let mut clips = Vec::new();
        for given in &self.clips {
            if !given.is_dir() {
                clips.push(given.clone());
                continue;
            }
            let entries = fs::read_dir(given).with_context(|| given.display().to_string())?;
            let mut files = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
            files.retain(|file| is_video(file));
            files.sort();
            if files.is_empty() {
                bail!("{}: no video (mp4, mkv, avi, mov, ts)", given.display());
            }
            clips.append(&mut files);
        }
        Ok(Order {
            scenes: self.scenes || clips.is_empty(),
            clips,
            dir: self.cases_dir.clone(),
            kinds: self.kinds.clone(),
            seconds: self.seconds,
            seed: self.seed,
            jobs: self
                .jobs
                .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get)),
        })
    }
}

fn is_video(file: &std::path::Path) -> bool {
    let suffix = file.extension().map(|suffix| suffix.to_string_lossy().to_ascii_lowercase());
    suffix.is_some_and(|suffix| ["mp4", "mkv", "avi", "mov", "ts"].contains(&suffix.as_str()))
}

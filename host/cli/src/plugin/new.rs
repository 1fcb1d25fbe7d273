//! `easysight plugin new`.

use std::{path::PathBuf, process::ExitCode};

use easysight_author::{Language, begin};
use serde::Serialize;

use super::author::Output;

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Name of the plugin and of its diagnosis: a-z, 0-9 and _, beginning with a letter.
    name: String,
    /// Language: rust, python, javascript or c.
    #[arg(long, default_value_t = Language::Rust)]
    language: Language,
    /// The folder to create. Default: the plugin's name, in the current folder.
    #[arg(long)]
    dir: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Serialize)]
struct Begun<'a> {
    name: &'a str,
    language: Language,
    dir: PathBuf,
    files: Vec<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { name, language, dir, output } = arguments;
    let dir = dir.clone().unwrap_or_else(|| name.into());
    let files = begin(name, *language, &dir)?;
    let shown = dir.display();
    let preparation = language.preparation().map(|command| format!("  {command}\n")).unwrap_or_default();
    let sentence = format!(
        "{shown}: {} files. README.md explains the next steps. To begin:\n\n  cd {shown}\n{preparation}  \
         easysight plugin build\n  easysight plugin test",
        files.len()
    );
    output.format.say(&Begun { name, language: *language, dir, files }, &sentence)?;
    Ok(ExitCode::SUCCESS)
}

//! `cargo xtask train …`: trains the network of the diagnoses with a learned part, as `training/README.md`
//! describes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use crate::{languages, process, process::command, report, workspace};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Folders of real footage with labels. See `report/footage/README.md`.
    #[arg(long, value_name = "DIR", required = true)]
    footage: Vec<PathBuf>,
    /// The number of training steps.
    #[arg(long, value_name = "N", default_value_t = 8_000)]
    steps: u32,
    /// Use the existing pictures and make no new ones.
    #[arg(long)]
    ready: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let root = workspace::root();
    let scripts = root.join("training");
    let place = workspace::target().join("training");
    let python = languages::environment(&place.join("python"), &scripts.join("requirements.txt"))?;
    let script = |name: &str| {
        let mut python = command(&python, &root);
        python.arg(scripts.join(name));
        python
    };
    if !arguments.ready {
        let report = report::program()?;
        // Validation needs fewer pictures.
        for (set, parts) in [("development", "4"), ("validation", "3")] {
            let mut samples = command(&report, &root);
            samples.args(["samples", "--set", set, "--parts", parts, "--out"]).arg(place.join(set));
            for footage in &arguments.footage {
                samples.arg("--footage").arg(fs::canonicalize(footage)?);
            }
            process::run(&mut samples)?;
        }
        process::run(
            script("drawn.py")
                .args(flags(&[("--pictures", &place.join("development")), ("--out", &place.join("drawn"))])),
        )?;
    }
    let mut development = place.join("development").into_os_string();
    development.push(",");
    development.push(place.join("drawn"));
    let network = place.join("glass.bin");
    let paths = [
        ("--development", Path::new(&development)),
        ("--validation", &place.join("validation")),
        ("--out", &network),
    ];
    process::run(script("train.py").args(flags(&paths)).args(["--steps", &arguments.steps.to_string()]))?;
    fs::copy(&network, scripts.join("glass.bin"))?;
    println!("training/glass.bin has changed; the thresholds of lens_dirty and occlusion depend on it");
    Ok(ExitCode::SUCCESS)
}

fn flags<'a>(pairs: &[(&'a str, &'a Path)]) -> Vec<&'a std::ffi::OsStr> {
    pairs.iter().flat_map(|&(flag, path)| [flag.as_ref(), path.as_os_str()]).collect()
}

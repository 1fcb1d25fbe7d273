//! `easysight plugin show`: shows what a published plugin can access, its limits, and what it used, so that a person
//! can check this before the plugin is activated.

use comfy_table::Table;
use easysight_protocol::{PluginUsage, PublishedPlugin, Used};
use serde::Serialize;

use super::{choose, published, tables};
use crate::{listing, master::Remote};

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    remote: Remote,
    /// The start of the plugin's digest (at least 4 digits), or its name and version, such as freeze@1.0.0.
    #[arg(value_name = "DIGEST_PREFIX|NAME@VERSION")]
    plugin: String,
}

/// Everything that is shown about a plugin.
#[derive(Serialize)]
struct Shown {
    plugin: PublishedPlugin,
    usage: PluginUsage,
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let master = arguments.remote.master()?;
    let plugins = published(&master).await?;
    let plugin = choose::plugin(&plugins, &arguments.plugin)?.clone();
    let usage = master.get(&["plugins", &plugin.digest, "usage"]).await?;
    arguments.remote.format.show(&Shown { plugin, usage }, details)
}

fn details(shown: &Shown) -> Table {
    let Shown { plugin, usage } = shown;
    let limits = &usage.limits;
    let diagnoses: Vec<_> = plugin.diagnoses.iter().map(|one| one.id.clone()).collect();
    listing::details([
        ("plugin", format!("{}@{}", plugin.name, plugin.version)),
        ("digest", plugin.digest.clone()),
        ("size", format!("{} KiB", plugin.size_bytes.div_ceil(1024))),
        ("diagnoses", listing::joined(&diagnoses)),
        ("active for", listing::joined(&plugin.active_for)),
        ("candidate for", listing::joined(&plugin.shadow_for)),
        ("signed by", listing::joined(&tables::signers(plugin))),
        ("can reach", usage.imports.join("\n")),
        (
            "a run may use",
            format!(
                "{} of fuel, {} MiB of memory, {} ms",
                limits.fuel,
                limits.memory_bytes >> 20,
                limits.timeout_ms
            ),
        ),
        ("highest usage", usage.used.as_ref().map_or_else(|| "has not run yet".to_owned(), most)),
    ])
}

fn most(used: &Used) -> String {
    format!(
        "{} of fuel, {:.1} MiB of memory, {:.1} ms; {} runs, {} of which failed",
        used.max_fuel,
        used.max_memory_bytes as f64 / f64::from(1 << 20),
        used.max_compute_ms,
        used.runs,
        used.failed
    )
}

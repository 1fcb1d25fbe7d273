//! The parts that the commands for authors share: output, tools, configuration.

use std::{fs, path::PathBuf};

use anyhow::Context;
use easysight_author::{Footing, Workshop};
use serde_json::Value;

use crate::listing::Format;

/// The arguments of the output.
#[derive(Debug, clap::Args)]
pub(super) struct Output {
    /// How to print the results.
    #[arg(long, value_enum, default_value = "table")]
    pub(super) format: Format,
}

/// The tools that run plugins.
#[derive(Debug, clap::Args)]
pub(super) struct Tools {
    /// The ffmpeg program.
    #[arg(long, value_name = "PROGRAM", env = "EASYSIGHT_FFMPEG", default_value = "ffmpeg")]
    ffmpeg: PathBuf,
}

impl Tools {
    pub(super) fn workshop(&self) -> anyhow::Result<Workshop> {
        let cache_dir = dirs::cache_dir().map(|dir| dir.join("easysight").join("compiled"));
        Ok(Workshop::open(Footing { cache_dir, ffmpeg: Some(self.ffmpeg.clone()) })?)
    }
}

/// Reads `JSON` or `@FILE`: the configuration of one plugin, either alone or by diagnosis, in the format of `easysight
/// diagnose`.
pub(super) fn config(given: Option<&str>, diagnoses: &[String]) -> anyhow::Result<Option<Value>> {
    let Some(given) = given else { return Ok(None) };
    let text = match given.strip_prefix('@') {
        Some(file) => fs::read_to_string(file).with_context(|| format!("--config {given}"))?,
        None => given.to_owned(),
    };
    let value: Value = serde_json::from_str(&text)
        .context("--config: expected a JSON object, such as {\"dark_luma\": 40}")?;
    let mut inner = diagnoses.iter().filter_map(|id| value.get(id)).filter(|inner| inner.is_object());
    let inner = inner.next().cloned();
    Ok(Some(inner.unwrap_or(value)))
}

/// Lists the ids of a plugin's diagnoses.
pub(super) fn diagnoses(plugin: &easysight_sandbox::Plugin) -> Vec<String> {
    plugin.descriptor().diagnoses.iter().map(|diagnosis| diagnosis.id.clone()).collect()
}

/// Formats bytes in KiB, rounded up.
pub(super) fn kib(bytes: usize) -> String {
    format!("{} KiB", bytes.div_ceil(1024))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_configuration_may_be_by_diagnosis() {
        let ids = ["glare".to_owned()];
        assert_eq!(config(Some(r#"{"least": 3}"#), &ids).unwrap(), Some(json!({"least": 3})));
        assert_eq!(config(Some(r#"{"glare": {"least": 3}}"#), &ids).unwrap(), Some(json!({"least": 3})));
        assert_eq!(config(Some(r#"{"glare": 3}"#), &ids).unwrap(), Some(json!({"glare": 3})));
        assert!(config(Some("{"), &ids).is_err());
        assert_eq!(config(None, &ids).unwrap(), None);
    }
}

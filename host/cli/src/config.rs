//! `--config`: the configuration of diagnoses, given on the command line or in a file.

use std::collections::BTreeMap;

use anyhow::Context;
use serde_json::Value;

/// Reads `JSON` or `@FILE`: an object with the configuration of each diagnosis. Returns an empty map if nothing is
/// given.
pub(crate) fn read(given: Option<&str>) -> anyhow::Result<BTreeMap<String, Value>> {
    let Some(given) = given else { return Ok(BTreeMap::new()) };
    let text = match given.strip_prefix('@') {
        Some(file) => std::fs::read_to_string(file).with_context(|| format!("--config {given}"))?,
        None => given.to_owned(),
    };
    serde_json::from_str(&text).context(
        "--config: expected a JSON object with an entry per diagnosis, such as \
                  {\"brightness\": {\"dark_p95\": 40}}",
    )
}

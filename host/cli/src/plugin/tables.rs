//! Plugins as a table.

use comfy_table::{Cell, Color, Table};
use easysight_protocol::PublishedPlugin;
use easysight_trust::PublicKey;

use crate::listing;

/// The number of digits shown of a digest: enough to distinguish plugins, and to name a plugin on the command line.
pub(super) const SHOWN_DIGITS: usize = 12;

/// Makes a table with a row for each plugin.
pub(super) fn plugins(plugins: &[PublishedPlugin]) -> Table {
    let mut table = listing::table(&[
        "plugin",
        "version",
        "digest",
        "size",
        "diagnoses",
        "active for",
        "candidate for",
        "signed by",
        "published",
    ]);
    for plugin in plugins {
        let diagnoses: Vec<String> = plugin.diagnoses.iter().map(|diagnosis| diagnosis.id.clone()).collect();
        let active = listing::cell(&listing::joined(&plugin.active_for));
        table.add_row([
            listing::cell(&plugin.name),
            listing::cell(&plugin.version),
            listing::cell(short(&plugin.digest)),
            Cell::new(format!("{} KiB", plugin.size_bytes.div_ceil(1024))),
            listing::cell(&diagnoses.join(", ")),
            if plugin.active_for.is_empty() { active } else { active.fg(Color::Green) },
            listing::cell(&listing::joined(&plugin.shadow_for)),
            listing::cell(&listing::joined(&signers(plugin))),
            Cell::new(listing::time(plugin.published_at)),
        ]);
    }
    table
}

/// Returns the ids of the keys that signed a plugin.
pub(super) fn signers(plugin: &PublishedPlugin) -> Vec<String> {
    let id = |key: &String| key.parse().map_or_else(|_| key.clone(), |key: PublicKey| key.id().to_string());
    plugin.signed_by.iter().map(id).collect()
}

/// Returns the start of a digest.
pub(super) fn short(digest: &str) -> &str {
    digest.get(..SHOWN_DIGITS).unwrap_or(digest)
}

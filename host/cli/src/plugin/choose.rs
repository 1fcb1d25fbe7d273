//! Finds the published plugin that a person named.

use anyhow::bail;
use easysight_protocol::PublishedPlugin;

use super::tables::short;

/// The minimum number of digits of a digest that identify a plugin. A string with fewer digits is probably a typing
/// error.
const MIN_DIGITS: usize = 4;

/// Returns the plugin with this digest, start of a digest, `name@version`, or name if it has only one version.
pub(super) fn plugin<'a>(
    plugins: &'a [PublishedPlugin],
    wanted: &str,
) -> anyhow::Result<&'a PublishedPlugin> {
    let wanted = wanted.trim();
    let found: Vec<_> = plugins.iter().filter(|plugin| is_meant(plugin, wanted)).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => bail!("no plugin matches {wanted}; `easysight plugin list` shows the published plugins"),
        several => {
            let names: Vec<_> = several
                .iter()
                .map(|plugin| format!("{} ({}@{})", short(&plugin.digest), plugin.name, plugin.version))
                .collect();
            bail!(
                "{wanted} matches several plugins: {}; choose one by its digest or a longer part of it",
                names.join(" or ")
            )
        }
    }
}

fn is_meant(plugin: &PublishedPlugin, wanted: &str) -> bool {
    if let Some((name, version)) = wanted.split_once('@') {
        return plugin.name == name && plugin.version == version;
    }
    let is_start = wanted.len() >= MIN_DIGITS && plugin.digest.starts_with(&wanted.to_ascii_lowercase());
    is_start || plugin.name == wanted
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn published(digest: &str, name: &str, version: &str) -> PublishedPlugin {
        serde_json::from_value(json!({
            "digest": format!("{digest:0<64}"), "name": name, "version": version, "size_bytes": 1,
            "diagnoses": [], "config_schema": {}, "published_at": "2026-01-01T00:00:00Z", "active_for": [],
        }))
        .unwrap()
    }

    fn some() -> Vec<PublishedPlugin> {
        vec![
            published("abcd1", "freeze", "1.0.0"),
            published("abcd2", "freeze", "1.1.0"),
            published("12345", "noise", "1.0.0"),
            published("99999", "noise", "1.0.0"),
            published("face0", "dead", "0.1.0"),
            published("dead0", "blur", "0.1.0"),
            published("77777", "glare", "2.0.0"),
        ]
    }

    fn chosen(wanted: &str) -> Result<String, String> {
        plugin(&some(), wanted)
            .map(|plugin| plugin.digest.trim_end_matches('0').to_owned())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_plugin_is_named_by_digest_or_by_name_and_version() {
        assert_eq!(chosen("1234"), Ok("12345".into()));
        assert_eq!(chosen("ABCD2"), Ok("abcd2".into()));
        assert_eq!(chosen(&format!("{:0<64}", "77777")), Ok("77777".into()));
        assert_eq!(chosen("freeze@1.1.0"), Ok("abcd2".into()));
        assert_eq!(chosen(" glare "), Ok("77777".into()));
    }

    #[test]
    fn what_may_be_several_is_refused_with_their_digests() {
        for wanted in ["abcd", "freeze"] {
            let error = chosen(wanted).unwrap_err();
            assert!(error.contains("abcd10000000 (freeze@1.0.0) or abcd20000000 (freeze@1.1.0)"), "{error}");
        }
        assert!(chosen("noise@1.0.0").unwrap_err().contains("123450000000"));
        assert!(chosen("dead").unwrap_err().contains("face00000000"), "a name may look like a digest");
    }

    #[test]
    fn what_is_nothing_is_refused() {
        for wanted in ["", "@", "abc", "freeze@2.0.0", "ffff", "@1.0.0"] {
            assert!(chosen(wanted).unwrap_err().contains("plugin list"), "{wanted}");
        }
    }
}

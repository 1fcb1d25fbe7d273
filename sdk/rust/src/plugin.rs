//! The trait that a plugin's author implements.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{Clip, Description, Descriptor, Explanation, Failure, Report};

/// A diagnosis, or several that share their measurements.
pub trait Plugin {
    /// The settings of the plugin. Their JSON Schema is derived from this type. Document every field, and give
    /// each field a default (`#[serde(default)]` on the type), a range, a unit, a title and Chinese texts
    /// ([`crate::in_chinese`]).
    type Config: DeserializeOwned + JsonSchema;

    /// Describes the plugin: its name, version and diagnoses, the clip that it needs, and the findings of other
    /// plugins that its findings explain.
    fn descriptor() -> Description;

    /// Judges one clip.
    ///
    /// # Errors
    ///
    /// A [`Failure`] if no judgement is possible, for example [`Failure::Inconclusive`] if the picture does not show
    /// enough to decide.
    fn diagnose(clip: &dyn Clip, config: Self::Config) -> Result<Report, Failure>;
}

/// Returns the complete descriptor of a plugin, with the schema of its configuration.
#[must_use]
pub fn full_descriptor<P: Plugin>() -> Descriptor {
    let schema = schemars::generate::SchemaSettings::draft2020_12()
        .with(|settings| settings.meta_schema = None)
        .into_generator()
        .into_root_schema_for::<P::Config>();
    P::descriptor().into_descriptor(schema.as_value().to_string())
}

/// Returns which findings of other plugins a plugin's findings explain.
#[must_use]
pub fn explanations_of<P: Plugin>() -> Vec<Explanation> {
    P::descriptor().into_explanations()
}

/// Calls a plugin natively, as the host calls it in the sandbox.
///
/// # Errors
///
/// [`Failure::InvalidConfig`] if `config` cannot be parsed as the plugin's configuration, and the errors of the plugin.
pub fn native<P: Plugin>(clip: &dyn Clip, config: &str) -> Result<Report, Failure> {
    let config = serde_json::from_str(config).map_err(|e| Failure::InvalidConfig(e.to_string()))?;
    P::diagnose(clip, config)
}

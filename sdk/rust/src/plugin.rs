//! What a plugin's author implements.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{Clip, Description, Descriptor, Explanation, Failure, Report};

/// A diagnosis, or several that share their measurements.
pub trait Plugin {
    /// How it can be tuned. Its JSON Schema is derived from this type: document every field, give
    /// each a default (`#[serde(default)]` on the type), a range and a unit.
    type Config: DeserializeOwned + JsonSchema;

    /// What it is: name, version, diagnoses, the clip that it needs, what its findings explain.
    fn descriptor() -> Description;

    /// Judges one clip.
    ///
    /// # Errors
    ///
    /// A [`Failure`] where there can be no judgement; [`Failure::Inconclusive`] where the picture
    /// cannot tell.
    fn diagnose(clip: &dyn Clip, config: Self::Config) -> Result<Report, Failure>;
}

/// The whole descriptor of a plugin, with the schema of its configuration.
#[must_use]
pub fn full_descriptor<P: Plugin>() -> Descriptor {
    let schema = schemars::generate::SchemaSettings::draft2020_12()
        .with(|settings| settings.meta_schema = None)
        .into_generator()
        .into_root_schema_for::<P::Config>();
    P::descriptor().into_descriptor(schema.as_value().to_string())
}

/// What a plugin says that its findings explain of others'.
#[must_use]
pub fn explanations_of<P: Plugin>() -> Vec<Explanation> {
    P::descriptor().into_explanations()
}

/// Calls a plugin natively, as the host calls it in the sandbox.
///
/// # Errors
///
/// [`Failure::InvalidConfig`] where `config` is not JSON of the plugin's configuration, else those
/// of the plugin.
pub fn native<P: Plugin>(clip: &dyn Clip, config: &str) -> Result<Report, Failure> {
    let config = serde_json::from_str(config).map_err(|e| Failure::InvalidConfig(e.to_string()))?;
    P::diagnose(clip, config)
}

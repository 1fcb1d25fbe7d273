//! Plans a job: checks the requested diagnoses and their configuration before anything is captured.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use easysight_capture::{Clip, ClipRequest, Stretch};
use easysight_sandbox::{Limits, Plugin};
use serde_json::Value;

use crate::PluginSet;

/// An error in a request, with the field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct PlanError {
    /// JSON Pointer within a submission: `/diagnoses/0`, `/config/brightness/dark_p95`.
    pub field: String,
    /// What is wrong and what is allowed.
    pub detail: String,
}

/// One plugin of a plan.
#[derive(Debug, Clone)]
pub struct Selected {
    /// The plugin.
    pub plugin: Arc<Plugin>,
    /// The ids of those diagnoses of the plugin that were requested.
    pub diagnoses: Vec<String>,
    /// The configuration of the plugin, checked and with defaults filled in.
    pub config: Arc<str>,
    /// The limits of the plugin's run. The sandbox's own ceilings apply too.
    pub limits: Limits,
}

impl Selected {
    /// Returns the part of a shared clip that this plugin sees. This part has the same frames as a clip that was
    /// captured for this plugin alone.
    #[must_use]
    pub fn sees(&self, clip: &Clip) -> Arc<Clip> {
        Arc::new(clip.seen_by(stretch(&self.plugin)))
    }
}

/// The diagnoses to run, their configuration, and the clip that satisfies all of them.
#[derive(Debug, Clone)]
pub struct Plan {
    selected: Vec<Selected>,
    shadows: Vec<Selected>,
    request: ClipRequest,
}

impl Plan {
    /// Checks a request: `diagnoses` by id (empty means all that are loaded), `config` by diagnosis id. Diagnoses
    /// of the same plugin share one configuration, so their configurations are merged.
    ///
    /// # Errors
    ///
    /// [`PlanError`] with the field that is wrong.
    pub fn new(
        plugins: &PluginSet,
        diagnoses: &[String],
        config: &BTreeMap<String, Value>,
        limits: Limits,
    ) -> Result<Self, PlanError> {
        if plugins.is_empty() {
            return Err(PlanError { field: String::new(), detail: "no plugin is loaded".into() });
        }
        let all: Vec<String>;
        let wanted = if diagnoses.is_empty() {
            all = plugins.diagnoses().map(str::to_owned).collect();
            &all
        } else {
            diagnoses
        };
        let mut selected: Vec<Selected> = Vec::new();
        for (index, id) in wanted.iter().enumerate() {
            let Some(plugin) = plugins.for_diagnosis(id) else {
                return Err(unknown(plugins, format!("/diagnoses/{index}"), id));
            };
            match selected.iter_mut().find(|one| one.plugin.digest() == plugin.digest()) {
                Some(one) if one.diagnoses.contains(id) => {}
                Some(one) => one.diagnoses.push(id.clone()),
                None => selected.push(Selected {
                    plugin: Arc::clone(plugin),
                    diagnoses: vec![id.clone()],
                    config: "{}".into(),
                    limits,
                }),
            }
        }
        for id in config.keys() {
            if plugins.for_diagnosis(id).is_none() {
                return Err(unknown(plugins, pointer(id, ""), id));
            }
            if !wanted.contains(id) {
                let detail = format!("`{id}` is configured but not among the requested diagnoses");
                return Err(PlanError { field: pointer(id, ""), detail });
            }
        }
        for one in &mut selected {
            one.config = configure(one, config)?;
        }
        Ok(Self::of(selected))
    }

    /// Creates a plan for plugins that were selected and configured elsewhere.
    #[must_use]
    pub fn of(selected: Vec<Selected>) -> Self {
        Self::beside(selected, Vec::new())
    }

    /// Creates a plan like [`Self::of`], with additional candidates. They judge the same clip after the selected
    /// plugins, and their findings do not count.
    #[must_use]
    pub fn beside(selected: Vec<Selected>, shadows: Vec<Selected>) -> Self {
        let requests = selected.iter().chain(&shadows).map(|one| stretch(&one.plugin).into());
        let request = requests.reduce(ClipRequest::merge).unwrap_or_else(ClipRequest::still);
        Self { selected, shadows, request }
    }

    /// Returns the candidates.
    #[must_use]
    pub fn shadows(&self) -> &[Selected] {
        &self.shadows
    }

    /// Returns the plugins that run, in the order of their findings.
    #[must_use]
    pub fn selected(&self) -> &[Selected] {
        &self.selected
    }

    /// Returns the maximum time that all plugins together may take to judge the clip.
    #[must_use]
    pub fn longest(&self) -> Duration {
        self.selected.iter().chain(&self.shadows).map(|one| one.limits.timeout).sum()
    }

    /// Returns the request for a clip that satisfies all plugins.
    #[must_use]
    pub const fn request(&self) -> &ClipRequest {
        &self.request
    }
}

fn pointer(id: &str, rest: &str) -> String {
    format!("/config/{}{rest}", id.replace('~', "~0").replace('/', "~1"))
}

fn unknown(plugins: &PluginSet, field: String, id: &str) -> PlanError {
    let shown: String = id.chars().take(80).collect();
    let known = plugins.diagnoses().collect::<Vec<_>>().join(", ");
    PlanError { field, detail: format!("there is no diagnosis {shown:?}; available: {known}") }
}

/// Merges the configurations that are given for a plugin's diagnoses.
fn configure(one: &Selected, config: &BTreeMap<String, Value>) -> Result<Arc<str>, PlanError> {
    let mut whole: Option<Value> = None;
    let mut given_for = "";
    for id in &one.diagnoses {
        let Some(given) = config.get(id) else { continue };
        given_for = id;
        match (whole.as_mut().and_then(Value::as_object_mut), given.as_object()) {
            (Some(fields), Some(more)) => {
                for (key, value) in more {
                    if fields.get(key).is_some_and(|before| before != value) {
                        let detail = format!(
                            "`{key}` has different values for two diagnoses of the plugin {}",
                            one.plugin.descriptor().name
                        );
                        return Err(PlanError { field: pointer(id, &format!("/{key}")), detail });
                    }
                    fields.insert(key.clone(), value.clone());
                }
            }
            _ => whole = Some(given.clone()),
        }
    }
    one.plugin
        .resolve_config(whole.as_ref())
        .map_err(|error| PlanError { field: pointer(given_for, &error.field), detail: error.detail })
}

fn stretch(plugin: &Plugin) -> Stretch {
    let clip = plugin.descriptor().clip;
    Stretch {
        min_frames: clip.min_frames,
        interval: Duration::from_millis(clip.interval_ms.into()),
        span: Duration::from_millis(clip.span_ms.into()),
    }
}

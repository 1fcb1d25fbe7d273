//! The texts of settings in Chinese. The schema of a configuration has the English texts: the title and the doc
//! comment of each field.

use schemars::{Schema, transform::Transform};
use serde_json::json;

/// Adds the title and the description of a setting in Chinese to its schema, for operators who use the web UI in
/// Chinese. They are the value of the keyword `translations`.
///
/// ```
/// use easysight_sdk::{JsonSchema, in_chinese};
///
/// #[derive(JsonSchema)]
/// #[schemars(crate = "easysight_sdk::schemars")]
/// struct Config {
///     /// The picture is too dark if its mean luma is below this value.
///     #[schemars(title = "Dark picture limit", transform = in_chinese(
///         "过暗阈值",
///         "画面平均亮度低于此值，即为过暗。",
///     ))]
///     least_mean: f64,
/// }
///
/// let schema = easysight_sdk::schemars::schema_for!(Config);
/// let setting = schema.pointer("/properties/least_mean").expect("the setting");
/// assert_eq!(setting["title"], "Dark picture limit");
/// assert_eq!(setting["translations"]["zh"]["title"], "过暗阈值");
/// ```
pub fn in_chinese(title: &'static str, description: &'static str) -> impl Transform {
    move |schema: &mut Schema| {
        let translations = json!({"zh": {"title": title, "description": description}});
        schema.insert("translations".into(), translations);
    }
}

//! The Rust SDK for EasySight plugins.
//!
//! A plugin is a type that implements [`Plugin`]. The macro [`export!`] makes it a component:
//!
//! ```
//! use easysight_sdk::{Clip, Failure, Plugin, Report, Text, descriptor, finding};
//!
//! /// The settings of the plugin. Every field has a default, a unit and a range.
//! #[derive(serde::Deserialize, easysight_sdk::JsonSchema)]
//! #[serde(default, deny_unknown_fields)]
//! #[schemars(crate = "easysight_sdk::schemars")]
//! struct Config {
//!     /// Least mean luma, in grey levels of full range.
//!     #[schemars(range(min = 0.0, max = 255.0), extend("unit" = "grey level"))]
//!     least_mean: f64,
//! }
//!
//! impl Default for Config {
//!     fn default() -> Self {
//!         Self { least_mean: 40.0 }
//!     }
//! }
//!
//! struct Gloom;
//!
//! impl Plugin for Gloom {
//!     type Config = Config;
//!
//!     fn descriptor() -> easysight_sdk::Description {
//!         descriptor("gloom", env!("CARGO_PKG_VERSION")).diagnosis(
//!             "gloom",
//!             Text::new("昏暗", "Gloom"),
//!             Text::new("画面平均亮度过低。", "The picture is dark on average."),
//!         )
//!     }
//!
//!     fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
//!         let luma = clip.luma(0, 0)?;
//!         let mean = easysight_sdk::image::Histogram::of(&luma).full_range(clip.info().range).mean();
//!         Ok(finding("gloom")
//!             .metric("luma_mean", mean, "grey level")
//!             .decided_by("luma_mean", config.least_mean)
//!             .normal_if(mean >= config.least_mean, Text::new("亮度正常。", "The light is fine."))
//!             .otherwise_warning(Text::new("画面昏暗。", "The picture is gloomy."))
//!             .into())
//!     }
//! }
//!
//! // In a crate of its own, with `crate-type = ["cdylib"]`:
//! easysight_sdk::export!(Gloom);
//! ```
//!
//! The same code compiles and runs natively. For tests, [`testing`] has clips that consist of arrays, and [`native`]
//! calls a plugin as the host does.

pub mod baseline;
mod build;
mod clip;
#[cfg(target_arch = "wasm32")]
mod guest;
pub mod image;
pub mod network;
mod plugin;
mod score;
pub mod testing;
mod translated;

/// Types generated from the contract in `wit/`.
#[expect(missing_docs, reason = "generated; the contract itself is documented")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "explaining-plugin",
        pub_export_macro: true,
        export_macro_name: "export_bindings",
        default_bindings_module: "easysight_sdk::bindings",
    });
}

pub use bindings::easysight::diagnosis::{
    types::{
        ClipRequest, Decision, Descriptor, Diagnosis, Failure, Finding, Metric, Region, Report, Status, Text,
    },
    video::{CameraClock, ClipInfo, DecoderEvidence, FrameInfo, PixelError, PlaneKind, Rect, SampleRange},
};
pub use bindings::exports::easysight::diagnosis::causes::{Consequence, Explanation, Extent};
pub use build::{Description, FindingBuilder, descriptor, finding};
pub use clip::Clip;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub use guest::{describe, diagnose, explanations};
pub use plugin::{Plugin, explanations_of, full_descriptor, native};
pub use schemars::{self, JsonSchema};
pub use score::score;
pub use translated::in_chinese;

/// Exports a type that implements [`Plugin`] from the component. Use this macro once in a crate. Native builds, which
/// serve tests and measurements, export nothing.
#[macro_export]
macro_rules! export {
    ($plugin:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Exports;

            impl $crate::bindings::Guest for Exports {
                fn describe() -> $crate::Descriptor {
                    $crate::describe::<$plugin>()
                }

                fn diagnose(
                    clip: &$crate::bindings::Clip,
                    config: ::std::string::String,
                ) -> ::core::result::Result<$crate::Report, $crate::Failure> {
                    $crate::diagnose::<$plugin>(clip, &config)
                }
            }

            impl $crate::bindings::exports::easysight::diagnosis::causes::Guest for Exports {
                fn explanations() -> ::std::vec::Vec<$crate::Explanation> {
                    $crate::explanations::<$plugin>()
                }
            }

    $crate::bindings::export_bindings!(Exports with_types_in $crate::bindings);
        };
    };
}

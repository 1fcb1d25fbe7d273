//! The host's side of the baseline, for tests.

use std::cell::RefCell;

use crate::{Clip, Failure, Plugin, Report, native};

/// A plugin's memory of one camera. It is kept between runs as the host keeps it:
///
/// ```
/// # use easysight_sdk::{Clip, Description, Failure, Plugin, Report, Text, descriptor, finding};
/// # struct Counter;
/// # #[derive(serde::Deserialize, easysight_sdk::JsonSchema)]
/// # #[schemars(crate = "easysight_sdk::schemars")]
/// # struct Config {}
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # struct Runs(u32);
/// # impl easysight_sdk::baseline::Remembered for Runs { const LAYOUT: u16 = 1; }
/// # impl Plugin for Counter {
/// #     type Config = Config;
/// #     fn descriptor() -> Description { descriptor("counter", "1.0.0") }
/// #     fn diagnose(_: &dyn Clip, _: Config) -> Result<Report, Failure> {
/// #         let runs = easysight_sdk::baseline::load::<Runs>().map_or(0, |runs| runs.0) + 1;
/// #         easysight_sdk::baseline::store(&Runs(runs)).unwrap();
/// #         Ok(finding("counter").metric("runs", f64::from(runs), "").into())
/// #     }
/// # }
/// use easysight_sdk::testing::{ArrayClip, CameraMemory};
///
/// let clip = ArrayClip::new(64, 64).frame(0, true, |_, _| 100);
/// let mut camera = CameraMemory::default();
/// camera.diagnose::<Counter>(&clip, "{}").unwrap();
/// let report = camera.diagnose::<Counter>(&clip, "{}").unwrap();
/// assert_eq!(report.findings[0].metrics[0].value, 2.0);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CameraMemory {
    bytes: Option<Vec<u8>>,
}

/// The number of bytes that the host grants by default.
const GRANTED: usize = 256 << 10;

/// One run's view of the memory.
#[derive(Debug, Default)]
struct Run {
    loaded: Option<Vec<u8>>,
    stored: Option<Vec<u8>>,
}

thread_local! {
    static RUN: RefCell<Option<Run>> = const { RefCell::new(None) };
}

impl CameraMemory {
    /// Creates a memory with bytes that another version, or a defect, left behind.
    #[must_use]
    pub const fn with_bytes(bytes: Vec<u8>) -> Self {
        Self { bytes: Some(bytes) }
    }

    /// Returns the remembered bytes. Returns none before the first successful run that stored something.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        self.bytes.as_deref()
    }

    /// Runs a plugin on a clip of this camera, as [`native`] does. If the run succeeds, the memory keeps the bytes that
    /// the run stored.
    ///
    /// # Errors
    ///
    /// The errors of [`native`].
    pub fn diagnose<P: Plugin>(&mut self, clip: &dyn Clip, config: &str) -> Result<Report, Failure> {
        RUN.set(Some(Run { loaded: self.bytes.clone(), stored: None }));
        let result = native::<P>(clip, config);
        let run = RUN.take();
        if let Some(stored) = run.and_then(|run| run.stored).filter(|_| result.is_ok()) {
            self.bytes = Some(stored);
        }
        result
    }
}

/// Returns the bytes at the start of this run. Returns none outside of [`CameraMemory::diagnose`].
pub(crate) fn load_baseline() -> Option<Vec<u8>> {
    RUN.with_borrow(|run| run.as_ref().and_then(|run| run.loaded.clone()))
}

/// Stores bytes as the host does. The error is the number of bytes that the host grants.
pub(crate) fn store_baseline(bytes: &[u8]) -> Result<(), usize> {
    if bytes.len() > GRANTED {
        return Err(GRANTED);
    }
    RUN.with_borrow_mut(|run| {
        if let Some(run) = run {
            run.stored = Some(bytes.to_vec());
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::{
        Description, JsonSchema, baseline,
        baseline::{Remembered, TooLarge},
        descriptor, finding,
        testing::ArrayClip,
    };

    #[derive(Serialize, Deserialize)]
    struct Runs(u32);

    impl Remembered for Runs {
        const LAYOUT: u16 = 1;
    }

    #[derive(Serialize, Deserialize)]
    struct Bulk(Vec<u8>);

    impl Remembered for Bulk {
        const LAYOUT: u16 = 1;
    }

    /// If `fails` is true, the plugin fails after it has stored its memory.
    #[derive(Deserialize, JsonSchema)]
    struct Config {
        fails: bool,
    }

    struct Counter;

    impl Plugin for Counter {
        type Config = Config;

        fn descriptor() -> Description {
            descriptor("counter", "1.0.0")
        }

        fn diagnose(_: &dyn Clip, config: Config) -> Result<Report, Failure> {
            let runs = baseline::load::<Runs>().map_or(0, |runs| runs.0) + 1;
            baseline::store(&Runs(runs)).unwrap();
            if config.fails {
                return Err(Failure::Inconclusive("requested".into()));
            }
            Ok(finding("counter").metric("runs", f64::from(runs), "").into())
        }
    }

    fn clip() -> ArrayClip {
        ArrayClip::new(64, 64).frame(0, true, |_, _| 100)
    }

    fn count(camera: &mut CameraMemory) -> f64 {
        camera.diagnose::<Counter>(&clip(), r#"{"fails": false}"#).unwrap().findings[0].metrics[0].value
    }

    #[test]
    fn each_camera_remembers_its_own_runs() {
        let (mut gate, mut yard) = (CameraMemory::default(), CameraMemory::default());
        assert_eq!((count(&mut gate), count(&mut gate), count(&mut yard)), (1.0, 2.0, 1.0));
    }

    #[test]
    fn a_run_that_fails_leaves_the_memory_as_it_was() {
        let mut camera = CameraMemory::default();
        count(&mut camera);
        camera.diagnose::<Counter>(&clip(), r#"{"fails": true}"#).unwrap_err();
        assert_eq!(count(&mut camera), 2.0);
    }

    #[test]
    fn bytes_that_do_not_fit_count_as_none() {
        let mut camera = CameraMemory::with_bytes(b"of some other plugin".to_vec());
        assert_eq!(count(&mut camera), 1.0);
    }

    #[test]
    fn without_a_camera_nothing_is_remembered() {
        for _ in 0..2 {
            let report = native::<Counter>(&clip(), r#"{"fails": false}"#).unwrap();
            assert_eq!(report.findings[0].metrics[0].value, 1.0);
        }
    }

    #[test]
    fn more_bytes_than_granted_are_refused_by_number() {
        let TooLarge { wanted, granted } = baseline::store(&Bulk(vec![7; GRANTED])).unwrap_err();
        assert!(wanted > granted);
        assert_eq!(granted, GRANTED);
    }
}

//! The synthetic site of the demo: cameras that are healthy at first, so that the plugins remember what they usually
//! show. Then two of them get their faults.

use std::{fs, path::PathBuf};

use anyhow::Context;
use tempfile::TempDir;

use super::clips;

/// A camera that never answers. Port 9 is the discard port: either nothing listens there, or it discards everything.
const ABSENT: (&str, &str) = ("absent", "rtsp://127.0.0.1:9/live");

/// The cameras, whose sources are files.
pub(super) struct Site {
    /// The clips with the faults.
    clips: PathBuf,
    /// What the cameras show now.
    cameras: TempDir,
}

impl Site {
    /// Makes the clips, and starts with a healthy site.
    pub(super) fn healthy() -> anyhow::Result<Self> {
        let site = Self { clips: clips::synthesise()?, cameras: tempfile::tempdir()? };
        for name in clips::NAMES {
            site.show(name, clips::HEALTHY)?;
        }
        Ok(site)
    }

    /// Gives each camera what its name says.
    pub(super) fn spoil(&self) -> anyhow::Result<()> {
        clips::NAMES.iter().try_for_each(|name| self.show(name, name))
    }

    /// Returns the names and addresses of the cameras.
    pub(super) fn cameras(&self) -> Vec<(String, String)> {
        let of_file = |name: &&str| ((*name).to_owned(), self.source(name).display().to_string());
        let absent = (ABSENT.0.to_owned(), ABSENT.1.to_owned());
        clips::NAMES.iter().map(of_file).chain([absent]).collect()
    }

    fn source(&self, name: &str) -> PathBuf {
        self.cameras.path().join(format!("{name}.mp4"))
    }

    fn show(&self, camera: &str, clip: &str) -> anyhow::Result<()> {
        // The file is replaced in one step, because a check may be reading it.
        let new = self.cameras.path().join("new");
        let clip = clips::path(&self.clips, clip);
        fs::copy(&clip, &new).with_context(|| clip.display().to_string())?;
        Ok(fs::rename(new, self.source(camera))?)
    }
}

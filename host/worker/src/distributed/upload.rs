//! The clip that was uploaded with a submission. The worker downloads it from the master for the job that judges
//! it.

use std::{io, path::Path};

use easysight_protocol::JobId;
use tempfile::{NamedTempFile, TempPath};
use tokio::{fs::File, io::AsyncWriteExt};

use super::client::{CallError, MasterClient};

/// Why an upload is not available.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    /// The master does not serve the upload.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The connection was interrupted.
    #[error("the transfer of the upload from the master was interrupted: {0}")]
    Broken(reqwest::Error),
    /// The upload is larger than this worker accepts.
    #[error("the upload is larger than the {0} bytes that this worker accepts (--max-upload)")]
    TooLarge(u64),
    /// The upload cannot be stored.
    #[error("the upload cannot be stored: {0}")]
    Disk(#[from] io::Error),
}

/// Downloads a job's upload, of at most `granted` bytes, into `dir`. The file is removed when the returned path is
/// dropped.
pub(crate) async fn fetch(
    client: &MasterClient,
    job: JobId,
    dir: &Path,
    granted: u64,
) -> Result<TempPath, UploadError> {
    let mut answer = client.upload(job).await?;
    let (file, path) = NamedTempFile::new_in(dir)?.into_parts();
    let mut file = File::from_std(file);
    let mut have = 0_u64;
    while let Some(chunk) = answer.chunk().await.map_err(UploadError::Broken)? {
        have += chunk.len() as u64;
        if have > granted {
            return Err(UploadError::TooLarge(granted));
        }
        file.write_all(&chunk).await?;
    }
    file.flush().await?;
    Ok(path)
}

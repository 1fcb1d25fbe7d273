//! The storage of a master: how much is stored, and how long it is kept.

use std::{io, path::PathBuf};

use easysight_protocol::{DiskStorage, StorageRetention, StorageStatus};
use easysight_store::StoreError;

use crate::master::Master;

/// Where the master stores files, and what it removes.
#[derive(Debug)]
pub(crate) struct Storage {
    /// The directory of plugins, pictures and uploads.
    pub(crate) dir: PathBuf,
    pub(crate) retention: StorageRetention,
}

/// Why the storage cannot be described.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StorageError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the plugins cannot be listed: {0}")]
    Plugins(#[from] io::Error),
}

/// Returns how much is stored.
pub(crate) async fn describe(master: &Master) -> Result<StorageStatus, StorageError> {
    let database = master.store.database_storage().await?;
    let picture_bytes = master.store.picture_bytes().await?;
    let plugin_bytes = master.registry.bytes().await?;
    let dir = master.storage.dir.clone();
    let disk =
        tokio::task::spawn_blocking(move || rustix::fs::statvfs(&dir)).await.map_err(io::Error::other)?;
    let disk = match disk {
        Ok(disk) => Some(DiskStorage {
            free_bytes: disk.f_bavail.saturating_mul(disk.f_frsize),
            total_bytes: disk.f_blocks.saturating_mul(disk.f_frsize),
        }),
        Err(error) => {
            let dir = master.storage.dir.display();
            tracing::warn!(%error, %dir, "the size of the file system cannot be read");
            None
        }
    };
    Ok(StorageStatus { database, picture_bytes, plugin_bytes, disk, retention: master.storage.retention })
}

//! The lane that waits for PostgreSQL's disk. A new run is committed without waiting for the disk, so that its jobs can
//! start at once. The request that created the run is answered only after the run is safe on disk.

use futures::future::BoxFuture;

use crate::{
    Dialect, Store, StoreError,
    db::{Connection, query},
    lanes::Kind,
};

/// A transaction that changes no table. PostgreSQL writes all changes to one log, so once the commit of this
/// transaction is on disk, every earlier commit is too. The message is written to the log, because PostgreSQL does not
/// wait for the disk if a transaction has written nothing.
const MARK: &str = "SELECT pg_logical_emit_message(true, 'easysight', '')";

/// The lane that waits for the disk.
pub(crate) struct Settles;

impl Kind for Settles {
    type Ask = ();
    type Answer = ();
    const MAY_BE_LOST: bool = false;

    fn is_one_statement(&self, _asks: &[()]) -> bool {
        true
    }

    fn carry_out<'c>(
        &'c self,
        connection: &'c mut Connection,
        asks: &'c [()],
    ) -> BoxFuture<'c, Result<Vec<()>, StoreError>> {
        Box::pin(async move {
            query(MARK).execute(connection).await?;
            Ok(asks.to_vec())
        })
    }
}

impl Store {
    /// Waits until everything that was committed before is on PostgreSQL's disk. SQLite does not wait for the disk at
    /// any commit, see [`Dialect::session`].
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails. Then it is unknown whether the earlier commits are on disk.
    pub async fn settle(&self) -> Result<(), StoreError> {
        match self.dialect {
            Dialect::Sqlite => Ok(()),
            Dialect::Postgres => self.settles.send(()).await,
        }
    }
}

//! Messages between masters that share a PostgreSQL database. With SQLite there is only one master, so nothing is
//! sent. If a message is lost, every master finds the change later, by the queries that it makes at regular
//! intervals.

use std::{sync::Arc, time::Duration};

use sqlx::postgres::PgListener;

use crate::{Dialect, Store, StoreError, db::query};

const CHANNEL: &str = "easysight_news";
/// The time limit for connecting and starting to listen.
const CONNECT: Duration = Duration::from_secs(5);
/// The maximum length of a message, in bytes. PostgreSQL allows 7,999.
pub const MAX_NEWS_BYTES: usize = 7_900;

/// The time without a message after which the connection is opened again. A broken connection may give no error, only
/// silence. A working connection is silent only if nothing happens, because a master also receives its own messages.
const SILENCE: Duration = Duration::from_secs(60);

/// The messages of all masters of a database, in order.
pub struct Listener {
    listener: PgListener,
    url: Arc<str>,
}

impl Store {
    /// Sends a message to all masters, including this one.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails. The changes that the message reports are not undone.
    pub async fn tell(&self, news: &str) -> Result<(), StoreError> {
        if self.dialect == Dialect::Postgres {
            let sql = "SELECT CAST(pg_notify($1, $2) AS TEXT) AS told";
            query(sql).bind(CHANNEL).bind(news).execute(&self.readers).await?;
        }
        Ok(())
    }

    /// Starts to listen. Only PostgreSQL carries messages.
    ///
    /// # Errors
    ///
    /// Returns an error if the database cannot be reached, or is not PostgreSQL.
    pub async fn listen(&self) -> Result<Listener, StoreError> {
        Ok(Listener { listener: listen(&self.url).await?, url: Arc::clone(&self.url) })
    }
}

async fn listen(url: &str) -> Result<PgListener, StoreError> {
    let listening = async {
        let mut listener = PgListener::connect(url).await?;
        listener.listen(CHANNEL).await?;
        Ok::<_, sqlx::Error>(listener)
    };
    let listening = tokio::time::timeout(CONNECT, listening).await;
    Ok(listening.map_err(|_| StoreError::unavailable("it does not respond"))??)
}

impl Listener {
    /// Waits for the next message. A broken connection is opened again.
    ///
    /// # Errors
    ///
    /// Returns an error if the connection cannot be opened again.
    pub async fn next(&mut self) -> Result<String, StoreError> {
        loop {
            match tokio::time::timeout(SILENCE, self.listener.recv()).await {
                Ok(message) => return Ok(message?.payload().to_owned()),
                Err(_) => self.listener = listen(&self.url).await?,
            }
        }
    }
}
